"""kill -9 of the server at random moments of recordings, with a receiver that fails now and then.

One conference after the other: two parts of a recording, the first ended by a stop, the second by
the conference's end; somewhere in that the server is killed and started again. Whoever asks for
something that is not answered asks again, as clients do. In the end all files have to be there,
and all events to have arrived, in the order in which they became true.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.bench import service
from tests.bench.rows import Row, at_most
from tests.instruments.receiver import Receipt, Received, receiver
from tests.service.recorded import SMALL, Site
from tests.system.processes import publisher, until

MIX = {"width": 480, "height": 390}
ROUND_S = 14.0  # a kill comes within this time of a conference's creation
FAILS = 0.3
SETTLED_WITHIN_S = 900.0
EXPECTED = {
    "Conference.Created": 1,
    "Participant.Joined": 1,
    "Recording.Live.InProgress": 2,
    "Recordings.Available": 2,  # of the stop, and of the whole
    "Participant.Left": 1,
    "Conference.Ended": 1,
}
ENDED = "finished", "failed"
OBEYS_S = 1.0  # a server that is there has passed on a stop by then

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Server:
    """`mixer serve`, which is killed and started again."""

    site: Site
    outages: list[tuple[float, float]] = field(default_factory=list)  # epoch seconds
    pid: int = 0
    _serving: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self) -> None:
        self.pid = self._serving.enter_context(self.site.serving())

    def close(self) -> None:
        self._serving.close()

    def kill_after(self, seconds: float) -> None:
        time.sleep(seconds)
        at = time.time()
        os.kill(self.pid, signal.SIGKILL)
        self._serving.close()
        self.start()
        self.outages.append((at, time.time()))

    def obeyed_by(self, at: float) -> float:
        """When a server has passed on what was answered at that time, at the latest."""
        for killed, back in self.outages:
            if at - OBEYS_S < killed + OBEYS_S and killed < at + OBEYS_S:
                return max(at, back) + OBEYS_S
        return at + OBEYS_S


@dataclass(frozen=True, slots=True)
class Round:
    """One conference: its id, and when its stop and its end were asked for and answered."""

    id: str
    stop: tuple[float, float]
    end: tuple[float, float]


@dataclass(slots=True)
class Found:
    """What there is of all conferences in the end."""

    lost: int = 0
    unplayable: int = 0
    told_off_s: float = 0.0  # lengths against what the API says
    late_s: float = 0.0  # ends of files after the moment at which somebody could obey
    early_s: float = 0.0  # ends of files before they were asked for
    missing: int = 0
    undelivered: int = 0
    unordered: int = 0
    failed: int = 0


def bench(out: Path, *, kills: int) -> list[Row]:
    out.mkdir(parents=True)
    site = Site(out, allow_private_webhooks="true")
    chance = random.Random(3)
    with receiver(out, "--fails", str(FAILS)) as received:
        site.set(webhook_url=received.url)
        server = Server(site)
        server.start()
        with contextlib.closing(server), ThreadPoolExecutor(1) as killer:
            rounds = []
            for number in range(kills):
                killed = killer.submit(server.kill_after, chance.uniform(0, ROUND_S))
                rounds.append(_round(site, out, number, chance))
                killed.result()
            _until_settled(site, rounds)
            found = _found(site, out, server, rounds, received.receipts())
    return _rows(kills, found, received, server)


def _round(site: Site, out: Path, number: int, chance: random.Random) -> Round:
    """One conference, whatever happens to the server meanwhile."""
    id = _insisted(lambda: site.conference(alias=f"Round {number}"))
    with publisher(out, f"{site.url}/rooms/{id}", f"p{number}", *SMALL):
        stop = end = (0.0, 0.0)
        for part in (1, 2):
            _insisted(lambda: site.record(id, "start", **MIX))
            until(lambda part=part: _began(site, id, part), f"part {part} began")  # type: ignore[misc]
            time.sleep(chance.uniform(1.5, 4.0))
            if part == 1:
                stop = _timed(lambda: site.record(id, "stop"))
        end = _timed(lambda: _end(site, id))
    return Round(id, stop, end)


def _began(site: Site, id: str, part: int) -> bool:
    mixes = _insisted(lambda: site.state(id))["mixes"]
    return any(mix["part"] == part and mix["beganAt"] for mix in mixes)


def _end(site: Site, id: str) -> None:
    """404: an earlier request has been heard, and its answer lost."""
    assert site.client.delete(f"/v2/conferences/{id}").status_code in (200, 404)


def _insisted(ask: Callable[[], Answer]) -> Answer:
    """Asks until there is an answer."""
    deadline = time.monotonic() + 90
    while True:
        try:
            return ask()
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """When it was asked for first, and answered."""
    asked = time.time()
    _insisted(ask)
    return asked, time.time()


# --- what has come of it -----------------------------------------------------------------------


def _until_settled(site: Site, rounds: Sequence[Round]) -> None:
    """Until all recordings are closed and no event waits; what never comes is counted later."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < deadline:
        open_ones = [one for one in rounds if site.state(one.id)["status"] not in ENDED]
        waiting = [event for event in _events(site) if event["state"] == "pending"]
        if not open_ones and not waiting:
            return
        time.sleep(0.5)


