"""The layout's looks: how it comes up, and what it shows of 1 to 50 people in three sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import av
from PIL import Image
from playwright.async_api import Browser

from mixer.check import cast
from mixer.check.texts import Probed, probe
from mixer.check.watch import Noted, watched
from mixer.layout import stills
from mixer.layout.look import VideoElement
from mixer.layout.opening import opened
from mixer.layout.page import Page, PageFailure, PageSettings
from mixer.layout.serving import find_site
from mixer.preview import faces
from mixer.preview.moment import pictures_of, rendered, run_until_calm
from mixer.proxy import Reach

FPS = 30
WALL_START = 1_700_000_000.0
BOOT_S = 0.2  # of page time, so that it is seen how long the page takes by itself
SMALL = 12  # pictures, from which on they are drawn small
SCREEN = "p0.screen"  # the shared one's stream
T_S = 1.0  # of the drawn people
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """One look. `share`: with a shared screen, which is among the videos or not (`screen`)."""

    size: tuple[int, int]
    count: int
    image: Image.Image
    mode: str
    reason: str
    ms: float
    videos: int  # that the page shows
    probed: Probed
    share: bool = False
    screen: bool = False

    @property
    def where(self) -> str:
        """For people: how many are to be seen, and at which size."""
        people = "a shared screen" if self.share else f"{self.count} people"
        return f"{'1 person' if people == '1 people' else people}, {self.size[0]}x{self.size[1]}"

    @property
    def name(self) -> str:
        kind = "share" if self.share else str(self.count)
        return f"{self.size[0]}x{self.size[1]}-{kind}"


@dataclass(slots=True)
class Looks:
    """What was found. `failure`: why the page could not be shown, with the size."""

    noted: Noted = field(default_factory=Noted)
    pictures: list[Picture] = field(default_factory=list)
    ready_ms: list[tuple[float, float]] = field(default_factory=list)  # on the wall, of page time
    suppressed: list[tuple[str, str]] = field(default_factory=list)
    missing: str = ""
    failure: tuple[str, str] | None = None
    freed: bool = False  # the page held its clock up


async def look_at(
    browser: Browser,
    layout: str,
    say: Progress,
    *,
    sizes: Sequence[tuple[int, int]] = cast.SIZES,
    counts: Sequence[int] = cast.COUNTS,
    ready_s: float = 10.0,
) -> Looks:
    """All looks, as far as the page gets. Raises LayoutError where there is no such layout."""
    looks = Looks()
    for size in sizes:
        try:
            await _look_at_size(browser, layout, size, counts, looks, say, ready_s)
        except PageFailure as failure:
            looks.failure = (f"{size[0]}x{size[1]}", str(failure))
            _take_told(looks, failure.told)
            break
    return looks


def _take_told(looks: Looks, told: Sequence[tuple[str, str]]) -> None:
    for kind, detail in told:
        if kind != "error" and (kind, detail) not in looks.suppressed:
            looks.suppressed.append((kind, detail))


async def _look_at_size(
    browser: Browser,
    layout: str,
    size: tuple[int, int],
    counts: Sequence[int],
    looks: Looks,
    say: Progress,
    ready_s: float,
) -> None:
    width, height = size
    variables: dict[str, Any] = {"width": width, "height": height, "fps": FPS, "language": "en"}
    site = watched(find_site(layout, variables), looks.noted)
    settings = PageSettings(
        width,
        height,
        FPS,
        wall_start=WALL_START,
        parameters=site.parameters,
        boot_media_s=BOOT_S,
        ready_wall_s=ready_s,
    )
    began = time.monotonic()
    reach = Reach.from_environment().and_origin(layout)
    state = cast.beginning(counts[0])
    async with opened(browser, site, settings, state, reach) as (page, _):
        looks.ready_ms.append(((time.monotonic() - began) * 1000, page.clock_ms))
        await stills.prepare(page)
        frame, here = 0, counts[0]
        for count in counts:
            events = [cast.joining(place) for place in range(here, count)]
            here = max(here, count)
            say(f"{width}x{height}, {count}")
            frame = await _take(page, looks, frame, events, size, count)
        await _take_share(page, looks, frame, size, counts, say)
        looks.freed |= page.stalled
        _take_told(looks, page.suppressed)


async def _take_share(
    page: Page,
    looks: Looks,
    frame: int,
    size: tuple[int, int],
    counts: Sequence[int],
    say: Progress,
) -> None:
    """A shared screen among four, or all if they are fewer."""
    few = min(4, max(counts))
    events: list[dict[str, Any]] = [
        {"type": "participant.removed", "data": {"id": f"p{place}"}}
        for place in range(few, max(counts))
    ]
    screen = cast.stream(SCREEN, "ScreenShare", cast.SCREEN)
    events.append({"type": "stream.added", "data": {"participantId": "p0", "stream": screen}})
    say(f"{size[0]}x{size[1]}, shared screen")
    await _take(page, looks, frame, events, size, few, share=True)


async def _take(
    page: Page,
    looks: Looks,
    frame: int,
    events: Sequence[dict[str, Any]],
    size: tuple[int, int],
    count: int,
    *,
    share: bool = False,
) -> int:
    frame, look = await run_until_calm(page, frame, events, fps=FPS)
    if look.failed is not None:
        raise PageFailure(f"the page gave up: {look.failed}")
    moment = await rendered(page, look, pictures_of(look, lambda video: _face(video, count)))
    probed = await probe(page, moment.image)
    looks.missing = "".join(sorted({*looks.missing, *look.missing}))
    looks.pictures.append(
        Picture(
            size,
            count,
            moment.image,
            moment.mode,
            moment.reason,
            moment.ms,
            len(look.videos),
            probed,
            share,
            any(video.stream == SCREEN for video in look.videos),
        )
    )
    return frame


def _face(video: VideoElement, count: int) -> av.VideoFrame:
    scale = 2 if count > SMALL else 1
    size = (video.width // scale, video.height // scale)
    return faces.as_frame(faces.drawn(video.stream, T_S, size))
