"""One page of `features.py`, rendered twice: by the mixer, from a journal, with whatever it takes
(page pass, picture stage); and by the browser alone, with images in the place of the videos."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Browser

from mixer.edit import EditList, Span
from mixer.journal import Alignment, Event, Frame, FrameFlag, Journal, JournalWriter
from mixer.layout import page_pass
from mixer.layout.colour import decode_png, to_planes
from mixer.layout.differences import Rgb
from mixer.layout.opening import opened
from mixer.layout.page import PageSettings
from mixer.layout.page_pass import PagePass, PassSettings
from mixer.layout.pixels import COLOUR, PICTURE
from mixer.layout.serving import find_site
from mixer.layout.track import MatteTrackReader
from mixer.picture import Composer
from mixer.picture.planes import planes_of
from tests.layout.features import BIG, SMALL, Feature
from tests.layout.support import LOOPBACK, WALL, participant, state_of
from tests.picture import journals
from tests.picture.scenes import BT601, Waves

SIZE = WIDTH, HEIGHT = 640, 360
FPS = 30
FRAME = 24  # the one that is compared
GOAL_DB = 40.0
EDGE_LEVELS = 6  # at antialiased edges, of which hardly anything is video
STYLE = f"""
html {{ height: 100%; background: linear-gradient(#203040, #604030); }}
body {{ margin: 0; height: 100%; overflow: hidden; font: 20px sans-serif; }}
.v {{ position: absolute; object-fit: cover; width: 200px; height: 113px; }}
#a {{ {BIG} }} #b {{ {SMALL} }}
#over {{ position: absolute; left: 150px; top: 150px; width: 330px; height: 120px; padding: 8px; }}
"""
VIDEO = """
const ready = (v) => v.readyState >= 2;
const show = (v, n) => { v.srcObject = mixerLayout.mediaStream(`p${n}.camera`); };
const TAG = 'video', loads = [];
"""
IMAGE = """
const pictures = PICTURES, loads = [];
const ready = (v) => v.complete && v.naturalWidth > 0;
const show = (v, n) => { v.src = pictures[n]; loads.push(v.decode()); };
const TAG = 'img';
"""
COMMON = """
const born = performance.now();
const media = (id) => {
  const v = document.createElement(TAG);
  v.id = id;
  v.className = 'v';
  return v;
};
const after = (ms, act) => setTimeout(act, BOOT - born + ms);
for (const v of document.querySelectorAll('.v')) show(v, (v.id.charCodeAt(0) - 97) % 2);
"""
Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


class Soft(Waves):
    """Waves that are far from the edges of the range of colours."""

    def at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        found = super().at(x, y)
        found[1:] = 128 + (found[1:] - 128) * 0.7
        return found


PICTURES = (Soft(WIDTH, HEIGHT, 1, 40), Soft(WIDTH, HEIGHT, 2, 40))


@dataclass(frozen=True, slots=True)
class Outcome:
    """`decibels`: the worst of Y, Cb, Cr over the pixels that any video has a part in (`share` of
    the page); `outside`: levels of luma that the rest is wrong by at most."""

    mode: str
    reason: str
    decibels: float
    outside: int
    share: float
    mine: Planes
    theirs: Planes

    @property
    def said(self) -> str:
        """In a few words."""
        why = f" ({self.reason[:80]})" if self.reason else ""
        return f"{self.mode}{why}; {self.share:.0%} video, {self.outside} levels outside"


def page_of(feature: Feature, folder: Path, *, media: str, name: str = "") -> str:
    """Writes the page; its layout argument."""
    body = feature.body
    for id_ in "abcdefghijklmnopqr":
        tag = f"<video id={id_} class=v></video>" if media == VIDEO else f"<img id={id_} class=v>"
        body = body.replace(f"[{id_}]", tag)
    script = f"{media}{COMMON}{feature.script}\nPromise.all(loads).then(() => mixerLayout.ready());"
    script = script.replace("BOOT", "(performance.timeOrigin ? 1000 : 0)")
    path = folder / f"{name or 'page'}.html"
    path.write_text(
        f"<!doctype html><style>{STYLE}{feature.style}</style><body>{body}"
        f"<script>mixerLayout; {{ {script} }}</script>"
    )
    return str(path)


def images(*pictures: Waves | None) -> str:
    """The images' side of a page, with these pictures; None: black."""
    urls = []
    for picture in pictures:
        out = io.BytesIO()
        Image.fromarray(rgb_of(picture)).save(out, "png")
        urls.append(f"'data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}'")
    return IMAGE.replace("PICTURES", f"[{', '.join(urls)}]")


def rgb_of(picture: Waves | None) -> Rgb:
    if picture is None:
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    x = np.arange(WIDTH, dtype=np.float64)[None, :] + 0.5
    y = np.arange(HEIGHT, dtype=np.float64)[:, None] + 0.5
    levels = picture.at(x, y) - np.array([16, 128, 128])[:, None, None]
    rgb: NDArray[np.float64] = np.moveaxis(np.tensordot(np.linalg.inv(BT601), levels, 1), 0, 2)
    assert rgb.min() > 0 and rgb.max() < 1
    return np.rint(rgb * 255).astype(np.uint8)


def conference(folder: Path) -> Path:
    """A journal in which both participants send their picture from the start."""
    writer = JournalWriter.create(folder, conference="c")
    for number in range(len(PICTURES)):
        told = {"participant": participant(number, width=WIDTH, height=HEIGHT)}
        writer.event(Event(0, "participant.added", told))
    for number, picture in enumerate(PICTURES):
        track = writer.track(
            participant=f"p{number}", stream=f"p{number}.camera", source="Camera", kind="video",
            codec="h264", clock_rate=90_000,
        )  # fmt: skip
        writer.align(Alignment(track.id, 0, 0, 0.0, "sender-report", 0))
        ((data, _),) = journals.encode([picture.planes()])
        writer.frame(Frame(track.id, 0, 1, data, FrameFlag.KEY, width=WIDTH, height=HEIGHT))
    writer.watermark((FRAME + 6) * 10**9 // FPS)
    writer.close(final=True)
    return folder


@asynccontextmanager
async def _same(browser: Browser) -> AsyncIterator[Browser]:
    yield browser


async def by_mixer(
    browser: Browser, feature: Feature, journal: Path, work: Path
) -> tuple[Planes, str, str]:
    """(frame, mode, reason) as a render has it."""
    layout = page_of(feature, work, media=VIDEO)
    end_ns = (FRAME + 3) * 10**9 // FPS
    settings = PassSettings(layout, WIDTH, HEIGHT, FPS, 0, end_ns, reach=LOOPBACK)
    failed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_pass, "launched", lambda _: _same(browser))

        def tell(event: str, fields: dict[str, object]) -> None:
            if event == "note" and fields.get("type") in ("page.failed", "page.replaced"):
                failed.append(str(fields.get("reason")))

        await PagePass(Journal.open(journal), work, settings, tell).run()
    assert not failed, failed
    track = MatteTrackReader.open(work)
    reasons = [note.data["reason"] for note in track.notes if note.type == "page.pixels"]
    matte = track.at(FRAME)[1]
    mode = "matte" if matte.tiles else "pixels"
    edits = EditList((Span(0),), FPS)
    composer = Composer(Journal.open(journal), track, width=WIDTH, height=HEIGHT, edits=edits)
    (frame,) = composer.frames(FRAME, 1)
    y, cb, cr = (plane.copy() for plane in planes_of(frame))
    track.close()
    return (y, cb, cr), mode, reasons[-1] if reasons and mode == "pixels" else ""


async def by_browser(browser: Browser, feature: Feature, folder: Path, *shown: Waves | None) -> Rgb:
    """The browser's own painting of the same instant."""
    media = VIDEO if feature.video else images(*shown)
    layout = page_of(feature, folder, media=media, name="reference")
    site = find_site(layout, {"width": WIDTH, "height": HEIGHT})
    settings = PageSettings(WIDTH, HEIGHT, FPS, WALL, parameters=site.parameters)
    async with opened(
        browser, site, settings, state_of(2, width=WIDTH, height=HEIGHT), LOOPBACK
    ) as (page, _):
        start_ms = page.clock_ms
        for frame in range(FRAME + 1):
            await page.step(frame, start_ms + (frame + 1) * 1000 / FPS)
            await page.look()
        await page.freeze()
        if not feature.video:
            return decode_png(await page.screenshot())
        for number, picture in enumerate(shown):
            if picture is not None:
                data = b"".join(plane.tobytes() for plane in picture.planes())
                told = base64.b64encode(data).decode()
                at = f"p{number}.camera", number + 1, WIDTH, HEIGHT
                await page.host("picture", *at, COLOUR, told)
        return decode_png(await page.still(PICTURE))


def compared(mine: Planes, theirs: Rgb, black: Rgb) -> tuple[float, int, float]:
    """(decibels, outside, share)."""
    other = to_planes(theirs)
    inside: NDArray[np.bool] = np.any(np.abs(theirs.astype(int) - black) > 2, axis=2)
    worst = float("inf")
    for number, (ours, plane) in enumerate(zip(mine, other, strict=True)):
        mask = inside if number == 0 else inside[::2, ::2] & inside[1::2, 1::2]
        if mask.any():
            error = float(np.mean((ours.astype(float) - plane)[mask] ** 2))
            worst = min(worst, 10 * np.log10(255**2 / max(error, 1e-9)))
    outside = np.abs(mine[0].astype(int) - other[0])[~inside]
    return float(worst), int(outside.max(initial=0)), float(inside.mean())


async def rendered(browser: Browser, feature: Feature, journal: Path, work: Path) -> Outcome:
    work.mkdir(parents=True, exist_ok=True)
    mine, mode, reason = await by_mixer(browser, feature, journal, work)
    theirs = await by_browser(browser, feature, work, *PICTURES)
    black = await by_browser(browser, feature, work, None, None)
    return Outcome(mode, reason, *compared(mine, theirs, black), mine, to_planes(theirs))
