"""Instrument: a small conference with sound, and what the audio files made of it hold.

Ada is there all the time. Bob comes at 2 s, goes at 5 s, and comes again at 8 s until the end.
Ada shares a screen with stereo sound from 4 s to 7 s. Cyd listens and sends nothing. 12 s in all.
"""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mixer.conference import state
from mixer.edit import Span
from mixer.journal import Event, Journal, JournalWriter, Note
from mixer.render.audio import AudioJob, AudioResult
from mixer.render.audio_settings import AudioFile, AudioSettings
from mixer.render.settings import Workspace
from tests.sound.voices import (
    DELAY_NS,
    SECOND,
    Samples,
    Voice,
    frames_of,
    journal_of,
    opus,
    speech,
)

END_NS = 12 * SECOND


def joined(t_ns: int, id_: str, name: str) -> Event:
    return Event(t_ns, "participant.added", {"participant": dict(state.participant(id_, name))})


def left(t_ns: int, id_: str) -> Event:
    return Event(t_ns, "participant.removed", {"id": id_})


def shares(from_ns: int, to_ns: int, id_: str) -> list[Event]:
    screen = dict(state.stream(f"{id_}.screen", "ScreenShare", audio=True, video=True))
    return [
        Event(from_ns, "stream.added", {"participantId": id_, "stream": screen}),
        Event(to_ns, "stream.removed", {"participantId": id_, "streamId": f"{id_}.screen"}),
    ]


EVENTS = (
    joined(0, "ada", "Ada"),
    joined(0, "cyd", "Cyd"),
    joined(2 * SECOND, "bob", "Bob"),
    *shares(4 * SECOND, 7 * SECOND, "ada"),
    left(5 * SECOND, "bob"),
    joined(8 * SECOND, "bob", "Bob"),
)


def scene_voices() -> list[Voice]:
    screen = np.stack([speech(3, 5, 0.03), speech(3, 6, 0.03)], axis=1)
    return [
        Voice(opus(speech(12, 1, 0.06)), participant="ada"),
        Voice(opus(speech(3, 2, 0.06)), 2 * SECOND, "bob"),
        Voice(opus(screen, bit_rate=96_000), 4 * SECOND, "ada", "ada.screen", "ScreenShare"),
        Voice(opus(speech(4, 3, 0.06)), 8 * SECOND, "bob", ppm=50),
    ]


def scene(directory: Path) -> Journal:
    told = sorted(EVENTS, key=lambda event: event.t_ns)
    return journal_of(directory, scene_voices(), end_ns=END_NS, told=told)


class Growing:
    """The scene's journal while it is being written."""

    def __init__(self, directory: Path, *, told: Sequence[Event | Note] = EVENTS) -> None:
        self.writer = JournalWriter.create(directory, conference="test")
        self._told = deque(sorted(told, key=lambda one: one.t_ns))
        frames = [frame for voice in scene_voices() for frame in frames_of(self.writer, voice)]
        self._frames = deque(sorted(frames, key=lambda frame: frame.arrival_ns))

    def until(self, t_ns: int) -> None:
        """Everything before a time is final after this, and nothing later."""
        while self._told and self._told[0].t_ns < t_ns:
            one = self._told.popleft()
            self.writer.event(one) if isinstance(one, Event) else self.writer.note(one)
        while self._frames and self._frames[0].arrival_ns < t_ns + DELAY_NS:
            self.writer.frame(self._frames.popleft())
        self.writer.watermark(t_ns)

    def finish(self) -> None:
        self.until(END_NS)
        self.writer.close(final=True)


async def make(
    journal: Path, out: Path, settings: AudioSettings, *parts: Span, title: str = "Weekly"
) -> AudioResult:
    """A later job's result, in folders of its own."""
    chosen = parts or (Span(0, END_NS),)
    job = AudioJob(journal, Workspace(out / "work"), settings, chosen, out / "audio", title=title)
    return await job.run()


def heard(file: AudioFile) -> Samples:
    """What a player gives: (n, channels)."""
    command = ["ffmpeg", "-v", "error", "-i", str(file.path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True)
    assert raw.stderr == b""
    channels = 2 if file.kind == "mix" else 1
    return np.frombuffer(raw.stdout, dtype="<f4").reshape(-1, channels)


def content(result: AudioResult) -> dict[str, bytes]:
    """Files by name."""
    return {file.path.name: file.path.read_bytes() for file in result.files}
