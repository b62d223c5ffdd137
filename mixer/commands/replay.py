"""`mixer replay DIR --into URL`: a recording plays into a room again."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .running import journal_of, on_signals, run


def replay(
    directory: Annotated[
        Path, typer.Argument(help="The record's folder (--out of `mixer record`), or a journal.")
    ],
    into: Annotated[
        str, typer.Option(help="http(s)://HOST:8710/rooms/NAME or janus+ws(s)://HOST:PORT/ROOM")
    ],
    offset: Annotated[
        float, typer.Option(min=0.0, help="Begin so many seconds after the recording's start.")
    ] = 0.0,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Id, external id or name of somebody who is to be left out."),
    ] = None,
    ice_server: Annotated[
        list[str] | None,
        typer.Option(help="For janus+ws: stun:HOST:PORT or turn:HOST:PORT,USER,CREDENTIAL"),
    ] = None,
    pin: Annotated[str, typer.Option(envvar="MIXER_PIN", help="Of a bare Janus room.")] = "",
    token: Annotated[
        str, typer.Option(envvar="MIXER_JANUS_TOKEN", help="Janus' token authentication.")
    ] = "",
    api_secret: Annotated[
        str, typer.Option(envvar="MIXER_JANUS_API_SECRET", help="Janus' api_secret.")
    ] = "",
    tls_ca: Annotated[
        Path | None, typer.Option(envvar="MIXER_CA_FILE", help="Trust this certificate (PEM).")
    ] = None,
    tls_insecure: Annotated[
        bool, typer.Option("--tls-insecure", help="Trust any certificate, for tests.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For machines: JSON on stdout, commands on stdin.")
    ] = False,
) -> None:
    """Plays a recording into a room: its participants are there again, as robots.

    In a terminal: space pauses, the arrows seek, q stops.
    """
    from ..conference.bare import BareSettings
    from ..conference.ice import parse_ice_server
    from ..replay.settings import ReplaySettings

    async def play() -> None:
        servers = [parse_ice_server(text) for text in ice_server or ()]
        settings = ReplaySettings(
            journal=journal_of(directory),
            url=into,
            offset_s=offset,
            without=tuple(without or ()),
            bare=BareSettings(pin, token, api_secret, tuple(servers)),
            ssl_context=_ssl_context(tls_ca, tls_insecure),
        )
        await _play(settings, as_json)

    run(play(), as_json)


async def _play(settings: Any, as_json: bool) -> None:
    from ..replay.control import listening
    from ..replay.display import show_json, show_live
    from ..replay.replay import Replay

    playing = Replay(settings)
    on_signals(lambda _reason: playing.stop())

    def refuse(text: str) -> None:
        print(json.dumps({"event": "error", "message": text}), flush=True)

    with listening(playing.tell, refuse, as_json=as_json):
        showing = asyncio.create_task(show_json(playing) if as_json else show_live(playing))
        try:
            reason = await playing.run()
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
    status = playing.status.as_json()
    if as_json:
        print(json.dumps({"event": "result", **status, "reason": reason}))
    else:
        print(f"{_REASONS.get(reason, reason)} at {status['position']:.1f} s")


_REASONS = {"conference-ended": "the conference ended"}


def _ssl_context(ca_file: Path | None, insecure: bool) -> ssl.SSLContext | None:
    """None: as usual. Raises UsageError."""
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    except OSError as error:
        raise UsageError(f"--tls-ca: {ca_file} is no readable certificate") from error
