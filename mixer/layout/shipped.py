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
COMMON = ("sdk", "shared")  # folders in there that any local page may load
SCENE_PAGE = BUILT_IN / "shared" / "scene.html"  # of built-in layouts, which differ by scene.js


def page_of(folder: Path) -> Path | None:
    """The page of a layout's folder, or its template; None if that has none."""
    for name in ("index.html.j2", "index.html"):
        if (folder / name).is_file():
            return folder / name
    is_scene = folder.parent == BUILT_IN and (folder / "scene.js").is_file()
    return SCENE_PAGE if is_scene else None


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
        if page_of(folder) is not None:
            return folder
    names = sorted(path.name for path in BUILT_IN.iterdir() if page_of(path) is not None)
    raise LayoutError(
        f"no layout {plain!r}: give a folder with index.html, an HTML file, an http(s) address, "
        f"or one of {', '.join(names) or 'the built-in names'}"
    )
