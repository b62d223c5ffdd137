"""The conference server: its parts put together, started and stopped in order.

`run_room` is the public face; the command line is mixer/cli.py, `python -m mixer.room` serves
for development.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from mixer.errors import EnvironmentMissing, UsageError
from mixer.room.http import RoomInterface
from mixer.room.janus_process import START_TIMEOUT_S, Janus
from mixer.room.rooms import Rooms
from mixer.room.settings import RoomSettings
from mixer.room.tls import machine_addresses, write_self_signed

log = structlog.get_logger()

MAX_WEBSOCKET_BYTES = 262_144
SHUTDOWN_TIMEOUT_S = 3


class QuietServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: who runs it has them.

    Nor does it call it an error that a WebSocket was refused with an answer (ASGI's extension
    "websocket.http.response"), which its newer protocol takes for no answer at all.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_worth_telling)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run_room(
    settings: RoomSettings,
    *,
    on_ready: Callable[[str], None] | None = None,
    on_certificate: Callable[[Path], None] | None = None,
) -> None:
    """Serves conferences until SIGINT, SIGTERM or cancellation.

    `on_ready` is called once with the address (no path) under which join pages are reached:
    ADDRESS/rooms/NAME; before it `on_certificate` with the one that was made for
    `tls_self_signed`, there as long as the server runs. Raises EnvironmentMissing (no Janus, or it
    does not start) and UsageError (the port is taken, the certificate cannot be read).
    """
    if shutil.which(str(settings.janus)) is None:
        raise EnvironmentMissing(
            f"{settings.janus} is not there: install Janus (apt-get install janus) "
            "or name it with --janus"
        )
    listener = listen(settings.host, settings.port)
    with listener, tempfile.TemporaryDirectory(prefix="mixer-room-") as directory:
        address = _address(settings, listener)
        if settings.tls_self_signed:
            settings = _with_certificate(settings, Path(directory))
            if on_certificate and settings.tls_cert:
                on_certificate(settings.tls_cert)
        janus = Janus(settings, on_lost=lambda: rooms.disconnect_all())
        rooms = Rooms(settings, janus)
        server = _server(settings, RoomInterface(settings, rooms, janus).app())
        await _serve(server, listener, janus, rooms, lambda: on_ready and on_ready(address))


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    janus: Janus,
    rooms: Rooms,
    ready: Callable[[], object],
) -> None:
    """Runs Janus, the sweep and the server; the first to end ends all."""
    supervising = asyncio.create_task(janus.run(), name="janus")
    sweeping = asyncio.create_task(rooms.sweep(), name="sweep")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    announcing = asyncio.create_task(_announce(janus, ready), name="announce")
    watched: set[asyncio.Task[None]] = {supervising, sweeping, serving}
    try:
        with _stopped_by_signals(serving, rooms, server):
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        announcing.cancel()
        rooms.close()
        server.should_exit = True
        await asyncio.shield(_finish(serving, [supervising, sweeping]))


async def _finish(serving: asyncio.Task[None], others: list[asyncio.Task[None]]) -> None:
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(SHUTDOWN_TIMEOUT_S + 2):
            await serving
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _announce(janus: Janus, ready: Callable[[], object]) -> None:
    await janus.ready(4 * START_TIMEOUT_S)
    ready()


@contextlib.contextmanager
def _stopped_by_signals(
    serving: asyncio.Task[None], rooms: Rooms, server: uvicorn.Server
) -> Iterator[None]:
    """SIGINT and SIGTERM stop the server; only where this thread may have signal handlers."""

    def stop() -> None:
        rooms.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    installed: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stop)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY on sockets that name TCP only; without it answers wait 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}): "
            "choose another --port or --host"
        ) from error
    return listener


def _address(settings: RoomSettings, listener: socket.socket) -> str:
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = settings.host
    if host in ("0.0.0.0", "::"):  # cameras: by http only from this machine itself
        host = (machine_addresses() or ["127.0.0.1"])[0] if settings.secure else "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.secure else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


def _with_certificate(settings: RoomSettings, directory: Path) -> RoomSettings:
    """The same with a certificate of its own, made now."""
    cert, key = write_self_signed(directory, [settings.host, *machine_addresses()])
    return replace(settings, tls_self_signed=False, tls_cert=cert, tls_key=key)


def _server(settings: RoomSettings, app: ASGIApp) -> uvicorn.Server:
    """uvicorn, quiet and bounded. Raises UsageError when the certificate cannot be used."""
    cert, key = settings.tls_cert, settings.tls_key
    config = uvicorn.Config(
        app,
        ssl_certfile=cert,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        http="h11",  # it bounds the headers
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_BYTES,
        ws_ping_interval=10,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        limit_concurrency=4000,
        timeout_keep_alive=30,  # longer than clients keep connections: none is used as it is closed
        h11_max_incomplete_event_size=32_768,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"the certificate {cert} or its key cannot be used: {error.strerror or error}"
        ) from error
    return QuietServer(config)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    return "without completing handshake" not in record.getMessage()
