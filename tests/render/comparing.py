"""Where two renders of the same journal and settings differ, in a line, should they."""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from pathlib import Path

import av

from mixer.layout.track import MatteTrackReader
from mixer.render.settings import SEGMENT_S


def difference(made: Path, whole: Path) -> str:
    """ "" if two files are equal to the bit, else what differs first: packets of the picture or the
    sound, and what of their page passes' tracks (beside them, in .work) differs."""
    if _digest(made) == _digest(whole):
        return ""
    found = [_in_packets(made, whole, kind) for kind in ("video", "audio")]
    found.append(_in_tracks(made.with_suffix(".work"), whole.with_suffix(".work")))
    return "; ".join(one for one in found if one) or "the files' indices differ"


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _in_packets(made: Path, whole: Path, kind: str) -> str:
    pairs = zip_longest(_packets(made, kind), _packets(whole, kind), fillvalue="none")
    differing = [number for number, (one, other) in enumerate(pairs) if one != other]
    if not differing:
        return ""
    first = differing[0]
    where = f"{kind} packet {first}"
    if kind == "video":
        with av.open(str(whole)) as file:
            rate = file.streams.video[0].average_rate
        where += f" (segment {first // int((rate or 1) * SEGMENT_S)})"
    return f"{where} and {len(differing) - 1} more"


def _packets(path: Path, kind: str) -> list[str]:
    """Time, size and digest of each."""
    with av.open(str(path)) as file:
        stream = next(stream for stream in file.streams if stream.type == kind)
        return [
            f"{packet.pts} {packet.size} {hashlib.sha256(bytes(packet)).hexdigest()[:12]}"
            for packet in file.demux(stream)
        ]


def _in_tracks(made: Path, whole: Path) -> str:
    tracks = [MatteTrackReader.open(work / "matte") for work in (made, whole)]
    said = []
    for what, seen in (
        ("notes of the page", [list(track.notes) for track in tracks]),
        ("mattes", [track.changes(0, track.frames) for track in tracks]),
    ):
        if seen[0] != seen[1]:
            said.append(f"{what}: {seen[0][:4]} instead of {seen[1][:4]}")
    for track in tracks:
        track.close()
    return "; ".join(said)
