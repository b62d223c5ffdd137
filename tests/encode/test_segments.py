"""Segments: closed, tagged, constant, equal to the bit, and there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from mixer.encode.boxes import read_segment
from mixer.encode.video import SegmentEncoder, VideoSettings, encode_segment
from mixer.errors import RenderError, StorageError
from tests.encode.scenes import complaints, marks, needs_ffmpeg, pictures, probe

SETTINGS = VideoSettings(320, 180, 30)


def test_every_picture_once_in_order(tmp_path: Path) -> None:
    """What goes in comes out: each picture, in order, none twice."""
    path = tmp_path / "0.mp4"
    assert encode_segment(pictures(30, 120), path, SETTINGS) == 120
    assert [mark.number for mark in marks(path)] == list(range(30, 150))


@needs_ffmpeg
def test_tags(tmp_path: Path) -> None:
    """H.264 High, 4:2:0, BT.709 limited in the bitstream itself, constant rate, square pixels."""
    path = tmp_path / "0.mp4"
    encode_segment(pictures(0, 60), path, SETTINGS)
    bare = tmp_path / "0.h264"  # no container that could tell: only the bitstream speaks
    with av.open(str(path)) as source, av.open(str(bare), "w", format="h264") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    video = probe(bare)["video"]
    told = {key: video[key] for key in ("profile", "pix_fmt", "color_range", "r_frame_rate")}
    assert told == {
        "profile": "High",
        "pix_fmt": "yuv420p",
        "color_range": "tv",
        "r_frame_rate": "30/1",
    }
    for key in ("color_space", "color_transfer", "color_primaries"):
        assert video[key] == "bt709"
    assert complaints(path) == b""


def test_closed(tmp_path: Path) -> None:
    """A segment starts with an IDR picture, needs nothing before it, and shows every picture."""
    path = tmp_path / "0.mp4"
    encode_segment(pictures(0, 120), path, SETTINGS)
    table = read_segment(path)
    assert 0 in table.keys and table.order[0] == 0
    assert sorted(table.order.tolist()) == list(range(120))
    first_types = [data[4] & 31 for data in _nal_units(next(table.pictures()))]
    assert 5 in first_types and 1 not in first_types


def test_scene_cuts_stay_closed(tmp_path: Path) -> None:
    """A cut to another scene may bring a second IDR picture; order and number stay."""

    def cut() -> Iterator[av.VideoFrame]:
        yield from pictures(0, 40)
        for frame in pictures(40, 40):
            planes = frame.to_ndarray()
            planes[:60] = 255 - planes[:60][:, ::-1]
            yield av.VideoFrame.from_ndarray(planes, format="yuv420p")

    path = tmp_path / "0.mp4"
    encode_segment(cut(), path, SETTINGS)
    assert [mark.number for mark in marks(path)] == list(range(80))


def test_same_to_the_bit(tmp_path: Path) -> None:
    """Equal frames give equal files, whatever was in memory before, at awkward sizes too.

    A new process each time, in which malloc hands out memory with other contents.
    """
    script = """if True:
        import sys
        from pathlib import Path
        from mixer.encode.video import VideoSettings, encode_segment
        from tests.encode.scenes import pictures
        for size in ((320, 180), (336, 192), (640, 360), (270, 480)):
            path = Path(sys.argv[1]) / f"{size[0]}.mp4"
            encode_segment(pictures(0, 60, size=size), path, VideoSettings(*size, 30))
    """
    made = []
    for perturb in ("0", "85", "170"):
        directory = tmp_path / perturb
        directory.mkdir()
        command = [sys.executable, "-c", script, str(directory)]
        subprocess.run(command, check=True, env=os.environ | {"MALLOC_PERTURB_": perturb})
        made.append({path.name: path.read_bytes() for path in directory.iterdir()})
    assert len(made[0]) == 4
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_short_segments(tmp_path: Path, count: int) -> None:
    """The last segment of a recording may be of one picture."""
    path = tmp_path / "0.mp4"
    encode_segment(pictures(0, count), path, SETTINGS)
    assert len(marks(path)) == count
    assert sorted(read_segment(path).order.tolist()) == list(range(count))


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    """When the frames' source fails, nothing is left behind; a later attempt succeeds."""

    def broken() -> Iterator[av.VideoFrame]:
        yield from pictures(0, 50)
        raise KeyError("decoder")

    path = tmp_path / "0.mp4"
    with pytest.raises(KeyError):
        encode_segment(broken(), path, SETTINGS)
    assert list(tmp_path.iterdir()) == []
    encode_segment(pictures(0, 10), path, SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["0.mp4"]


def test_not_there_until_it_is_whole(tmp_path: Path) -> None:
    """Until a segment is whole its name does not exist; what a killed one left is replaced."""
    path = tmp_path / "0.mp4"
    path.with_name("0.mp4.part").write_bytes(b"left by a killed worker")
    with SegmentEncoder(path, SETTINGS) as segment:
        for frame in pictures(0, 20):
            segment.encode(frame)
            assert not path.exists()
    assert len(marks(path)) == 20
    assert not path.with_name("0.mp4.part").exists()


def test_errors(tmp_path: Path) -> None:
    """No frames is a render error; a folder that is not there, a storage error, in one line."""
    with pytest.raises(RenderError, match="no frames"):
        encode_segment([], tmp_path / "0.mp4", SETTINGS)
    with pytest.raises(StorageError, match="cannot write") as told:
        encode_segment(pictures(0, 1), tmp_path / "missing" / "0.mp4", SETTINGS)
    assert "\n" not in str(told.value)


def test_null_encoder_takes_every_frame(tmp_path: Path) -> None:
    """For measuring: all frames are asked for, an empty segment appears, nothing is encoded."""
    taken = 0

    def counted() -> Iterator[av.VideoFrame]:
        nonlocal taken
        for frame in pictures(0, 30):
            taken += 1
            yield frame

    path = tmp_path / "0.mp4"
    settings = VideoSettings(320, 180, 30, encoder="null")
    assert encode_segment(counted(), path, settings) == taken == 30
    assert path.stat().st_size == 0


def test_caller_may_use_a_frame_again(tmp_path: Path) -> None:
    """One frame given many times (a still picture) is so many pictures, and is not altered."""
    (frame,) = pictures(5, 1)
    before = frame.to_ndarray()
    path = tmp_path / "0.mp4"
    assert encode_segment([frame] * 45, path, SETTINGS) == 45
    assert np.array_equal(frame.to_ndarray(), before)
    assert [mark.number for mark in marks(path)] == [5] * 45


def _nal_units(picture: bytes) -> Iterator[bytes]:
    """NAL units with their 4-byte lengths (ISO/IEC 14496-15)."""
    at = 0
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        yield picture[at : at + 4 + size]
        at += 4 + size
