"""What MP3 files a recording gives, as a value: all that they depend on besides the journal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from ..errors import UsageError

BIT_RATES = tuple(
    kbit * 1000 for kbit in (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
)
"""Bit/s that MPEG-1 layer III knows (ISO/IEC 11172-3, 2.4.2.3)."""


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The audio mix, and each participant's audio (`legs`) if wanted. Bit rates in bit/s."""

    bit_rate: int = 128_000
    vbr: float | None = None  # LAME's quality, 0 (best) to 9.999, in place of the bit rate
    loudness: float | None = None  # target of the mix in LUFS (EBU R128); None: as it is
    legs: bool = False
    leg_bit_rate: int = 64_000
    cut_silence: bool = False  # legs without the silences, and a cue sheet
    without: tuple[str, ...] = ()  # participants left out

    def __post_init__(self) -> None:
        for name, value in (("bit rate", self.bit_rate), ("leg bit rate", self.leg_bit_rate)):
            if value not in BIT_RATES:
                known = ", ".join(str(rate // 1000) for rate in BIT_RATES)
                raise UsageError(f"{name} {value / 1000:g} is not one of MP3's: {known} kbit/s")
        if self.vbr is not None and not 0 <= self.vbr < 10:
            raise UsageError(f"VBR quality {self.vbr:g} is not between 0 (best) and 9.999")
        if self.loudness is not None and not -40 <= self.loudness <= -8:
            raise UsageError(f"loudness {self.loudness:g} LUFS is not between -40 and -8")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "without": tuple(value.get("without", ()))})

    def digest(self) -> str:
        """Names the work folder: the same settings find their unfinished work again."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
