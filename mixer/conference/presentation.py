"""Where the pages of a presented file are, and presented videos: in a room, and in a journal. Pure.

A page's file is called by its SHA-256, so who has it can check it, and its place in a journal is
known before it has been fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

OBJECTS = "objects"  # the folder of a journal with what was presented
JOURNALLED = "journal:"
_NAME = r"[0-9a-f]{64}\.(?:png|jpg)"
_IN_ROOM = re.compile(rf"presentations/[0-9a-f]{{32}}/({_NAME})")
_OBJECT = re.compile(_NAME)
_VIDEO_NAME = r"[0-9a-f]{64}\.(?:mp4|webm)"
_VIDEO = re.compile(_VIDEO_NAME)
_VIDEO_IN_ROOM = re.compile(rf"presentations/[0-9a-f]{{32}}/{_VIDEO_NAME}")


def is_object_name(text: str) -> bool:
    return _OBJECT.fullmatch(text) is not None


def is_video_name(text: str) -> bool:
    return _VIDEO.fullmatch(text) is not None


def is_video_in_room(url: str) -> bool:
    """Whether the room itself has the video, below its address: one that a replay presents."""
    return _VIDEO_IN_ROOM.fullmatch(url) is not None


def video_object(presentation: Mapping[str, Any]) -> str | None:
    """The name of a journal's file with the video that is presented; None while it is not there."""
    name = str(presentation.get("object", "")).removeprefix(JOURNALLED)
    return name if _VIDEO.fullmatch(name) else None


def object_of(url: str) -> str | None:
    """The name of the file with the page of that address, either kind; None for any other."""
    if (found := _IN_ROOM.fullmatch(url)) is not None:
        return found[1]
    name = url.removeprefix(JOURNALLED)
    return name if name != url and is_object_name(name) else None


def objects(presentation: Mapping[str, Any]) -> list[str]:
    """The names of its pages' files, in order; those of strange addresses are left out."""
    pages = presentation.get("pages") or []
    named = [object_of(str(page.get("url", ""))) for page in pages if isinstance(page, Mapping)]
    return [name for name in named if name is not None]


def journalled(presentation: Mapping[str, Any]) -> dict[str, Any] | None:
    """The presentation as the journal tells of it; None if it is not one of a room's files."""
    pages = presentation.get("pages") or []
    if presentation.get("kind") != "file" or len(objects(presentation)) != len(pages):
        return None
    named = zip(pages, objects(presentation), strict=True)
    return {**presentation, "pages": [{**one, "url": JOURNALLED + name} for one, name in named]}


def placed(presentation: Mapping[str, Any], base: str, before: str = JOURNALLED) -> dict[str, Any]:
    """The presentation with its pages at the address `base` + name that were at `before` + name:
    by default the journalled ones."""
    if presentation.get("kind") != "file":
        return dict(presentation)
    pages = presentation.get("pages") or []
    return {**presentation, "pages": [_placed(page, base, before) for page in pages]}


def _placed(page: Mapping[str, Any], base: str, before: str) -> dict[str, Any]:
    url = str(page["url"])
    return {**page, "url": base + url.removeprefix(before) if url.startswith(before) else url}
