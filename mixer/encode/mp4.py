"""Segments and sound to one MP4 file, not re-encoded: the index in front, without a second copy.

The muxer is FFmpeg's. Room for the index is reserved from an upper bound before the first byte of
media is written, so that a file of any size is written once. Neighbours: boxes.py reads what
video.py and audio.py made; render/ says when everything is there.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import av

from mixer.encode.audio import FRAME_SAMPLES, PRIMING_SAMPLES
from mixer.encode.boxes import SegmentTable, read_adts, read_segment
from mixer.encode.durable import WholeFile, check_free, whole_file
from mixer.encode.pcm import SAMPLE_RATE_HZ
from mixer.errors import RenderError

_PICTURE_INDEX = 4 + 8 + 4 + 1 + 8 + 12  # stsz, ctts, stss, sdtp, co64, stsc: a chunk of its own
_SOUND_INDEX = 4 + 8 + 12  # stsz, co64, stsc; all but the last frame are equally long
_FIXED_INDEX = 8_192

_Timed: TypeAlias = (
    "tuple[int, int, av.Packet[Any]]"  # decoding time in movie ticks, stream, packet
)


def assemble(
    segments: Sequence[Path],
    sound: Path | None,
    out: Path,
    *,
    fps: int,
    created: datetime,
    title: str,
    frames: int,
    keep_free: int = 0,
) -> None:
    """Joins segments of video.py, or files of this function's, and the sound of audio.py into the
    MP4 file `out`.

    Both streams start at 0 and end after `frames` / fps seconds; the encoder's priming and what
    lies beyond the end are hidden by edit lists. Equal input gives equal bytes. `out` appears
    whole or not at all. Segments of the null encoder give an empty file.
    `keep_free`: bytes of its disk that are left to others; where there are less already, nobody
    counts on them.
    Raises RenderError when the segments do not have `frames` frames in all, do not belong
    together or are damaged; StorageError when the disk refuses, or beforehand when it is too full.
    """
    if segments and all(path.exists() and not path.stat().st_size for path in segments):
        with whole_file(out):
            return
    tables = [read_segment(path) for path in segments]
    _check(tables, frames)
    if sound is not None and not sound.exists():
        raise RenderError(f"{sound} is missing; render again")
    needed = sum(path.stat().st_size for path in (*segments, sound) if path is not None)
    check_free(out, needed + index_bound(frames, _frames_for(frames, fps), title), keep_free)
    with whole_file(out) as file:
        _mux(tables, sound, file, _muxer_options(frames, title, fps), _tags(title, created), fps)


def _mux(
    tables: Sequence[SegmentTable],
    sound: Path | None,
    out: WholeFile,
    options: dict[str, str],
    tags: dict[str, str],
    fps: int,
) -> None:
    frames = sum(len(table.sizes) for table in tables)
    container = av.open(out, "w", format="mp4", options=options)
    container.metadata.update(tags)
    streams = _streams(container, tables[0].path, fps, sound is not None)
    packets = heapq.merge(
        _pictures(tables, fps), _sounds(sound, frames, fps), key=lambda item: item[:2]
    )
    for _, stream, packet in packets:
        packet.stream = streams[stream]
        container.mux_one(packet)
    container.close()


def _tags(title: str, created: datetime) -> dict[str, str]:
    moment = f"{created.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return {"title": title, "creation_time": moment}


def index_bound(pictures: int, sounds: int, title: str) -> int:
    """Bytes that the index (moov) of a file takes at most: every packet a chunk of its own.

    64-bit offsets are counted in, for files above 4 GiB: 6 hours at 30 fps reserve 48 MB.
    """
    text = 2 * len(title.encode())
    return _FIXED_INDEX + text + pictures * _PICTURE_INDEX + sounds * _SOUND_INDEX


def _muxer_options(frames: int, title: str, fps: int) -> dict[str, str]:
    return {
        "fflags": "+bitexact",  # no library's version in the file
        "moov_size": str(index_bound(frames, _frames_for(frames, fps), title)),
        "video_track_timescale": str(fps * 512),
        "movie_timescale": str(_timescale(fps)),
    }


def _timescale(fps: int) -> int:
    """Ticks a second in which both pictures and samples are whole: edits are exact."""
    return math.lcm(SAMPLE_RATE_HZ, fps)


def _streams(container: Any, segment: Path, fps: int, sound: bool) -> list[av.stream.Stream]:
    with av.open(str(segment)) as template:
        video = container.add_stream_from_template(template.streams.video[0])
        video.time_base = Fraction(1, fps * 512)
    if not sound:
        return [video]
    audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ)  # gives the decoder's configuration
    audio.codec_context.layout = "stereo"
    audio.codec_context.format = "fltp"
    return [video, audio]


def _check(tables: Sequence[SegmentTable], frames: int) -> None:
    count = sum(len(table.sizes) for table in tables)
    if not tables or count != frames:
        raise RenderError(f"the segments have {count} frames, not {frames}; render again")
    for table in tables:
        if table.description != tables[0].description:
            raise RenderError(
                f"{table.path} was encoded with other settings than {tables[0].path}; "
                "delete the segments and render again"
            )


def _pictures(tables: Sequence[SegmentTable], fps: int) -> Iterator[_Timed]:
    """All pictures, 1 / fps apart in decoding order as well as in display order."""
    delay = max(table.delay for table in tables)
    time_base = Fraction(1, fps)
    ticks = _timescale(fps) // fps
    first = 0
    for table in tables:
        for index, data in enumerate(table.pictures()):
            packet: av.Packet[Any] = av.Packet(data)
            packet.time_base = time_base
            packet.dts = first + index - delay
            packet.pts = first + int(table.order[index])
            packet.duration = 1
            packet.is_keyframe = index in table.keys
            yield packet.dts * ticks, 0, packet
        first += len(table.sizes)


def _samples(frames: int, fps: int) -> int:
    """Samples that last as long as so many pictures, rounded up."""
    return -(-frames * SAMPLE_RATE_HZ // fps)


def _frames_for(frames: int, fps: int) -> int:
    """AAC frames in which the sound of so many pictures and the priming lie."""
    return -(-(PRIMING_SAMPLES + _samples(frames, fps)) // FRAME_SAMPLES)


def _sounds(sound: Path | None, frames: int, fps: int) -> Iterator[_Timed]:
    """The AAC frames that are heard within the picture's time: the first lies before 0 by the
    priming, the last is cut at the picture's end."""
    if sound is None:
        return
    end = _samples(frames, fps)
    time_base = Fraction(1, SAMPLE_RATE_HZ)
    ticks = _timescale(fps) // SAMPLE_RATE_HZ
    for number, data in enumerate(islice(read_adts(sound), _frames_for(frames, fps))):
        packet: av.Packet[Any] = av.Packet(data)
        packet.time_base = time_base
        packet.pts = packet.dts = number * FRAME_SAMPLES - PRIMING_SAMPLES
        packet.duration = min(FRAME_SAMPLES, end - packet.pts)
        packet.is_keyframe = True
        yield packet.dts * ticks, 1, packet
