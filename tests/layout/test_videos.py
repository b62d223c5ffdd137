"""Ways in which pages give videos their streams, and what they do with videos afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from mixer.layout import cards
from mixer.layout.colour import decode_png
from mixer.layout.look import Look
from mixer.layout.page import Page
from tests.layout.support import page_of, shown, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
FRAME_MS = 1000 / 30
GIVEN = """<style>video { position: absolute; width: 90px; height: 50px; top: 0; left: 0 }</style>
<video id=filled></video><video id=swapped style='left: 100px'></video>
<video id=cloned style='left: 200px'></video><video id=captured style='left: 300px'></video>
<video id=late style='left: 400px'></video><script>{
  const [track, other] = ['p0', 'p1'].map((id) => mixerLayout.mediaStream(`${id}.camera`).getVideoTracks()[0]);
  const one = swapped.srcObject = new MediaStream([track]);
  const none = filled.srcObject = new MediaStream();
  cloned.srcObject = mixerLayout.mediaStream('p1.camera').clone();
  captured.srcObject = swapped.captureStream();
  const away = document.createElement('video');
  away.srcObject = mixerLayout.mediaStream('p1.camera');
  window.fill = () => none.addTrack(other);
  window.swap = (to) => { for (const one_ of one.getTracks()) one.removeTrack(one_); if (to) one.addTrack(other); };
  window.put = () => late.replaceWith(away);
  away.style.left = '400px';
  mixerLayout.ready();
}</script>"""  # noqa: E501
MOVED = """<video id=v style='width: 400px; height: 225px'></video><script>{
  const video = v;
  v.srcObject = mixerLayout.mediaStream('p0.camera');
  window.pause = () => video.pause();
  window.take = () => video.remove();
  window.put = () => document.body.append(video);
  mixerLayout.ready();
}</script>"""


async def after(page: Page, *calls: str) -> Look:
    """What the page shows when it has done these, and a frame later."""
    for call in calls:
        await page.call(f"void {call}")
    await page.step(9, page.clock_ms + FRAME_MS)
    return (await page.look())[0]


def streams(look: Look) -> dict[int, str]:
    """By the places of their videos."""
    return {round(video.box[0]): video.stream.partition(".")[0] for video in look.videos}


async def test_a_video_shows_whom_its_stream_carries_now(browser: Browser, tmp_path: Path) -> None:
    """Tracks may come and go after the stream was given; copies, and streams of videos, are of the
    same participant; one that never was in the document is not told of."""
    async with shown(browser, page_of(tmp_path, GIVEN), state_of(2)) as (page, look):
        assert streams(look) == {100: "p0", 200: "p1", 300: "p0"}
        look = await after(page, "fill()", "swap(true)", "put()")
        assert streams(look) == {0: "p1", 100: "p1", 200: "p1", 300: "p0", 400: "p1"}
        assert len({video.number for video in look.videos}) == 5
        assert 100 not in streams(await after(page, "swap(false)"))
        assert streams(await after(page, "swap(true)"))[100] == "p1"


async def test_a_video_that_is_paused_or_moved_is_shown(browser: Browser, tmp_path: Path) -> None:
    """Both take every card; browsers pause a video that is taken out, if only for a moment."""
    async with shown(browser, page_of(tmp_path, MOVED), state_of(1)) as (page, _):
        for calls in (["pause()"], ["take()", "put()"], ["take()", "pause()", "put()"]):
            look = await after(page, *calls)
            assert len(look.videos) == 1, calls
            stills = [decode_png(await page.still(card)) for card in (cards.BLACK, cards.WHITE)]
            assert stills[0][100, 200].max() < 10 and stills[1][100, 200].min() > 245, calls
            await page.rest()


READ = """<canvas id=c width=90 height=50></canvas><script>{
  const video = document.createElement('video'), wrapped = document.createElement('video');
  video.srcObject = mixerLayout.mediaStream('p0.camera');
  wrapped.srcObject = mixerLayout.mediaStream('p1.camera');
  const draw = { canvas: () => c.getContext('2d').drawImage(video, 0, 0),
    frame: () => new VideoFrame(wrapped, { timestamp: 0 }).close() };
  window.draw = (way) => { if (video.readyState >= 2 && wrapped.readyState >= 2) draw[way](); };
  window.wraps = () => new VideoFrame(c, { timestamp: 0 }) instanceof VideoFrame;
  mixerLayout.ready();
}</script>"""


async def test_videos_that_are_nowhere_in_the_document_are_read(
    browser: Browser, tmp_path: Path
) -> None:
    """They get pictures as well, and reading them is seen, by frames of WebCodecs, too."""
    async with shown(browser, page_of(tmp_path, READ), state_of(2)) as (page, look):
        assert not look.videos and not look.readers
        look = await after(page, "draw('frame')")
        assert look.readers == ("VideoFrame",) and len(look.videos) == 2
        assert (await after(page, "draw('canvas')")).readers == ("VideoFrame", "drawImage")
        assert await page.call("wraps()")
