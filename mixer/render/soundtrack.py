"""A render's sound: PCM kept by segment, and one continuous AAC stream made from it as it grows.

The stream has no seams because one encoder makes it; a killed worker's successor feeds its own
encoder from the kept PCM, which gives the same stream.
"""

from __future__ import annotations

import wave
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..encode import AacWriter, read_pcm, write_pcm
from ..errors import RenderError


def pcm_path(directory: Path, seq: int) -> Path:
    return directory / f"{seq:06d}.wav"


class Soundtrack:
    """The AAC stream of one render, advanced whenever more segments' PCM is there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._aac = self._stack.enter_context(AacWriter(directory / "sound.aac"))
        self._next = 0

    @staticmethod
    def has(directory: Path, seq: int, samples: int) -> bool:
        """Whether a segment's PCM is there, with just that many samples."""
        try:
            with wave.open(str(pcm_path(directory, seq)), "rb") as file:
                return file.getnframes() == samples
        except (OSError, EOFError, wave.Error):
            return False

    @staticmethod
    def keep(directory: Path, seq: int, sound: NDArray[np.float32]) -> None:
        write_pcm(pcm_path(directory, seq), sound)

    def advance(self) -> int:
        """Encodes what has been kept without a hole; returns the number of segments encoded."""
        while pcm_path(self._directory, self._next).exists():
            self._aac.write(read_pcm(pcm_path(self._directory, self._next)))
            self._next += 1
        return self._next

    def finish(self, segments: int) -> Path:
        """Ends the stream after that many segments and returns its file."""
        if self.advance() != segments:
            raise RenderError(f"the sound of segment {self._next} is missing; render again")
        self._stack.close()
        return self._directory / "sound.aac"
