"""report.html: one page that needs nothing else, made of report.json and the files' facts.

Here is what the template shows, in words and per cents; `templates/` holds how it looks. Everything
that comes from people or the network passes through Jinja's autoescape, and the page's content
security policy lets only its own script run.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .document import FileFacts
from .lanes import Mark, axis, lanes_of, percent
from .overview import participants, seconds_in_words, signed, tiles
from .sheet import clock

SEVERITY = {"problem": "Please check", "note": "Worth knowing", "good": "Good"}
AREAS = {
    "sync": "Sound and picture",
    "sound": "Loudness",
    "picture": "Pictures",
    "network": "Network",
    "layout": "Layout",
    "recording": "Recording",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """JPEGs of a video that the page holds: poster, and (seconds, thumbnail) in order."""

    poster: bytes
    thumbnails: tuple[tuple[float, bytes], ...]


def render_page(
    document: Mapping[str, Any],
    files: Sequence[FileFacts],
    pictures: Mapping[str, Pictures],
    folder: Path,
) -> str:
    """The whole page. `pictures` are by the names of the files."""
    told = {entry["id"]: entry for entry in document["files"]}
    shown = [one for one in files if one.file.kind == "video"]
    shown = shown or [one for one in files if one.file.kind == "audio"]
    script = _part("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            sections=[
                _section(one, told[one.name], pictures.get(one.name), folder) for one in shown
            ],
            files=[_row(one, told[one.name], folder) for one in files],
            severity=SEVERITY,
            areas=AREAS,
            style=Markup(_part("report.css")),
            script=Markup(script),
            digest=digest,
        )
    )


def data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mixer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "seconds": seconds_in_words, "signed": signed}
    return environment


@cache
def _part(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text()


def _section(
    one: FileFacts, told: Mapping[str, Any], pictures: Pictures | None, folder: Path
) -> dict[str, Any]:
    """A file with its timeline."""
    seconds = max(one.file.seconds, 0.001)
    href = address(one.file.path, folder)
    lanes = lanes_of(one)
    return {
        "id": one.name,
        "video": one.file.kind == "video",
        "href": href,
        "duration": one.file.seconds,
        "told": told,
        "poster": data_uri(pictures.poster) if pictures and pictures.poster else "",
        "thumbnails": _thumbnails(pictures, seconds),
        "axis": axis(seconds),
        "chapters": _chapters(one, seconds),
        "lanes": lanes,
        "spoken": sum(lane.spoken for lane in lanes),
        "page_marks": list(_page_marks(one, seconds)),
        "tiles": list(tiles(one, told)),
        "findings": told["findings"],
        "people": participants(one),
        "zooms": seconds > 120,
    }


def address(path: Path, folder: Path) -> str:
    """Of a file, as a link from a page in `folder`."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def _thumbnails(pictures: Pictures | None, seconds: float) -> list[dict[str, Any]]:
    return [
        {"t": t, "left": percent(t, seconds), "uri": data_uri(jpeg)}
        for t, jpeg in (pictures.thumbnails if pictures else ())
    ]


def _chapters(one: FileFacts, seconds: float) -> list[dict[str, Any]]:
    return [
        {
            "t": chapter.start,
            "title": chapter.title,
            "left": percent(chapter.start, seconds),
            "width": percent(chapter.stop - chapter.start, seconds),
        }
        for chapter in one.chapters
    ]


def _page_marks(one: FileFacts, seconds: float) -> Iterator[Mark]:
    """Stretches of the video itself, and seams."""
    words = {"black": "black", "blank": "one flat colour", "still": "nothing moves"}
    for stretch in one.stretches:
        text = f"{words[stretch.kind]} for {seconds_in_words(stretch.seconds)}"
        yield Mark.of(stretch.kind, stretch.t, stretch.seconds, seconds, text)
    for pause in one.pauses:
        at = one.file.edits.output_seconds(pause.start_ns)
        if pause.stop_ns is not None and 0 < at < one.file.seconds:
            text = f"paused for {seconds_in_words((pause.stop_ns - pause.start_ns) / 1e9)}"
            yield Mark.of("pause", at, 0.0, seconds, text)


def _row(one: FileFacts, told: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A file in the table of files."""
    kinds = {"video": "Video", "audio": "Sound of all", "leg": f"Sound of {_whose(one)}"}
    return {
        "told": told,
        "kind": kinds[one.file.kind],
        "href": address(one.file.path, folder),
        "products": [(quote(name), what) for what, name in one.products.items()],
    }


def _whose(leg: FileFacts) -> str:
    """The name of the participant whose sound it is; the file's name has their id."""
    file = leg.file.path.name
    return next((one.name for one in leg.people if f"_conn_{one.id}_" in file), "one")
