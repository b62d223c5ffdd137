"""Where each Opus packet's samples lie in the mix: decisions only, nothing is decoded here.

Packets of one track come in (from the journal), runs come out: stretches of sound without a break,
each with the sample at which it starts and how it ends. voice.py decodes them, mix.py adds them up.

A position is a sample of the mix's grid: sample k is at start_ns + k / 48000 s. Every position is a
function of one packet's RTP timestamp and the alignment that holds for it, never of where one began
to read: neighbouring segments, voices and mixes therefore agree to the sample.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mixer.journal.model import Alignment, Frame, Gap
from mixer.sound.opus import ENCODER_DELAY, is_dtx, packet_samples

FADE = 240
"""Samples (5 ms) over which sound comes and goes where it cannot simply continue."""

LONGEST_REPAIR = 4_800
"""A lost stretch of up to 100 ms is concealed; after a longer one sound starts anew."""

LOSS_TAIL = 2_880
"""So much (60 ms) is concealed, and faded, at the start of a longer loss."""

FRESH_AFTER = 21_600
"""After 450 ms without a packet the decoder starts afresh, wherever one began to read. It is more
than the 400 ms between the packets of a sender in discontinuous transmission (DTX)."""

_NS_PER_3_SAMPLES = 62_500


@dataclass(frozen=True, slots=True)
class Packet:
    """An Opus packet, and the position of its first sample. `data` None: lost, to be concealed."""

    data: bytes | None
    samples: int  # what it decodes to
    at: int  # position
    following: bytes | None = None  # of a lost one: the packet after it, for its FEC


@dataclass(slots=True)
class Run:
    """Packets whose sounds join without a break.

    Between one packet's position and the next lie a few samples more or less than it decodes to
    where clocks drift: then it is stretched. `fresh`: a new decoder starts here. `tail`: so many
    samples are concealed after the last packet, and fade.
    """

    packets: list[Packet] = field(default_factory=list)
    fresh: bool = True
    tail: int = FADE

    @property
    def start(self) -> int:
        return self.packets[0].at

    @property
    def end(self) -> int:
        last = self.packets[-1]
        return last.at + last.samples


class Placement:
    """Positions by one track's alignments, on the grid that starts at `start_ns`."""

    def __init__(self, alignments: Sequence[Alignment], start_ns: int) -> None:
        self._alignments = sorted(alignments, key=lambda alignment: alignment.rtp)
        self._rtps = [alignment.rtp for alignment in self._alignments]
        self._start_ns = start_ns

    def position(self, rtp: int, delay: int = 0) -> int:
        """The sample on which lies what was said `delay` ticks before `rtp`, to the nearest; by the
        alignment that holds at `rtp`."""
        anchor = self._alignments[max(0, bisect_right(self._rtps, rtp) - 1)]
        whole, rest = divmod((anchor.media_ns - self._start_ns) * 3, _NS_PER_3_SAMPLES)
        ticks = rtp - delay - anchor.rtp
        drift = rest / _NS_PER_3_SAMPLES + ticks * anchor.ppm / 1e6
        return whole + ticks + math.floor(drift + 0.5)

    def at_time(self, t_ns: int) -> int:
        """The sample at a journal time, rounded down."""
        return (t_ns - self._start_ns) * 3 // _NS_PER_3_SAMPLES


def place(
    frames: Iterable[Frame],
    placement: Placement,
    gaps: Iterable[Gap],
    *,
    delay: int = ENCODER_DELAY,
) -> list[Run]:
    """The runs of one track's packets, in order. `gaps` are the journal's for this track.

    A hole in RTP time is a loss when the journal has a gap there, or when it is short and the
    packet before it announced no silence. Of packets received twice, one is taken. Where a step of
    the alignment makes packets overlap, a new run starts, and takes over from the one before.
    """
    lost = [(placement.at_time(g.from_ns), placement.at_time(g.to_ns)) for g in gaps]
    runs: list[Run] = []
    for packet in _packets(frames, placement, delay):
        if not runs or not _continue(runs[-1], packet, lost, delay):
            fresh = not runs or packet.at - runs[-1].end > FRESH_AFTER
            runs.append(Run([packet], fresh))
    return runs


def _packets(frames: Iterable[Frame], placement: Placement, delay: int) -> list[Packet]:
    once = {frame.rtp: frame.data for frame in frames}
    return [
        Packet(data, samples, placement.position(rtp, delay))
        for rtp, data in sorted(once.items())
        if (samples := packet_samples(data)) > 0
    ]


def _continue(run: Run, packet: Packet, lost: Sequence[tuple[int, int]], delay: int) -> bool:
    """Joins the packet to the run, over a repaired loss if need be. False: a new run starts."""
    last = run.packets[-1]
    hole = packet.at - run.end
    if abs(hole) <= _drift(last.samples):
        run.packets.append(packet)
        return True
    if hole < 0:
        return False
    known = any(a < packet.at + delay and run.end + delay < b for a, b in lost)
    if hole > LONGEST_REPAIR:
        run.tail = LOSS_TAIL if known else FADE
        return False
    if last.data is not None and is_dtx(last.data) and not known:
        return False
    run.packets += [Packet(None, hole, run.end, packet.data), packet]
    return True


def _drift(samples: int) -> int:
    """By how much a packet may be stretched: 6000 ppm, and rounding. Clocks part by 500 at most,
    but after a bad start ingest leads media time back by up to 5000."""
    return 2 + samples * 6 // 1_000
