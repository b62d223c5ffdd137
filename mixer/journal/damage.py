"""What of a journal is lost, as far as a file that is made of some stretches of it needs it.

`Journal.damage` tells of what has been read so far; here the media of the stretches is read, once:
an hour of four participants takes some ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..edit import Span
from .reader import Journal
from .run import Damage, Run

_END = 1 << 62
_Range = tuple[int, int]  # offsets


def damage_within(
    journal: Journal, spans: Iterable[Span], *, read: bool = True
) -> list[tuple[int | None, Damage]]:
    """(journal time at which it begins, damage) of all in these stretches, without overlaps; of
    .meta all, at no time. The torn last write of a run that was killed is none. Without `read`:
    as far as the journal knows of it."""
    wanted = list(dict.fromkeys(spans))
    journal.refresh()
    found: list[tuple[int | None, Damage]] = []
    for run in journal.runs:
        ranges = [run.media_range(span.start_ns, span.stop_ns or _END) for span in wanted]
        for start, end in ranges if read else ():
            for _ in run.media(start, end, set()):
                pass  # only what is no frame matters
        known = [damage for damage in journal.damage if damage.run == run.number]
        found += [(None, damage) for damage in known if damage.file == "meta"]
        found += [(run.marked_ns(d.offset), d) for d in _of_media(run, known, ranges)]
    return found


def _of_media(run: Run, known: Sequence[Damage], ranges: Sequence[_Range]) -> Iterator[Damage]:
    lost: list[_Range] = []
    for damage in sorted((d for d in known if d.file == "media"), key=lambda d: d.offset):
        start, end = damage.offset, damage.offset + damage.length
        if lost and start <= lost[-1][1]:
            lost[-1] = lost[-1][0], max(lost[-1][1], end)
        else:
            lost.append((start, end))
    for start, end in lost:
        torn = start > 0 and end == run.media_length
        if not torn and any(start <= last and first < end for first, last in ranges):
            yield Damage(run.number, "media", start, end - start)
