"""Mixed sound kept by segment, so that an interrupted render need not decode and mix it again.

16-bit WAV: half the size of floats, below anything a lossy encoder keeps, playable. What is encoded
always went through 16 bits, whether it was just mixed or read back: a resumed file is the same.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.encode.durable import whole_file
from mixer.errors import RenderError

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2

Pcm = NDArray[np.int16]


def to_pcm(sound: NDArray[np.float32] | Pcm) -> Pcm:
    """Samples (n, 2) of -1 to 1 as 16-bit integers, rounded to nearest; integers as they are."""
    if np.issubdtype(sound.dtype, np.integer):
        return sound.astype(np.int16, copy=False)
    scaled: NDArray[np.float32] = np.rint(sound * np.float32(32_768))
    return scaled.clip(-32_768, 32_767).astype(np.int16)


def write_pcm(path: Path, sound: NDArray[np.float32] | Pcm) -> None:
    """Writes (n, 2) samples at 48 kHz as a WAV file, whole or not at all."""
    content = io.BytesIO()
    with wave.open(content, "wb") as wav:
        wav.setnchannels(CHANNELS)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.writeframes(to_pcm(sound).astype("<i2").tobytes())
    with whole_file(path) as file:
        file.write(content.getvalue())


def read_pcm(path: Path) -> Pcm:
    """The (n, 2) samples of a file by `write_pcm`. Raises RenderError if it is no such file."""
    try:
        with wave.open(str(path), "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise RenderError(f"cannot read {path}: {error}; delete it, it is made again") from error
    if shape != (CHANNELS, 2, SAMPLE_RATE_HZ):
        raise RenderError(f"{path} is not 48 kHz stereo; delete it, it is made again")
    return np.frombuffer(data, dtype="<i2").astype(np.int16).reshape(-1, CHANNELS)
