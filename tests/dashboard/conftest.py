"""A dashboard in a service, and an operator who is logged in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mixer.dashboard import operators
from mixer.service.context import Service
from tests.service.conftest import database_url as database_url
from tests.service.conftest import in_process

from .seeded import empty_service

EMAIL, PASSWORD = "ada@example.org", "a long enough password"


@pytest.fixture
async def service(tmp_path: Path, database_url: str | None) -> AsyncIterator[Service]:
    async with empty_service(tmp_path / "data", database_url=database_url) as service:
        yield service


@pytest.fixture
async def anybody(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(service) as client:
        yield client


@pytest.fixture
async def operator(service: Service, anybody: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A client that has logged in by the form."""
    await operators.put(service.database, EMAIL, PASSWORD)
    assert (await log_in(anybody)).headers["location"] == "/dashboard/"
    return anybody


def token_in(page: httpx2.Response) -> str:
    """What the page's forms carry."""
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


async def log_in(
    client: httpx2.AsyncClient, password: str = PASSWORD, next: str = ""
) -> httpx2.Response:
    form = await client.get("/dashboard/login")
    given = {"email": EMAIL, "password": password, "next": next, "token": token_in(form)}
    return await client.post("/dashboard/login", data=given)


async def send(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    """Sends a form with its token, as a page of the dashboard does."""
    token = token_in(await client.get("/dashboard/account"))
    return await client.post(f"/dashboard{path}", data={"token": token, **fields})
