"""What is shared in the pictures of a check besides a screen: a page of a file, and a film."""

from __future__ import annotations

from PIL import Image, ImageDraw

PAGE = (1000, 1414)  # upright, as paper is (ISO 216)
FILM = (854, 480)
INK, PAPER, NIGHT, MOON = "#22303c", "#fdfdfb", "#16202c", "#e8dfc4"


def file_page() -> Image.Image:
    """A headline, paragraphs, and a line around it all: whether it is shown whole can be seen."""
    image = Image.new("RGB", PAGE, PAPER)
    draw = ImageDraw.Draw(image)
    width, height = PAGE
    draw.rectangle((12, 12, width - 13, height - 13), outline="#b03a3a", width=6)
    draw.text((90, 100), "A shared file", fill=INK, font_size=96)
    for line in range(24):
        right = width - (320 if line % 6 == 5 else 90)
        draw.rectangle((90, 300 + 42 * line, right, 312 + 42 * line), fill="#c3c9cf")
    draw.text((width / 2 - 20, height - 90), "1", fill=INK, font_size=40)
    return image


def film(size: tuple[int, int] = FILM) -> Image.Image:
    """Hills by night."""
    (width, height), image = size, Image.new("RGB", size, NIGHT)
    draw = ImageDraw.Draw(image)
    unit = height / 100
    draw.ellipse((width * 0.7, 12 * unit, width * 0.7 + 20 * unit, 32 * unit), fill=MOON)
    draw.ellipse((-width * 0.3, 55 * unit, width * 0.7, 190 * unit), fill="#24374a")
    draw.ellipse((width * 0.35, 65 * unit, width * 1.3, 190 * unit), fill="#2e4a52")
    draw.text((6 * unit, 6 * unit), "A shared video", fill=MOON, font_size=8 * unit)
    return image
