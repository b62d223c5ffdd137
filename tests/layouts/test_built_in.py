"""The built-in layouts: where tiles lie, who is shown, whatever the page's size and the people."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.layouts.people import LayoutOpener, event, participant, picture, reset, screen_of
from tests.layouts.people import apply as tell

LAYOUTS = ("default", "speaker", "presentation", "grid", "vertical", "audio")
SEATED = ("speaker", "vertical")
SHAPES = [(1920, 1080), (1080, 1920), (1080, 1080), (640, 360)]
COUNTS = (1, 2, 3, 4, 5, 7, 9, 12, 25, 50)
NAMES = ("Ada", "مريم القاسمي", "山田太郎", "👩‍🚀 Sam", "W" * 200, "", "<b>Bo</b>", "\u202edlo")
FLATTEST, SLIMMEST = 3.6, 0.5
SVG = "http://www.w3.org/2000/svg"

Tile = dict[str, Any]

TILES = """() => [...document.querySelectorAll('.tile')].map((tile) => {
  const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
  };
  const label = tile.querySelector('.label');
  return {
    key: tile.dataset.key, kinds: [...tile.classList], ...box(tile),
    caption: tile.querySelector('.caption').textContent,
    name: tile.querySelector('.name').textContent,
    label: label.checkVisibility() ? box(label) : null,
    stream: tile.querySelector('video')?.dataset.stream ?? null,
    order: Number(tile.style.zIndex),
  };
}).sort((a, b) => a.order - b.order)"""


def tiles(page: Page) -> list[Tile]:
    found: list[Tile] = page.evaluate(TILES)
    return found


def crowd(count: int, screens: tuple[int, ...] = (), **fields: Any) -> list[dict[str, Any]]:
    """People with names of all kinds, some without a camera, some with an upright one."""
    people = [
        participant(n, camera=n % 5 != 4, screen=n in screens, name=NAMES[n % len(NAMES)], **fields)
        for n in range(count)
    ]
    for upright in people[3::10]:
        upright["streams"][0]["video"] = picture(720, 1280)
    if count > 1:
        people[1]["speaking"] = True
    return people


def conferences() -> list[list[dict[str, Any]]]:
    voices = [[participant(n, camera=False) for n in range(count)] for count in (1, 4, 50)]
    shares = [crowd(1, (0,)), crowd(4, (1,)), crowd(9, (2, 5)), crowd(30, (0, 7, 9, 20))]
    return [[], *(crowd(count) for count in COUNTS), *voices, *shares]


def overlap(a: Tile, b: Tile) -> bool:
    return bool(
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
    )


def holds(outer: Tile, inner: Tile, tolerance: float = 0.5) -> bool:
    return bool(
        inner["x"] >= outer["x"] - tolerance
        and inner["y"] >= outer["y"] - tolerance
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"] + tolerance
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"] + tolerance
    )


def accounted(shown: list[Tile]) -> int:
    """People on the page, and those that are counted."""
    people = [tile for tile in shown if tile["key"].startswith("participant ")]
    counted = sum(int(tile["caption"][1:]) for tile in shown if tile["key"] == "more")
    return len(people) + counted


def check(shown: list[Tile], width: int, height: int) -> None:
    page: Tile = {"x": 0, "y": 0, "width": width, "height": height}
    for tile in shown:
        assert holds(page, tile, 0), tile
        assert all(tile[side] % 2 == 0 for side in ("x", "y", "width", "height")), tile
        assert tile["label"] is None or holds(tile, tile["label"]), tile
        if tile["kinds"][1] != "share" and tile["key"] != "title":
            assert SLIMMEST <= tile["width"] / tile["height"] <= FLATTEST, tile
    flat = [tile for tile in shown if "thumbnail" not in tile["kinds"]]
    assert not [(a, b) for a, b in combinations(flat, 2) if overlap(a, b)]


@pytest.mark.parametrize(("width", "height"), SHAPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tiles(open_layout: LayoutOpener, layout: str, width: int, height: int) -> None:
    """Tiles are inside the page, even, apart and well-shaped, labels inside their tiles, and
    everybody is shown or counted: for 0 to 50 people, with and without shared screens."""
    page = open_layout(layout, width, height)
    for people in conferences():
        reset(page, *people)
        shown = tiles(page)
        check(shown, width, height)
        has_share = any(stream["type"] == "ScreenShare" for p in people for stream in p["streams"])
        if layout != "default" or not has_share:
            assert accounted(shown) == len(people)
    assert page.evaluate("[told.ready, told.failed, told.errors]") == [1, [], []]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_are_text(open_layout: LayoutOpener, layout: str) -> None:
    """Names and titles with markup stay text and run nothing, those of any script are whole."""
    hostile = '<img src=x onerror="told.errors.push(1)">'
    page = open_layout(layout, 1280, 720, title=hostile)
    people = [participant(n, name=name, camera=n > 2) for n, name in enumerate((hostile, *NAMES))]
    reset(page, *people)
    shown = {tile["key"]: tile["name"] for tile in tiles(page)}
    assert shown["participant p0"] == hostile
    assert shown["participant p2"] == "مريم القاسمي"
    assert shown["participant p8"] == "dlo"
    assert page.evaluate("document.querySelectorAll('.tile img, .tile b').length") == 0
    assert page.evaluate("told.errors") == []


@pytest.mark.parametrize("layout", SEATED)
def test_a_change_of_speaker_moves_two(open_layout: LayoutOpener, layout: str) -> None:
    """Whoever speaks for a while changes places with whoever was large: nobody else moves, and no
    <video> is made anew. A word in between changes nothing."""
    page = open_layout(layout, 1920, 1080)
    page.clock.install()
    reset(page, *(participant(n) for n in range(6)))
    page.evaluate("for (const v of document.querySelectorAll('video')) v.mine = true")
    before = {tile["key"]: (tile["x"], tile["y"], tile["width"]) for tile in tiles(page)}
    page.clock.run_for(5000)
    tell(page, event("participant.speaking", id="p3", speaking=True))
    page.clock.run_for(200)
    tell(page, event("participant.speaking", id="p3", speaking=False))
    page.clock.run_for(5000)
    assert {tile["key"]: (tile["x"], tile["y"], tile["width"]) for tile in tiles(page)} == before
    tell(page, event("participant.speaking", id="p3", speaking=True))
    page.clock.run_for(3000)
    after = {tile["key"]: (tile["x"], tile["y"], tile["width"]) for tile in tiles(page)}
    assert after["participant p3"] == before["participant p0"]
    assert after["participant p0"] == before["participant p3"]
    assert {key for key in before if before[key] != after[key]} == {
        "participant p0",
        "participant p3",
    }
    assert page.evaluate("[...document.querySelectorAll('video')].every((v) => v.mine)")
    tell(page, event("participant.removed", id="p3"))
    assert tiles(page)[0]["width"] == before["participant p0"][2]


def test_presentation_shows_the_presenter_first(open_layout: LayoutOpener) -> None:
    """The share is large and whole; first beside it is who shares it, then older shares."""
    page = open_layout("presentation", 1920, 1080)
    people = [participant(n, screen=n == 2) for n in range(4)]
    reset(page, *people)
    tell(page, event("stream.added", participantId="p1", stream=screen_of(1) | {"startedAt": 5}))
    shown = tiles(page)
    assert [tile["stream"] for tile in shown[:3]] == ["p1.screen", "p1.camera", "p2.screen"]
    assert abs(shown[0]["width"] / shown[0]["height"] - 1.6) < 0.01
    assert shown[0]["width"] > 1920 * 0.75
    assert len(shown) == 6


def test_grid_has_as_many_tiles_as_wished(open_layout: LayoutOpener) -> None:
    """`tiles` limits the grid, shared screens included; the rest are counted."""
    page = open_layout("grid", 1280, 720, tiles="9")
    reset(page, *crowd(20, (3,)))
    shown = tiles(page)
    assert len(shown) == 9
    assert shown[0]["stream"] == "p3.screen"
    assert shown[-1]["caption"] == "+13"
    assert len({(tile["width"], tile["height"]) for tile in shown}) == 1


def test_audio_shows_no_video(open_layout: LayoutOpener) -> None:
    """Whatever is sent, the audio layout has neither cameras nor shared screens; who speaks is
    marked, and a title stands above all."""
    page = open_layout("audio", 1280, 720, title="Weekly  planning")
    reset(page, *crowd(6, (1,)))
    shown = tiles(page)
    assert page.evaluate("document.querySelectorAll('video').length") == 0
    assert shown[0]["caption"] == "Weekly planning"
    assert ["speaking" in tile["kinds"] for tile in shown[1:]] == [False, True, *[False] * 4]
    assert all(tile["y"] >= shown[0]["y"] + shown[0]["height"] for tile in shown[1:])


@pytest.mark.parametrize("size", [(1080, 1080), (1920, 1080), (1080, 1920)])
def test_names_of_many_voices_are_read(open_layout: LayoutOpener, size: tuple[int, int]) -> None:
    """Of fifty people, names of two words are there in full, and cover nobody's picture."""
    page = open_layout("audio", *size)
    named = [participant(number, name=f"Augusta Lovelace {number}") for number in range(50)]
    reset(page, *named)
    cut, covering = page.evaluate(
        """() => {
          const all = (name) => [...document.querySelectorAll(name)];
          const boxes = (name) => all(name).map((element) => element.getBoundingClientRect());
          const over = (a) => (b) => a.left < b.right && b.left < a.right
            && a.top < b.bottom && b.top < a.bottom;
          const isCut = ({ scrollWidth, clientWidth, scrollHeight, clientHeight }) =>
            scrollWidth > clientWidth || scrollHeight > clientHeight + 2;
          return [
            all('.name').filter(isCut).length,
            boxes('.name').filter((one) => boxes('.picture').some(over(one))).length,
          ];
        }"""
    )
    assert (cut, covering) == (0, 0)


