"""What a recording makes of a room: who is in it when, with what name, sending what. Pure.

Read once from a journal's events and tracks. Times are *positions*: nanoseconds since the start of
the replay of the whole recording, which has no pauses (mixer/edit.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal
from urllib.parse import urlsplit

import structlog

from mixer.conference.state import Participant, State, Stream, apply, empty, find
from mixer.edit import Span, edit_list
from mixer.errors import UsageError
from mixer.journal import Event, Journal, Track
from mixer.publish import Section
from mixer.replay.presented import Presents, in_order, presents

log = structlog.get_logger()

PREPARED_NS = 1_200_000_000  # so long before its time a stream is published: viewers need it
GOES_ON = "recording.goes_on"  # of our own: no journal has such events
MAX_NAME = 100  # characters, as mixer/room/input.py has them
MAX_EXTERNAL_ID = 250
MAX_URL = 2000

Feed = Literal["camera", "screen"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A stream that somebody sends: one feed in the room."""

    stream: str  # id in the journal
    sections: tuple[Section, ...]
    audio_muted: bool = False
    video_muted: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """What a robot is to be: who, and what they send."""

    name: str
    external_id: str = ""
    avatar_url: str = ""
    feeds: Mapping[Feed, Sent] = field(default_factory=dict)
    presents: Presents | None = None


Cast = Mapping[str, Role]  # by the participant's id in the journal


@dataclass(frozen=True)
class Script:
    """`casts`: who is there from which position on, in order; the first is of position 0."""

    spans: tuple[Span, ...]  # of journal time, one after the other; each has an end
    casts: tuple[tuple[int, Cast], ...]
    tracks: Mapping[int, Track]  # those that are replayed

    @property
    def length_ns(self) -> int:
        return self.position_ns(self._end_ns)

    def position_ns(self, media_ns: int) -> int:
        """Position at which a journal time is replayed; within a pause, where that lies."""
        before = 0
        for span in self.spans:
            end_ns = span.start_ns if span.stop_ns is None else span.stop_ns
            before += max(0, min(media_ns, end_ns) - span.start_ns)
        return before

    def media_ns(self, position_ns: int) -> int:
        """Journal time that is replayed at a position."""
        lengths = [(span.stop_ns or span.start_ns) - span.start_ns for span in self.spans]
        firsts = list(accumulate(lengths, initial=0))
        at = max(0, min(bisect_right(firsts, position_ns), len(self.spans)) - 1)
        return self.spans[at].start_ns + position_ns - firsts[at]

    def span_end_ns(self, media_ns: int) -> int:
        """Where the span of a journal time ends."""
        return next(
            (s.stop_ns for s in self.spans if s.stop_ns is not None and s.stop_ns > media_ns),
            self._end_ns,
        )

    def cast_at(self, position_ns: int) -> int:
        """Index in `casts` of the one at a position."""
        return max(0, bisect_right(self.casts, position_ns, key=lambda item: item[0]) - 1)

    def files(self, participant: str) -> tuple[str, ...]:
        """What a participant presents, in order."""
        roles = (cast[participant] for _, cast in self.casts if participant in cast)
        return in_order(role.presents for role in roles if role.presents is not None)

    @property
    def _end_ns(self) -> int:
        return self.spans[-1].stop_ns or self.spans[-1].start_ns


def read_script(journal: Journal) -> Script:
    """Of everything that is final now. Raises UsageError if nothing is."""
    end_ns = journal.watermark_ns
    spans = edit_list(0, end_ns, journal.pauses, fps=1).spans
    tracks = {t.id: t for t in journal.tracks.values()}
    sections = _sections(tracks.values())
    kept = {id_: t for id_, t in tracks.items() if _section(t) in sections[t.stream]}
    script = Script(spans, (), kept)
    events = [*_prepared(journal.events()), *_goings_on(spans)]
    moments = _moments(sorted(events, key=_when), sections, script.position_ns)
    casts = [(script.position_ns(t_ns), cast) for t_ns, cast in moments]
    script = replace(script, casts=tuple(_distinct(casts)))
    if not script.length_ns or not any(cast for _, cast in script.casts):
        raise UsageError(f"{journal.directory} has nothing to be replayed (yet)")
    return script


