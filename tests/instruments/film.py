"""A film that says where in it one is: a flash and a beep at every whole second, each second with a
tone and a pattern of its own. Made for tests of videos that are presented, and served by HTTP.

    python -m tests.instruments.film OUT.mp4 [SECONDS]
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.journal import Event, JournalWriter
from tests.instruments.beeps import Sound, onsets
from tests.instruments.clips import frame_of
from tests.instruments.pattern import BEEP_SECONDS

FPS = 30
WIDTH, HEIGHT = 640, 360
FLASH_S = 0.1
BITS = 6
DARK, LIGHT, GREY = 40, 220, 110  # luma
FLASH_ROWS = (0.05, 0.45)  # of the height; the squares of the second's number are below
BIT_ROWS = (0.55, 0.75)
RATE = 44_100  # not the mix's own: it has to be resampled


def tone_hz(second: int) -> int:
    return 500 + 110 * second


def picture(number: int) -> NDArray[np.uint8]:
    """Luma of the film's frame of that number, (HEIGHT, WIDTH)."""
    second, within = divmod(number, FPS)
    luma = np.full((HEIGHT, WIDTH), GREY, np.uint8)
    top, bottom = (round(share * HEIGHT) for share in FLASH_ROWS)
    luma[top:bottom] = LIGHT if within < FLASH_S * FPS else DARK
    top, bottom = (round(share * HEIGHT) for share in BIT_ROWS)
    for bit in range(BITS):
        left, right = WIDTH * (bit + 1) // (BITS + 2), WIDTH * (bit + 2) // (BITS + 2) - 8
        luma[top:bottom, left:right] = LIGHT if second >> bit & 1 else DARK
    return luma


def sound(seconds: int) -> NDArray[np.float32]:
    """(samples,) at RATE."""
    out = np.zeros(seconds * RATE, np.float32)
    length = round(BEEP_SECONDS * RATE)
    for second in range(seconds):
        phase = 2 * np.pi * tone_hz(second) * np.arange(length) / RATE
        out[second * RATE : second * RATE + length] = 0.4 * np.sin(phase)
    return out


def make_film(
    path: Path, seconds: int = 12, *, video: str = "libx264", audio: str = "aac", gop: int = 90
) -> Path:
    """Writes the film, in the format that the file's name says."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(video, rate=FPS)
        assert isinstance(pictures, av.VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pictures.gop_size = gop
        pictures.bit_rate = 1_500_000
        if video.startswith("libvpx"):
            pictures.options = {"deadline": "realtime", "cpu-used": "8"}
        sounds = container.add_stream(audio, rate=48_000 if audio == "libopus" else RATE)
        assert isinstance(sounds, av.AudioStream)
        sounds.layout = "stereo"
        chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
        for number in range(seconds * FPS):
            frame = frame_of(picture(number), chroma, chroma)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        mono = av.AudioFrame.from_ndarray(sound(seconds)[None], "fltp", "mono")
        mono.sample_rate, mono.pts = RATE, 0
        resampler = av.AudioResampler(sounds.codec_context.format, "stereo", sounds.rate)
        for resampled in [*resampler.resample(mono), *resampler.resample(None)]:
            container.mux(sounds.encode(resampled))
        container.mux(sounds.encode(None))
    return path


async def unfetched(address: str, path: Path, most: int) -> None:
    """For a recording whose room has no videos itself."""
    raise AssertionError(f"{address} is asked of the room")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A frame in which the film was seen: at which second of the recording, which of the film's."""

    t: float
    second: int
    flash: bool


