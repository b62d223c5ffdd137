"""Sound to MP3: gapless, of exactly known length, with a title and chapters.

Encoder (LAME) and muxer are FFmpeg's. `Mp3Writer` writes the stream as sound comes, with its length
in the Info frame; what the tag in front of it says is known only at the end: `tagged` then puts
both into one file. Neighbours: durable.py; render/ says what is written.
"""

from __future__ import annotations

import io
import shutil
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from mixer.encode.durable import WholeFile, explained, whole_file
from mixer.encode.mp3_quality import Mp3Quality
from mixer.encode.pcm import SAMPLE_RATE_HZ

DELAY_SAMPLES = 1_105
"""Samples that decoders give before the sound: 576 of LAME and 529 of every MP3 decoder. The Info
frame tells players to leave them out."""

FRAME_SAMPLES = 1_152

TITLE_BYTES = 125  # of a chapter, in UTF-8: with the frame's two of its own, sizes are still alike

_SETTLED = 208  # frames (5 s) of silence after which the encoder has forgotten what was before
_ALIKE = 8  # packets that must have been the same for the next one to be
_HEADER_BYTES = 10  # of an ID3v2 tag, and of each frame in it


@dataclass(frozen=True, slots=True)
class Chapter:
    """From this sample to the next chapter's. A longer title than players can read is cut."""

    sample: int
    title: str


@dataclass(frozen=True, slots=True)
class Tags:
    """What the ID3v2.4 tag says."""

    title: str
    artist: str = ""
    album: str = ""
    recorded: datetime | None = None
    chapters: Sequence[Chapter] = ()


class Mp3Writer:
    """An MP3 stream being written; `path` appears when the `with` block ends well.

    Players give back just the samples that were written. Equal sound, in any portions, gives equal
    bytes. Silence is nearly free: once it makes the encoder repeat itself, it need not be asked.
    Raises StorageError when the disk refuses.
    """

    def __init__(self, path: Path, *, channels: int = 2, quality: Mp3Quality | None = None) -> None:
        self.samples = 0  # taken so far
        self._path = path
        self._channels = channels
        self._quality = quality or Mp3Quality()
        self._rest = np.zeros((0, channels), dtype=np.float32)
        self._fed = 0  # samples that the encoder has got
        self._silent = 0  # frames of silence that it got last
        self._packets = 0  # that are in the stream
        self._last: deque[bytes] = deque(maxlen=_ALIKE)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(whole_file(self._path))
        try:
            self._open(file)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, sound: NDArray[np.float32]) -> None:
        """Takes the next (n, channels) samples at 48 kHz, of any n."""
        pcm = np.concatenate([self._rest, sound])
        frames = len(pcm) // FRAME_SAMPLES
        whole = pcm[: frames * FRAME_SAMPLES]
        sounding = np.any(whole.reshape(frames, FRAME_SAMPLES * self._channels), axis=1)
        edges = [0, *(np.flatnonzero(np.diff(sounding)) + 1).tolist(), frames]
        with explained(self._path):
            for begin, end in pairwise(edges):
                if begin < end and not sounding[begin]:
                    self._encode_silence(end - begin)
                elif begin < end:
                    self._encode(whole[begin * FRAME_SAMPLES : end * FRAME_SAMPLES])
                    self._silent = 0
        self._rest = pcm[frames * FRAME_SAMPLES :]
        self.samples += len(sound)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._stack.push(self._finish)
        self._stack.__exit__(kind, error, traceback)

    def _open(self, file: WholeFile) -> None:
        options = {"fflags": "+bitexact", "id3v2_version": "0"}
        self._container = av.open(file, "w", format="mp3", options=options)
        self._stream = self._container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ)
        self._codec = self._stream.codec_context
        self._codec.layout = "mono" if self._channels == 1 else "stereo"
        self._codec.format = "fltp"
        self._codec.options = self._quality.options()
        self._container.start_encoding()

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if len(self._rest):
            self._encode(self._rest)
        self._mux(_needed(self._codec.encode(None)))
        self._container.close()

    def _encode(self, sound: NDArray[np.float32]) -> None:
        planes = np.ascontiguousarray(sound.T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._codec.layout.name)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = self._fed
        self._fed += len(sound)
        self._mux(self._codec.encode(frame))

    def _encode_silence(self, frames: int) -> None:
        while frames:
            if self._silent < _SETTLED:
                count = min(frames, _SETTLED - self._silent)
                self._encode(np.zeros((count * FRAME_SAMPLES, self._channels), dtype=np.float32))
                self._silent += count
                frames -= count
            elif len(set(self._last)) == 1 and len(self._last) == _ALIKE:
                self._repeat(frames)
                frames = 0
            else:
                self._silent = 0

    def _repeat(self, times: int) -> None:
        for _ in range(times):
            packet: av.Packet[Any] = av.Packet(self._last[-1])
            packet.duration = FRAME_SAMPLES
            self._mux_one(packet)

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            self._last.append(bytes(packet))
            self._mux_one(packet)

    def _mux_one(self, packet: Any) -> None:
        packet.stream = self._stream
        packet.time_base = Fraction(1, SAMPLE_RATE_HZ)
        packet.pts = packet.dts = self._packets * FRAME_SAMPLES - DELAY_SAMPLES
        self._packets += 1
        self._container.mux_one(packet)


