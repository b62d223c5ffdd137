"""Tracks that were aligned while their way here was congested are aligned anew, together, and none
that was not: one sender's sound and picture through one queue (alignment.py, timeline.py)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mixer.conference.media import Publication
from mixer.ingest.alignment import SECOND, Aligner, OffsetFilter, Verdict
from mixer.ingest.audio import AudioReceiver
from mixer.ingest.feed import Receiver
from mixer.ingest.rtp import RtpPacket
from mixer.ingest.sender_clock import SenderClock
from mixer.ingest.timeline import Identity, Timeline
from mixer.ingest.video import VideoReceiver
from mixer.journal import Frame, Journal, JournalWriter

Delay = Callable[[np.random.Generator, float], float]
TICK_S, LAG_S = 0.04, 1.0
BASE_S = 5.0  # journal time at which sending begins
PATH_S = 0.02
AUDIO = Publication("a", "0", "a", "a.camera", "Camera", "audio", "opus")
VIDEO = Publication("a", "1", "a", "a.camera", "Camera", "video", "vp8")
RATE = {"audio": 48000, "video": 90000}
PACKETS = {"audio": 50.0, "video": 30.0}
KEY_AFTER_S = 0.2  # a key picture comes so long after it was asked for
# One VP8 packet each: descriptor (RFC 7741), then the header of a key picture of 16x16, or not one.
KEY = bytes.fromhex("10") + bytes.fromhex("5000009d012a1000100000")
DELTA = bytes.fromhex("10") + bytes.fromhex("5100000000")


def calm(random: np.random.Generator, _: float) -> float:
    return float(random.exponential(1e-3))


def drained(full_s: float, begin: float, end: float) -> Delay:
    """A queue that is full until `begin` and drains until `end`."""

    def delay(random: np.random.Generator, t: float) -> float:
        left = float(np.interp(t, [begin, end], [full_s, 0.0]))
        return left + float(random.exponential(2e-3))

    return delay


class Sender:
    """Sound and picture of one sender, received into a journal; `delays` by kind."""

    def __init__(
        self, writer: JournalWriter, delays: dict[str, Delay], begin_s: dict[str, float]
    ) -> None:
        self._writer = writer
        clock = SenderClock()
        audio, video = (
            Timeline(
                writer,
                Identity(one, one.codec or "", RATE[one.kind], ssrc, ""),  # type: ignore[arg-type]
                None,
                clock.section(RATE[one.kind]),
            )
            for ssrc, one in enumerate((AUDIO, VIDEO))
        )
        self._clock = clock
        self._receivers: dict[str, Receiver] = {
            "audio": AudioReceiver(0, 9, None, False, audio, lambda *_: None, lambda *_: None),
            "video": VideoReceiver("vp8", 1, 9, video, self._ask, lambda *_: None),
        }
        self._delays, self._begin_s = delays, begin_s
        self._asked_s: float | None = 0.0
        self.stamped = False
        self._now_s = 0.0

    def _ask(self, *_: object) -> None:
        if self._asked_s is None:
            self._asked_s = self._now_s

    def _sent(self, kind: str, seconds: float) -> Iterator[tuple[float, str, int]]:
        """(arrival, kind, number) in order: a queue does not overtake."""
        random, free = np.random.default_rng(3), 0.0
        for number in range(int(seconds * PACKETS[kind])):
            t = number / PACKETS[kind]
            if t >= self._begin_s.get(kind, 0.0):
                free = max(free, t + PATH_S + self._delays[kind](random, t))
                yield free, kind, number

    def play(self, seconds: float) -> None:
        tick_s = 0.0
        for at, kind, number in heapq.merge(
            self._sent("audio", seconds), self._sent("video", seconds)
        ):
            while tick_s < at:
                self._tick(tick_s)
                tick_s += TICK_S
            self._now_s = at
            ticks = number * round(RATE[kind] / PACKETS[kind])
            payload = b"\xf8o" if kind == "audio" else self._picture(number)
            header = RtpPacket(96, True, number, ticks, 1, payload, b"")
            self._receivers[kind].packet(header, round((BASE_S + at) * SECOND))
            if self.stamped:
                ntp_ns = 10**18 + ticks * SECOND // RATE[kind]
                self._receivers[kind].timeline.stamp(ticks, ntp_ns, "capture-time")
        self._tick(seconds + 2)
        self._writer.watermark(round((BASE_S + seconds + 2) * SECOND))

    def _picture(self, number: int) -> bytes:
        t = number / PACKETS["video"]
        if self._asked_s is None or t < self._asked_s + KEY_AFTER_S:
            return DELTA
        self._asked_s = None
        return KEY

    def _tick(self, t: float) -> None:
        now_ns = round((BASE_S + t) * SECOND)
        self._clock.tick(now_ns)
        for receiver in self._receivers.values():
            receiver.tick(now_ns)
        self._writer.watermark(now_ns - round(LAG_S * SECOND))


def recorded(
    directory: Path,
    seconds: float,
    begin_s: dict[str, float] | None = None,
    *,
    stamped: bool = False,
    **delays: Delay,
) -> Journal:
    with JournalWriter.create(directory, conference="c") as writer:
        sender = Sender(writer, delays, begin_s or {})
        sender.stamped = stamped
        sender.play(seconds)
        writer.close(final=True)
    return Journal.open(directory)


def shown(journal: Journal, kind: str) -> list[tuple[int, Frame]]:
    """What readers show of a kind: of tracks that overlap, the newest that has begun."""
    kept: list[tuple[int, Frame]] = []
    for id_ in sorted(id_ for id_, track in journal.tracks.items() if track.kind == kind):
        found = list(journal.frames([id_], 0, journal.watermark_ns))
        if found:
            kept = [one for one in kept if one[0] < found[0][0]] + found
    return kept


def errors_ms(
    journal: Journal, kind: str, begin: float, end: float
) -> np.ndarray[tuple[int], np.dtype]:
    """How late media times are, of frames shown between two moments."""
    late = []
    for at, frame in shown(journal, kind):
        t = at / SECOND - BASE_S
        if begin <= t < end:
            late.append((t - PATH_S - frame.rtp / RATE[kind]) * 1e3)
    assert late
    return np.array(late)


def tracks(journal: Journal, kind: str) -> list[int]:
    return sorted(id_ for id_, track in journal.tracks.items() if track.kind == kind)


@pytest.mark.parametrize("full_s", [0.15, 0.25, 0.29, 0.45])
@pytest.mark.parametrize("lasts", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("stamped", [False, True])
def test_a_queue_that_was_full_at_first(
    tmp_path: Path, full_s: float, lasts: float, stamped: bool
) -> None:
    """Soon after it has drained, sound and picture lie where they belong and beside each other;
    each was begun anew once, and nothing of it is late."""
    draining = drained(full_s, 1.2, 1.2 + lasts)
    journal = recorded(tmp_path, 20, stamped=stamped, audio=draining, video=draining)
    settled = 1.2 + lasts + 1.8
    for kind in RATE:
        assert np.abs(errors_ms(journal, kind, settled, 20)).max() < 25
        assert len(tracks(journal, kind)) == 2
    means = [errors_ms(journal, kind, settled, settled + 1).mean() for kind in RATE]
    assert abs(means[0] - means[1]) < 15
    run = journal.runs[0]
    assert not any(frame.flags & 2 for frame in run.media(0, run.media_length, set(run.tracks)))
    assert all(gap.to_ns > gap.from_ns for gap in journal.gaps)
    assert all(gap.to_ns - gap.from_ns < 0.6 * SECOND for gap in journal.gaps)


@pytest.mark.parametrize("one", ["audio", "video"])
def test_what_is_sent_beside_it_follows(tmp_path: Path, one: str) -> None:
    """One began when the queue was full, the other when most of it had drained: so little alone
    would be led back slowly, but then sound and picture would part."""
    (other,) = RATE.keys() - {one}
    draining = drained(0.28, 1.0, 2.0)
    journal = recorded(tmp_path, 20, {other: 0.9}, audio=draining, video=draining)
    apart = errors_ms(journal, "audio", 5, 6).mean() - errors_ms(journal, "video", 5, 6).mean()
    assert abs(apart) < 15
    assert len(tracks(journal, one)) == len(tracks(journal, other)) == 2


def test_a_little_too_late_is_led_back(tmp_path: Path) -> None:
    """A queue of 60 ms: no new track, no picture lost, media time goes on without a step."""
    draining = drained(0.06, 1.2, 1.5)
    journal = recorded(tmp_path, 40, audio=draining, video=draining)
    for kind in RATE:
        assert len(tracks(journal, kind)) == 1
        assert np.abs(errors_ms(journal, kind, 35, 40)).max() < 10
    assert not journal.gaps


def test_the_gap_of_a_track_that_was_aligned_anew_says_so(tmp_path: Path) -> None:
    """Where its key picture comes later than the old track's last picture is shown."""
    draining = drained(0.12, 1.2, 1.3)
    journal = recorded(tmp_path, 8, audio=draining, video=draining)
    (gap,) = journal.gaps
    assert gap.reason == "realigned"
    assert journal.tracks[gap.track].kind == "video"
    assert 0 < gap.to_ns - gap.from_ns < 0.3 * SECOND


