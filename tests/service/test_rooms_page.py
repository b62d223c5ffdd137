"""The join page and conference.js in hosted rooms: real Chromium, real Janus, real permissions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from mixer.records.models import Conference
from mixer.room.http import STATIC
from mixer.service import conferences
from mixer.service.errors import ApiError
from tests.room.serving import until
from tests.room.test_join_page import ARGUMENTS, CHROMIUM, Person, camera_of
from tests.service.hosting import House

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
TIMEOUT_S = 45.0

# Says what the page is sending, and asks Janus to take what is given all the same.
FORCE = """async (kind) => {
  const { Janus } = await import('/static/janus.js');
  const sockets = location.origin.replace('http', 'ws') + location.pathname;
  const janus = await Janus.open(`${sockets}/janus?token=${window.stolen}`);
  const handle = await janus.attach(() => {});
  const feed = `${conference.participantId}.${kind === 'screen' ? 'screen' : 'camera'}`;
  for (;;) {  // Janus lets go of the page's own feed of that id a little later
    try {
      await janus.message(handle, {request: 'join', ptype: 'publisher', id: feed});
      break;
    } catch (error) {
      if (!error.message.includes('already exists')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const pc = new RTCPeerConnection();
  pc.addTransceiver(kind === 'audio' ? 'audio' : 'video', {direction: 'sendonly'});
  const offer = await pc.createOffer();
  await pc.setLocalDescription(offer);
  try {
    const answer = await janus.message(handle, {request: 'publish'}, offer);
    return answer.jsep ? 'accepted' : 'no answer';
  } catch (error) {
    return error.message;
  } finally {
    janus.close();
  }
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


async def entered(
    browser: Browser, house: House, made: Conference, name: str, after: str = "", **context: Any
) -> Person:
    """Somebody in the room of that conference; keeps the participant's token for `FORCE`."""
    page = await browser.new_page(**context)
    await page.add_init_script(
        "const ask = fetch; window.fetch = async (...all) => { const answer = await ask(...all);"
        " if (String(all[0]).endsWith('/participants')) answer.clone().json()"
        ".then((body) => { window.stolen = body.token; }); return answer; };"
    )
    person = Person(page)
    await page.goto(f"{house.room(made.id)}?name={name}&autojoin=1{after}")
    await page.wait_for_selector("#room:not([hidden])")
    return person


async def leave(*people: Person) -> None:
    for person in people:
        assert person.errors == []
        await person.page.close()


async def has(page: Page, script: str, what: str) -> None:
    async def holds() -> bool:
        return bool(await page.evaluate(script))

    await until(holds, what, TIMEOUT_S)


async def test_the_record_button_records(house: House, browser: Browser, tmp_path: Path) -> None:
    """Start, seen by everybody; pause, seen too; stop. Who has started it is told to all."""
    made = await house.create("Weekly sync")
    ada = await entered(browser, house, made, "Ada", viewport={"width": 1280, "height": 720})
    bob = await entered(browser, house, made, "Bob", viewport={"width": 390, "height": 780})
    await bob.page.evaluate(
        """() => { window.seen = []; conference.recording.addEventListener('statusUpdated',
           ({ detail }) => window.seen.push(detail)); }"""
    )
    await ada.sees("Bob")
    assert await ada.page.inner_text("#room-title") == "Weekly sync"
    assert await ada.page.get_attribute("#record", "title") == "Start recording"
    await ada.page.screenshot(path=tmp_path / "idle.png")
    await ada.page.click("#record")
    await ada.page.wait_for_selector("#recording:not([hidden]):not(.paused)")
    await bob.page.wait_for_selector("#record.on:not(.paused):not([disabled])")
    id = await ada.page.evaluate("conference.participantId")
    seen = await bob.page.evaluate("window.seen")
    assert seen[-1]["isRecording"] and seen[-1]["recording"]["participantId"] == id
    assert await bob.page.evaluate("conference.recording.current.startTimestamp") > 1e12
    await ada.page.screenshot(path=tmp_path / "recording.png")
    await bob.page.screenshot(path=tmp_path / "phone.png")
    await house.recorders.pause(made.id)
    await bob.page.wait_for_selector("#record.on.paused")
    assert await bob.page.evaluate(
        "[conference.recording.current, conference.recording.paused]"
    ) == [
        None,
        True,
    ]
    await bob.page.screenshot(path=tmp_path / "paused.png")
    await bob.page.click("#record")
    await ada.page.wait_for_selector("#record:not(.on):not([disabled])")
    await ada.page.wait_for_selector("#recording", state="hidden")
    assert (await bob.page.evaluate("window.seen"))[-1] == {"isRecording": False, "recording": None}
    await leave(ada, bob)


async def test_errors_of_recording_are_said(house: House, browser: Browser) -> None:
    """What the sessions refuse, and what fails later, is a line on the page."""
    made = await house.create()
    ada = await entered(browser, house, made, "Ada")
    house.recorders.fails = ApiError(503, 4001, "NO_RECORDER", "This machine is full.")
    try:
        await ada.page.click("#record")
        await ada.page.wait_for_selector("#toast:has-text('This machine is full.')")
        assert await ada.page.get_attribute("#record", "aria-busy") == "false"
    finally:
        house.recorders.fails = None
    house.service.rooms.tell_recording_failed(made.id, "The disk is full.")
    await ada.page.wait_for_selector("#toast:has-text('The disk is full.')")
    await leave(ada)


async def test_the_token_leaves_the_address(house: House, browser: Browser, guarded: Any) -> None:
    """From the fragment into the tab's memory: not in the address bar, not in a request's address;
    a reload needs no other. Without one, the page says what is missing."""
    made = await house.create(app=guarded)
    cat = house.token(made, "ada@x", "JOIN", "SEND_AUDIO", "SEND_VIDEO")
    addresses: list[str] = []
    page = await browser.new_page()
    page.on("request", lambda request: addresses.append(request.url))
    await page.goto(f"{house.room(made.id)}?name=Ada&autojoin=1")
    await page.wait_for_selector("#lobby-message:not([hidden])")
    assert "access token" in await page.inner_text("#lobby-message")
    await page.goto(f"{house.room(made.id)}?name=Ada&autojoin=1#cat={cat}")
    await page.wait_for_selector("#room:not([hidden])")
    assert "#" not in page.url and cat not in page.url
    assert house.service.rooms.participants(made.id)[0]["externalId"] == "ada@x"
    assert await page.is_hidden("#record") and await page.is_disabled("#screen")
    await page.reload()
    await page.wait_for_selector("#room:not([hidden])")
    assert not [address for address in addresses if cat in address.partition("#")[0]]
    await page.close()


async def test_only_what_is_permitted_reaches_janus(
    house: House, browser: Browser, guarded: Any
) -> None:
    """With the microphone alone permitted, the page sends it alone; a page that tries more is
    refused by the server."""
    made = await house.create(app=guarded)
    cat = house.token(made, "ada", "JOIN", "SEND_AUDIO")
    ada = await entered(browser, house, made, "Ada", f"#cat={cat}")
    await has(
        ada.page, "conference.state.participants[0].streams[0]?.audio", "the sound to be published"
    )
    assert await ada.page.evaluate("conference.state.participants[0].streams[0].video") is None
    assert await ada.page.is_disabled("#camera") and await ada.page.is_enabled("#microphone")
    for kind in ("video", "screen"):
        assert "not permitted" in await ada.page.evaluate(FORCE, kind)
    await leave(ada)


async def test_permissions_taken_away_end_what_is_sent(
    house: House, browser: Browser, guarded: Any
) -> None:
    """The camera goes, the microphone stays, both know of it; given back, it can be sent again. A
    page that does not listen loses its feed all the same."""
    made = await house.create(app=guarded)
    everything = ("JOIN", "SEND_AUDIO", "SEND_VIDEO", "SHARE_SCREEN", "RECORD")
    people = [
        await entered(browser, house, made, name, f"#cat={house.token(made, name, *everything)}")
        for name in ("ada", "bob")
    ]
    ada, bob = people
    await bob.sees("ada")
    await ada.page.evaluate(
        """() => conference.addEventListener('permissionsUpdated',
           ({ detail }) => { window.told = [...detail.permissions].sort(); })"""
    )
    row = await conferences.find(house.service, guarded.key, made.id)
    await conferences.permit(house.service, row, {"ada": ["JOIN", "SEND_AUDIO"]})
    await has(ada.page, "window.told?.join() === 'JOIN,SEND_AUDIO'", "being told")
    await bob.page.wait_for_selector(".tile[aria-label^='ada'] video[hidden]", state="attached")
    await has(
        bob.page,
        """(() => { const [s] = conference.state.participants[0].streams;
           return s?.audio && !s.video; })()""",
        "sound without picture",
    )
    assert await ada.page.is_hidden("#record")
    await conferences.permit(house.service, row, {"ada": list(everything)})
    await ada.page.wait_for_selector("#camera:not([disabled])")
    await ada.page.click("#camera")
    await bob.sees("ada")
    # bob's page is deaf to what it is told: the server ends the feed by itself
    await bob.page.evaluate("conference.permissions.has = () => true; conference.permissions")
    await bob.page.evaluate("Set.prototype.has = () => true")
    await conferences.permit(house.service, row, {"bob": ["JOIN"]})

    async def silent() -> bool:
        state: Any = await ada.page.evaluate("conference.state")
        return camera_of(state, "bob") is None

    await until(silent, "bob's feed to end", TIMEOUT_S)
    await leave(ada, bob)


async def test_the_types_are_those_of_the_module(house: House, browser: Browser) -> None:
    """Every member that conference.d.ts declares is there, and the module exports what it says."""
    types = (STATIC / "conference.d.ts").read_text()
    made = await house.create()
    ada = await entered(browser, house, made, "Ada")
    for name, object in (("Conference", "conference"), ("Recording", "conference.recording")):
        body = types.partition(f"export class {name} extends")[2].partition("\n}")[0]
        members = set(re.findall(r"^  (?:readonly )?(\w+)[(:<]", body, re.MULTILINE))
        members -= {"private", "constructor"}
        assert len(members) > 4
        found = await ada.page.evaluate(
            f"(names) => names.filter((name) => !(name in {object}))", sorted(members)
        )
        assert found == []
    functions = set(re.findall(r"^export (?:function|class) (\w+)", types, re.MULTILINE))
    exported = await ada.page.evaluate(
        "async () => Object.keys(await import('/static/conference.js'))"
    )
    assert functions - {"Recording"} == set(exported)
    await leave(ada)


async def test_who_is_removed_reads_it(house: House, browser: Browser) -> None:
    """The page says so, and does not come back by itself; everybody else's end is another page."""
    made = await house.create()
    ada = await entered(browser, house, made, "Ada", "&externalId=ada")
    bob = await entered(browser, house, made, "Bob")
    await house.service.rooms.message(made.id, "server", "five minutes left")
    await bob.page.wait_for_selector("#toast:has-text('server: five minutes left')")
    await house.service.rooms.kick(made.id, ["ada"])
    await ada.page.wait_for_selector("#farewell:not([hidden])")
    assert await ada.page.inner_text("#farewell-title") == "You were removed"
    assert await ada.page.is_hidden("#rejoin")
    await conferences.terminate(house.service, made.id, "ended")
    await bob.page.wait_for_selector("#farewell:not([hidden])")
    assert await bob.page.inner_text("#farewell-title") == "The conference has ended"
    await leave(ada, bob)


async def test_a_replay_is_joined_as_a_listener(house: House, browser: Browser) -> None:
    """`replay(offset)` of a conference one is in leads to another conference to listen to."""
    made = await house.create()
    ada = await entered(browser, house, made, "Ada")
    found: Any = await ada.page.evaluate(
        """async () => { const other = await conference.replay(2500);
           const me = other.state.participants.find((p) => p.id === other.participantId);
           const id = other.state.conference.id; await other.leave();
           return { type: me.type, id, permissions: [...other.permissions] }; }"""
    )
    assert house.recorders.replayed[-1] == (made.id, 2500)
    assert found["type"] == "listener" and found["id"] != made.id
    assert found["permissions"] == ["JOIN"]
    await leave(ada)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_missing_room_is_a_page(
    house: House, browser: Browser, scheme: Any, tmp_path: Path
) -> None:
    """In the colours people have their screens in."""
    page = await browser.new_page(color_scheme=scheme)
    await page.goto(house.room("nowhere"))
    assert await page.inner_text("h1") == "No conference here"
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(245, 246, 248)", "dark": "rgb(20, 23, 28)"}[scheme]
    await page.screenshot(path=tmp_path / f"{scheme}.png")
    await page.close()
