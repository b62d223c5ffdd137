"""The layout's own origin: its files, or what lies at its address, with the SDK put in.

It is another port than the preview's: a page has its own origin, and none of the preview's rights.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from mixer.layout.sdk import page_scripts, voxeet_sdk_answer, with_stand_in
from mixer.layout.serving import HOST, Site, find_site
from mixer.preview.journaled import Recorded
from mixer.preview.upstream import Upstream

STATIC = Path(__file__).with_name("static")
OURS = "__mixer__"
TEMPLATE = {"width": 1920, "height": 1080, "fps": 30, "language": "en"}
HEADERS = {"cache-control": "no-store"}  # nor is any other origin let in
_HEAD = re.compile(rb"<head(\s[^>]*)?>", re.IGNORECASE)
_DOCTYPE = re.compile(rb"^\s*(<!doctype[^>]*>)?", re.IGNORECASE)
_SDK_TAG = re.compile(
    rb"""(<script\b[^>]*\bsrc\s*=\s*["'])([^"']*voxeet-web-sdk[^"']*)(["'])""", re.IGNORECASE
)
_SDK_IMPORT = re.compile(rb"""(["'])(https?://[^"'\s]*voxeet-web-sdk[^"'\s]*)\1""", re.IGNORECASE)


def injected() -> str:
    """What a page has before its own scripts: the SDKs, drawn people, and the preview's host."""
    parts = [(STATIC / name).read_text("utf-8") for name in ("faces.js", "host.js")]
    return "\n".join([page_scripts(), "(() => {\n'use strict';", *parts, "})();"])


def with_sdk(html: bytes) -> bytes:
    """The document with a script tag for `injected` before anything else that could run."""
    tag = f'<script src="/{OURS}/sdk.js"></script>'.encode()
    head = _HEAD.search(html)
    at = head.end() if head else _DOCTYPE.match(html).end()  # type: ignore[union-attr]
    return _own_sdk(html[:at] + tag + html[at:])


def _own_sdk(text: bytes) -> bytes:
    """References to the seed platform's SDK at its public address lead to the stand-in's."""

    def ours(url: bytes) -> bytes | None:
        answer = voxeet_sdk_answer(url.decode("utf-8", "replace"))
        if answer is None:
            return None
        module = "export" in answer
        return f"/{OURS}/voxeet.{'mjs' if module else 'js'}".encode()

    def tag(match: re.Match[bytes]) -> bytes:
        return match[1] + (ours(match[2]) or match[2]) + match[3]

    def imported(match: re.Match[bytes]) -> bytes:
        return match[1] + (ours(match[2]) or match[2]) + match[1]

    return _SDK_IMPORT.sub(imported, _SDK_TAG.sub(tag, text))


class Pages:
    """Answers requests for one layout's pages."""

    def __init__(self, layout: str, recorded: Recorded | None) -> None:
        self._layout = layout
        self._recorded = recorded
        self._site: Site = find_site(layout, TEMPLATE)
        self._address = urlsplit(self._site.url)
        self._upstream = Upstream(self._address)

    @property
    def path(self) -> str:
        """Path and query of the page."""
        return urlunsplit(("", "", self._address.path or "/", self._address.query, ""))

    @property
    def fragment(self) -> str:
        """What stands behind `#` in the page's address: by that some pages know what to show."""
        return self._address.fragment

    def layout_with(self, parameters: Mapping[str, str]) -> str:
        """The layout as a user calls it, with these parameters instead of its own."""
        query = urlencode(list(parameters.items()))
        if not self._is_local:
            return urlunsplit(self._address._replace(query=query))
        plain, fragment = self._layout.partition("?")[0], self.fragment and f"#{self.fragment}"
        return f"{plain}?{query}{fragment}" if query or fragment else plain

    async def answer(self, request: Request) -> Response:
        top, _, rest = str(request.scope["path"]).lstrip("/").partition("/")
        if top == OURS:
            return await self._ours(rest, request)
        if self._is_local:
            return self._from_disk(request)
        return await self._from_address(request)

    async def talk(self, socket: WebSocket) -> None:
        """A WebSocket to the page's own origin: to its development server, if it has one."""
        if self._is_local:
            await socket.close()
        else:
            await self._upstream.relay(socket)

    @property
    def _is_local(self) -> bool:
        return self._address.hostname == HOST

    async def _ours(self, name: str, request: Request) -> Response:
        if name == "sdk.js":
            return _script(injected())
        if name.startswith("voxeet."):
            host = "https://esm.sh" if name.endswith(".mjs") else "https://cdn.example"
            return _script(voxeet_sdk_answer(f"{host}/@voxeet/voxeet-web-sdk") or "")
        if name == "picture" and self._recorded is not None:
            stream, t_s = request.query_params["stream"], float(request.query_params["t"])
            picture = await run_in_threadpool(self._recorded.jpeg, stream, t_s)
            if picture is not None:
                return Response(picture, media_type="image/jpeg", headers=HEADERS)
        if name.startswith("presented/") and self._recorded is not None:
            presented = name.removeprefix("presented/")
            page = await run_in_threadpool(self._recorded.presented, presented)
            if page is not None:
                kind = mimetypes.guess_type(presented)[0]
                return Response(page, media_type=kind, headers=HEADERS)
        return Response("nothing there", 404, headers=HEADERS)

    def _from_disk(self, request: Request) -> Response:
        body, kind = self._site.local_file(str(request.scope["path"]))
        if body is None:
            return Response("no such file in the layout", 404, headers=HEADERS)
        return _answer(body, kind)

    async def _from_address(self, request: Request) -> Response:
        try:
            return await self._upstream.answer(request, _rewritten)
        except (httpx2.HTTPError, TimeoutError) as error:
            url = self._upstream.url(request.url.path, request.url.query)
            return _unreachable(url, str(error) or type(error).__name__, request)


def _answer(body: bytes, kind: str, status: int = 200) -> Response:
    return Response(_rewritten(body, kind), status, headers={**HEADERS, "content-type": kind})


def _rewritten(body: bytes, kind: str) -> bytes:
    """With what a page needs here, where it is a document or a script."""
    if kind.startswith("text/html"):
        return with_sdk(body)
    return _own_sdk(with_stand_in(body)) if "javascript" in kind else body


def _unreachable(url: str, reason: str, request: Request) -> Response:
    """Where a document was asked for: a page that says so, and gives up."""
    text = f"{url} cannot be had: {reason}. Is the page's server running?"
    if "text/html" not in request.headers.get("accept", ""):
        return Response(text, 502, headers=HEADERS)
    told = json.dumps(text).replace("<", "\\u003c")
    page = f"<!doctype html><title>Unreachable</title><script>mixerLayout.fail({told})</script>"
    return _answer(page.encode(), "text/html; charset=utf-8", 502)


def _script(text: str) -> Response:
    return Response(text, headers={**HEADERS, "content-type": "text/javascript; charset=utf-8"})
