"""Participants of hosted rooms, and requests of theirs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from mixer.conference.session import RoomSession
from mixer.records.models import Conference
from tests.service.hosting import House


@contextlib.asynccontextmanager
async def present(session: RoomSession) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
    """Follows the events until the block ends; leaves then."""
    events: list[tuple[str, dict[str, Any]]] = []

    async def follow() -> None:
        async for event in session.events():
            events.append(event)

    async with session:
        task = asyncio.create_task(follow())
        yield events
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(
    house: House, method: str, path: str, body: Any = None, token: str = "", cat: str = ""
) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    headers |= {"x-conf-access-token": cat} if cat else {}
    async with httpx2.AsyncClient(timeout=30) as client:
        return await client.request(method, house.url + path, json=body, headers=headers)


async def joined(
    house: House, conference: Conference, name: str, cat: str = "", **fields: Any
) -> httpx2.Response:
    body = {"name": name, **fields}
    return await ask(house, "POST", f"/rooms/{conference.id}/participants", body, cat=cat)
