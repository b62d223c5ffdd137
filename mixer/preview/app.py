"""The preview's server: its own page and what that asks for; the layout's pages at another port."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from mixer.layout.shipped import BUILT_IN
from mixer.preview.pages import STATIC, Pages
from mixer.preview.rendering import Renderer, Wish
from mixer.preview.watching import changes

BEAT_S = 15.0
MAX_SIDE, LEAST_SIDE = 4096, 64
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is previewed. `script`: played from the start; `recording`: it is a real one's."""

    layout: str
    pages_port: int
    script: Mapping[str, Any] | None = None
    recording: bool = False


class Rig:
    """Answers the preview's own page."""

    def __init__(self, subject: Subject, pages: Pages, renderer: Renderer) -> None:
        self._subject = subject
        self._pages = pages
        self._renderer = renderer

    def app(self) -> Starlette:
        routes = [
            Route("/", self._page),
            Route("/api/subject", self._about),
            Route("/api/changes", self._changes),
            Route("/api/render", self._render, methods=["POST"]),
            Mount("/sdk", StaticFiles(directory=BUILT_IN / "sdk")),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        return Starlette(routes=routes)

    async def _page(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-store"})

    async def _about(self, request: Request) -> Response:
        subject = self._subject
        return JSONResponse(
            {
                "layout": subject.layout,
                "pages": f"http://{bracketed(request.url.hostname or '')}:{subject.pages_port}",
                "path": self._pages.path,
                "fragment": self._pages.fragment,
                "script": subject.script,
                "recording": subject.recording,
            }
        )

    async def _changes(self, request: Request) -> Response:
        """Server-sent events: one for each change on disk."""

        async def told() -> AsyncIterator[str]:
            yield ": here\n\n"
            seen = changes(self._subject.layout)
            waiting = asyncio.ensure_future(anext(seen, None))
            try:
                while not await request.is_disconnected():
                    done, _ = await asyncio.wait({waiting}, timeout=BEAT_S)
                    if not done:
                        yield ": still here\n\n"
                        continue
                    change = waiting.result()
                    if change is None:  # nothing on disk to be watched
                        await asyncio.sleep(BEAT_S)
                        yield ": still here\n\n"
                        continue
                    yield f"data: {change}\n\n"
                    waiting = asyncio.ensure_future(anext(seen, None))
            finally:  # else it would look at the disk for ever
                waiting.cancel()

        return StreamingResponse(told(), media_type="text/event-stream")

    async def _render(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            wish = self._wish(json.loads(await request.body()))
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": f"that cannot be rendered: {error}"}, 400)
        return StreamingResponse(self._pictures(wish), media_type="application/x-ndjson")

    async def _pictures(self, wish: Wish) -> AsyncIterator[str]:
        """A line of JSON for the draft, if there is one, and one for the mixer's picture."""
        drafts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        rendering = asyncio.create_task(self._renderer.render(wish, drafts.put_nowait))
        drafting = asyncio.create_task(drafts.get())
        try:
            await asyncio.wait({rendering, drafting}, return_when=asyncio.FIRST_COMPLETED)
            if drafting.done():
                yield _line(drafting.result(), draft=True)
            yield _line(await rendering, draft=False)
        finally:  # whoever asked may have gone: another moment is of more interest to them
            rendering.cancel()
            drafting.cancel()
        await self._renderer.make_ready(wish)

    def _wish(self, asked: Mapping[str, Any]) -> Wish:
        width, height = (
            max(LEAST_SIDE, min(MAX_SIDE, int(side))) // 2 * 2 for side in asked["size"]
        )
        return Wish(
            layout=self._pages.layout_with(asked.get("parameters", {})),
            state=dict(asked["state"]),
            width=width,
            height=height,
            t_s=float(asked.get("t", 0)),
            language=str(asked.get("language", "en"))[:35],
            layout_type=str(asked.get("layoutType", "record"))[:20],
        )


def _line(answer: Mapping[str, Any], *, draft: bool) -> str:
    told = {**answer, "draft": draft}
    if "png" in told:
        told["png"] = f"data:image/png;base64,{base64.b64encode(told['png']).decode()}"
    return json.dumps(told) + "\n"


def bracketed(host: str) -> str:
    """As it stands in an address of the web (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


class Both:
    """One ASGI application for two ports: the layout's pages at one, the preview at the other."""

    def __init__(self, rig: Starlette, pages: Pages, pages_port: int) -> None:
        self._rig = rig
        self._pages = pages
        self._pages_port = pages_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["server"][1] != self._pages_port:
            await self._rig(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._pages.talk(WebSocket(scope, receive, send))
        else:
            response = await self._pages.answer(Request(scope, receive))
            await response(scope, receive, send)
