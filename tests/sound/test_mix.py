"""The mix, from real Opus packets in real journals: everything lies where it was said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixer.journal import Alignment, Frame, FrameFlag, Journal, JournalWriter
from mixer.sound.limiter import CEILING
from mixer.sound.mix import audio_tracks, mix_segment, needed_ns
from tests.sound.voices import (
    RATE,
    SECOND,
    Voice,
    alone,
    chirp,
    decibels,
    journal_of,
    offset,
    opus,
    speech,
    tracks_of,
)

SPOKEN = opus(speech(8), bit_rate=32_000)


def padded(sound: np.ndarray, before: int, total: int) -> np.ndarray:
    result = np.zeros(total, dtype=np.float32)
    result[before : before + len(sound)] = sound[: total - before]
    return result


def bends(sound: np.ndarray) -> float:
    """The sharpest corner of a sound: a click is a sharp one."""
    return float(np.abs(np.diff(sound, 2)).max())


@pytest.mark.parametrize("start_ns", [0, 2 * SECOND, 1_234_567_891])
@pytest.mark.parametrize("first_rtp", [0, 2**32 - 40_000])
def test_sound_lies_where_it_was_said(tmp_path: Path, start_ns: int, first_rtp: int) -> None:
    """A track that starts at 2 s lies at 2 s to the sample, over wraps of the RTP timestamp too."""
    said = chirp(3)
    packets = opus(said, bit_rate=96_000, application="audio")
    journal = journal_of(tmp_path, [Voice(packets, start_ns=start_ns, first_rtp=first_rtp)])
    heard = mix_segment(journal, 0, 6 * RATE)
    assert heard.shape == (6 * RATE, 2) and heard.dtype == np.float32
    at = start_ns * RATE / SECOND
    expected = padded(said, round(at), 6 * RATE)
    assert abs(offset(heard[:, 0], expected)) < 0.6  # half a sample is the grid's own
    assert decibels(heard[: round(at) - 400]) < -150 or at < 400
    assert decibels(heard[:, 0] - expected) < decibels(expected) - 25
    assert np.array_equal(heard[:, 0], heard[:, 1])


def test_beep_is_found_at_its_sample(tmp_path: Path) -> None:
    """Beeps that begin with each second begin there in the mix, within a sample or two."""
    said = np.zeros(5 * RATE, dtype=np.float32)
    beep = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(4_800) / RATE)
    for second in range(1, 5):
        said[second * RATE : second * RATE + 4_800] = beep
    packets = opus(said, bit_rate=64_000, application="audio")
    journal = journal_of(tmp_path, [Voice(packets, start_ns=2 * SECOND)])
    heard = mix_segment(journal, 2 * SECOND, 5 * RATE)[:, 0]
    for second in range(1, 5):
        at = second * RATE
        window = slice(at - 1_000, at + 6_000)
        assert abs(offset(heard[window], said[window])) < 1


@pytest.mark.parametrize("ppm", [100.0, -100.0, 400.0, 5_500.0, -5_500.0])
def test_drift_is_followed(tmp_path: Path, ppm: float) -> None:
    """A sender's clock that runs fast or slow: after 20 s its sound is still in its place."""
    said = np.tile(chirp(1), 20)
    packets = opus(said, bit_rate=96_000, application="audio")
    journal = journal_of(tmp_path, [Voice(packets, ppm=ppm)])
    heard = mix_segment(journal, 0, 20 * RATE)[:, 0]
    for second in (1, 10, 19):
        place = round((second + 0.5) * RATE) + np.arange(-1_200, 1_200)
        expected = np.interp(place / (1 + ppm / 1e6), np.arange(len(said)), said)
        assert abs(offset(heard[place], expected)) < 1
    assert bends(heard) < 1.05 * bends(said)


