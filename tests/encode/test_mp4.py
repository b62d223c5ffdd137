"""The finished file: both streams from 0, exact in length, in sync, its index in front."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import av
import numpy as np
import pytest

from mixer.encode.audio import AacWriter
from mixer.encode.boxes import read_segment
from mixer.encode.mp4 import assemble, index_bound
from mixer.encode.video import VideoSettings, encode_segment
from mixer.errors import RenderError, StorageError
from tests.encode.scenes import (
    boxes,
    complaints,
    marks,
    needs_ffmpeg,
    pictures,
    probe,
    sound_of,
)
from tests.sound.voices import RATE, offset

CREATED = datetime(2025, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
BEEP = 2_400  # samples


@dataclass
class Parts:
    """Encoded segments and sound: pictures with numbers and flashes, a beep with each flash."""

    segments: list[Path]
    sound: Path
    said: np.ndarray  # (n,)
    frames: int
    fps: int

    def assemble(
        self, out: Path, *, title: str = "Weekly", sound: bool = True, keep_free: int = 0
    ) -> Path:
        assemble(
            self.segments,
            self.sound if sound else None,
            out,
            fps=self.fps,
            created=CREATED,
            title=title,
            frames=self.frames,
            keep_free=keep_free,
        )
        return out


def make(directory: Path, frames: int, *, fps: int = 30, length: int = 0) -> Parts:
    """`length`: pictures a segment, else 4 s."""
    length = length or 4 * fps
    settings = VideoSettings(320, 180, fps)
    segments: list[Path] = []
    for first in range(0, frames, length):
        segments.append(directory / f"{len(segments):05d}.mp4")
        count = min(length, frames - first)
        encode_segment(pictures(first, count, fps=fps), segments[-1], settings)
    at = np.arange(-(-frames * RATE // fps))
    beeping = at % RATE < BEEP
    said = (0.5 * beeping * np.sin(2 * np.pi * 1_000 * at / RATE)).astype(np.float32)
    sound = directory / "sound.aac"
    with AacWriter(sound) as writer:
        writer.write(np.stack([said, said], axis=1))
    return Parts(segments, sound, said, frames, fps)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """10.3 s: two whole segments and a shorter one."""
    return make(tmp_path_factory.mktemp("parts"), 309)


def test_what_others_need_of_the_disk_is_left(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before a byte is written; where others have less already, the file is made."""
    size = sum(path.stat().st_size for path in (*parts.segments, parts.sound))
    usage = shutil.disk_usage(tmp_path)
    for kept, fits in ((0, True), (size, False), (3 * size, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * size))
        out = tmp_path / f"{kept}.mp4"
        with nullcontext() if fits else pytest.raises(StorageError, match="are kept free"):
            parts.assemble(out, keep_free=kept)
        assert out.exists() == fits
    assert len(list(tmp_path.iterdir())) == 2


@needs_ffmpeg
def test_streams(parts: Parts, tmp_path: Path) -> None:
    """Codecs, tags, start, length and rate are what is promised, to the last digit."""
    told = probe(parts.assemble(tmp_path / "out.mp4", title="Straße & Co"))
    video, audio = told["video"], told["audio"]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
    colour = ("color_range", "color_space", "color_transfer", "color_primaries")
    assert [video[key] for key in colour] == ["tv", "bt709", "bt709", "bt709"]
    assert video["r_frame_rate"] == video["avg_frame_rate"] == "30/1"
    assert video["nb_frames"] == "309"
    assert (audio["codec_name"], audio["profile"]) == ("aac", "LC")
    assert (audio["sample_rate"], audio["channels"]) == ("48000", 2)
    for stream in (video, audio):
        assert float(stream["start_time"]) == 0
        assert float(stream["duration"]) == 10.3
    assert int(audio["duration_ts"]) == 309 * RATE // 30
    assert float(told["format"]["duration"]) == 10.3
    assert told["format"]["tags"]["title"] == "Straße & Co"
    assert told["format"]["tags"]["creation_time"] == "2025-03-01T12:30:15.000000Z"
    assert "encoder" not in told["format"]["tags"]


@needs_ffmpeg
def test_decodes_without_complaint(parts: Parts, tmp_path: Path) -> None:
    """A strict decoder finds nothing to object to, over all borders of segments."""
    assert complaints(parts.assemble(tmp_path / "out.mp4")) == b""


