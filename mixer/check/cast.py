"""Who is in the conferences of a check: people with names of all kinds, two who must not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixer.conference import state as conference
from mixer.preview import faces

NAMES = (
    "Ada Lovelace",
    "Dr. Maximiliane-Henriette von Hohenstein-Waldburg-Zeil",
    "עדה לאבלייס",
    "山田 太郎",
    "Zoë 🦊",
    "محمد رضا شجریان",
    "Grace Hopper",
    "김민준",
    "<i data-mixer-check>Markup</i>",
    "Wolfeschlegelsteinhausenbergerdorff",
)
MARKUP = "[data-mixer-check]"  # found in the page: a name was put in as markup
UNSEEN = {"mixer": "Mixer, never drawn", "listener": "Listener, never drawn"}
CAMERA, SCREEN = faces.CAMERA, faces.SCREEN
COUNTS = (1, 2, 4, 9, 25, 50)
SIZES = ((1920, 1080), (1080, 1920), (1080, 1080))

EventJson = dict[str, Any]


def name_of(place: int) -> str:
    turn = place // len(NAMES)
    return NAMES[place % len(NAMES)] + (f" {turn + 1}" if turn else "")


def stream(id: str, type: str, size: tuple[int, int]) -> dict[str, Any]:
    """One that has a picture."""
    width, height = size
    video = {"muted": False, "width": width, "height": height, "available": True}
    audio = {"muted": False} if type == "Camera" else None
    return {"id": id, "type": type, "audio": audio, "video": video}


def somebody(place: int) -> dict[str, Any]:
    """A participant with a camera."""
    id_ = f"p{place}"
    person = conference.participant(id_, name_of(place), external_id=f"external-{place}")
    return {**person, "streams": [stream(f"{id_}.camera", "Camera", CAMERA)]}


def joining(place: int) -> EventJson:
    return {"type": "participant.added", "data": {"participant": somebody(place)}}


def beginning(count: int) -> Mapping[str, Any]:
    """A conference of so many people, a mixer and a silent listener."""
    state: Any = conference.empty("check", "check")
    for type, name in UNSEEN.items():
        unseen = conference.participant(type, name, type)  # type: ignore[arg-type]
        state = conference.apply(state, "participant.added", {"participant": unseen})
    for place in range(count):
        state = conference.apply(state, **joining(place))
    return {**state, "recording": {"active": True, "startedAt": 1_700_000_000_000}}
