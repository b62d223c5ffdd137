"""The conference's events on their way into the journal: what the server tells and what the media
itself says, made one.

From the media: whether a stream's picture is there and how big it is (`video.available`, `width`,
`height`), and who speaks where senders give audio levels. The server's word on those is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from mixer.conference.difference import as_events, difference
from mixer.conference.media import Publication
from mixer.conference.playing import in_step, journalled_video
from mixer.conference.presentation import journalled
from mixer.conference.state import State, apply, empty, find, find_stream
from mixer.ingest.speaker import SpeakerDetector
from mixer.ingest.timeline import Writer
from mixer.journal.model import Event

SPEECH_DELAY_NS = 300_000_000  # levels with an earlier media time than that ago have been heard
PRESENTATION = "presentation."  # how such events begin
NO_PICTURE = {"available": False, "width": 0, "height": 0}


class Presentations(Protocol):
    """Who tells of presentations when their pages are there (presented.py)."""

    def follow(self, presentation: dict[str, Any] | None) -> None: ...

    def event(self, t_ns: int, type_: str, data: dict[str, Any]) -> None: ...


class Telling:
    """Writes events. `known`: the state that the journal's events add up to so far.

    Events of presentations go to `presentations`, which gives them to `tell`; without it they are
    left out.
    """

    presentations: Presentations | None = None

    def __init__(self, writer: Writer, known: State | None = None) -> None:
        self.known: State = known or empty()
        self._writer = writer
        self._pictures: dict[str, dict[str, Any]] = {}  # stream → what the media says of it
        self._speakers: dict[str, SpeakerDetector] = {}
        self._since: dict[str, int] = {}  # participant or stream → when it was announced

    def begin(self, t_ns: int, state: State) -> None:
        """The whole state, as events; on a journal that goes on, what has changed meanwhile."""
        seen = _with_video(_without_pictures(state, t_ns), self.known, t_ns)
        if self.presentations is not None and (shown := self.known.get("presentation")):
            self.presentations.follow(dict(shown))
        events = difference(self.known, seen) if self.known["participants"] else as_events(seen)
        for someone in self.known["participants"]:
            self._since.update({one["id"]: 0 for one in (someone, *someone["streams"])})
        for type_, data in events:
            if type_.startswith(PRESENTATION):
                self._present(t_ns, type_, data)
            else:
                self._write(t_ns, type_, data)

    def tell(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        """An event as it is to be."""
        self._write(t_ns, type_, data)

    def _present(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        if self.presentations is not None:
            self.presentations.event(t_ns, type_, data)

    def event(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        """An event of the conference that happened just now."""
        if type_ == "participant.speaking" and str(data.get("id")) in self._speakers:
            return
        if type_.startswith(PRESENTATION):
            told = _journalled(type_, data, t_ns)
            if told is not None and type_ == "presentation.updated":
                told = self._played(t_ns, told)
            if told is not None:
                self._present(t_ns, type_, told)
            return
        self._write(t_ns, type_, self._corrected(type_, data))
        if type_ == "participant.removed":
            self._speakers.pop(str(data.get("id")), None)

    def _played(self, t_ns: int, data: dict[str, Any]) -> dict[str, Any] | None:
        """An update of a video with its time in the journal; None: nothing has changed by it."""
        if "positionMs" not in data:
            return data
        shown = self.known.get("presentation")
        if shown is not None and shown["id"] == data["id"] and in_step(shown, data, t_ns):
            return None
        kept = {key: value for key, value in data.items() if key != "updatedAt"}
        return {**kept, "sinceNs": t_ns}

    def resized(self, publication: Publication, media_ns: int, width: int, height: int) -> None:
        picture = {"available": True, "width": width, "height": height}
        self._picture(publication, media_ns, picture)

    def stopped(self, publication: Publication, t_ns: int) -> None:
        """The stream's video has ended: there is no picture any more."""
        if publication.stream in self._pictures:
            self._picture(publication, t_ns, dict(NO_PICTURE))
            del self._pictures[publication.stream]

    def forget_gone(self, there: Collection[str]) -> None:
        """Only of these streams there is still a picture: of others nothing is received."""
        self._pictures = {id_: one for id_, one in self._pictures.items() if id_ in there}

    def forget_pictures(self, t_ns: int) -> None:
        """What has been seen so far can be drawn no longer: pictures have to come anew."""
        self._pictures.clear()
        for someone in self.known["participants"]:
            for one in someone["streams"]:
                shared = one["type"] == "VideoPresentation"  # is read from its file at any time
                if not shared and one["video"] is not None and one["video"]["available"]:
                    data = {"participantId": someone["id"], "streamId": one["id"]}
                    self._write(t_ns, "stream.updated", {**data, "video": dict(NO_PICTURE)})

    def heard(self, publication: Publication, media_ns: int, level: int) -> None:
        if publication.source != "Camera":
            return
        detector = self._speakers.setdefault(publication.participant, SpeakerDetector())
        self._speaks(publication.participant, detector.hear(media_ns, level))

    def advance(self, now_ns: int) -> None:
        for participant, detector in self._speakers.items():
            self._speaks(participant, detector.advance(now_ns - SPEECH_DELAY_NS))

    def _speaks(self, participant: str, change: tuple[int, bool] | None) -> None:
        someone = find(self.known, participant)
        if change is not None and (someone is None or someone["speaking"] != change[1]):
            t_ns = max(change[0], self._since.get(participant, 0))
            self._write(t_ns, "participant.speaking", {"id": participant, "speaking": change[1]})

    def _picture(self, publication: Publication, t_ns: int, picture: dict[str, Any]) -> None:
        """Tells of a picture; one of a stream that is not announced yet comes with that."""
        self._pictures[publication.stream] = picture
        data = {
            "participantId": publication.participant,
            "streamId": publication.stream,
            "video": picture,
        }
        if publication.stream in self._since:
            self._write(max(t_ns, self._since[publication.stream]), "stream.updated", data)

    def _corrected(self, type_: str, data: dict[str, Any]) -> dict[str, Any]:
        """The event with what the media says of pictures and speech in it."""
        if type_ == "participant.added":
            someone = data["participant"]
            streams = [self._with_picture(one) for one in someone["streams"]]
            changed = {**someone, "streams": streams}
            if someone["id"] in self._speakers:
                changed["speaking"] = self._speakers[someone["id"]].speaking
            return {**data, "participant": changed}
        if type_ == "stream.added":
            return {**data, "stream": self._with_picture(data["stream"])}
        if type_ == "stream.updated" and isinstance(data.get("video"), dict):
            one = {"id": data.get("streamId"), "video": data["video"]}
            return {**data, "video": self._with_picture(one)["video"]}
        return data

    def _with_picture(self, stream: dict[str, Any]) -> dict[str, Any]:
        """A muted stream has no picture; unmuted, it has the one that it had."""
        if stream.get("video") is None:
            return stream
        picture = self._pictures.get(stream["id"], NO_PICTURE)
        shown = picture["available"] and not stream["video"].get("muted")
        return {**stream, "video": {**stream["video"], **picture, "available": shown}}

    def _announced(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        """Remembers since when there are whom and what: nothing is told of them before."""
        if type_ == "participant.added":
            self._since[data["participant"]["id"]] = t_ns
            self._since.update({one["id"]: t_ns for one in data["participant"]["streams"]})
        elif type_ == "stream.added":
            self._since[data["stream"]["id"]] = t_ns
        elif type_ == "stream.removed":
            self._since.pop(data["streamId"], None)

    def _write(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        self.known = apply(self.known, type_, data)
        self._announced(t_ns, type_, data)
        self._writer.event(Event(max(t_ns, self._writer.watermark_ns), type_, data))


def _with_video(seen: State, known: State, t_ns: int) -> State:
    """What is seen now, with what the journal knows of a video that is still presented: that its
    file is there, its stream, and where it is if that is so."""
    now, before = seen.get("presentation"), known.get("presentation")
    if now is None or before is None or now["kind"] != "video" or before["kind"] != "video":
        return seen
    if now["id"] != before["id"]:
        return seen
    same = dict(before) if in_step(before, now, t_ns) else {**before, **now}
    found = find_stream(known, str(before.get("streamId")))
    if found is None:
        return apply(seen, "presentation.started", {"presentation": same})
    added = {"participantId": now["ownerId"], "stream": found[1]}
    return apply(apply(seen, "presentation.started", {"presentation": same}), "stream.added", added)


def _without_pictures(state: State, t_ns: int) -> State:
    """The state as it is before any media has been received; what is presented, as journalled."""
    bare = empty()
    for type_, data in as_events(state):
        told = _journalled(type_, _blank(type_, data), t_ns)
        if told is not None:
            bare = apply(bare, type_, told)
    return bare


def _journalled(type_: str, data: dict[str, Any], t_ns: int) -> dict[str, Any] | None:
    """The event with its pages among the journal's objects, or where its video is at that time;
    None: it shows none of a room's."""
    if type_ != "presentation.started":
        return data
    shown = data["presentation"]
    if shown["kind"] == "video":
        return {**data, "presentation": journalled_video(shown, t_ns)}
    presentation = journalled(shown)
    return None if presentation is None else {**data, "presentation": presentation}


def _blank(type_: str, data: dict[str, Any]) -> dict[str, Any]:
    if type_ != "participant.added":
        return data
    someone = data["participant"]
    streams = [
        {**one, "video": {**one["video"], **NO_PICTURE}} if one.get("video") else one
        for one in someone["streams"]
    ]
    return {**data, "participant": {**someone, "streams": streams, "speaking": False}}
