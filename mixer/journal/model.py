"""The journal's vocabulary: what its records mean, as values. No input or output here.

All times are integers in nanoseconds of *journal time*: monotonic since the first run of the
recording started (`t_ns`). RTP timestamps are unwrapped: signed 64-bit, equal to the 32-bit wire
value modulo 2**32, growing over wraps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Literal

Kind = Literal["audio", "video"]
Codec = Literal["vp8", "h264", "opus"]
Source = Literal["Camera", "ScreenShare"]
SyncMethod = Literal["sender-report", "capture-time", "arrival"]

PAUSED, RESUMED = "paused", "resumed"  # notes between which nothing is journalled
RECEIVED = "received"  # a note of how many of a track's packets came
NO_LEVEL = 255  # Frame.level when the sender gave no audio level


class FrameFlag(IntFlag):
    KEY = 1  # a picture that can be decoded on its own
    LATE = 2  # came after the watermark had passed its media time: used by no render
    BROKEN = 4  # a picture whose reference is missing: never to be shown


NO_FLAGS = FrameFlag(0)


@dataclass(frozen=True, slots=True)
class Track:
    """One RTP stream (one SSRC) as received by one ingest run.

    `stream` is the conference's stream id (docs/conference-state.md). A stream that is received
    again (reconnection, ingest restart) becomes a new track of the same `stream`.
    """

    id: int  # unique in the journal; the writer gives it
    participant: str
    stream: str
    source: Source
    kind: Kind
    codec: Codec
    clock_rate: int  # RTP ticks a second: 90000 for video, 48000 for Opus
    ssrc: int = 0
    fmtp: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded picture (Annex B for H.264, one VP8 frame) or one Opus packet."""

    track: int
    rtp: int
    arrival_ns: int  # journal time at which its last packet arrived
    data: bytes
    flags: FrameFlag = NO_FLAGS
    level: int = NO_LEVEL  # RFC 6464: 0 (loudest) to 127 (silence), in -dBov
    width: int = 0  # of a key picture, from its own header; else 0
    height: int = 0

    @property
    def key(self) -> bool:
        return bool(self.flags & FrameFlag.KEY)


@dataclass(frozen=True, slots=True)
class Alignment:
    """From `rtp` on, media time = media_ns + (frame.rtp - rtp) * 1e9 / clock_rate * (1 + ppm/1e6).

    The one that holds for a frame is the last of its track with `rtp <= frame.rtp`. Ingest writes
    it before the watermark passes `media_ns`; successive alignments join without a step, except
    after a gap. Positive `ppm`: the sender's clock runs slow against ours.
    """

    track: int
    rtp: int
    media_ns: int
    ppm: float
    method: SyncMethod
    quality_ns: int  # estimated standard deviation of the mapping


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing usable of this track between two media times (half open)."""

    track: int
    from_ns: int
    to_ns: int
    reason: str  # "loss", "reconnect", "restart", "queue-full", …


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the conference (docs/conference-state.md) at its media time."""

    t_ns: int
    type: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """An irregularity of the recording itself, for recording.json: not seen by layouts."""

    t_ns: int
    type: str  # "reconnect", "ingest-restart", "disk-full", "queue-full", …
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """An entry of the index of key pictures: where one lies, when it is valid, how big it is."""

    track: int
    rtp: int
    width: int
    height: int
    run: int
    offset: int  # of its frame record in the run's media file
