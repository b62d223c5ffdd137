"""Sync of real Chromium publishers through Janus: a canvas that flashes, a beep of the same moment.

Read from the journal: what its times say, before anything is rendered (`conference` has a whole
recording of publishers whose pictures are numbered). Beep minus flash: positive is sound late. The
publishers' uplink is not loaded.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Journal, Track
from mixer.picture.decode import TrackDecoder
from mixer.picture.planes import planes_of
from tests.bench.rows import Row, at_most
from tests.instruments.chromium import chromium_publishing
from tests.instruments.ingested import IngestProcess, beeps_ns, tracks_of, until
from tests.room.serving import serving

CODECS = ("vp8", "h264")
BUSY_MS = 25.0  # of each picture's 33, spent by the page in its own thread
WHITE = 190  # mean luma of a flash; between flashes it is below 100
SETTLE_NS = 5 * SECOND  # after the first picture: browser and Janus find their bit rate
PAIR_WITHIN_NS = 450 * MILLISECOND


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Both codecs at once, 720p30, at rest and with busy pages: 3 minutes each (quick: 20 s)."""
    rows = []
    for what, load_ms in (("idle", 0.0), (f"busy for {BUSY_MS:g} ms a picture", BUSY_MS)):
        directory = out / f"load-{load_ms:g}"
        asyncio.run(_record(directory, load_ms, 20 if quick else 180))
        journal = Journal.open(directory / "journal")
        for codec in CODECS:
            found = offsets_ms(journal, codec)
            if not found:
                raise SystemExit(f"bench: no flashes with beeps of {codec} in {directory}")
            spread = max(abs(one - statistics.fmean(found)) for one in found)
            name = f"{codec}, {what}"
            rows += [
                at_most(f"{name}: |bias| of sound", abs(statistics.fmean(found)), 15, "ms"),
                Row("… its sign kept", statistics.fmean(found), "ms"),
                Row("… furthest from that", spread, "ms"),
                Row("… flashes with beeps", len(found), ""),
            ]
    return rows


async def _record(directory: Path, load_ms: float, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        room = (await stack.enter_async_context(serving(directory / "log"))).room("chromium")
        for codec in CODECS:
            publishing = chromium_publishing(room, codec, codec=codec, load_ms=load_ms)
            await stack.enter_async_context(publishing)
        ingest = await IngestProcess.start(room, directory / "journal")
        await until(lambda: len(ingest.status.get("tracks", ())) == 2 * len(CODECS))
        await asyncio.sleep(seconds + SETTLE_NS / SECOND)
        await ingest.stop()


def _brightness(journal: Journal, track: Track) -> Iterator[tuple[int, float]]:
    """(media time, mean luma) of the pictures that a render would show: overloaded publishers lose
    packets, and what is broken by that is passed over until the next key picture."""
    decoder, last = TrackDecoder(track, lambda note: None), None
    for media_ns, frame in journal.frames([track.id], 0, journal.watermark_ns):
        decoder.feed(media_ns, frame)
        if decoder.shown is not None and decoder.shown is not last:
            last = decoder.shown
            yield last.media_ns, float(planes_of(last.frame)[0].mean())


def offsets_ms(journal: Journal, codec: str) -> list[float]:
    """Beep minus flash of each flash of the publisher who sends that codec."""
    found = []
    for video in tracks_of(journal, kind="video"):  # another one after a reconnection
        if video.codec != codec:
            continue
        beeps = [
            at for one in tracks_of(journal, video.stream, "audio") for at in beeps_ns(journal, one)
        ]
        seen = [(at, luma > WHITE) for at, luma in _brightness(journal, video)]
        flashes = [at for (_, was), (at, now) in pairwise(seen) if now and not was]
        for flash in (at for at in flashes if at > seen[0][0] + SETTLE_NS):
            offset = min((beep - flash for beep in beeps), key=abs, default=SECOND)
            found += [offset / MILLISECOND] if abs(offset) < PAIR_WITHIN_NS else []
    return found
