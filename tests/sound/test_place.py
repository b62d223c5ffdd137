"""Placement: where packets lie, what continues, what is repaired, what fades. Nothing decoded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mixer.journal import Alignment, Frame, Gap
from mixer.sound.opus import ENCODER_DELAY
from mixer.sound.place import FADE, LOSS_TAIL, Placement, Run, place

SECOND = 1_000_000_000
SPOKEN = bytes([0x78]) + bytes(40)  # 20 ms, CELT or hybrid: only its header is read
QUIET = bytes([0x78])


def frames(*rtps: int, data: bytes = SPOKEN) -> list[Frame]:
    return [Frame(1, rtp, 0, data) for rtp in rtps]


def alignment(rtp: int = 0, media_ns: int = 0, ppm: float = 0.0) -> Alignment:
    return Alignment(1, rtp, media_ns, ppm, "sender-report", 0)


def placed(
    packets: list[Frame], *alignments: Alignment, gaps: tuple[Gap, ...] = (), start_ns: int = 0
) -> list[Run]:
    return place(packets, Placement(alignments or [alignment()], start_ns), gaps)


def test_a_track_that_starts_at_two_seconds_lies_there() -> None:
    """The first packet's sound lies at its media time, less the encoder's delay, to the sample."""
    (run,) = placed(frames(5_000, 5_960), alignment(5_000, 2 * SECOND))
    assert run.start == 96_000 - ENCODER_DELAY
    assert run.end == run.start + 1_920


@given(
    media_ns=st.integers(-(10**12), 10**12),
    start_ns=st.integers(0, 10**12),
    first=st.integers(0, 2**40),
)
def test_without_drift_packets_join_exactly(media_ns: int, start_ns: int, first: int) -> None:
    """No alignment, however odd its nanoseconds, makes a packet longer or shorter."""
    rtps = [first + 960 * n for n in range(50)]
    (run,) = placed(frames(*rtps), alignment(first - 12_345, media_ns), start_ns=start_ns)
    assert [packet.at - run.start for packet in run.packets] == [960 * n for n in range(50)]


@given(ppm=st.floats(-5_500, 5_500), start_ns=st.integers(0, 10**11))
def test_drift_is_followed_to_a_sample(ppm: float, start_ns: int) -> None:
    """Each packet lies within half a sample of its media time, three hours after the anchor too."""
    three_hours = 3 * 3600 * 48_000
    rtps = [three_hours + 960 * n for n in range(100)]
    (run,) = placed(frames(*rtps), alignment(0, 0, ppm), start_ns=start_ns)
    for rtp, packet in zip(rtps, run.packets, strict=True):
        exact = (rtp - ENCODER_DELAY) * (1 + ppm / 1e6) - start_ns * 48_000 / SECOND
        assert abs(packet.at - exact) <= 0.5 + 1e-4


@given(ppm=st.floats(-500, 500), seconds=st.integers(1, 10_000))
def test_positions_do_not_depend_on_where_one_begins(ppm: float, seconds: int) -> None:
    """Seen from another segment's start, the same packets lie on the same samples."""
    packets = frames(*[48_000 * seconds + 960 * n for n in range(60)])
    (near,) = placed(packets, alignment(7, 123_456_789, ppm), start_ns=seconds * SECOND)
    (far,) = placed(packets, alignment(7, 123_456_789, ppm))
    shift = 48_000 * seconds
    assert [p.at + shift for p in near.packets] == [p.at for p in far.packets]


def test_short_loss_is_repaired() -> None:
    """A hole of up to 100 ms becomes a lost packet, which knows the packet after it for its FEC."""
    (run,) = placed(frames(0, 960, 960 * 4))
    assert [packet.data is None for packet in run.packets] == [False, False, True, False]
    lost = run.packets[2]
    assert (lost.samples, lost.following) == (1_920, SPOKEN)
    assert run.packets[3].at - run.start == 960 * 4


def test_long_loss_fades_slowly_and_long_silence_at_once() -> None:
    """A known gap is concealed for 60 ms; where the sender just stopped, sound ends in 5 ms."""
    packets = frames(0, 960, 48_000)
    gap = Gap(1, 40_000_000, SECOND, "loss")
    for gaps, tail in (((gap,), LOSS_TAIL), ((), FADE)):
        before, after = placed(packets, gaps=gaps)
        assert before.tail == tail
        assert after.start == 48_000 - ENCODER_DELAY


def test_silence_that_was_announced_is_not_concealed() -> None:
    """After a DTX packet a short hole is silence, unless the journal knows of a loss there."""
    packets = [*frames(0), *frames(960, data=QUIET), *frames(960 * 4)]
    assert len(placed(packets)) == 2
    assert len(placed(packets, gaps=(Gap(1, 40_000_000, 80_000_000, "loss"),))) == 1


def test_decoder_goes_on_over_dtx_and_is_fresh_after_a_pause() -> None:
    """Up to 400 ms between DTX packets the decoder keeps its state; after a longer pause, none."""
    packets = [*frames(0), *frames(960, data=QUIET), *frames(960 + 19_200, 960 + 19_200 + 48_000)]
    assert [run.fresh for run in placed(packets)] == [True, False, True]


def test_duplicates_are_left_out() -> None:
    """A packet received twice sounds once."""
    (run,) = placed(frames(0, 960, 960, 1_920))
    assert [packet.at - run.start for packet in run.packets] == [0, 960, 1_920]


def test_step_of_alignment_starts_anew() -> None:
    """After a gap the alignment may step, forth or back: sound is moved, not stretched."""
    packets = frames(0, 960, 1_920, 2_880)
    for step_ms in (150, -30):
        later = alignment(1_920, 40_000_000 + step_ms * 1_000_000)
        before, after = placed(packets, alignment(), later)
        assert after.start - before.end == step_ms * 48


def test_alignments_that_join_are_one_sound() -> None:
    """A new estimate of the drift that continues the old one makes no break."""
    middle = 960 * 50
    media_ns = round(middle * (1 + 80 / 1e6) * SECOND / 48_000)
    runs = placed(
        frames(*range(0, 960 * 100, 960)), alignment(0, 0, 80), alignment(middle, media_ns, 95)
    )
    assert len(runs) == 1
    assert len(runs[0].packets) == 100


def test_nonsense_is_left_out() -> None:
    """A packet without a valid header has no place."""
    assert placed(frames(0, data=b"")) == []
