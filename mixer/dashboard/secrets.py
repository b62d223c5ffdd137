"""Secrets: an application's, with which it gets tokens; its webhooks'; the key that signs events.

Each is asked for by a form of its own and shown by the answer alone: it is in no other page, and no
page is kept (`cache-control: no-store`).
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import UsageError
from ..service import applications as kept
from ..service.context import Service
from . import applications, pages
from .visits import field_of, private


@dataclass(frozen=True, slots=True)
class Shown:
    """A secret on the application's page."""

    title: str
    advice: str
    secret: str


async def renew(request: Request, service: Service) -> Response:
    """A new secret of the application's; the old one is void."""
    key = request.path_params["key"]
    if not field_of(await request.form(), "sure", 10):
        sentence = "The secret is as it was: tick that the old one may end."
        return pages.to(request, f"/applications/{key}", sentence, failed=True)
    try:
        secret = await kept.renew_secret(service.database, key)
    except UsageError:
        raise HTTPException(404, "There is no application with this key.") from None
    shown = Shown("The new secret", "Copy it now: it is shown this once.", secret)
    return await applications.page_of(request, service, key, shown=shown)


async def of_webhooks(request: Request, service: Service) -> Response:
    """What the application checks the Standard Webhooks signatures of its events with."""
    key = request.path_params["key"]
    secret = await service.outbox.keys.secret_of(key)
    advice = "Receivers check the header webhook-signature with it. It does not change."
    shown = Shown("The webhooks’ secret", advice, secret)
    return await applications.page_of(request, service, key, shown=shown)


async def rotate(request: Request, service: Service) -> Response:
    """A new key for `Dolby-Signature`."""
    id = await service.outbox.keys.rotate()
    sentence = f"The key {id} has been published; events are signed with it in two minutes."
    return pages.to(request, "/webhooks", sentence)


ROUTES: list[BaseRoute] = [
    Route("/applications/{key}/secret", private(renew), methods=["POST"]),
    Route("/applications/{key}/webhook-secret", private(of_webhooks), methods=["POST"]),
    Route("/signing-key", private(rotate), methods=["POST"]),
]
