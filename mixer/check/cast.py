"""Who is in the conferences of a check: people with names of all kinds, two who must not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixer.check import drawn
from mixer.conference import state as conference
from mixer.layout.timeline import OBJECTS_URL
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
PEOPLE, SHARE, FILE, VIDEO, AVATAR = "people", "share", "file", "video", "avatar"  # of pictures
SCREEN_STREAM, FILM_STREAM = "p0.screen", "p0.film"
FILE_PAGE = f"{'c' * 64}.png"  # as objects of a journal are named
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


def scenes(people: int) -> list[tuple[str, list[EventJson]]]:
    """What is to be seen of few people besides cameras, and the events that lead from each scene to
    the next: a screen, a file, a video, somebody without a camera."""
    page = {"url": OBJECTS_URL + FILE_PAGE, "width": drawn.PAGE[0], "height": drawn.PAGE[1]}
    file = {"kind": "file", "id": "file", "ownerId": "p0", "name": "Slides.pdf", "pages": [page]}
    film = {"kind": "video", "id": "film", "ownerId": "p0", "name": "Film.mp4", "playing": True}
    film |= {"url": "https://example.org/film.mp4", "positionMs": 0, "streamId": FILM_STREAM}
    off = {"streamId": f"p{people - 1}.camera", "video": {"muted": True}}
    return [
        (SHARE, [_shares(stream(SCREEN_STREAM, "ScreenShare", SCREEN))]),
        (FILE, [_ends(SCREEN_STREAM), _presents({**file, "page": 0})]),
        (VIDEO, [_shares(stream(FILM_STREAM, "VideoPresentation", drawn.FILM)), _presents(film)]),
        (
            AVATAR,
            [
                {"type": "presentation.stopped", "data": {"id": "film"}},
                _ends(FILM_STREAM),
                {"type": "stream.updated", "data": {"participantId": f"p{people - 1}", **off}},
            ],
        ),
    ]


def _shares(shared: dict[str, Any]) -> EventJson:
    return {"type": "stream.added", "data": {"participantId": "p0", "stream": shared}}


def _ends(id: str) -> EventJson:
    return {"type": "stream.removed", "data": {"participantId": "p0", "streamId": id}}


def _presents(presentation: dict[str, Any]) -> EventJson:
    return {"type": "presentation.started", "data": {"presentation": presentation}}


def beginning(count: int) -> Mapping[str, Any]:
    """A conference of so many people, a mixer and a silent listener."""
    state: Any = conference.empty("check", "check")
    for type, name in UNSEEN.items():
        unseen = conference.participant(type, name, type)  # type: ignore[arg-type]
        state = conference.apply(state, "participant.added", {"participant": unseen})
    for place in range(count):
        state = conference.apply(state, **joining(place))
    return {**state, "recording": {"active": True, "startedAt": 1_700_000_000_000}}
