"""The clock of a track: what arrivals say of RTP time (mixer/ingest/alignment.py)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mixer.ingest.alignment import SECOND, Aligner, Mapping, Verdict
from mixer.ingest.rtp import Unwrapper

Delay = Callable[[np.random.Generator, float], float]
TICK_S = 0.04
PATH_S = 0.02


def idle(random: np.random.Generator, _: float) -> float:
    return float(random.exponential(0.15e-3))


def loaded(random: np.random.Generator, _: float) -> float:
    return float(random.exponential(4e-3))


def bursts(random: np.random.Generator, t: float) -> float:
    queue = 0.03 if 5 <= t % 10 < 8 else 0.0
    return queue + float(random.exponential(1e-3))


class Simulation:
    """A sender with a drifting clock, a path with a changing delay, ticks as ingest makes them.

    `error_ms` holds (t, media time − true time) for each packet, as known when it arrived;
    `written` every alignment.
    """

    def __init__(
        self,
        *,
        seconds: float,
        delay: Delay = idle,
        drift_ppm: float = 0.0,
        rate: int = 48000,
        packets: float = 50.0,
        first_rtp: int = 123_456,
        silent: Callable[[float], bool] = lambda t: False,
    ) -> None:
        random = np.random.default_rng(7)
        aligner, unwrap = Aligner(rate), Unwrapper(32)
        self.written: list[Mapping] = []
        self.errors: list[tuple[float, float]] = []
        self.verdicts: set[Verdict] = set()
        self.rate = rate
        tick = 0.0
        for index in range(int(seconds * packets)):
            t = index / packets * (1 + drift_ppm * 1e-6)
            arrival_ns = round((1000 + t + PATH_S + delay(random, t)) * SECOND)
            while tick < t:
                made = aligner.decide(round((1000 + tick + PATH_S) * SECOND))
                self.written += [made] if made else []
                tick += TICK_S
            if silent(t):
                continue
            rtp = unwrap((first_rtp + round(index * rate / packets)) & 0xFFFFFFFF)
            self.verdicts.add(aligner.packet(rtp, arrival_ns))
            media_ns = aligner.media_ns(rtp)
            if media_ns is not None:
                self.errors.append((t, media_ns / 1e6 - (1000 + t + PATH_S) * 1e3))

    def between(self, begin: float, end: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([error for t, error in self.errors if begin <= t < end])


@pytest.mark.parametrize("delay", [idle, loaded, bursts])
def test_a_stable_sender_does_not_wobble(delay: Delay) -> None:
    """Media time stays within 1 ms for ten minutes, whatever queues do: no frame is repeated."""
    run = Simulation(seconds=600, delay=delay, rate=90000, packets=30)
    assert np.ptp(run.between(1, 600)) < 1.0
    assert np.abs(run.between(1, 600)).max() < 1.0


@pytest.mark.parametrize("drift", [-200.0, -100.0, 100.0, 200.0])
@pytest.mark.parametrize("delay", [idle, loaded])
def test_drift_is_followed_without_bias(drift: float, delay: Delay) -> None:
    """A sender's clock off by up to 200 ppm: after a minute no bias, never more than 3 ms off."""
    run = Simulation(seconds=300, delay=delay, drift_ppm=drift)
    assert abs(run.between(60, 300).mean()) < 0.5
    assert np.abs(run.between(60, 300)).max() < 1.0
    assert np.abs(run.between(0.7, 60)).max() < 3.0
    assert run.written[-1].ppm == pytest.approx(drift, abs=15)


def test_alignments_join_without_a_step() -> None:
    """Each record continues the one before to the nanosecond (±1 tick's rounding)."""
    run = Simulation(seconds=120, delay=bursts, drift_ppm=80)
    assert len(run.written) > 20
    for old, new in zip(run.written, run.written[1:], strict=False):
        ticks = new.rtp - old.rtp
        continued = old.media_ns + ticks * SECOND / run.rate * (1 + old.ppm * 1e-6)
        assert new.rtp > old.rtp
        assert abs(new.media_ns - continued) < 1000


