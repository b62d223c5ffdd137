"""The outbox: in with the transaction, out at least once and in order."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, update

from mixer.records.models import Application, Event
from mixer.service.context import now_ms
from mixer.webhooks.schedule import DAY_MS
from tests.instruments.plans import plans
from tests.room.serving import until

from .conftest import BOTH_DATABASES, Desk, Receiver, delivering

pytestmark = BOTH_DATABASES


async def states(desk: Desk) -> list[str]:
    async with desk.database.reading() as db:
        return list(await db.scalars(select(Event.state).order_by(Event.id)))


async def hurry(desk: Desk, **also: Any) -> None:
    """Makes everything due that is pending."""
    async with desk.database.writing() as db:
        pending = update(Event).where(Event.state == "pending")
        await db.execute(pending.values(next_attempt_at=now_ms(), **also))


async def settings(desk: Desk, **fields: Any) -> None:
    async with desk.database.writing() as db:
        app = await db.get_one(Application, "app")
        app.settings = {**app.settings, **fields}


async def test_an_event_arrives_signed_with_its_envelope(desk: Desk, receiver: Receiver) -> None:
    """Common fields of the contract, a signature that the published key verifies."""
    outbox = desk.outbox()
    await desk.add(outbox, "c0", 7)
    async with delivering(outbox):
        await until(lambda: _all(desk, "delivered"), "all to be delivered")
    headers, body = receiver.got[0]
    assert receiver.events[0] == {
        "eventType": "Conference.Created",
        "thirdPartyId": "app",
        "conference": {"confId": "c0", "confAlias": "Alias of c0"},
        "region": "eu",
        "number": 7,
    }
    fields = dict(part.split("=", 1) for part in headers["Dolby-Signature"].split(","))
    public = (await outbox.keys.published())[fields["k"]]
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(
        base64.b64decode(fields["s"]), f"{fields['t']}.".encode() + body
    )
    async with desk.database.reading() as db:
        row = (await db.scalars(select(Event))).one()
    assert row.sent_body is not None and row.sent_body.encode() == body
    assert row.response is not None and row.response["status"] == "200 OK"
    assert row.uid == headers["webhook-id"]


async def _all(desk: Desk, state: str) -> bool:
    return set(await states(desk)) == {state}


async def test_a_transaction_that_fails_tells_nobody(desk: Desk, receiver: Receiver) -> None:
    """What did not happen is not told."""
    outbox = desk.outbox()
    with pytest.raises(RuntimeError):
        async with desk.database.writing() as db:
            await outbox.add(db, "app", "c0", "Conference.Created", {})
            raise RuntimeError
    assert await states(desk) == []


async def test_only_what_was_subscribed_to(desk: Desk) -> None:
    """No address, or another choice of events: nothing is kept. Deprecated ones have to be asked
    for."""
    outbox = desk.outbox()
    await desk.add(outbox, "c0", type="Recording.MP4.Available")
    await settings(desk, webhook_events=["Conference.Ended"])
    await desk.add(outbox, "c0")
    await settings(desk, webhook_url=None, webhook_events=["Conference.Created"])
    await desk.add(outbox, "c0")
    assert await states(desk) == []


async def test_a_failing_event_holds_up_its_conference_only(desk: Desk, receiver: Receiver) -> None:
    """Later events of the same conference wait, those of others do not; then all come in order."""
    outbox = desk.outbox()
    failing = True
    receiver.answer = lambda e: 500 if failing and e["conference"]["confId"] == "c0" else 200
    for number in range(3):
        for conference in ("c0", "c1"):
            await desk.add(outbox, conference, number)
    async with delivering(outbox):
        await until(lambda: numbers(receiver, "c1") == [0, 1, 2], "those of c1")
        assert set(numbers(receiver, "c0")) == {0}
        failing = False
        await hurry(desk)
        await until(lambda: _all(desk, "delivered"), "all to be delivered")
    tried = numbers(receiver, "c0")
    assert tried == sorted(tried) and tried[-3:] == [0, 1, 2]


def numbers(receiver: Receiver, conference: str) -> list[int]:
    return [e["number"] for e in receiver.events if e["conference"]["confId"] == conference]


async def test_after_a_day_it_is_given_up_and_the_next_is_tried(
    desk: Desk, receiver: Receiver
) -> None:
    """Dead letters are seen, and can be sent again; they block nobody any more."""
    outbox = desk.outbox()
    receiver.answer = lambda e: 500 if e["number"] == 0 else 200
    await desk.add(outbox, "c0", 0)
    await desk.add(outbox, "c0", 1)
    await hurry(desk, created_at=now_ms() - DAY_MS)
    async with delivering(outbox):
        await until(lambda: _are(desk, ["dead", "delivered"]), "the first to be given up")
        async with desk.database.reading() as db:
            dead = (await db.scalars(select(Event).where(Event.state == "dead"))).one()
        assert dead.response is not None
        assert dead.response["status"] == "500 Internal Server Error"
        assert not await outbox.send_again("somebody else", dead.uid)
        receiver.answer = lambda e: 200
        assert await outbox.send_again("app", dead.uid)
        await until(lambda: _are(desk, ["delivered", "delivered"]), "it to be sent again")
    assert [e["number"] for e in receiver.events] == [0, 1, 0]


async def _are(desk: Desk, wanted: list[str]) -> bool:
    return await states(desk) == wanted


async def test_a_mended_address_is_used(desk: Desk, receiver: Receiver) -> None:
    """An event that waits goes to where the application now wants it, and that is recorded."""
    outbox = desk.outbox()
    await settings(desk, webhook_url="http://127.0.0.1:9/")
    await desk.add(outbox, "c0")
    await settings(desk, webhook_url=receiver.url)
    async with delivering(outbox):
        await until(lambda: _all(desk, "delivered"), "all to be delivered")
    async with desk.database.reading() as db:
        assert (await db.scalars(select(Event.url))).one() == receiver.url


async def test_an_address_that_was_taken_away_gets_nothing_more(
    desk: Desk, receiver: Receiver
) -> None:
    """Events have addresses of recordings in them: whoever is to have none any more gets none."""
    outbox = desk.outbox()
    await desk.add(outbox, "c0")
    await settings(desk, webhook_url=None)
    async with delivering(outbox):
        await until(lambda: _all(desk, "dead"), "all to be given up")
    assert receiver.events == []


async def test_what_cannot_be_sent_again_stays_as_it_is(desk: Desk, receiver: Receiver) -> None:
    """What was sent and answered is not lost for a try that has to fail: its words or its
    recordings are gone, or there is nobody to send it to."""
    outbox = desk.outbox()
    await desk.add(outbox, "c0")
    async with delivering(outbox):
        await until(lambda: _all(desk, "delivered"), "all to be delivered")
    changes: list[dict[str, Any]] = [{"recordings": ["gone"]}, {"recordings": [], "body": {}}, {}]
    for change in changes:
        async with desk.database.writing() as db:
            one = (await db.scalars(select(Event))).one()
            for name, value in change.items():
                setattr(one, name, value)
        if not change:
            await settings(desk, webhook_url=None)
        assert not await outbox.send_again("app", one.uid)
        async with desk.database.reading() as db:
            same = (await db.scalars(select(Event))).one()
        assert (same.state, same.sent_body) == ("delivered", one.sent_body)
        assert same.response == one.response and same.response is not None
    assert len(receiver.events) == 1


async def test_whether_events_wait_is_looked_up(desk: Desk) -> None:
    """Among those that are pending: a conference with many that were sent is as quick."""
    if not desk.database.is_sqlite:
        pytest.skip("PostgreSQL scans tables as small as this one")
    outbox = desk.outbox()
    await desk.add(outbox, "c0")
    with plans(desk.database) as found:
        await outbox._claimed()
    (plan,) = {plan for statement, plan in found.items() if "NOT (EXISTS" in statement}
    assert "events_waiting" in plan and "events_due" in plan


async def test_private_receivers_are_refused_by_default(desk: Desk, receiver: Receiver) -> None:
    """The reason is in the log of events."""
    outbox = desk.outbox(allow_private=False)
    await desk.add(outbox, "c0")

    async def told() -> bool:
        async with desk.database.reading() as db:
            response = (await db.scalars(select(Event.response))).one()
        return response is not None and "allow_private_webhooks" in response["error"]

    async with delivering(outbox):
        await until(told, "the reason")
    assert not receiver.got


async def test_several_instances_share_the_work(desk: Desk, receiver: Receiver) -> None:
    """Each event is sent once, and in order, though three deliver at the same time."""
    outboxes = [desk.outbox() for _ in range(3)]
    for number in range(20):
        for conference in ("c0", "c1", "c2"):
            await desk.add(outboxes[0], conference, number)
    async with delivering(*outboxes):
        await until(lambda: _all(desk, "delivered"), "all to be delivered")
    for conference in ("c0", "c1", "c2"):
        assert numbers(receiver, conference) == list(range(20))


@pytest.mark.parametrize("turns", range(5))
async def test_it_ends_when_it_is_told_to(desk: Desk, turns: int) -> None:
    """Also when that comes just as it wakes up."""
    outbox = desk.outbox()
    running = asyncio.create_task(outbox.run())
    await until(lambda: outbox._wake._waiters, "it to wait")
    outbox._wake.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


async def test_keys_rotate(desk: Desk) -> None:
    """The new key is published at once, the old one goes on signing until all know the new one."""
    keys = desk.outbox().keys
    before = await keys.current()
    new = await keys.rotate()
    assert set(await keys.published()) == {before.id, new}
    assert await keys.current() == before
    other = desk.outbox().keys
    assert await other.published() == await keys.published()
    assert await other.secret_of("app") == await keys.secret_of("app")
