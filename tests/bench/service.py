"""The service as its users see it: `mixer serve`, publishers, a receiver of webhooks, the clock.

How soon a start is answered and media is journalled, with a recorder that waits and without one;
how soon after a stop the webhook brings a file that plays. Kills of the server: service_kills.py.
Times are between this process' requests and what arrives elsewhere on the same machine.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mixer.clock import SECOND
from mixer.journal import Journal
from tests.bench import service_kills
from tests.bench.measure import tree_cpu_s
from tests.bench.rows import Row, at_most
from tests.instruments.clips import beep_hz
from tests.instruments.receiver import Receipt, Received, receiver
from tests.service.recorded import Site
from tests.system.processes import publisher, until

MIX = {"width": 1280, "height": 720}
PUBLISHERS = 2
WARM_CPU_S = 0.02  # a spare that takes less in a second is ready
WARM_CHILDREN = 3  # ingest, page pass, worker
SETTLE_S = 2.0
ARRIVES_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from sending the POST of a start."""

    answered_s: float
    media_s: float  # to the first journalled frame of anybody
    began_s: float  # to the first moment of the video


@dataclass(frozen=True, slots=True)
class Stopped:
    """One recording's end. `arrived_s`: from sending the POST of the stop to the webhook."""

    arrived_s: float
    seconds: float  # of the file behind the webhook's address, as ffprobe reads it
    told_s: float  # the same, as the webhook says
    recorded_s: float  # of the clock


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Quick: a few starts, one short recording, few kills."""
    starts = 3 if quick else 20
    warm = _measured(out / "spare", starts, [20] if quick else [20, 20, 600], spares=1)
    cold = _measured(out / "no-spare", starts, [], spares=0)
    rows = _answer_rows([*warm[0], *cold[0]])
    rows += _start_rows("with a spare recorder", warm[0], 1.0)
    rows += _start_rows("without a spare recorder", cold[0], 2.0)
    rows += _stop_rows(warm[1])
    return rows + service_kills.bench(out / "kills", kills=5 if quick else 20)


def _measured(
    out: Path, starts: int, lengths_s: Sequence[int], *, spares: int
) -> tuple[list[Started], list[Stopped]]:
    """Starts, and recordings of some lengths, on a server of their own."""
    out.mkdir(parents=True)
    site = Site(out, allow_private_webhooks="true", spare_recorders=str(spares))
    with receiver(out) as received:
        site.set(webhook_url=received.url)
        with site.serving() as server:
            started = [_started(site, out, server, spares) for _ in range(starts)]
            stopped = []
            for seconds in lengths_s:
                _until_calm(server, spares)
                stopped.append(_stopped(site, out, received, seconds))
    return started, stopped


# --- starts ------------------------------------------------------------------------------------


def _started(site: Site, out: Path, server: int, spares: int) -> Started:
    """One recording of a new conference, from start to end."""
    _until_calm(server, spares)
    id = site.conference()
    with publisher(out, f"{site.url}/rooms/{id}", "p0", *_options(0)):
        time.sleep(SETTLE_S)  # the publisher has begun, too
        sent = time.time()
        site.record(id, "start", **MIX)
        answered_s = time.time() - sent
        until(lambda: site.state(id)["mixes"][0]["beganAt"], "the recording began")
        site.until_recorded(id, 1)
        state = site.end(id)
    journal = Journal.open(site.data / "sessions" / state["sessionId"] / "journal")
    first_ns, _ = next(iter(journal.frames(list(journal.tracks), 0, journal.watermark_ns)))
    media_s = journal.started_wall + first_ns / SECOND - sent
    return Started(answered_s, media_s, state["mixes"][0]["beganAt"] / 1000 - sent)


def _options(place: int) -> tuple[str, ...]:
    tone = str(beep_hz(place))
    return ("--size", "640x360", "--bitrate", "600000", "--flash-place", str(place), "--tone", tone)


def _until_calm(server: int, spares: int) -> None:
    """Until no recorder is at work and those that are kept ready have nothing more to do."""

    def calm() -> bool:
        found = _recorders(server)
        if len(found) != spares or any(len(_children(pid)) < WARM_CHILDREN for pid in found):
            return False
        before = [tree_cpu_s(pid) for pid in found]
        time.sleep(1)
        return all(tree_cpu_s(p) - b < WARM_CPU_S for p, b in zip(found, before, strict=True))

    until(calm, "spare recorders are ready")


def _recorders(server: int) -> list[int]:
    """Those that wait and those at work."""
    return [one.pid for one in _children(server) if _is_recorder(one)]


def _children(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _is_recorder(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        running: bool = process.status() != psutil.STATUS_ZOMBIE
        return running and "mixer.recorder.spare" in process.cmdline()
    return False


def _answer_rows(started: Sequence[Started]) -> list[Row]:
    answered_ms = [one.answered_s * 1000 for one in started]
    of = f"of {len(answered_ms)}"
    return [
        Row(f"POST start answered, median {of}", statistics.median(answered_ms), "ms"),
        at_most(f"POST start answered, p95 {of}", p95(answered_ms), 100, "ms"),
    ]


def _start_rows(how: str, started: Sequence[Started], limit_s: float) -> list[Row]:
    media, began = [one.media_s for one in started], [one.began_s for one in started]
    what = f"POST start → first journalled media {how}"
    return [
        Row(f"{what}, median", statistics.median(media), "s"),
        at_most(f"{what}, p95 of {len(media)}", p95(media), limit_s, "s"),
        Row(f"POST start → first moment of the video {how}, median", statistics.median(began), "s"),
    ]


def p95(values: Sequence[float]) -> float:
    """The 95th percentile; of few values the largest."""
    if len(values) < 20:
        return max(values)
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


# --- stops -------------------------------------------------------------------------------------


def _stopped(site: Site, out: Path, received: Received, seconds: int) -> Stopped:
    """One recording of that many seconds, until the webhook's file has been looked at."""
    id = site.conference()
    with contextlib.ExitStack() as people:
        for place in range(PUBLISHERS):
            room, name = f"{site.url}/rooms/{id}", f"p{place}"
            people.enter_context(publisher(out, room, name, *_options(place)))
        time.sleep(SETTLE_S)
        site.record(id, "start", **MIX)
        until(lambda: site.state(id)["mixes"][0]["beganAt"], "the recording began")
        began = site.state(id)["mixes"][0]["beganAt"] / 1000
        time.sleep(max(0.0, began + seconds - time.time()))
        sent = time.time()
        site.record(id, "stop")
        receipt = _arrived(received, id)
        (item,) = receipt.event["recordings"]
        path = out / item["filename"]
        path.write_bytes(site.download(item))
        site.end(id)
    told_s = item["duration"] / 1000
    return Stopped(receipt.at - sent, seconds_of(path), told_s, sent - began)


