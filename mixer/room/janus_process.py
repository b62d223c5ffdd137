"""Our own Janus as a supervised child: started, watched, restarted, ended with us.

It dies with this process (PR_SET_PDEATHSIG by setpriv), is killed when it hangs, and is restarted
with bounded backoff when it dies. Its output goes to a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import structlog

from mixer.errors import EnvironmentMissing
from mixer.room.janus_config import JanusSecrets, room_request, write_configuration
from mixer.room.janus_control import JanusControl, JanusGone, open_control
from mixer.room.settings import RoomSettings

log = structlog.get_logger()

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3.0
BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0)
STABLE_S = 10.0  # having run for that long, the next restart is quick again
LOG_LIMIT_BYTES = 10_000_000


class Janus:
    """The running Janus. `run` owns it; others wait for it and ask for rooms."""

    def __init__(self, settings: RoomSettings, on_lost: Callable[[], None]) -> None:
        self._settings = settings
        self._on_lost = on_lost
        self._control: JanusControl | None = None
        self._ready = asyncio.Event()
        self._rooms: set[str] = set()
        self._room_lock = asyncio.Lock()
        self.port = 0
        self.pid = 0
        self.restarts = 0
        self.secrets = JanusSecrets(*(secrets.token_urlsafe(24) for _ in range(3)))

    async def ready(self, timeout_s: float) -> None:
        """Waits until Janus answers. Raises JanusGone after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError as error:
            raise JanusGone("Janus is not up") from error

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def ensure_room(self, room: str, pin: str) -> None:
        """Makes the room if this Janus does not have it yet. Raises JanusGone."""
        async with self._room_lock:
            control = self._control
            if control is None:
                raise JanusGone("Janus is not up")
            if room not in self._rooms:
                request = room_request(room, pin, self._settings, self.secrets.rooms)
                await control.create_room(request)
                self._rooms.add(room)

    async def forget_room(self, room: str) -> None:
        """Destroys the room if there is one. Never raises for a Janus that is gone."""
        async with self._room_lock:
            if room in self._rooms and self._control is not None:
                self._rooms.discard(room)
                with contextlib.suppress(JanusGone):
                    await self._control.destroy_room(room)

    async def run(self) -> None:
        """Keeps Janus running until cancelled. Raises EnvironmentMissing if it never starts."""
        failures = 0
        with tempfile.TemporaryDirectory(prefix="mixer-janus-") as name:
            while True:
                started = time.monotonic()
                was_ready = await self._run_once(Path(name))
                if not was_ready and self.restarts == 0 and failures >= 2:
                    raise EnvironmentMissing(
                        f"{self._settings.janus} does not start: see {janus_log(self._settings)}"
                    )
                failures = 0 if time.monotonic() - started > STABLE_S else failures + 1
                delay_s = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else BACKOFF_S[0]
                log.warning("janus.restarting", failures=failures, delay_s=delay_s)
                await asyncio.sleep(delay_s)
                self.restarts += was_ready

    async def _run_once(self, directory: Path) -> bool:
        """One life of the process; whether it ever answered."""
        self.port = free_port()
        write_configuration(directory, self._settings, self.secrets, self.port)
        process = await self._spawn(directory)
        self.pid = process.pid
        was_ready = False
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                control = await self._connect(process)
            async with control as connected:
                self._begin(connected)
                was_ready = True
                await _first_of(process.wait(), connected.stay_alive())
        except (JanusGone, TimeoutError, OSError) as error:
            log.warning("janus.lost", error=error.__class__.__name__, exit=process.returncode)
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # it hangs, if it is there at all
        finally:
            self._lost()
            await asyncio.shield(stop(process))
        return was_ready

    async def _connect(
        self, process: asyncio.subprocess.Process
    ) -> contextlib.AbstractAsyncContextManager[JanusControl]:
        """Waits until the port accepts. Raises JanusGone if the process dies first."""
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return open_control(self.port, self.secrets.api)
            await asyncio.sleep(0.02)
        raise JanusGone("Janus ended at once")

    def _begin(self, control: JanusControl) -> None:
        self._rooms.clear()
        self._control = control
        self._ready.set()
        log.info("janus.ready", pid=self.pid, port=self.port)

    def _lost(self) -> None:
        if self._control is not None:
            self._control = None
            self._ready.clear()
            self._rooms.clear()
            self._on_lost()

    async def _spawn(self, directory: Path) -> asyncio.subprocess.Process:
        command = [*_dies_with_us(), str(self._settings.janus), "-F", str(directory)]
        with open_log(janus_log(self._settings)) as output:
            try:
                return await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for us: we stop it
                )
            except OSError as error:
                raise EnvironmentMissing(
                    f"{self._settings.janus} cannot be run: install Janus (apt-get install janus) "
                    "or name it with --janus"
                ) from error


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ends the process: asked first, killed after STOP_TIMEOUT_S."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _first_of(*waits: Awaitable[object]) -> None:
    """Waits for the first to end, cancels the others, and raises what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _dies_with_us() -> list[str]:
    """Prefix of a command line that makes the child get SIGKILL when this process dies."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def janus_log(settings: RoomSettings) -> Path:
    """Where Janus' output goes."""
    folder = settings.log_dir
    if folder is None:
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        folder = Path(state) / "mixer"
    return folder / f"janus-{settings.port}.log"


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[int]:
    """A descriptor of the log to append to; a big one is put aside first. No log if unwritable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".1.log"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        log.warning("janus.no_log", error=error.__class__.__name__)
        descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
