"""Who calls: bearer tokens and their scopes, applications' keys and secrets (HTTP Basic).

Routes take `Annotated[Caller, Depends(caller("comms:conf:create"))]`.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBearer

from . import applications
from .applications import Application
from .context import Service
from .errors import ApiError

SCOPES = (
    "comms:client_access_token:create",
    "comms:conf:create",
    "comms:conf:admin",
    "comms:conf:destroy",
    "comms:monitor:read",
    "comms:monitor:download",
    "comms:monitor:delete",
    "comms:stream:write",
    "comms:remix:write",
    "comms:remix:read",
    "comms:record:write",
)
REMEMBERED_FAILURES = 10_000

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="apiToken",
    bearerFormat="JWT",
    description="An API token of POST /v1/auth/token.",
)


class _Described(HTTPBasic):
    """Only for the API's description: `application_of_basic` reads the header itself."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        return None


basic = _Described(
    auto_error=False,
    scheme_name="keyAndSecret",
    description="An application's key and secret.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """An application that calls with an API token."""

    app: Application

    @property
    def app_key(self) -> str:
        return self.app.key


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    service: Service = request.app.state.service
    return service


async def given_service(request: Request) -> Service:
    """Without a thread of its own, which FastAPI gives to functions that are not async."""
    return service_of(request)


GivenService = Annotated[Service, Depends(given_service)]


def caller(*scopes: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, whose token has at least one of the scopes.

    Raises ApiError 401 (no token, or none that is valid) and 403 (a token without the scope).
    """

    async def dependency(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        service = service_of(request)
        if given is None:
            raise _unauthorized(1000, "TOKEN_MISSING", "Send Authorization: Bearer TOKEN.")
        claims = service.tokens.read(given.credentials, "api")
        if scopes and not set(scopes) & set(claims.scopes):
            wanted = " or ".join(scopes)
            raise ApiError(403, 1004, "SCOPE_MISSING", f"The token lacks the scope {wanted}.")
        app = await applications.known(service.database, claims.app_key)
        if app is None:
            raise _unauthorized(1002, "TOKEN_INVALID", "The token's application is gone.")
        return Caller(app)

    return dependency


def granted(wanted: str | None) -> tuple[str, ...]:
    """The scopes of a token for which `wanted` was asked, space-separated (contract 1.2).

    Unknown ones are passed over, nothing means everything, `comms:*` and `comms:conf:*` are
    wildcards.
    """
    names = (wanted or "").split()
    if not names:
        return SCOPES
    return tuple(scope for scope in SCOPES if any(_covers(name, scope) for name in names))


def _covers(name: str, scope: str) -> bool:
    return scope.startswith(name[:-1]) if name.endswith(":*") else name == scope


class FailedSecrets:
    """Bounds how often one address may be wrong about one application's secret.

    By address, so that nobody can lock out an application from elsewhere. In memory: with 256-bit
    secrets this spares the machine, it does not protect the secret.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._recent: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def check(self, address: str, key: str) -> None:
        """Raises ApiError 429 when there were too many in the last minute."""
        failures = self._kept(address, key)
        if len(failures) >= self._per_minute:
            wait_s = max(1, round(failures[0] + 60 - time.monotonic()))
            sentence = f"Too many wrong secrets: wait {wait_s} s."
            raise ApiError(
                429, 1005, "TOO_MANY_WRONG_SECRETS", sentence, {"retry-after": str(wait_s)}
            )

    def add(self, address: str, key: str) -> None:
        """One more."""
        failures = self._kept(address, key)
        self._recent[address, key] = [*failures, time.monotonic()]
        self._recent.move_to_end((address, key))
        while len(self._recent) > REMEMBERED_FAILURES:
            self._recent.popitem(last=False)

    def forgive(self, address: str, key: str) -> None:
        """Takes one back: what was added before it was looked at has proved right."""
        if (address, key) in self._recent:
            self._recent[address, key] = self._kept(address, key)[:-1]

    def _kept(self, address: str, key: str) -> list[float]:
        oldest = time.monotonic() - 60
        return [at for at in self._recent.get((address, key), ()) if at > oldest]


async def application_of_basic(request: Request) -> Application:
    """The application whose key and secret the request carries (HTTP Basic, RFC 7617).

    Raises ApiError 401 and 429.
    """
    service = service_of(request)
    key, secret = _key_and_secret(request.headers.get("authorization", ""))
    address = request.client.host if request.client else ""
    failed: FailedSecrets = request.app.state.failed_secrets
    failed.check(address, key)
    app = await applications.authenticate(service.database, key, secret)
    if app is None:
        failed.add(address, key)
        raise _wrong_client()
    return app


def _key_and_secret(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        raise _wrong_client()
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _wrong_client() from None
    key, colon, secret = text.partition(":")
    if not colon or not key or "\0" in key:  # PostgreSQL's texts have no NUL
        raise _wrong_client()
    return key, secret


def _wrong_client() -> ApiError:
    sentence = "Send the application's key and secret by HTTP Basic: they are wrong or missing."
    return _unauthorized(1001, "INVALID_CLIENT", sentence, "Basic")


def _unauthorized(code: int, reason: str, description: str, scheme: str = "Bearer") -> ApiError:
    return ApiError(401, code, reason, description, {"www-authenticate": scheme})


def known_only(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that are in `known`, in its order."""
    wanted = set(names)
    return tuple(name for name in known if name in wanted)