@needs_ffmpeg
def test_in_sync_to_the_sample(parts: Parts, tmp_path: Path) -> None:
    """The beep lies where it lay, and the picture that flashes with it is shown at that time."""
    out = parts.assemble(tmp_path / "out.mp4")
    heard = sound_of(out)[:, 0]
    assert len(parts.said) <= len(heard) < len(parts.said) + 1_024  # ffmpeg ends with a frame
    for second in range(1, 10):
        window = slice(second * RATE - 1_000, second * RATE + 3_500)
        assert abs(offset(heard[window], parts.said[window])) < 0.1
    with av.open(str(out)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == [pytest.approx(n / 30, abs=1e-9) for n in range(309)]
    shown = marks(out)
    assert [mark.number for mark in shown] == list(range(309))
    starts = [n for n in range(1, 309) if shown[n].flash and not shown[n - 1].flash]
    assert starts == list(range(30, 309, 30))


def test_pyav_hears_it_in_place_too(parts: Parts, tmp_path: Path) -> None:
    """By PyAV's timestamps: the sample at 3 s is where the beep of 3 s begins."""
    out = parts.assemble(tmp_path / "out.mp4")
    heard = np.zeros(len(parts.said) + 4_096, dtype=np.float32)
    with av.open(str(out)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            at = round(frame.time * RATE)
            values = frame.to_ndarray()[0]
            skip = max(0, -at)
            heard[at + skip : at + len(values)] = values[skip:]
    window = slice(3 * RATE - 1_000, 3 * RATE + 3_500)
    assert abs(offset(heard[window], parts.said[window])) < 0.1


def test_index_lies_in_front(parts: Parts, tmp_path: Path) -> None:
    """ftyp, moov, what was reserved too much, media; and not very much was."""
    out = parts.assemble(tmp_path / "out.mp4")
    kinds = [kind for kind, _, _ in boxes(out)]
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert kinds[-1] == b"mdat" and set(kinds[2:-1]) <= {b"free"}
    last = boxes(out)[-1]
    assert last[1] + last[2] == out.stat().st_size
    index = next(size for kind, _, size in boxes(out) if kind == b"moov")
    frames = len(parts.said) // 1_024 + 2
    assert index < index_bound(309, frames, "Weekly") < 5 * index


def test_same_to_the_bit(parts: Parts, tmp_path: Path) -> None:
    """Equal parts give equal files; the time zone in which the time is told does not matter."""
    first = parts.assemble(tmp_path / "a.mp4").read_bytes()
    assert parts.assemble(tmp_path / "b.mp4").read_bytes() == first
    out = tmp_path / "c.mp4"
    elsewhere = CREATED.astimezone(timezone(timedelta(hours=9)))
    assemble(
        parts.segments,
        parts.sound,
        out,
        fps=30,
        created=elsewhere,
        title="Weekly",
        frames=309,
    )
    assert out.read_bytes() == first
    assert b"Lavf" not in first and b"Lavc" not in first


@needs_ffmpeg
@pytest.mark.parametrize("fps", [1, 7, 24, 25, 50, 60])
def test_every_rate(tmp_path: Path, fps: int) -> None:
    """Rates that do not divide 48 kHz, too: constant, and both streams equally long."""
    frames = 4 * fps + 3
    parts = make(tmp_path, frames, fps=fps)
    told = probe(parts.assemble(tmp_path / "out.mp4"))
    assert told["video"]["avg_frame_rate"] == told["video"]["r_frame_rate"] == f"{fps}/1"
    assert told["video"]["nb_frames"] == str(frames)
    assert float(told["video"]["duration"]) == pytest.approx(frames / fps, abs=2e-6)
    assert int(told["audio"]["duration_ts"]) == -(-frames * RATE // fps)
    assert [float(told[kind]["start_time"]) for kind in ("video", "audio")] == [0, 0]
    assert complaints(tmp_path / "out.mp4") == b""


@needs_ffmpeg
@pytest.mark.parametrize(("frames", "length"), [(1, 120), (2, 1), (10, 3), (121, 120)])
def test_shortest_recordings_and_segments(tmp_path: Path, frames: int, length: int) -> None:
    """One picture is a recording; segments of one to three pictures join like others."""
    parts = make(tmp_path, frames, length=length)
    out = parts.assemble(tmp_path / "out.mp4")
    assert [mark.number for mark in marks(out)] == list(range(frames))
    told = probe(out)
    assert float(told["video"]["duration"]) == pytest.approx(frames / 30, abs=1e-6)
    assert float(told["video"]["start_time"]) == 0
    assert complaints(out) == b""


@needs_ffmpeg
def test_without_sound(parts: Parts, tmp_path: Path) -> None:
    """A file without a sound stream, where none is wanted."""
    told = probe(parts.assemble(tmp_path / "out.mp4", sound=False))
    assert "audio" not in told
    assert float(told["video"]["duration"]) == 10.3


def test_sound_that_is_longer_is_cut(parts: Parts, tmp_path: Path) -> None:
    """Where the picture ends, the sound ends: a stop in the middle of kept sound is exact."""
    shorter = Parts(parts.segments[:1], parts.sound, parts.said, 120, 30)
    out = shorter.assemble(tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.audio[0].duration == 4 * RATE
        assert container.streams.video[0].frames == 120


def test_reservation_holds_for_the_worst_case(tmp_path: Path) -> None:
    """Where every packet is a chunk of its own, the index still fits into what was reserved."""
    parts = make(tmp_path, 46, fps=46)  # as many pictures as AAC frames: they alternate
    out = parts.assemble(tmp_path / "out.mp4", title="t" * 3_000)
    assert boxes(out)[1][0] == b"moov"


def test_what_does_not_belong_together(parts: Parts, tmp_path: Path) -> None:
    """Missing, damaged, foreign or too few segments: one line, and no file."""
    out = tmp_path / "out.mp4"
    foreign, damaged = tmp_path / "foreign.mp4", tmp_path / "damaged.mp4"
    encode_segment(pictures(0, 120, size=(640, 360)), foreign, VideoSettings(640, 360, 30))
    damaged.write_bytes(parts.segments[0].read_bytes()[:-100])
    first, second, third = parts.segments
    for segments, frames, match in (
        ([first, second], 309, "240 frames, not 309"),
        ([first, foreign, third], 309, "other settings"),
        ([first, damaged, third], 309, "damaged"),
        ([first, tmp_path / "missing.mp4", third], 309, "missing"),
        ([], 0, "0 frames"),
    ):
        with pytest.raises(RenderError, match=match) as told:
            Parts(segments, parts.sound, parts.said, frames, 30).assemble(out)
        assert "\n" not in str(told.value)
    with pytest.raises(RenderError):
        Parts(parts.segments, tmp_path / "none.aac", parts.said, 309, 30).assemble(out)
    with pytest.raises(StorageError):
        parts.assemble(tmp_path / "missing" / "out.mp4")
    assert not list(tmp_path.glob("out.mp4*"))


def test_null_segments_give_an_empty_file(tmp_path: Path) -> None:
    """A run with the null encoder goes through to its end."""
    settings = VideoSettings(320, 180, 30, encoder="null")
    encode_segment(pictures(0, 10), tmp_path / "0.mp4", settings)
    out = tmp_path / "out.mp4"
    assemble([tmp_path / "0.mp4"], None, out, fps=30, created=CREATED, title="", frames=10)
    assert out.stat().st_size == 0


def test_joined_files_can_be_joined(tmp_path: Path, parts: Parts) -> None:
    """Two files joined give what all of their segments give, to the bit: nothing is encoded."""
    halves = []
    for number, segments in enumerate((parts.segments[:2], parts.segments[2:])):
        frames = sum(len(read_segment(path).sizes) for path in segments)
        half = tmp_path / f"half-{number}.mp4"
        Parts(segments, parts.sound, parts.said, frames, parts.fps).assemble(half)
        assert list(read_segment(half).pictures()) == [
            data for path in segments for data in read_segment(path).pictures()
        ]
        halves.append(half)
    joined, whole = tmp_path / "joined.mp4", tmp_path / "whole.mp4"
    Parts(halves, parts.sound, parts.said, parts.frames, parts.fps).assemble(joined)
    parts.assemble(whole)
    assert joined.read_bytes() == whole.read_bytes()


def test_tables_are_the_demuxers(parts: Parts) -> None:
    """Reading a segment's table gives what FFmpeg's demuxer gives: bytes, order, key pictures."""
    for path in parts.segments:
        table = read_segment(path)
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in packets] == list(table.pictures())
        assert {n for n, packet in enumerate(packets) if packet.is_keyframe} == table.keys
        stamps = [packet.pts for packet in packets if packet.pts is not None]
        shown = sorted(stamps)
        assert [shown.index(pts) for pts in stamps] == table.order.tolist()
