"""How a robot's presenter follows what is wanted while its files are on their way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from mixer.conference.session import RoomSession
from mixer.replay.presented import Presents
from mixer.replay.presenter import Presenter
from tests.room.serving import until

PLAN = Presents("plan", "plan.pdf", ("1.png", "2.png"), ((4, 3), (4, 3)))
OTHER = Presents("other", "other.pdf", ("3.png",), ((4, 3),))


class Slow:
    """A room's server whose files come when they are let through."""

    def __init__(self) -> None:
        self.brought: list[str] = []
        self.shown: list[str] = []
        self.through: dict[str, asyncio.Event] = {}

    async def bring(self, path: Path) -> None:
        self.brought.append(path.name)
        await self.through.setdefault(path.name, asyncio.Event()).wait()

    async def present(self, what: dict[str, Any]) -> str:
        self.shown.append(what["name"])
        return str(what["name"])

    async def stop_presenting(self, id: str) -> None:
        self.shown.append(f"no {id}")

    def let_through(self, name: str) -> None:
        self.through.setdefault(name, asyncio.Event()).set()


@contextlib.asynccontextmanager
async def presenting(tmp_path: Path, *files: str) -> AsyncIterator[tuple[Slow, Presenter]]:
    for name in ("1.png", "2.png", "3.png"):
        (tmp_path / name).touch()
    room = Slow()
    presenter = Presenter(tmp_path, files, lambda: (0, True))
    running = asyncio.create_task(presenter.run(cast(RoomSession, room)))
    yield room, presenter
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_no_file_is_brought_twice(tmp_path: Path) -> None:
    """Also where it is wanted while it is on its way already."""
    async with presenting(tmp_path, "1.png") as (room, presenter):
        await until(lambda: room.brought, "the first file to be on its way")
        presenter.want(PLAN)
        await until(lambda: presenter._bringing["1.png"].locked(), "it to be waited for")
        room.let_through("1.png")
        await until(lambda: room.shown, "it to be shown")
        assert room.brought == ["1.png"]


async def test_what_is_wanted_when_it_has_come_is_shown(tmp_path: Path) -> None:
    """Not what was wanted when it began to come."""
    async with presenting(tmp_path) as (room, presenter):
        presenter.want(PLAN)
        await until(lambda: room.brought == ["1.png"], "the file to be on its way")
        presenter.want(OTHER)
        room.let_through("1.png")
        room.let_through("3.png")
        await until(lambda: "other.pdf" in room.shown, "the other one to be shown")
        assert room.shown == ["other.pdf"]
