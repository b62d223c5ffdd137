"""`python -m mixer.ingest URL --dir DIR`: the ingest process, a child of the recorder.

Speaks the child protocol (mixer/engine/child.py). Tells `joined` {t_ns, participant}, `status`
once a second (status.py), and at last `ended` {reason, t_ns}, as soon as the journal is whole (it
hangs up after that), or `failed` {message, exit_code}. The reasons: "stopped" and
"conference-ended". Commands: `pause`, answered by `paused` {t_ns} at once, and `resume`, answered
by `resumed` {t_ns} when the moment is decided (about 1.3 s later); with `--paused` it begins
paused, and says so after `joined`. A `pause` that comes before a resumption has begun is answered
with the old `t_ns`: that pause has never ended.

Secrets come by environment only: MIXER_PIN, MIXER_JANUS_TOKEN, MIXER_JANUS_API_SECRET; ICE servers
as JSON (a list of {urls, username, credential}) in MIXER_ICE_SERVERS; MIXER_CA_FILE trusts a
server's own certificate, MIXER_TLS_INSECURE=1 any.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from mixer.conference.bare import BareSettings, join_bare
from mixer.conference.ice import IceServer, ice_server
from mixer.conference.own import join_own
from mixer.conference.session import ConferenceOver
from mixer.engine.child import Port, begun
from mixer.errors import ConferenceError, MixerError, UsageError
from mixer.ingest.conference import ConferenceSession
from mixer.ingest.earlier import Earlier, read_earlier
from mixer.ingest.recording import Recording
from mixer.ingest.transport import prepare
from mixer.journal import JournalWriter, recover

log = structlog.get_logger()

REJOIN_BACKOFF_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one ingest process is told. Read once."""

    url: str
    directory: Path
    name: str
    bare: BareSettings
    ssl_context: ssl.SSLContext | None
    paused: bool


def read_settings(arguments: list[str]) -> Settings:
    """From the command line and the environment. Raises UsageError."""
    parser = argparse.ArgumentParser(prog="python -m mixer.ingest")
    parser.add_argument("url")
    parser.add_argument("--dir", type=Path, required=True, help="the journal's folder")
    parser.add_argument("--name", default="Mixer")
    parser.add_argument("--paused", action="store_true", help="journal nothing before `resume`")
    given = parser.parse_args(arguments)
    bare = BareSettings(
        pin=os.environ.get("MIXER_PIN", ""),
        token=os.environ.get("MIXER_JANUS_TOKEN", ""),
        api_secret=os.environ.get("MIXER_JANUS_API_SECRET", ""),
        ice_servers=_ice_servers(os.environ.get("MIXER_ICE_SERVERS", "")),
    )
    return Settings(given.url, given.dir, given.name, bare, _ssl_context(), given.paused)


def _ice_servers(text: str) -> tuple[IceServer, ...]:
    try:
        listed = json.loads(text) if text.strip() else []
        return tuple(ice_server(one) for one in listed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            'MIXER_ICE_SERVERS is a JSON list like [{"urls": "turn:HOST", "username": "…", '
            '"credential": "…"}]'
        ) from error


def _ssl_context() -> ssl.SSLContext | None:
    if os.environ.get("MIXER_TLS_INSECURE") == "1":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    ca_file = os.environ.get("MIXER_CA_FILE")
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else None
    except OSError as error:
        raise UsageError(f"MIXER_CA_FILE: {ca_file} is no readable certificate") from error


async def join(settings: Settings, recording: bool, conference: str = "") -> ConferenceSession:
    """Joins whatever kind of conference the address names; `conference`: the id of the one that is
    to be gone on with. Raises ConferenceError, UsageError."""
    if settings.url.startswith("janus+"):
        return await join_bare(
            settings.url, settings.name, settings.bare, ssl_context=settings.ssl_context
        )
    if settings.url.startswith(("http://", "https://")):
        return await join_own(
            settings.url,
            settings.name,
            recording=recording,
            conference=conference,
            ssl_context=settings.ssl_context,
        )
    raise UsageError(
        f"{settings.url!r}: give http(s)://HOST:PORT/rooms/NAME or janus+ws(s)://HOST:PORT/ROOM"
    )


