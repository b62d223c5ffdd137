"""Who is forgotten is nowhere in the journal's bytes; the rest is there, wherever it is killed."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.errors import JournalMissing, UsageError
from mixer.journal import Event, Frame, Journal, JournalWriter, Note, Track
from mixer.journal.forget import forget
from mixer.journal.presented import object_files
from mixer.journal.writer import media_path, meta_path
from tests.instruments.film import made_object
from tests.instruments.killing import killed_at, linked
from tests.journal.small import write_small

ALL_NS = 1 << 60


def keep(text: bytes) -> bool:
    return False


def content(directory: Path, *without: str) -> dict[str, Any]:
    """All that a reader gets of a journal, by stretches, too: they are found by offsets."""
    journal = Journal.open(directory, without)
    tracks = journal.tracks
    videos = [id_ for id_, track in tracks.items() if track.kind == "video"]
    found = {
        "tracks": dict(tracks),
        "alignments": dict(journal.alignments),
        "gaps": journal.gaps,
        "events": journal.events(),
        "notes": journal.notes,
        "watermark": journal.watermark_ns,
        "finished": journal.finished,
        "frames": list(journal.frames(tracks, 0, ALL_NS)) if journal.watermark_ns else [],
        "keys": [(p.track, p.rtp, p.width) for id_ in videos for p in journal.pictures(id_)],
        "stretches": [
            list(journal.frames(tracks, at, at + SECOND // 3))
            for at in range(0, journal.watermark_ns, SECOND // 3)
        ],
    }
    journal.close()
    return found


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def check_keys(directory: Path) -> None:
    """Each entry of the index of key pictures points at its frame."""
    for run in Journal.open(directory).runs:
        for pictures in run.pictures.values():
            for picture in pictures:
                end = media_path(directory, run.number).stat().st_size
                first = next(iter(run.media(picture.offset, end, set(run.tracks))))
                assert (first.track, first.rtp, first.key) == (picture.track, picture.rtp, True)


def test_what_remains_is_the_view_without_them(tmp_path: Path) -> None:
    """After forgetting, a reader gets what it got of the journal without them, and their ids,
    names and media are nowhere in its bytes."""
    directory = tmp_path / "journal"
    written = write_small(directory)
    expected = content(directory, "a")
    voice = [data for _, data in written.packets[written.tracks["a video"].id]]
    assert voice[5] in bytes_of(directory)
    before = len(bytes_of(directory))
    forget(directory, {"a"}, keep)
    assert content(directory) == expected
    left = bytes_of(directory)
    assert 0.2 * before < len(left) < 0.8 * before
    assert b"Person a" not in left
    assert b"a.camera" not in left
    assert not any(data in left for data in voice)
    check_keys(directory)
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


def test_several_runs_and_orphans(tmp_path: Path) -> None:
    """Every run is written anew; damaged bytes, a torn end and frames of tracks that nobody knows
    are gone, for they may be theirs; the journal can be gone on with."""
    directory = tmp_path / "journal"
    write_small(directory, final=False)
    with JournalWriter.create(directory, conference="small") as writer:
        for name in ("a", "b"):
            track = _microphone(writer, name)
            for number in range(50):
                at_ns = 5 * SECOND + number * 20_000_000
                secret = f"secret of {name} {number}".encode()
                writer.frame(Frame(track.id, number * 960, at_ns, secret))
                writer.watermark(at_ns - SECOND // 10)
        writer.frame(Frame(2_00_077, 0, 6 * SECOND, b"secret of nobody known"))
        writer.watermark(7 * SECOND)
    with media_path(directory, 2).open("ab") as file:
        file.write(b"secret that is torn")
    raw = bytearray(media_path(directory, 1).read_bytes())
    raw[100:110] = b"damagedxxx"
    media_path(directory, 1).write_bytes(raw)
    with meta_path(directory, 2).open("ab") as file:
        file.write(b'{"name": "Person a"')
    expected = content(directory, "a")
    forget(directory, ["a"], keep)
    assert content(directory) == expected
    left = bytes_of(directory)
    assert left.count(b"secret of b ") == 50
    for gone in (b"secret of a ", b"secret of nobody", b"torn", b"damaged", b"Person a"):
        assert gone not in left
    with JournalWriter.create(directory, conference="small") as writer:
        writer.event(Event(8 * SECOND, "later"))
        writer.watermark(9 * SECOND)
    assert Journal.open(directory).events()[-1].type == "later"


def _microphone(writer: JournalWriter, name: str) -> Track:
    return writer.track(
        participant=name,
        stream=f"{name}.camera",
        source="Camera",
        kind="audio",
        codec="opus",
        clock_rate=48_000,
    )


def test_what_a_later_run_says_of_their_video(tmp_path: Path) -> None:
    """A video that one run tells of and the next has loaded, without saying whose it is: its file
    goes with its owner, and the events that name it."""
    directory = tmp_path / "journal"
    video = {"kind": "video", "id": "v", "ownerId": "a", "name": "secret film", "streamId": "a.v",
             "url": "https://x.example.org/f.mp4", "playing": True, "positionMs": 0,
             "sinceNs": 0}  # fmt: skip
    with JournalWriter.create(directory, conference="c") as writer:
        film = made_object(directory, b"secret film", ".mp4")
        writer.event(Event(0, "presentation.started", {"presentation": video}))
        writer.watermark(SECOND)
    with JournalWriter.create(directory, conference="c") as writer:
        loaded = {"id": "v", "object": JOURNALLED + film, "durationMs": 9}
        writer.event(Event(2 * SECOND, "presentation.updated", loaded))
        writer.note(Note(2 * SECOND, "presentation-missing", {"presentation": "v", "page": 0}))
        writer.event(Event(3 * SECOND, "presentation.stopped", {"id": "v"}))
        writer.watermark(4 * SECOND)
        writer.close(final=True)
    seen = Journal.open(directory, {"a"})
    assert not seen.events() and not seen.notes and not object_files(seen)
    forget(directory, ["a"], keep)
    assert film.encode() not in bytes_of(directory)
    assert not list((directory / OBJECTS).iterdir())


def test_what_pages_fetched_is_looked_through(tmp_path: Path) -> None:
    """Answers that tell of the person go, with their bodies; the others are kept."""
    directory = tmp_path / "journal"
    write_small(directory)
    fetched = directory / "fetched"
    fetched.mkdir()
    for name, url, body in (("1", "http://x/ada.png", "f1"), ("2", "http://x/page", "f2")):
        (fetched / f"{name}.json").write_text(f'{{"url": "{url}", "body": "{body}"}}')
        (fetched / body).write_text(f"body of {url}")
    (fetched / "3.json").write_text('{"url": "http://x/list", "body": "f3"}')
    (fetched / "f3").write_text("ada is there")
    forget(directory, {"a"}, lambda text: b"ada" in text)
    assert sorted(path.name for path in fetched.iterdir()) == ["2.json", "f2"]


def test_refused_while_a_writer_lives(tmp_path: Path) -> None:
    """A journal that is being written is left alone."""
    directory = tmp_path / "journal"
    with JournalWriter.create(directory, conference="c") as writer:
        writer.note(Note(0, "x"))
        with pytest.raises(UsageError, match="is being recorded"):
            forget(directory, {"a"}, keep)
    with pytest.raises(JournalMissing):
        forget(tmp_path / "none", {"a"}, keep)
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


@pytest.mark.parametrize("exchanges", [True, False], ids=["exchange", "two steps"])
def test_killed_anywhere(tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 before any operation on a file leaves the old journal or the new one, whole (or,
    where the file system cannot exchange folders, none for a moment); asked again, the removal is
    made and nothing else is left."""
    if not exchanges:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: None)
    old = tmp_path / "old"
    _write_voices(old)
    whole, without = content(old), content(old, "a")
    outcomes = []
    for number in range(1, 1000):
        directory = tmp_path / f"killed-{number}" / "journal"
        linked(old, directory)
        killed = killed_at(number, lambda at=directory: forget(at, {"a"}, keep))  # type: ignore[misc]
        if exchanges or directory.exists():
            found = content(directory)
            assert found in (whole, without)
            outcomes.append(found == without)
        forget(directory, {"a"}, keep)
        assert content(directory) == without
        assert [path.name for path in directory.parent.iterdir()] == ["journal"]
        if not killed:
            break
    assert outcomes == sorted(outcomes)  # once new, it stays new
    assert (outcomes[0], outcomes[-1]) == (False, True)
    assert len(outcomes) > 20


def _write_voices(directory: Path) -> None:
    with JournalWriter.create(directory, conference="c") as writer:
        for name in ("a", "b"):
            track = _microphone(writer, name)
            for number in range(20):
                writer.frame(Frame(track.id, number * 960, number * 20_000_000, b"voice"))
        writer.watermark(SECOND)
        writer.close(final=True)
    (directory / "fetched").mkdir()
    (directory / "fetched" / "1.json").write_text('{"url": "", "body": ""}')
