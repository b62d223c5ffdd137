"""`mixer forget DIR PARTICIPANT`: somebody is removed for good, by recorder/forget.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .running import guarded

if TYPE_CHECKING:
    from ..recorder.forget import Forgotten


def forget(
    directory: Annotated[
        Path, typer.Argument(help="The record's folder (--out of `mixer record`).")
    ],
    participant: Annotated[
        str | None, typer.Argument(help="Their id, external id or name.", envvar=[])
    ] = None,
    mixes: Annotated[
        bool, typer.Option("--mixes", help="Delete finished files that still show them, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")] = False,
) -> None:
    """Removes somebody from a recording for good: media, events, names. There is no way back.

    To leave somebody out of one file only: `mixer render DIR --out FILE --without PARTICIPANT`.
    """
    from ..recorder import RecordFolder
    from ..recorder.forget import forget as work

    def removed() -> Forgotten:
        if participant is None and not mixes:
            raise UsageError("say who is to be forgotten: mixer forget DIR PARTICIPANT")
        return work(RecordFolder(directory), participant, mixes=mixes)

    done = guarded(removed, as_json)
    if as_json:
        result = {"people": done.people, "outdated": done.outdated, "deleted": done.deleted}
        print(json.dumps({"event": "result", **result}))
    else:
        print("\n".join(_told(directory, done)))


def _told(directory: Path, done: Forgotten) -> list[str]:
    lines = [f"forgotten: {', '.join(done.people)}"] if done.people else []
    if done.outdated:
        lines.append(
            f"made before, and still showing them: {', '.join(done.outdated)}; "
            f"`mixer forget {directory} --mixes` deletes them, then "
            f"`mixer render {directory}` makes them again"
        )
    if done.deleted:
        lines.append(
            f"deleted: {', '.join(done.deleted)}; `mixer render {directory}` makes them again"
        )
    return lines or ["nothing is left to be deleted"]
