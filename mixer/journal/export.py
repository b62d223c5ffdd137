"""Writes each track of a journal, unchanged, into a Matroska file of its own, for any player.

Nothing is decoded or encoded: a file holds the journal's packets at their media times, in
milliseconds since the journal began, so files of one journal lie side by side in an editor and
are in sync. A gap stays a gap in time. The reader (`reader.py`) decides which frames are usable.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.stream import Stream

from ..clock import SECOND
from ..errors import JournalError, StorageError
from .model import Frame, Track
from .presented import export_presented
from .reader import Journal

MAX_OPEN_FILES = 64  # tracks that are written in one pass over a run's media
REPORT_EVERY_NS = SECOND
START_CODE = b"\0\0\0\1"
H264_SPS = 7
OPUS_RATE_HZ = 48_000
_MILLISECONDS = Fraction(1, 1000)
NOT_SAFE = re.compile(r"[^A-Za-z0-9._-]+")

Progress = Callable[[float], None]


def export(journal: Journal, out: Path, progress: Progress | None = None) -> list[Path]:
    """Writes `<participant>-<stream>-<kind>-<track id>.mkv` for every track with usable frames,
    and the pages of files that were presented (presented.py).

    Late and broken pictures are left out, as from every render, and so is what lies before a
    track's first key picture. `progress` is told the share that is done, 0 to 1. Returns the
    files in order of track id; each is written aside and appears when it is whole. Raises
    StorageError where `out` cannot be written.
    """
    end_ns = journal.watermark_ns
    batches = list(_batches(journal))
    paths: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, batch in enumerate(batches):
            paths += _export_batch(journal, out, batch, _part(progress, number, len(batches)))
    except OSError as error:
        raise StorageError(f"cannot write to {out}: {error.strerror or error}") from error
    if progress and not (batches and end_ns):
        progress(1.0)
    return paths + export_presented(journal, out)


def file_name(track: Track) -> str:
    """A name that is safe in every file system, and unique in the journal by the track's id."""
    participant, stream = (_safe(text) for text in (track.participant, track.stream))
    return f"{participant}-{stream}-{track.kind}-{track.id}.mkv"


def _safe(text: str) -> str:
    return NOT_SAFE.sub("_", text)[:60].lstrip(".-") or "_"


def _batches(journal: Journal) -> Iterable[list[Track]]:
    """Tracks of one run each, no more than may be open at once: a run's media is read once."""
    for run in journal.runs:
        tracks = [run.tracks[id_] for id_ in sorted(run.tracks)]
        for first in range(0, len(tracks), MAX_OPEN_FILES):
            yield tracks[first : first + MAX_OPEN_FILES]


def _part(progress: Progress | None, number: int, count: int) -> Progress:
    """Progress of one batch of several as progress of the whole."""
    return lambda share: progress((number + share) / count) if progress else None


def _export_batch(
    journal: Journal, out: Path, tracks: Sequence[Track], progress: Progress
) -> list[Path]:
    end_ns = journal.watermark_ns
    files = {track.id: _TrackFile(track, out, journal) for track in tracks}
    told_ns = 0
    try:
        for media_ns, frame in journal.frames(files, 0, end_ns):
            files[frame.track].write(media_ns, frame)
            if media_ns - told_ns >= REPORT_EVERY_NS:
                told_ns = media_ns
                progress(media_ns / end_ns)
        progress(1.0)
        return [path for file in files.values() if (path := file.finish())]
    finally:
        for file in files.values():
            file.abandon()


