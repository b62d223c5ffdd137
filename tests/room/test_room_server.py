"""The conference server in its own process with a real Janus: interface, presence, faults."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mixer.conference.ice import parse_ice_server
from mixer.conference.own import join_own
from mixer.conference.session import ConferenceOver, join
from mixer.errors import (
    ConferenceRefused,
    ConferenceUnknown,
    ConferenceUnreachable,
    EnvironmentMissing,
    UsageError,
)
from mixer.room.server import _server, listen, run_room
from mixer.room.settings import RoomSettings
from tests.room.following import Follower, attach, janus_of, names, statuses
from tests.room.serving import Line, Server, free_port, serving, until

pytestmark = pytest.mark.system


async def test_who_joins_is_seen_until_they_leave(server: Server) -> None:
    """Joining, changing, recording and leaving reach everybody as events, and the state agrees."""
    url = server.room("seen")
    async with await join(url, "Ada") as ada, Follower(ada) as seen:
        await until(lambda: ada.state["participants"][0]["status"] == "connected", "Ada connected")
        async with await join(url, "Mixer", "mixer") as mixer:
            await until(lambda: ada.state["recording"]["active"], "the recording to be seen")
            assert mixer.state["participants"][1]["type"] == "mixer"
        await until(lambda: not ada.state["recording"]["active"], "the recording to end")
        await ada.update(name="Ada King", avatarUrl="https://example.org/a.png")
        await until(lambda: names(ada.state) == ["Ada King"], "the new name")
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{url}/state")).json() == ada.state
        assert seen.types()[-1] == "participant.updated"


async def test_a_mixer_tells_whether_it_records(server: Server) -> None:
    """Nobody is told that they are recorded while they are not, from a mixer's joining on; it is
    for mixers to say, and for nobody else."""
    url = server.room("paused")
    async with await join(url, "Ada") as ada, Follower(ada) as seen:
        async with await join(url, "Mixer", "mixer", recording=False) as mixer:
            await until(lambda: "Mixer" in names(ada.state), "the mixer to be seen")
            assert "recording.updated" not in seen.types()
            await mixer.update(recording=True)
            await until(lambda: ada.state["recording"]["active"], "the recording to be seen")
            assert ada.state["recording"]["startedAt"] is not None
            await mixer.update(recording=False)
            await until(lambda: not ada.state["recording"]["active"], "the pause to be seen")
            await mixer.renew()
            assert not mixer.state["recording"]["active"]
        with pytest.raises(ConferenceRefused):
            await ada.update(recording=True)
        assert seen.types().count("recording.updated") == 2


async def test_a_mixer_token_keeps_other_mixers_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server has one, mixers and robots show it: by body, by header, a recorder by
    environment."""
    monkeypatch.setenv("MIXER_ROOM_TOKEN", "a secret")
    async with serving(tmp_path) as server:
        url = server.room("guarded")
        with pytest.raises(ConferenceRefused, match="MIXER_ROOM_TOKEN"):
            await join(url, "M", "mixer")
        with pytest.raises(ConferenceRefused):
            await join(url, "M", "mixer", mixer_token="another")
        with pytest.raises(ConferenceRefused, match="MIXER_ROOM_TOKEN"):
            await join(url, "R", "robot")
        async with await join(url, "R", "robot", mixer_token="a secret"):
            pass
        async with await join(url, "M", "mixer", mixer_token="a secret"):
            pass
        own = await join_own(url, "M")
        assert own.state["participants"][-1]["type"] == "mixer"
        await own.leave()
        async with httpx2.AsyncClient() as client, await join(url, "Ada"):
            answer = await client.post(
                f"{url}/participants",
                json={"name": "M", "type": "mixer"},
                headers={"authorization": "Bearer a secret"},
            )
        assert answer.status_code == 201


async def test_a_plain_room_offers_no_more_than_it_has(server: Server) -> None:
    """No recording, replay or moderation: said in the answer to joining, and by the routes."""
    url = server.room("plain")
    async with httpx2.AsyncClient() as client:
        joined = (await client.post(f"{url}/participants", json={"name": "Ada"})).json()
        assert joined["capabilities"] == {"recording": False, "replay": False}
        assert "RECORD" not in joined["permissions"] and "SEND_VIDEO" in joined["permissions"]
        headers = {"authorization": f"Bearer {joined['token']}"}
        for path in ("recording", "replay", "messages", "permissions", "invitations"):
            answer = await client.post(f"{url}/{path}", json={}, headers=headers)
            assert answer.status_code == 404


async def test_who_is_gone_has_left_after_the_grace(server: Server) -> None:
    """Without events and without Janus a participant is removed, not before 5 s."""
    url = server.room("grace")
    async with await join(url, "Ada") as ada, Follower(ada):
        grace = await join(url, "Grace")
        async with Follower(grace):
            await until(lambda: names(ada.state) == ["Ada", "Grace"], "Grace to come")
            await until(lambda: statuses(ada.state)[1:] != ["connecting"], "Grace to be connected")
        gone = time.monotonic()
        await until(lambda: names(ada.state) == ["Ada"], "Grace to be gone")
        assert time.monotonic() - gone > 4
        with pytest.raises(ConferenceRefused):
            await grace.update(name="late")
        await grace.renew()
        await until(lambda: names(ada.state) == ["Ada", "Grace"], "Grace to be back")
        await grace.leave()


