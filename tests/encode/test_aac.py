"""AAC: one stream without seams, whatever portions it came in; and the PCM it is kept as."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from mixer.encode.audio import FRAME_SAMPLES, PRIMING_SAMPLES, AacWriter
from mixer.encode.boxes import read_adts
from mixer.encode.pcm import read_pcm, to_pcm, write_pcm
from mixer.errors import RenderError, StorageError
from tests.encode.scenes import needs_ffmpeg
from tests.sound.voices import RATE, decibels, speech

SOUND = np.stack([speech(6, 1), speech(6, 2)], axis=1)


def write(path: Path, sound: np.ndarray, portion: int) -> bytes:
    with AacWriter(path) as writer:
        for at in range(0, len(sound), portion):
            writer.write(sound[at : at + portion])
        assert writer.samples == len(sound)
    return path.read_bytes()


@needs_ffmpeg
def test_the_stream_is_the_sound(tmp_path: Path) -> None:
    """Decoded, less the priming, it is what went in: complete, in place, and near."""
    path = tmp_path / "sound.aac"
    write(path, SOUND, 192_000)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True)
    assert raw.stderr == b""
    heard = np.frombuffer(raw.stdout, dtype="<f4").reshape(-1, 2)[PRIMING_SAMPLES:]
    assert len(SOUND) <= len(heard) < len(SOUND) + 2 * FRAME_SAMPLES
    assert decibels(heard[: len(SOUND)] - SOUND) < decibels(SOUND) - 20


def test_portions_do_not_matter(tmp_path: Path) -> None:
    """Segments of 4 s, of odd lengths, or all at once: the same stream, to the bit."""
    streams = {write(tmp_path / str(portion), SOUND, portion) for portion in (192_000, 777, 10**7)}
    assert len(streams) == 1


def test_a_restart_makes_the_same_stream(tmp_path: Path) -> None:
    """A killed writer leaves no file; one fed from the kept PCM makes what it would have made."""
    kept = []
    for number, at in enumerate(range(0, len(SOUND), 48_000)):
        kept.append(tmp_path / f"{number:05d}.wav")
        write_pcm(kept[-1], SOUND[at : at + 48_000])
    path = tmp_path / "sound.aac"
    with pytest.raises(KeyError), AacWriter(path) as writer:
        writer.write(SOUND[:100_000])
        raise KeyError("killed")
    assert not list(tmp_path.glob("*.aac*"))
    with AacWriter(path) as writer:
        for pcm in kept:
            writer.write(read_pcm(pcm))
    assert path.read_bytes() == write(tmp_path / "straight.aac", SOUND, 192_000)


def test_frames_are_found_again(tmp_path: Path) -> None:
    """Every frame of the stream is read back; a torn stream is refused in one line."""
    path = tmp_path / "sound.aac"
    write(path, SOUND, 192_000)
    frames = list(read_adts(path))
    assert len(frames) == -(-(len(SOUND) + PRIMING_SAMPLES) // FRAME_SAMPLES)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RenderError, match="damaged"):
        list(read_adts(path))


def test_silence_and_nothing(tmp_path: Path) -> None:
    """A recording in which nobody speaks, and one that ends at once, are streams all the same."""
    write(tmp_path / "silence.aac", np.zeros((RATE, 2), dtype=np.float32), 4_000)
    assert len(list(read_adts(tmp_path / "silence.aac"))) >= RATE // FRAME_SAMPLES
    with AacWriter(tmp_path / "nothing.aac"):
        pass
    assert (tmp_path / "nothing.aac").exists()


def test_pcm_comes_back(tmp_path: Path) -> None:
    """Kept sound is what it was, rounded to 16 bits, and clipped only beyond full scale."""
    path = tmp_path / "00000.wav"
    write_pcm(path, SOUND)
    assert np.array_equal(read_pcm(path), to_pcm(SOUND))
    assert np.abs(read_pcm(path) / 32_768 - SOUND).max() <= 0.5001 / 32_768
    loud = np.array([[1.5, -1.5]], dtype=np.float32)
    assert to_pcm(loud).tolist() == [[32_767, -32_768]]


def test_pcm_that_is_none(tmp_path: Path) -> None:
    """A file that is no kept sound is refused in one line, as is a folder that is not there."""
    path = tmp_path / "00000.wav"
    path.write_bytes(b"RIFF")
    for broken in (path, tmp_path / "missing.wav"):
        with pytest.raises(RenderError, match="delete it"):
            read_pcm(broken)
    with pytest.raises(StorageError):
        write_pcm(tmp_path / "missing" / "0.wav", SOUND)
    with pytest.raises(StorageError), AacWriter(tmp_path / "missing" / "s.aac") as writer:
        writer.write(SOUND)