class _TrackFile:
    """One track's file; it begins with the first frame that a player can start at."""

    def __init__(self, track: Track, out: Path, journal: Journal) -> None:
        self._track = track
        self._path = out / file_name(track)
        self._aside = self._path.with_name(self._path.name + ".part")
        self._journal = journal
        self._container: OutputContainer | None = None
        self._stream: Stream | None = None

    def write(self, media_ns: int, frame: Frame) -> None:
        data = frame.data
        if self._stream is None:
            if not (first := _startable(self._track, frame)):
                return
            data = first
            self._begin(frame, data)
        assert self._container is not None and self._stream is not None
        packet = av.Packet(data)
        packet.stream = self._stream
        packet.time_base = _MILLISECONDS
        packet.pts = packet.dts = media_ns // 1_000_000
        packet.duration = _duration_ms(self._track, data)
        packet.is_keyframe = frame.key or self._track.kind == "audio"
        self._container.mux(packet)

    def finish(self) -> Path | None:
        """Closes the file; its path, or None if there was nothing to write."""
        if self._container is None:
            return None
        container, self._container = self._container, None
        container.close()
        self._aside.replace(self._path)
        return self._path

    def abandon(self) -> None:
        """After an error: leaves nothing half-written behind."""
        if self._container is not None:
            container, self._container = self._container, None
            try:
                container.close()
            finally:
                self._aside.unlink(missing_ok=True)

    def _begin(self, frame: Frame, data: bytes) -> None:
        track = self._track
        self._container = av.open(str(self._aside), "w", format="matroska")
        self._container.metadata.update(
            title=f"{self._journal.conference}: {track.participant} {track.stream} {track.kind}",
            conference=self._journal.conference,
            participant=track.participant,
            stream=track.stream,
            source=track.source,
        )
        if track.codec == "opus":
            self._stream = _opus_stream(self._container, data)
        else:
            self._stream = self._container.add_mux_stream(
                track.codec, width=frame.width, height=frame.height, time_base=_MILLISECONDS
            )
        self._stream.metadata["title"] = f"{track.participant} {track.source}"


def _startable(track: Track, frame: Frame) -> bytes | None:
    """The data with which a file may begin, or None if it cannot begin with this frame.

    H.264 needs its parameter sets at the start: where the first key picture does not carry
    them, those of the session description (RFC 6184, sprop-parameter-sets) are put before it.
    """
    if track.kind == "audio":
        return frame.data
    if not (frame.key and frame.width):
        return None
    if track.codec == "h264" and not _has_sps(frame.data):
        sets = _described_sets(track.fmtp)
        return sets + frame.data if sets else None
    return frame.data


def _has_sps(annex_b: bytes) -> bool:
    at = annex_b.find(START_CODE[1:])
    while 0 <= at < len(annex_b) - 3:
        if annex_b[at + 3] & 0x1F == H264_SPS:
            return True
        at = annex_b.find(START_CODE[1:], at + 3)
    return False


def _described_sets(fmtp: str) -> bytes:
    match = re.search(r"sprop-parameter-sets=([^;\s]+)", fmtp)
    try:
        sets = [base64.b64decode(text) for text in match[1].split(",")] if match else []
    except binascii.Error:
        return b""
    return b"".join(START_CODE + nal for nal in sets)


def _duration_ms(track: Track, data: bytes) -> int:
    """Of an Opus packet (RFC 6716, 3.1 and 3.2); a picture's is not known: 0."""
    if track.codec != "opus" or not data:
        return 0
    config, code = data[0] >> 3, data[0] & 3
    if config < 12:
        frame_us = (10_000, 20_000, 40_000, 60_000)[config & 3]
    elif config < 16:
        frame_us = (10_000, 20_000)[config & 1]
    else:
        frame_us = (2_500, 5_000, 10_000, 20_000)[config & 3]
    frames = (1, 2, 2, data[1] & 0x3F if len(data) > 1 else 0)[code]
    return frames * frame_us // 1000


def _opus_stream(container: OutputContainer, first: bytes) -> Stream:
    """A stream of Opus packets whose header takes nothing away from the beginning (pre-skip 0).

    A receiver of WebRTC skips nothing either: the packets' times mean what they say. PyAV takes
    codec headers from streams only, so the header travels in a small Ogg file.
    """
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, OPUS_RATE_HZ, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    pages = [_ogg_page(0, 2, head), _ogg_page(1, 0, tags), _ogg_page(2, 4, first)]
    with av.open(io.BytesIO(b"".join(pages)), format="ogg") as template:
        return container.add_stream_from_template(template.streams.audio[0])


def _ogg_page(number: int, flags: int, packet: bytes) -> bytes:
    """One Ogg page with one whole packet (RFC 3533, 6)."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    if len(lacing) > 255:
        raise JournalError("an Opus packet of more than 64 kB: the journal is damaged")
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, 1, number, 0, len(lacing))
    page += lacing + packet
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def _ogg_crc(page: bytes) -> int:
    """CRC-32 with polynomial 0x04c11db7, not reflected, initial value 0."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
