"""report.html of a check: one page that needs nothing else. `templates/` holds how it looks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from mixer.check.compare import Difference
from mixer.check.looks import Looks

THUMBNAIL = 560  # pixels, the longer side
QUALITY = 76
SEVERITY = {"broken": "Broken", "fault": "Fault", "advice": "Advice", "good": "Good"}
VERDICT = {
    "broken": "This page cannot be used as a layout.",
    "fault": "The layout works, but has faults.",
    "advice": "The layout works. Some of it could be better.",
    "good": "All is well.",
}
KIND = {
    "share": "Shared screen",
    "file": "Shared file",
    "video": "Shared video",
    "avatar": "One without a camera",
}
AREA = {
    "contract": "Contract",
    "console": "Console",
    "network": "Network",
    "text": "Text",
    "cost": "Cost",
}


def render_report(
    document: Mapping[str, Any], looks: Looks, differences: Mapping[str, Difference]
) -> str:
    """The whole page. What comes from the layout passes through autoescape."""
    images = {one.name: _inline(one.image) for one in looks.pictures}
    marked = {
        name: _inline(one.marked) for name, one in differences.items() if one.marked is not None
    }
    style = Path(__file__).with_name("templates") / "report.css"
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            check=document,
            rows=_rows(document),
            images=images,
            marked=marked,
            bars=_bars(document["script"]),
            severity=SEVERITY,
            verdict=VERDICT,
            areas=AREA,
            kinds=KIND,
            style=Markup(style.read_text("utf-8")),
        )
    )


def _rows(document: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Pictures by size."""
    sizes: dict[str, list[Mapping[str, Any]]] = {}
    for picture in document["pictures"]:
        width, height = picture["size"]
        sizes.setdefault(f"{width} × {height}", []).append(picture)
    return list(sizes.items())


def _bars(script: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Modes over time, in per cent of the script."""
    if script is None:
        return []
    ends = [mode["at"] for mode in script["modes"][1:]] + [script["seconds"]]
    return [
        {**mode, "left": 100 * mode["at"] / script["seconds"],
         "width": 100 * (end - mode["at"]) / script["seconds"]}
        for mode, end in zip(script["modes"], ends, strict=True)
    ]  # fmt: skip


def _inline(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mixer.check", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
