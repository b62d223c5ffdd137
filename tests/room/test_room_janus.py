"""The conference server's way to a real Janus: what passes, who has a feed, what dies with whom."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from mixer.conference.session import join
from mixer.errors import (
    ConferenceUnreachable,
)
from tests.room.following import Follower, ask, attach, janus_of, names
from tests.room.serving import Server, free_port, serving, until

pytestmark = pytest.mark.system


async def test_the_proxy_lets_through_what_is_permitted_and_no_more(server: Server) -> None:
    """With a real Janus behind: own feed yes; others' feeds, rooms, sessions and plugins no."""
    url = server.room("proxy")
    async with (
        await join(url, "Ada") as ada,
        await join(url, "M", "mixer") as mixer,
        janus_of(ada) as socket,
        janus_of(mixer) as listening,
    ):
        own, of_mixer = await attach(socket), await attach(listening)
        asked = {"request": "join", "ptype": "publisher", "id": f"{mixer.feed_prefix}.mixer"}
        joined = await ask(listening, janus="message", **of_mixer, body=asked)
        assert joined["plugindata"]["data"]["videoroom"] == "joined"
        asked["id"] = f"{ada.feed_prefix}.camera"
        stolen = await ask(listening, janus="message", **of_mixer, body=asked)
        assert stolen["error"]["code"] == 403
        joined = await ask(socket, janus="message", **own, body={**asked, "room": "elsewhere"})
        assert joined["plugindata"]["data"]["room"] == "proxy"
        listed = await ask(
            listening, janus="message", **of_mixer, body={"request": "listparticipants"}
        )
        people = {p["id"] for p in listed["plugindata"]["data"]["participants"]}
        assert people == {f"{ada.feed_prefix}.camera", f"{mixer.feed_prefix}.mixer"}
        for wrong in (
            {"janus": "message", **of_mixer, "body": {"request": "listparticipants"}},
            {"janus": "attach", "session_id": own["session_id"], "plugin": "janus.plugin.echotest"},
            {"janus": "message", **own, "body": {"request": "destroy", "room": "proxy"}},
            {"janus": "info"},
        ):
            answer = await ask(socket, **wrong)
            assert answer["janus"] == "error", wrong
            assert "secret" not in json.dumps(answer)
        await socket.send("{")
        assert json.loads(await socket.recv())["janus"] == "error"


async def test_the_newest_connection_has_the_feed(server: Server) -> None:
    """Joining with a feed that a stale connection holds works at once; the stale one is closed."""
    async with await join(server.room("stale"), "Ada") as ada, janus_of(ada) as stale:
        asked = {"request": "join", "ptype": "publisher", "id": f"{ada.feed_prefix}.camera"}
        await ask(stale, janus="message", **await attach(stale), body=asked)
        async with janus_of(ada) as newer:
            handle = await attach(newer)

            async def joined() -> bool:
                answer = await ask(newer, janus="message", **handle, body=asked)
                answer = answer.get("plugindata", {}).get("data", {})
                return bool(answer.get("videoroom") == "joined")

            await until(joined, "Janus to have let the old one go")
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await stale.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4009


async def test_janus_is_restarted_and_hides_nobody(server: Server) -> None:
    """kill -9 of Janus: connections end with 1012, a new Janus has the room, nobody has left."""
    url = server.room("killed")
    async with await join(url, "Ada") as ada, Follower(ada) as seen:
        asked = {"request": "join", "ptype": "publisher", "id": f"{ada.feed_prefix}.camera"}
        async with janus_of(ada) as socket:
            await ask(socket, janus="message", **await attach(socket), body=asked)
            old = server.janus()
            assert old is not None
            old.kill()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(socket.recv(), 20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        async with janus_of(ada) as socket:
            answer = await ask(socket, janus="message", **await attach(socket), body=asked)
            assert answer["plugindata"]["data"]["videoroom"] == "joined"
        new = server.janus()
        assert new is not None and new.pid != old.pid
        assert "participant.removed" not in seen.types()


async def test_a_hanging_janus_is_replaced(server: Server) -> None:
    """A Janus that lives but does not answer is noticed and killed."""
    old = server.janus()
    assert old is not None
    old.suspend()

    def replaced() -> bool:
        new = server.janus()
        return new is not None and new.pid != old.pid

    await until(replaced, "another Janus")
    async with await join(server.room("hang"), "Ada") as ada, janus_of(ada) as socket:
        await attach(socket)


async def test_participants_keep_their_id_over_a_restart_of_the_server(tmp_path: Path) -> None:
    """The session comes back by itself; what happened meanwhile arrives as ordinary events."""
    port = free_port()
    async with serving(tmp_path, port=port) as first:
        ada, bob = await join(first.room("r"), "Ada"), await join(first.room("r"), "Bob")
        async with Follower(ada) as seen:
            await until(lambda: len(names(ada.state)) == 2, "both")
            id, old = ada.participant_id, ada.state["conference"]["id"]
            await first.stop(signal.SIGKILL)
            with pytest.raises(ConferenceUnreachable):
                await bob.update(name="x")
            async with serving(tmp_path, port=port):
                await until(lambda: ada.state["conference"]["id"] != old, "the new conference")
                await until(lambda: names(ada.state) == ["Ada"], "only Ada")
                assert ada.participant_id == id == ada.state["participants"][0]["id"]
                assert ("participant.removed", {"id": bob.participant_id}) in seen.events
                await bob.renew()
                await until(lambda: names(ada.state) == ["Ada", "Bob"], "Bob under his old id")
                assert ada.state["participants"][1]["id"] == bob.participant_id
                await ada.leave()
                await bob.leave()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_janus_does_not_outlive_the_server(tmp_path: Path, number: signal.Signals) -> None:
    """However the server ends, its Janus ends too; asked politely it ends with 0 at once."""
    async with serving(tmp_path) as server:
        janus = server.janus()
        assert janus is not None
        async with await join(server.room("x"), "Ada") as ada, Follower(ada):
            await until(lambda: len(ada.state["participants"]) == 1, "Ada")
            code = await server.stop(number)
        assert code == (-9 if number == signal.SIGKILL else 0)
        await until(lambda: not janus.is_running() or janus.status() == "zombie", "Janus' end")
