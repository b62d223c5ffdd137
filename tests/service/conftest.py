"""The service as tests use it: the real application on a real port, on a database of its own.

`service` and `api` are for tests of the REST interface alone: rooms, sessions, storage and outbox
are the real ones where those are quick without Janus, and otherwise the notebooks below, which only
remember what they were told. Tests of whole recordings start `mixer serve` itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError

from mixer.records import Database
from mixer.records.models import Base
from mixer.room.server import listen
from mixer.service import applications
from mixer.service.app import create_app
from mixer.service.auth import SCOPES
from mixer.service.context import Service
from mixer.service.secrets import Secrets
from mixer.service.serve import web_server
from mixer.service.servers import server_id
from mixer.service.settings import ServiceSettings
from mixer.service.tokens import Tokens
from tests.instruments.postgresql import new_database
from tests.room.serving import free_port

if TYPE_CHECKING:
    from .hosting import House

BOTH_DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@dataclass
class Notebook:
    """Stands for a part: any method can be awaited or not, and is written down as (name, args)."""

    told: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **named: Any) -> Any:
            self.told.append((name, (*args, *named.values())))
            return _Answer(self.answers.get(name))

        return call

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


class _Answer:
    """A value that may be awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield from ()
        return self.value


@dataclass
class RoomsNotebook(Notebook):
    """Rooms without Janus: nobody is there unless `present` says so."""

    on_event: list[Any] = field(default_factory=list)
    present: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ready: bool = True
    janus_restarts: int = 0
    stopping: bool = False
    ids: list[str] = field(default_factory=list)
    spoken: dict[str, int] = field(default_factory=dict)

    def spoken_ms(self, conf_id: str) -> dict[str, int]:
        return self.spoken

    def routes(self) -> list[Any]:
        return []

    def participants(self, conf_id: str) -> list[dict[str, Any]]:
        return self.present.get(conf_id, [])


def notebook(part: object) -> Notebook:
    """The notebook that stands for this part of a service."""
    assert isinstance(part, Notebook)
    return part


def rooms_of(service: Service) -> RoomsNotebook:
    """The notebook that stands for the rooms of a service."""
    rooms: object = service.rooms
    assert isinstance(rooms, RoomsNotebook)
    return rooms


class Away:
    """Stands for a database that does not answer; `asked` once somebody has tried."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def _refuse(self, *queries: Any) -> Any:
        self.asked.set()
        raise OperationalError("SELECT", {}, OSError("connection refused"))

    reading = writing = fetched = _refuse


@dataclass(frozen=True)
class Credentials:
    key: str
    secret: str


@dataclass(frozen=True)
class Served:
    """A service that answers at `url`."""

    service: Service
    url: str


@contextlib.asynccontextmanager
async def open_service(data: Path, **fields: Any) -> AsyncIterator[Service]:
    """A service in a folder; `fields` are settings or parts to be used instead."""
    names = set(ServiceSettings.model_fields)
    given = {name: fields.pop(name) for name in list(fields) if name in names}
    settings = ServiceSettings(**{"data": data, "port": free_port(), "log_level": "error", **given})
    data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_address)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        secrets = Secrets(database)
        await secrets.load()
        parts: dict[str, Any] = {
            "storage": Notebook(),
            "outbox": Notebook(),
            "rooms": RoomsNotebook(),
            "sessions": Notebook(),
            **fields,
        }
        tokens = Tokens(secrets)
        yield Service(
            settings=settings,
            database=database,
            secrets=secrets,
            tokens=tokens,
            server=server_id(settings),
            **parts,
        )
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def served(service: Service) -> AsyncIterator[Served]:
    """The application of the service on its port."""
    port = service.settings.port
    server = web_server(service)
    listener = listen("127.0.0.1", port)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(30):
            while not server.started:
                assert not task.done(), task.result()
                await asyncio.sleep(0.005)
        yield Served(service, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None: SQLite. A module tests both with `pytestmark = BOTH_DATABASES`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
async def service(tmp_path: Path, database_url: str | None) -> AsyncIterator[Service]:
    """A service without Janus and recorders."""
    async with open_service(tmp_path / "data", database_url=database_url) as service:
        yield service


@pytest.fixture
async def credentials(service: Service) -> Credentials:
    """An application's key and secret."""
    return Credentials(*await applications.create(service.database, "Tests"))


@pytest.fixture
async def other_credentials(service: Service) -> Credentials:
    """Another application, which may see nothing of the first one's."""
    return Credentials(*await applications.create(service.database, "Somebody else"))


@pytest.fixture
async def url(service: Service) -> AsyncIterator[str]:
    """Where the service answers to others than `api`: real clients, slow ones."""
    async with served(service) as there:
        yield there.url


def bearer(service: Service, credentials: Credentials, *scopes: str) -> dict[str, str]:
    """The header of a caller with these scopes (all of them by default)."""
    token = service.tokens.api_token(credentials.key, scopes or SCOPES, 1800)
    return {"authorization": f"Bearer {token}"}


def in_process(service: Service, headers: dict[str, str] | None = None) -> httpx2.AsyncClient:
    """A client of the application itself, without a socket: quick. An unforeseen error raises."""
    transport = httpx2.ASGITransport(app=create_app(service))
    base_url = service.settings.base_url
    return httpx2.AsyncClient(transport=transport, base_url=base_url, headers=headers, timeout=60)


@pytest.fixture
async def anybody(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a token."""
    async with in_process(service) as client:
        yield client


@pytest.fixture
async def api(service: Service, credentials: Credentials) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a token for everything."""
    async with in_process(service, bearer(service, credentials)) as client:
        yield client


@pytest.fixture
async def stranger(
    service: Service, other_credentials: Credentials
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with another application's token."""
    async with in_process(service, bearer(service, other_credentials)) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Hosted rooms with a real Janus, for all tests of a module."""
    from .hosting import hosting  # which stands on this module

    async with hosting(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(house: House) -> Any:
    """An application of theirs with access control."""
    return await house.application(access_control=True)
