"""Signed tokens (JWT, HS256): who may use the API, join a conference, or record one.

Kinds never pass for one another: the kind is the token's audience. Everything about a token is in
it, so any instance that knows the key can check it without asking the database.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import jwt

from .context import now_ms
from .errors import ApiError
from .secrets import Secrets

Kind = Literal["api", "client", "conference", "mixer"]

ISSUER = "mixer"
ALGORITHM = "HS256"
CONFERENCE_TOKEN_S = 24 * 3600  # a conference that lasts longer needs a new invitation
MIXER_TOKEN_S = 7 * 24 * 3600
REMEMBERED = 1000  # tokens that were found genuine


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Fields that a kind does not have are empty."""

    kind: Kind
    app_key: str  # "" of mixer tokens
    scopes: tuple[str, ...] = ()  # of api and client tokens
    external_id: str = ""  # of client and conference tokens
    conf_id: str = ""  # of conference and mixer tokens
    permissions: tuple[str, ...] = ()  # of conference tokens: the claim `authorities`


class Tokens:
    """Makes and reads them."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._genuine: OrderedDict[tuple[str, Kind], tuple[int, Claims]] = OrderedDict()

    def api_token(self, app_key: str, scopes: tuple[str, ...], expires_in: int) -> str:
        """For an application's server. `expires_in`: seconds."""
        return self._make("api", app_key, expires_in, scope=" ".join(scopes))

    def client_token(
        self, app_key: str, external_id: str, session_scope: tuple[str, ...], expires_in: int
    ) -> str:
        """For a client: the browser SDK of a participant, or a layout page."""
        scope = " ".join(session_scope)
        return self._make("client", app_key, expires_in, scope=scope, externalId=external_id)

    def conference_token(
        self, app_key: str, conf_id: str, external_id: str, permissions: tuple[str, ...]
    ) -> str:
        """For one participant of one conference under access control (contract 2.3)."""
        return self._make(
            "conference",
            app_key,
            CONFERENCE_TOKEN_S,
            confId=conf_id,
            externalId=external_id,
            authorities=list(permissions),
        )

    def mixer_token(self, conf_id: str) -> str:
        """For a recorder that joins a conference."""
        return self._make("mixer", "", MIXER_TOKEN_S, confId=conf_id)

    def read(self, token: str, kind: Kind) -> Claims:
        """What the token says. Raises ApiError 401 when it is not a valid one of that kind.

        One that was found genuine is until it expires: a client sends the same for half an hour.
        """
        expires, claims = self._genuine.get((token, kind), (0, None))
        if claims is not None and now_ms() < expires * 1000:
            return claims
        found = self._checked(token, kind)
        self._genuine[token, kind] = int(found["exp"]), (claims := _claims(kind, found))
        while len(self._genuine) > REMEMBERED:
            self._genuine.popitem(last=False)
        return claims

    def _checked(self, token: str, kind: Kind) -> dict[str, Any]:
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                self._secrets.tokens,
                algorithms=[ALGORITHM],
                audience=kind,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused(1003, "TOKEN_EXPIRED", "The token has expired: get a new one.") from None
        except (jwt.InvalidTokenError, ValueError):
            sentence = f"This is no valid {kind} token of this server: get one."
            raise _refused(1002, "TOKEN_INVALID", sentence) from None
        return found

    def _make(self, kind: Kind, app_key: str, expires_in: int, **claims: Any) -> str:
        now = now_ms() // 1000
        general = {"iss": ISSUER, "aud": kind, "sub": app_key, "jti": uuid.uuid4().hex}
        times = {"iat": now, "exp": now + expires_in}
        return jwt.encode({**general, **times, **claims}, self._secrets.tokens, ALGORITHM)


def _claims(kind: Kind, found: dict[str, Any]) -> Claims:
    return Claims(
        kind=kind,
        app_key=str(found["sub"]),
        scopes=tuple(str(found.get("scope", "")).split()),
        external_id=str(found.get("externalId", "")),
        conf_id=str(found.get("confId", "")),
        permissions=tuple(found.get("authorities", ())),
    )


def _refused(code: int, reason: str, description: str) -> ApiError:
    return ApiError(401, code, reason, description, {"www-authenticate": "Bearer"})
