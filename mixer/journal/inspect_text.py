"""How the report of `inspect.py` looks in a terminal. Knows the report's keys and nothing else."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .model import RECEIVED

MAX_ROWS = 20  # of notes and of damage; --json has all
STATES = {
    "finished": ("finished", "green"),
    "live": ("being written now", "yellow"),
    "abandoned": ("abandoned: its recorder died; mixer render finishes it", "red"),
}
SOURCES = {"ScreenShare": "Screen"}


def render_text(report: dict[str, Any]) -> RenderableType:
    """The report as tables that fit into 100 columns."""
    parts: list[RenderableType] = [_head(report), Text()]
    if report["tracks"]:
        parts += [_media(report["tracks"]), Text(), _quality(report["tracks"]), Text()]
    if any(len(track.get("sizes", ())) > 1 for track in report["tracks"]):
        parts += [_size_changes(report["tracks"]), Text()]
    if len(report["runs"]) > 1:
        parts += [_runs(report["runs"]), Text()]
    parts.append(_events(report["events"]))
    irregular = [note for note in report["notes"] if note["type"] != RECEIVED]
    if irregular:
        parts += [Text(), _notes(irregular)]
    if report["damage"]:
        parts += [Text(), _damage(report["damage"])]
    return Group(*parts)


def _head(report: dict[str, Any]) -> Text:
    words, colour = STATES[report["state"]]
    people = len({track["participantId"] for track in report["tracks"]})
    text = Text.assemble(
        ("Journal of ", ""),
        (report["conference"], "bold"),
        ("  ", ""),
        (words, colour),
        "\n",
        f"started {report['startedAt'].replace('T', ' ').replace('Z', ' UTC')}, ",
        (_clock(report["durationSeconds"]), "bold"),
        f" long, {_count(people, 'participant')} with media, ",
        f"{_count(len(report['tracks']), 'track')}, {_count(len(report['runs']), 'run')}, ",
        f"{_bytes(report['bytes'])}",
    )
    text.no_wrap = False
    return text


def _media(tracks: list[dict[str, Any]]) -> Table:
    numbers = ("fps", "kbit/s", "Frames", "From", "To")
    table = _table("Track", "Name", "Source", "Codec", "Size", *numbers)
    for name in ("Track", *numbers):
        _column(table, name).justify = "right"
    for column in table.columns:
        column.no_wrap = True
    for track in tracks:
        table.add_row(
            str(track["id"]),
            escape(_cut(track["participantName"] or track["participantId"])),
            SOURCES.get(track["source"], track["source"]),
            track["codec"],
            _size(track),
            _number(track["frameRate"], 1),
            _number(track["bitRate"] and track["bitRate"] / 1000, 0),
            str(track["frames"]),
            _clock(track["first"], 1),
            _clock(track["last"], 1),
        )
    return table


def _quality(tracks: list[dict[str, Any]]) -> Table:
    names = ("Track", "Stream", "Keys, every", "Gaps", "Lost", "Late", "Broken", "Sync, ms", "ppm")
    table = _table(*names)
    for name in ("Track", "Lost", "Late", "Broken", "ppm"):
        _column(table, name).justify = "right"
    for column in table.columns:
        column.no_wrap = True
    for track in tracks:
        table.add_row(
            str(track["id"]),
            escape(_cut(track["stream"])),
            _keys(track.get("keyPictures")),
            _gaps(track["gaps"]),
            _lost(track["packets"]),
            _flagged(track["late"]),
            _flagged(track["broken"]),
            _sync(track["alignment"]),
            _drift(track["alignment"]),
        )
    return table


def _size_changes(tracks: list[dict[str, Any]]) -> Table:
    table = _table("Track", "Sizes, with the time of the first picture of each")
    for track in tracks:
        sizes = track.get("sizes", [])
        if len(sizes) > 1:
            told = [f"{s['width']}x{s['height']} at {_clock(s['t'])}" for s in sizes[:MAX_ROWS]]
            more = f", … {len(sizes) - MAX_ROWS} more" if len(sizes) > MAX_ROWS else ""
            table.add_row(str(track["id"]), ", ".join(told) + more)
    return table


def _runs(runs: list[dict[str, Any]]) -> Table:
    table = _table("Run", "Writer", "Start", "Final until", "Ended", "Tracks", "Media")
    for run in runs:
        table.add_row(
            str(run["run"]),
            escape(run["writer"] or "?"),
            _clock(run["start"]),
            _clock(run["watermark"]),
            {"final": "the recording", "closed": "in order", None: "cut off"}[run["end"]],
            str(run["tracks"]),
            _bytes(run["mediaBytes"]),
        )
    return table


def _events(events: dict[str, Any]) -> Text:
    told = ", ".join(f"{count} {type_}" for type_, count in events["byType"].items())
    return Text.assemble(("Events  ", "bold"), str(events["total"]), f": {told}" if told else "")


def _notes(notes: list[dict[str, Any]]) -> Table:
    table = _table("Time", "Note", "What")
    for note in notes[:MAX_ROWS]:
        told = ", ".join(f"{key} {value}" for key, value in note["data"].items())
        table.add_row(_clock(note["t"]), escape(note["type"]), escape(told))
    if len(notes) > MAX_ROWS:
        table.add_row("…", f"{len(notes) - MAX_ROWS} more", "see --json")
    return table


def _damage(damage: list[dict[str, Any]]) -> Table:
    table = _table("Damage in", "Offset", "Bytes", "")
    for entry in damage[:MAX_ROWS]:
        name = f"run-{entry['run']:04d}.{entry['file']}"
        harmless = "torn last write" if entry["tornEnd"] else "[red]lost[/red]"
        table.add_row(name, str(entry["offset"]), str(entry["bytes"]), harmless)
    if len(damage) > MAX_ROWS:
        table.add_row("…", "", "", f"{len(damage) - MAX_ROWS} more: see --json")
    return table


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in names:
        table.add_column(name)
    return table


def _column(table: Table, name: str) -> Any:
    return next(column for column in table.columns if column.header == name)


def _cut(text: str, length: int = 16) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _size(track: dict[str, Any]) -> str:
    sizes = track.get("sizes")
    if not sizes:
        return ""
    last = f"{sizes[-1]['width']}x{sizes[-1]['height']}"
    return last if len(sizes) == 1 else f"{last} +{len(sizes) - 1}"


def _keys(keys: dict[str, Any] | None) -> str:
    if keys is None:
        return ""
    every = f", {keys['meanSeconds']:.1f} s" if keys["meanSeconds"] else ""
    return f"{keys['count']}{every}"


def _gaps(gaps: dict[str, Any]) -> str:
    if not gaps["count"]:
        return "[green]none[/green]"
    return f"[yellow]{gaps['count']}, {gaps['seconds']:.2f} s[/yellow]"


def _lost(packets: dict[str, int] | None) -> str:
    """Packets lost for good; in brackets those that came when asked for again."""
    if packets is None:
        return "?"
    mended = f" ({packets['recovered']})" if packets["recovered"] else ""
    return _flagged(packets["lost"]) + mended


def _flagged(count: int) -> str:
    return f"[yellow]{count}[/yellow]" if count else "0"


def _sync(alignment: dict[str, Any] | None) -> str:
    if alignment is None:
        return "[yellow]none[/yellow]"
    return f"{alignment['method']} ± {alignment['qualityMs']:.1f}"


def _drift(alignment: dict[str, Any] | None) -> str:
    if alignment is None:
        return ""
    low, high = alignment["driftPpm"]
    return f"{low:+.0f}" if round(low) == round(high) else f"{low:+.0f}…{high:+.0f}"


def _clock(seconds: float | None, digits: int = 3) -> str:
    """h:mm:ss.mmm, without hours where there are none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds, digits), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{digits + 3}.{digits}f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
