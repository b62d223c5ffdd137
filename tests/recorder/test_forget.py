"""Who is forgotten is nowhere in the recording's folder; what showed them can be made again."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.conference import state as conference
from mixer.errors import UsageError
from mixer.journal import Event, Frame, Journal, JournalWriter
from mixer.lock import folder_locked, locked
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.control import listening
from mixer.recorder.forget import forget
from mixer.recorder.offline import finish_plan
from mixer.recorder.plan import AudioPart
from mixer.render.audio_settings import AudioSettings
from tests.instruments.killing import killed_at, linked
from tests.render.renders import journal

ADA = "x7adax"
NAMES = ("Ada Lovelace", "ada@example.org")
EARLY, LATE = (0, 5 * SECOND), (8 * SECOND, 9 * SECOND)  # Ada leaves at 6 s


def write_journal(directory: Path) -> None:
    people = {ADA: NAMES, "x8benx": ("Ben", "ben@example.org")}
    with JournalWriter.create(directory, conference="c") as writer:
        for id_, (name, external) in people.items():
            someone = dict(conference.participant(id_, name, external_id=external))
            writer.event(Event(0, "participant.added", {"participant": someone}))
            track = writer.track(
                participant=id_,
                stream=f"{id_}.camera",
                source="Camera",
                kind="audio",
                codec="opus",
                clock_rate=48_000,
            )
            for number in range(20):
                writer.frame(Frame(track.id, number * 960, number * 20_000_000, b"voice"))
        writer.event(Event(6 * SECOND, "participant.removed", {"id": ADA}))
        writer.watermark(10 * SECOND)
        writer.close(final=True)


def write_folder(directory: Path) -> RecordFolder:
    """A recording with two parts of a mix, sound and legs, of which only the first has Ada."""
    folder = RecordFolder(directory)
    write_journal(folder.journal)
    parts = (EARLY, LATE)
    mixes = [MixPlan("m", part=n + 1, start_ns=a, stop_ns=b) for n, (a, b) in enumerate(parts)]
    sound = AudioSettings(legs=True, without=(ADA,))
    audio = tuple(AudioPart(a, b, finished=True) for a, b in parts)
    finished = tuple(replace(mix, finished=True) for mix in mixes)
    folder.save(Plan("http://h/rooms/c", "c", finished, "both", True, sound, audio, merged=True))
    for name, text in files().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def files() -> dict[str, str]:
    """Files beside journal and plan, by name."""
    legs = [
        {"path": f"audio/record_1_conn_{id_}_5.mp3", "participant": id_} for id_ in (ADA, "x8benx")
    ]
    noted = [
        {"type": "gap", "participantId": ADA, "stream": f"{ADA}.camera"},
        {"type": "page.suppressed", "detail": "Ada Lovelace left"},
        {"type": "gap", "participantId": "x8benx"},
    ]
    result = {
        "alias": "c",
        "participants": [{"id": id_, "externalId": "", "name": ""} for id_ in (ADA, "x8benx")],
        "irregularities": noted,
        "audio": {"files": legs},
    }
    return {
        "mixes/m.mp4": "of Ada Lovelace",
        "parts/m.1.mp4": "of Ada Lovelace",
        "parts/m.2.mp4": "of Ben",
        "parts/m.1.json": "[]",
        "parts/m.2.json": "[]",
        "parts/~sound.1.json": json.dumps(legs),
        "audio/record_1_conf_c.mp3": "of both",
        f"audio/record_1_conn_{ADA}_5.mp3": "of Ada",
        f"audio/record_1_conn_{ADA}_5_screen.cue": "of Ada",
        "audio/record_1_conn_x8benx_5.mp3": "ID3 chapter: Ada Lovelace joins",
        "audio/record_9_conn_x8benx_5.mp3": "ID3 chapter: Ben joins",
        "recording.json": json.dumps(result),
        "ingest.log": f"joined participant={ADA}\njoined participant=x8benx\n",
        "work/mix-m.3/page-pass.log": "Ada Lovelace",
        "report/report.json": '{"name": "Ada Lovelace"}',
    }


OUTDATED = (
    "audio/record_1_conf_c.mp3",
    "audio/record_1_conn_x8benx_5.mp3",
    "mixes/m.mp4",
    "parts/m.1.mp4",
)


def telling(directory: Path) -> list[str]:
    """Files that tell of Ada by content or name."""
    words = [word.encode() for word in (ADA, *NAMES)]
    return [
        str(path.relative_to(directory))
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and any(word in path.read_bytes() or word in path.name.encode() for word in words)
    ]


@pytest.mark.parametrize("who", [ADA, *NAMES])
def test_nothing_tells_of_them_any_more(tmp_path: Path, who: str) -> None:
    """But finished mixes, which are named: neither id nor name is in any file; their own files and
    derived folders are gone, what tells of others stays."""
    folder = write_folder(tmp_path)
    assert len(telling(tmp_path)) > 8
    done = forget(folder, who)
    assert done.people == (ADA,)
    assert done.outdated == OUTDATED
    left = [name for name in telling(tmp_path) if name != "forgotten.json"]
    assert set(left) <= set(OUTDATED)
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "report").exists()
    assert (tmp_path / "ingest.log").read_text() == "joined participant=x8benx\n"
    result = json.loads((tmp_path / "recording.json").read_text())
    assert [one["id"] for one in result["participants"]] == ["x8benx"]
    assert [one.get("participantId") for one in result["irregularities"]] == [None, "x8benx"]
    assert [one["participant"] for one in result["audio"]["files"]] == ["x8benx"]
    assert folder.load().merged  # nothing is made again unless that is asked for
    assert folder.load().audio.without == ()
    with pytest.raises(UsageError, match=r"in this recording: Ben \(x8benx\)"):
        forget(folder, who)


def test_mixes_are_deleted_and_wanted_again(tmp_path: Path) -> None:
    """`--mixes`, also later and without a name: what shows them is gone, the plan wants it again,
    and what does not show them stays."""
    folder = write_folder(tmp_path)
    forget(folder, ADA)
    done = forget(folder, None, mixes=True)
    assert done.deleted == OUTDATED
    assert telling(tmp_path) == []
    plan = folder.load()
    assert [mix.finished for mix in plan.mixes] == [False, True]
    assert not any(part.finished for part in plan.audio_parts)
    assert not plan.merged
    assert (tmp_path / "parts/m.2.mp4").exists()
    assert (tmp_path / "audio/record_9_conn_x8benx_5.mp3").exists()
    assert forget(folder, None, mixes=True).deleted == ()
    assert not (tmp_path / "forgotten.json").exists()


def test_ids_whose_files_have_names_alike(tmp_path: Path) -> None:
    """Somebody whose id differs only in what file names cannot hold keeps their sound."""
    folder = write_folder(tmp_path)
    whose = {"record_1_conn_x_7_5": "x 7", "record_1_conn_x_7_5_2": "x/7"}
    with JournalWriter.create(folder.journal, conference="c") as writer:
        for id_ in whose.values():
            someone = dict(conference.participant(id_, "Cyd"))
            writer.event(Event(9 * SECOND, "participant.added", {"participant": someone}))
        writer.close(final=True)
    for name in whose:
        (tmp_path / f"audio/{name}.mp3").write_text("voice")
        (tmp_path / f"audio/{name}.cue").write_text("places")
    legs = [{"file": f"audio/{name}.mp3", "participantId": id_} for name, id_ in whose.items()]
    result = {"audio": {"files": legs}}
    folder.result.write_text(json.dumps(result))
    forget(folder, "x 7")
    left = sorted(path.name for path in (tmp_path / "audio").glob("*_x_7_*"))
    assert left == ["record_1_conn_x_7_5_2.cue", "record_1_conn_x_7_5_2.mp3"]
    assert json.loads(folder.result.read_text()) == {"audio": {"files": legs[1:]}}


def test_refused_while_it_is_recorded(tmp_path: Path) -> None:
    """Neither a recorder that finishes its mixes nor a living writer is disturbed, nor whoever
    renders it; all is as it was, so that nothing is to be finished later."""
    folder = write_folder(tmp_path)
    before = dict(contents(tmp_path))

    async def answer(command: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def recorder() -> None:
        async with listening(folder.socket, answer):
            with pytest.raises(UsageError, match="is being recorded"):
                await asyncio.to_thread(forget, folder, ADA)

    asyncio.run(recorder())
    with locked(folder.lock, ""), pytest.raises(UsageError, match="recorded or finished"):
        forget(folder, ADA, mixes=True)
    with (
        folder_locked(folder.journal, "", shared=True),
        pytest.raises(UsageError, match="is being rendered"),
    ):
        forget(folder, ADA)
    assert dict(contents(tmp_path)) == before
    with (
        JournalWriter.create(folder.journal, conference="c"),
        pytest.raises(UsageError, match="is being recorded"),
    ):
        forget(folder, ADA)
    assert not (tmp_path / "forgotten.json").exists()


def test_what_came_after_a_removal_began(tmp_path: Path) -> None:
    """One that was killed at its beginning is finished as things are then: mixes that were made
    since are named, ids that she has got since are gone, and whoever goes is told, also where
    somebody else was to be forgotten."""
    folder = write_folder(tmp_path)
    (tmp_path / "mixes/m.mp4").rename(tmp_path / "m.mp4")
    number = 1
    while not (tmp_path / "forgotten.json").exists():
        assert killed_at(number, partial(forget, folder, NAMES[0]))
        number += 1
    (tmp_path / "m.mp4").rename(tmp_path / "mixes/m.mp4")
    with JournalWriter.create(folder.journal, conference="c") as writer:
        again = dict(conference.participant("x9adax", NAMES[0]))
        writer.event(Event(9 * SECOND, "participant.added", {"participant": again}))
        writer.watermark(10 * SECOND)
        writer.close(final=True)
    with pytest.raises(UsageError, match="no participant 'Zoe'"):
        forget(folder, "Zoe")
    done = forget(folder, "Ben")
    assert done.people == (ADA, "x8benx", "x9adax")
    assert "mixes/m.mp4" in done.outdated
    assert not Journal.open(folder.journal).tracks


def test_killed_anywhere(tmp_path: Path) -> None:
    """Wherever it is killed, the journal is the old one or the new one, and the same command, or
    any later one, brings the removal to its end."""
    write_folder(tmp_path / "whole")
    clean = tmp_path / "clean"
    linked(tmp_path / "whole", clean)
    forget(RecordFolder(clean), ADA, mixes=True)
    expected = names_in(clean)
    for number in range(1, 3000, 7):  # operations on files; another offset for each command
        folder = RecordFolder(tmp_path / f"killed-{number}")
        linked(tmp_path / "whole", folder.directory)
        killed = killed_at(number, partial(forget, folder, ADA, mixes=True))
        assert Journal.open(folder.journal).finished
        forget(folder, ADA if _pending(folder) else None, mixes=True)
        assert telling(folder.directory) == []
        assert names_in(folder.directory) == expected
        shutil.rmtree(folder.directory)
        if not killed:
            return
    raise AssertionError("it never came to its end")


def _pending(folder: RecordFolder) -> bool:
    """Whether Ada is still somewhere: in the journal, or in what is to be done."""
    path = folder.directory / "forgotten.json"
    known = path.exists() and ADA in path.read_text()
    return known or any(ADA in str(event) for event in Journal.open(folder.journal).events())


def names_in(directory: Path) -> list[str]:
    return sorted(name for name, _ in contents(directory))


def contents(directory: Path) -> Iterator[tuple[str, bytes]]:
    """All but locks, which are empty."""
    for path in directory.rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            yield str(path.relative_to(directory)), path.read_bytes()


@pytest.mark.system
def test_a_mix_made_again_is_that_of_a_conference_without_them(tmp_path: Path) -> None:
    """`mixer forget --mixes` and then `mixer render` give, to the bit, the file of a recording to
    which the forgotten person never came."""
    made = []
    for name, absent in (("full", ()), ("never", (0,))):
        folder = RecordFolder(tmp_path / name)
        journal(folder.journal, seconds=2, absent=absent)
        mix = MixPlan(width=320, height=180, fps=15, preset="ultrafast", start_ns=100_000_000)
        folder.save(Plan("", "made", (replace(mix, finished=not absent),), merged=not absent))
        if not absent:
            folder.mix_file("default").parent.mkdir()
            folder.mix_file("default").write_bytes(b"a video with Ada in it")
            command = [sys.executable, "-m", "mixer.cli", "forget", str(folder.directory)]
            done = subprocess.run([*command, "Ada", "--mixes"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert "mixes/default.mp4" in done.stdout
        asyncio.run(finish_plan(folder, lambda *_: None))
        made.append(folder.mix_file("default").read_bytes())
    assert made[0] == made[1]
