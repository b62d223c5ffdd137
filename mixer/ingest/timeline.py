"""One published media section in the journal: its track, its alignment, its frames and gaps.

The receivers (video.py, audio.py) say what has arrived; this decides on which media time it lies
and writes it. A jump of the RTP clock begins a new track of the same stream, and so does an
alignment that turns out to be far too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import structlog

from mixer.conference.media import Publication
from mixer.ingest.alignment import AFTER_JUMP_NS, FIRST_DECISION_NS, Aligner, Method, Verdict
from mixer.ingest.reception import Tally
from mixer.ingest.sender_clock import SectionClock
from mixer.journal.model import (
    RECEIVED,
    Alignment,
    Event,
    Frame,
    FrameFlag,
    Gap,
    Kind,
    Note,
    Source,
    Track,
)
from mixer.journal.model import Codec as CodecName

log = structlog.get_logger()

MIN_GAP_NS = 5_000_000
CLOCK_JUMP, REALIGNED = "clock-jump", "realigned"  # why a track is followed by another one
MAX_DOUBT_NS = 450_000_000  # then packets are late, not after a jump
MAX_HELD = 512  # frames held back while it is not clear whether the RTP clock has jumped


class Writer(Protocol):
    """The part of mixer.journal.JournalWriter that receivers need."""

    @property
    def watermark_ns(self) -> int: ...

    @property
    def media_bytes(self) -> int: ...

    def track(
        self,
        *,
        participant: str,
        stream: str,
        source: Source,
        kind: Kind,
        codec: CodecName,
        clock_rate: int,
        ssrc: int = 0,
        fmtp: str = "",
    ) -> Track: ...

    def frame(self, frame: Frame) -> None: ...

    def align(self, alignment: Alignment) -> None: ...

    def gap(self, gap: Gap) -> None: ...

    def event(self, event: Event) -> None: ...

    def note(self, note: Note) -> None: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """A frame that has no track yet. `duration`: in RTP ticks, as far as it is known."""

    rtp: int
    arrival_ns: int
    data: bytes
    flags: FrameFlag
    level: int
    width: int
    height: int
    duration: int


@dataclass(frozen=True, slots=True)
class TrackEnd:
    """Where a stream's media stopped: what a gap is measured from."""

    media_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Gap:
    """A gap whose media times are not known before the track is aligned."""

    from_ns: int | None  # else from_rtp
    from_rtp: int
    to_rtp: int
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a track's record says of its RTP stream."""

    publication: Publication
    codec: CodecName
    clock_rate: int
    ssrc: int
    fmtp: str


