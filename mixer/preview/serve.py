"""Runs `mixer preview`: both ports on loopback, the browser for the mixer's picture, the watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from mixer.errors import MixerError, UsageError
from mixer.preview.app import LOOPBACK, Both, Rig, Subject, bracketed
from mixer.preview.hosts import KnownHosts
from mixer.preview.journaled import Recorded
from mixer.preview.pages import Pages
from mixer.preview.rendering import Renderer
from mixer.preview.script import read_script
from mixer.room.server import QuietServer, listen

log = structlog.get_logger()

EVERYWHERE = ("0.0.0.0", "::")
SHUTDOWN_S = 1


@dataclass(frozen=True, slots=True)
class PreviewSettings:
    """`port`, `pages_port` 0: any free one. `script` and `recording` exclude each other.

    There is no login: other `host`s are for containers, and networks whose people may see it all.
    """

    layout: str = "default"
    host: str = LOOPBACK
    port: int = 8720
    pages_port: int = 0  # of the layout's pages, which have an origin of their own
    script: Path | None = None
    recording: Path | None = None


async def run_preview(settings: PreviewSettings, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGINT, SIGTERM or cancellation; `on_ready` hears the address.

    Raises UsageError, LayoutError or JournalError where there is nothing to be shown.
    """
    if settings.script is not None and settings.recording is not None:
        raise UsageError("--script and --recording: give one of them")
    script = read_script(settings.script) if settings.script else None
    recorded = Recorded(settings.recording) if settings.recording else None
    if recorded is not None:
        script = recorded.script()
    try:
        pages = Pages(settings.layout, recorded)
        with (
            listen(settings.host, settings.port) as listener,
            listen(settings.host, settings.pages_port) as pages_listener,
        ):
            pages_port = pages_listener.getsockname()[1]
            subject = Subject(settings.layout, pages_port, script, recorded is not None)
            async with Renderer(recorded) as renderer:
                both = Both(Rig(subject, pages, renderer).app(), pages, pages_port)
                host = LOOPBACK if settings.host in EVERYWHERE else settings.host
                address = f"http://{bracketed(host)}:{listener.getsockname()[1]}/"
                known = KnownHosts(both, settings.host)
                await _serve(known, [listener, pages_listener], renderer, address, on_ready)
    finally:
        if recorded is not None:
            recorded.close()


async def _serve(
    app: KnownHosts,
    listeners: list[socket.socket],
    renderer: Renderer,
    address: str,
    on_ready: Callable[[str], None],
) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        http="h11",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = QuietServer(config)

    def stop() -> None:
        server.should_exit = True
        # What is broken off now is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stop)
    warming = asyncio.create_task(_warm(renderer))
    on_ready(address)
    serving = asyncio.create_task(server.serve(sockets=listeners))
    try:
        await asyncio.shield(serving)
    finally:  # also when cancelled: whoever is connected is let go before the sockets are closed
        stop()
        await asyncio.wait({serving}, timeout=SHUTDOWN_S + 2)
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)


async def _warm(renderer: Renderer) -> None:
    try:
        await renderer.warm_up()
    except MixerError as error:  # told again, in words, where a picture is asked for
        log.warning("preview.no-renderer", reason=str(error))
