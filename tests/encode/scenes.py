"""Instrument: numbered pictures, cheap to make, and what a finished file holds, by other means.

Files are judged by ffprobe and ffmpeg (another version than the one in PyAV's wheels), by PyAV, and
by reading their boxes.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.instruments import pattern
from tests.instruments.clips import frame_of

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")


def pictures(
    first: int, count: int, *, fps: int = 30, size: tuple[int, int] = (320, 180)
) -> Iterator[av.VideoFrame]:
    """Pictures first, first + 1, … with their number's mark, before a moving texture; the flash is
    on at the start of each second."""
    width, height = size
    texture = np.random.default_rng(7).integers(40, 200, (height // 4, width // 4))
    large = np.kron(texture, np.ones((4, 4), dtype=np.int64)).astype(np.uint8)
    luma = np.full((height, width), 90, dtype=np.uint8)
    chroma = np.full((height // 2, width // 2), 120, dtype=np.uint8)
    for number in range(first, first + count):
        picture = luma.copy()
        picture[: large.shape[0], : large.shape[1]] = np.roll(large, number, axis=1)
        pattern.draw(picture, number % pattern.PERIOD, pattern.flash_on(number, fps), 3)
        yield frame_of(picture, chroma, chroma)


def marks(path: Path) -> list[pattern.Mark]:
    """The marks of a file's pictures, in the order in which they are shown."""
    with av.open(str(path)) as container:
        found = [
            pattern.read_mark(np.asarray(frame.to_ndarray(), np.uint8)[: frame.height])
            for frame in container.decode(video=0)
        ]
    assert None not in found
    return [mark for mark in found if mark is not None]


def sound_of(path: Path) -> NDArray[np.float32]:
    """What a player hears, (n, 2): by ffmpeg, which obeys edit lists."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a"]
    raw = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True)
    assert raw.stderr == b""
    return np.frombuffer(raw.stdout, dtype="<f4").reshape(-1, 2)


def probe(path: Path) -> dict[str, Any]:
    """ffprobe's account: "format", and the streams by type."""
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"]
    told = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert told.stderr == b""
    account = json.loads(told.stdout)
    return {"format": account["format"]} | {s["codec_type"]: s for s in account["streams"]}


def complaints(path: Path) -> bytes:
    """What ffmpeg says when it decodes all of a file strictly; nothing, if all is well."""
    command = ["ffmpeg", "-v", "warning", "-err_detect", "explode", "-i", str(path), "-f", "null"]
    return subprocess.run([*command, "-"], capture_output=True, check=True).stderr


def boxes(path: Path) -> list[tuple[bytes, int, int]]:
    """The top-level boxes of an MP4: kind, offset, size."""
    found = []
    with path.open("rb") as file:
        at = 0
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            if size == 1:
                size = struct.unpack(">Q", head[8:])[0]
            found.append((kind, at, size))
            at += size
            file.seek(at)
    return found
