"""Pages written for the seed platform: its page contract, and the stand-in for its SDK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from mixer.layout.page import Page, PageFailure
from mixer.layout.sdk import voxeet_sdk_answer, with_stand_in
from tests.layout.support import (
    PAGES,
    added,
    journal,
    page_of,
    participant,
    shown,
    speaking,
    state_of,
)
from tests.layout.test_page_pass import everything, passed, settings

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
SEED = PAGES / "seed"
FORM = "<input type=hidden id=layoutType><button id=joinConference></button>"
STARTED = "<div id=conferenceStartedVoxeet></div>"


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


async def told(page: Page, first: int, *events: dict[str, Any]) -> Any:
    """Two more frames, with events at the first of them; what `look` says after them."""
    start_ms = page.clock_ms
    await page.step(first, start_ms + 1000 / 30, events)
    await page.look()
    await page.step(first + 1, start_ms + 2000 / 30)
    return (await page.look())[0]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("https://unpkg.com/@voxeet/voxeet-web-sdk@3.4", "classic"),
        ("https://unpkg.com/@voxeet/voxeet-web-sdk/dist/voxeet-sdk.js", "classic"),
        ("https://cdn.jsdelivr.net/npm/@voxeet/voxeet-web-sdk@3/dist/voxeet-sdk.min.js", "classic"),
        ("https://cdn.jsdelivr.net/npm/@voxeet/voxeet-web-sdk@3.11.1/+esm", "module"),
        ("https://esm.sh/@voxeet/voxeet-web-sdk", "module"),
        ("https://unpkg.com/@voxeet/voxeet-web-sdk@3.4?module", "module"),
        ("https://unpkg.com/@voxeet/voxeet-web-sdk-extras", None),
        ("https://unpkg.com/@voxeet/voxeet-web-sdk/dist/a.map", None),
        ("https://unpkg.com/jquery", None),
    ],
)
async def test_addresses_of_the_sdk(url: str, answer: str | None) -> None:
    """Public addresses of the SDK are answered with the stand-in, others are not."""
    script = voxeet_sdk_answer(url)
    assert (
        script is None if answer is None else ("export" in (script or "")) == (answer == "module")
    )
    assert answer is None or script is not None


@pytest.mark.parametrize(
    ("bundle", "changed"),
    [
        (
            b't.default=q;class _{static s(){log("VoxeetSDK version: "+_.version)}}t.default=_,r=1',
            b"t.default=(window.VoxeetSDK||_),r=1",
        ),
        (
            b'n.d(r,{default:function(){return jp}});log("VoxeetSDK version: "+jp.version)',
            b"default:function(){return (window.VoxeetSDK||jp)}",
        ),
        (b"n.d(r, { default: () => A$ }); log('VoxeetSDK version: ' + A$.version)", b"K||A$)"),
        (b't.default=_;log("VoxeetSDK version: ")', b""),
        (b"t.default=_", b""),
    ],
)
async def test_the_sdk_inside_a_bundle(bundle: bytes, changed: bytes) -> None:
    """The class that tells of the SDK's version is exported no more, the stand-in is."""
    made = with_stand_in(bundle)
    assert changed in made if changed else made == bundle


async def test_a_bundled_page(browser: Browser, tmp_path: Path) -> None:
    """A local page whose script brings the SDK along, and which sets what is taken away."""
    (tmp_path / "out.js").write_text(
        "const m = {}; (function(t){class _{constructor(){throw new Error('the real one')}"
        "static displaySettings(){console.log('VoxeetSDK version: '+_.version)}"
        "}navigator.getUserMedia=1;t.default=_})(m); const sdk = m.default;"
        "joinConference.onclick = () =>"
        " sdk.conference.fetch('').then((c) => sdk.conference.join(c));"
    )
    body = STARTED + FORM + "<script>'use strict';</script><script type=module src=out.js></script>"
    async with shown(browser, page_of(tmp_path, body), state_of(2)) as (page, look):
        assert look.ready and not page.suppressed
        assert await page.call("VoxeetSDK.conference.participants.size") == 2


