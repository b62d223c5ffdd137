"""Which decoded picture of a stream is to be seen at a moment: journal -> libavcodec -> VideoFrame.

What is shown at t depends on the journal alone, never on what was asked before: the last picture
with media time <= t that decodes, of the newest track of the stream that has one. Decoders go on
from where they are when that is cheaper than starting at the last key picture; both give the same.
After damage nothing is shown until the next key picture: the picture before it stands still.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import av
import structlog
from av.codec.context import Flags

from ..journal import Frame, Journal, Note, Track
from .played import PlayedPictures

MAX_DECODERS = 40  # those of streams that left the page are kept while there are fewer
BEGINNING = -1  # a time before any media

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A decoded picture; a new object for each, so that identity tells whether it changed."""

    media_ns: int
    frame: av.VideoFrame


class TrackDecoder:
    """The decoder of one video track. `position_ns`: everything up to there has been decoded."""

    def __init__(self, track: Track, report: Callable[[Note], None]) -> None:
        self.track = track
        self.position_ns = BEGINNING
        self.shown: Shown | None = None
        self._report = report
        self._context: av.VideoCodecContext | None = None

    def restart(self) -> None:
        """Forgets everything; the next key picture starts anew."""
        self.position_ns = BEGINNING
        self.shown = None
        self._context = None

    def await_key(self, position_ns: int) -> None:
        """Keeps what is shown; nothing up to `position_ns` can be decoded on from it."""
        self.position_ns = position_ns
        self._context = None

    def feed(self, media_ns: int, frame: Frame) -> None:
        """Decodes the track's next frame."""
        self.position_ns = media_ns
        if self._context is None:
            if not frame.key:
                return
            self._context = _open(self.track.codec)
        if not frame.data:
            return
        try:
            pictures = self._context.decode(av.Packet(frame.data))
        except (av.error.FFmpegError, ValueError) as error:
            self._freeze(media_ns, str(error))
            return
        for picture in pictures:
            if picture.is_corrupt:
                self._freeze(media_ns, "corrupt picture")
                return
            self.shown = Shown(media_ns, picture)

    def _freeze(self, media_ns: int, reason: str) -> None:
        self._context = None
        data = {"track": self.track.id, "stream": self.track.stream, "reason": reason}
        self._report(Note(media_ns, "picture-undecodable", data))


