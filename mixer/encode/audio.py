"""Sound to one continuous AAC-LC stream (ADTS, `.aac`): no seams, hence one encoder a file.

A killed writer leaves nothing. Feed a new one the same samples from the start (pcm.py keeps them):
the stream will be the same, whatever the portions. mp4.py muxes it with its priming edited away.
"""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from mixer.encode.durable import WholeFile, explained, whole_file
from mixer.encode.pcm import SAMPLE_RATE_HZ, Pcm, to_pcm

FRAME_SAMPLES = 1_024
PRIMING_SAMPLES = 1_024
"""Samples that FFmpeg's encoder puts before the sound (AVCodecContext.initial_padding)."""

DEFAULT_BIT_RATE = 160_000


class AacWriter:
    """An AAC stream being written; `path` appears when the `with` block ends well.

    Raises StorageError when the disk refuses.
    """

    def __init__(self, path: Path, *, bit_rate: int = DEFAULT_BIT_RATE) -> None:
        self.samples = 0  # taken so far
        self._path = path
        self._bit_rate = bit_rate
        self._rest = np.zeros((0, 2), dtype=np.int16)
        self._encoded = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(whole_file(self._path))
        try:
            self._open(file)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, sound: NDArray[np.float32] | Pcm) -> None:
        """Takes the next (n, 2) samples at 48 kHz, of any n."""
        pcm = np.concatenate([self._rest, to_pcm(sound)])
        whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
        with explained(self._path):
            for at in range(0, whole, FRAME_SAMPLES):
                self._encode(pcm[at : at + FRAME_SAMPLES])
        self._rest = pcm[whole:]
        self.samples += len(sound)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._stack.push(self._finish)
        self._stack.__exit__(kind, error, traceback)

    def _open(self, file: WholeFile) -> None:
        self._container = av.open(file, "w", format="adts", options={"fflags": "+bitexact"})
        self._codec = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ).codec_context
        self._codec.layout = "stereo"
        self._codec.format = "fltp"
        self._codec.bit_rate = self._bit_rate
        self._codec.flags |= Flags.bitexact  # no library's version in the stream
        # Half the time of the default search, and as near to the sound; noise stays real noise.
        self._codec.options = {"aac_coder": "fast", "aac_pns": "0"}
        self._container.start_encoding()

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if len(self._rest):
            self._encode(self._rest)
        self._container.mux(self._codec.encode(None))
        self._container.close()

    def _encode(self, pcm: Pcm) -> None:
        planes = np.ascontiguousarray(pcm.T, dtype=np.float32) / np.float32(32_768)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = self._encoded
        self._encoded += len(pcm)
        self._container.mux(self._codec.encode(frame))
