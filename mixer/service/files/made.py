"""A file that a session has made, and what it is called where others download it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ...records.models import Mix

Kind = Literal["mix", "participant"]
MAX_NAME_CHARS = 240


@dataclass(frozen=True, slots=True)
class FileMade:
    """A finished file in a session's folder. `start_time` in epoch ms, `duration` in ms.

    `mix`: of a video, as the API was asked for it. `part`: from 1; None of what is merged.
    `details` of a participant's file: `participantId`, `source` (Camera or ScreenShare),
    `stayStartedAt` (epoch ms); of a video `layoutReplaced`: why another layout is shown than the
    mix's own.
    """

    path: Path
    kind: Kind
    media_type: str
    start_time: int
    duration: int
    mix: Mix | None = None
    part: int | None = None
    merged: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slot(self) -> str:
        return "merged" if self.merged else f"part-{self.part or 1}"


def plain_name(made: FileMade, conference_id: str) -> str:
    """The contract's name (8), before it is made the only one of the conference."""
    if made.kind == "participant":
        # as the recorder calls it: who, which stay, whether it is what they shared
        if re.fullmatch(r"record_\d+_conn_.+", made.path.name):
            return made.path.name
        who, stay = made.details.get("participantId", ""), made.details.get("stayStartedAt")
        return _clean(f"record_{made.start_time}_conn_{who}_{stay or made.start_time}.mp3")
    stem = f"record_{made.start_time}_conf_{conference_id}"
    if made.mix is not None and made.media_type == "video/mp4":
        return _clean(f"{stem}_{made.mix.mix_id}.mp4")
    return _clean(stem + made.path.suffix)


def only_name(name: str, made: FileMade, taken: Collection[str]) -> str:
    """A name that no other file of the conference has: whoever downloads all into one folder has
    all. The first that is published has the contract's name."""
    path = PurePosixPath(name)
    stem = f"{path.stem}_merged" if made.merged else path.stem
    further = (f"{stem}_{number}{path.suffix}" for number in count(2))
    return next(one for one in chain([name, stem + path.suffix], further) if one not in taken)


def object_key(made: FileMade, conference_id: str, session_id: str, filename: str) -> str:
    return f"{conference_id}/{session_id}/{made.slot}/{filename}"


def _clean(name: str) -> str:
    path = PurePosixPath(re.sub(r"[^A-Za-z0-9._-]", "_", name))
    return path.stem[: MAX_NAME_CHARS - len(path.suffix)] + path.suffix
