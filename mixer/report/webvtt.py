"""WebVTT (W3C): speaker turns with voice tags, and chapters. Names are untrusted text.

Turns and chapters are made elsewhere; here they become text that every parser reads back the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .story import Chapter, Turn

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f]+")


def speakers(turns: Iterable[Turn]) -> str:
    """One cue a turn, `<v Name>Name`; cues of several who speak at once overlap."""
    cues = (_cue(t.start, t.stop, f"<v {escaped(t.name)}>{escaped(t.name)}</v>") for t in turns)
    return "\n".join(["WEBVTT", "", *cues])


def chapters(made: Iterable[Chapter]) -> str:
    """A chapter track: one cue a chapter, each to the beginning of the next."""
    cues = (_cue(c.start, c.stop, escaped(c.title)) for c in made)
    return "\n".join(["WEBVTT", "", *cues])


def escaped(text: str) -> str:
    """Text for a cue or for a voice tag's name: one line without markup. It cannot hold `-->`."""
    line = _BREAKS.sub(" ", text).strip()
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(character, entity)
    return line or "?"


def _cue(start: float, stop: float, text: str) -> str:
    return f"{_time(start)} --> {_time(stop)}\n{text}\n"


def _time(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"
