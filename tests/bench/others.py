"""The way others record: a browser paints the conference, its screen is filmed and encoded.

Chromium on an X server without a screen (Xvfb) plays four 720p30 clips as local files, in our own
default layout; ffmpeg grabs the screen (x11grab) at 1080p30. No network, no WebRTC, no sound: their
real cost is higher. With x264 at our settings, and again with the pictures thrown away.

    python -m tests.bench.others [--seconds S]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import psutil
from playwright.sync_api import Page, sync_playwright

from mixer.encode.quality import CRF, PARAMETERS, PRESET
from mixer.errors import EnvironmentMissing
from tests.bench.measure import tree_cpu_s
from tests.instruments import clips
from tests.instruments.analyser import analyse
from tests.instruments.make_journal import NAMES

LAYOUTS = Path(__file__).parents[2] / "layouts"
WIDTH, HEIGHT, FPS = 1920, 1080, 30
CLIP_SIZE = (1280, 720)
CLIP_SECONDS = 10
PARTICIPANTS = 4
X264 = (
    *("-c:v", "libx264", "-preset", PRESET, "-x264-params", PARAMETERS[PRESET]),
    *("-crf", str(CRF), "-threads", "2"),
)
NOTHING = ("-c:v", "rawvideo")
SETTLE_SECONDS = 3  # after all clips play: page loading and start-up are not counted
BROWSER_FLAGS = (
    "--kiosk",
    "--window-position=0,0",
    f"--window-size={WIDTH},{HEIGHT}",
    "--disable-gpu",
    "--allow-file-access-from-files",
    "--autoplay-policy=no-user-gesture-required",
    "--hide-scrollbars",
)

# Puts clips in the place of conference media: <video>.srcObject becomes <video>.src.
PLAYER = """
(() => {
  const clips = %s;
  const stream = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    get() { return stream.get.call(this); },
    set(value) { if (value?.clip) { this.loop = true; this.src = value.clip; } },
  });
  mixerLayout.host.createMediaStream =
    (id) => Object.assign(new MediaStream(), { clip: clips[id] });
})();
"""
ALL_PLAY = f"""() => {{
  const videos = [...document.querySelectorAll('video')];
  return videos.length === {PARTICIPANTS} && videos.every((video) => video.currentTime > 0.5);
}}"""


@dataclass(frozen=True, slots=True)
class Filmed:
    """One run of ffmpeg. Times in CPU seconds. Repeated frames count as frames, though they are the
    cheaper ones: the cost a frame is the least that can be said."""

    frames: int  # in the output, at FPS
    repeated: int  # of these, because no new picture came in time
    browser_s: float  # Chromium and the X server
    ffmpeg_s: float
    wall_s: float

    @property
    def s_per_frame(self) -> float:
        return (self.browser_s + self.ffmpeg_s) / self.frames

    @property
    def repeated_share(self) -> float:
        """0..1; much more than 0.05: the machine did not keep up, and the cost is not all of it."""
        return self.repeated / self.frames


@dataclass(frozen=True, slots=True)
class OthersWay:
    """What an output frame costs. `painted_fps`: pictures a second that Chromium presented of
    each clip, which is less than 30 where the machine does not keep up."""

    encoded: Filmed
    captured: Filmed
    painted_fps: tuple[float, float]  # while encoding, while only capturing

    @property
    def total_s_per_frame(self) -> float:
        return self.encoded.s_per_frame

    @property
    def capture_s_per_frame(self) -> float:
        return self.captured.s_per_frame


def measure(seconds: float = 30) -> OthersWay:
    """Films twice for `seconds`. Raises EnvironmentMissing where a program is not there."""
    browser, xvfb, ffmpeg = (_program(name) for name in ("chromium", "Xvfb", "ffmpeg"))
    with tempfile.TemporaryDirectory(prefix="others-") as folder:
        directory = Path(folder)
        page_file = _write_page(directory)
        with _x_server(xvfb) as (server, display), _browser(browser, directory, display) as page:
            page.goto(page_file.as_uri())
            page.wait_for_function(ALL_PLAY, timeout=60_000)
            time.sleep(SETTLE_SECONDS)
            pids = [server, _browser_pid(directory)]
            video = directory / "filmed.mp4"
            film = [ffmpeg, *_grab(display, seconds)]
            encoded, first = _film([*film, *X264, str(video)], page, pids)
            captured, second = _film([*film, *NOTHING, "-f", "null", "-"], page, pids)
            _check(video)
    return OthersWay(encoded, captured, (first, second))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        package = name.lower()
        raise EnvironmentMissing(f"bench needs {name}: apt-get install {package}")
    return found


# ---- the page ---------------------------------------------------------------------------------


def _write_page(directory: Path) -> Path:
    """The default layout with its state and clips, as files. Returns the page."""
    shutil.copytree(LAYOUTS / "shared", directory / "shared")
    shutil.copy(LAYOUTS / "default" / "scene.js", directory)
    html = (LAYOUTS / "shared" / "scene.html").read_text("utf-8").replace('"/shared/', '"shared/')
    sdk = (LAYOUTS / "sdk" / "mixer-layout.js").read_text("utf-8")
    clip_files = {
        f"p{place}.camera": _write_clip(directory, place) for place in range(PARTICIPANTS)
    }
    player = PLAYER % json.dumps({stream: file.name for stream, file in clip_files.items()})
    reset = f"mixerLayout.host.reset({json.dumps(_state())}, {{}});"
    (directory / "host.js").write_text(f"{sdk}\n{player}\n{reset}", "utf-8")
    page = directory / "index.html"
    page.write_text(html.replace("<head>", '<head><script src="host.js"></script>', 1), "utf-8")
    return page


def _state() -> dict[str, object]:
    video = {"muted": False, "width": CLIP_SIZE[0], "height": CLIP_SIZE[1], "available": True}
    people = [
        {
            "id": f"p{place}",
            "name": NAMES[place],
            "streams": [{"id": f"p{place}.camera", "audio": {"muted": False}, "video": video}],
        }
        for place in range(PARTICIPANTS)
    ]
    return {"participants": people}


def _write_clip(directory: Path, place: int) -> Path:
    """The clip that generated journals hold for this place (clips.py), as a WebM file."""
    clip = clips.video_clip("vp8", CLIP_SIZE, Fraction(FPS), CLIP_SECONDS, place)
    path = directory / f"clip{place}.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", FPS)
        stream.width, stream.height, stream.pix_fmt = *CLIP_SIZE, "yuv420p"
        for number, data in enumerate(clip.pictures):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            packet.is_keyframe = number == 0
            container.mux(packet)
    return path


# ---- the programs -----------------------------------------------------------------------------


@contextlib.contextmanager
def _x_server(program: str) -> Iterator[tuple[int, str]]:
    """(process id, display) of an X server of the page's size, on a display of its own choice."""
    receive, send = os.pipe()
    screen = f"{WIDTH}x{HEIGHT}x24"
    argv = [program, "-displayfd", str(send), "-screen", "0", screen, "-nolisten", "tcp"]
    with subprocess.Popen(argv, pass_fds=[send], stderr=subprocess.DEVNULL) as process:
        os.close(send)
        try:
            with os.fdopen(receive) as pipe:
                display = pipe.readline().strip()
            if not display:
                raise EnvironmentMissing("bench: the X server (Xvfb) does not start")
            yield process.pid, f":{display}"
        finally:
            process.terminate()


