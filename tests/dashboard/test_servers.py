"""The dashboard of one of several servers: what is at another one is told, and led to."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from mixer.dashboard import operators
from mixer.service import applications, conferences
from mixer.service.servers import Servers
from mixer.service.sessions import Sessions, store
from tests.instruments.postgresql import new_database
from tests.service.conftest import in_process

from .conftest import EMAIL, PASSWORD, log_in, send
from .seeded import empty_service


async def test_another_servers_recording(tmp_path: Path, postgresql: str) -> None:
    """It is listed with a link to its server, not as one that does not answer; what takes its room
    is refused with the server's address."""
    url = new_database(postgresql)
    async with AsyncExitStack() as opened:
        a, b = [
            await opened.enter_async_context(
                empty_service(
                    tmp_path / name, database_url=url, storage_url=f"file://{tmp_path}/files"
                )
            )
            for name in "ab"
        ]
        a.sessions, b.sessions = Sessions(a), Sessions(b)
        for one in (a, b):
            one.settings.sessions_folder.mkdir(exist_ok=True)
            await opened.enter_async_context(Servers(one).present())
        key, _ = await applications.create(a.database, "Tests")
        app = await applications.existing(a.database, key)
        made = await conferences.create(
            a, app, owner_external_id="", alias="Weekly", parameters={}, permissions={}
        )
        wanted = {"live": True, "format": "mp4"}
        async with a.database.writing() as db:
            db.add(store.new_session(a, made.conference, store.RECORD, wanted))
        await operators.put(b.database, EMAIL, PASSWORD)
        async with in_process(b) as operator:
            await log_in(operator)
            page = await operator.get("/dashboard/live")
            assert "Weekly" in page.text and "elsewhere" in page.text
            assert f'href="{a.settings.base_url}/dashboard/live"' in page.text
            path = f"/conferences/{made.conference.id}"
            assert (await operator.get(f"/dashboard{path}")).status_code == 200
            refused = await send(operator, f"{path}/start", size="1280x720", back="live")
            told = await operator.get(refused.headers["location"])
            assert f"The conference is at {a.settings.base_url}" in told.text
