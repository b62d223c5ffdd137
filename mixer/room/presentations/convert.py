"""`python -m mixer.room.presentations.convert FILE DIR`: a file's pages as images, in DIR.

A process of its own, with limits, because what it reads comes from anybody. Takes PDF, PNG, JPEG,
WebP and GIF, by their content; of moving pictures the first. Each page is a PNG or a JPEG,
whichever is smaller, called by its SHA-256. On success standard output has the pages as JSON:
[{"file", "width", "height"}]; else standard error has one line for people, and the exit code is 1.
"""

from __future__ import annotations

import hashlib
import io
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from PIL import Image, ImageOps

MAX_PAGES = 300
MAX_SIDE = 1920  # pixels of a page's longer side: a slide of 16:9 is as big as a 1080p video
MAX_PIXELS = 60_000_000  # of an image that comes
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
PDF_MARK = b"%PDF-"  # within the first kilobyte (ISO 32000-1, annex H, 3.4.1)
CPU_S = 120
MEMORY_BYTES = 2 << 30
FILE_BYTES = 64 << 20
MADE_BYTES = 256 << 20  # of all pages together
JPEG_QUALITY = 90


class Unreadable(ValueError):
    """The file cannot be presented; says why, for people."""


def pages(path: Path) -> Iterator[Image.Image]:
    """The file's pages in order. Raises Unreadable."""
    with path.open("rb") as file:
        is_pdf = PDF_MARK in file.read(1024)
    if is_pdf:
        yield from _pdf_pages(path)
    else:
        yield _image(path)


def _pdf_pages(path: Path) -> Iterator[Image.Image]:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        protected = "password" in str(error).lower()
        reason = "is protected by a password" if protected else "is damaged"
        raise Unreadable(f"the PDF {reason}: save it anew without, and try again") from error
    if not 0 < len(document) <= MAX_PAGES:
        raise Unreadable(f"the PDF has {len(document)} pages: 1 to {MAX_PAGES} can be shown")
    for page in document:
        longer = max(page.get_size())
        if longer <= 0:
            raise Unreadable("the PDF has a page without size")
        yield page.render(scale=MAX_SIDE / longer).to_pil().convert("RGB")
        page.close()


def _image(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Unreadable(f"the image has more than {MAX_PIXELS // 1_000_000} megapixels")
            turned = ImageOps.exif_transpose(image)
            turned.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            return _on_white(turned)
    except Unreadable:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable("this is no PDF, PNG, JPEG, WebP or GIF that can be read") from error


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def encoded(page: Image.Image) -> tuple[bytes, str]:
    """The page's bytes and the ending of their file's name: without anything but the picture."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    page.save(png, "PNG")
    page.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    if len(png.getvalue()) <= len(jpeg.getvalue()):
        return png.getvalue(), "png"
    return jpeg.getvalue(), "jpg"


def convert(path: Path, directory: Path) -> list[dict[str, Any]]:
    """Writes the pages. Raises Unreadable, OSError."""
    made, size = [], 0
    for page in pages(path):
        data, ending = encoded(page)
        size += len(data)
        if size > MADE_BYTES:
            raise Unreadable(f"its pages are larger than {MADE_BYTES >> 20} MB: split the file")
        name = f"{hashlib.sha256(data).hexdigest()}.{ending}"
        (directory / name).write_bytes(data)
        made.append({"file": name, "width": page.width, "height": page.height})
    return made


def main(path: str, directory: str) -> int:
    for what, limit in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    try:
        made = convert(Path(path), Path(directory))
    except (Unreadable, MemoryError, pypdfium2.PdfiumError) as error:
        print(error if isinstance(error, Unreadable) else "the file is damaged", file=sys.stderr)
        return 1
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
