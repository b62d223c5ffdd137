"""Tokens are given to whom they belong, for as long and for what was asked."""

from __future__ import annotations

import asyncio
import time

import httpx2
import jwt
import pytest

from mixer.service.auth import SCOPES
from mixer.service.context import Service
from mixer.service.errors import ApiError

from .conftest import Credentials, bearer
from .test_errors import assert_error

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def get_token(
    client: httpx2.AsyncClient, credentials: Credentials, **form: str
) -> httpx2.Response:
    return await client.post(
        "/v1/auth/token",
        data={"grant_type": "client_credentials", **form},
        auth=(credentials.key, credentials.secret),
    )


async def test_api_token(anybody: httpx2.AsyncClient, credentials: Credentials) -> None:
    """Key and secret give a bearer token for everything, for half an hour, that is accepted."""
    answer = await get_token(anybody, credentials)
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 1800
    assert token["scope"].split() == list(SCOPES)
    assert answer.headers["cache-control"] == "no-store"
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert 1700 < claims["exp"] - time.time() <= 1800
    headers = {"authorization": f"Bearer {token['access_token']}"}
    created = await anybody.post("/v2/conferences/create", json={}, headers=headers)
    assert created.status_code == 200, created.text


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("comms:conf:create nonsense", ["comms:conf:create"]),
        ("comms:*", list(SCOPES)),
        ("comms:remix:*", ["comms:remix:write", "comms:remix:read"]),
        ("nonsense", []),
    ],
)
async def test_scopes_of_a_token(
    anybody: httpx2.AsyncClient, credentials: Credentials, asked: str, given: list[str]
) -> None:
    """A token has the scopes that were asked for and that exist; wildcards stand for many."""
    answer = await get_token(anybody, credentials, scope=asked, expires_in="60")
    assert answer.json()["scope"].split() == given
    assert answer.json()["expires_in"] == 60


async def test_missing_scope(
    anybody: httpx2.AsyncClient, service: Service, credentials: Credentials
) -> None:
    """A token without the scope of a call is refused, with the scope's name."""
    headers = bearer(service, credentials, "comms:monitor:read")
    answer = await anybody.post("/v2/conferences/create", json={}, headers=headers)
    assert "comms:conf:create" in str(assert_error(answer, 403, 1004)["error_description"])


async def test_no_token(anybody: httpx2.AsyncClient) -> None:
    """No token is 401 with a challenge."""
    answer = await anybody.post("/v2/conferences/create", json={})
    assert_error(answer, 401, 1000)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_wrong_tokens(
    anybody: httpx2.AsyncClient, service: Service, credentials: Credentials
) -> None:
    """Expired, changed and unsigned tokens, and those of another kind, are refused."""
    good = service.tokens.api_token(credentials.key, SCOPES, 60)
    head, body, mark = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    other_key = jwt.encode(claims, b"x" * 32, algorithm="HS256")
    client = service.tokens.client_token(credentials.key, "ada", ("*",), 60)
    changed = f"{head}.{body}.{'A' if mark[0] != 'A' else 'B'}{mark[1:]}"
    gone = service.tokens.api_token("nobody", SCOPES, 60)
    for token in (changed, unsigned, other_key, client, gone, "x", "a.b.c", "é"):
        raw = {b"authorization": f"Bearer {token}".encode()}
        answer = await anybody.post("/v2/conferences/create", json={}, headers=raw)
        assert_error(answer, 401, 1002)
    expired = service.tokens.api_token(credentials.key, SCOPES, -1)
    headers = {"authorization": f"Bearer {expired}"}
    answer = await anybody.post("/v2/conferences/create", json={}, headers=headers)
    assert_error(answer, 401, 1003)


