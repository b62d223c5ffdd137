"""A video that is presented is loaded once, from where it may be; then the journal tells of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.conference.difference import as_events
from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.conference.state import State, apply, empty, participant
from mixer.ingest import presented_video, video_file
from mixer.ingest.presented_video import HELD_NS, MISSING, PresentedVideo, loaded_by_child
from mixer.ingest.told import Telling
from mixer.journal.model import Event, Note
from tests.instruments.film import make_film, served, unfetched
from tests.room.serving import until

MOST = 1 << 30


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("films")
    make_film(folder / "film.mp4", 2)
    make_film(folder / "film.webm", 2, video="libvpx", audio="libopus")
    (folder / "page.mp4").write_text("<!doctype html><title>no film</title>")
    (folder / "torn.mp4").write_bytes((folder / "film.mp4").read_bytes()[:200])
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    with served(folder) as url:
        yield folder, url


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "127.0.0.1")


@pytest.mark.parametrize("kind", ["mp4", "webm"])
@pytest.mark.usefixtures("allowed")
async def test_loaded(films: tuple[Path, str], tmp_path: Path, kind: str) -> None:
    """The file is kept as it is, called by what is in it."""
    found = await loaded_by_child(f"{films[1]}/film.{kind}", tmp_path, MOST, unfetched)
    assert found["video"] == {"width": 640, "height": 360} and found["audio"]
    assert abs(found["durationMs"] - 2000) < 60
    [path] = tmp_path.iterdir()
    assert path.name == found["object"] and path.suffix == f".{kind}"
    assert path.read_bytes() == (films[0] / f"film.{kind}").read_bytes()


async def test_a_rooms_video_is_on_the_disk_before_it_has_its_name(
    films: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has written it, perhaps without that: the journal promises it."""
    synced: list[tuple[Path, list[str]]] = []

    def fsync(fd: int) -> None:
        there = [path.name for path in tmp_path.iterdir()]
        synced.append((Path(f"/proc/self/fd/{fd}").readlink(), there))

    monkeypatch.setattr(os, "fsync", fsync)
    aside = tmp_path / "aside"
    aside.write_bytes((films[0] / "film.mp4").read_bytes())
    found = await video_file.run("", tmp_path, aside, MOST)
    assert synced == [(aside, ["aside"]), (tmp_path, [found["object"]])]


@pytest.mark.parametrize(
    ("name", "most", "reason"),
    [
        ("none.mp4", MOST, "404"),
        ("page.mp4", MOST, "no MP4 or WebM"),
        ("list.mp4", MOST, "no MP4 or WebM"),
        ("torn.mp4", MOST, "damaged"),
        ("film.mp4", 1000, "larger"),
    ],
)
@pytest.mark.usefixtures("allowed")
async def test_unusable(
    films: tuple[Path, str], tmp_path: Path, name: str, most: int, reason: str
) -> None:
    """Said in a line, and nothing is left of it."""
    found = await loaded_by_child(f"{films[1]}/{name}", tmp_path, most, unfetched)
    assert reason in found["error"] and "\n" not in found["error"]
    assert list(tmp_path.iterdir()) == []