async def test_tutorial_style(browser: Browser) -> None:
    """The SDK by script tag, started before the click: inputs are filled, cameras and a screen
    shown; a camera that is switched off and its participant vanish; the end is heard."""
    async with shown(browser, str(SEED / "columns.html"), state_of(2)) as (page, look):
        assert await page.call("calls") == [
            "join record c 0",
            "streamAdded p0 Camera user",
            "streamAdded p1 Camera user",
        ]
        assert [video.stream for video in look.videos] == ["p0.camera", "p1.camera"]
        screen = {**participant(0)["streams"][0], "id": "p0.screen", "type": "ScreenShare"}
        look = await told(page, 3, event("stream.added", participantId="p0", stream=screen))
        assert {video.stream for video in look.videos} == {"p0.camera", "p1.camera", "p0.screen"}
        off = {"participantId": "p1", "streamId": "p1.camera", "video": {"muted": True}}
        gone = event("stream.removed", participantId="p0", streamId="p0.screen")
        look = await told(page, 5, gone, event("stream.updated", **off))
        assert [video.stream for video in look.videos] == ["p0.camera"]
        look = await told(page, 7, event("participant.removed", id="p0"))
        assert look.videos == () and not look.finished
        look = await told(page, 9, event("conference.ended", reason="ended"))
        assert look.finished
        assert not [note for note in look.notes if note[0] == "error"]


async def test_default_layout_style(browser: Browser) -> None:
    """A form put in by a module and taken away by the join; created by alias; `language` is empty;
    participants are told before their streams, streams removed before whose they are has left."""
    state = state_of(1)
    voice = participant(1)
    voice["streams"][0] |= {"audio": {"muted": False}, "video": None}
    state["participants"].append(voice)
    async with shown(browser, str(SEED / "tiles.html"), state) as (page, look):
        assert look.ready and not page.suppressed
        assert await page.call("calls") == [
            "Mixer_record",
            "participantAdded p0 Connected undefined",
            "streamAdded p0 Camera 1",
            "participantAdded p1 Connected undefined",
            "streamAdded p1 Camera 0",
        ]
        assert await page.call("document.querySelectorAll('#room i').length") == 1
        await page.call("calls.length = 0")
        for frame in (3, 5, 7):
            look = await told(page, frame, event("participant.speaking", id="p1", speaking=True))
        assert await page.call("document.querySelectorAll('.speaking').length") == 1
        camera = {"participantId": "p1", "streamId": "p1.camera"}
        await told(page, 9, event("stream.updated", **camera, video=picture()))
        look = await told(page, 11, event("participant.removed", id="p0"))
        assert [video.stream for video in look.videos] == ["p1.camera"]
        assert await page.call("calls") == [
            "participantUpdated p1 Connected",
            "streamUpdated p1 Camera 1",
            "streamRemoved p0 Camera Connected",
            "participantUpdated p0 Left",
        ]
        look = await told(page, 13, event("participant.added", participant=participant(0)))
        assert {video.stream for video in look.videos} == {"p0.camera", "p1.camera"}
        await page.call("calls.length = 0")
        assert (await told(page, 15, event("conference.ended", reason="empty"))).finished
        assert await page.call("calls") == ["left", "ended"]


def picture() -> dict[str, Any]:
    return {"muted": False, "width": 640, "height": 360, "available": True}


async def test_replay(browser: Browser) -> None:
    """A remix clicks the other button; people of a recording are robots."""
    layout = str(SEED / "columns.html")
    async with shown(browser, layout, state_of(1), layout_type="replay") as (page, look):
        assert await page.call("calls") == ["replay replay c", "streamAdded p0 Camera robot"]
        assert len(look.videos) == 1