def _needed(last: list[Any]) -> list[Any]:
    """LAME may end with a frame beyond the sound. FFmpeg's muxer takes the padding from the last
    one alone: where the one before it has some already, it would tell too little."""
    beyond = len(last) > 1 and not last[-1].duration and last[-2].duration < FRAME_SAMPLES
    return last[:-1] if beyond else last


def tagged(stream: Path, out: Path, tags: Tags, samples: int) -> None:
    """Makes the file `out` of a tag and an `Mp3Writer`'s stream of that many samples.

    It appears whole or not at all; equal input gives equal bytes.
    """
    with whole_file(out) as file:
        file.write(id3(tags, samples))
        with stream.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)


def id3(tags: Tags, samples: int) -> bytes:
    """The ID3v2.4 tag, chapters (CHAP, CTOC) included, of a file of that many samples."""
    whole = io.BytesIO()
    container = av.open(
        whole, "w", format="mp3", options={"fflags": "+bitexact", "write_xing": "0"}
    )
    container.metadata.update({name: text for name, text in _texts(tags).items() if text})
    container.set_chapters(_chapters(tags.chapters, samples))
    codec = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ).codec_context
    codec.layout, codec.format = "mono", "fltp"
    container.start_encoding()
    container.close()
    data = whole.getvalue()
    return _mended(data[: _HEADER_BYTES + _from_synchsafe(data[6:_HEADER_BYTES])])


def _mended(tag: bytes) -> bytes:
    """FFmpeg's muxer writes the sizes of chapters' frames as if they were ID3v2.3's: from 128 bytes
    on they are others in ID3v2.4 (4: sizes are synchsafe), and readers lose their way."""
    mended, at = bytearray(tag), _HEADER_BYTES
    while at + _HEADER_BYTES <= len(tag) and tag[at]:  # until the padding
        size = tag[at + 4 : at + 8]
        length = _from_synchsafe(size)
        if tag[at : at + 4] in (b"CHAP", b"CTOC"):
            length = int.from_bytes(size)
            mended[at + 4 : at + 8] = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
        at += _HEADER_BYTES + length
    return bytes(mended)


def _from_synchsafe(size: bytes) -> int:
    length = 0
    for byte in size:
        length = length << 7 | byte
    return length


def _texts(tags: Tags) -> dict[str, str]:
    recorded = tags.recorded.astimezone(UTC) if tags.recorded else None
    return {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "date": f"{recorded:%Y-%m-%dT%H:%M:%S}" if recorded else "",
    }


def _chapters(chapters: Sequence[Chapter], samples: int) -> list[Any]:
    ends = [chapter.sample for chapter in chapters[1:]] + [samples]
    return [
        {
            "id": number,
            "start": chapter.sample,
            "end": end,
            "time_base": Fraction(1, SAMPLE_RATE_HZ),
            "metadata": {"title": _readable(chapter.title)},
        }
        for number, (chapter, end) in enumerate(zip(chapters, ends, strict=False))
    ]


def _readable(title: str) -> str:
    """Players that are made with FFmpeg take the size of a chapter's title for ID3v2.3's."""
    whole = title.encode()
    if len(whole) <= TITLE_BYTES:
        return title
    return whole[: TITLE_BYTES - len("…".encode())].decode(errors="ignore").rstrip() + "…"
