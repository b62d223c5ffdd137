"""One track's sound over a stretch of the mix's grid: decodes the runs of place.py and lays them.

Neighbours: opus.py decodes, stretch.py follows drift, mix.py asks and adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mixer.sound.opus import Decoder, Samples, is_stereo, open_decoder
from mixer.sound.place import FADE, Run
from mixer.sound.stretch import stretch


def voice(runs: Sequence[Run], first: int, count: int, until: int | None = None) -> Samples:
    """The track's samples at positions [first, first + count): float32, (count, 1 or 2).

    Two channels if any packet has two. `until`: position at which another track takes over.
    """
    channels = 2 if any(_stereo(run) for run in runs) else 1
    out = np.zeros((count, channels), dtype=np.float32)
    starts = [run.start for run in runs[1:]]
    ends = [*(start if until is None else min(start, until) for start in starts), until]
    decoder: Decoder | None = None
    for run, end in zip(runs, ends, strict=True):
        if decoder is None or run.fresh:
            decoder = open_decoder(channels)
        sound = _shaped(run, _decoded(run, decoder), end)
        _add(out, sound, run.start - first)
    return out


def _stereo(run: Run) -> bool:
    return any(packet.data is not None and is_stereo(packet.data) for packet in run.packets)


def _decoded(run: Run, decoder: Decoder) -> Samples:
    """The run's sound with its tail, as the decoder gives it: not yet stretched."""
    parts = [
        decoder.conceal(packet.samples, packet.following)
        if packet.data is None
        else decoder.decode(packet.data)
        for packet in run.packets
    ]
    return np.concatenate([*parts, decoder.conceal(run.tail, None)])


def _shaped(run: Run, sound: Samples, end: int | None) -> Samples:
    """The run stretched to its positions, faded in, and out by `end` if something follows there."""
    sound = _stretched(run, sound)
    if end is not None:
        sound = sound[: max(0, end + FADE - run.start)]
    fade_in = min(FADE, len(sound))
    sound[:fade_in] *= _rise(FADE)[:fade_in]
    fade_out = min(run.tail, len(sound))
    sound[len(sound) - fade_out :] *= _rise(fade_out)[::-1]
    return sound


def _stretched(run: Run, sound: Samples) -> Samples:
    packets = run.packets
    spans = [after.at - packet.at for packet, after in pairwise(packets)]
    if all(span == packet.samples for span, packet in zip(spans, packets, strict=False)):
        return sound
    parts = []
    at = 0
    for packet, span in zip(packets, spans, strict=False):
        same = span == packet.samples
        parts.append(sound[at : at + span] if same else stretch(sound, at, packet.samples, span))
        at += packet.samples
    return np.concatenate([*parts, sound[at:]])


def _add(out: Samples, sound: Samples, at: int) -> None:
    low, high = max(0, at), min(len(out), at + len(sound))
    if low < high:
        out[low:high] += sound[low - at : high - at]


@cache
def _rise(samples: int) -> NDArray[np.float32]:
    """A raised cosine from 0 to 1, (samples, 1); with its mirror it sums to 1 everywhere."""
    phase = (np.arange(samples) + 0.5) / max(1, samples)
    return (0.5 - 0.5 * np.cos(np.pi * phase))[:, None].astype(np.float32)
