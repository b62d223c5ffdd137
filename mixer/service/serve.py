"""`mixer serve` in one process: the web server, Janus, and what goes on in the background.

Recorders are processes of their own that outlive this one (mixer/service/sessions). `run_service`
is the public face; the command line is mixer/commands/serve.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
import uvicorn
from cryptography import x509

from .. import dashboard
from ..errors import EnvironmentMissing, UsageError
from ..room.server import MAX_WEBSOCKET_BYTES, QuietServer, listen
from ..room.tls import machine_addresses, write_self_signed
from . import files
from .app import create_app
from .connection import bounded
from .context import Service
from .folders import make_folders
from .parts import open_service
from .presence import Presence
from .servers import Servers, alone
from .settings import ServiceSettings

log = structlog.get_logger()

SHUTDOWN_TIMEOUT_S = 5
RESTART_AFTER_S = 5.0
RENEW_BEFORE = timedelta(days=14)

Loop = Callable[[], Awaitable[object]]
OnReady = Callable[[str, str], object]


async def run_service(settings: ServiceSettings, *, on_ready: OnReady | None = None) -> None:
    """Serves until SIGINT, SIGTERM or cancellation; recordings go on without it.

    `on_ready` is called once when conferences can be joined, with the addresses of the service and
    of its dashboard; the latter is a secret as long as there is no operator. Raises
    EnvironmentMissing (no Janus), UsageError (port, certificate) and StorageError.
    """
    if shutil.which(str(settings.janus)) is None:
        raise EnvironmentMissing(
            f"{settings.janus} is not there: install Janus (apt-get install janus) "
            "or name it with the setting janus"
        )
    with listen(settings.host, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        make_folders(settings)
        async with alone(settings), open_service(settings) as (service, presence):
            server, servers = web_server(service), Servers(service)
            async with servers.present():
                await _serve(server, listener, service, presence, servers, on_ready)


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    service: Service,
    presence: Presence,
    servers: Servers,
    on_ready: OnReady | None,
) -> None:
    """Runs everything. The server's end, or that of the rooms, ends all."""
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    rooms = asyncio.create_task(service.rooms.run(), name="rooms")
    loops = [
        asyncio.create_task(_kept_running(name, run), name=name)
        for name, run in _background(service, presence, servers).items()
    ]
    announcing = asyncio.create_task(_announce(service, on_ready), name="announce")
    try:
        with _stopped_by_signals(service, server):
            done, _ = await asyncio.wait({serving, rooms}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        log.info("service.stopping")
        announcing.cancel()
        service.rooms.close()
        server.should_exit = True
        await asyncio.shield(_finish(serving, [announcing, *loops], rooms))
        log.info("service.stopped")


def _background(service: Service, presence: Presence, servers: Servers) -> dict[str, Loop]:
    """What runs beside the web server, by name."""
    return {
        "sessions": service.sessions.run,
        "outbox": service.outbox.run,
        "presence": presence.run,
        "servers": servers.run,
        "retention": functools.partial(files.run, service),
    }


async def _kept_running(name: str, run: Loop) -> None:
    """One part's fault must not take the others down: it is logged, and the part begins again."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("background.failed", part=name)
        await asyncio.sleep(RESTART_AFTER_S)


async def _finish(
    serving: asyncio.Task[None], others: list[asyncio.Task[None]], rooms: asyncio.Task[None]
) -> None:
    """Requests end first, then the background, at last the rooms, which report to it."""
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(SHUTDOWN_TIMEOUT_S + 2):
            await serving
    for tasks in (others, [rooms]):
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _announce(service: Service, on_ready: OnReady | None) -> None:
    await service.rooms.wait_ready()
    log.info("service.ready", url=service.settings.base_url)
    if on_ready is not None:
        on_ready(service.settings.base_url, await dashboard.address(service))


@contextlib.contextmanager
def _stopped_by_signals(service: Service, server: uvicorn.Server) -> Iterator[None]:
    def stop() -> None:
        service.rooms.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def web_server(service: Service) -> uvicorn.Server:
    """uvicorn, quiet and bounded. Raises UsageError when the certificate cannot be used."""
    settings = service.settings
    cert, key = settings.tls_cert, settings.tls_key
    if settings.tls_self_signed:
        cert, key = self_signed(settings)
    config = uvicorn.Config(
        create_app(service),
        ssl_certfile=cert,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        http=bounded(settings.headers_timeout_s, settings.base_url),
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_BYTES,
        ws_ping_interval=10,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        limit_concurrency=4000,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        forwarded_allow_ips=settings.trusted_proxies,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or error
        raise UsageError(f"the certificate {cert} or its key cannot be used: {reason}") from error
    return QuietServer(config)


def self_signed(settings: ServiceSettings) -> tuple[Path, Path]:
    """The certificate in the data folder, which clients may trust; a new one before it ends."""
    folder = settings.data / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    cert, key = folder / "cert.pem", folder / "key.pem"
    if cert.exists() and key.exists():
        ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
        if ends - datetime.now(UTC) > RENEW_BEFORE:
            return cert, key
    return write_self_signed(folder, [settings.host, *machine_addresses()])
