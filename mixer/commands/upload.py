"""`mixer upload` puts a recording's files into a bucket or folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .running import Folder, Json, run

Destination = Annotated[str, typer.Argument(help="s3://BUCKET/PREFIX or file:///FOLDER")]


def upload(directory: Folder, to: Destination, as_json: Json = False) -> None:
    """Uploads a recording's finished files; those that are there already are not sent again.

    Keys come by environment: MIXER_S3_ACCESS_KEY, MIXER_S3_SECRET_KEY, MIXER_S3_REGION and
    MIXER_S3_ENDPOINT (of a store that is not Amazon's), or AWS_*.
    """
    upload_files(directory, to, as_json)


def upload_files(directory: Path, to: str, as_json: bool) -> None:
    """Also what `mixer record --upload` does at its end."""
    from ..storage.upload import location_from_environment
    from ..storage.upload import upload as put_all

    async def session() -> None:
        def say(url: str) -> None:
            print(json.dumps({"event": "uploaded", "url": url}) if as_json else url, flush=True)

        await put_all(directory, location_from_environment(to), on_file=say)

    run(session(), as_json)


def check_destination(to: str | None) -> None:
    """Raises UsageError before anything is recorded."""
    if to is not None:
        from ..storage.upload import location_from_environment

        location_from_environment(to)
