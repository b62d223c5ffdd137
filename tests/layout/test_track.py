"""The matte track: what is written is read, whatever happens in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest

from mixer.errors import RenderError, StorageError
from mixer.layout.matte import Matte, Placement, Tile
from mixer.layout.track import FILE, MatteTrackReader, MatteTrackWriter

WIDTH, HEIGHT, FPS = 64, 36, 30


def matte(level: int, tiles: int = 1) -> Matte:
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    base = (np.full((HEIGHT, WIDTH), level, np.uint8), chroma, chroma)
    coverage = np.full((8, 10), 255, np.uint8)
    place = Placement(0.1 / 3, -0.2, -1 / 7, 0.3)
    return Matte(
        WIDTH,
        HEIGHT,
        base,
        tuple(Tile(f"s{n}", n, 2, 10, 8, place, coverage) for n in range(tiles)),
    )


def writer(folder: Path) -> MatteTrackWriter:
    return MatteTrackWriter.create(folder, width=WIDTH, height=HEIGHT, fps=FPS, start_ns=5)


def same(a: Matte, b: Matte) -> bool:
    planes = [(x, y) for x, y in zip(a.base, b.base, strict=True)]
    planes += [(x.coverage, y.coverage) for x, y in zip(a.tiles, b.tiles, strict=True)]
    told = [[(t.stream, t.x, t.y, t.placement) for t in m.tiles] for m in (a, b)]
    return told[0] == told[1] and all(np.array_equal(x, y) for x, y in planes)


def test_what_is_shown_is_read_back_exactly(tmp_path: Path) -> None:
    """Every frame has the matte that was shown last; floats and planes come back to the bit."""
    track = writer(tmp_path)
    track.show(0, track.matte(matte(20)))
    track.show(3, track.matte(matte(30, tiles=2)))
    track.progress(5)
    reader = MatteTrackReader.open(tmp_path)
    assert reader.frames == 5
    assert same(reader.at(2)[1], matte(20))
    assert same(reader.at(4)[1], matte(30, tiles=2))
    assert [frame for frame, _ in reader.changes(0, 5)] == [0, 3]
    with pytest.raises(IndexError):
        reader.at(5)


def test_equal_mattes_are_stored_once(tmp_path: Path) -> None:
    """A state that comes back has its old id and adds nothing but the change itself."""
    track = writer(tmp_path)
    first = track.matte(matte(20))
    track.progress(1)
    size = (tmp_path / FILE).stat().st_size
    assert track.matte(matte(20)) == first
    track.show(1, first)
    track.progress(2)
    assert (tmp_path / FILE).stat().st_size - size < 100


def noisy(corner: int, seed: int = 1) -> Matte:
    """A page that cannot be packed, but for a corner that changes."""
    rng = np.random.default_rng(seed)
    height, width = 5 * HEIGHT + 1, 5 * WIDTH + 3
    y = rng.integers(0, 256, (height, width), dtype=np.uint8)
    cb, cr = rng.integers(0, 256, (2, (height + 1) // 2, (width + 1) // 2), dtype=np.uint8)
    y[-9:, -9:], cb[-4:, -4:] = corner, corner
    return Matte(width, height, (y, cb, cr))


def test_what_changes_in_a_corner_is_all_that_is_stored(tmp_path: Path) -> None:
    """Patches of whole planes: small, read back to the bit, and the same bytes after a restart."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder, ends in ((whole, False), (killed, True)):
        track = writer(folder)
        for number in range(12):
            track.show(number, track.matte(noisy(number * 20, seed=number // 8)))
            if number == 1:
                before = (folder / FILE).stat().st_size
            track.progress(number + 1)
            if number == 7:
                assert (folder / FILE).stat().st_size - before < 6000
            if ends and number in (2, 7, 8, 9):
                track.show(number + 1, track.matte(noisy(3, seed=9)))  # lost with the process
                track.close()
                track = writer(folder)
    reader = MatteTrackReader.open(whole)
    assert all(same(reader.at(n)[1], noisy(n * 20, seed=n // 8)) for n in (11, 3, 0, 7, 8, 10))
    assert (whole / FILE).read_bytes() == (killed / FILE).read_bytes()


def test_a_reader_follows_a_growing_track(tmp_path: Path) -> None:
    """Only what was committed is seen; `refresh` tells whether there is more."""
    track = writer(tmp_path)
    reader = MatteTrackReader.open(tmp_path)
    track.show(0, track.matte(matte(20)))
    assert not reader.refresh()
    track.progress(2)
    assert reader.refresh() and reader.frames == 2 and not reader.finished
    track.finish(4)
    assert reader.refresh() and reader.frames == 4 and reader.finished


@pytest.mark.parametrize("lost", [1, 7, 40])
def test_a_torn_end_is_cut_off_and_gone_on_with(tmp_path: Path, lost: int) -> None:
    """After a kill in the middle of a write, the last commit holds and the same can be appended."""
    track = writer(tmp_path)
    track.show(0, track.matte(matte(20)))
    track.remember("key", 1)
    track.progress(2)
    track.show(2, track.matte(matte(40)))
    track.remember("key", 2)
    track.progress(3)
    track.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost] + b"\0" * (lost // 2))
    assert MatteTrackReader.open(tmp_path).frames == 2
    again = writer(tmp_path)
    assert again.frames == 2 and again.seen["key"] == 1
    again.show(2, again.matte(matte(40)))
    again.remember("key", 2)
    again.progress(3)
    assert path.read_bytes() == whole


def test_one_writes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page pass of a killed render writes until it has noticed: its follower waits for it, and
    goes on behind what it wrote last. One that does not end is told of."""
    dying = writer(tmp_path)
    dying.progress(2)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(writer, tmp_path)
        assert not wait([following], timeout=0.1).done
        dying.progress(3)
        dying.close()
        follower = following.result(timeout=30)
    assert follower.frames == 3
    monkeypatch.setattr("mixer.layout.track.LOCK_TIMEOUT_S", 0.05)
    with pytest.raises(StorageError, match="another page pass"):
        writer(tmp_path)
    follower.close()


def test_another_shape_starts_over(tmp_path: Path) -> None:
    """A track of another size is not gone on with."""
    first = writer(tmp_path)
    first.progress(9)
    first.close()
    other = MatteTrackWriter.create(tmp_path, width=32, height=18, fps=FPS, start_ns=5)
    assert other.frames == 0
    assert MatteTrackReader.open(tmp_path).header["width"] == 32


def test_pixel_frames_are_nearly_lossless(tmp_path: Path) -> None:
    """Runs of pictures come back in order, above 45 dB, without tiles, with ids of their own."""
    rng = np.random.default_rng(3)
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH]
    pictures = []
    for number in range(7):
        luma = (120 + 80 * np.sin(xs / 5 + number) * np.cos(ys / 7)).astype(np.uint8)
        chroma = rng.integers(110, 140, (HEIGHT // 2, WIDTH // 2)).astype(np.uint8)
        pictures.append((luma, chroma, chroma))
    track = writer(tmp_path)
    track.show(0, track.matte(matte(20)))
    track.pixels(2, pictures)
    track.show(9, track.matte(matte(20)))
    track.progress(11)
    reader = MatteTrackReader.open(tmp_path)
    assert len({reader.matte_id(frame) for frame in range(2, 9)}) == 7
    assert [frame for frame, _ in reader.changes(0, 11)] == [0, *range(2, 10)]
    for number, (luma, _, _) in enumerate(pictures):
        found = reader.at(2 + number)[1]
        error = float(np.mean((found.base[0].astype(float) - luma) ** 2))
        assert found.tiles == () and error < 255**2 / 10**4.5
    assert same(reader.at(9)[1], matte(20))


def test_no_track_is_one_clear_line(tmp_path: Path) -> None:
    """Asking for a track that is not there says which folder was meant."""
    with pytest.raises(RenderError, match="no matte track in"):
        MatteTrackReader.open(tmp_path / "nothing")
