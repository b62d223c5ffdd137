"""The page of a development server: what it asks of its own origin reaches that server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from mixer.room.server import QuietServer, listen
from tests.preview.serving import PATIENCE_S, previewed


async def page(_: Request) -> Response:
    answer = HTMLResponse("<!doctype html><title>mine</title>", headers={"x-mine": "yes"})
    answer.set_cookie("session", "7")
    return answer


async def moved(_: Request) -> Response:
    return RedirectResponse("/deep/page?a=1")


async def heard(request: Request) -> Response:
    wanted = ("content-type", "authorization", "x-token", "cookie", "origin", "host")
    told = {name: request.headers.get(name) for name in wanted}
    return JSONResponse({**told, "body": (await request.body()).decode()}, 201)


async def events(_: Request) -> Response:
    async def for_ever() -> AsyncIterator[str]:
        yield "data: reload\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(for_ever(), media_type="text/event-stream")


async def hot(socket: WebSocket) -> None:
    """Says everything twice; ends at "enough"."""
    await socket.accept(subprotocol=socket.scope["subprotocols"][0])
    await socket.send_text(socket.headers["origin"])
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") == "enough":
            await socket.close(4007)
        elif (text := message.get("text")) is not None:
            await socket.send_text(text * 2)
        else:
            await socket.send_bytes(message["bytes"] * 2)


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def pages() -> AsyncIterator[str]:
    """The pages' address of a preview of a development server."""
    routes = [
        Route("/", page),
        Route("/moved", moved),
        Route("/deep/page", page),
        Route("/heard", heard, methods=["POST"]),
    ]
    app = Starlette(routes=[*routes, Route("/events", events), WebSocketRoute("/hot", hot)])
    async with served(app) as address, previewed(layout=f"{address}/") as (_, found):
        yield found


async def test_what_has_moved(pages: str) -> None:
    """The page is told, so that relative addresses lead where they do on the server."""
    async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        answer = await client.get(f"{pages}/moved", follow_redirects=True)
    assert str(answer.url) == f"{pages}/deep/page?a=1"
    assert "__mixer__/sdk.js" in answer.text and answer.headers["x-mine"] == "yes"


async def test_requests(pages: str) -> None:
    """Body, type, authorization and other headers arrive, and so do the answer's, cookies too; the
    server takes the page for its own."""
    async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        answer = await client.get(f"{pages}/")
        assert "__mixer__/sdk.js" in answer.text and answer.headers["x-mine"] == "yes"
        sent = {"x-token": "t", "authorization": "Basic YTpi", "origin": pages}
        answer = await client.post(f"{pages}/heard", json={"a": 1}, headers=sent)
    assert answer.status_code == 201
    told = answer.json()
    assert told["body"] == '{"a":1}' and told["content-type"] == "application/json"
    assert (told["x-token"], told["authorization"]) == ("t", "Basic YTpi")
    assert told["cookie"] == "session=7"
    assert told["origin"] == f"http://{told['host']}" != pages


async def test_other_sites(pages: str) -> None:
    """What another site's page sends is told to be that; it reads nothing of the answer."""
    evil = "https://evil.example"
    async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        answer = await client.post(f"{pages}/heard", headers={"origin": evil})
    assert answer.json()["origin"] == evil
    assert "access-control-allow-origin" not in answer.headers


async def test_a_stream_of_events(pages: str) -> None:
    """It comes as it is told, though it never ends."""
    async with (
        httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
        client.stream("GET", f"{pages}/events") as answer,
    ):
        async for line in answer.aiter_lines():
            assert line == "data: reload"
            break


async def test_websockets(pages: str) -> None:
    """Both ways, with the protocol that was agreed on, to the end and its code; none for a page of
    another site, nor where the server has none."""
    url, origin = f"ws{pages.removeprefix('http')}", Origin(pages)
    protocols = [Subprotocol("vite-hmr")]
    async with connect(f"{url}/hot", origin=origin, subprotocols=protocols, proxy=None) as socket:
        assert socket.subprotocol == "vite-hmr"
        assert str(await socket.recv()).startswith("http://127.0.0.1:") and await _twice(socket)
        await socket.send("enough")
        with pytest.raises(ConnectionClosed) as ended:
            await socket.recv()
        assert ended.value.rcvd and ended.value.rcvd.code == 4007
    for path, source in (("/hot", Origin("https://evil.example")), ("/nowhere", origin)):
        with pytest.raises(InvalidStatus):
            await connect(f"{url}{path}", origin=source, subprotocols=protocols, proxy=None)
    port = int(url.rpartition(":")[2])
    place = f"evil.example:{port}"  # whose name leads here
    with pytest.raises(InvalidStatus):
        await connect(
            f"ws://{place}/hot",
            origin=Origin(f"http://{place}"),
            subprotocols=protocols,
            proxy=None,
            host="127.0.0.1",
            port=port,
        )


async def _twice(socket: Any) -> bool:
    for given in ("a", b"b", ""):
        await socket.send(given)
        assert await socket.recv() == given * 2
    return True


async def test_no_server(tmp_path: Path) -> None:
    """A page on disk has no WebSockets; of a server that is not there, it is said."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    async with previewed(layout=str(tmp_path)) as (_, found):
        with pytest.raises(InvalidStatus):
            await connect(f"ws{found.removeprefix('http')}/", origin=Origin(found), proxy=None)
    async with (
        previewed(layout="http://127.0.0.1:9/") as (_, found),
        httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
    ):
        answer = await client.get(f"{found}/x.css")
        assert answer.status_code == 502 and "Is the page's server running?" in answer.text
