"""The documents say what the program does: their tables are compared with the code."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mixer import errors
from mixer.journal import Alignment, Event, Gap, Journal, Note, Track, records
from mixer.journal.inspect import inspect
from mixer.recorder import MixPlan, Plan, Recorder, RecordFolder, RecordSettings
from mixer.recorder.finish import Files
from mixer.recorder.outputs import Output
from mixer.recorder.result import write_result
from tests.journal.small import write_small

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def rows(text: str) -> list[list[str]]:
    """The cells of every table's rows, without heads and rules."""
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line] for line in lines if set(line[0]) - set("- ")]


def codes(cell: str) -> list[str]:
    """What a cell has in `code`."""
    return re.findall(r"`([^`]+)`", cell)


def section(name: str, heading: str, until: str = "\n## ") -> str:
    _, _, rest = (DOCS / name).read_text().partition(f"\n{heading}\n")
    assert rest, f"{name} has no {heading}"
    return rest.partition(until)[0]


def keys_in(text: str) -> set[str]:
    """First column's names, [] removed."""
    return {name.removesuffix("[]") for row in rows(text) for name in codes(row[0])}


def raised() -> dict[int, str]:
    """Exit codes that a command can end with, by the most basic class that has it."""
    found = {1: "MixerError"}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.MixerError):
            found.setdefault(kind.exit_code, kind.__name__)
    return found


def test_exit_codes_are_exactly_those_of_the_program() -> None:
    """docs/exit-codes.md lists every class of errors.py that has a code of its own, and no more."""
    told = {
        int(row[0]): codes(row[1])[0]
        for row in rows((DOCS / "exit-codes.md").read_text())
        if row[0].isdigit() and codes(row[1])
    }
    assert told == raised()
    classes = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.MixerError)
    }
    assert classes - set(told.values()) == {"ConferenceError", "JournalError"}


def test_every_record_type_is_documented_with_its_number() -> None:
    """docs/journal.md names each type of the framing, and describes each."""
    text = section("journal.md", "## Record types")
    told = {
        int(row[0]): codes(row[1])[0] for row in rows(text) if row[0].isdigit() and codes(row[1])
    }
    assert told == {kind.value: kind.name for kind in records.Type}
    for kind in records.Type:
        assert f"**`{kind.name}`**" in text


def test_byte_layouts_are_as_documented() -> None:
    """Lengths of the binary records, the header, the magic and the version are the code's."""
    text = (DOCS / "journal.md").read_text()
    lengths = {
        codes(row[1])[0]: row[2]
        for row in rows(text)
        if row[0].isdigit() and len(row) == 3 and codes(row[1])
    }
    assert lengths["FRAME"] == f"{records._FRAME.size} bytes and the media"
    assert lengths["WATERMARK"] == f"{records._WATERMARK.size} bytes"
    assert lengths["PICTURE"] == f"{records._PICTURE.size} bytes"
    assert f"# The journal, version {records.VERSION}\n" in text
    assert records.MAGIC.hex(" ").upper() in text
    assert f"| {records.HEADER_SIZE} | | payload |" in text
    assert f"at most {records.MAX_PAYLOAD >> 20} MiB" in text


@pytest.mark.parametrize("kind", [Track, Alignment, Gap, Event, Note])
def test_every_field_of_a_json_record_is_documented(kind: type[Any]) -> None:
    """docs/journal.md names each key that the journal's values have."""
    text = section("journal.md", "## Record types")
    named = {name for line in text.splitlines() for name in codes(line)}
    assert {field.name for field in fields(kind)} <= named


def test_the_schema_of_inspect_is_complete(tmp_path: Path) -> None:
    """Every key of a report is in docs/journal.md, and every documented key is in a report."""
    report = inspect(Journal.open(write_small(tmp_path / "j").directory))
    text = section("journal.md", "# `mixer inspect DIR --json`", "\n# ")
    whole, _, track = text.partition("| key of a track |")
    assert keys_in(whole) == set(report)
    assert keys_in(track) == set().union(*report["tracks"])
    named = set(codes(text))
    for part in ("runs", "notes", "damage"):
        assert {key for entry in report[part] for key in entry} <= named
    for key in ("gaps", "alignment", "keyPictures"):
        assert set(report["tracks"][0][key]) <= named


def test_plan_and_result_have_the_documented_keys(tmp_path: Path) -> None:
    """plan.json and recording.json, written by the program, have the keys of docs/recording.md."""
    folder = RecordFolder(tmp_path)
    write_small(folder.journal)
    plan = Plan("http://host/rooms/x", mixes=(MixPlan(start_ns=0),), format="both")
    plan = plan.with_audio_parts()
    folder.save(plan)
    whole, _, mix = section("recording.md", "## plan.json").partition("| key of a part |")
    saved = json.loads(folder.plan.read_text())
    assert keys_in(whole) == set(saved)
    assert keys_in(mix) == set(saved["mixes"][0])

    status = Recorder(RecordSettings("http://host/rooms/x", tmp_path)).status
    made = Files(sounds=(Output("a.mp3", "participant", 1, 1.0, participant="p", stay_ns=0),))
    result = write_result(folder, plan, Journal.open(folder.journal), status, made)
    text = section("recording.md", "## recording.json")
    whole, _, rest = text.partition("| key of a mix |")
    mix, _, rest = rest.partition("| key of an audio file |")
    sound, _, irregular = rest.partition("`sync` says")
    assert keys_in(whole) == set(result)
    assert keys_in(mix) == set(result["mixes"][0])
    assert keys_in(sound) == set(result["audio"]["files"][0])
    named = set(codes(text))
    assert set(result["mixes"][0]["parts"][0]) <= named
    assert set(result["audio"]) | set(result["audio"]["parts"][0]) <= named
    for part in ("participants", "tracks"):
        assert {key for entry in result[part] for key in entry} <= named
    assert set(result["tracks"][0]["sync"]) <= named
    assert result["irregularities"][0]["type"] == "gap"
    gap = next(row for row in rows(irregular) if codes(row[0]) == ["gap"])
    assert set(codes(gap[1])) == set(result["irregularities"][0]) - {"t", "type"}


async def test_the_control_socket_takes_the_documented_commands(tmp_path: Path) -> None:
    """Every documented command is known, the error names just those, and status has these keys."""
    recorder = Recorder(RecordSettings("http://host/rooms/x", tmp_path))
    text = section("recording.md", "## control.sock")
    commands, _, status = text.partition("The answer to `status`")
    told = keys_in(commands) - {"command"}
    with pytest.raises(errors.UsageError) as unknown:
        await recorder._answer("dance", {})
    assert told == set(re.findall(r"\w+", str(unknown.value).partition(":")[2])) - {"or"}
    assert keys_in(status) == set(await recorder._answer("status", {}))


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in the documents, pictures among them, names a file that is there."""
    for page in [*DOCS.glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"]:
        for target in re.findall(r"\[[^]]*\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
