"""What one render makes, as a value: everything that the output depends on besides the journal."""

from __future__ import annotations

import re
import wave
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ..encode.quality import CRF, PRESET
from ..errors import UsageError

MIN_SIZE, MAX_SIZE = 64, 4096
MIN_FPS, MAX_FPS = 1, 60
SEGMENT_S = 4
LANGUAGE = "en"
TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")  # of a language (BCP 47)
PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """A mix: what is shown, from when, how large, how it is encoded. Times in journal time."""

    start_ns: int
    layout: str = "default"
    width: int = 1920
    height: int = 1080
    fps: int = 30
    preset: str = PRESET
    crf: int = CRF
    threads: int = 2
    language: str = LANGUAGE  # of the layout's page: its locale, and what it is told
    layout_type: Literal["record", "replay", "stream"] = "record"  # what pages are told it is
    encoder: Literal["libx264", "null"] = (
        "libx264"  # "null" swaps the encoder out, to measure all the rest
    )
    title: str = ""
    without: tuple[str, ...] = ()  # ids of participants who are not to be seen, heard or named
    hindsight: bool = False  # see Journal.open; for recordings that have ended
    keep_free: int = 0  # bytes of the disk that the file must leave to others, or is not made

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            if not MIN_SIZE <= value <= MAX_SIZE:
                raise UsageError(f"{name} {value} is not between {MIN_SIZE} and {MAX_SIZE}")
            if value % 2:
                raise UsageError(
                    f"{name} {value} is odd; H.264 in 4:2:0 takes even sizes, such as {value + 1}"
                )
        if not MIN_FPS <= self.fps <= MAX_FPS:
            raise UsageError(f"fps {self.fps} is not between {MIN_FPS} and {MAX_FPS}")
        if not TAG.fullmatch(self.language):
            raise UsageError(f"language {self.language!r} is no language tag, such as ar or pt-BR")
        if self.preset not in PRESETS:
            raise UsageError(f"preset {self.preset} is none of {', '.join(PRESETS)}")
        if self.encoder not in ("libx264", "null"):
            raise UsageError(f"encoder {self.encoder} is neither libx264 nor null")
        if not 1 <= self.crf <= 51:  # 0 would be lossless, which High profile is not
            raise UsageError(f"crf {self.crf} is not between 1 and 51")

    @property
    def segment_frames(self) -> int:
        """Output frames a segment: 4 s."""
        return SEGMENT_S * self.fps

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "without": tuple(value.get("without", ()))})


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a render keeps its unfinished work. All of it may be deleted at any time."""

    directory: Path

    @property
    def lock(self) -> Path:
        """Held by the job that is at work in here."""
        return self.directory / "lock"

    @property
    def settings(self) -> Path:
        return self.directory / "settings.json"

    @property
    def matte(self) -> Path:
        return self.directory / "matte"

    @property
    def segments(self) -> Path:
        return self.directory / "segments"

    @property
    def sound(self) -> Path:
        return self.directory / "sound"

    def segment(self, seq: int) -> Path:
        return self.segments / f"{seq:06d}.mp4"

    def pcm(self, seq: int) -> Path:
        return self.sound / f"{seq:06d}.wav"

    def has_sound(self, seq: int, samples: int) -> bool:
        """Whether a segment's PCM is there, with just that many samples."""
        try:
            with wave.open(str(self.pcm(seq)), "rb") as file:
                return file.getnframes() == samples
        except (OSError, EOFError, wave.Error):
            return False

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def make(self) -> None:
        for directory in (self.directory, self.segments, self.sound):
            directory.mkdir(parents=True, exist_ok=True)
