"""How MP3 is encoded, as a value: settings are made of it where nothing is encoded."""

from __future__ import annotations

from dataclasses import dataclass

from mixer.errors import UsageError

BIT_RATES = tuple(
    1_000 * k for k in (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
)
"""What an MPEG-1 layer III stream may have (ISO 11172-3, 2.4.2.3), in bit/s."""

_QP2LAMBDA = 118  # FFmpeg's scale of quality


@dataclass(frozen=True, slots=True)
class Mp3Quality:
    """Constant `bit_rate` (bit/s), or variable by LAME's -V `vbr`: 0 (best) to 9.999.

    `effort`: LAME's -q, 0 (slowest) to 9.
    """

    bit_rate: int = 128_000
    vbr: float | None = None
    effort: int = 5

    def __post_init__(self) -> None:
        if self.bit_rate not in BIT_RATES:
            known = ", ".join(str(rate // 1_000) for rate in BIT_RATES)
            raise UsageError(f"MP3 has no {self.bit_rate / 1_000:g} kbit/s; it has {known}")
        if self.vbr is not None and not 0 <= self.vbr < 10:
            raise UsageError(f"VBR quality {self.vbr:g} is not between 0 (best) and 9.999")

    def options(self) -> dict[str, str]:
        """As FFmpeg's libmp3lame takes them."""
        options = {"compression_level": str(self.effort), "flags": "+bitexact"}
        if self.vbr is None:
            return {**options, "b": str(self.bit_rate)}
        scaled = str(round(self.vbr * _QP2LAMBDA))
        return {**options, "flags": "+bitexact+qscale", "global_quality": scaled}
