"""Where the layouts and the page SDK that come with the mixer lie."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ..errors import LayoutError

PACKAGE = Path(__file__).parents[1]


def shipped_layouts() -> Path:
    """The folder of the built-in layouts, one each, and of `sdk/`.

    An installed mixer has it inside its package (pyproject.toml puts it there), a checkout beside.
    """
    inside = PACKAGE / "layouts"
    return inside if inside.is_dir() else PACKAGE.parent / "layouts"


BUILT_IN = shipped_layouts()


def layout_path(layout: str) -> Path | None:
    """The folder or file of what the user calls a layout; None for an http(s) address.

    A name may be followed by `?` and parameters. Raises LayoutError when there is no such thing.
    """
    if urlsplit(layout).scheme in ("http", "https"):
        return None
    plain = layout.partition("?")[0]
    path = Path(plain)
    if path.is_file():
        return path
    built_in = [BUILT_IN / path.name] if path.name == plain else []
    for folder in (*built_in, path):
        if (folder / "index.html.j2").is_file() or (folder / "index.html").is_file():
            return folder
    names = sorted(p.parent.name for p in BUILT_IN.glob("*/index.html*"))
    raise LayoutError(
        f"no layout {plain!r}: give a folder with index.html, an HTML file, an http(s) address, "
        f"or one of {', '.join(names) or 'the built-in names'}"
    )
