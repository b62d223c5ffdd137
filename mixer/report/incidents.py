"""What happened to a recording, as recording.json names it, in words for customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 40  # characters of those that no font has

# type: severity, area, text with {times}, {seconds}, {frames}, {count}
_WORDS = {
    "late": ("note", "network", "What came too late to be used: {frames}."),
    "broken": ("note", "network", "What could not be shown after a loss: {frames}."),
    "picture-undecodable": ("note", "picture", "A picture could not be decoded, {times}."),
    "reconnect": (
        "problem",
        "network",
        "The connection to the conference was lost {times}, for {seconds:.1f} s in all.",
    ),
    "damage": ("problem", "recording", "The journal was found damaged {times}."),
    "recovered": (
        "note",
        "recording",
        "The recording was interrupted and brought to its end afterwards.",
    ),
    "page-restart": (
        "note",
        "recording",
        "The layout's browser crashed {times} and was started again; nothing is lost by that.",
    ),
    "worker-restart": (
        "note",
        "recording",
        "A process that renders crashed {times} and was started again; nothing is lost by that.",
    ),
    "audio-restart": (
        "note",
        "recording",
        "What makes the sound crashed {times} and was started again; nothing is lost by that.",
    ),
    "loudness-missed": (
        "problem",
        "sound",
        "The loudness that was asked for could not be reached; the file is as loud as it is.",
    ),
    "unsupported-codec": (
        "problem",
        "recording",
        "Something was sent in a way that cannot be recorded, {times}.",
    ),
    "missing-glyphs": (
        "problem",
        "layout",
        "The layout's fonts lack {count} characters, which show as empty boxes: {characters}. "
        "Install a font that has them and render again.",
    ),
    "page.failed": (
        "note",
        "layout",
        "The layout hung, crashed or gave up {times} and was started again.",
    ),
    "page.stalled": ("problem", "layout", "The layout stopped answering {times}."),
    "page.replaced": (
        "problem",
        "layout",
        "The layout failed; from there on the built-in one is shown.",
    ),
    "page.tried": ("note", "layout", "The layout was tried again {times} after it had failed."),
    "page.finished": (
        "note",
        "layout",
        "The layout said that it has nothing more to show: its video ends there.",
    ),
    "page.suppressed": ("note", "layout", "The layout tried {times} what pages must not do."),
}
_OTHER = ("note", "recording", "Noted {times}: {type}.")


def told(type_: str, entries: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """(severity, area, text) of all entries of one type."""
    severity, area, text = _WORDS.get(type_, _OTHER)
    count = len(entries)
    missing = sorted({c for entry in entries for c in str(entry.get("characters", ""))})
    frames = sum(int(entry.get("frames") or 1) for entry in entries)
    words = text.format(
        type=type_,
        times={1: "once", 2: "twice"}.get(count, f"{count} times"),
        seconds=sum(float(entry.get("seconds") or 0.0) for entry in entries),
        frames="one packet or picture" if frames == 1 else f"{frames} packets or pictures",
        count=len(missing),
        characters=" ".join(missing[:SHOWN]),
    )
    return severity, area, words
