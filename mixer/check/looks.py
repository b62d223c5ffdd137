"""The layout's looks: how it comes up, and what it shows of 1 to 50 people in three sizes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from PIL import Image
from playwright.async_api import Browser

from mixer.check import cast, drawn
from mixer.check.texts import Probed, probe
from mixer.check.watch import Noted, watched
from mixer.layout import stills
from mixer.layout.look import Look, VideoElement
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
SAID = {
    cast.SHARE: "a shared screen",
    cast.FILE: "a shared file",
    cast.VIDEO: "a shared video",
    cast.AVATAR: "somebody without a camera",
}
T_S = 1.0  # of the drawn people
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """One look. `kind`: people with cameras, or one of cast.py's scenes; `shared`: what is shared
    is among the videos, or has been asked for."""

    size: tuple[int, int]
    count: int
    image: Image.Image
    mode: str
    reason: str
    ms: float
    videos: int  # that the page shows
    probed: Probed
    kind: str = cast.PEOPLE
    shared: bool = False

    @property
    def where(self) -> str:
        """For people: how many are to be seen, and at which size."""
        people = SAID.get(self.kind, "1 person" if self.count == 1 else f"{self.count} people")
        return f"{people}, {self.size[0]}x{self.size[1]}"

    @property
    def name(self) -> str:
        kind = str(self.count) if self.kind == cast.PEOPLE else self.kind
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
    with tempfile.TemporaryDirectory(prefix="mixer-check-") as folder:
        page = Path(folder) / cast.FILE_PAGE
        drawn.file_page().save(page, compress_level=1)
        for size in sizes:
            try:
                await _look_at_size(browser, layout, size, counts, looks, say, ready_s, page.parent)
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
    objects: Path,
) -> None:
    width, height = size
    variables: dict[str, Any] = {"width": width, "height": height, "fps": FPS, "language": "en"}
    site = watched(find_site(layout, variables), looks.noted)
    site.objects = objects
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
        await _take_scenes(page, looks, frame, size, counts, say)
        looks.freed |= page.stalled
        _take_told(looks, page.suppressed)


async def _take_scenes(
    page: Page,
    looks: Looks,
    frame: int,
    size: tuple[int, int],
    counts: Sequence[int],
    say: Progress,
) -> None:
    """What is shared, and an avatar, among four, or all if they are fewer."""
    few = min(4, max(counts))
    leaving: list[dict[str, Any]] = [
        {"type": "participant.removed", "data": {"id": f"p{place}"}}
        for place in range(few, max(counts))
    ]
    for kind, events in cast.scenes(few):
        say(f"{size[0]}x{size[1]}, {SAID[kind]}")
        frame = await _take(page, looks, frame, [*leaving, *events], size, few, kind)
        leaving = []


async def _take(
    page: Page,
    looks: Looks,
    frame: int,
    events: Sequence[dict[str, Any]],
    size: tuple[int, int],
    count: int,
    kind: str = cast.PEOPLE,
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
            kind,
            _shows_shared(looks, look, kind),
        )
    )
    return frame


def _shows_shared(looks: Looks, look: Look, kind: str) -> bool:
    if kind == cast.FILE:
        asked = (str(one["request"]["url"]) for one in looks.noted.entries)
        return any(url.endswith(cast.FILE_PAGE) for url in asked)
    wanted = {cast.SHARE: cast.SCREEN_STREAM, cast.VIDEO: cast.FILM_STREAM}.get(kind)
    return any(video.stream == wanted for video in look.videos)


def _face(video: VideoElement, count: int) -> av.VideoFrame:
    scale = 2 if count > SMALL else 1
    size = (video.width // scale, video.height // scale)
    if video.stream == cast.FILM_STREAM:
        return faces.as_frame(drawn.film(size))
    return faces.as_frame(faces.drawn(video.stream, T_S, size))