class Orders:
    """What the parent has asked for, before there is a recording and while there is one."""

    def __init__(self, paused: bool) -> None:
        self.paused = paused
        self.recording: Recording | None = None

    async def follow(self, port: Port) -> None:
        """Until the parent says stop."""
        async for order in port.commands:
            command = order.get("command")
            if command in ("pause", "resume"):
                self.paused = command == "pause"
                if self.recording is not None:
                    (self.recording.pause if self.paused else self.recording.resume)()
        if self.recording is not None:
            self.recording.stop("stopped")


async def record(settings: Settings, port: Port) -> None:
    """Joins and records until the parent says stop or the conference ends; tells `ended` as soon
    as the journal is whole, and then leaves.

    A recording that goes on (an earlier run is in the journal) waits for a conference that is
    away; a new one fails at once. Raises MixerError.
    """
    orders = Orders(settings.paused)
    following = asyncio.create_task(orders.follow(port))
    try:
        await _record(settings, port, orders)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _record(settings: Settings, port: Port, orders: Orders) -> None:
    earlier = await asyncio.to_thread(read_earlier, settings.directory)
    if earlier.runs:
        try:
            session = await _join_again(settings, port, orders, earlier)
        except ConferenceOver:
            await asyncio.to_thread(recover, settings.directory)
            port.emit("ended", reason="conference-ended", t_ns=0)
            return
    else:
        session = await join(settings, not orders.paused)
    if session is None:
        if port.commanded:
            await asyncio.to_thread(recover, settings.directory)
        port.emit("ended", reason="stopped", t_ns=0)
        return
    try:
        writer = await asyncio.to_thread(
            JournalWriter.create, settings.directory, conference=session.conference
        )
    except BaseException:
        await session.leave()
        raise
    recording = Recording(session, writer, earlier, port.emit, paused=orders.paused)
    orders.recording = recording
    if port.stopping.is_set():
        recording.stop("stopped")
    try:
        reason = await _journalled(recording, writer, port)
        port.emit("ended", reason=reason, t_ns=recording.ended_ns)
    finally:
        await recording.leave()


async def _journalled(recording: Recording, writer: JournalWriter, port: Port) -> str:
    """Runs a recording to its end, and closes its journal: the reason.

    An orphan does not say that the recording has ended: another recorder may go on with it, and a
    page pass that is dying, too, must not take this for the end.
    """
    final = False
    try:
        reason = await recording.run()
        final = port.commanded or reason != "stopped"
        return reason
    finally:
        await asyncio.to_thread(writer.close, final=final)


async def _join_again(
    settings: Settings, port: Port, orders: Orders, earlier: Earlier
) -> ConferenceSession | None:
    """Joins as soon as the conference is there again; None when told to stop meanwhile. Raises
    ConferenceOver."""
    conference = earlier.state["conference"]["id"]
    attempt = 0
    while not port.stopping.is_set():
        try:
            return await join(settings, not orders.paused, conference)
        except ConferenceOver:
            raise
        except ConferenceError as error:
            log.info("ingest.join_failed", error=error.__class__.__name__, attempt=attempt)
        await asyncio.sleep(REJOIN_BACKOFF_S[min(attempt, len(REJOIN_BACKOFF_S) - 1)])
        attempt += 1
    return None


async def main(arguments: list[str]) -> int:
    """Exit code: 0, or that of the MixerError that ended it."""
    async with Port() as port:
        given = await begun(port, arguments)
        if given is None:
            return 0
        try:
            await record(read_settings(given), port)
        except MixerError as error:
            port.emit("failed", message=str(error), exit_code=error.exit_code)
            return error.exit_code
        return 0


if __name__ == "__main__":
    prepare()
    gc.freeze()  # what the imports have made is never garbage: collections stay short
    sys.exit(asyncio.run(main(sys.argv[1:])))