@pytest.mark.parametrize("size", [(320, 180), (426, 240)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_small_pages(open_layout: LayoutOpener, layout: str, size: tuple[int, int]) -> None:
    """Where a name would cover a face there is none; avatars and counts fit into their tiles."""
    page = open_layout(layout, *size)
    for count, camera in product((9, 25, 50), (True, False)):
        reset(page, *(participant(number, camera=camera) for number in range(count)))
        bad = page.evaluate(
            """() => [...document.querySelectorAll('.tile')].filter((tile) => {
              const box = tile.getBoundingClientRect();
              const part = (name) => tile.querySelector(name).getBoundingClientRect();
              const [label, disc] = [part('.label'), part('.picture')];
              const range = document.createRange();
              range.selectNodeContents(tile.querySelector('.caption'));
              const caption = range.getBoundingClientRect();
              const covers = label.height > 0 && label.top < box.top + 0.55 * box.height;
              const isLost = tile.matches('.avatar') && (disc.width < 8 || disc.top < 0);
              return covers || isLost || caption.width > box.width || caption.height > box.height;
            }).map((tile) => [tile.className, tile.textContent.trim(), tile.style.cssText])"""
        )
        assert bad == [], (count, camera)
    assert page.evaluate("told.errors") == []


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "audio"])
def test_a_shared_file(open_layout: LayoutOpener, layout: str) -> None:
    """The page of a file that is shown is there as a shared screen would be, and turns in place."""
    page = open_layout(layout, 1280, 720)
    pages = [
        {"url": f"data:image/svg+xml,<svg xmlns='{SVG}'>{n}</svg>", "width": 800, "height": 600}
        for n in range(2)
    ]
    file = {"kind": "file", "id": "f", "ownerId": "p1", "pages": pages, "page": 0}
    people = [participant(n) for n in range(3)]
    show = "([people, file]) => mixerLayout.host.reset({participants: people, presentation: file})"
    sources = "[...document.querySelectorAll('.share > img.sheet')].map((image) => image.src)"
    for number in range(2):
        page.evaluate(show, [people, file | {"page": number}])
        shown = tiles(page)
        check(shown, 1280, 720)
        assert shown[0]["key"] == "presentation f"
        assert len(page.evaluate(sources)) == 1
        assert page.evaluate(sources)[0].endswith(f">{number}</svg>")
    page.evaluate(show, [people, None])
    assert page.evaluate(sources) == []
    assert page.evaluate("told.errors") == []


