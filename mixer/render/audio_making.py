"""Makes the files of an audio job: encodes the pass's sound as it comes, and ends the files.

Sound is decoded and mixed in one thread while others encode what came before. Neighbours:
audio_pass.py, audio_streams.py, normal.py (loudness); audio_worker.py is the process around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..clock import MILLISECOND
from ..encode.durable import whole_file
from ..encode.mp3 import Tags, tagged
from ..journal import Journal
from ..sound.loudness import LoudnessMeter
from ..sound.opus import SAMPLE_RATE_HZ
from .attendance import chapters
from .audio_pass import FPS, AudioPass, EndedEarlier, LegKey, Portion
from .audio_settings import AudioFile, AudioRequest, AudioSettings
from .audio_streams import CutStream, Stream, cue_sheet
from .normal import Missed, normalised
from .rounds import Rounds

SUFFIX = {"Camera": "", "ScreenShare": "_screen"}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class AudioMaking:
    """`made` is told how many output frames are final, and how many are encoded, whenever that
    changes. `stop_at` may come meanwhile, from another thread."""

    def __init__(
        self,
        journal: Journal,
        request: AudioRequest,
        directory: Path,
        made: Callable[[int, int], None] = lambda final, frames: None,
    ) -> None:
        self.notes: list[dict[str, Any]] = []
        self.sound = AudioPass(journal, request.parts)
        self._journal = journal
        self._request = request
        self._directory = directory
        self._made = made
        self._legs: dict[LegKey, Stream] = {}
        self._meter = LoudnessMeter()
        self._names: set[str] = set()

    def stop_at(self, t_ns: int) -> None:
        self.sound.stop_ns = t_ns

    def run(self) -> list[AudioFile]:
        """Makes all files; each appears when it is whole."""
        mix = self._directory / "mix.mp3"
        try:
            self._encode(mix)
        except EndedEarlier:
            self._encode(mix)
        if self._settings.loudness is not None:
            self._normalise(mix, self._settings.loudness)
        self._request.folder.mkdir(parents=True, exist_ok=True)
        return [self._finished_mix(mix), *(self._finished_leg(key) for key in sorted(self._legs))]

    @property
    def _settings(self) -> AudioSettings:
        return self._request.settings

    @property
    def _samples(self) -> int:
        """Length of the mix, and of every leg that is not cut."""
        return self.sound.edits.sample(self.frames)

    @property
    def frames(self) -> int:
        return self.sound.total(self.sound.edits) or 0

    def _encode(self, mix: Path) -> None:
        """The way through the recording: legs, and the mix or how loud it is."""
        self._legs, self._meter = {}, LoudnessMeter()
        with ExitStack() as stack, Rounds() as rounds:
            self._follow(mix, rounds, stack)

    def _follow(self, mix: Path, rounds: Rounds, stack: ExitStack) -> None:
        whole: Stream | None = None
        if self._settings.loudness is None:
            whole = stack.enter_context(Stream(mix, self._settings.mix_quality, 2))
        for portion in self.sound.portions(legs=self._settings.legs):
            self._open_legs(portion, stack)
            take = self._meter.write if whole is None else partial(whole.write, portion.first)
            rounds.start(
                [
                    partial(take, portion.mix),
                    *(partial(_write_leg, leg, portion, key) for key, leg in self._legs.items()),
                ]
            )
            made = (portion.first + portion.samples) * FPS // SAMPLE_RATE_HZ
            self._made(self.sound.known(self.sound.edits), made)

    def _open_legs(self, portion: Portion, stack: ExitStack) -> None:
        kind = CutStream if self._settings.cut_silence else Stream
        for key in sorted(portion.legs.keys() - self._legs.keys()):
            path = self._directory / f"leg-{len(self._legs)}.mp3"
            self._legs[key] = stack.enter_context(kind(path, self._settings.leg_quality, 1))

    def _normalise(self, mix: Path, target_lufs: float) -> None:
        measured = self._meter.result()
        try:
            normalised(self.sound, mix, self._settings.mix_quality, target_lufs, measured)
        except Missed as missed:
            self.notes.append({"type": "loudness-missed", "t_ns": self._start_ns, **missed.figures})

    @property
    def _start_ns(self) -> int:
        return self._request.parts[0].start_ns

    def _epoch_ms(self, t_ns: int) -> int:
        return round(self._journal.started_wall * 1_000) + t_ns // MILLISECOND

    def _finished_mix(self, stream: Path) -> AudioFile:
        name = f"record_{self._epoch_ms(self._start_ns)}_conf_{safe(self._journal.conference)}.mp3"
        out = self._request.folder / name
        tagged(stream, out, self._tags(self._request.title), self._samples)
        stream.unlink()
        seconds = self._samples / SAMPLE_RATE_HZ
        size = out.stat().st_size
        return AudioFile(out, "mix", "", "", "", self._start_ns, seconds, size)

    def _finished_leg(self, key: LegKey) -> AudioFile:
        stream = self._legs[key]
        stay_ns = self._stay_ns(key)
        end_ns = self.sound.edits.spans[-1].stop_ns or 0  # known by now
        name = self.sound.attendance.name(key.participant, end_ns)
        stem = f"record_{self._epoch_ms(self._start_ns)}_conn_{safe(key.participant)}"
        stem += f"_{self._epoch_ms(stay_ns)}{SUFFIX.get(key.source, '')}"
        out = self._request.folder / f"{self._unused(stem)}.mp3"
        who = (name or key.participant) + (" (screen)" if key.source == "ScreenShare" else "")
        title = ": ".join(text for text in (self._request.title, who) if text)
        tagged(stream.path, out, self._tags(title, artist=who), stream.samples)
        stream.path.unlink()
        if self._settings.cut_silence:
            with whole_file(out.with_suffix(".cue")) as file:
                file.write(cue_sheet(out.name, title, who, stream.pieces).encode())
        seconds = stream.samples / SAMPLE_RATE_HZ
        size = out.stat().st_size
        return AudioFile(
            out, "participant", key.participant, name, key.source, stay_ns, seconds, size
        )

    def _unused(self, stem: str) -> str:
        """Ids that differ only in what file names cannot hold get a number."""
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}_{number}"
        self._names.add(name)
        return name

    def _tags(self, title: str, artist: str = "") -> Tags:
        wall = self._journal.started_wall + self._start_ns / 1e9
        told = self.sound.attendance.moments
        cut = bool(artist) and self._settings.cut_silence
        return Tags(
            title,
            artist,
            self._request.title,
            datetime.fromtimestamp(wall, UTC),
            () if cut else chapters(told, self.sound.edits),
        )

    def _stay_ns(self, key: LegKey) -> int:
        """When the stay began, or the first part of which it has something."""
        starts = self.sound.attendance.stays(key.participant)
        began = starts[key.stay] if starts else 0
        for part in self._request.parts:
            if part.stop_ns is None or began < part.stop_ns:
                return max(began, part.start_ns)
        return began


def _write_leg(leg: Stream, portion: Portion, key: LegKey) -> None:
    given = portion.legs.get(key)
    if given is None:
        leg.silence_until(portion.first + portion.samples)
    else:
        leg.write(portion.first, given.sound, given.sent)


def safe(text: str) -> str:
    """An id as part of a file's name: letters, digits, `.`, `_` and `-`, the others `_`."""
    return _UNSAFE.sub("_", text)[:100] or "_"