async def test_ending_is_told_to_everybody(server: Server) -> None:
    """DELETE of the room by a user ends it for all; a mixer may not; the name begins anew."""
    url = server.room("ending")
    async with await join(url, "Ada") as ada, await join(url, "M", "mixer") as mixer:
        async with Follower(ada), Follower(mixer) as seen:
            await until(lambda: names(ada.state) == ["Ada", "M"], "the mixer to come")
            await until(lambda: statuses(ada.state)[1] != "connecting", "the mixer to listen")
            with pytest.raises(ConferenceRefused):
                await mixer.end()
            await ada.end()
            await asyncio.wait_for(seen.task, 20)
            assert seen.events[-1] == ("conference.ended", {"reason": "ended"})
        async with await join(url, "Bob") as bob:
            assert names(bob.state) == ["Bob"]
            assert bob.state["conference"]["id"] != ada.state["conference"]["id"]


async def test_who_was_away_learns_of_the_end(tmp_path: Path) -> None:
    """Who loses the server's word before the end is told of it on coming back, whether or not there
    is another conference of that name by then, which they are not taken into."""
    async with serving(tmp_path) as server, Line(server.url) as line:
        url = line.address + "/rooms/away"
        async with (
            await join(server.room("away"), "Ada") as ada,
            await join(url, "M", "mixer") as m,
            Follower(m) as seen,
        ):
            await until(lambda: statuses(m.state) and names(m.state) == ["Ada", "M"], "both")
            id = m.state["conference"]["id"]
            await line.cut()
            await ada.end()
            async with await join(server.room("away"), "Bob") as bob, Follower(bob):
                await line.mend()
                await asyncio.wait_for(seen.task, 20)
                assert seen.events[-1] == ("conference.ended", {"reason": "ended"})
                assert m.state["conference"]["id"] == id
                await until(lambda: names(bob.state) == ["Bob"], "nobody but Bob")
                with pytest.raises(ConferenceOver):
                    await join(server.room("away"), "M", "mixer", conference=id)


async def test_bad_requests_get_one_clear_line(server: Server) -> None:
    """Every wrong request is refused with a status and a reason, and changes nothing."""
    url = server.room("bad")
    async with httpx2.AsyncClient() as client, await join(url, "Ada") as ada:
        cases: list[tuple[int, str, str, Any, dict[str, str]]] = [
            (404, "GET", server.room("a b") + "/state", None, {}),
            (404, "GET", server.room("x" * 101) + "/state", None, {}),
            (404, "GET", f"{server.url}/rooms/..%2f..%2fetc/state", None, {}),
            (400, "POST", f"{url}/participants", {}, {}),
            (400, "POST", f"{url}/participants", {"name": ""}, {}),
            (400, "POST", f"{url}/participants", {"name": "x" * 101}, {}),
            (400, "POST", f"{url}/participants", {"name": "x", "type": "king"}, {}),
            (400, "POST", f"{url}/participants", {"name": "x", "avatarUrl": "javascript:1"}, {}),
            (400, "POST", f"{url}/participants", {"name": "x", "token": "short"}, {}),
            (400, "POST", f"{url}/participants", ["x"], {}),
            (413, "POST", f"{url}/participants", {"name": "x" * 20_000}, {}),
            (401, "PATCH", f"{url}/participants/{ada.participant_id}", {"name": "x"}, {}),
            (401, "DELETE", f"{url}/participants/{ada.participant_id}", None, {}),
            (401, "DELETE", url, None, {}),
            (401, "GET", f"{url}/events", None, {"authorization": "Bearer " + "x" * 43}),
            (405, "PUT", f"{url}/state", {}, {}),
        ]
        for status, method, address, body, headers in cases:
            answer = await client.request(method, address, json=body, headers=headers)
            assert answer.status_code == status, (method, address, body)
            assert "\n" not in answer.json()["error"]
            assert (answer.json()["status"], answer.json()["error_code"]) == (status, status)
            assert answer.json()["error_reason"].isupper()
            assert answer.json()["error_description"].endswith(".")
        form = await client.post(f"{url}/participants", content='{"name": "x"}')
        assert form.status_code == 415
        token = {"authorization": f"Bearer {ada.token}"}
        other = await client.patch(f"{url}/participants/somebody", json={}, headers=token)
        assert other.status_code == 403
        assert names((await client.get(f"{url}/state")).json()) == ["Ada"]