@pytest.mark.parametrize("auth", [("key", "wrong"), ("", ""), ("\0", "x"), ("unknown", "x")])
async def test_wrong_secret(
    anybody: httpx2.AsyncClient, credentials: Credentials, auth: tuple[str, str]
) -> None:
    """A wrong secret, an unknown key, and neither are refused alike."""
    key = credentials.key if auth[0] == "key" else auth[0]
    answer = await get_token(anybody, Credentials(key, auth[1]))
    assert_error(answer, 401, 1001)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ???", "Basic YWJj", "Bearer x", "", "Basic /w=="]
)
async def test_broken_basic(anybody: httpx2.AsyncClient, header: str) -> None:
    """Whatever stands in the header, the answer is 401."""
    headers = {"authorization": header, **FORM}
    answer = await anybody.post("/v1/auth/token", headers=headers, content=b"")
    assert_error(answer, 401, 1001)


async def test_wrong_secrets_are_bounded(
    anybody: httpx2.AsyncClient,
    service: Service,
    credentials: Credentials,
    other_credentials: Credentials,
) -> None:
    """After too many wrong secrets for a key it is refused for a while, other keys are not."""
    wrong = Credentials(credentials.key, "wrong")
    for _ in range(service.settings.failed_secrets_per_minute):
        assert_error(await get_token(anybody, wrong), 401, 1001)
    answer = await get_token(anybody, credentials)
    assert_error(answer, 429, 1005)
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert (await get_token(anybody, other_credentials)).status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": "password"}, 1006),
        ({}, 1006),
        ({"grant_type": "client_credentials", "expires_in": "86401"}, 400),
        ({"grant_type": "client_credentials", "expires_in": "soon"}, 400),
        ({"grant_type": "client_credentials", "expires_in": "0"}, 400),
    ],
)
async def test_bad_token_requests(
    anybody: httpx2.AsyncClient, credentials: Credentials, form: dict[str, str], code: int
) -> None:
    """Other grants and impossible lifetimes are refused with what to change."""
    auth = (credentials.key, credentials.secret)
    assert_error(await anybody.post("/v1/auth/token", data=form, auth=auth), 400, code)


@pytest.mark.parametrize("spelling", ["expires_in", "expiresIn"])
@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_client_token(
    api: httpx2.AsyncClient, spelling: str, encoding: str, service: Service
) -> None:
    """Both spellings and both encodings of the platform's clients give the same token."""
    fields = {"sessionScope": "conf:create nonsense", spelling: 120, "externalId": "ada"}
    sent = {k: str(v) for k, v in fields.items()} if encoding == "data" else fields
    answer = await api.post("/v2/client-access-token", **{encoding: sent})  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 120)
    assert token["scope"] == "conf:create"
    claims = service.tokens.read(token["access_token"], "client")
    assert (claims.external_id, claims.scopes) == ("ada", ("conf:create",))


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b'{"sessionScope": null}'])
async def test_client_token_without_anything(api: httpx2.AsyncClient, content: bytes) -> None:
    """An empty body, null and missing fields mean the defaults."""
    headers = {"content-type": "application/json"}
    answer = await api.post("/v2/client-access-token", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["expires_in"], answer.json()["scope"]) == (3600, "*")


async def test_older_client_token(
    anybody: httpx2.AsyncClient, credentials: Credentials, service: Service
) -> None:
    """The older call takes key and secret."""
    answer = await anybody.post(
        "/v1/oauth2/token",
        data={"grant_type": "client_credentials", "expires_in": "300"},
        auth=(credentials.key, credentials.secret),
    )
    assert answer.json()["expires_in"] == 300
    service.tokens.read(answer.json()["access_token"], "client")


async def test_known_tokens_expire(service: Service, credentials: Credentials) -> None:
    """A token that was found genuine before is refused when its time is over, and never passes for
    one of another kind."""
    token = service.tokens.api_token(credentials.key, SCOPES, 2)
    with pytest.raises(ApiError) as refused:
        async with asyncio.timeout(30):
            while True:
                assert service.tokens.read(token, "api").app_key == credentials.key
                with pytest.raises(ApiError):
                    service.tokens.read(token, "client")
                await asyncio.sleep(0.05)
    assert refused.value.detail and refused.value.code == 1003
