"""Whatever the description allows, and what it does not, is answered as described; never 500.

The whole application on a database of its own, in a thread; without Janus and recorders, which
only work on what REST has written down. Deterministic: the same requests each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from mixer.service import applications
from mixer.service.auth import SCOPES
from mixer.service.parts import open_service
from mixer.service.settings import ServiceSettings
from tests.room.serving import free_port

from .conftest import served
from .published import Archive

WITH_SECRET = ("/v1/auth/token", "/v1/oauth2/token", "/v1/conferences/{conferenceId}/destroy")
MOST = 5  # requests for each call of the API
# Left out are checks that hold the contract's leniency against it: what clients send too much, in
# another form, or not at all is accepted.
WANTED = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True)
class Running:
    url: str
    authorization: str
    basic: tuple[str, str]
    download: str  # the address of a file


async def _run(data: object, started: Future[Running], stop: asyncio.Event) -> None:
    settings = ServiceSettings(data=data, port=free_port(), log_level="error")  # type: ignore[arg-type]
    async with open_service(settings) as (service, _):
        key, secret = await applications.create(service.database, "schemathesis")
        token = service.tokens.api_token(key, SCOPES, 3600)
        download = (await Archive(service, key).recorded()).object_key
        address = service.storage.signed.url(download, 0)
        async with served(service) as there:
            started.set_result(Running(there.url, f"Bearer {token}", (key, secret), address))
            await stop.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started: Future[Running] = Future()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    data = tmp_path_factory.mktemp("schemathesis")

    def serve() -> None:
        try:
            loop.run_until_complete(_run(data, started, stop))
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = threading.Thread(target=serve, name="service")
    thread.start()
    try:
        yield started.result(60)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


def _send(case: schemathesis.Case[Any], running: Running) -> None:
    """One request, mostly about a conference that there is; its answer is as described."""
    headers = {"authorization": running.authorization}
    asked = case.path_parameters or {}
    if "conferenceId" in asked and len(str(asked["conferenceId"])) % 3:
        create = f"{running.url}/v2/conferences/create"
        made = httpx2.post(create, json={}, headers=headers, timeout=60)
        asked["conferenceId"] = made.json()["conferenceId"]
    if case.path in WITH_SECRET:
        answer = case.call(base_url=running.url, auth=running.basic, timeout=60)
    else:
        answer = case.call(base_url=running.url, headers=headers, timeout=60)
    assert answer.status_code != 500, (case.as_curl_command(), answer.text)
    checks: list[Any] = CHECKS.get_by_names(WANTED)
    case.validate_response(answer, checks=checks)


def _try(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], mode: GenerationMode, running: Running
) -> None:
    @settings(
        max_examples=MOST,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: schemathesis.Case[Any]) -> None:
        _send(case, running)

    with contextlib.suppress(Unsatisfiable):  # what has no parameters cannot be asked for wrongly
        tried()


# What a description cannot say: texts that nearly are addresses, ranges, parts of rooms' addresses.
PIECES = (
    "http:",
    "https:",
    "//",
    "/",
    "[",
    "]",
    "::1",
    "@",
    ":",
    "0",
    "99999",
    "x.example",
    "?",
    "#",
)
NEARLY_ADDRESSES = st.lists(st.sampled_from((*PIECES, "%", "%zz", "\\", "\u2100", "é", " ", "")))
NUMBERS = st.sampled_from(("", "0", "5", "-1", "99999999999999999999", "x", "1_0", "٣", " "))
RANGES = st.tuples(
    st.sampled_from(("bytes=", "Bytes =", "lines=", "bytes", "")),
    st.lists(st.tuples(NUMBERS, NUMBERS).map("-".join), max_size=3).map(",".join),
).map("".join)
TARGETED = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def asking(running: Running) -> Iterator[httpx2.Client]:
    """One connection for many requests."""
    headers = {"authorization": running.authorization}
    with httpx2.Client(base_url=running.url, headers=headers, timeout=60) as client:
        yield client


def _is_described(answer: httpx2.Response, *statuses: int) -> None:
    """One of these statuses; every error with the contract's fields."""
    assert answer.status_code in statuses, answer.text
    if answer.status_code >= 400:
        told = answer.json()
        assert (told["status"], told["error_reason"].isupper()) == (answer.status_code, True)
        assert set(told) >= {"type", "error_code", "error_description"}


@TARGETED
@given(pieces=NEARLY_ADDRESSES)
def test_layouts_addresses(pieces: list[str], asking: httpx2.Client) -> None:
    """Taken or refused, whatever is in them: a library's own words are no answer."""
    url = "".join(pieces)
    made = asking.post("/v2/conferences/create", json={"parameters": {"liveRecording": True}})
    path = f"/v2/conferences/mix/{made.json()['conferenceId']}/recording/start"
    _is_described(asking.post(path, json={"layoutUrl": url}), 200, 400, 503)


@TARGETED
@given(wanted=RANGES)
def test_ranges_of_a_download(wanted: str, running: Running, asking: httpx2.Client) -> None:
    """A part, all of it, or that there is no such part."""
    raw = wanted.strip().encode()
    answer = asking.get(running.download, headers=[(b"range", raw)])
    _is_described(answer, 200, 206, 416)
    assert answer.status_code == 200 or "content-range" in answer.headers or "," in wanted


@TARGETED
@given(
    name=st.text(max_size=20),
    rest=st.sampled_from(("", "/state", "/events", "/participants", "/recording", "/replay", "/x")),
    method=st.sampled_from(("GET", "POST", "DELETE", "PATCH", "PUT")),
    body=st.recursive(st.none() | st.booleans() | st.text(max_size=5), st.lists, max_leaves=4),
)
def test_rooms(name: str, rest: str, method: str, body: object, asking: httpx2.Client) -> None:
    """Rooms that there are not, bodies that make no sense: refused, with the same fields."""
    answer = asking.request(method, f"/rooms/{quote('~' + name, safe='')}{rest}", json=body)
    _is_described(answer, 400, 401, 404, 405, 415)


@pytest.mark.timeout(600)  # the machine may be busy
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers(mode: GenerationMode, running: Running) -> None:
    """No 500, no answer that is not described, for good requests and for bad ones."""
    failures: list[str] = []
    tried = 0
    for found in schemathesis.openapi.from_url(f"{running.url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        tried += 1
        try:
            _try(operation, mode, running)
        except (Exception, BaseExceptionGroup) as failed:
            failures.append(f"{operation.label}: {failed}")
    assert not failures, "\n\n".join(failures)
    assert tried > 20