class StreamPictures:
    """Pictures of any streams of a journal at moments that mostly go forward."""

    def __init__(self, journal: Journal) -> None:
        self.notes: list[Note] = []
        self._journal = journal
        self._decoders: OrderedDict[int, TrackDecoder] = OrderedDict()
        self._starts: dict[str, list[tuple[int, Track]]] = {}
        self._end_ns = 0
        self._feed: _Feed | None = None
        self._played = PlayedPictures(journal, self._note)  # of videos that are presented
        self._films: dict[str, Shown] = {}

    def look_ahead(self, end_ns: int) -> None:
        """Says that moments before `end_ns` will be asked for; sees new tracks of the journal."""
        self._end_ns = end_ns
        self._feed = None
        self._played.refresh()
        self._starts = {}
        for track in self._journal.tracks.values():
            if track.kind != "video":
                continue
            keys = self._journal.pictures(track.id)
            if keys:
                first_ns = self._journal.media_ns(track.id, keys[0].rtp)
                self._starts.setdefault(track.stream, []).append((first_ns, track))
        for starts in self._starts.values():
            starts.sort(key=lambda start: start[1].id, reverse=True)

    def at(self, streams: Collection[str], t_ns: int) -> dict[str, Shown | None]:
        """What each of these streams shows at `t_ns`; None: nothing yet."""
        films = {stream: self._film(stream, t_ns) for stream in streams if self._played.has(stream)}
        streams = [stream for stream in streams if stream not in films]
        newest = {stream: self._newest(stream, t_ns) for stream in streams}
        wanted = {track.id: track for track in newest.values() if track is not None}
        if self._feed is None or self._feed.tracks != wanted.keys() or t_ns < self._feed.at_ns:
            for track in wanted.values():
                self._catch_up(self._decoder(track), t_ns)
            self._feed = _Feed(self._journal, frozenset(wanted), t_ns, self._end_ns)
        for media_ns, frame in self._feed.up_to(t_ns):
            self._decoders[frame.track].feed(media_ns, frame)
        for id_ in wanted:
            self._decoders[id_].position_ns = t_ns
        self._forget(wanted.keys())
        shown = {stream: self._shown(stream, track, t_ns) for stream, track in newest.items()}
        return {**shown, **films}

    def _film(self, stream: str, t_ns: int) -> Shown | None:
        """The picture of a video that is presented."""
        frame = self._played.at(stream, t_ns)
        if frame is None:
            return None
        if stream not in self._films or self._films[stream].frame is not frame:
            self._films[stream] = Shown(t_ns, frame)
        return self._films[stream]

    def _newest(self, stream: str, t_ns: int) -> Track | None:
        starts = self._starts.get(stream, ())
        return next((track for first_ns, track in starts if first_ns <= t_ns), None)

    def _shown(self, stream: str, newest: Track | None, t_ns: int) -> Shown | None:
        """The newest track's picture; of an older one while the newest has shown nothing."""
        if newest is None:
            return None
        shown = self._decoders[newest.id].shown
        older = (track for first_ns, track in self._starts[stream] if first_ns <= t_ns)
        while shown is None and (track := next(older, None)) is not None:
            decoder = self._decoder(track)
            self._catch_up(decoder, t_ns)
            shown = decoder.shown
        return shown

    def _decoder(self, track: Track) -> TrackDecoder:
        decoder = self._decoders.get(track.id) or TrackDecoder(track, self._note)
        self._decoders[track.id] = decoder
        self._decoders.move_to_end(track.id)
        return decoder

    def _catch_up(self, decoder: TrackDecoder, t_ns: int) -> None:
        """Brings a decoder to `t_ns`, from its position or from the last key picture."""
        if decoder.position_ns > t_ns:
            decoder.restart()
        key_ns = self._journal.key_before(decoder.track.id, t_ns)
        if key_ns is None or decoder.position_ns >= t_ns:
            return
        if key_ns <= decoder.position_ns:
            self._decode(decoder, decoder.position_ns + 1, t_ns)
            return
        decoder.restart()
        self._decode(decoder, key_ns, t_ns)
        while decoder.shown is None:
            # Not even the key picture could be decoded: what was there before it still stands.
            end_ns = key_ns - 1
            key_ns = self._journal.key_before(decoder.track.id, end_ns)
            if key_ns is None:
                return
            decoder.restart()
            self._decode(decoder, key_ns, end_ns)
            decoder.await_key(t_ns)

    def _decode(self, decoder: TrackDecoder, from_ns: int, t_ns: int) -> None:
        for media_ns, frame in self._journal.frames([decoder.track.id], from_ns, t_ns + 1):
            decoder.feed(media_ns, frame)
        decoder.position_ns = t_ns

    def _forget(self, wanted: Collection[int]) -> None:
        while len(self._decoders) > max(MAX_DECODERS, len(wanted)):
            idle = next((id_ for id_ in self._decoders if id_ not in wanted), None)
            if idle is None:
                return
            del self._decoders[idle]

    def _note(self, note: Note) -> None:
        if note not in self.notes:
            self.notes.append(note)
            log.warning("picture.undecodable", t_ns=note.t_ns, **note.data)


class _Feed:
    """The frames of some tracks after a moment, in order, read as time goes on."""

    def __init__(self, journal: Journal, tracks: frozenset[int], at_ns: int, end_ns: int) -> None:
        self.tracks = tracks
        self.at_ns = at_ns
        self._frames: Iterator[tuple[int, Frame]] = iter(
            journal.frames(tracks, at_ns + 1, end_ns) if tracks else ()
        )
        self._next: tuple[int, Frame] | None = next(self._frames, None)

    def up_to(self, t_ns: int) -> Iterator[tuple[int, Frame]]:
        self.at_ns = t_ns
        while self._next is not None and self._next[0] <= t_ns:
            yield self._next
            self._next = next(self._frames, None)


def _open(codec: str) -> av.VideoCodecContext:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    context.flags |= Flags.low_delay
    return context
