"""A full disk: nothing that is not whole gets its name, and one line says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from mixer.encode.audio import AacWriter
from mixer.encode.durable import check_free, whole_file
from mixer.encode.pcm import write_pcm
from mixer.encode.video import VideoSettings, encode_segment
from mixer.errors import RenderError, StorageError
from tests.encode.scenes import pictures

LIMITED = """if True:
    import resource, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import numpy as np
    from mixer.encode.audio import AacWriter
    from mixer.encode.mp4 import assemble
    from mixer.encode.pcm import write_pcm
    from mixer.encode.video import VideoSettings, encode_segment
    from mixer.errors import StorageError
    from tests.encode.scenes import pictures

    def segment(path):
        encode_segment(pictures(0, 40), path, VideoSettings(320, 180, 30))

    def sound(path):
        with AacWriter(path) as writer:
            writer.write(np.random.default_rng(1).normal(0, 0.1, (48_000, 2)).astype(np.float32))

    def kept(path):
        write_pcm(path, np.ones((10_000, 2), dtype=np.float32))

    def joined(path):
        created = datetime(2025, 1, 1, tzinfo=UTC)
        segments = [path.with_name("segment")] * 3
        assemble(segments, None, path, fps=30, created=created, title="", frames=120)

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for make in (segment, sound, kept, joined):
        path = Path(sys.argv[1]) / make.__name__
        make(path)
        size = path.stat().st_size
        for limit in (size - 1, size - 4_000, size // 2, 10):
            path.with_name("x").unlink(missing_ok=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                make(path.with_name("x"))
                print(make.__name__, limit, "of", size, "no error")
            except StorageError:
                pass
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            if list(path.parent.glob("x*")):
                print(make.__name__, limit, "of", size, "left something behind")
"""


def test_no_byte_may_be_missing(tmp_path: Path) -> None:
    """Wherever writing ends, at the last byte too, no file appears and a storage error is raised.

    FFmpeg alone does not tell that the last bytes of a joined file were not written.
    """
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_told_at_once(tmp_path: Path) -> None:
    """An AAC stream that cannot be written says so while it is fed, not hours later."""
    (tmp_path / "s.aac.part").symlink_to("/dev/full")
    noise = np.random.default_rng(1).normal(0, 0.1, (48_000, 2)).astype(np.float32)
    with pytest.raises(StorageError, match="No space left"), AacWriter(tmp_path / "s.aac") as aac:
        for _ in range(60):
            try:
                aac.write(noise)
            except StorageError:
                break
        else:
            pytest.fail("nothing was told")
        raise StorageError("No space left, as told")


@pytest.mark.parametrize(
    ("needed", "keep_free", "fits"),
    [(0.5, 0.0, True), (2.0, 0.0, False), (0.5, 0.75, False), (0.2, 0.6, True), (0.5, 2.0, True)],
)
def test_what_is_kept_free(tmp_path: Path, needed: float, keep_free: float, fits: bool) -> None:
    """In disks' free space. A file takes nothing of what others need; where there is less already,
    nobody can count on it, and it may help to get the file out."""
    free = shutil.disk_usage(tmp_path).free
    told = pytest.raises(StorageError, match="MB left") if not fits else nullcontext()
    with told:
        check_free(tmp_path / "film.mp4", int(needed * free), int(keep_free * free))


def test_what_a_codec_refuses_is_a_render_error(tmp_path: Path) -> None:
    """Settings that x264 cannot take: one line with the file's name, and no file."""
    with pytest.raises(RenderError, match=r"cannot make .*0\.mp4"):
        encode_segment(
            pictures(0, 3), tmp_path / "0.mp4", VideoSettings(320, 180, 30, preset="swift")
        )
    assert not list(tmp_path.iterdir())


def test_whole_or_not(tmp_path: Path) -> None:
    """The name appears at the end only, and not after an error; an older file stays until then."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old"
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    write_pcm(path, np.zeros((1, 2), dtype=np.int16))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
