"""An outbox on a database of its own, and receivers that are real HTTP servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mixer.records import Database
from mixer.records.models import Application, Base, Conference
from mixer.service.context import now_ms
from mixer.storage import Location, Signed, Storage
from mixer.webhooks import Outbox
from mixer.webhooks.destination import Destination
from mixer.webhooks.keys import WebhookKeys
from tests.instruments.postgresql import new_database

BOTH_DATABASES = pytest.mark.parametrize("desk", ["sqlite", "postgresql"], indirect=True)


@dataclass
class Receiver:
    """Keeps what it was sent; answers what `answer(event)` says: a status, or (status, headers)."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Any] = lambda event: 200

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if len(body) < int(self.headers["content-length"]):
                return  # whoever sent it was killed on the way
            kept.got.append((dict(self.headers.items()), body))
            answer = kept.answer(json.loads(body))
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()


@dataclass
class Desk:
    """A database with an application `app`, and outboxes on it."""

    database: Database
    files: Path

    def outbox(self, *, allow_private: bool = True, lease_ms: int = 40_000) -> Outbox:
        storage = Storage(Location(folder=self.files), Signed(b"k" * 32, "https://m.example.org"))
        return Outbox(
            self.database,
            storage,
            WebhookKeys(self.database),
            Destination(allow_private=allow_private, timeout_s=5),
            region="eu",
            lease_ms=lease_ms,
        )

    async def add(
        self, outbox: Outbox, conference: str, number: int = 0, type: str = "Conference.Created"
    ) -> None:
        async with self.database.writing() as db:
            await outbox.add(db, "app", conference, type, {"number": number})

    async def conference(self, id: str) -> None:
        async with self.database.writing() as db:
            db.add(
                Conference(
                    id=id,
                    app_key="app",
                    alias=f"Alias of {id}",
                    alias_key=id,
                    parameters={},
                    permissions={},
                    created_at=now_ms(),
                )
            )


async def _desk(address: str, tmp_path: Path, url: str) -> Desk:
    database = Database(address)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with database.writing() as db:
        db.add(
            Application(
                key="app",
                name="App",
                secret_hash="",
                settings={"webhook_url": url},
                created_at=now_ms(),
            )
        )
    desk = Desk(database, tmp_path / "files")
    for id in ("c0", "c1", "c2"):
        await desk.conference(id)
    return desk


@pytest.fixture
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver
) -> AsyncIterator[Desk]:
    """On SQLite; on PostgreSQL where the test is parametrized so."""
    address = f"sqlite+aiosqlite:///{tmp_path / 'mixer.db'}"
    if getattr(request, "param", "sqlite") == "postgresql":
        cluster = new_database(request.getfixturevalue("postgresql"))
        address = cluster.replace("postgresql://", "postgresql+psycopg://")
    made = await _desk(address, tmp_path, receiver.url)
    yield made
    await made.database.close()


@contextlib.asynccontextmanager
async def delivering(*outboxes: Outbox) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(outbox.run()) for outbox in outboxes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
