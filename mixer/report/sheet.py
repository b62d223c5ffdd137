"""Contact sheet and poster frame of a finished video, as JPEG, and thumbnails for the page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .film import Look, open_video

COLUMNS, ROWS = 4, 3
CELL_WIDTH = 480
GAP = 8
BACKGROUND = (17, 20, 24)
POSTER_WIDTH = 1280
THUMBNAIL_WIDTH = 240
QUALITY = 82
EVERY_FRAME_BELOW_S = 48.0  # shorter videos have too few key pictures for a sheet
BEGINNING_S = 1.0  # people still appear then: no poster


@dataclass(frozen=True, slots=True)
class Still:
    t: float
    picture: Image.Image

    def jpeg(self, width: int) -> bytes:
        return _jpeg(_scaled(self.picture, width), QUALITY)


def stills(path: Path, looks: Sequence[Look], seconds: float) -> list[Still]:
    """Up to COLUMNS × ROWS moments, evenly over the video; times are those of the pictures."""
    count = COLUMNS * ROWS
    wanted = [(at + 0.5) * seconds / count for at in range(count)]
    if seconds < EVERY_FRAME_BELOW_S:
        return list(_all_through(path, wanted))
    keys = sorted({min(looks, key=lambda look: abs(look.t - t)).t for t in wanted})
    return [Still(t, picture) for t, picture in _at_keys(path, keys, CELL_WIDTH)]


def contact_sheet(pictures: Sequence[Still]) -> bytes:
    """A JPEG with COLUMNS pictures a row, each with its time."""
    cells = [_stamped(still) for still in pictures]
    width = max((cell.width for cell in cells), default=CELL_WIDTH)
    height = max((cell.height for cell in cells), default=CELL_WIDTH * 9 // 16)
    rows = max(1, -(-len(cells) // COLUMNS))
    size = (COLUMNS * (width + GAP) + GAP, rows * (height + GAP) + GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    for at, cell in enumerate(cells):
        row, column = divmod(at, COLUMNS)
        sheet.paste(cell, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return _jpeg(sheet, QUALITY)


def poster_time(looks: Sequence[Look], people_at: Callable[[float], float]) -> float:
    """The key picture that tells most: neither black nor blank, many people, rich in contrast.

    `people_at` says how much there is to see at a time: people, screens, somebody who speaks.
    """
    good = [look for look in looks if not (look.black or look.blank)] or list(looks)
    late = [look for look in good if look.t >= BEGINNING_S] or good
    if not late:
        return 0.0
    most = max(people_at(look.t) for look in late) or 1.0
    richest = max(look.spread for look in late) or 1.0
    return max(late, key=lambda look: people_at(look.t) / most + look.spread / richest / 4).t


def poster(path: Path, t: float) -> bytes:
    """The picture at a key picture's time, at most POSTER_WIDTH wide."""
    for _, picture in _at_keys(path, [t], POSTER_WIDTH):
        return _jpeg(picture, 88)
    return b""


def _at_keys(path: Path, times: Sequence[float], width: int) -> Iterator[tuple[float, Image.Image]]:
    with open_video(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for t in times:
            container.seek(round(t / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                yield float(frame.time or 0.0), _picture(frame, width)
                break


def _all_through(path: Path, wanted: Sequence[float]) -> Iterator[Still]:
    """For each moment the first frame from then on that others refer to; one at least."""
    left, frame = list(wanted), None
    with open_video(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        for frame in container.decode(stream):
            t = float(frame.time or 0.0)
            if left and t >= left[0]:
                yield Still(t, _picture(frame, CELL_WIDTH))
                left = [moment for moment in left if moment > t]
        if left == list(wanted) and frame is not None:
            yield Still(float(frame.time or 0.0), _picture(frame, CELL_WIDTH))


def _picture(frame: Any, width: int) -> Image.Image:
    """Scaled while still YUV: converting whole pictures to RGB costs more."""
    width = min(width, frame.width) // 2 * 2 or 2
    height = max(2, round(frame.height * width / frame.width) // 2 * 2)
    picture: Image.Image = frame.to_image(width=width, height=height, interpolation="AREA")
    return picture


def _scaled(picture: Image.Image, width: int) -> Image.Image:
    if picture.width <= width:
        return picture
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _stamped(still: Still) -> Image.Image:
    """The picture with its time in a corner."""
    picture = still.picture.copy()
    text, font = clock(still.t), ImageFont.load_default(max(12, picture.width // 24))
    draw = ImageDraw.Draw(picture, "RGBA")
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = max(3, picture.width // 80)
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    at = (picture.width - width - margin, picture.height - height - margin)
    draw.rounded_rectangle((*at, at[0] + width, at[1] + height), margin, fill=(0, 0, 0, 170))
    draw.text((at[0] + margin - left, at[1] + margin - top), text, font=font, fill="white")
    return picture


def clock(seconds: float) -> str:
    """0:07, 12:34, 1:02:03."""
    whole = int(seconds)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    into = io.BytesIO()
    picture.convert("RGB").save(into, "JPEG", quality=quality, optimize=True, progressive=True)
    return into.getvalue()
