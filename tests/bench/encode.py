"""The encoder: likeness to what was composed, bit rate of segments and of one piece, cost, joining.

The content is what the mixer makes of four participants: talking heads (clips.py) sent as VP8 at
1.5 Mbit/s, decoded and scaled into a two by two grid. CPU is process time, of all threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from mixer.encode.audio import AacWriter
from mixer.encode.mp4 import assemble
from mixer.encode.quality import PARAMETERS
from mixer.encode.video import VideoSettings, encode_segment
from mixer.picture.planes import planes_of
from tests.bench.rows import Row, at_least, at_most
from tests.instruments.clips import frame_of, video_clip

FPS = 30
SEGMENT = 4 * FPS
CLIP_SECONDS = 10


def bench(out: Path, *, quick: bool) -> list[Row]:
    """1080p30 at defaults."""
    seconds = 8 if quick else 20
    found = measure(out, 1920, 1080, seconds)
    likeness, joined = found["ssim"], found["join_300_s"]
    rows = [
        at_least("luma SSIM against composed frames, mean", likeness["mean"], 0.97, ""),
        Row("the same, of the worst frame", likeness["worst"], ""),
    ]
    for keyint, what in ((SEGMENT, "a key picture every 4 s"), (250, "x264's own key interval")):
        ratio = found[f"against_one_piece_keyint_{keyint}"]
        rows.append(at_most(f"bit rate of segments / one piece with {what}", ratio, 1.08, "×"))
    return [
        *rows,
        Row("bit rate", found["kbit_s"], "kbit/s"),
        Row("x264: CPU a frame", found["encoder_cpu_ms_a_frame"], "ms"),
        Row("joining 5 minutes into one MP4", joined["wall_s"], "s"),
    ]


def grid(width: int, height: int) -> Iterator[av.VideoFrame]:
    """Composed pictures without end: four heads, each in a quarter of the picture."""
    size = (width // 2, height // 2)
    heads = [_head(place, size) for place in range(4)]
    while True:
        planes = [[planes_of(next(head)) for head in heads[row : row + 2]] for row in (0, 2)]
        yield frame_of(*(np.block([[q[p] for q in row] for row in planes]) for p in range(3)))


def _head(place: int, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    clip = video_clip("vp8", (1280, 720), Fraction(FPS), CLIP_SECONDS, place)
    while True:
        decoder = av.CodecContext.create("vp8", "r")
        for picture in clip.pictures:
            for frame in decoder.decode(av.Packet(picture)):
                yield frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")


def segmented(directory: Path, settings: VideoSettings, frames: int) -> list[Path]:
    source = grid(settings.width, settings.height)
    paths: list[Path] = []
    for first in range(0, frames, SEGMENT):
        paths.append(directory / f"{len(paths):05d}.mp4")
        encode_segment(islice(source, min(SEGMENT, frames - first)), paths[-1], settings)
    return paths


def in_one_piece(path: Path, settings: VideoSettings, frames: int, keyint: int) -> int:
    """Bytes of pictures, with x264's settings as for segments but for the key picture interval."""
    with av.open(str(path), "w", format="mp4") as out:
        codec = out.add_stream("libx264", rate=FPS).codec_context
        codec.width, codec.height, codec.pix_fmt = settings.width, settings.height, "yuv420p"
        codec.thread_count, codec.thread_type = settings.threads, "FRAME"
        codec.options = {
            "preset": settings.preset,
            "crf": str(settings.crf),
            "profile": "high",
            "x264-params": f"keyint={keyint}:force-cfr=1:{PARAMETERS[settings.preset]}",
        }
        for number, frame in enumerate(islice(grid(settings.width, settings.height), frames)):
            frame.pts = number
            out.mux(codec.encode(frame))
        out.mux(codec.encode(None))
    return _picture_bytes(path)


def _picture_bytes(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))


def ssim(paths: list[Path], settings: VideoSettings) -> dict[str, float]:
    """Luma SSIM of encoded pictures against what was composed: mean and worst."""
    source = grid(settings.width, settings.height)
    values = []
    for path in paths:
        with av.open(str(path)) as container:
            for decoded in container.decode(video=0):
                values.append(luma_ssim(decoded, next(source)))
    return {"mean": float(np.mean(values)), "worst": float(np.min(values))}


def luma_ssim(a: av.VideoFrame, b: av.VideoFrame) -> float:
    """SSIM (Wang et al. 2004) with 8x8 windows every 4 pixels, as FFmpeg's and x264's."""
    x, y = (planes_of(frame)[0].astype(np.float64) for frame in (a, b))
    means = [_window_means(v) for v in (x, y, x * x, y * y, x * y)]
    mx, my, xx, yy, xy = means
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    varied = (2 * (xy - mx * my) + c2) / (xx - mx * mx + yy - my * my + c2)
    return float(np.mean(varied * (2 * mx * my + c1) / (mx * mx + my * my + c1)))


def _window_means(values: Any) -> Any:
    height, width = (size // 4 * 4 for size in values.shape)
    blocks = values[:height, :width].reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
    return (blocks[:-1, :-1] + blocks[1:, :-1] + blocks[:-1, 1:] + blocks[1:, 1:]) / 4


def _timed(act: Callable[[], Any]) -> tuple[Any, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = act()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def measure(directory: Path, width: int, height: int, seconds: int) -> dict[str, Any]:
    """Everything of the above, as one JSON-able account."""
    settings = VideoSettings(width, height, FPS)
    frames = seconds * FPS
    null = VideoSettings(width, height, FPS, encoder="null")
    next(grid(width, height))  # the clips are made
    _, idle_cpu, _ = _timed(lambda: segmented(directory, null, frames))
    paths, cpu, _ = _timed(lambda: segmented(directory, settings, frames))
    size = sum(_picture_bytes(path) for path in paths)
    pieces = {
        f"against_one_piece_keyint_{keyint}": size
        / in_one_piece(directory / "piece.mp4", settings, frames, keyint)
        for keyint in (SEGMENT, 250)
    }
    return {
        "size": f"{width}x{height}",
        "frames": frames,
        "kbit_s": size * 8 / seconds / 1_000,
        "encoder_cpu_ms_a_frame": (cpu - idle_cpu) * 1_000 / frames,
        "ssim": ssim(paths[:1], settings),
        **pieces,
        **join(directory, paths, seconds),
    }


def join(directory: Path, paths: list[Path], seconds: int, wanted_s: int = 300) -> dict[str, Any]:
    """Joining five minutes, of copies of the segments, with sound."""
    every = (paths * (wanted_s // seconds + 1))[: wanted_s * FPS // SEGMENT]
    rng = np.random.default_rng(1)
    with AacWriter(directory / "sound.aac") as writer:
        for _ in range(wanted_s):
            writer.write((0.05 * rng.standard_normal((48_000, 2))).astype(np.float32))
    out = directory / "joined.mp4"
    _, cpu, wall = _timed(
        lambda: assemble(
            every,
            directory / "sound.aac",
            out,
            fps=FPS,
            created=datetime(2025, 1, 1, tzinfo=UTC),
            title="bench",
            frames=len(every) * SEGMENT,
        )
    )
    return {"join_300_s": {"cpu_s": cpu, "wall_s": wall, "bytes": out.stat().st_size}}
