"""Requests that follow a redirect: Playwright routes only the first one of a chain.

A page has to be told of redirects, as addresses in documents, scripts and style sheets are relative
to where these were found in the end. What it then asks for is intercepted here, by a session of our
own with the browser, and answered as all else is (serving.py).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from playwright.async_api import APIResponse, BrowserContext, CDPSession
from playwright.async_api import Error as PlaywrightError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """To a request. `status` 0: nothing answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Ask = Callable[[], Awaitable[APIResponse]]
Answering = Callable[[str, str, Ask], Awaitable[Answer | None]]


class Redirects:
    """Answers what the page in `context` asks for after a redirect.

    `answering` gets address, type of resource and how to ask for it; None: not kept, go on.
    """

    def __init__(self, context: BrowserContext, answering: Answering, timeout_s: float) -> None:
        self._context = context
        self._answering = answering
        self._timeout_s = timeout_s

    async def follow(self) -> None:
        """From now on. Raises PlaywrightError."""
        cdp = await self._context.new_cdp_session(self._context.pages[0])

        async def paused(event: Mapping[str, Any]) -> None:
            try:
                await self._go_on(cdp, event)
            except PlaywrightError as error:
                log.debug("request.dropped", reason=str(error).splitlines()[0])

        cdp.on("Fetch.requestPaused", paused)
        await cdp.send("Fetch.enable")

    async def _go_on(self, cdp: CDPSession, event: Mapping[str, Any]) -> None:
        id_, request = event["requestId"], event["request"]
        answer = None
        if event.get("redirectedRequestId") and request["method"] == "GET":
            kind = str(event["resourceType"]).lower()
            answer = await self._answering(request["url"], kind, self._ask(request))
        if answer is None:
            await cdp.send("Fetch.continueRequest", {"requestId": id_})
        elif answer.status == 0:
            await cdp.send("Fetch.failRequest", {"requestId": id_, "errorReason": "Failed"})
        else:
            told = {
                "requestId": id_,
                "responseCode": answer.status,
                "responseHeaders": _lines(answer.headers),
                "body": base64.b64encode(answer.body).decode(),
            }
            await cdp.send("Fetch.fulfillRequest", told)

    def _ask(self, request: Mapping[str, Any]) -> Ask:
        async def ask() -> APIResponse:
            return await self._context.request.get(
                request["url"],
                headers=dict(request["headers"]),
                max_redirects=0,
                timeout=self._timeout_s * 1000,
            )

        return ask


def _lines(headers: Mapping[str, str]) -> list[dict[str, str]]:
    """As the browser wants them; Playwright puts several of one name into lines."""
    return [
        {"name": name, "value": value}
        for name, values in headers.items()
        for value in values.split("\n")
    ]
