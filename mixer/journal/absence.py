"""Which of a run's records are about people who are to be absent, and what remains of the others.

The reader's view without somebody (`run.py`) and their removal for good (`forget.py`) stand on the
same rules; who a person is in the journal's ids, `people` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .model import Event
from .records import Type

if TYPE_CHECKING:
    from .reader import Journal

MOST_TOLD, MOST_CHARS = 20, 60  # people in an error line; characters of each name
_OF_A_TRACK = (Type.ALIGN, Type.GAP)


class Absence:
    """Some participants' absence from a journal, whose runs' records it is told in their order.

    A later run may speak of what an earlier one has said whose it is: a video that was presented
    and is loaded by the next run has no owner in that one's events.
    """

    def __init__(self, people: Collection[str] = ()) -> None:
        self.people = frozenset(people)
        self._tracks: set[int] = set()
        self._streams: set[str] = set()
        self._presentations: set[str] = set()

    def covers(self, track: int) -> bool:
        """Whether the track is one of theirs; it has been announced before."""
        return track in self._tracks

    def rest(self, type_: int, value: dict[str, Any]) -> dict[str, Any] | None:
        """What remains of a record that is kept as JSON: itself, less of it, or nothing."""
        if not self.people:
            return value
        if type_ == Type.TRACK:
            return value if self._stays(value) else None
        if type_ in _OF_A_TRACK:
            return None if self.covers(value["track"]) else value
        if type_ == Type.EVENT:
            return self._event(value)
        if type_ == Type.NOTE:
            return None if self._names(value["data"]) else value
        return value

    def _stays(self, track: dict[str, Any]) -> bool:
        if track["participant"] not in self.people:
            return True
        self._tracks.add(track["id"])
        self._streams.add(track["stream"])
        return False

    def _event(self, event: dict[str, Any]) -> dict[str, Any] | None:
        data = event["data"]
        shown = data.get("presentation")
        if isinstance(shown, dict) and shown.get("ownerId") in self.people:
            self._presentations.add(_text(shown, "id"))
            return None
        if self._names(data) or self._is_theirs(data.get("participant")):
            self._streams |= _streams(data)
            return None
        there = data.get("participants")  # the whole state, as the conference server tells it
        if not isinstance(there, list) or not any(map(self._is_theirs, there)):
            return event
        kept = [one for one in there if not self._is_theirs(one)]
        return {**event, "data": {**data, "participants": kept}}

    def _is_theirs(self, participant: Any) -> bool:
        return isinstance(participant, dict) and participant.get("id") in self.people

    def _names(self, data: dict[str, Any]) -> bool:
        """Whether an event's or a note's data is about one of them, or about what they sent."""
        return (
            any(_text(data, key) in self.people for key in ("id", "participantId", "participant"))
            or any(self._sent(_text(data, key)) for key in ("stream", "streamId"))
            or _text(data, "id") in self._presentations
            or _text(data, "presentation") in self._presentations
            or self.covers(data.get("track", -1))
        )

    def _sent(self, stream: str) -> bool:
        """Whether a stream is theirs: known to be, or named after them (own rooms do so)."""
        return stream in self._streams or stream.rpartition(".")[0] in self.people


def people(journal: Journal, who: str) -> tuple[str, ...]:
    """Ids of all participants of whom `who` is the id, or else the external id, or else the name.

    Somebody who went and came back has several. Raises UsageError, which names who is there.
    """
    known = names(journal)
    for kind in ("id", "externalId", "name"):
        found = sorted(id_ for id_, called in known.items() if (kind, who) in called)
        if found:
            return tuple(found)
    there = sorted(_shown(id_, called) for id_, called in known.items() if _TYPE not in called)
    some = ", ".join(there[:MOST_TOLD]) or "nobody"
    more = f" and {len(there) - MOST_TOLD} more" if len(there) > MOST_TOLD else ""
    raise UsageError(f"no participant '{_plain(who)}'; in this recording: {some}{more}")


_TYPE = ("type", "mixer")
_KINDS = ("externalId", "name", "avatarUrl", "type")
Names = set[tuple[str, str]]


def names(journal: Journal) -> dict[str, Names]:
    """All that each participant was ever called, by id: (kind, text), the kinds being `id` and
    fields of the conference's state. Also what is not final yet."""
    known: dict[str, Names] = {}
    for run in journal.runs:
        for track in run.tracks.values():
            known.setdefault(track.participant, {("id", track.participant)})
        for event in run.events:
            for one in _participants(event):
                id_ = str(one["id"])
                called = known.setdefault(id_, {("id", id_)})
                called |= {(kind, _text(one, kind)) for kind in _KINDS if _text(one, kind)}
    return known


def _participants(event: Event) -> Iterable[dict[str, Any]]:
    """What an event says about participants: each with an id, and what it tells of them."""
    if event.type == "participant.updated":
        return [event.data]
    there = event.data.get("participants")
    one = event.data.get("participant")
    found = there if isinstance(there, list) else [one]
    return [participant for participant in found if isinstance(participant, dict)]


def _shown(id_: str, called: Names) -> str:
    name = _plain(" / ".join(sorted(text for kind, text in called if kind == "name")))
    return f"{name} ({_plain(id_)})" if name else _plain(id_)


def _plain(text: str) -> str:
    """As it may stand in a line for people, who may have chosen it to do more than that."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= MOST_CHARS else f"{clean[: MOST_CHARS - 1]}…"


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _streams(data: dict[str, Any]) -> set[str]:
    """Ids of the streams that an event about a participant brings."""
    someone = data.get("participant")
    several = (someone if isinstance(someone, dict) else data).get("streams") or []
    return {stream["id"] for stream in [*several, data.get("stream")] if isinstance(stream, dict)}
