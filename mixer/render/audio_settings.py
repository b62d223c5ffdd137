"""What an audio job makes, as values: what its files depend on besides the journal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ..edit import Span
from ..encode.mp3_quality import Mp3Quality
from ..errors import UsageError

LOUDNESS_TARGET_LUFS = -16.0
QUIETEST_LUFS, LOUDEST_LUFS = -40.0, -5.0
LEG_EFFORT = 7  # of LAME: half the time, and voices do not need more


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Bit rates in bit/s; `vbr`: LAME's quality 0 to 9.999 instead; `loudness`: target in LUFS.

    `legs`: each participant's sound apart, too; `cut_silence`: without the silence in it.
    `without`: ids of participants who are left out. `hindsight`: see Journal.open.
    """

    bit_rate: int = 128_000
    vbr: float | None = None
    loudness: float | None = None
    legs: bool = False
    leg_bit_rate: int = 64_000
    cut_silence: bool = False
    without: tuple[str, ...] = ()
    hindsight: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError where a value is out of its range."""
        _ = self.mix_quality, self.leg_quality
        if self.loudness is not None and not QUIETEST_LUFS <= self.loudness <= LOUDEST_LUFS:
            raise UsageError(
                f"loudness {self.loudness:g} LUFS is not between {QUIETEST_LUFS:g} and "
                f"{LOUDEST_LUFS:g}; {LOUDNESS_TARGET_LUFS:g} is usual"
            )

    @property
    def mix_quality(self) -> Mp3Quality:
        return Mp3Quality(self.bit_rate, self.vbr)

    @property
    def leg_quality(self) -> Mp3Quality:
        return Mp3Quality(self.leg_bit_rate, self.vbr, LEG_EFFORT)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "without": tuple(value.get("without", ()))})


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """A whole job: which stretches of the journal (only the last may be open), and where to."""

    settings: AudioSettings
    parts: tuple[Span, ...]
    folder: Path
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "parts": [[part.start_ns, part.stop_ns] for part in self.parts],
            "folder": str(self.folder),
            "title": self.title,
        }

    @classmethod
    def load(cls, path: Path) -> Self:
        value = json.loads(path.read_text())
        return cls(
            AudioSettings.from_json(value["settings"]),
            tuple(Span(*part) for part in value["parts"]),
            Path(value["folder"]),
            value["title"],
        )


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A finished file. Of the mix, `participant`, `name` and `source` are empty."""

    path: Path
    kind: Literal["mix", "participant"]
    participant: str
    name: str
    source: str  # "Camera", "ScreenShare" or ""
    stay_start_ns: int  # journal time; of the mix, its start
    seconds: float
    bytes: int

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "path": Path(value["path"])})


def files_from_json(values: Sequence[dict[str, Any]]) -> tuple[AudioFile, ...]:
    return tuple(AudioFile.from_json(value) for value in values)
