"""What breaks while a recording goes on: ingest killed, Janus killed, the publisher gone; what was
journalled stays, gaps are true, and everything after a gap is in sync."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixer.conference.state import apply, empty
from mixer.journal import Journal
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import (
    IngestProcess,
    beeps_ns,
    flashes_ns,
    ingesting,
    marks,
    publishing,
    tracks_of,
    until,
)
from tests.instruments.sources import Publisher

pytestmark = pytest.mark.system
SECOND = 1_000_000_000
VIDEO = ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)
LOADED_NS = 150e6  # on a machine that is busy with other things; `make bench` wants 20 ms


def publisher(janus: BareJanus, room: int) -> Publisher:
    return Publisher(janus.url(room), "Ann", VIDEO, 900.0, feed_id=11)


def in_sync(journal: Journal) -> None:
    """Beeps lie at flashes, in every pair of tracks of one run."""
    for video in tracks_of(journal, kind="video"):
        run = video.id // 100_000
        (audio,) = [a for a in tracks_of(journal, kind="audio") if a.id // 100_000 == run][-1:]
        beeps = beeps_ns(journal, audio)
        offsets = [
            beep - flash
            for flash in flashes_ns(journal, video)
            for beep in beeps
            if abs(beep - flash) < 3e8
        ]
        assert np.abs(offsets).max() < LOADED_NS if offsets else True


def true_gap_ns(journal: Journal, stream: str) -> float:
    """The longest step between two shown pictures beyond a frame, by their own numbers."""
    seen = [
        mark
        for track in tracks_of(journal, stream, "video")
        for _, mark in marks(journal, track)
        if mark is not None
    ]
    steps = np.diff([mark.number for mark in seen]) % 600
    return float((steps.max() - 1) * SECOND / 30)


async def test_ingest_is_killed_and_goes_on(tmp_path: Path) -> None:
    """After SIGKILL the next run joins the same journal: nothing that was written more than a
    second before is lost, the gap is as long as the pictures' numbers say, the state goes on."""
    clip(VIDEO)
    with BareJanus([Room(1)]) as janus:
        async with publishing(publisher(janus, 1)):
            first = await IngestProcess.start(janus.url(1), tmp_path)
            await until(lambda: len(first.named("status")) >= 3)
            last = first.named("status")[-1]["t_ns"]
            await first.kill()
            second = await IngestProcess.start(janus.url(1), tmp_path)
            await until(lambda: len(second.named("status")) >= 3)
            assert await second.stop() == 0
    assert second.named("ended")[0]["reason"] == "stopped"
    journal = Journal.open(tmp_path)
    assert journal.finished and len(journal.runs) == 2
    (old, new) = tracks_of(journal, "11.camera", "video")
    assert max(at for at, _ in marks(journal, old)) > last - SECOND
    (gap,) = [gap for gap in journal.gaps if gap.track == new.id]
    assert gap.reason == "restart"
    assert gap.to_ns - gap.from_ns == pytest.approx(
        true_gap_ns(journal, "11.camera"), abs=LOADED_NS
    )
    in_sync(journal)
    state = empty()
    for event in journal.events():
        state = apply(state, event.type, event.data)
    assert sorted(p["name"] for p in state["participants"]) == ["Ann", "Mixer"]


async def test_janus_is_killed_and_comes_back(tmp_path: Path) -> None:
    """Ingest outlives its SFU: it rejoins by itself, and what comes then is recorded in sync."""
    clip(VIDEO)
    with BareJanus([Room(1)]) as janus:
        async with publishing(publisher(janus, 1)), ingesting(janus.url(1), tmp_path) as ingest:
            await until(lambda: ingest.received().get(("11.camera", "video"), 0) > 70)
            janus.kill()
            await until(lambda: not ingest.received())
            janus.start()
            await until(lambda: ingest.received().get(("11.camera", "video"), 0) > 70)
    journal = Journal.open(tmp_path)
    (_, new) = tracks_of(journal, "11.camera", "video")
    (gap,) = [gap for gap in journal.gaps if gap.track == new.id]
    assert gap.reason == "reconnect"
    assert gap.to_ns - gap.from_ns == pytest.approx(
        true_gap_ns(journal, "11.camera"), abs=LOADED_NS
    )
    assert any(note.type == "reconnect" for note in journal.notes)
    in_sync(journal)