@contextlib.contextmanager
def _browser(program: str, directory: Path, display: str) -> Iterator[Page]:
    """Chromium over the whole screen of the display."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(directory / "profile"),
            executable_path=program,
            headless=False,
            no_viewport=True,
            args=list(BROWSER_FLAGS),
            ignore_default_args=["--enable-automation"],
            env={**os.environ, "DISPLAY": display},
        )
        try:
            yield context.pages[0]
        finally:
            context.close()


def _browser_pid(directory: Path) -> int:
    """Chromium's first process: the one with our profile and without a type."""
    profile = f"--user-data-dir={directory / 'profile'}"
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            argv = process.cmdline()
            if profile in argv and not any(part.startswith("--type=") for part in argv):
                return int(process.pid)
    raise EnvironmentMissing("bench: Chromium's process is not there")


def _grab(display: str, seconds: float) -> list[str]:
    size = f"{WIDTH}x{HEIGHT}"
    quiet = ["-nostdin", "-loglevel", "error", "-progress", "pipe:1", "-y"]
    grab = ["-f", "x11grab", "-draw_mouse", "0", "-framerate", str(FPS), "-video_size", size]
    constant = ["-r", str(FPS), "-fps_mode", "cfr", "-pix_fmt", "yuv420p"]
    return [*quiet, *grab, "-i", display, "-t", str(seconds), *constant]


def _film(argv: list[str], page: Page, pids: list[int]) -> tuple[Filmed, float]:
    """Runs ffmpeg; also the pictures a second that Chromium presented of the first clip."""
    presented = "document.querySelector('video').getVideoPlaybackQuality()"
    count = f"(({presented}).totalVideoFrames - ({presented}).droppedVideoFrames)"
    shown, browser_s, began = page.evaluate(count), sum(map(tree_cpu_s, pids)), time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    progress = dict(line.strip().split("=", 1) for line in process.stdout if "=" in line)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - began
    browser_s = sum(map(tree_cpu_s, pids)) - browser_s
    if process.returncode:
        raise EnvironmentMissing(f"bench: ffmpeg ended with {process.returncode}: no x11grab?")
    filmed = Filmed(
        frames=int(progress["frame"]),
        repeated=int(progress.get("dup_frames", 0)),
        browser_s=browser_s,
        ffmpeg_s=usage.ru_utime + usage.ru_stime,
        wall_s=wall_s,
    )
    return filmed, (page.evaluate(count) - shown) / wall_s


def _check(video: Path) -> None:
    """The film shows all clips, and they move: else its cost is worth nothing."""
    seen = analyse(video).participants.values()
    moving = sum(len({sight.number for sight in one.sights}) > 1 for one in seen)
    if moving < PARTICIPANTS:
        found = f"{moving} of {PARTICIPANTS} clips move in the film"
        raise EnvironmentMissing(f"bench: {found}: let the machine do nothing else")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.others")
    parser.add_argument("--seconds", type=float, default=30)
    theirs = measure(parser.parse_args().seconds)
    print(json.dumps(asdict(theirs), indent=1))
    print(f"CPU a frame: {theirs.total_s_per_frame * 1e3:.1f} ms with x264,")
    print(f"             {theirs.capture_s_per_frame * 1e3:.1f} ms besides")
    print(f"frames that only repeat: {theirs.encoded.repeated_share:.0%}")


if __name__ == "__main__":
    main()
