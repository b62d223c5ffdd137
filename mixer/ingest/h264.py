"""What must be known of an H.264 access unit without decoding it: NAL units, SPS, picture size.

ITU-T H.264 (08/2021): byte stream Annex B, NAL unit 7.3.1, sequence parameter set 7.3.2.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

NON_IDR, IDR, SPS, PPS = 1, 5, 7, 8
_WITH_CHROMA_FORMAT = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
MAX_SIDE = 16384
MAX_NAL_UNITS = 2000  # that are looked at: a slice of one macroblock row has a unit of its own
MAX_SPS_BYTES = 1024  # one with every scaling list and all else has some 700
MAX_CYCLE = 255  # num_ref_frames_in_pic_order_cnt_cycle (7.4.2.1.1)
MAX_ZEROS = 32  # before an Exp-Golomb code: none has more than 32 bits behind them (9.1)


@dataclass(frozen=True, slots=True)
class AccessUnitInfo:
    has_picture: bool
    key: bool
    size: tuple[int, int] | None  # of the last SPS in it
    parameter_sets: dict[int, bytes] = field(default_factory=dict)  # NAL type → last one in it


def nal_units(data: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of each NAL unit in an Annex B byte stream, without start codes."""
    start = -1
    at = data.find(b"\0\0\1")
    while at >= 0:
        if start >= 0:
            yield start, at - (data[at - 1] == 0 and at > start)
        start = at + 3
        at = data.find(b"\0\0\1", start)
    if start >= 0:
        yield start, len(data)


def picture_info(data: bytes) -> AccessUnitInfo:
    """Looks at the head of each NAL unit. A key picture is one with an IDR slice."""
    sets: dict[int, bytes] = {}
    has_picture = key = False
    for start, end in islice(nal_units(data), MAX_NAL_UNITS):
        if start >= end:
            continue
        kind = data[start] & 0x1F
        if kind in (SPS, PPS):
            sets[kind] = data[start:end]
        elif NON_IDR <= kind <= IDR:
            has_picture = True
            key = key or kind == IDR
            if not key:
                break  # nothing that matters follows the first slice
    return AccessUnitInfo(has_picture, key, sps_size(sets[SPS]) if SPS in sets else None, sets)


def sps_size(nal: bytes) -> tuple[int, int] | None:
    """(width, height) in luma samples after cropping; None if the SPS makes no sense. Takes no
    longer for a crafted one: it is read on the event loop."""
    if len(nal) > MAX_SPS_BYTES:
        return None
    try:
        return _sps_size(_Bits(nal[1:].replace(b"\0\0\3", b"\0\0")))
    except IndexError:
        return None


def _sps_size(bits: _Bits) -> tuple[int, int] | None:
    profile = bits.read(8)
    bits.read(16)  # constraint flags, level
    bits.unsigned()  # seq_parameter_set_id
    chroma = _chroma_format(bits) if profile in _WITH_CHROMA_FORMAT else 1
    bits.unsigned()  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)  # gaps_in_frame_num_value_allowed_flag
    width = 16 * (bits.unsigned() + 1)
    map_units = bits.unsigned() + 1
    frames_only = bits.read(1)
    height = 16 * map_units * (2 - frames_only)
    if not frames_only:
        bits.read(1)  # mb_adaptive_frame_field_flag
    bits.read(1)  # direct_8x8_inference_flag
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None


def _chroma_format(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)  # separate_colour_plane_flag
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.read(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.read(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        cycle = bits.unsigned()
        if cycle > MAX_CYCLE:
            raise IndexError("more reference frames than there can be")
        for _ in range(cycle):
            bits.signed()


class _Bits:
    """Reads bits and Exp-Golomb codes (9.1). Raises IndexError at the end, or at nonsense."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        if count > self._left:
            raise IndexError("end of the parameter set")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > MAX_ZEROS:
                raise IndexError("a code longer than any")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)
