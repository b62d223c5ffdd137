"""`python -m mixer.ingest.video_file FOLDER ASIDE BYTES`: loads the video that is presented, whose
address it reads (addresses may hold secrets, and lists of processes show command lines), into the
journal's folder FOLDER, by way of the file ASIDE. An empty address: it is in ASIDE already.

A process of its own, at low priority and with limits, for files come from anywhere and may be
anything: ingest is not held up, and does not fall with it. Goes through a proxy of ours that checks
every address it connects to, after redirects too (mixer/proxy). Prints what it is, or why it
cannot be had, in a line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import av
import httpx2
import structlog

from mixer.engine.child import die_with_parent
from mixer.journal.video_file import HEAD_BYTES, ending, open_video, shown_size
from mixer.proxy import Limits, Proxy, Reach

CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0
MAX_REDIRECTS = 5
MEMORY_BYTES = 2 << 30
CPU_S = 300
MAX_PIXELS = 4096 * 2304
MAX_PACKETS = 500  # before the first picture or sound


class Unusable(Exception):
    """The video cannot be recorded; the reason is a line for people."""


async def load(url: str, aside: Path, most: int, reach: Reach) -> tuple[str, str]:
    """Writes what is at the address into `aside`; its SHA-256 and the ending of its name.

    Raises Unusable, OSError, httpx2.HTTPError.
    """
    refused: list[str] = []
    limits = Limits(bytes=most + (16 << 20))
    async with Proxy(
        reach, limits=limits, on_refusal=lambda one: refused.append(one.reason)
    ) as proxy:
        timeout = httpx2.Timeout(CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S)
        async with httpx2.AsyncClient(
            proxy=proxy.url,
            timeout=timeout,
            trust_env=False,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers={"accept": "video/mp4,video/webm,video/*;q=0.8", "accept-encoding": "identity"},
        ) as client:
            try:
                return await _written(client, url, aside, most)
            except (httpx2.HTTPError, Unusable):
                if refused:
                    raise Unusable(refused[0]) from None
                raise


async def _written(client: httpx2.AsyncClient, url: str, aside: Path, most: int) -> tuple[str, str]:
    digest, size, head = hashlib.sha256(), 0, b""
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise Unusable(f"its server answers {response.status_code}")
        with aside.open("wb") as file:
            async for chunk in response.aiter_bytes(1 << 18):
                size += len(chunk)
                if size > most:
                    raise Unusable(f"it is larger than {most >> 20} MB")
                head = (head + chunk)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
                if len(head) == HEAD_BYTES and ending(head) is None:
                    break
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    kind = ending(head)
    if kind is None:
        raise Unusable("it is no MP4 or WebM file")
    return digest.hexdigest(), kind


def _there(aside: Path) -> tuple[str, str]:
    """The SHA-256 and the ending of a file that somebody else has written. Raises Unusable."""
    with aside.open("rb") as file:
        kind = ending(file.read(HEAD_BYTES))
        if kind is None:
            raise Unusable("it is no MP4 or WebM file")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())  # who wrote it need not have
        return digest, kind


def examine(path: Path, kind: str) -> dict[str, Any]:
    """Size and length of the video, whether it has sound. Raises Unusable, av.error.FFmpegError."""
    with open_video(path, kind) as container:
        about: dict[str, Any] = {
            "durationMs": round((container.duration or 0) * 1000 / av.time_base),
            "video": None,
            "audio": False,
        }
        if container.streams.video:
            about["video"] = _picture_size(container)
    with open_video(path, kind) as container:
        if container.streams.audio:
            about["audio"] = _first(container, container.streams.audio[0]) is not None
    if about["video"] is None and not about["audio"]:
        raise Unusable("it has no picture and no sound that can be decoded")
    return about


def _picture_size(container: av.container.InputContainer) -> dict[str, int] | None:
    stream = container.streams.video[0]
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        raise Unusable("its picture is larger than 4096 by 2304 pixels")
    frame = _first(container, stream)
    if not isinstance(frame, av.VideoFrame):
        return None
    width, height = shown_size(frame, stream.sample_aspect_ratio)
    if not 0 < width * height <= MAX_PIXELS:
        raise Unusable("its picture is larger than 4096 by 2304 pixels")
    return {"width": width, "height": height}


def _first(container: av.container.InputContainer, stream: Any) -> Any:
    """The stream's first picture or piece of sound; None if there is none to be decoded."""
    if stream.codec_context is None:
        return None
    for number, packet in enumerate(container.demux(stream)):
        try:
            for frame in packet.decode():
                return frame
        except av.error.FFmpegError:
            pass
        if number > MAX_PACKETS:
            break
    return None


async def run(url: str, folder: Path, aside: Path, most: int) -> dict[str, Any]:
    """What has been loaded: `object`, its file's name, and what `examine` says."""
    try:
        if url:
            digest, kind = await load(url, aside, most, Reach.from_environment())
        else:
            digest, kind = _there(aside)
        about = examine(aside, kind)
    except httpx2.TimeoutException:
        raise Unusable("its server does not answer in time") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unusable(f"it cannot be loaded ({type(error).__name__})") from None
    except (av.error.FFmpegError, MemoryError) as error:
        raise Unusable("it is damaged, or of a kind that cannot be decoded") from error
    except OSError as error:
        raise Unusable(f"it cannot be kept: {error.strerror or error}") from None
    name = f"{digest}{kind}"
    aside.replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
    return {"object": name, **about}


def main(folder: str, aside: str, most: str) -> int:
    die_with_parent(signal.SIGKILL)
    os.nice(10)
    url = sys.stdin.readline().strip()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for what, limit in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    try:
        print(json.dumps(asyncio.run(run(url, Path(folder), Path(aside), int(most)))))
    except Unusable as error:
        print(json.dumps({"error": str(error)}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
