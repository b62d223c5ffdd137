"""A real Chromium as a publisher: a canvas that flashes and a beep, once a second, at one moment.

    async with chromium_publishing(room_url, "Eva") as page: …

The page is the room's own (its origin serves conference.js); what is published are the tracks of a
canvas (all white for 100 ms each second, moving noise in between, so that there is something to
encode) and of WebAudio, both switched on in the same task of the page's event loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.instruments.narrow import THROUGH_UPLINK, Narrow

EXECUTABLE = "/usr/bin/chromium-headless-shell"
ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
]
PAGE = """
async ({name, width, height, fps, codec, load}) => {
  const {join} = await import('/static/conference.js');
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  document.body.replaceChildren(canvas);
  const paint = canvas.getContext('2d', {alpha: false});
  const audio = new AudioContext({sampleRate: 48000, latencyHint: 'interactive'});
  await audio.resume();
  const gain = audio.createGain();
  gain.gain.value = 0;
  const tone = audio.createOscillator();
  tone.frequency.value = 1000;
  const sink = audio.createMediaStreamDestination();
  tone.connect(gain).connect(sink);
  tone.start();
  let second = Math.floor(performance.now() / 1000);
  const draw = () => {
    // Before, not after: what is painted is captured when this task has ended.
    for (const end = performance.now() + load; performance.now() < end;);
    const now = performance.now();
    const phase = now % 1000;
    if (Math.floor(now / 1000) > second) {
      second = Math.floor(now / 1000);
      const at = audio.currentTime;
      gain.gain.setValueAtTime(0.5, at);
      gain.gain.setValueAtTime(0, at + 0.1);
    }
    if (phase < 100) {
      paint.fillStyle = 'white';
      paint.fillRect(0, 0, width, height);
    } else {
      paint.fillStyle = '#223';
      paint.fillRect(0, 0, width, height);
      for (let i = 0; i < 40; i++) {
        paint.fillStyle = `hsl(${(now / 20 + i * 9) % 360} 60% 35%)`;
        const x = width / 2 + Math.sin(now / 900 + i) * width * 0.4;
        const y = height / 2 + Math.cos(now / 700 + i * 2) * height * 0.4;
        paint.fillRect(x, y, width / 12, height / 12);
      }
    }
  };
  setInterval(draw, 1000 / fps);
  const conference = await join({url: location.href, name, codec});
  window.conference = conference;
  const video = canvas.captureStream(fps).getVideoTracks()[0];
  await conference.publishCamera({audio: sink.stream.getAudioTracks()[0], video});
  return conference.participantId;
}
"""


@contextlib.asynccontextmanager
async def chromium_publishing(
    room: str,
    name: str,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: int = 30,
    codec: str = "vp8",
    load_ms: float = 0.0,
    uplink: Narrow | None = None,
) -> AsyncIterator[tuple[Page, str]]:
    """Yields the page and the participant's id. `load_ms`: busy time a picture. `uplink`:
    what goes to Janus goes through it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        try:
            page = await browser.new_page()
            if uplink is not None:
                await page.expose_function("uplinkPort", uplink.port_for)
                await page.add_init_script(THROUGH_UPLINK)
            await page.goto(room)
            given: dict[str, Any] = {"name": name, "width": size[0], "height": size[1], "fps": fps}
            given |= {"codec": codec, "load": load_ms}
            yield page, str(await page.evaluate(PAGE, given))
        finally:
            await browser.close()