async def test_pages_of_other_origins_may_not_use_it(server: Server) -> None:
    """No CORS headers; a WebSocket with another origin is refused even with a token."""
    url = server.room("origin")
    async with httpx2.AsyncClient() as client, await join(url, "Ada") as ada:
        evil = {"origin": "https://evil.example"}
        answer = await client.get(f"{url}/state", headers=evil)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        preflight = {**evil, "access-control-request-method": "DELETE"}
        assert (await client.options(url, headers=preflight)).status_code == 405
        with pytest.raises(InvalidStatus):
            await connect(ada.janus_url, origin="https://evil.example", proxy=None)  # type: ignore[arg-type]
        with pytest.raises(InvalidStatus, match="403"):
            await connect(ada.janus_url, origin="http://[x", proxy=None)  # type: ignore[arg-type]
        with pytest.raises(InvalidStatus):
            await connect(f"{ada.janus_url}x", proxy=None)


async def test_a_self_signed_certificate_serves_https_and_wss(tmp_path: Path) -> None:
    """Strangers do not trust it; who is told to, gets everything by TLS."""
    async with serving(tmp_path, "--tls-self-signed") as server:
        assert server.url.startswith("https://")
        with pytest.raises(ConferenceUnreachable):
            await join(server.room("tls"), "Ada")
        host, port = server.url.removeprefix("https://").split(":")
        certificate = ssl.get_server_certificate((host, int(port)))
        trusting = ssl.create_default_context(cadata=certificate)
        async with await join(server.room("tls"), "Ada", ssl_context=trusting) as ada:
            assert ada.janus_url.startswith("wss://")
            async with Follower(ada), janus_of(ada) as socket:
                await attach(socket)


async def test_wrong_addresses_and_settings_are_told_apart(tmp_path: Path) -> None:
    """Each kind of mistake has its own error and one line that says what to do."""
    with pytest.raises(ConferenceUnreachable):
        await join(f"http://127.0.0.1:{free_port()}/rooms/x", "Ada")
    for address in ("ftp://127.0.0.1/rooms/x", "http://127.0.0.1/", "http:///rooms/x"):
        with pytest.raises(UsageError):
            await join(address, "Ada")
    with pytest.raises(EnvironmentMissing):
        await run_room(RoomSettings(janus=tmp_path / "nowhere", port=0))
    with pytest.raises(EnvironmentMissing):
        await run_room(RoomSettings(janus=Path("/bin/false"), port=0, log_dir=tmp_path))
    with pytest.raises(UsageError):
        RoomSettings(tls_cert=tmp_path / "c.pem")
    with pytest.raises(UsageError):
        missing = tmp_path / "c.pem"
        await run_room(RoomSettings(tls_cert=missing, tls_key=missing, port=0))
    for text in ("turn:host", "http://host", "turn:host:3478,user"):
        with pytest.raises(UsageError):
            parse_ice_server(text) if text != "turn:host" else parse_ice_server("turn:")
    assert parse_ice_server("turn:h:1,u,p,x").as_json()["credential"] == "p,x"


def test_idle_connections_outlive_those_of_clients() -> None:
    """A request that goes out as its connection is closed would be lost: clients close first."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Is never asked."""

    expiry_s = httpx2.Limits().keepalive_expiry
    config = _server(RoomSettings(), app).config
    assert expiry_s is not None and config.timeout_keep_alive > 2 * expiry_s


async def test_a_taken_port_is_told_and_another_server_is_no_room(server: Server) -> None:
    """The port's owner stays as it was; an address without rooms is not mistaken for one."""
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(UsageError, match="choose another"):
        await run_room(RoomSettings(port=port))
    with pytest.raises(ConferenceUnknown):
        await join(f"{server.url}/static/rooms/x", "Ada")


async def test_run_room_can_be_cancelled(tmp_path: Path) -> None:
    """Inside another program: ready is announced once, cancelling ends Janus and the port."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = RoomSettings(port=0, log_dir=tmp_path, public_url="https://meet.example.org/")
    running = asyncio.create_task(run_room(settings, on_ready=ready.set_result))
    assert await asyncio.wait_for(ready, 20) == "https://meet.example.org"
    before = [c for c in psutil.Process().children() if c.name() == "janus"]
    assert len(before) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not [c for c in psutil.Process().children() if c.name() == "janus"]
    assert (tmp_path / "janus-0.log").read_text()


async def test_events_come_by_websocket_too(server: Server) -> None:
    """The same messages as by server-sent events; reading is presence there too."""
    url = server.room("socket")
    async with await join(url, "Ada") as ada:
        address = f"ws{url.removeprefix('http')}/events"
        async with connect(f"{address}?token={ada.token}", proxy=None) as socket:
            first = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert first["type"] == "state"
            assert first["data"]["participants"][0]["status"] == "connected"
            await ada.update(name="Ada King")
            second = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert second["data"] == {"id": ada.participant_id, "name": "Ada King"}
            await ada.end()
            last = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert last["type"] == "conference.ended"
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 20)
        for wrong, origin in ((f"{address}?token=x", None), (address, "https://evil.example")):
            with pytest.raises(InvalidStatus):
                await connect(wrong, origin=origin, proxy=None)  # type: ignore[arg-type]


async def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm is off on accepted connections: head and body go out at once."""
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.put_nowait(transport.get_extra_info("socket"))

    with listen("127.0.0.1", 0) as listener:
        async with await asyncio.get_running_loop().create_server(Accepting, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            server_side = await accepted.get()
            assert server_side.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
