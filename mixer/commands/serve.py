"""`mixer serve`: everything on one machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .running import Json, run

Config = Annotated[
    Path | None,
    typer.Option(help="A TOML file with settings; see docs/service.md.", envvar="MIXER_CONFIG"),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder of everything that is kept [./mixer-data].", envvar="MIXER_DATA"),
]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port [8700].")] = None,
    data: Data = None,
    config: Config = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where clients reach this server, behind a proxy.")
    ] = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_self_signed: Annotated[
        bool | None, typer.Option("--tls-self-signed", help="HTTPS with a certificate of its own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Runs the service: REST, rooms, recordings, webhooks, dashboard."""
    from ..service.logs import configure_logs
    from ..service.serve import run_service
    from ..service.settings import read_settings

    async def serve_all() -> None:
        settings = read_settings(
            config,
            host=host,
            port=port,
            data=data,
            public_url=public_url,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_self_signed=tls_self_signed,
        )
        configure_logs(settings.log_level, settings.log_json)
        await run_service(settings, on_ready=_say_json if as_json else _say)

    run(serve_all(), as_json)


def _say(url: str, dashboard: str) -> None:
    print(f"Service:    {url}")
    print(f"Rooms:      {url}/rooms/ALIAS")
    print(f"REST API:   {url}/docs")
    print(f"Dashboard:  {dashboard}", flush=True)


def _say_json(url: str, dashboard: str) -> None:
    print(json.dumps({"event": "ready", "url": url, "dashboard": dashboard}), flush=True)