def _prepared(events: Iterable[Event]) -> list[Event]:
    """Streams are added PREPARED_NS earlier, but not before their sender has come."""
    moved: list[Event] = []
    since: dict[str, int] = {}  # participant or stream → when it may be added
    for event in events:
        if event.type == "stream.added":
            earliest = max(
                since.get(event.data["participantId"], event.t_ns),
                since.get(event.data["stream"]["id"], 0),
                event.t_ns - PREPARED_NS,
            )
            event = replace(event, t_ns=min(event.t_ns, earliest))
        elif event.type == "participant.added":
            since.setdefault(event.data["participant"]["id"], event.t_ns)
        elif event.type == "participant.removed":
            since.pop(event.data["id"], None)
        elif event.type == "stream.removed":
            since[event.data["streamId"]] = event.t_ns
        moved.append(event)
    return sorted(moved, key=lambda event: event.t_ns)


def _when(event: Event) -> int:
    return event.t_ns


def _goings_on(spans: Iterable[Span]) -> list[Event]:
    """Where the recording goes on after a pause: a video may have gone on meanwhile."""
    return [Event(span.start_ns, GOES_ON, {}) for span in spans]


def _moments(
    events: Iterable[Event],
    sections: Mapping[str, tuple[Section, ...]],
    position_ns: Callable[[int], int],
) -> Iterator[tuple[int, Cast]]:
    """(journal time, cast from then on)."""
    state: State = empty()
    cast: Cast = {}
    yield 0, cast
    for event in events:
        if event.type == "participant.speaking":
            continue
        state = apply(state, event.type, event.data)
        if event.type == GOES_ON or event.type.startswith("presentation."):
            shown = presents(state.get("presentation"), event.t_ns, position_ns(event.t_ns))
            cast = {id_: _presenting(id_, role, state, shown) for id_, role in cast.items()}
            yield event.t_ns, cast
            continue
        someone = find(state, _whom(event))
        if someone is None:
            cast = {id_: role for id_, role in cast.items() if find(state, id_) is not None}
        elif someone["type"] != "mixer" and someone["status"] != "left":
            known = cast.get(someone["id"])
            role = _role(someone, sections)
            cast = {
                **cast,
                someone["id"]: replace(role, presents=known.presents if known else None),
            }
        yield event.t_ns, cast


def _presenting(id_: str, role: Role, state: State, shown: Presents | None) -> Role:
    presentation = state.get("presentation")
    own = presentation is not None and presentation["ownerId"] == id_
    return replace(role, presents=shown if own else None)


def _whom(event: Event) -> str:
    data = event.data
    whole = data.get("participant")
    id_ = whole["id"] if isinstance(whole, dict) else data.get("participantId", data.get("id"))
    return str(id_)


def _role(someone: Participant, sections: Mapping[str, tuple[Section, ...]]) -> Role:
    """Names and addresses as a room takes them; streams that were received."""
    feeds: dict[Feed, Sent] = {}
    for one in someone["streams"]:
        feed: Feed = "screen" if one["type"] == "ScreenShare" else "camera"
        if one["id"] in sections:
            feeds[feed] = _sent(one, sections[one["id"]])
    name = " ".join("".join(c if c.isprintable() else " " for c in someone["name"]).split())
    return Role(
        name[:MAX_NAME] or someone["id"][:MAX_NAME],
        someone["externalId"][:MAX_EXTERNAL_ID],
        _address(someone["avatarUrl"]),
        feeds,
    )


def _sent(one: Stream, sections: tuple[Section, ...]) -> Sent:
    audio, video = one["audio"], one["video"]
    return Sent(
        one["id"],
        sections,
        audio_muted=audio is not None and audio["muted"],
        video_muted=video is not None and video["muted"],
    )


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    fits = parts.scheme in ("http", "https") and parts.netloc and len(url) <= MAX_URL
    return url if fits else ""


def _distinct(casts: Iterable[tuple[int, Cast]]) -> Iterator[tuple[int, Cast]]:
    """Of one position the last, and of equal ones after each other the first."""
    last: tuple[int, Cast] | None = None
    told: Cast | None = None
    for position_ns, cast in casts:
        if last is not None and last[0] < position_ns and last[1] != told:
            yield last
            told = last[1]
        last = (position_ns, cast)
    if last is not None and last[1] != told:
        yield last


def _section(track: Track) -> Section:
    return Section(track.kind, track.codec)


def _sections(tracks: Iterable[Track]) -> dict[str, tuple[Section, ...]]:
    """What each stream sends; of a kind that changed its codec, the first one."""
    found: dict[str, dict[str, Section]] = {}
    for track in sorted(tracks, key=lambda track: track.id):
        kinds = found.setdefault(track.stream, {})
        if kinds.setdefault(track.kind, _section(track)) != _section(track):
            log.warning("replay.codec_changed", stream=track.stream, left_out=track.codec)
    return {stream: tuple(kinds[kind] for kind in sorted(kinds)) for stream, kinds in found.items()}