def test_segments_join(tmp_path: Path) -> None:
    """What adjoining segments would have decoded differently at their border is below -100 dB."""
    voices = [
        Voice(SPOKEN),
        Voice(opus(speech(8, 2), bit_rate=64_000, application="audio"), participant="bob"),
        Voice(opus(np.stack([speech(8, 3)] * 2, 1), bit_rate=96_000), participant="cyd", ppm=80),
    ]
    journal = journal_of(tmp_path, voices)
    whole = mix_segment(journal, 0, 8 * RATE)
    assert decibels(whole) > -30
    for at in range(RATE, 7 * RATE, 37_003):
        piece = mix_segment(journal, -(-at * SECOND // RATE), 4_800)
        assert decibels(piece - whole[at : at + 4_800]) < -100


def test_a_loud_mix_joins_as_well(tmp_path: Path) -> None:
    """Where the limiter works, segments still join, and nothing exceeds -1 dBFS."""
    voices = [Voice(opus(speech(6, n, 0.4)), participant=f"p{n}") for n in range(4)]
    journal = journal_of(tmp_path, voices)
    whole = mix_segment(journal, 0, 6 * RATE)
    plain = sum(alone(journal, [t], 0, 6 * RATE) for t in audio_tracks(journal))
    assert np.abs(plain).max() > 1.2
    assert np.abs(whole).max() <= np.float32(CEILING)
    for second in (1, 2, 3, 4):
        piece = mix_segment(journal, second * SECOND, RATE)
        assert decibels(piece - whole[second * RATE : (second + 1) * RATE]) < -100


def test_same_to_the_bit(tmp_path: Path) -> None:
    """A segment is the same whatever was made before it, and from a journal opened anew."""
    journal = journal_of(tmp_path, [Voice(SPOKEN), Voice(SPOKEN, participant="bob", ppm=50)])
    first = mix_segment(journal, 4 * SECOND, 2 * RATE)
    mix_segment(journal, 0, 3 * RATE)
    assert np.array_equal(first, mix_segment(journal, 4 * SECOND, 2 * RATE))
    assert np.array_equal(first, mix_segment(Journal.open(tmp_path), 4 * SECOND, 2 * RATE))


def test_a_segment_is_final_when_it_says_so(tmp_path: Path) -> None:
    """Made as soon as the watermark has reached `needed_ns`, it is what it will always be."""
    lost = {*range(100, 104), *range(148, 152), 200}  # also at the segment's very end
    voice = Voice(SPOKEN, lost=lost)
    complete = journal_of(tmp_path / "complete", [voice])
    for samples in (2 * RATE, 3 * RATE, 149 * 960 - 312 + 5, 150 * 960, 201 * 960):
        end_ns = needed_ns(0, samples)
        early = journal_of(tmp_path / f"early{samples}", [voice], end_ns=end_ns)
        assert np.array_equal(mix_segment(early, 0, samples), mix_segment(complete, 0, samples))


def test_voices_alone_line_up_with_the_mix(tmp_path: Path) -> None:
    """The legs of a conference, added up, are its mix: to the sample, and to rounding."""
    voices = [
        Voice(SPOKEN, start_ns=300_000_007),
        Voice(opus(speech(6, 5, 0.05)), start_ns=SECOND, participant="bob", ppm=-120),
    ]
    journal = journal_of(tmp_path, voices)
    mix = mix_segment(journal, SECOND, 4 * RATE)
    ada, bob = (alone(journal, tracks_of(journal, p), SECOND, 4 * RATE) for p in "ab")
    assert not ada.any() and not bob.any()  # nobody is called so
    legs = [alone(journal, tracks_of(journal, name), SECOND, 4 * RATE) for name in ("ada", "bob")]
    assert all(decibels(leg) > -40 for leg in legs)
    assert np.abs(mix - legs[0] - legs[1]).max() < 1e-6


@pytest.mark.parametrize("lost", [{100}, {100, 101}, set(range(100, 105)), set(range(100, 150))])
@pytest.mark.parametrize("gaps", [True, False])
def test_losses_make_no_clicks(tmp_path: Path, lost: set[int], gaps: bool) -> None:
    """One lost packet or a whole second: no corner sharper than in the sound itself."""
    complete = journal_of(tmp_path / "complete", [Voice(SPOKEN)])
    broken = journal_of(tmp_path / "broken", [Voice(SPOKEN, lost=lost, gaps=gaps)])
    truth = mix_segment(complete, 0, 6 * RATE)[:, 0]
    heard = mix_segment(broken, 0, 6 * RATE)[:, 0]
    assert bends(heard) < 1.1 * bends(truth)
    begin, end = min(lost) * 960 - 312, (max(lost) + 1) * 960 - 312
    assert np.array_equal(heard[:begin], truth[:begin])
    assert decibels(heard[end + 9_600 :] - truth[end + 9_600 :]) < -60
    if len(lost) > 5:
        assert not heard[begin + 2_880 : end].any()
    else:
        assert decibels(heard[begin:end]) > -50


def test_a_long_gap_keeps_everything_after_it_in_place(tmp_path: Path) -> None:
    """Two seconds without packets (a reconnection): what follows lies where it was said."""
    said = chirp(8)
    packets = opus(said, bit_rate=96_000, application="audio")
    journal = journal_of(tmp_path, [Voice(packets, lost=range(100, 200))])
    heard = mix_segment(journal, 0, 8 * RATE)[:, 0]
    late = slice(5 * RATE, 8 * RATE - 960)
    assert abs(offset(heard[late], said[late])) < 0.5


def test_dtx_is_silence_not_missing_time(tmp_path: Path) -> None:
    """A sender that sends nothing while nothing is said (RTP goes on): words keep their places."""
    said = chirp(6)
    said[2 * RATE : 4 * RATE] = 0
    packets = opus(said, bit_rate=64_000, application="audio")
    journal = journal_of(tmp_path, [Voice(packets, lost=range(105, 198), gaps=False)])
    heard = mix_segment(journal, 0, 6 * RATE)[:, 0]
    assert abs(offset(heard, said)) < 0.5
    assert decibels(heard[3 * RATE : 4 * RATE - 4_800]) < -100


def test_duplicates_sound_once(tmp_path: Path) -> None:
    """Packets that came twice are the sound they would have been."""
    once = journal_of(tmp_path / "once", [Voice(SPOKEN)])
    twice = journal_of(tmp_path / "twice", [Voice(SPOKEN, twice=range(50, 150))])
    assert np.array_equal(mix_segment(once, 0, 5 * RATE), mix_segment(twice, 0, 5 * RATE))


def test_a_stream_received_anew_is_heard_once(tmp_path: Path) -> None:
    """While two tracks of one stream overlap (reconnection), only the new one sounds."""
    old = Voice(SPOKEN, stream="ada.camera")
    new = Voice(SPOKEN[150:], stream="ada.camera", start_ns=3 * SECOND, first_rtp=99)
    both = mix_segment(journal_of(tmp_path / "both", [old, new]), 0, 7 * RATE)
    alone = mix_segment(journal_of(tmp_path / "alone", [old]), 0, 7 * RATE)
    settled = 3 * RATE + RATE // 2
    assert decibels(both[settled:] - alone[settled:]) < -60
    assert bends(both[:, 0]) < 1.1 * bends(alone[:, 0])


def test_late_packets_are_used_by_none(tmp_path: Path) -> None:
    """A packet marked late is a lost one: a render made before it came stays true."""
    directory = tmp_path / "late"
    with JournalWriter.create(directory, conference="test") as writer:
        track = writer.track(
            participant="ada",
            stream="ada.camera",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=RATE,
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 0))
        for number, data in enumerate(SPOKEN[:200]):
            flags = FrameFlag.LATE if number == 100 else FrameFlag(0)
            writer.frame(Frame(track.id, number * 960, number * 20_000_000, data, flags))
        writer.watermark(8 * SECOND)
        writer.close(final=True)
    expected = journal_of(tmp_path / "lost", [Voice(SPOKEN[:200], lost={100}, first_rtp=0)])
    heard = mix_segment(Journal.open(directory), 0, 4 * RATE)
    assert np.array_equal(heard, mix_segment(expected, 0, 4 * RATE))


def test_a_track_that_was_never_aligned(tmp_path: Path) -> None:
    """While nothing is known of a track's time it is silent; once its writer is gone, it is placed
    by its packets' arrival."""
    with JournalWriter.create(tmp_path, conference="test") as writer:
        track = writer.track(
            participant="ada",
            stream="ada.camera",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=RATE,
        )
        for number, data in enumerate(SPOKEN[:100]):
            arrival_ns = SECOND + number * 20_000_000 + (number % 7) * 1_000_000
            writer.frame(Frame(track.id, 77 + number * 960, arrival_ns, data))
        writer.watermark(3 * SECOND)
        journal = Journal.open(tmp_path)
        while journal.watermark_ns < 3 * SECOND:
            journal.refresh()
        assert not mix_segment(journal, 0, 3 * RATE).any()
        writer.close(final=False)
    heard = mix_segment(Journal.open(tmp_path), 0, 3 * RATE)[:, 0]
    assert abs(offset(heard, padded(speech(2), RATE, 3 * RATE))) < 7


def test_nobody_there_is_silence(tmp_path: Path) -> None:
    """Before anyone speaks, and where nobody is, there is silence of the right length."""
    journal = journal_of(tmp_path, [Voice(SPOKEN, start_ns=5 * SECOND)])
    assert not mix_segment(journal, 0, 4 * RATE).any()
    assert not mix_segment(journal, 30 * SECOND, RATE).any()
    assert alone(journal, [], 5 * SECOND, 77).shape == (77, 2)
