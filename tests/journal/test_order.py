"""Events in the order of time, however they come; and with hindsight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mixer.clock import SECOND
from mixer.journal import Event, Journal, JournalWriter
from mixer.journal.order import EventOrder
from mixer.journal.played import stretches
from mixer.journal.run import Run
from tests.instruments.film import make_film, presented

CHANGES = [(1.0, True, 0.0), (3.0, False, 2.0), (5.0, True, 1.0)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=30),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_any_order_of_coming(coming: list[tuple[int, int]], asked: list[int]) -> None:
    """As if all runs were sorted each time: by time, then by run, then by place in it."""
    runs = [Run(Path(), number) for number in range(3)]
    order = EventOrder()
    for at, (run, t_ns) in enumerate(coming):
        runs[run].events.append(Event(t_ns, f"{run}.{at}", {}))
        if at in asked:
            order.take(runs)
    order.take(runs)
    everything = [event for run in runs for event in run.events]
    assert order.between(0, 6) == sorted(everything, key=lambda event: event.t_ns)
    assert order.between(2, 4) == [e for e in order.between(0, 6) if 2 <= e.t_ns < 4]


def test_a_video_in_hindsight(tmp_path: Path) -> None:
    """Loaded 3 s late, with a pause and a seek in between: a recording that is looked at again has
    it as one that was loaded at once; one that is read as it was made, from then on."""
    film = make_film(tmp_path / "film.mp4", 2)
    late = presented(tmp_path / "late", film, CHANGES, 8, loaded_s=4.0)
    soon = presented(tmp_path / "soon", film, CHANGES, 8)

    def seen(directory: Path, hindsight: bool) -> list[tuple[int, int | None, bool, int]]:
        journal = Journal.open(directory, hindsight=hindsight)
        found = stretches(journal)
        added = [e.t_ns for e in journal.events() if e.type == "stream.added"]
        journal.close()
        assert added == [found[0].from_ns]
        return [(one.from_ns, one.to_ns, one.playing, one.at(one.from_ns)) for one in found]

    assert seen(late, hindsight=True) == seen(soon, hindsight=False)
    assert seen(soon, hindsight=True) == seen(soon, hindsight=False)
    assert seen(late, hindsight=False)[0] == (4 * SECOND, 5 * SECOND, False, 2 * SECOND)


def read_until(journal: Journal, watermark_ns: int) -> Journal:
    """What has been written comes to the disk a moment later."""
    while journal.watermark_ns < watermark_ns:
        journal.refresh()
    return journal


def test_stretches_of_a_journal_that_grows(tmp_path: Path) -> None:
    """What was asked for on the way changes nothing."""
    shown: dict[str, Any] = {"kind": "video", "id": "v", "ownerId": "a", "streamId": "a.v"}
    shown |= {
        "url": "http://e/f",
        "object": f"journal:{'0' * 64}.mp4",
        "playing": True,
        "positionMs": 0,
        "sinceNs": 0,
    }
    with JournalWriter.create(tmp_path, conference="c") as writer:
        writer.event(Event(0, "presentation.started", {"presentation": shown}))
        writer.watermark(1)
        growing = read_until(Journal.open(tmp_path), 1)
        for t_ns in range(10, 100, 10):
            at = {"playing": t_ns % 20 == 0, "positionMs": t_ns, "sinceNs": t_ns}
            writer.event(Event(t_ns, "presentation.updated", {"id": "v", **at}))
            writer.watermark(t_ns + 1)
            read_until(growing, t_ns + 1)
            whole = Journal.open(tmp_path)
            assert stretches(growing) == stretches(whole)
            assert len(stretches(growing)) == 1 + t_ns // 10
            whole.close()
        growing.close()
        writer.close(final=True)
