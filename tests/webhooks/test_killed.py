"""`kill -9` of whoever delivers, again and again: nothing is lost, nothing out of order."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from pathlib import Path

from sqlalchemy import func, select

from mixer.records.models import Event
from tests.room.serving import until

from .conftest import Desk, Receiver

EVENTS = 120
KILLS = 8
PROGRAM = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.webhooks.conftest import Desk
from mixer.records import Database
async def main():
    desk = Desk(Database({address!r}), Path({files!r}))
    await desk.outbox(lease_ms=1500).run()
asyncio.run(main())
"""


async def test_killed_deliverers_lose_nothing(
    desk: Desk, receiver: Receiver, tmp_path: Path
) -> None:
    """Each event arrives at least once; a conference's events in order, apart from repeats of the
    one that was under way."""
    chance = random.Random(5)
    outbox = desk.outbox()
    for number in range(EVENTS // 3):
        for conference in ("c0", "c1", "c2"):
            await desk.add(outbox, conference, number)
    program = PROGRAM.format(
        root=str(Path(__file__).parents[2]),
        address=str(desk.database.engine.url),
        files=str(desk.files),
    )
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        target = len(receiver.got) + chance.randrange(1, EVENTS // KILLS)
        await until(lambda wanted=target: len(receiver.got) >= wanted, "more events")  # type: ignore[misc]
        process.kill()
        await process.wait()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    async def left() -> bool:
        async with desk.database.reading() as db:
            query = select(func.count()).where(Event.state != "delivered")
            return await db.scalar(query) == 0

    await until(left, "all to be delivered")
    process.kill()
    await process.wait()
    for conference in ("c0", "c1", "c2"):
        arrived = [e["number"] for e in receiver.events if e["conference"]["confId"] == conference]
        assert [number for number, _ in itertools.groupby(arrived)] == list(range(EVENTS // 3))
