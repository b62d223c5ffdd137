"""How much room files take that are still to be made: said before work starts, with the figures.

Both `remix.py` and `offline.py` ask. The figures are those of docs/recording.md, for pictures with
much in them; talking heads take less.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..edit import Span
from ..errors import StorageError
from ..journal import Journal
from ..render.audio_settings import AudioSettings
from .plan import MixPlan

# Of H.264, a pixel of a frame: 4.5 Mbit/s at 1080p30 and CRF 20, as of noisy cameras; twice as much
# four steps below.
PIXEL_BYTES, PIXEL_CRF, DOUBLING_CRF = 0.009, 20, 4
MATTE_PIXEL_BYTES = 0.0008  # of what a layout drew
PCM_BYTES = 48_000 * 4  # a second of sound
AAC_BYTES = 20_000
VBR_BYTES = 40_000  # at most, of MP3 without a fixed rate


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of a file, or of several that are made together, and of the work on it, which goes when
    it is there."""

    files: int
    work: int = 0

    def less(self, made: int) -> Need:
        """Where so much of the work is there already."""
        return Need(self.files, max(0, self.work - made))


def video_need(mix: MixPlan, seconds: float) -> Need:
    """Of one file; of the work on it: matte track, segments and sound."""
    pixels = mix.width * mix.height * mix.fps
    picture = pixels * PIXEL_BYTES * 2 ** ((PIXEL_CRF - mix.crf) / DOUBLING_CRF)
    work = seconds * (picture + pixels * MATTE_PIXEL_BYTES + PCM_BYTES)
    return Need(int(seconds * (picture + AAC_BYTES)), int(work))


def sound_need(settings: AudioSettings, legs: int, seconds: float) -> Need:
    """Of the mix and so many participants' files, each as long as it, and of their streams."""
    mix, leg = settings.bit_rate // 8, settings.leg_bit_rate // 8
    if settings.vbr is not None:
        mix = leg = VBR_BYTES
    streams = int(seconds * (mix + legs * leg))
    return Need(streams, streams)


def seconds_of(journal: Journal, spans: Iterable[Span]) -> float:
    """How long they last, an open one until what is journalled ends; pauses are counted, too."""
    end_ns = journal.watermark_ns
    lengths = (
        max(0, (end_ns if one.stop_ns is None else one.stop_ns) - one.start_ns) for one in spans
    )
    return sum(lengths) / 1e9


def legs_of(journal: Journal, spans: Sequence[Span], without: Collection[str] = ()) -> int:
    """How many participants' files there will be at most: one for each stay and source."""
    from ..render.attendance import Attendance  # with all that encodes

    attendance = Attendance()
    attendance.advance(journal)
    ends = [one.stop_ns for one in spans]
    end_ns = journal.watermark_ns if None in ends else max((end or 0 for end in ends), default=0)
    sources = {(t.participant, t.source) for t in journal.tracks.values() if t.kind == "audio"}
    return sum(
        max(1, sum(began < end_ns for began in attendance.stays(participant)))
        for participant, _ in sources
        if participant not in without
    )


def check_room(needs: Sequence[Need], work: Path, out: Path) -> None:
    """Raises StorageError where the disk of the work's folder, or that of the files', cannot hold
    what is made one after the other; the folders need not be there yet."""
    files = sum(need.files for need in needs)
    largest = max((need.work for need in needs), default=0)
    work, out = _existing(work.absolute()), _existing(out.absolute())
    one_disk = work.stat().st_dev == out.stat().st_dev
    wanted = {out: files + largest} if one_disk else {work: largest, out: files}
    for place, needed in wanted.items():
        free = shutil.disk_usage(place).free
        if free < needed:
            raise StorageError(
                f"the render may need {in_words(needed, up=True)}, "
                f"but {place} has {in_words(free)} left"
            )


def made_in(folders: Iterable[Path]) -> int:
    """Bytes of what lies in them."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_size for path in files if path.is_file())


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def in_words(count: int, *, up: bool = False) -> str:
    """Bytes, rounded down or up."""
    shift, unit = (20, "MB") if count >= 10 << 20 else (10, "KB")
    return f"{-(-count >> shift) if up else count >> shift:,} {unit}"