def sightings(path: Path) -> list[Sighting]:
    """The frames of a video that show the film over all of it, except for its lower part."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            seen = read(np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8))
            if seen is not None:
                found.append(Sighting(frame.time, *seen))
    return found


def read(luma: NDArray[np.uint8]) -> tuple[int, bool] | None:
    """(second, whether it flashes) of a picture that shows the film, else None."""
    height, width = luma.shape

    def level(rows: tuple[float, float], left: float, right: float) -> float:
        top, bottom = round((rows[0] + 0.05) * height), round((rows[1] - 0.05) * height)
        return float(luma[top:bottom, round(left * width) : round(right * width)].mean())

    def is_light(value: float) -> bool | None:
        for wanted, says in ((LIGHT, True), (DARK, False)):
            if abs(value - wanted) < 30:
                return says
        return None

    flash = is_light(level(FLASH_ROWS, 0.2, 0.8))
    if flash is None or abs(level((0.4, 0.6), 0.3, 0.7) - GREY) > 30:
        return None
    second = 0
    for bit in range(BITS):
        middle = (bit + 1.5) / (BITS + 2)
        light = is_light(level(BIT_ROWS, middle - 0.03, middle + 0.02))
        if light is None:
            return None
        second |= light << bit
    return second, flash


def flashes(seen: list[Sighting], fps: int = FPS) -> list[tuple[int, float]]:
    """(second of the film, second of the recording) where a flash begins after a frame without."""
    pairs = pairwise(seen)
    return [
        (after.second, after.t)
        for before, after in pairs
        if after.flash and not before.flash and after.t - before.t < 1.5 / fps
    ]


def beeps(heard: Sound, seconds: int) -> list[tuple[int, float]]:
    """(second of the film, second of the recording) where beeps begin, in the recording's order."""
    found = [(second, t) for second in range(seconds) for t in onsets(heard, tone_hz(second))]
    loud = [_loudness(heard, *one) for one in found]
    kept = [one for one, level in zip(found, loud, strict=True) if level > 0.5 * max(loud)]
    return sorted(kept, key=lambda one: one[1])


def _loudness(heard: Sound, second: int, t: float) -> float:
    """How much of a second's tone there is in the beep that begins at `t`."""
    first, count = max(0, round(t * 48_000)), round(BEEP_SECONDS * 48_000)
    beep = heard[first : first + count]
    turning = np.exp(-2j * np.pi * tone_hz(second) * np.arange(len(beep)) / 48_000)
    return float(np.abs(np.dot(beep, turning)) / count)


def presented(
    directory: Path,
    film: Path,
    changes: Sequence[tuple[float, bool, float]],
    seconds: float,
    loaded_s: float | None = None,
) -> Path:
    """A finished journal in `directory` in which Ada (a) presents the film. `changes`: (second of
    the recording, whether it plays from then on, second of the film). Its stream is `a.v`.
    `loaded_s`: when it was there, by default at once."""
    from_s, playing, at_s = changes[0]
    name = f"{hashlib.sha256(film.read_bytes()).hexdigest()}{film.suffix}"
    shown = {"kind": "video", "id": "v", "ownerId": "a", "name": film.name, "url": "http://e/f"}
    shown |= {"streamId": "a.v", **_at(from_s, playing, at_s)}
    ada = {"id": "a", "name": "Ada", "type": "user", "streams": []}
    video = {"muted": False, "available": True, "width": WIDTH, "height": HEIGHT}
    stream = {"id": "a.v", "type": "VideoPresentation", "audio": {"muted": False}, "video": video}
    with JournalWriter.create(directory, conference="c") as writer:

        def tell(t_s: float, type_: str, **data: Any) -> None:
            writer.event(Event(round(t_s * 1e9), type_, data))

        tell(0, "participant.added", participant=ada)
        tell(from_s, "presentation.started", presentation=shown)
        there_s = from_s if loaded_s is None else loaded_s
        for change in [one for one in changes[1:] if one[0] < there_s]:
            tell(change[0], "presentation.updated", id="v", **_at(*change))
        tell(there_s, "presentation.updated", id="v", object=f"{JOURNALLED}{name}")
        tell(there_s, "stream.added", participantId="a", stream=stream)
        for change in [one for one in changes[1:] if one[0] >= there_s]:
            tell(change[0], "presentation.updated", id="v", **_at(*change))
        writer.watermark(round(seconds * 1e9))
        writer.close(final=True)
    (directory / OBJECTS).mkdir()
    shutil.copyfile(film, directory / OBJECTS / name)
    return directory


def made_object(directory: Path, content: bytes, suffix: str) -> str:
    """Puts something that was presented among a journal's objects; its name."""
    name = f"{hashlib.sha256(content).hexdigest()}{suffix}"
    (directory / OBJECTS).mkdir(parents=True, exist_ok=True)
    (directory / OBJECTS / name).write_bytes(content)
    return name


def _at(t_s: float, playing: bool, at_s: float) -> dict[str, Any]:
    return {"playing": playing, "positionMs": round(at_s * 1e3), "sinceNs": round(t_s * 1e9)}


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's files by HTTP, also in parts; gives the address."""
    app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = threading.Thread(target=server.run, args=([listening],), daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        serving.join(10)
        listening.close()


if __name__ == "__main__":
    make_film(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 12)