def _events(site: Site) -> list[dict[str, Any]]:
    """The outbox, in the order in which it was filled."""
    with contextlib.closing(sqlite3.connect(site.data / "mixer.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("select * from events order by id")]


def _found(
    site: Site, out: Path, server: Server, rounds: Sequence[Round], receipts: Sequence[Receipt]
) -> Found:
    found, events = Found(), _events(site)
    for one in rounds:
        _judge_files(site, out, server, one, found)
        known = [event for event in events if event["conference_id"] == one.id]
        came = [receipt for receipt in receipts if receipt.conference == one.id]
        _judge_events(known, came, found)
    return found


def _judge_files(site: Site, out: Path, server: Server, one: Round, found: Found) -> None:
    """The stopped part's file and that of the whole: there, playable, as long as they should be."""
    items = {item["merged"]: item for item in site.files(one.id)}
    found.lost += sum(merged not in items for merged in (False, True))
    for merged, item in items.items():
        path = out / item["filename"]
        path.write_bytes(site.download(item))
        seconds, told_s = service.seconds_of(path), item["duration"] / 1000
        if not seconds:
            found.unplayable += 1
            continue
        found.told_off_s = max(found.told_off_s, abs(seconds - told_s))
        began_s = _began_s(site, one, merged=merged)
        asked, answered = one.end if merged else one.stop
        ended = began_s + told_s
        found.late_s = max(found.late_s, ended - server.obeyed_by(answered))
        found.early_s = max(found.early_s, asked - ended)


def _began_s(site: Site, one: Round, *, merged: bool) -> float:
    """Epoch seconds at which the file would have begun, had it been recorded in one go."""
    first, second = (mix["beganAt"] / 1000 for mix in site.state(one.id)["mixes"])
    if not merged:
        return float(first)
    part = next((item for item in site.files(one.id) if not item["merged"]), None)
    return float(second - (part["duration"] / 1000 if part else 0.0))


def _judge_events(known: list[dict[str, Any]], came: Sequence[Receipt], found: Found) -> None:
    """Expected ones there and delivered; each after those that became true before it."""
    types = Counter(event["type"] for event in known)
    found.missing += sum(max(0, count - types[type]) for type, count in EXPECTED.items())
    found.failed += types["Recording.Failed"]
    accepted = {receipt.uid for receipt in came if receipt.accepted}
    found.undelivered += sum(event["uid"] not in accepted for event in known)
    place = {event["uid"]: event["id"] for event in known}
    order = [place[uid] for uid, _ in itertools.groupby(receipt.uid for receipt in came)]
    found.unordered += sum(later <= earlier for earlier, later in itertools.pairwise(order))


def _rows(kills: int, found: Found, received: Received, server: Server) -> list[Row]:
    receipts = received.receipts()
    refused = sum(not receipt.accepted for receipt in receipts)
    away_s = [back - killed for killed, back in server.outages]
    what = f"server killed {kills} times"
    return [
        Row(f"{what}: away, on average", sum(away_s) / len(away_s), "s"),
        Row(f"{what}: events sent, repeats included", len(receipts), ""),
        Row(f"{what}: of these refused by the receiver", refused, ""),
        at_most(f"{what}: files lost, of {2 * kills}", found.lost, 0, ""),
        at_most(f"{what}: files that do not play", found.unplayable, 0, ""),
        at_most(f"{what}: recordings told to have failed", found.failed, 0, ""),
        at_most(f"{what}: length against what the API says, worst", found.told_off_s, 0.1, "s"),
        at_most(f"{what}: file ends after a living server was told, worst", found.late_s, 1, "s"),
        at_most(f"{what}: file ends before it was asked for, worst", found.early_s, 0.1, "s"),
        at_most(f"{what}: expected events that there are not", found.missing, 0, ""),
        at_most(f"{what}: events not delivered", found.undelivered, 0, ""),
        at_most(f"{what}: events out of a conference's order", found.unordered, 0, ""),
    ]