def test_a_shared_video_goes_before_screens(open_layout: LayoutOpener) -> None:
    """A video that is presented is large, whatever screen was shared after it."""
    page = open_layout("presentation", 1280, 720)
    people = [participant(0), participant(1), participant(2, screen=True)]
    video = screen_of(1) | {"id": "v", "type": "VideoPresentation"}
    people[1]["streams"].append(video)
    presentation = {"kind": "video", "id": "x", "ownerId": "p1", "streamId": "v"}
    page.evaluate(
        "(state) => mixerLayout.host.reset(state)",
        {"participants": people, "presentation": presentation},
    )
    assert [tile["stream"] for tile in tiles(page)[:3]] == ["v", "p1.camera", "p2.screen"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_video_that_is_not_there_is_a_card(open_layout: LayoutOpener, name: str) -> None:
    """With its name, as text; gone as soon as there is a picture."""
    page = open_layout(name, 1280, 720)
    people = [participant(0), participant(1)]
    presentation = {"kind": "video", "id": "x", "ownerId": "p1", "streamId": "v"}
    presentation["name"] = "<b>A holiday in the mountains</b>.mp4"
    show = (
        "([people, video]) => mixerLayout.host.reset({participants: people, presentation: video})"
    )
    page.evaluate(show, [people, presentation])
    captions = "[...document.querySelectorAll('.share .caption')].map((c) => c.textContent)"
    shown = page.evaluate(captions)
    if name not in ("grid", "audio"):
        assert shown == [presentation["name"]]
    people[1]["streams"].append(screen_of(1) | {"id": "v", "type": "VideoPresentation"})
    page.evaluate(show, [people, presentation])
    assert page.evaluate(captions) in ([], [""])
    assert page.evaluate("told.errors") == []