def wifi(random: np.random.Generator, _: float) -> float:
    return float(random.uniform(0, 0.1))


def bad_wifi(random: np.random.Generator, t: float) -> float:
    """Retransmissions, and scans of channels that take a tenth of a second every ten."""
    return float(random.exponential(0.02)) + (0.15 if t % 10 < 0.12 else 0.0)


def slower(random: np.random.Generator, t: float) -> float:
    return (0.15 if t > 20 else 0.0) + calm(random, t)


def much_slower(random: np.random.Generator, t: float) -> float:
    return (0.25 if 20 < t < 80 else 0.0) + float(random.uniform(0, 0.04))


def slower_and_slower(random: np.random.Generator, t: float) -> float:
    return min(0.25, t * 2e-3) + float(random.exponential(5e-3))


@pytest.mark.parametrize("packets", [50.0, 30.0, 5.0, 1.0])
@pytest.mark.parametrize("wary", [False, True])
@pytest.mark.parametrize("delay", [wifi, bad_wifi, slower, much_slower, slower_and_slower])
def test_jitter_and_slower_ways_begin_nothing_anew(
    delay: Delay, packets: float, wary: bool
) -> None:
    """However delays vary: what comes later is led. Only who sends seldom may find that its first
    few packets were late ones, and then not again and again."""
    random, aligner, anew = np.random.default_rng(5), Aligner(90000), 0
    tick = 0.0
    for number in range(int(180 * packets)):
        t = number / packets
        at = t + delay(random, t)
        while tick < at:
            aligner.decide(round((BASE_S + tick) * SECOND), wary=wary)
            tick += TICK_S
        verdict = aligner.packet(round(t * 90000), round((BASE_S + at) * SECOND))
        assert verdict is not Verdict.JUMPED
        if verdict is Verdict.ASTRAY:
            anew += 1
            aligner.begin_anew()
    assert anew <= (1 if packets <= 5 else 0)


def test_where_the_sender_says_it_is_later_it_is() -> None:
    """By its own clock 28 ms later than by arrival, as much as is believed: no reason to begin
    anew, since that is where one would begin."""
    random, aligner = np.random.default_rng(5), Aligner(48000)
    tick, sender = 0.0, OffsetFilter(0, (BASE_S + PATH_S + 0.028) * SECOND)
    for number in range(1500):
        t = number / 50
        at = t + PATH_S + calm(random, t)
        while tick < at:
            aligner.decide(round((BASE_S + tick) * SECOND), sender, wary=True)
            tick += TICK_S
        verdict = aligner.packet(number * 960, round((BASE_S + at) * SECOND))
        assert verdict is Verdict.GOOD
