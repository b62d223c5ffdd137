"""The default layout: what is on the page for which state."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.layouts.people import Opener, apply, event, participant, picture, reset, screen_of

# What the page looks like, without the order of elements (painting order is z-index).
LOOK = """() => [document.getElementById('stage').dataset.mode,
  ...[...document.querySelectorAll('.tile')].map((tile) => tile.outerHTML).sort()]"""


def mode(page: Page) -> str:
    found: str = page.evaluate("document.getElementById('stage').dataset.mode")
    return found


def tiles(page: Page) -> list[dict[str, Any]]:
    """Class names, text and video of each tile, in painting order."""
    found: list[dict[str, Any]] = page.evaluate(
        """() => [...document.querySelectorAll('.tile')]
          .sort((a, b) => a.style.zIndex - b.style.zIndex)
          .map((tile) => ({
            kinds: [...tile.classList], key: tile.dataset.key, text: tile.innerText.trim(),
            stream: tile.querySelector('video')?.dataset.stream ?? null,
            box: tile.getBoundingClientRect().toJSON(),
          }))"""
    )
    return found


def streams(page: Page) -> list[str | None]:
    return [tile["stream"] for tile in tiles(page)]


def test_ready_at_once(open_default: Opener) -> None:
    """The page says ready() once, with nobody there, and without an error."""
    page = open_default(1280, 720)
    assert page.evaluate("[told.ready, told.failed, told.errors]") == [1, [], []]
    assert tiles(page) == []


def test_modes(open_default: Opener) -> None:
    """Microphones only: avatars; a camera: tiles; a shared screen: it alone, over the page."""
    page = open_default(1280, 720)
    reset(page, participant(1, camera=False), participant(2, camera=False))
    assert mode(page) == "voices"
    assert streams(page) == [None, None]
    reset(page, participant(1, camera=False), participant(2))
    assert mode(page) == "cameras"
    assert streams(page) == [None, "p2.camera"]
    reset(page, participant(1, screen=True, camera=False), participant(2))
    assert mode(page) == "share"
    assert streams(page) == ["p1.screen"]
    assert tiles(page)[0]["box"]["width"] == 1280


def test_presenters_thumbnail(open_default: Opener) -> None:
    """The presenter's camera lies over the shared screen in the lower right corner."""
    page = open_default(1280, 720)
    reset(page, participant(1), participant(2, screen=True), participant(3))
    assert streams(page) == ["p2.screen", "p2.camera"]
    box = tiles(page)[1]["box"]
    assert box["left"] > 640
    assert box["top"] > 360
    assert box["width"] < 1280 / 3


def test_a_newer_share_takes_the_page(open_default: Opener) -> None:
    """Of two shared screens the newer one is large, by its start if known, else by order."""
    page = open_default(1280, 720)
    reset(page, participant(1, screen=True), participant(2, screen=True))
    assert streams(page) == ["p2.screen", "p2.camera", "p1.screen"]
    newer = screen_of(1) | {"startedAt": 2000}
    apply(page, event("stream.added", participantId="p1", stream=newer))
    assert streams(page)[0] == "p1.screen"


def test_videos_keep_their_identity(open_default: Opener) -> None:
    """While a camera is on the page its <video> is one and the same, never reset or taken out."""
    page = open_default(1280, 720)
    reset(page, participant(1), participant(2))
    page.evaluate(
        """() => {
          window.kept = document.querySelector('[data-stream="p2.camera"]');
          window.resets = 0;
          kept.addEventListener('emptied', () => { resets += 1; });
          kept.addEventListener('pause', () => { resets += 1; });
          new MutationObserver((records) => records.forEach(({ removedNodes }) =>
            removedNodes.forEach((node) => { if (node.contains(kept)) resets += 1; })))
            .observe(document.body, { childList: true, subtree: true });
        }"""
    )
    page.wait_for_function("!kept.paused && kept.readyState >= 2")
    steps = [
        event("participant.added", participant=participant(3)),
        event("stream.added", participantId="p2", stream=screen_of(2)),
        event("participant.speaking", id="p2", speaking=True),
        event("stream.removed", participantId="p2", streamId="p2.screen"),
        event("participant.removed", id="p1"),
        event("stream.updated", participantId="p2", streamId="p2.camera", video=picture(640, 480)),
        event("participant.updated", id="p2", name="Renamed"),
    ]
    for step in steps:
        apply(page, step)
        page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
    same = "document.querySelector('[data-stream=\"p2.camera\"]') === kept && !kept.paused"
    assert page.evaluate(same)
    assert page.evaluate("resets") == 0
    assert page.evaluate("told.created.filter((id) => id === 'p2.camera').length") == 1


def test_a_camera_that_is_switched_off(open_default: Opener) -> None:
    """Muted or not yet available video is no tile with a picture; the avatar takes its place."""
    page = open_default(1280, 720)
    reset(page, participant(1), participant(2))
    muted = event("stream.updated", participantId="p1", streamId="p1.camera", video={"muted": True})
    apply(page, muted)
    assert streams(page) == [None, "p2.camera"]
    gone = event(
        "stream.updated", participantId="p2", streamId="p2.camera", video={"available": False}
    )
    apply(page, gone)
    assert mode(page) == "voices"