async def test_files_style(browser: Browser) -> None:
    """No script of the SDK, and only one button: a file's pages are turned, a video played."""
    pages = [
        {"url": f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'>{n}</svg>"}
        for n in "ab"
    ]
    file = {"kind": "file", "id": "f", "ownerId": "p0", "pages": pages, "page": 0}
    state = state_of(2) | {"presentation": file}
    layout = str(SEED / "files.html")
    async with shown(browser, layout, state, layout_type="replay") as (page, look):
        assert await page.call("calls") == ["Name 0 true 0 of 2"]
        assert [video.stream for video in look.videos] == ["p0.camera", "p1.camera"]

        async def present(frame: int, presentation: dict[str, Any] | None) -> Any:
            await page.call(
                "mixerLayout.host.reset({...mixerLayout.state, presentation: "
                f"{json.dumps(presentation)}}})"
            )
            await told(page, frame)
            return await page.call("calls.splice(0)")

        await page.call("calls.length = 0")
        assert await present(3, {**file, "page": 1}) == ["Name 0 true 1 of 2"]
        assert (await page.call("document.getElementById('page').src")).endswith("b</svg>")
        video: dict[str, Any] = {"kind": "video", "id": "v", "ownerId": "p1"}
        video |= {"url": "https://v.example/v.mp4", "playing": True, "positionMs": 0}
        assert await present(5, video) == ["video https://v.example/v.mp4 0"]
        assert await page.call("document.getElementById('page').style.visibility") == "hidden"
        assert await present(7, {**video, "positionMs": 5000}) == ["sought 5000"]
        paused = {**video, "positionMs": 6000, "playing": False}
        assert await present(9, paused) == ["paused 6000"]
        assert await page.call("VoxeetSDK.videoPresentation.state") == "paused"
        assert await present(11, None) == ["video stopped"]


@pytest.mark.parametrize(
    "body",
    [
        # the start is there from the beginning
        STARTED + FORM + "<script>joinConference.onclick = () => { at = layoutType.value"
        "}</script>",
        # it comes with the click, and the form goes
        FORM + "<script>joinConference.onclick = () => { at = layoutType.value;"
        "document.body.innerHTML = '" + STARTED + "'; }</script>",
        # it comes long after it
        FORM + "<script>joinConference.onclick = () => { at = layoutType.value;"
        "setTimeout(() => { document.body.innerHTML = '" + STARTED + "'; }, 3000); }</script>",
        # the form comes long after loading, and the page has looked for the SDK until then
        "<script>VoxeetSDK.initializeToken('', null); setTimeout(() => {"
        "document.body.innerHTML = '" + FORM + "'; joinConference.onclick = () => {"
        "at = layoutType.value; document.body.innerHTML += '" + STARTED + "' } }, 2500)</script>",
        # handlers are put in when the document is ready
        FORM + "<script>addEventListener('load', () => setTimeout(() => {"
        "joinConference.onclick = () => { at = layoutType.value;"
        "document.body.innerHTML = '" + STARTED + "'; } }))</script>",
    ],
)  # fmt: skip
async def test_the_start_counts_from_the_click(browser: Browser, tmp_path: Path, body: str) -> None:
    """Whenever a page shows its start, it is ready after the click and not before."""
    async with shown(browser, page_of(tmp_path, body), state_of(1)) as (page, look):
        assert look.ready and await page.call("at") == "record"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (FORM, "#conferenceStartedVoxeet has not appeared since #joinConference was clicked"),
        ("<script>VoxeetSDK.session</script>", "neither joined a conference nor a #joinConference"),
        ("<script>mixerLayout.state</script>", r"mixerLayout.ready\(\) was not called"),
    ],
)
async def test_what_a_page_waits_for_is_said(
    browser: Browser, tmp_path: Path, body: str, why: str
) -> None:
    """A page that never gets ready fails with the step that is missing."""
    with pytest.raises(PageFailure, match=why):
        async with shown(browser, page_of(tmp_path, body), state_of(1), ready_wall_s=1.5):
            pass


async def test_an_end_that_was_there_is_none(browser: Browser, tmp_path: Path) -> None:
    """An element of the end counts when it comes after the start; joining without a button is
    enough for a page that has none."""
    ended = "<div id=conferenceEndedVoxeet></div>"
    async with shown(browser, page_of(tmp_path, STARTED + FORM + ended), state_of(1)) as (_, look):
        assert look.ready and not look.finished
    joins = (
        "<script>VoxeetSDK.conference.create({}).then((c) => VoxeetSDK.conference.join(c))</script>"
    )
    async with shown(browser, page_of(tmp_path, joins), state_of(1)) as (page, look):
        assert look.ready
        assert await page.call("[...VoxeetSDK.conference.participants.keys()]") == ["p0"]


async def test_how_loud_somebody_is(browser: Browser, tmp_path: Path) -> None:
    """`audioLevel` follows the levels of the sound, where they are known; silence is 0."""
    body = (
        "<script>VoxeetSDK.conference.join(null).then(() => { window.level = (id) =>"
        " VoxeetSDK.conference.audioLevel(VoxeetSDK.conference.participants.get(id)); });</script>"
    )
    state = state_of(2)
    state["participants"][1]["speaking"] = True
    async with shown(browser, page_of(tmp_path, body), state) as (page, _):
        levels = "[level('p0'), level('p1')]"
        assert await page.call(levels) == [0, 0.6]
        assert await page.host("look")  # it wants to hear of them from now on
        await page.step(3, page.clock_ms + 1000 / 30, [], {"p0": 4, "p1": 5})
        assert await page.call(levels) == [0, 1]
        assert await page.call("VoxeetSDK.conference.audioLevel(undefined)") == 0


async def test_other_pages_are_left_alone(browser: Browser, tmp_path: Path) -> None:
    """A button of that name alone is not clicked, nor is one of a page that uses mixerLayout."""
    button = "<button id=joinConference onclick='at = 1'></button><script>var at = 0</script>"
    async with shown(browser, page_of(tmp_path, button), state_of(1)) as (page, look):
        assert look.ready and await page.call("at") == 0
    both = (
        "<script>at = 0; mixerLayout.ready(); joinConference.onclick = () => { at = 1; }</script>"
    )
    async with shown(browser, page_of(tmp_path, FORM + both), state_of(1)) as (page, look):
        assert look.ready and await page.call("at") == 0


async def test_the_same_every_time(tmp_path: Path) -> None:
    """Two passes over the same conference paint the same, though the page asks by timers."""
    events = [added(0, 0), added(0.3, 1), speaking(0.6, 0), speaking(1.1, 0, False)]
    recording = journal(tmp_path / "journal", events, 1.6)
    layout = str(SEED / "tiles.html")
    tracks = [tmp_path / "first", tmp_path / "second"]
    for track in tracks:
        told = await passed(recording, track, settings(layout, layout_type="replay"))
        assert not [fields for kind, fields in told if kind == "note"]
    assert everything(tracks[0]) == everything(tracks[1])


async def test_a_page_that_plays_the_video_itself(browser: Browser) -> None:
    """Its player shows the recording's picture from when that is there, also when it is paused;
    the presenter has no second camera by it."""
    video: dict[str, Any] = {"kind": "video", "id": "v", "ownerId": "p0"}
    video |= {
        "url": "https://v.example/v.mp4",
        "name": "v",
        "playing": True,
        "positionMs": 0,
        "streamId": "p0.v",
    }
    state = state_of(1) | {"presentation": video}
    async with shown(browser, str(SEED / "film.html"), state) as (page, look):
        assert look.ready and look.videos == ()
        picture = {"muted": False, "available": True, "width": 640, "height": 360}
        stream = {"id": "p0.v", "type": "VideoPresentation", "audio": None, "video": picture}
        added_to = event("stream.added", participantId="p0", stream=stream)
        look = await told(page, 3, added_to)
        assert [one.stream for one in look.videos] == ["p0.v"]
        paused = event("presentation.updated", id="v", playing=False, positionMs=900)
        look = await told(page, 5, paused)
        assert [one.stream for one in look.videos] == ["p0.v"]
        assert not await page.call("player().paused")
        assert await page.call("player().currentTime") == 0.9
        look = await told(page, 7, event("presentation.stopped", id="v"))
        assert look.videos == ()
