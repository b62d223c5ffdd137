"""A render's sound: PCM kept by segment, and one continuous AAC stream made from it as it grows.

The stream has no seams because one encoder makes it; a killed worker's successor feeds its own
encoder from the kept PCM, which gives the same stream.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ..encode.audio import AacWriter
from ..encode.pcm import read_pcm
from ..errors import RenderError
from .settings import Workspace


class Soundtrack:
    """The AAC stream of one render, advanced whenever more segments' PCM is there."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._path = work.sound / "sound.aac"
        self._stack = ExitStack()
        self._aac = self._stack.enter_context(AacWriter(self._path))
        self._next = 0

    def advance(self) -> int:
        """Encodes what has been kept without a hole; returns the number of segments encoded."""
        while self._work.pcm(self._next).exists():
            self._aac.write(read_pcm(self._work.pcm(self._next)))
            self._next += 1
        return self._next

    def finish(self, segments: int) -> Path:
        """Ends the stream after that many segments and returns its file."""
        if self.advance() != segments:
            raise RenderError(f"the sound of segment {self._next} is missing; render again")
        self._stack.close()
        return self._path
