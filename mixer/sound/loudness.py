"""How loud sound is, by EBU R 128: FFmpeg's `ebur128` filter, fed with samples or with a file.

Neighbours: render/ brings a mix to a loudness; report/ tells that of finished files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph

from mixer.errors import RenderError
from mixer.sound.opus import SAMPLE_RATE_HZ, Samples

_FILTER = "metadata=1:peak=true:framelog=quiet"
_GATE_LUFS = -70.0  # ITU-R BS.1770: what is softer is not counted; the filter's value for silence


@dataclass(frozen=True, slots=True)
class Loudness:
    """EBU R 128 (ITU-R BS.1770-4) figures of a whole programme.

    `integrated_lufs` is None where nothing is above the gate (-70 LUFS) or there is less than
    400 ms; `true_peak_dbtp` (4 times oversampled) is None for digital silence.
    """

    integrated_lufs: float | None
    true_peak_dbtp: float | None
    range_lu: float  # EBU Tech 3342
    seconds: float


class LoudnessMeter:
    """Takes samples in any portions; `result` says what all of them measure."""

    def __init__(self, channels: int = 2, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate_hz = rate_hz
        self._graph = _graph(self._layout, rate_hz)
        self._samples = 0
        self._last: dict[str, str] = {}

    def write(self, sound: Samples) -> None:
        """The next (n, channels) float32 samples."""
        if not len(sound):
            return
        packed = np.ascontiguousarray(sound, dtype=np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate = self._rate_hz
        frame.time_base = Fraction(1, self._rate_hz)
        frame.pts = self._samples
        self._samples += len(sound)
        self._graph.push(frame)
        self._pull()

    def result(self) -> Loudness:
        """Ends the measurement."""
        if self._samples:
            self._graph.push(None)
            self._pull()
        integrated = float(self._last.get("lavfi.r128.I", _GATE_LUFS))
        peak = float(self._last.get("lavfi.r128.true_peak", 0.0))
        return Loudness(
            integrated if integrated > _GATE_LUFS else None,
            20 * math.log10(peak) if peak > 0 else None,
            float(self._last.get("lavfi.r128.LRA", 0.0)),
            self._samples / self._rate_hz,
        )

    def _pull(self) -> None:
        while True:
            try:
                self._last = dict(self._graph.pull().metadata) or self._last
            except (av.BlockingIOError, av.EOFError):
                return


def measure_file(path: Path) -> Loudness:
    """What the sound of a finished file measures, as a player hears it; of a file without sound,
    that of silence. Raises RenderError if it cannot be read."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return Loudness(None, None, 0.0, 0.0)
            return _measured(container)
    except (OSError, av.error.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RenderError(f"cannot measure the sound of {path}: {reason}") from error


def _measured(container: Any) -> Loudness:
    meter: LoudnessMeter | None = None
    resampler: av.AudioResampler | None = None
    for decoded in container.decode(container.streams.audio[0]):
        if meter is None or resampler is None:
            channels = min(2, len(decoded.layout.channels))
            layout = "mono" if channels == 1 else "stereo"
            resampler = av.AudioResampler("flt", layout, decoded.sample_rate)
            meter = LoudnessMeter(channels, decoded.sample_rate)
        for frame in resampler.resample(decoded):
            packed = frame.to_ndarray().astype(np.float32, copy=False)
            meter.write(packed.reshape(-1, len(frame.layout.channels)))
    if meter is None:
        raise RenderError(f"cannot measure the sound of {container.name}: nothing can be decoded")
    return meter.result()


def _graph(layout: str, rate_hz: int) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=rate_hz, format="flt", layout=layout, time_base=Fraction(1, rate_hz)
    )
    meter, sink = graph.add("ebur128", _FILTER), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph
