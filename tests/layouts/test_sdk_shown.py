"""What the layout SDK says is to be shown: active speaker, shares, elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mixer.layout.sdk import page_scripts
from tests.layouts.conftest import HOST
from tests.layouts.people import apply, event, participant, picture, reset


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page with all of the SDK and a host, whose clock stands still."""
    opened = browser.new_page(viewport={"width": 800, "height": 600})
    opened.clock.install(time=0)
    opened.add_init_script(page_scripts() + HOST)
    opened.route("**/*", lambda route: route.fulfill(body="<body>", content_type="text/html"))
    opened.goto("http://layout.mixer/page/")
    opened.clock.pause_at(3_600_000)
    opened.evaluate("window.changes = 0, mixerLayout.addEventListener('change', () => changes++)")
    yield opened
    opened.close()


def speaking(number: int, on: bool = True) -> dict[str, Any]:
    return event("participant.speaking", id=f"p{number}", speaking=on)


def active(page: Page) -> Any:
    return page.evaluate("mixerLayout.activeSpeaker?.id")


def found(page: Page, which: object) -> Any:
    return page.evaluate(
        "(which) => [mixerLayout.find(which)].map((f) => f && [f.participant.id, f.stream?.id])[0]",
        which,
    )


def test_active_speaker_at_the_start(page: Page) -> None:
    """Nobody, then the first with a camera, or who speaks."""
    assert active(page) is None
    reset(page, participant(1, camera=False), participant(2), {"id": "m", "type": "mixer"})
    assert active(page) == "p2"
    reset(page, participant(7), participant(8, speaking=True))
    assert active(page) == "p8"


def test_active_speaker_stays(page: Page) -> None:
    """A change takes 600 ms of speech and 2 s since the last; whoever speaks is not interrupted;
    the page hears of it once, between changes of the state."""
    reset(page, participant(1), participant(2), participant(3))
    assert active(page) == "p1"
    page.clock.run_for(5000)
    apply(page, speaking(2))
    page.clock.run_for(400)
    apply(page, speaking(2, False))  # a cough
    page.clock.run_for(3000)
    assert active(page) == "p1"
    page.evaluate("changes = 0")
    apply(page, speaking(2))
    page.clock.run_for(599)
    assert (active(page), page.evaluate("changes")) == ("p1", 1)
    page.clock.run_for(1)
    assert (active(page), page.evaluate("changes")) == ("p2", 2)
    apply(page, speaking(3))
    page.clock.run_for(10_000)
    assert active(page) == "p2"  # still speaks
    apply(page, speaking(2, False))
    assert active(page) == "p3"  # has been speaking for long
    apply(page, speaking(3, False), speaking(1))
    page.clock.run_for(1999)
    assert active(page) == "p3"  # since less than 2 s
    page.clock.run_for(1)
    assert active(page) == "p1"


def test_active_speaker_leaves(page: Page) -> None:
    """Who leaves gives way at once, to who was shown before them if nobody speaks."""
    reset(page, participant(1), participant(2))
    assert active(page) == "p1"
    apply(page, speaking(2))
    page.clock.run_for(2000)
    apply(page, speaking(2, False), event("participant.added", participant=participant(3)))
    assert active(page) == "p2"
    apply(page, event("participant.removed", id="p2"))
    assert active(page) == "p1"
    apply(page, event("participant.removed", id="p1"), event("participant.removed", id="p3"))
    assert active(page) is None


def test_active_speaker_asked_for_late(page: Page) -> None:
    """A page that asks only now gets what it would have got by asking all the time, and one that
    never asks is not woken."""
    reset(page, participant(1), participant(2))
    page.clock.run_for(5000)
    page.evaluate("changes = 0")
    apply(page, speaking(2))
    page.clock.run_for(700)
    apply(page, speaking(2, False))
    page.clock.run_for(9000)
    assert page.evaluate("changes") == 2  # our own two
    assert active(page) == "p2"


def test_find(page: Page) -> None:
    """What `data-participant` may say: an id, a place, speaker, share, presenter."""
    listener = {"id": "l", "type": "listener"}
    others = (participant(1, camera=False), participant(2, screen=True), participant(3))
    reset(page, listener, *others)
    assert page.evaluate("mixerLayout.participants.map(({id}) => id)") == ["p1", "p2", "p3"]
    assert found(page, "p2") == ["p2", "p2.camera"]
    assert found(page, "p1") == ["p1", None]
    assert found(page, 2) == ["p3", "p3.camera"]
    assert found(page, "3") is None
    assert found(page, "speaker") == ["p2", "p2.camera"]
    assert found(page, "share") == ["p2", "p2.screen"]
    assert found(page, "presenter") == ["p2", "p2.camera"]
    newer = {"id": "p3.screen", "type": "ScreenShare", "video": picture(), "startedAt": 5}
    apply(page, event("stream.added", participantId="p3", stream=newer))
    assert found(page, "share") == ["p3", "p3.screen"]
    off = {"video": {"muted": True}}
    apply(page, event("stream.updated", participantId="p3", streamId="p3.screen", **off))
    assert found(page, "share") == ["p2", "p2.screen"]


def test_presentation(page: Page) -> None:
    """A shared video's stream goes before screens; a state without presentations has none."""
    reset(page, participant(1, screen=True), participant(2))
    assert page.evaluate("mixerLayout.presentation") is None
    film = {"id": "p2.film", "type": "VideoPresentation", "audio": None, "video": picture()}
    told = {"kind": "video", "id": "v", "ownerId": "p2", "url": "", "streamId": "p2.film"}
    page.evaluate(
        """([film, presentation]) => {
          mixerLayout.host.reset({ ...mixerLayout.state, presentation });
          mixerLayout.host.apply([
            { type: 'stream.added', data: { participantId: 'p2', stream: film } }]);
        }""",
        [film, told],
    )
    assert page.evaluate("mixerLayout.presentation.id") == "v"
    assert found(page, "share") == ["p2", "p2.film"]
    assert found(page, "presenter") == ["p2", "p2.camera"]


def test_plain_video_elements(page: Page) -> None:
    """`<video data-participant>`: bound when it comes, follows the state and its attribute, says
    who it is; the page has not taken hold of the SDK by that."""
    page.evaluate(
        "{ const { host } = mixerLayout; host.touched = false;"
        " window.untouched = () => !host.touched; }"
    )
    page.evaluate("document.body.innerHTML = '<p><video data-participant=0></video>'")
    video = "document.querySelector('video')"
    assert page.evaluate(f"[{video}.srcObject, {video}.dataset.empty]") == [None, ""]
    assert page.evaluate("untouched()")
    reset(page, participant(1, speaking=True), participant(2, camera=False))
    assert page.evaluate(
        f"[{video}.srcObject === mixerLayout.mediaStream('p1.camera'), {video}.muted, "
        f"{video}.autoplay, {{...{video}.dataset}}]"
    ) == [
        True,
        True,
        True,
        {"name": "Person 1", "participant": "0", "participantId": "p1", "speaking": ""},
    ]
    page.evaluate(f"{video}.dataset.participant = 'p2'")
    assert page.evaluate(f"[{video}.srcObject, {video}.dataset.name]") == [None, "Person 2"]


@pytest.mark.parametrize("mode", ["open", "closed", "html"])
def test_elements_in_shadow_roots(page: Page, mode: str) -> None:
    """They follow the conference as those in the document do: plain videos, tiles and grids,
    whether the shadow root is made by script or comes with the page's HTML."""
    page.evaluate(
        """(mode) => {
          const html = '<b><video data-participant=0></video></b>'
            + '<mixer-video participant=1></mixer-video><mixer-grid></mixer-grid>';
          if (mode === 'html') {
            document.body.setHTMLUnsafe(`<p><template shadowrootmode=open>${html}</template></p>`);
            window.root = document.querySelector('p').shadowRoot;
            return;
          }
          const host = document.body.appendChild(document.createElement('p'));
          window.root = host.attachShadow({ mode });
          root.innerHTML = html;
        }""",
        mode,
    )
    reset(page, participant(1), participant(2))
    seen = """[...root.querySelectorAll('[data-participant-id]')].map((element) =>
      `${element.localName} ${element.dataset.participantId}`)"""
    people = ["video p1", "mixer-video p2", "mixer-video p1", "mixer-video p2"]
    assert page.evaluate(seen) == people
    assert page.evaluate("root.querySelector('video').srcObject !== null")
    assert page.evaluate("root.querySelector('mixer-video').clientHeight") == 441  # 16 : 9
    apply(page, event("participant.removed", id="p1"))
    assert page.evaluate(seen) == ["video p2", "mixer-video p2"]
    page.evaluate("root.querySelector('b').innerHTML = '<video data-participant=p2></video>'")
    assert page.evaluate("root.querySelector('video').srcObject !== null")
    page.evaluate("root.host.remove()")
    assert not page.evaluate("mixerLayout.host.hasElements()")


def test_mixer_elements(page: Page) -> None:
    """`<mixer-video>` shows a camera, an avatar, a shared file, nothing; `<mixer-grid>` all."""
    page.evaluate(
        "document.body.innerHTML = '<mixer-video share></mixer-video><mixer-grid></mixer-grid>'"
    )
    share = "document.querySelector('mixer-video[share]')"
    assert page.evaluate(f"getComputedStyle({share}).visibility") == "hidden"
    reset(page, participant(1), participant(2, camera=False, name="Grace Hopper"))
    tiles = page.evaluate(
        """[...document.querySelectorAll('mixer-grid > *')].map(({ dataset, shadowRoot }) => [
          dataset.participantId, shadowRoot.querySelector('video').hidden,
          shadowRoot.querySelector('[part=avatar]').innerText])"""
    )
    assert tiles == [["p1", False, ""], ["p2", True, "GH"]]
    first = page.evaluate_handle("document.querySelector('mixer-grid').firstElementChild")
    apply(page, event("participant.removed", id="p2"), event("stream.added", participantId="p1",
          stream=participant(1, screen=True)["streams"][1]))  # fmt: skip
    assert page.evaluate("document.querySelector('mixer-grid').childElementCount") == 1
    assert page.evaluate(f"{share}.shadowRoot.querySelector('video').srcObject !== null")
    assert first.evaluate(
        "(tile) => tile === document.querySelector('mixer-grid').firstElementChild"
    )
    file = {"kind": "file", "id": "f", "ownerId": "p1", "pages": [{"url": "a.png"}], "page": 0}
    page.evaluate(
        """(presentation) => mixerLayout.host.reset(
          { ...mixerLayout.state, participants: [], presentation })""",
        file,
    )
    image = f"{share}.shadowRoot.querySelector('[part=page]')"
    assert page.evaluate(f"[{image}.hidden, {image}.getAttribute('src')]") == [False, "a.png"]
    assert page.evaluate(f"getComputedStyle({share}).visibility") == "visible"


FILM = {
    "kind": "video", "id": "v", "ownerId": "p2", "name": "A film.mp4", "url": "https://x.org/f.mp4",
    "playing": True, "positionMs": 0, "streamId": "p2.v",
}  # fmt: skip


def parts_of(page: Page, selector: str) -> list[str]:
    """Which parts of a mixer-video can be seen, and what they say."""
    parts: list[str] = page.evaluate(
        """(selector) => [...document.querySelector(selector).shadowRoot.querySelectorAll('[part]')]
          .filter((part) => part.checkVisibility())
          .map((part) => [part.getAttribute('part'), part.innerText].join(' ').trim())""",
        selector,
    )
    return parts


def test_a_video_without_a_picture_is_a_card(page: Page) -> None:
    """`<mixer-video share>` says the video's name until its picture comes, also beside a shared
    screen; a file's page comes before the screen, too; `name` is who presents, and so is
    `presenter`."""
    page.evaluate(
        "document.body.innerHTML = '<mixer-video share name></mixer-video>'"
        " + '<mixer-video presenter></mixer-video>'"
    )
    share, presenter = "mixer-video[share]", "mixer-video[presenter]"
    reset(page, participant(1, screen=True), participant(2))
    assert parts_of(page, share) == ["video", "name Person 1"]
    apply(page, event("presentation.started", presentation=FILM))
    assert parts_of(page, share) == ["card A film.mp4", "name Person 2"]
    assert page.locator(presenter).get_attribute("data-participant-id") == "p2"
    stream = {"id": "p2.v", "type": "VideoPresentation", "audio": None, "video": picture()}
    apply(page, event("stream.added", participantId="p2", stream=stream))
    assert parts_of(page, share) == ["video", "name Person 2"]
    file = {"kind": "file", "id": "f", "ownerId": "p2", "pages": [{"url": "a.png"}], "page": 0}
    apply(page, event("stream.removed", participantId="p2", streamId="p2.v"),
          event("presentation.started", presentation=file))  # fmt: skip
    assert parts_of(page, share) == ["page", "name Person 2"]
    apply(page, event("presentation.stopped", id="f"))
    assert parts_of(page, share) == ["video", "name Person 1"]


def test_a_grid_shows_what_is_shared(page: Page) -> None:
    """Above everybody and larger than they, wherever the page has no other element for it and does
    not say `shares="off"`."""
    page.evaluate("document.body.innerHTML = '<mixer-grid></mixer-grid>'")
    reset(page, participant(1), participant(2, screen=True), participant(3))
    boxes = page.evaluate(
        """[...document.querySelectorAll('mixer-video')].map((tile) => {
          const { x, y, width, bottom } = tile.getBoundingClientRect();
          return [tile.getAttribute('participant'), ...[x, y, width, bottom].map(Math.round)]; })"""
    )
    assert [box[0] for box in boxes] == ["share", "p1", "p2", "p3"]
    assert boxes[0][1:4] == [0, 0, 800]
    assert all(y > boxes[0][4] > 400 and bottom <= 600 for _, _, y, _, bottom in boxes[1:])
    page.evaluate("document.querySelector('mixer-grid').setAttribute('shares', 'off')")
    assert page.locator("mixer-video").count() == 3
    page.evaluate("document.querySelector('mixer-grid').removeAttribute('shares')")
    assert page.locator("mixer-video").count() == 4
    page.evaluate("document.body.prepend(document.createElement('video'))")
    page.evaluate("document.querySelector('video').dataset.participant = 'share'")
    apply(page, event("participant.removed", id="p3"))
    assert page.locator("mixer-video").count() == 2
    apply(page, event("stream.removed", participantId="p2", streamId="p2.screen"))
    assert page.locator("mixer-video").count() == 2


def test_elements_keep_to_their_place(page: Page) -> None:
    """As wide as what holds them, less margins; between `left` and `right` where that is said."""
    reset(page, participant(1), participant(2))
    page.evaluate(
        """document.body.innerHTML = `<style>body { margin: 0 }</style>
            <mixer-video participant="0"></mixer-video>
            <mixer-video participant="0" style="margin: 0 50px"></mixer-video>
            <mixer-video participant="0" style="position: absolute; inset: 100px"></mixer-video>
            <mixer-grid style="position: fixed; left: 40px; right: 20px"></mixer-grid>`"""
    )
    boxes = page.evaluate(
        """[...document.querySelectorAll('body > mixer-video, mixer-grid')].map((element) =>
            [element.getBoundingClientRect()].map(({ left, right }) => [left, right])[0])"""
    )
    assert boxes == [[0, 800], [50, 750], [100, 700], [40, 780]]


def test_several_scripts_put_in_twice(page: Page) -> None:
    """A page that brings the SDK along changes nothing."""
    page.evaluate("window.known = [mixerLayout, customElements.get('mixer-video')]")
    page.evaluate(page_scripts())
    assert page.evaluate(
        "known[0] === mixerLayout && known[1] === customElements.get('mixer-video')"
    )