class Timeline:
    """`packet` every packet's time, `write` every frame, `tick` now and then, `close` at last.

    `counted`: what the receiver has counted so far, over all tracks.
    """

    def __init__(
        self,
        writer: Writer,
        identity: Identity,
        before: TrackEnd | None,
        clock: SectionClock | None = None,
    ) -> None:
        self.track: Track | None = None
        self.counted: Callable[[], Tally] = Tally
        self.late = 0
        self.lacks_reference = False  # a video's next picture must be a key picture
        self._writer = writer
        self._identity = identity
        self._is_video = identity.publication.kind == "video"
        self._before = before
        self._clock = clock
        self._latest_rtp: int | None = None
        self._aligner = Aligner(identity.clock_rate)
        self._held: list[Unit] = []
        self._holds = False
        self._doubted_ns: int | None = None  # since when the RTP clock is in doubt
        self._end_rtp: int | None = None  # where the last usable frame ends
        self._gaps: list[_Gap] = []
        self._noted = Tally()  # of earlier tracks
        self._closed = False

    def packet(self, rtp: int, arrival_ns: int) -> bool:
        """A packet's RTP timestamp (unwrapped) and its arrival in journal time. True: a new track
        begins, and timestamps of before mean nothing any more."""
        self._latest_rtp = rtp
        if self._clock is not None:
            self._clock.packet(rtp, arrival_ns)
        verdict = self._aligner.packet(rtp, arrival_ns)
        anew = verdict in (Verdict.JUMPED, Verdict.ASTRAY)
        if anew:
            self._begin_anew(rtp, arrival_ns, jumped=verdict is Verdict.JUMPED)
        if verdict is not Verdict.SUSPECT:
            self._doubted_ns = None
        elif self._doubted_ns is None:
            self._doubted_ns = arrival_ns
        doubted_ns = self._doubted_ns
        self._holds = doubted_ns is not None and arrival_ns - doubted_ns < MAX_DOUBT_NS
        if self._held and not self._holds:
            held, self._held = self._held, []
            for unit in held:
                self._write(unit)
        return anew

    def stamp(self, timestamp: int, ntp_ns: int, method: Method) -> None:
        """The sender says when that RTP timestamp (32 bits) was, by its own clock."""
        if self._clock is not None and self._latest_rtp is not None:
            step = (timestamp - self._latest_rtp + (1 << 31)) % (1 << 32) - (1 << 31)
            self._clock.stamp(self._latest_rtp + step, ntp_ns, method)

    def write(self, unit: Unit) -> None:
        """A whole frame. Held back while the RTP clock is in doubt."""
        if self._holds and len(self._held) < MAX_HELD:
            self._held.append(unit)
        else:
            self._write(unit)

    def media_ns(self, rtp: int) -> int | None:
        """None before the first alignment."""
        return self._aligner.media_ns(rtp)

    @property
    def end_rtp(self) -> int | None:
        """Where the last usable frame ends."""
        return self._end_rtp

    def gap(self, from_rtp: int, to_rtp: int, reason: str) -> None:
        """Nothing usable between two RTP timestamps."""
        self._gaps.append(_Gap(None, from_rtp, to_rtp, reason))

    def tick(self, now_ns: int) -> None:
        """Writes the alignment that is due, and the gaps whose times are known by now."""
        if self.track is None:
            return  # an alignment could not be written
        offsets = self._clock.offsets() if self._clock is not None else None
        wary = self._clock is not None and self._clock.sender.wary(now_ns)
        mapping = self._aligner.decide(now_ns, offsets, wary=wary)
        if mapping is not None:
            self._writer.align(
                Alignment(
                    self.track.id,
                    mapping.rtp,
                    mapping.media_ns,
                    mapping.ppm,
                    mapping.method,
                    mapping.quality_ns,
                )
            )
        self._write_gaps()

    def end(self, reason: str) -> TrackEnd | None:
        """Where the media stopped, for the gap that begins here; None if there was none."""
        if self._end_rtp is None:
            return self._before
        media_ns = self._aligner.media_ns(self._end_rtp)
        return None if media_ns is None else TrackEnd(media_ns, reason)

    def close(self, t_ns: int) -> None:
        """Nothing more is received; notes how the track's packets came."""
        if not self._closed:
            self._note_received(t_ns)
            self._closed = True

    def _note_received(self, t_ns: int) -> None:
        if self.track is None:
            return
        counted = self.counted()
        tally, self._noted = counted - self._noted, counted
        about = {"track": self.track.id, "stream": self.track.stream}
        self._writer.note(Note(t_ns, RECEIVED, about | asdict(tally)))

    def _write(self, unit: Unit) -> None:
        if self.track is None:
            self.track = self._announce()
        flags = self._with_reference(unit.flags)
        media_ns = self._aligner.media_ns(unit.rtp)
        if media_ns is not None and media_ns < self._writer.watermark_ns:
            flags |= FrameFlag.LATE
            self.late += 1
            self.lacks_reference = self._is_video
        elif not flags & FrameFlag.BROKEN:
            self._usable(unit)
        self._writer.frame(
            Frame(
                self.track.id,
                unit.rtp,
                unit.arrival_ns,
                unit.data,
                flags,
                unit.level,
                unit.width,
                unit.height,
            )
        )

    def _with_reference(self, flags: FrameFlag) -> FrameFlag:
        """A late picture is used by nobody, so what refers to it is broken."""
        if flags & FrameFlag.KEY:
            self.lacks_reference = False
        return flags | FrameFlag.BROKEN if self.lacks_reference else flags

    def _usable(self, unit: Unit) -> None:
        end = unit.rtp + unit.duration
        if self._end_rtp is not None:
            self._end_rtp = max(self._end_rtp, end)
            return
        self._end_rtp = end
        if self._before is not None:
            before, self._before = self._before, None
            self._gaps.append(_Gap(before.media_ns, 0, unit.rtp, before.reason))

    def _announce(self) -> Track:
        identity, publication = self._identity, self._identity.publication
        return self._writer.track(
            participant=publication.participant,
            stream=publication.stream,
            source=publication.source,
            kind=publication.kind,
            codec=identity.codec,
            clock_rate=identity.clock_rate,
            ssrc=identity.ssrc,
            fmtp=identity.fmtp,
        )

    def _begin_anew(self, rtp: int, arrival_ns: int, *, jumped: bool) -> None:
        """What was held back belongs to a new track. `jumped`: of another RTP clock; else what is
        known of that stays, and only its alignment was too late."""
        reason = CLOCK_JUMP if jumped else REALIGNED
        log.info("track.begun_anew", stream=self._identity.publication.stream, reason=reason)
        self._note_received(arrival_ns)
        if jumped:
            self._gaps.clear()
            if not self._aligner.decided:
                self.tick(arrival_ns + FIRST_DECISION_NS)  # what is known by now has to do
        else:
            self._write_gaps()
        self._before = self.end(reason)
        self._end_rtp = None
        self.track = None
        self.lacks_reference = self._is_video
        if self._clock is not None:
            self._clock.sender.begun_anew(arrival_ns)
        if jumped:
            self._forget_clock(rtp, arrival_ns)
        else:
            self._aligner.begin_anew()

    def _forget_clock(self, rtp: int, arrival_ns: int) -> None:
        """What was known of the RTP clock; this packet is the first by another one."""
        if self._clock is not None:
            self._clock.restart()
        self._aligner = Aligner(self._identity.clock_rate, AFTER_JUMP_NS)
        self._aligner.packet(rtp, arrival_ns)

    def _write_gaps(self) -> None:
        """Those whose times are known by now."""
        if self.track is not None and self._aligner.decided:
            gaps, self._gaps = self._gaps, []
            for gap in gaps:
                self._write_gap(self.track.id, gap)

    def _write_gap(self, track: int, gap: _Gap) -> None:
        from_ns = gap.from_ns
        if from_ns is None:
            from_ns = self._aligner.media_ns(gap.from_rtp)
        to_ns = self._aligner.media_ns(gap.to_rtp)
        if from_ns is not None and to_ns is not None and to_ns - from_ns > MIN_GAP_NS:
            self._writer.gap(Gap(track, from_ns, to_ns, gap.reason))
