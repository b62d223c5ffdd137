"""One replay from start to end: journal, robots, player, put together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixer.clock import SECOND
from mixer.conference.address import no_answer, parts_of
from mixer.conference.presentation import OBJECTS
from mixer.errors import MixerError, UsageError, first_of
from mixer.ingest.transport import prepare
from mixer.journal import Journal, people
from mixer.replay.company import Company
from mixer.replay.player import Command, Player
from mixer.replay.presenter import Presenter
from mixer.replay.reader import Reader
from mixer.replay.robot import Stage
from mixer.replay.script import Script, read_script
from mixer.replay.settings import ReplaySettings

REACH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to be shown. `octets`: of media, sent so far by all."""

    state: str
    position_s: float
    length_s: float
    participants: int
    octets: int
    behind_s: float

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "position": round(self.position_s, 3),
            "length": round(self.length_s, 3),
            "participants": self.participants,
            "bytes": self.octets,
            "behind": round(self.behind_s, 3),
        }


class Replay:
    """`run` it once. `tell` a running one what to do."""

    def __init__(self, settings: ReplaySettings) -> None:
        self.settings = settings
        self._script: Script | None = None
        self._company: Company | None = None
        self._player: Player | None = None
        self._early: list[Command] = []  # told before there is a player

    def tell(self, command: Command) -> None:
        if self._player is None:
            self._early.append(command)
        else:
            self._player.tell(command)

    def stop(self, reason: str = "stopped") -> None:
        self.tell(Command("stop", reason=reason))

    @property
    def status(self) -> Status:
        script, player, company = self._script, self._player, self._company
        if script is None or player is None or company is None:
            return Status("starting", 0.0, 0.0, 0, 0, 0.0)
        return Status(
            player.state,
            player.position_ns / SECOND,
            script.length_ns / SECOND,
            company.joined,
            company.octets,
            player.behind_ns / SECOND,
        )

    @property
    def _clock(self) -> tuple[int, bool]:
        return self._player.clock if self._player is not None else (0, False)

    async def run(self) -> str:
        """Plays to the end or until told to stop; all robots have left then. Returns "ended",
        "stopped", "conference-ended". Raises MixerError."""
        journal, script = await asyncio.to_thread(_read, self.settings)
        await asyncio.to_thread(prepare)
        await _check_reachable(self.settings)
        reader = Reader(journal, script)
        self._script = script
        try:
            return await self._run(script, reader, journal.directory / OBJECTS)
        except* MixerError as errors:
            raise first_of(errors) from None
        finally:
            await asyncio.to_thread(reader.close)

    async def _run(self, script: Script, reader: Reader, objects: Path) -> str:
        stage = Stage(
            self.settings,
            on_ended=lambda: self.stop("conference-ended"),
            presenter=lambda id_: Presenter(objects, script.files(id_), lambda: self._clock),
        )
        async with asyncio.TaskGroup() as group:
            self._company = company = Company(stage, group)
            self._player = player = Player(script, reader, company)
            for command in self._early:
                player.tell(command)
            try:
                return await player.run(round(self.settings.offset_s * SECOND))
            finally:
                company.become({})


async def _check_reachable(settings: ReplaySettings) -> None:
    """Raises ConferenceUnreachable where nobody listens, or is not trusted: a lost robot would only
    try again."""
    url = settings.url
    parts = parts_of(url.removeprefix("janus+"))
    if not parts.hostname or not ("/rooms/" in parts.path or url.startswith("janus+")):
        return  # no room's address at all: joining says so
    secure = parts.scheme in ("https", "wss")
    port = parts.port or (443 if secure else 80)
    trust = (settings.ssl_context or True) if secure else None
    try:
        async with asyncio.timeout(REACH_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=trust)
            writer.close()
    except (OSError, TimeoutError) as error:
        raise no_answer(url, error) from None


def _read(settings: ReplaySettings) -> tuple[Journal, Script]:
    journal = Journal.open(settings.journal, hindsight=True)
    if settings.without:
        absent = {id_ for who in settings.without for id_ in people(journal, who)}
        journal = Journal.open(settings.journal, absent, hindsight=True)
    script = read_script(journal)
    if settings.offset_s * SECOND >= script.length_ns:
        length_s = script.length_ns / SECOND
        raise UsageError(
            f"--offset {settings.offset_s:g} lies behind the recording's end ({length_s:.1f} s)"
        )
    return journal, script
