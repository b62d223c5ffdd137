"""What a page writes to its console, and what it asks the network for: noted while it is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError

from mixer import __version__
from mixer.layout.serving import Site, Tell

MOST = 300  # lines of the console
MOST_REQUESTS = 20_000  # a development server has a module each, at each size anew
IGNORED = ("/favicon.ico",)


@dataclass(slots=True)
class Noted:
    """Of one check, of all its pages. `failed`: (address, why), each once."""

    console: list[tuple[str, str]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def say(self, level: str, text: str) -> None:
        one = (level, text[:500])
        if one not in self.console and len(self.console) < MOST:
            self.console.append(one)

    def har(self) -> str:
        """HTTP Archive 1.2: without bodies, cookies and headers."""
        creator = {"name": "mixer check", "version": __version__}
        log = {"version": "1.2", "creator": creator, "entries": self.entries}
        return json.dumps({"log": log}, indent=1, ensure_ascii=False)


@dataclass(slots=True)
class WatchedSite(Site):
    """A site that notes what its pages do."""

    noted: Noted = field(default_factory=Noted)

    async def serve(self, context: BrowserContext, tell: Tell) -> None:
        context.on("console", lambda message: self._console(message))
        context.on("weberror", lambda error: self._error(error))
        context.on("response", lambda response: self._response(response))
        context.on("requestfailed", lambda request: self._request_failed(request))
        await Site.serve(self, context, tell)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.noted.say(message.type, message.text)

    def _error(self, error: WebError) -> None:
        self.noted.say("error", f"not caught: {str(error.error).splitlines()[0]}")

    def _response(self, response: Response) -> None:
        self._note(response.request, response.status, "")
        if response.status >= 400 and not response.url.endswith(IGNORED):
            self.noted.failed.setdefault(response.url, f"answers {response.status}")

    def _request_failed(self, request: Request) -> None:
        why = request.failure or "failed"
        self._note(request, 0, why)
        if not request.url.endswith(IGNORED):
            self.noted.failed.setdefault(request.url, why)

    def _note(self, request: Request, status: int, why: str) -> None:
        if len(self.noted.entries) >= MOST_REQUESTS:
            return
        nothing: dict[str, Any] = {
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "headersSize": -1,
            "bodySize": -1,
        }
        content = {"size": -1, "mimeType": "x-unknown"}
        self.noted.entries.append(
            {
                "startedDateTime": datetime.now(UTC).isoformat(),
                "time": 0,
                "request": {
                    "method": request.method,
                    "url": request.url[:2000],
                    "queryString": [],
                    **nothing,
                },
                "response": {
                    "status": status,
                    "statusText": "",
                    "content": content,
                    "redirectURL": "",
                    **nothing,
                    "_error": why,
                },
                "cache": {},
                "timings": {"send": 0, "wait": 0, "receive": 0},
                "_resourceType": request.resource_type,
            }
        )


def watched(site: Site, noted: Noted) -> WatchedSite:
    return WatchedSite(**{one.name: getattr(site, one.name) for one in fields(site)}, noted=noted)
