"""Where the layouts and the page SDK that come with the mixer lie."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped_layouts() -> Path:
    """The folder of the built-in layouts, one each, and of `sdk/`.

    An installed mixer has it inside its package (pyproject.toml puts it there), a checkout beside.
    """
    inside = PACKAGE / "layouts"
    return inside if inside.is_dir() else PACKAGE.parent / "layouts"
