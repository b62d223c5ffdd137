"""A disk that cannot hold what is to be made is told of before work starts, with the figures."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from mixer.clock import SECOND
from mixer.conference import state as conference
from mixer.edit import Span
from mixer.errors import StorageError
from mixer.journal import Event, Journal, JournalWriter
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.disk import Need, check_room, in_words, legs_of, sound_need, video_need
from mixer.recorder.offline import finish_plan
from mixer.recorder.remix import RenderOptions, remix
from mixer.render.audio_settings import AudioSettings
from tests.recorder.test_remix_ends import shown

Source = Literal["Camera", "ScreenShare"]
LONG_S = 10**9  # no disk has room for that
LEGS = AudioSettings(legs=True)
MIX = MixPlan(start_ns=0, stop_ns=LONG_S * SECOND)
TOLD = re.compile(r"^the render may need ([\d,]+) MB, but \S+ has [\d,]+ [MK]B left$")


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    """Ada was there twice, Ben once; both speak, and Ben shares his screen's sound."""
    made = RecordFolder(tmp_path)
    with JournalWriter.create(made.journal, conference="c") as writer:
        for at_s, id_ in ((0, "ada"), (1, "ben"), (5, "ada")):
            someone = dict(conference.participant(id_, id_))
            writer.event(Event(at_s * SECOND, "participant.added", {"participant": someone}))
            writer.event(Event((at_s + 3) * SECOND, "participant.removed", {"id": id_}))
        sources: tuple[tuple[str, Source], ...] = (
            ("ada", "Camera"),
            ("ben", "Camera"),
            ("ben", "ScreenShare"),
        )
        for id_, source in sources:
            writer.track(
                participant=id_,
                stream=f"{id_}.{source}",
                source=source,
                kind="audio",
                codec="opus",
                clock_rate=48_000,
            )
        writer.watermark(LONG_S * SECOND)
        writer.close(final=True)
    return made


def needed_mb(error: pytest.ExceptionInfo[StorageError]) -> int:
    found = TOLD.match(str(error.value))
    assert found, str(error.value)
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("format_", ["mp4", "mp3", "both"])
def test_finishing_and_remixing_say_so(folder: RecordFolder, tmp_path: Path, format_: str) -> None:
    """Before anything is made, and alike: of one mix the plan's files are as large as a remix's."""
    folder.save(Plan("", "c", (MIX,), format_, audio=LEGS))  # type: ignore[arg-type]
    with pytest.raises(StorageError) as finishing:
        asyncio.run(finish_plan(folder, shown))
    out = tmp_path / ("out.mp4" if format_ == "mp4" else "out")
    wish = RenderOptions(out, format=format_, audio=LEGS)  # type: ignore[arg-type]
    with pytest.raises(StorageError) as remixing:
        asyncio.run(remix(folder, wish, shown))
    assert needed_mb(finishing) == needed_mb(remixing)
    assert not out.exists() and not (tmp_path / "parts").exists()


def test_a_file_a_stay_and_source(folder: RecordFolder) -> None:
    """As many participants' files are reckoned with as there can be; who is left out has none, nor
    has a stay that begins after the last part."""
    journal = Journal.open(folder.journal)
    assert legs_of(journal, [Span(0)]) == 4
    assert legs_of(journal, [Span(0)], ("ben",)) == 2
    assert legs_of(journal, [Span(0, 4 * SECOND)]) == 3


def test_an_hour() -> None:
    """Files are as large as they can be said to be, and the work on the largest comes on top."""
    assert sound_need(LEGS, 4, 3600) == Need(172_800_000, 172_800_000)
    hour = video_need(MIX, 3600)
    assert 1.8e9 < hour.files < 2.3e9 < hour.work < 4e9
    finer = video_need(replace(MIX, crf=16), 3600)
    assert finer.files > 1.8 * hour.files
    assert hour.less(10**12) == Need(hour.files)


def test_figures_make_sense(tmp_path: Path) -> None:
    """What is needed is rounded up, what is free down: nobody needs 0 MB of 0."""
    assert [in_words(n) for n in (1, 1025, 981_000, 11 << 20)] == [
        "0 KB",
        "1 KB",
        "958 KB",
        "11 MB",
    ]
    assert [in_words(n, up=True) for n in (1, 1025, (11 << 20) + 1)] == ["1 KB", "2 KB", "12 MB"]
    with pytest.raises(StorageError, match=r"need [\d,]+ MB, but .* has"):
        check_room([Need(1 << 60), Need(1)], tmp_path, tmp_path / "not" / "there")
    check_room([], tmp_path, tmp_path)
