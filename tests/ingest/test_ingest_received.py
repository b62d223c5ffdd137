"""What is noted of a track's packets: received, lost for good, recovered."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.conference.media import Publication
from mixer.ingest.audio import AudioReceiver
from mixer.ingest.feed import Receiver
from mixer.ingest.rtp import RtpPacket
from mixer.ingest.timeline import Identity, Timeline
from mixer.ingest.video import VideoReceiver
from mixer.journal import RECEIVED, Journal, JournalWriter
from mixer.journal.inspect import inspect, render_text
from mixer.recorder.irregularities import irregularities
from tests.fuzz import examples

MS = 1_000_000
SECOND = 1_000_000_000
COUNT = 300
INNER = st.integers(5, COUNT - 60)
VIDEO = Publication("a", "1", "a", "a.camera", "Camera", "video", "vp8")
AUDIO = Publication("a", "0", "a", "a.camera", "Camera", "audio", "opus")
# One VP8 packet that is a whole picture: descriptor (RFC 7741), then a key picture's header, 16x16.
KEY = bytes.fromhex("10") + bytes.fromhex("5000009d012a1000100000")


def receiver_for(publication: Publication, writer: JournalWriter) -> Receiver:
    if publication.kind == "video":
        timeline = Timeline(writer, Identity(VIDEO, "vp8", 90000, 1, ""), None)
        return VideoReceiver("vp8", 1, 2, timeline, lambda *_: None, lambda *_: None)
    timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
    return AudioReceiver(1, 2, None, True, timeline, lambda *_: None, lambda *_: None)


def packet(publication: Publication, number: int, shift_s: int) -> RtpPacket:
    video = publication.kind == "video"
    ticks = number * (1800 if video else 960) + shift_s * (90000 if video else 48000)
    payload = KEY if video else b"\xf8o"
    return RtpPacket(96, True, (65500 + number) & 0xFFFF, ticks & 0xFFFFFFFF, 1, payload, b"")


def play(
    directory: Path,
    publication: Publication,
    arrivals: Sequence[tuple[int, int]],
    shift_from: int = COUNT,
) -> Journal:
    """(arrival, packet number) of every packet; the RTP clock jumps at a number."""
    with JournalWriter.create(directory, conference="c") as writer:
        receiver = receiver_for(publication, writer)
        for at, number in sorted(arrivals):
            receiver.packet(packet(publication, number, 50 if number >= shift_from else 0), at)
            receiver.tick(at)
        end_ns = 20 * SECOND
        receiver.tick(end_ns)
        receiver.timeline.close(end_ns)
        receiver.timeline.close(end_ns)
        writer.watermark(end_ns)
        writer.close(final=True)
    return Journal.open(directory)


def noted(journal: Journal) -> list[dict[str, Any]]:
    return [note.data for note in journal.notes if note.type == RECEIVED]


@pytest.mark.parametrize("publication", [VIDEO, AUDIO], ids=["video", "audio"])
@settings(max_examples=examples(30))
@given(
    lost=st.sets(INNER, max_size=60),
    again=st.sets(INNER, max_size=40),
    twice=st.sets(INNER, max_size=40),
)
def test_every_packet_is_counted_once(
    publication: Publication, lost: set[int], again: set[int], twice: set[int]
) -> None:
    """Lost, repaired after 200 ms, sent twice: the note says how many of each."""
    arrivals = []
    for number in set(range(COUNT)) - lost:
        at = number * 20 * MS + (200 * MS if number in again else 0)
        arrivals += [(at, number)] + [(at + 50 * MS, number)] * (number in twice)
    with tempfile.TemporaryDirectory() as directory:
        journal = play(Path(directory), publication, arrivals)
        (data,) = noted(journal)
        (track,) = journal.tracks
        assert data == {
            "track": track,
            "stream": "a.camera",
            "packets": COUNT - len(lost),
            "lost": len(lost),
            "recovered": len(again - lost),
        }


@pytest.mark.parametrize("publication", [VIDEO, AUDIO], ids=["video", "audio"])
def test_an_outage_is_counted(publication: Publication, tmp_path: Path) -> None:
    """More is lost at once than is asked for again; nothing of what was sent is uncounted."""
    long = 700
    numbers = [*range(100), *range(100 + long, 300 + long)]
    (data,) = noted(play(tmp_path, publication, [(n * 20 * MS, n) for n in numbers], 10**6))
    assert (data["packets"], data["lost"], data["recovered"]) == (300, long, 0)


def test_each_track_has_its_own(tmp_path: Path) -> None:
    """A jump of the RTP clock begins a new track: together their notes count everything."""
    arrivals = [(n * 20 * MS, n) for n in range(COUNT) if n not in (50, 250, 251)]
    journal = play(tmp_path, AUDIO, arrivals, shift_from=150)
    first, second = noted(journal)
    assert [first["track"], second["track"]] == list(journal.tracks)
    assert (first["lost"], second["lost"]) == (1, 2)
    assert first["packets"] + second["packets"] == len(arrivals)
    assert abs(first["packets"] - 149) < 25  # it takes some packets to be sure of the jump


def test_it_is_told_and_is_nothing_irregular(tmp_path: Path) -> None:
    """`mixer inspect` has it with the track, `recording.json` not among the irregularities."""
    arrivals = [(n * 20 * MS + (n == 9) * 200 * MS, n) for n in range(COUNT) if n != 50]
    journal = play(tmp_path, AUDIO, arrivals)
    report = inspect(journal)
    assert report["tracks"][0]["packets"] == {"received": 299, "lost": 1, "recovered": 1}
    assert "received" not in {entry["type"] for entry in irregularities(journal, {})}
    assert render_text(report)
