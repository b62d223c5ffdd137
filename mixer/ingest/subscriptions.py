"""Which subscriptions there must be for what is sent now: a plan, and the tasks that keep to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from mixer.conference.ice import IceServer
from mixer.conference.media import Publication
from mixer.errors import ConferenceError
from mixer.ingest.conference import Media
from mixer.ingest.feed import CODECS, FeedReceiver

log = structlog.get_logger()

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: sections to stop, and groups of sections to subscribe to together."""

    stop: tuple[Publication, ...]
    start: tuple[tuple[Publication, ...], ...]


def plan(wanted: Iterable[Publication], running: Iterable[Publication]) -> Plan:
    """From what is sent now and what is subscribed to. Codecs that we cannot take are left out."""
    taken = {one for one in wanted if one.codec in CODECS or not one.codec}
    present = set(running)
    new: dict[object, list[Publication]] = {}
    for one in sorted(taken - present, key=lambda one: (str(one.feed), one.mid)):
        new.setdefault((type(one.feed), one.feed), []).append(one)
    gone = sorted(present - taken, key=lambda one: (str(one.feed), one.mid))
    return Plan(tuple(gone), tuple(tuple(group) for group in new.values()))


@dataclass(slots=True)
class _Running:
    """A group of sections that is kept subscribed, and its receiver of the moment."""

    wanted: set[Publication]
    receiver: FeedReceiver | None = None
    task: asyncio.Task[None] | None = None
    failures: int = field(default=0)


class Subscriptions:
    """The subscriptions over one connection to the SFU. `follow` what is sent; `end`, `close`.

    `make` builds a receiver of a group; `ended` is told which section is done, by which receiver
    (if there is one just now), and why ("": it is no longer sent).
    """

    def __init__(
        self,
        media: Media,
        ice_servers: Sequence[IceServer],
        make: Callable[[Sequence[Publication]], FeedReceiver],
        ended: Callable[[FeedReceiver | None, Publication, str], None],
    ) -> None:
        self._media = media
        self._ice_servers = ice_servers
        self._make = make
        self._ended = ended
        self._groups: list[_Running] = []
        self._ending: list[asyncio.Task[None]] = []

    def receivers(self) -> list[FeedReceiver]:
        return [group.receiver for group in self._groups if group.receiver is not None]

    def follow(self, publications: Iterable[Publication]) -> None:
        """Starts and stops so that exactly `publications` are received."""
        running = [one for group in self._groups for one in group.wanted]
        steps = plan(publications, running)
        for gone in steps.stop:
            self._stop(gone)
        for sections in steps.start:
            group = _Running(set(sections))
            group.task = asyncio.create_task(self._keep(group), name=f"feed-{sections[0].feed}")
            self._groups.append(group)

    def end(self, reason: str) -> None:
        """Nothing is received any more; each section is told as ended for `reason`."""
        groups, self._groups = self._groups, []
        for group in groups:
            if group.task is not None:
                group.task.cancel()
                self._ending.append(group.task)
            self._tell(group, reason)

    async def close(self) -> None:
        """Waits until the connections are closed."""
        self.end("stopped")
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _stop(self, gone: Publication) -> None:
        for group in list(self._groups):
            if gone not in group.wanted:
                continue
            group.wanted.discard(gone)
            self._ended(group.receiver, gone, "")
            if group.receiver is not None:
                group.receiver.stop(gone.mid)
            if not group.wanted:
                self._groups.remove(group)
                if group.task is not None:
                    group.task.cancel()

    async def _keep(self, group: _Running) -> None:
        """Receives the group's sections again and again while they are wanted."""
        while group.wanted:
            try:
                group.receiver = self._make(sorted(group.wanted, key=lambda one: one.mid))
                await group.receiver.run(self._media, self._ice_servers)
                group.failures = 0
            except (ConferenceError, ValueError) as error:
                log.info(
                    "feed.failed",
                    error=error.__class__.__name__,
                    why=str(error),
                    failures=group.failures,
                )
            except Exception:
                log.exception("feed.crashed")
            self._tell(group, "reconnect")
            await asyncio.sleep(BACKOFF_S[min(group.failures, len(BACKOFF_S) - 1)])
            group.failures += 1

    def _tell(self, group: _Running, reason: str) -> None:
        receiver, group.receiver = group.receiver, None
        if receiver is not None:
            for one in sorted(group.wanted, key=lambda one: one.mid):
                self._ended(receiver, one, reason)
