"""What the page says of one file before and below its timeline: the few figures that everybody
wants, and a table with all of each participant's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .document import FileFacts
from .sheet import clock

METHODS = {
    "sender-report": "the sender's clock",
    "capture-time": "the sender's clock",
    "arrival": "time of arrival",
}
LOUDNESS_SCALE = (-45.0, 0.0)  # LUFS at the ends of the drawn scale


@dataclass(frozen=True, slots=True)
class Tile:
    """`meter`: where on a drawn scale the value lies, in per cent."""

    name: str
    value: str
    unit: str = ""
    hint: str = ""
    meter: float | None = None


def tiles(one: FileFacts, told: Mapping[str, Any]) -> Iterator[Tile]:
    """For the head of a file's section; `told` is its entry in report.json."""
    yield Tile("Length", clock(one.file.seconds))
    if one.file.layout_name:
        yield Tile("Layout", one.file.layout_name)
    yield Tile("People", str(len(one.people)), hint=_count(len(one.turns), "turn") + " of speech")
    if any(s["source"] == "Camera" for s in one.pictures.get("streams", ())):
        yield _smoothness(one)
    if one.losses:
        yield _received(one)
    if one.file.kind == "video":
        yield _in_step(one)
    loudness = told["loudness"]
    if loudness and loudness["integratedLufs"] is not None:
        yield _loudness(loudness["integratedLufs"], loudness["truePeakDbtp"])


def _smoothness(one: FileFacts) -> Tile:
    cameras = [s for s in one.pictures["streams"] if s["source"] == "Camera"]
    frozen = sum(f["seconds"] for s in cameras for f in s["freezes"])
    watched = sum(s["seconds"] for s in cameras)
    hint = f"{seconds_in_words(frozen)} stood still" if frozen else "no camera stood still"
    return Tile("In motion", _share(1 - frozen / watched if watched else 1.0), "%", hint)


def _received(one: FileFacts) -> Tile:
    lost = sum(loss["missingSeconds"] for loss in one.losses)
    whole = sum(loss["seconds"] for loss in one.losses)
    hint = f"{seconds_in_words(lost)} missing" if lost else "nothing missing"
    return Tile("Received", _share(1 - lost / whole if whole else 1.0), "%", hint)


def _in_step(one: FileFacts) -> Tile:
    known = [abs(e["largestMs"] or 0.0) + e["plusMinusMs"] for e in one.sync]
    if not known:
        return Tile("In step", "–", hint="nobody had both sound and picture")
    return Tile("In step", f"±{max(1.0, *known):.0f}", "ms", "sound against picture")


def _loudness(lufs: float, peak: float | None) -> Tile:
    low, high = LOUDNESS_SCALE
    share = min(1.0, max(0.0, (lufs - low) / (high - low)))
    hint = f"peak {signed(peak)} dBTP" if peak is not None else ""
    return Tile("Loudness", signed(lufs), "LUFS", hint, round(share * 100, 1))


def participants(one: FileFacts) -> list[dict[str, Any]]:
    """One row for each stream of each participant: the table of figures."""
    rows = []
    streams = {s["stream"]: s for s in one.pictures.get("streams", ())}
    for person in one.people:
        mine = {loss["stream"]: None for loss in one.losses if loss["participantId"] == person.id}
        for stream in mine:
            losses = [loss for loss in one.losses if loss["stream"] == stream]
            sync = next((entry for entry in one.sync if entry["stream"] == stream), None)
            rows.append(
                {
                    "name": person.name,
                    "source": _source(losses),
                    "pictures": streams.get(stream),
                    "sound_lost": _missing(losses, "audio"),
                    "picture_lost": _missing(losses, "video"),
                    "packets": _packets(losses),
                    "sync": sync,
                    "method": _method(sync, stream, one),
                }
            )
    return rows


def _source(losses: Iterable[Mapping[str, Any]]) -> str:
    known = {(loss["source"], loss["kind"]) for loss in losses}
    if any(source == "ScreenShare" for source, _ in known):
        return "Screen"
    return "Camera" if ("Camera", "video") in known else "Microphone"


def _missing(losses: Iterable[Mapping[str, Any]], kind: str) -> float | None:
    seconds = [loss["missingSeconds"] for loss in losses if loss["kind"] == kind]
    return sum(seconds) if seconds else None


def _packets(losses: Iterable[Mapping[str, Any]]) -> dict[str, int] | None:
    """Of all tracks of a stream, as far as they were counted."""
    known = [loss["packets"] for loss in losses if loss["packets"] is not None]
    if not known:
        return None
    return {key: sum(one[key] for one in known) for key in ("received", "lost", "recovered")}


def _method(sync: Mapping[str, Any] | None, stream: str, one: FileFacts) -> str:
    if sync is None:
        return ""
    methods = [
        METHODS.get(sync[kind]["method"], sync[kind]["method"]) for kind in ("audio", "video")
    ]
    return methods[0] if methods[0] == methods[1] else f"sound: {methods[0]}, picture: {methods[1]}"


def seconds_in_words(seconds: float) -> str:
    """0, 20 ms, 0.8 s, 12 s, 3 min 05 s, 1 h 02 min."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole // 60 % 60:02} min"


def signed(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def _share(share: float) -> str:
    """Per cent, never rounded up to 100."""
    shown = int(share * 1000) / 10
    return f"{shown:.0f}" if shown == int(shown) else f"{shown:.1f}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