def test_who_is_shown(open_default: Opener) -> None:
    """The mixer never, who has left never, listeners and those connecting only if they send."""
    page = open_default(1280, 720)
    silent: dict[str, Any] = {"streams": []}
    reset(
        page,
        participant(1, type="mixer"),
        participant(2, type="listener", **silent),
        participant(3, type="listener"),
        participant(4, status="left"),
        participant(5, status="connecting", **silent),
        participant(6, type="robot", **silent),
    )
    assert [tile["key"] for tile in tiles(page)] == ["participant p3", "participant p6"]


def test_more_than_fit(open_default: Opener) -> None:
    """Of 30 people 24 and "+6" are shown, cameras first, and whoever speaks among them."""
    page = open_default(1280, 720)
    people = [participant(n, camera=n != 0) for n in range(30)]
    people[28]["speaking"] = True
    reset(page, *people)
    shown = tiles(page)
    assert len(shown) == 25
    assert shown[-1]["text"] == "+6"
    assert "p0.camera" not in streams(page)
    assert "p28.camera" in streams(page)


def test_speaking_moves_nothing(open_default: Opener) -> None:
    """The speaker's highlight changes neither boxes nor videos."""
    page = open_default(1280, 720)
    reset(page, *(participant(n) for n in range(5)))
    before = [(tile["key"], tile["box"], tile["stream"]) for tile in tiles(page)]
    apply(page, event("participant.speaking", id="p2", speaking=True))
    assert [(tile["key"], tile["box"], tile["stream"]) for tile in tiles(page)] == before
    assert ["speaking" in tile["kinds"] for tile in tiles(page)] == [False, False, True] + [
        False
    ] * 2


def test_names_are_text(open_default: Opener) -> None:
    """Names, ids and addresses of avatars with markup in them stay text and run nothing."""
    page = open_default(1280, 720)
    name = '<img src=x onerror="told.errors.push(1)"> & "quotes"'
    hostile: dict[str, Any] = {"name": name, "avatarUrl": "javascript:told.errors.push(2)"}
    reset(page, {**participant(1, camera=False, **hostile), "id": '"><b>p'})
    assert tiles(page)[0]["text"].endswith(name)
    assert page.evaluate("document.querySelectorAll('.tile img, .tile b').length") == 0
    assert page.evaluate("told.errors") == []


def test_names_of_all_kinds(open_default: Opener) -> None:
    """Initials are whole signs; text directions cannot leave the label; a name is one line."""
    page = open_default(1280, 720)
    expected = {
        "Ada Lovelace": "AL",
        "  ada  maria   lovelace ": "AL",
        "山田太郎": "山",
        "مُحَمَّد القاسمي": "مُ",
        "👩‍🚀 Samantha": "👩‍🚀",
        "(Room) 4b": "R4",
        "élan": "É",
        "": "",
        "...": "",
        "\u202eevil\u202c\n": "E",
    }
    for name, initials in expected.items():
        assert page.evaluate("(name) => People.initials(People.cleanName(name))", name) == initials
    assert page.evaluate("People.cleanName('\\u202ea\\u0000\\n b\\ud800')") == "a b\ufffd"
    long = participant(1, name="W" * 500)
    reset(page, long, participant(2, name=""))
    assert page.evaluate(
        """() => [...document.querySelectorAll('.label')].every((label) => {
          const own = label.getBoundingClientRect();
          const tile = label.parentElement.getBoundingClientRect();
          return own.right <= tile.right && own.height < 60;
        })"""
    )


def test_avatars(open_default: Opener) -> None:
    """A picture that loads takes the place of initials; one that does not, leaves them."""
    page = open_default(1280, 720)
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    there = participant(1, camera=False, avatarUrl=f"data:image/svg+xml,{drawing}")
    absent = participant(2, camera=False, avatarUrl="/absent.png")
    reset(page, there, absent)
    page.wait_for_function("document.querySelector('.tile').classList.contains('pictured')")
    page.wait_for_function("[...document.querySelectorAll('img')].every((image) => image.complete)")
    assert ["pictured" in tile["kinds"] for tile in tiles(page)] == [True, False]


def test_pure(open_default: Opener) -> None:
    """One state reached on two ways, or set at once, is one look, to the pixel."""
    final = [participant(1), participant(2, screen=False, speaking=True), participant(3)]
    direct, winding = open_default(640, 360), open_default(640, 360)
    reset(direct, *final)
    reset(winding, participant(9), participant(2, camera=False, name="Old"))
    apply(
        winding,
        event("stream.added", participantId="p9", stream=screen_of(9)),
        event("participant.added", participant=participant(3)),
    )
    apply(winding, event("participant.removed", id="p9"))
    apply(winding, event("participant.added", participant=participant(1)))
    apply(winding, event("participant.added", participant=participant(2, speaking=True)))
    apply(winding, event("participant.removed", id="p2"), event("participant.removed", id="p3"))
    apply(winding, *(event("participant.added", participant=one) for one in final[1:]))
    for page in (direct, winding):
        page.wait_for_function(
            "[...document.querySelectorAll('video')].every((video) => video.readyState >= 2)"
        )
    assert direct.evaluate(LOOK) == winding.evaluate(LOOK)
    assert direct.screenshot() == winding.screenshot()
