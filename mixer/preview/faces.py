"""Drawn people: what simulated cameras and screens show, the same as static/faces.js draws.

A face sways with time, so that motion is seen; its mouth moves while its owner speaks. The number
in the corner says whose it is and at which second.
"""

from __future__ import annotations

import colorsys
import math
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageDraw

CAMERA, SCREEN = (640, 360), (1280, 720)
PALE = "#ffffff"


def _hsl(hue: float, saturation: float, lightness: float) -> tuple[int, int, int]:
    """As CSS has it: degrees, per cent, per cent."""
    values = colorsys.hls_to_rgb(hue % 360 / 360, lightness / 100, saturation / 100)
    red, green, blue = (round(255 * value) for value in values)
    return red, green, blue


def place_of(stream: str) -> int:
    """A number for the looks of whoever sends a stream: the one in its id, `p7.camera`; for other
    ids their characters' sum."""
    digits = "".join(c for c in stream.partition(".")[0] if c.isdigit())
    return int(digits[-3:]) if digits else sum(map(ord, stream)) % 50


def camera(
    stream: str, t_s: float, size: tuple[int, int] = CAMERA, *, speaking: bool = False
) -> Image.Image:
    """A face before a wall."""
    (width, height), place = size, place_of(stream)
    hue = place * 47
    image = Image.new("RGB", size, _hsl(hue, 32, 30))
    draw = ImageDraw.Draw(image)
    sway, nod = 0.03 * math.sin(1.3 * t_s + place), 0.015 * math.sin(2.1 * t_s + place)
    x, y, unit = width * (0.5 + sway), height * (0.47 + nod), height / 100
    draw.rectangle((0, height * 0.72, width, height), fill=_hsl(hue, 32, 24))
    _ellipse(draw, (x, height * 1.04), 40 * unit, 34 * unit, _hsl(hue + 160, 34, 46))
    skin = _hsl(25, 45, 40 + place % 5 * 9)
    _ellipse(draw, (x, y - 6 * unit), 19 * unit, 24 * unit, _hsl(25 + place * 30, 30, 16))
    _ellipse(draw, (x, y), 17 * unit, 23 * unit, skin)
    for side in (-1, 1):
        _ellipse(draw, (x + side * 6.5 * unit, y - 4 * unit), 1.8 * unit, 2.2 * unit, (24, 24, 28))
    open_ = 1 + 3.5 * abs(math.sin(8 * t_s)) if speaking else 0.8
    _ellipse(draw, (x, y + 11 * unit), 5.5 * unit, open_ * unit, (110, 34, 40))
    draw.text((3 * unit, 2 * unit), f"{place}  {t_s:.1f}", fill=PALE, font_size=7 * unit)
    return image


def screen(stream: str, t_s: float, size: tuple[int, int] = SCREEN) -> Image.Image:
    """A slide with a headline, columns that grow, and a pointer."""
    (width, height), place = size, place_of(stream)
    image = Image.new("RGB", size, "#f6f4ef")
    draw = ImageDraw.Draw(image)
    unit = height / 100
    draw.rectangle((0, 0, width, 3 * unit), fill=_hsl(place * 47, 55, 45))
    draw.text((6 * unit, 9 * unit), f"Screen of {place}", fill="#22303c", font_size=9 * unit)
    for column in range(6):
        tall = (20 + 14 * (1 + math.sin(t_s + column))) * unit
        left = (8 + column * 26) * unit
        draw.rectangle(
            (left, 88 * unit - tall, left + 16 * unit, 88 * unit), fill=_hsl(205, 45, 50)
        )
    pointer = (width * (0.5 + 0.3 * math.sin(0.7 * t_s)), height * (0.5 + 0.2 * math.cos(t_s)))
    _ellipse(draw, pointer, 1.6 * unit, 1.6 * unit, (200, 60, 50))
    return image


def _ellipse(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    across: float,
    down: float,
    fill: tuple[int, int, int],
) -> None:
    x, y = centre
    draw.ellipse((x - across, y - down, x + across, y + down), fill=fill)


def drawn(stream: str, t_s: float, size: tuple[int, int], *, speaking: bool = False) -> Image.Image:
    """What a stream of a simulated conference shows."""
    if stream.endswith(".camera"):
        return camera(stream, t_s, size, speaking=speaking)
    return screen(stream, t_s, size)


def as_frame(image: Image.Image, number: int = 0, fps: int = 30) -> av.VideoFrame:
    """yuv420p in BT.601, as WebRTC video is."""
    rgb = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
    frame: av.VideoFrame = rgb.reformat(format="yuv420p", dst_colorspace="ITU601")
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame
