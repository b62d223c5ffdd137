"""Runs of pixel-rendered pictures as near-lossless H.264: what the matte track keeps of them.

One chunk is one closed run with one key picture, encoded by one thread: the same pictures give the
same bytes. PSNR is about 50 dB; 1080p camera content takes some 20 Mbit/s instead of 750.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from mixer.layout.matte import Plane

Base = tuple[Plane, Plane, Plane]
_SIZE = struct.Struct("<I")
OPTIONS = {"preset": "superfast", "tune": "fastdecode", "qp": "10", "bf": "0", "threads": "1"}


def _even(plane: Plane, height: int, width: int) -> Plane:
    return np.pad(plane, ((0, height - plane.shape[0]), (0, width - plane.shape[1])), mode="edge")


def picture(base: Base) -> av.VideoFrame:
    """A yuv420p frame with even sides; odd ones are continued by their last row and column."""
    height, width = (side + side % 2 for side in base[0].shape)
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, base, strict=True):
        whole = _even(values, plane.height, plane.width)
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
        rows[:, : plane.width] = whole
    return frame


def encode(pictures: Sequence[Base], fps: int) -> bytes:
    """Length-prefixed packets of one closed run of pictures of one size."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    height, width = pictures[0][0].shape
    codec.width, codec.height = width + width % 2, height + height % 2
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, fps)
    codec.framerate = Fraction(fps)
    codec.gop_size = max(1, len(pictures))
    codec.thread_count = 1
    codec.options = OPTIONS | {"x264-params": "scenecut=0:threads=1:lookahead-threads=1"}
    packets: list[bytes] = []
    for number, base in enumerate(pictures):
        frame = picture(base)
        frame.pts = number
        packets += [bytes(packet) for packet in codec.encode(frame)]
    packets += [bytes(packet) for packet in codec.encode(None)]
    return b"".join(_SIZE.pack(len(packet)) + packet for packet in packets)


def decode(data: bytes, width: int, height: int) -> list[Base]:
    """The pictures of one chunk."""
    codec = av.CodecContext.create("h264", "r")
    assert isinstance(codec, av.VideoCodecContext)
    codec.thread_count = 1
    frames: list[av.VideoFrame] = []
    at = 0
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        frames += codec.decode(av.Packet(data[at : at + size]))
        at += size
    frames += codec.decode(None)
    return [_planes(frame, width, height) for frame in frames]


def _planes(frame: av.VideoFrame, width: int, height: int) -> Base:
    sizes = ((height, width), *(((height + 1) // 2, (width + 1) // 2),) * 2)
    found = []
    for plane, (rows, columns) in zip(frame.planes, sizes, strict=True):
        values = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        found.append(values[:rows, :columns].copy())
    return found[0], found[1], found[2]
