"""Who may use the dashboard: log-in, the first operator, forged forms, wrong passwords."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest

from mixer import dashboard
from mixer.dashboard import live, operators
from mixer.dashboard.site import WRONG_PASSWORDS_A_MINUTE
from mixer.errors import UsageError
from mixer.service.context import Service

from .conftest import EMAIL, PASSWORD, log_in, send, token_in

PAGES = [
    "/",
    *(f"/{name}" for name in ("live", "conferences", "recordings", "webhooks", "applications")),
    *(f"/{name}" for name in ("storage", "retention", "usage", "account")),
]


@pytest.mark.parametrize("path", [*PAGES, "/live/events", "/applications/x", "/webhooks/x"])
async def test_strangers_are_led_to_the_log_in(anybody: httpx2.AsyncClient, path: str) -> None:
    """No page tells anything to who is not logged in; a form neither does anything."""
    answer = await anybody.get(f"/dashboard{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/dashboard/login?next=")
    assert (await anybody.post("/dashboard/applications", data={"name": "x"})).status_code == 303


async def test_every_page_answers_without_anything_in_it(operator: httpx2.AsyncClient) -> None:
    for path in PAGES:
        answer = await operator.get(f"/dashboard{path}")
        assert answer.status_code == 200, path
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert (await operator.get("/dashboard/nothing")).status_code == 404


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    service: Service, anybody: httpx2.AsyncClient
) -> None:
    await operators.put(service.database, EMAIL, PASSWORD)
    cookie = (await log_in(anybody)).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_wrong_passwords_are_refused_and_then_bounded(
    service: Service, anybody: httpx2.AsyncClient
) -> None:
    """After five wrong ones even the right one has to wait."""
    await operators.put(service.database, EMAIL, PASSWORD)
    statuses = [(await log_in(anybody, "wrong password!")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert (await log_in(anybody)).status_code == 429


async def test_guesses_at_once_are_bounded_too(
    service: Service, anybody: httpx2.AsyncClient
) -> None:
    """Those that come while others are looked at; right passwords use up nothing."""
    await operators.put(service.database, EMAIL, PASSWORD)
    for _ in range(WRONG_PASSWORDS_A_MINUTE + 1):
        assert (await log_in(anybody)).status_code == 303
    token = token_in(await anybody.get("/dashboard/login"))
    wrong = {"email": EMAIL, "password": "wrong password!", "token": token}
    guesses = (anybody.post("/dashboard/login", data=wrong) for _ in range(12))
    statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert sorted(statuses) == [401] * 5 + [429] * 7


async def test_passwords_are_looked_at_apart(service: Service) -> None:
    """On a thread of their own: neither waits for the other work that threads do."""
    await operators.put(service.database, EMAIL, PASSWORD)
    let_go = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, let_go.wait) for _ in range(64)]  # more than there are
    try:
        async with asyncio.timeout(60):
            found = await operators.authenticate(service.database, EMAIL, PASSWORD)
    finally:
        let_go.set()
        await asyncio.gather(*busy)
    assert found is not None and found.email == EMAIL


async def test_forged_forms_do_nothing(operator: httpx2.AsyncClient) -> None:
    """Neither without the token, nor with another visit's, nor from another site."""
    token = token_in(await operator.get("/dashboard/account"))
    for form, headers in (
        ({"name": "x"}, {}),
        ({"name": "x", "token": "0" * 64}, {}),
        ({"name": "x", "token": token}, {"sec-fetch-site": "cross-site"}),
    ):
        answer = await operator.post("/dashboard/applications", data=form, headers=headers)
        assert answer.status_code == 403
    assert "There is none yet" in (await operator.get("/dashboard/applications")).text


async def test_a_changed_password_ends_other_visits(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    before = operator.cookies["mixer_operator"]
    assert "is another one" in await _told(operator, old="wrong password!", new="x" * 12)
    assert "has been changed" in await _told(operator, old=PASSWORD, new="another password")
    assert (await operator.get("/dashboard/")).status_code == 200
    operator.cookies.clear()
    old = await operator.get("/dashboard/", headers={"cookie": f"mixer_operator={before}"})
    assert old.status_code == 303


async def _told(client: httpx2.AsyncClient, **fields: str) -> str:
    await send(client, "/account", **fields)
    return (await client.get("/dashboard/account")).text


async def test_removed_operators_are_out_at_once(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    await operators.remove(service.database, EMAIL)
    assert (await operator.get("/dashboard/")).status_code == 303
    with pytest.raises(UsageError, match="no operator"):
        await operators.remove(service.database, EMAIL)


async def test_the_live_pages_stream_ends_with_its_operator(
    service: Service, operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is removed sees nothing more of what is being recorded."""
    monkeypatch.setattr(live, "EVERY_S", 0.02)
    looked = asyncio.Event()
    going = live.going

    async def seen(service: Service) -> list[live.Going]:
        looked.set()
        return await going(service)

    monkeypatch.setattr(live, "going", seen)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        stream = group.create_task(operator.get("/dashboard/live/events"))
        await looked.wait()
        await operators.remove(service.database, EMAIL)
    assert stream.result().status_code == 200


async def test_log_out(operator: httpx2.AsyncClient) -> None:
    await send(operator, "/logout")
    assert (await operator.get("/dashboard/")).status_code == 303


async def test_after_the_log_in_one_is_where_one_wanted_to_be(
    service: Service, anybody: httpx2.AsyncClient
) -> None:
    """But never elsewhere."""
    await operators.put(service.database, EMAIL, PASSWORD)
    for wanted, there in (
        ("/webhooks?state=dead", "/dashboard/webhooks?state=dead"),
        ("//evil.example", "/dashboard/"),
        ("https://evil.example", "/dashboard/"),
        ("/../rooms", "/dashboard/"),
    ):
        assert (await log_in(anybody, next=wanted)).headers["location"] == there


async def test_the_first_operator_comes_by_a_link_that_works_once(
    service: Service, anybody: httpx2.AsyncClient
) -> None:
    link = await dashboard.address(service)
    assert (await anybody.get("/dashboard/setup?key=guessed")).status_code == 404
    form = await anybody.get(link)
    given = {"email": EMAIL, "password": "short", "token": token_in(form)}
    refused = await anybody.post(link, data=given)
    assert refused.status_code == 400
    given = {"email": EMAIL, "password": PASSWORD, "token": token_in(refused)}
    assert (await anybody.post(link, data=given)).headers["location"] == "/dashboard/"
    assert (await anybody.get("/dashboard/")).status_code == 200
    assert (await anybody.get(link)).status_code == 404
    assert await dashboard.address(service) == f"{service.settings.base_url}/dashboard"


@pytest.mark.parametrize("email", ["", "ada", "a b@example.org", "x" * 251 + "@example.org"])
async def test_impossible_addresses(service: Service, email: str) -> None:
    with pytest.raises(UsageError, match="e-mail"):
        await operators.put(service.database, email, PASSWORD)
