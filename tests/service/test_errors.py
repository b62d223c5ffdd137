"""Every error has the contract's body, and no request costs much before it is known to be good."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import httpx2
import pytest

import mixer.service
from mixer.service.catalogue import FAULTS
from mixer.service.context import Service

from .conftest import Away, open_service, rooms_of, served

CATALOGUE = Path(__file__).parents[2] / "docs" / "api-errors.md"


def assert_error(answer: httpx2.Response, status: int, code: int) -> dict[str, object]:
    """The contract's body (1.4), with this status and code."""
    assert answer.status_code == status, answer.text
    body: dict[str, object] = answer.json()
    assert set(body) == {"type", "status", "error_code", "error_reason", "error_description"}
    assert body["status"] == status
    assert body["error_code"] == code
    assert str(body["type"]).endswith(f"/docs/errors#{code}")
    assert str(body["error_description"]).endswith("."), body
    return body


async def test_unknown_routes(anybody: httpx2.AsyncClient) -> None:
    """An address or a method that there is not answers with the body."""
    assert_error(await anybody.get("/v2/nothing"), 404, 404)
    answer = await anybody.put("/v2/conferences/create")
    assert_error(answer, 405, 405)
    assert answer.headers["allow"] == "POST"


async def test_unforeseen(service: Service, api: httpx2.AsyncClient) -> None:
    """A fault of ours answers 500 with the body, and says nothing of its inside."""

    def broken(*args: object) -> object:
        raise RuntimeError("the secret is Mellon")

    service.rooms.open = broken  # type: ignore[method-assign,assignment]
    async with served(service) as there, httpx2.AsyncClient(headers=api.headers) as client:
        answer = await client.post(f"{there.url}/v2/conferences/create", json={}, timeout=60)
    assert "Mellon" not in str(assert_error(answer, 500, 500))


async def test_a_database_that_is_away(api: httpx2.AsyncClient, service: Service) -> None:
    """503, which clients try again, and not a fault of the server's."""
    there, service.database = service.database, Away()  # type: ignore[assignment]
    answer = await api.get("/v2/monitor/recordings")
    service.database = there
    assert_error(answer, 503, 503)
    assert answer.headers["retry-after"] == "2"


async def test_oversized_body(api: httpx2.AsyncClient, service: Service) -> None:
    """Too long a body is refused, with and without an announced length."""
    whole = b"x" * (service.settings.max_body_bytes + 1)

    async def pieces() -> object:
        for at in range(0, len(whole), 10_000):
            yield whole[at : at + 10_000]

    for content in (whole, pieces()):
        answer = await api.post("/v2/conferences/create", content=content)  # type: ignore[arg-type]
        assert_error(answer, 413, 413)


async def test_slow_body(tmp_path: Path) -> None:
    """A client that does not send what it announced is answered 408 and let go."""
    async with (
        open_service(tmp_path / "data", body_timeout_s=0.3) as service,
        served(service),
        asyncio.timeout(60),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.port)
        head = "POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        writer.write(head.encode())
        answer = await reader.read()  # until it is closed
        assert b" 408 " in answer.split(b"\r\n")[0]
        assert b"REQUEST_TIMEOUT" in answer
        writer.close()


async def test_request_ids(anybody: httpx2.AsyncClient) -> None:
    """Each answer names its request; a harmless name that the client gives is kept."""
    given = await anybody.get("/healthz", headers={"x-request-id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    odd = await anybody.get("/healthz", headers={"x-request-id": "a b\t"})
    assert re.fullmatch(r"[0-9a-f]{32}", odd.headers["x-request-id"])


async def test_logs_have_no_secrets(
    service: Service, capfd: pytest.CaptureFixture[str], anybody: httpx2.AsyncClient
) -> None:
    """Requests are logged by path, without queries and headers."""
    headers = {"authorization": "Bearer hush1"}
    await anybody.get("/v2/monitor/recordings?token=hush2", headers=headers)
    logged = "".join(capfd.readouterr())
    assert "/v2/monitor/recordings" in logged
    assert "hush" not in logged


async def test_readiness(anybody: httpx2.AsyncClient, service: Service) -> None:
    """Ready is who has a database and a conference server; alive is who answers."""
    assert (await anybody.get("/readyz")).json() == {"status": "ok", "failing": []}
    rooms_of(service).ready = False
    answer = await anybody.get("/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["conference server"])
    assert (await anybody.get("/healthz")).status_code == 200


async def test_metrics(anybody: httpx2.AsyncClient, api: httpx2.AsyncClient) -> None:
    """What goes on; requests by route, not by path: as many series as there are routes."""
    await api.post("/v2/conferences/create", json={})
    await anybody.get("/v2/conferences/abc/participants")
    text = (await anybody.get("/metrics")).text
    wanted = 'route="/v2/conferences/{conferenceId}/participants",status="401"'
    assert wanted in text and "abc" not in text
    assert "mixer_conferences_live 1.0" in text


def _raised() -> dict[int, tuple[int | None, str]]:
    """Codes that the service's code raises: status (where it is written there) and reason."""
    found: dict[int, tuple[int | None, str]] = {}
    sources = Path(mixer.service.__file__).parent.rglob("*.py")
    for path in (one for one in sources if one.name != "catalogue.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            values = [one.value for one in node.args if isinstance(one, ast.Constant)]
            match values:
                case [int(status), int(code), str(reason), *_] if reason.isupper():
                    found[code] = (status, reason)
                case [int(code), str(reason), *_] if reason.isupper():
                    found.setdefault(code, (None, reason))
    return found


def test_catalogue() -> None:
    """docs/api-errors.md and /docs/errors list each code with its status and reason."""
    row = r"^\| (\d+) \| (\d{3}) \| `([A-Z_]+)` \| (.+) \|$"
    rows = re.findall(row, CATALOGUE.read_text(), re.M)
    told = [(str(one.code), str(one.status), one.reason, one.advice) for one in FAULTS]
    assert rows == told
    listed = {one.code: one for one in FAULTS}
    assert len(listed) == len(FAULTS)
    for code, (status, reason) in _raised().items():
        assert code in listed, f"{code} {reason} is missing in docs/api-errors.md"
        assert listed[code].reason == reason
        assert status in (None, listed[code].status)


async def test_page_of_errors(anybody: httpx2.AsyncClient) -> None:
    """An error's `type` leads to a line about it."""
    page = (await anybody.get("/docs/errors")).text
    assert all(f'id="{one.code}"' in page for one in FAULTS)


async def test_the_address_of_everything(url: str, service: Service) -> None:
    """`OPTIONS *`, which asks for the server itself, has no slash in it."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.port)
        writer.write(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 404 "), answer[:100]


async def test_the_front_is_the_dashboard(anybody: httpx2.AsyncClient) -> None:
    """Whoever has only the server's name is led to it."""
    answer = await anybody.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "dashboard")
