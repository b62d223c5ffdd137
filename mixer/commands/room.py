"""`mixer room`: a conference server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .running import run


def room(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8710,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_self_signed: Annotated[
        bool, typer.Option("--tls-self-signed", help="HTTPS with a certificate made now.")
    ] = False,
    public_url: Annotated[
        str | None, typer.Option(help="Where browsers reach this server, behind a proxy.")
    ] = None,
    janus: Annotated[Path, typer.Option(help="The Janus program.")] = Path("/usr/bin/janus"),
    ice_server: Annotated[
        list[str] | None, typer.Option(help="stun:HOST:PORT or turn:HOST:PORT,USER,CREDENTIAL")
    ] = None,
    rtp_ports: Annotated[str, typer.Option(help="LOW-HIGH, UDP, for media.")] = "20000-40000",
    ice_interface: Annotated[
        list[str] | None, typer.Option(help="Media on this interface or address only; repeatable.")
    ] = None,
    nat_1_1: Annotated[str | None, typer.Option(help="The address to announce.")] = None,
    log_dir: Path | None = None,
    mixer_token: Annotated[
        str,
        typer.Option(
            envvar="MIXER_ROOM_TOKEN",
            help="Only who shows it may join as a mixer or a robot. Rather by MIXER_ROOM_TOKEN, "
            "which no list of processes shows; recorders and replays take it from there, too.",
        ),
    ] = "",
) -> None:
    """Runs a conference server; people join at /rooms/NAME."""
    from ..conference.ice import parse_ice_server
    from ..room.server import run_room
    from ..room.settings import RoomSettings

    async def serve() -> None:
        settings = RoomSettings(
            host=host,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_self_signed=tls_self_signed,
            public_url=public_url,
            janus=janus,
            ice_servers=tuple(parse_ice_server(text) for text in ice_server or ()),
            rtp_ports=_ports(rtp_ports),
            ice_interfaces=tuple(ice_interface or ()),
            nat_1_1=nat_1_1,
            log_dir=log_dir,
            mixer_token=mixer_token,
        )
        await run_room(settings, on_ready=_say_room, on_certificate=_say_certificate)

    run(serve())


def _ports(text: str) -> tuple[int, int]:
    from ..errors import UsageError

    low, dash, high = text.partition("-")
    if not (dash and low.isdigit() and high.isdigit()):
        raise UsageError(f"--rtp-ports {text!r} is not LOW-HIGH, such as 20000-40000")
    return int(low), int(high)


def _say_room(url: str) -> None:
    print(f"Conference server: {url}")
    print(f"Join page:         {url}/rooms/NAME", flush=True)


def _say_certificate(path: Path) -> None:
    print(f"Certificate:       {path} (mixer record --tls-ca FILE)")
