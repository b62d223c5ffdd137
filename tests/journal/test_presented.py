"""Pages of presented files in a journal: exported, reported, and forgotten with who showed them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.journal import Event, Journal, JournalWriter
from mixer.journal.export import export
from mixer.journal.forget import forget
from mixer.journal.inspect import inspect
from mixer.journal.played import stretches

OWN, COMMON = b"of Ada alone", b"shown by both"


def name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.png"


def shown(id: str, owner: str, *contents: bytes) -> dict[str, Any]:
    pages = [{"url": JOURNALLED + name_of(one), "width": 4, "height": 3} for one in contents]
    presentation = {"kind": "file", "id": id, "ownerId": owner, "name": "a/b.pdf", "pages": pages}
    return {"presentation": {**presentation, "page": 0}}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Ada shows two pages, then Grace one of them."""
    made = tmp_path / "journal"
    with JournalWriter.create(made, conference="c") as writer:
        for id in ("ada", "grace"):
            person: dict[str, Any] = {"id": id, "name": id, "type": "user", "streams": []}
            writer.event(Event(0, "participant.added", {"participant": person}))
        writer.event(Event(SECOND, "presentation.started", shown("f1", "ada", OWN, COMMON)))
        writer.event(Event(2 * SECOND, "presentation.updated", {"id": "f1", "page": 1}))
        writer.event(Event(3 * SECOND, "presentation.stopped", {"id": "f1"}))
        writer.event(Event(4 * SECOND, "presentation.started", shown("f2", "grace", COMMON)))
        writer.watermark(5 * SECOND)
        writer.close(final=True)
    (made / OBJECTS).mkdir()
    for content in (OWN, COMMON):
        (made / OBJECTS / name_of(content)).write_bytes(content)
    return made


def test_reported(directory: Path) -> None:
    told = inspect(Journal.open(directory))["presentations"]
    assert [(one["participantId"], one["pages"], one["fetched"]) for one in told] == [
        ("ada", 2, 2),
        ("grace", 1, 1),
    ]


def test_exported(directory: Path, tmp_path: Path) -> None:
    """Under names that are safe in any file system."""
    names = [path.name for path in export(Journal.open(directory), tmp_path / "out")]
    assert names == [
        "ada-a_b.pdf-1-page-001.png",
        "ada-a_b.pdf-1-page-002.png",
        "grace-a_b.pdf-2-page-001.png",
    ]
    assert (tmp_path / "out" / names[0]).read_bytes() == OWN


def test_forgotten(directory: Path) -> None:
    """Without somebody there is nothing of what they showed, but what others showed, too."""
    seen = Journal.open(directory, without=["ada"])
    assert [e.data["presentation"]["id"] for e in seen.events() if "presentation" in e.data] == [
        "f2"
    ]
    forget(directory, ["ada"], lambda _: False)
    journal = Journal.open(directory)
    assert [event.type for event in journal.events()] == [
        "participant.added",
        "presentation.started",
    ]
    assert [path.name for path in (directory / OBJECTS).iterdir()] == [name_of(COMMON)]


def test_videos(tmp_path: Path) -> None:
    """Are reported, exported, and forgotten with who showed them, like pages."""
    made = tmp_path / "journal"
    content = b"a film"
    name = f"{hashlib.sha256(content).hexdigest()}.webm"
    video: dict[str, Any] = {"kind": "video", "id": "v", "ownerId": "ada", "name": "film"}
    video |= {
        "url": "http://e/f",
        "playing": True,
        "positionMs": 0,
        "sinceNs": SECOND,
        "streamId": "ada.v",
    }
    stream = {"id": "ada.v", "type": "VideoPresentation", "audio": None, "video": None}
    with JournalWriter.create(made, conference="c") as writer:
        for id in ("ada", "grace"):
            person: dict[str, Any] = {"id": id, "name": id, "type": "user", "streams": []}
            writer.event(Event(0, "participant.added", {"participant": person}))
        for t, type_, data in (
            (1, "presentation.started", {"presentation": video}),
            (1, "presentation.updated", {"id": "v", "object": f"{JOURNALLED}{name}"}),
            (1, "stream.added", {"participantId": "ada", "stream": stream}),
            (2, "presentation.updated", {"id": "v", "playing": False, "positionMs": 1000}),
            (3, "stream.removed", {"participantId": "ada", "streamId": "ada.v"}),
            (3, "presentation.stopped", {"id": "v"}),
        ):
            writer.event(Event(t * SECOND, type_, data))
        writer.watermark(5 * SECOND)
        writer.close(final=True)
    (made / OBJECTS).mkdir()
    (made / OBJECTS / name).write_bytes(content)
    journal = Journal.open(made)
    [told] = inspect(journal)["presentations"]
    assert (told["kind"], told["name"], told["pages"], told["fetched"]) == ("video", "film", 1, 1)
    assert len(stretches(journal)) == 2
    out = tmp_path / "tracks"
    assert export(journal, out) == [out / "ada-film-1.webm"]
    assert (out / "ada-film-1.webm").read_bytes() == content
    assert stretches(Journal.open(made, ["ada"])) == []
    assert len(stretches(Journal.open(made, ["grace"]))) == 2
    forget(made, ["ada"], lambda _: False)
    anew = Journal.open(made)
    assert {event.type for event in anew.events()} == {"participant.added"}
    assert list((made / OBJECTS).iterdir()) == []
