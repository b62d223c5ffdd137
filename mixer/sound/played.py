"""The sound of presented videos: read from their files as the journal tells of playing, pausing and
seeking (mixer/journal/played.py), and laid on the mix's grid like a voice.

A file's sound is decoded in chunks on a grid of its own, each from a fixed place before it: a chunk
is a function of the file alone, whoever needs it and when. Neighbours: mix.py adds it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import structlog
from numpy.typing import NDArray

from mixer.journal.played import Screened, Stretch, stretches
from mixer.journal.video_file import open_video, start_s
from mixer.sound.limiter import AHEAD, HISTORY
from mixer.sound.opus import SAMPLE_RATE_HZ, Samples
from mixer.sound.place import FADE

CHUNK_S = 4
MARGIN_S = 1  # so much is decoded and resampled before and after a chunk, and left out
PREROLL_S = 0.5  # decoders begin so much before that
KEPT_CHUNKS = 6
_NS_PER_3_SAMPLES = 62_500

log = structlog.get_logger()


def played_sounds(journal: Screened, start_ns: int, samples: int) -> Iterator[Samples]:
    """What each stretch of a presented video gives to a segment, (HISTORY + samples + AHEAD, 2), as
    `together` takes it: 48 kHz, sample HISTORY at `start_ns`."""
    for stretch in stretches(journal):
        sound = _sound(stretch, start_ns, -HISTORY, samples + AHEAD) if stretch.playing else None
        if sound is not None:
            yield sound


def _sound(stretch: Stretch, start_ns: int, first: int, end: int) -> Samples | None:
    """Samples [first, end) of the grid that begins at `start_ns`; None for silence."""
    begins = _sample(stretch.from_ns - start_ns)
    ends = _sample(stretch.to_ns - start_ns) if stretch.to_ns is not None else None
    low, high = max(first, begins), end if ends is None else min(end, ends)
    if low >= high:
        return None
    offset = _sample(stretch.at(stretch.from_ns)) - begins  # of the film's samples to the grid's
    sound = film_samples(stretch.file, low + offset, high - low)
    if sound is None:
        return None
    out = np.zeros((end - first, 2), dtype=np.float32)
    out[low - first : high - first] = sound
    _fade(out, begins - first, FADE)
    if ends is not None:
        _fade(out, ends - first - FADE, -FADE)
    return out


def _sample(ns: int) -> int:
    """The nearest sample of the grid."""
    return (ns * 3 + _NS_PER_3_SAMPLES // 2) // _NS_PER_3_SAMPLES


def _fade(out: Samples, at: int, samples: int) -> None:
    """In (or out, if `samples` is negative) over the FADE samples from `at` on."""
    rise = _rise() if samples > 0 else _rise()[::-1]
    low, high = max(0, at), min(len(out), at + FADE)
    if low < high:
        out[low:high] *= rise[low - at : high - at]


@cache
def _rise() -> NDArray[np.float32]:
    phase = (np.arange(FADE) + 0.5) / FADE
    return (0.5 - 0.5 * np.cos(np.pi * phase))[:, None].astype(np.float32)


def film_samples(path: Path, first: int, count: int) -> Samples | None:
    """Samples of a file's sound from `first` on, (count, 2) at 48 kHz; None if there are none."""
    size = CHUNK_S * SAMPLE_RATE_HZ
    out: Samples | None = None
    for number in range(max(0, first) // size, -(-(first + count) // size)):
        chunk = _chunk(path, number)
        if chunk is None:
            continue
        if out is None:
            out = np.zeros((count, 2), dtype=np.float32)
        low, high = max(first, number * size), min(first + count, (number + 1) * size)
        out[low - first : high - first] = chunk[low - number * size : high - number * size]
    return out


@lru_cache(maxsize=KEPT_CHUNKS)
def _chunk(path: Path, number: int) -> Samples | None:
    """(CHUNK_S seconds, 2), None for silence: also where the file cannot be read, which was found
    out when it was loaded."""
    begin_s = max(0, number * CHUNK_S - MARGIN_S)
    end_s = (number + 1) * CHUNK_S + MARGIN_S
    try:
        with open_video(path) as container:
            if not container.streams.audio:
                return None
            source = _decoded(container, begin_s, end_s)
    except (av.error.FFmpegError, OSError) as error:
        log.warning("sound.presented_video", error=str(error))
        return None
    if source is None:
        return None
    at = (number * CHUNK_S - begin_s) * SAMPLE_RATE_HZ
    sound = _resampled(*source)[at : at + CHUNK_S * SAMPLE_RATE_HZ]
    missing = CHUNK_S * SAMPLE_RATE_HZ - len(sound)
    return np.pad(sound, ((0, missing), (0, 0))) if missing else sound


def _decoded(container: Any, begin_s: int, end_s: int) -> tuple[Samples, int] | None:
    """((samples, 2), their rate in Hz) between two seconds of the film; None for nothing."""
    stream, zero_s = container.streams.audio[0], start_s(container)
    from_s = begin_s - PREROLL_S
    if from_s > 0:
        container.seek(int((from_s + zero_s) / stream.time_base), stream=stream, backward=True)
    out, rate, found = np.zeros((0, 2), dtype=np.float32), 0, False
    for frame in _frames(container, stream):
        if not rate:  # the decoder's word: the file's may be half of it (HE-AAC)
            rate = frame.sample_rate
            out = np.zeros(((end_s - begin_s) * rate, 2), dtype=np.float32)
        at = round((float(frame.pts * frame.time_base) - zero_s) * rate) - begin_s * rate
        if at >= len(out):
            break
        values = _stereo(frame, rate)
        low, high = max(0, at), min(len(out), at + len(values))
        if low < high:
            out[low:high] = values[low - at : high - at]
            found = True
    return (out, rate) if found else None


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """What can be decoded, in order."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            continue
        for frame in frames:
            if frame.pts is not None:
                yield frame


def _resampled(sound: Samples, rate: int) -> Samples:
    """At 48 kHz."""
    if rate == SAMPLE_RATE_HZ:
        return sound
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), "fltp", "stereo")
    frame.sample_rate, frame.pts = rate, 0
    return _stereo(frame, SAMPLE_RATE_HZ)


def _stereo(frame: av.AudioFrame, rate: int) -> Samples:
    """(samples, 2) of a piece of sound by itself, at that rate."""
    resampler = av.AudioResampler("fltp", "stereo", rate)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray().T for piece in pieces])