async def test_private_addresses_are_refused(
    films: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the operator allows them, by whatever name they are called."""
    monkeypatch.delenv("MIXER_LAYOUT_ALLOW", raising=False)
    port = films[1].rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "0177.0.0.1"):
        found = await loaded_by_child(f"http://{host}:{port}/film.mp4", tmp_path, MOST, unfetched)
        assert "error" in found, host
    assert (
        "loopback"
        in (await loaded_by_child(f"{films[1]}/film.mp4", tmp_path, MOST, unfetched))["error"]
    )
    assert list(tmp_path.iterdir()) == []


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.notes: list[Note] = []

    def tell(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        self.events.append((t_ns, type_, data))


def presentation(id: str, url: str) -> dict[str, Any]:
    shown = {"kind": "video", "id": id, "ownerId": "a", "name": "film", "url": url}
    return {**shown, "playing": True, "positionMs": 0, "sinceNs": 5, "streamId": f"a.{id}"}


@pytest.mark.usefixtures("allowed")
async def test_told_when_it_is_there(
    films: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its beginning on; shown again, it is not loaded again; while paused nothing is."""
    told, folder = Told(), tmp_path / OBJECTS
    video = PresentedVideo(folder, told.tell, told.notes.append, lambda: 9, unfetched)
    shown = presentation("v", f"{films[1]}/film.mp4")
    video.shown(5, shown, paused=True)
    await asyncio.sleep(0)
    assert not folder.exists()
    video.load()
    await until(lambda: len(told.events) == 2, "the film to be told of")
    (_, updated, data), (t_ns, added, stream) = told.events
    assert (updated, added, t_ns) == ("presentation.updated", "stream.added", 5)
    assert (folder / data["object"].removeprefix(JOURNALLED)).is_file()
    assert stream["participantId"] == "a" and stream["stream"]["id"] == "a.v"
    assert stream["stream"]["video"]["available"]
    video.stopped(7)
    assert told.events[-1][:2] == (7, "stream.removed")

    monkeypatch.setattr(presented_video, "loaded_by_child", None)
    video.shown(8, presentation("w", shown["url"]), paused=False)
    await until(lambda: told.events[-1][1] == "stream.added", "it again")
    assert told.notes == []
    await video.close()


async def test_the_journal_waits_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a video is there it is final up to the video's beginning, but not for long: then, and
    when the video is there, up to now."""
    come = asyncio.Event()

    async def loaded(*what: object) -> dict[str, Any]:
        await come.wait()
        return {"object": f"{'0' * 64}.mp4", "durationMs": 1, "video": None, "audio": True}

    monkeypatch.setattr(presented_video, "loaded_by_child", loaded)
    told = Told()
    video = PresentedVideo(tmp_path / OBJECTS, told.tell, told.notes.append, lambda: 9, unfetched)
    began_ns = 7 * SECOND
    assert video.held_ns(began_ns) == began_ns
    video.shown(began_ns, presentation("v", "https://example.org/f.mp4"), paused=False)
    for now_ns in (began_ns, began_ns + HELD_NS - 1):
        assert video.held_ns(now_ns) == began_ns
    assert video.held_ns(began_ns + HELD_NS) == began_ns + HELD_NS
    come.set()
    await until(lambda: len(told.events) == 2, "the video")
    assert video.held_ns(began_ns + 1) == began_ns + 1
    await video.close()


@pytest.mark.usefixtures("allowed")
async def test_what_cannot_be_had_is_noted(films: tuple[Path, str], tmp_path: Path) -> None:
    told = Told()
    video = PresentedVideo(tmp_path / OBJECTS, told.tell, told.notes.append, lambda: 9, unfetched)
    video.shown(5, presentation("v", f"{films[1]}/none.mp4"), paused=False)
    await until(lambda: told.notes, "the note")
    assert told.notes == [
        Note(9, MISSING, {"presentation": "v", "reason": "its server answers 404"})
    ]
    video.load()  # not tried again
    assert told.events == []
    await video.close()


# ---- what is told of it ------------------------------------------------------------------------


class Written:
    watermark_ns = 0

    def __init__(self) -> None:
        self.state: State = empty()

    def event(self, event: Event) -> None:
        self.state = apply(self.state, event.type, event.data)


class Straight:
    """Passes events on at once."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def follow(self, presentation: dict[str, Any] | None) -> None: ...

    def event(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        self._telling.tell(t_ns, type_, data)


def test_an_ingest_that_is_restarted_goes_on_with_it() -> None:
    """The file and the stream stay in the journal's state; the position is what the room says."""
    written = Written()
    telling = Telling(written)  # type: ignore[arg-type]
    telling.presentations = Straight(telling)
    room: dict[str, Any] = {"kind": "video", "id": "v", "ownerId": "a", "name": ""}
    room |= {"url": "http://e/f.mp4", "playing": True, "positionMs": 1000, "updatedAt": 77}
    state: Any = {**empty("c"), "participants": [participant("a", "Ada")], "presentation": room}
    telling.begin(1_000_000_000, state)
    stream = {"id": "a.v", "type": "VideoPresentation", "audio": None, "video": None}
    telling.tell(2_000_000_000, "stream.added", {"participantId": "a", "stream": stream})
    there = {"id": "v", "object": "journal:x"}
    telling.tell(2_000_000_000, "presentation.updated", there)
    known = telling.known
    assert known["presentation"]["sinceNs"] == 1_000_000_000  # type: ignore[typeddict-item]

    again = Telling(written, known)  # type: ignore[arg-type]
    again.presentations = Straight(again)
    later = {**room, "positionMs": 3010, "updatedAt": 99}
    state["presentation"] = later
    again.begin(3_000_000_000, state)
    assert again.known == known  # in step: nothing has happened
    later["positionMs"] = 9000
    third = Telling(written, known)  # type: ignore[arg-type]
    third.presentations = Straight(third)
    third.begin(3_000_000_000, state)
    shown: Any = third.known["presentation"]
    assert (shown["positionMs"], shown["sinceNs"]) == (9000, 3_000_000_000)
    assert shown["object"] == "journal:x" and third.known["participants"][0]["streams"]
    assert "updatedAt" not in str(as_events(third.known))