def _arrived(received: Received, conference: str) -> Receipt:
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while not (found := received.of(conference, "Recordings.Available")):
        if time.monotonic() > deadline:
            raise SystemExit("bench: the webhook of a stopped recording never came")
        time.sleep(0.02)
    return found[0]


def seconds_of(path: Path) -> float:
    """The length of a file as ffprobe reads it; 0 for one that cannot be played."""
    argv = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    done = subprocess.run([*argv, str(path)], capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        return 0.0
    return float(done.stdout)


def _stop_rows(stopped: Sequence[Stopped]) -> list[Row]:
    lengths: dict[int, list[Stopped]] = {}
    for one in stopped:
        lengths.setdefault(round(one.recorded_s), []).append(one)
    rows = [
        at_most(
            f"POST stop → webhook, {seconds} s recorded, worst of {len(all)}",
            max(one.arrived_s for one in all),
            5.0,
            "s",
        )
        for seconds, all in lengths.items()
    ]
    told = max(abs(one.seconds - one.told_s) for one in stopped)
    real = max(abs(one.seconds - one.recorded_s) for one in stopped)
    return [
        *rows,
        at_most("length of the file against what the webhook says, worst", told, 0.1, "s"),
        at_most("length of the file against the clock, worst", real, 0.5, "s"),
    ]
