"""Sync of real Chromium publishers through Janus: a canvas that flashes, a beep of the same moment.

Read from the journal: what its times say, before anything is rendered (`conference` has a whole
recording of publishers whose pictures are numbered). Beep minus flash: positive is sound late. At
rest, with busy pages, and with uplinks that are narrower than what the pages would send.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Journal, Track
from mixer.picture.decode import TrackDecoder
from mixer.picture.planes import planes_of
from tests.bench.rows import Row, at_most
from tests.instruments.chromium import chromium_publishing
from tests.instruments.ingested import IngestProcess, beeps_ns, tracks_of, until
from tests.instruments.narrow import Link, Load, Narrow
from tests.room.serving import serving

CODECS = ("vp8", "h264")
BUSY_MS = 25.0  # of each picture's 33, spent by the page in its own thread
WHITE = 190  # mean luma of a flash; between flashes it is below 100
SETTLE_NS = 5 * SECOND  # after the first picture: browser and Janus find their bit rate
PAIR_WITHIN_NS = 450 * MILLISECOND
NEXT_WITHIN_NS = 45 * MILLISECOND  # of the picture before: then none is missing between them


@dataclass(frozen=True, slots=True)
class Case:
    """A load: what the page does besides in each picture's time, what its uplink is like."""

    name: str
    load_ms: float = 0.0
    uplink_bps: float | None = None  # of each publisher; None: as wide as the machine is fast
    other_bps: float = 0.0  # what somebody else sends through the same uplink, in bursts


CASES = (
    Case("idle"),
    Case(f"busy for {BUSY_MS:g} ms a picture", load_ms=BUSY_MS),
    Case("uplink of 1 Mbit/s", uplink_bps=1e6),
    Case("uplink of 1 Mbit/s, with bursts of others", uplink_bps=1e6, other_bps=1e6),
)


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Both codecs at once, 720p30, in each case: 3 minutes each (quick: 20 s)."""
    rows, seconds = [], 20 if quick else 180
    for number, case in enumerate(CASES):
        directory = out / f"case-{number}"
        loads = asyncio.run(_record(directory, case, seconds))
        journal = Journal.open(directory / "journal")
        for codec in CODECS:
            rows += _rows(journal, codec, case)
            if codec in loads:
                rows += _uplink_rows(journal, codec, loads[codec], seconds)
    return rows


def _rows(journal: Journal, codec: str, case: Case) -> list[Row]:
    flashes = flashes_of(journal, codec)
    if not flashes:
        raise SystemExit(f"bench: no flashes with beeps of {codec}, {case.name}")
    found = [one.offset_ms for one in flashes]
    whole = [one.offset_ms for one in flashes if one.is_whole]
    spread = max(abs(one - statistics.fmean(found)) for one in found)
    rows = [
        at_most(f"{codec}, {case.name}: |bias| of sound", abs(statistics.fmean(found)), 15, "ms"),
        Row("… its sign kept", statistics.fmean(found), "ms"),
        Row("… furthest from that", spread, "ms"),
        Row("… flashes with beeps", len(found), ""),
        Row("… of these no picture missing before them", len(whole), ""),
    ]
    if whole:
        rows.append(Row("… bias of these, its sign kept", statistics.fmean(whole), "ms"))
    return [
        *rows,
        Row("… journalled, sound and pictures", _media_bps(journal, codec) / 1e6, "Mbit/s"),
    ]


def _uplink_rows(journal: Journal, codec: str, load: Load, seconds: float) -> list[Row]:
    """How loaded the link was. Where media went past it nothing was measured: that fails."""
    carried_bps = load.carried_bytes * 8 / seconds
    if carried_bps < 0.9 * _media_bps(journal, codec):
        raise SystemExit(f"bench: what {codec} sent did not go through the narrow uplink")
    return [
        Row("… carried by the uplink, headers included", carried_bps / 1e6, "Mbit/s"),
        Row("… dropped by it, of packets", 100 * load.dropped / load.packets, "%"),
        Row("… longest wait for it", load.longest_wait_s * 1e3, "ms"),
    ]


async def _record(directory: Path, case: Case, seconds: float) -> dict[str, Load]:
    """Codec → what came to the uplink of who sends it, where that is narrow; once settled."""
    async with AsyncExitStack() as stack:
        room = (await stack.enter_async_context(serving(directory / "log"))).room("chromium")
        links: dict[str, Link] = {}
        for codec in CODECS:
            uplink = None
            if case.uplink_bps is not None:
                links[codec] = Link(case.uplink_bps, other_bps=case.other_bps)
                uplink = stack.enter_context(Narrow(links[codec]))
            publishing = chromium_publishing(
                room, codec, codec=codec, load_ms=case.load_ms, uplink=uplink
            )
            await stack.enter_async_context(publishing)
        ingest = await IngestProcess.start(room, directory / "journal")
        await until(lambda: len(ingest.status.get("tracks", ())) == 2 * len(CODECS))
        await asyncio.sleep(SETTLE_NS / SECOND)
        for link in links.values():
            link.load = Load()
        await asyncio.sleep(seconds)
        loads = {codec: link.load for codec, link in links.items()}
        await ingest.stop()
    return loads


def _media_bps(journal: Journal, codec: str) -> float:
    """Of sound and pictures of who sends that codec, once all is settled."""
    streams = {one.stream for one in tracks_of(journal, kind="video") if one.codec == codec}
    ids = [one.id for stream in streams for one in tracks_of(journal, stream)]
    sizes = [(at, len(one.data)) for at, one in journal.frames(ids, 0, journal.watermark_ns)]
    start_ns = sizes[0][0] + SETTLE_NS
    return sum(size for at, size in sizes if at > start_ns) * 8 * SECOND / (sizes[-1][0] - start_ns)


def _brightness(journal: Journal, track: Track) -> Iterator[tuple[int, float]]:
    """(media time, mean luma) of the pictures that a render would show: overloaded publishers lose
    packets, and what is broken by that is passed over until the next key picture."""
    decoder, last = TrackDecoder(track, lambda note: None), None
    for media_ns, frame in journal.frames([track.id], 0, journal.watermark_ns):
        decoder.feed(media_ns, frame)
        if decoder.shown is not None and decoder.shown is not last:
            last = decoder.shown
            yield last.media_ns, float(planes_of(last.frame)[0].mean())


@dataclass(frozen=True, slots=True)
class Flash:
    """Beep minus flash. `is_whole`: the picture before is there, too. Where it is not, the first
    white one may be missing as well, and the flash seems late by a picture or more."""

    offset_ms: float
    is_whole: bool


def flashes_of(journal: Journal, codec: str) -> list[Flash]:
    """Those with a beep, of the publisher who sends that codec."""
    found = []
    for video in tracks_of(journal, kind="video"):  # another one after a reconnection
        if video.codec != codec:
            continue
        beeps = [
            at for one in tracks_of(journal, video.stream, "audio") for at in beeps_ns(journal, one)
        ]
        seen = [(at, luma > WHITE) for at, luma in _brightness(journal, video)]
        for (before, was), (at, now) in pairwise(seen):
            if now and not was and at > seen[0][0] + SETTLE_NS:
                offset = min((beep - at for beep in beeps), key=abs, default=SECOND)
                if abs(offset) < PAIR_WITHIN_NS:
                    found.append(Flash(offset / MILLISECOND, at - before < NEXT_WITHIN_NS))
    return found