def test_the_first_decision_comes_before_the_watermark() -> None:
    """Within 0.7 s, of the second that the watermark lags behind."""
    run = Simulation(seconds=1.0, delay=loaded)
    assert run.errors[0][0] <= 0.7
    assert len(run.written) >= 1


def test_rtp_wraps_unseen() -> None:
    """32-bit timestamps wrap in mid-recording: media time goes on."""
    run = Simulation(seconds=30, first_rtp=2**32 - 10 * 48000)
    assert np.abs(run.between(1, 30)).max() < 0.5
    assert run.verdicts == {Verdict.GOOD}


def test_pauses_are_no_jumps() -> None:
    """Mute and DTX: packets stop, RTP time goes on; so does the alignment."""
    run = Simulation(seconds=120, drift_ppm=50, silent=lambda t: 20 < t < 50 or 70 < t % 80 < 79)
    assert run.verdicts == {Verdict.GOOD}
    assert np.abs(run.between(50, 120)).max() < 1.5


def test_a_stall_that_catches_up_is_no_jump() -> None:
    """The network stands still for two seconds, then everything comes at once: not followed."""

    def stall(random: np.random.Generator, t: float) -> float:
        return max(0.0, 22.0 - t) if 20 <= t < 22 else idle(random, t)

    run = Simulation(seconds=60, delay=stall)
    assert Verdict.JUMPED not in run.verdicts
    assert np.abs(run.between(1, 60)).max() < 1.0


def test_an_overloaded_sender_is_no_jump() -> None:
    """Half a second late for ten seconds, in bursts: late, not another clock."""

    def overloaded(random: np.random.Generator, t: float) -> float:
        if not 20 < t < 30:
            return idle(random, t)
        return 0.4 + 0.1 - t % 0.1 + float(random.exponential(10e-3))

    run = Simulation(seconds=60, delay=overloaded)
    assert Verdict.JUMPED not in run.verdicts
    assert np.abs(run.between(1, 60)).max() < 1.0


def congested_at_first(random: np.random.Generator, t: float) -> float:
    return 0.7 if t < 1 else float(random.uniform(0, 0.12))


def test_a_track_that_was_aligned_while_its_path_was_congested_is_aligned_anew() -> None:
    """Nothing arrives before it is sent, so its first alignment was wrong: told soon, also where
    packets agree on nothing else."""
    run = Simulation(seconds=1.5, delay=congested_at_first)
    assert Verdict.JUMPED in run.verdicts


def test_a_shorter_way_is_followed_smoothly() -> None:
    """A queue of 20 ms at the start that goes away: worked off within a minute, no overshoot."""
    run = Simulation(seconds=200, delay=lambda r, t: (0.02 if t < 30 else 0) + idle(r, t))
    assert np.abs(run.between(100, 200)).max() < 1.0
    assert run.between(30, 200).min() > -1.0
    steps = np.diff([error for _, error in run.errors])
    assert np.abs(steps).max() < 0.1


@pytest.mark.parametrize("jump_s", [-3600.0, -2.0, 2.0, 3600.0])
def test_a_jump_of_the_rtp_clock_is_told(jump_s: float) -> None:
    """Timestamps that jump against arrival are doubted at once and told within 0.5 s."""
    aligner = Aligner(48000)
    verdicts: list[tuple[float, Verdict]] = []
    for index in range(500):
        t = index / 50
        rtp = 10**9 + index * 960 + (round(jump_s * 48000) if t >= 5 else 0)
        verdicts.append((t, aligner.packet(rtp, round((100 + t) * SECOND))))
        aligner.decide(round((100 + t) * SECOND))
        if verdicts[-1][1] is Verdict.JUMPED:
            break
    assert {v for t, v in verdicts if t < 5} == {Verdict.GOOD}
    assert verdicts[-1][1] is Verdict.JUMPED
    assert verdicts[-1][0] < 5.5
