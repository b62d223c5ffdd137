"""Opus packets to samples, with loss concealment and FEC. The only module that knows ctypes.

PyAV cannot conceal losses (to it, an empty packet is the end of the stream), so libopus is called
directly: the copy inside PyAV's wheel, else the system's. Where there is neither, PyAV decodes and
a lost packet becomes silence; `Decoder.backend` says which way it is.
voice.py is its one user, place.py reads packets' headers through it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SAMPLE_RATE_HZ = 48_000
MAX_PACKET_SAMPLES = 5_760  # 120 ms, RFC 6716 section 2.1.4
CONCEALMENT_STEP = 120  # libopus conceals multiples of 2.5 ms
ENCODER_DELAY = 312
"""Samples by which what comes out of a decoder lies behind what went into the encoder: libopus'
look-ahead of 6.5 ms, the usual pre-skip of RFC 7845 section 4.2. WebRTC's RTP timestamps count from
the encoder's input, so place.py moves everything earlier by this much."""

_FRAME_SAMPLES = (  # by TOC configuration, RFC 6716 table 2
    *(480, 960, 1920, 2880) * 3,
    *(480, 960) * 2,
    *(120, 240, 480, 960) * 4,
)


def packet_samples(data: bytes) -> int:
    """Samples at 48 kHz that a packet decodes to, by its TOC byte; 0 if it is malformed.

    RFC 6716 section 3.1 and 3.2: frames of 2.5 to 60 ms, 1 to 48 of them, at most 120 ms in all.
    """
    if not data:
        return 0
    counted = data[1] & 63 if len(data) > 1 else 0
    count = (1, 2, 2, counted)[data[0] & 3]
    samples = _FRAME_SAMPLES[data[0] >> 3] * count
    return samples if samples <= MAX_PACKET_SAMPLES else 0


def is_stereo(data: bytes) -> bool:
    """Whether a packet holds two channels (TOC bit s, RFC 6716 section 3.1)."""
    return bool(data) and bool(data[0] & 4)


def is_dtx(data: bytes) -> bool:
    """Whether the sender falls silent after this packet: one without any coded sound."""
    return len(data) <= 2


class Decoder(Protocol):
    """One stream's decoder. Results are (samples, channels) at 48 kHz and the caller's own."""

    backend: Literal["libopus", "pyav"]

    def decode(self, data: bytes) -> Samples:
        """The samples of a packet; silence of the right length if it cannot be decoded."""

    def conceal(self, samples: int, following: bytes | None) -> Samples:
        """What a lost stretch may have sounded like. `following`: the packet after it, whose
        in-band FEC, if it has any, gives the end of the stretch."""


def open_decoder(channels: int) -> Decoder:
    """A fresh decoder that gives 1 or 2 channels, whatever the packets hold."""
    library = _libopus()
    return _PyAvDecoder(channels) if library is None else _LibopusDecoder(library, channels)


def backend() -> Literal["libopus", "pyav"]:
    """How Opus is decoded on this machine; with "pyav" losses are faded, not concealed."""
    return "pyav" if _libopus() is None else "libopus"


class _LibopusDecoder:
    backend: Literal["libopus", "pyav"] = "libopus"

    def __init__(self, library: ctypes.CDLL, channels: int) -> None:
        self._library = library
        self._channels = channels
        size = library.opus_decoder_get_size(channels)
        self._state = ctypes.create_string_buffer(size)  # owned here: nothing to destroy
        error = library.opus_decoder_init(self._state, SAMPLE_RATE_HZ, channels)
        if error != 0:
            raise RuntimeError(f"opus_decoder_init failed with {error}")
        self._out = np.empty((MAX_PACKET_SAMPLES, channels), dtype=np.float32)
        self._out_address = self._out.ctypes.data

    def decode(self, data: bytes) -> Samples:
        got = self._call(data, MAX_PACKET_SAMPLES, fec=0)
        if got < 0:
            return np.zeros((packet_samples(data), self._channels), dtype=np.float32)
        return self._out[:got].copy()

    def conceal(self, samples: int, following: bytes | None) -> Samples:
        wanted = -(-samples // CONCEALMENT_STEP) * CONCEALMENT_STEP
        repaired = 0 if following is None else min(packet_samples(following), wanted)
        result = np.zeros((wanted, self._channels), dtype=np.float32)
        at = 0
        while at < wanted - repaired:
            step = min(960, wanted - repaired - at)
            at += self._concealed(None, step, result[at:])
        if repaired:
            self._concealed(following, repaired, result[at:])
        return result[:samples]

    def _concealed(self, following: bytes | None, samples: int, into: Samples) -> int:
        got = self._call(following, samples, fec=0 if following is None else 1)
        if got > 0:
            into[:got] = self._out[:got]
        return got if got > 0 else samples

    def _call(self, data: bytes | None, samples: int, *, fec: int) -> int:
        size = 0 if data is None else len(data)
        got: int = self._library.opus_decode_float(
            self._state, data, size, self._out_address, samples, fec
        )
        return got


class _PyAvDecoder:
    backend: Literal["libopus", "pyav"] = "pyav"

    def __init__(self, channels: int) -> None:
        self._channels = channels
        name = "libopus" if "libopus" in av.codecs_available else "opus"
        codec: Any = av.CodecContext.create(name, "r")
        codec.sample_rate = SAMPLE_RATE_HZ
        codec.layout = "mono" if channels == 1 else "stereo"
        self._codec = codec

    def decode(self, data: bytes) -> Samples:
        result = np.zeros((packet_samples(data), self._channels), dtype=np.float32)
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.error.FFmpegError:
            return result
        at = 0
        for frame in frames:
            samples = _interleaved(frame)[: len(result) - at]
            result[at : at + len(samples)] = samples
            at += len(samples)
        return result

    def conceal(self, samples: int, following: bytes | None) -> Samples:
        return np.zeros((samples, self._channels), dtype=np.float32)


def _interleaved(frame: av.AudioFrame) -> Samples:
    """(samples, channels) of a decoded frame: 16-bit integers or floats, packed or planar."""
    planes = frame.to_ndarray()
    channels = len(frame.layout.channels)
    raw = planes.T if frame.format.is_planar else planes.reshape(-1, channels)
    scale = np.float32(1 / 32_768) if raw.dtype == np.int16 else np.float32(1)
    return raw.astype(np.float32) * scale


@cache
def _libopus() -> ctypes.CDLL | None:
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
            _declare(library)
        except (OSError, AttributeError):
            continue
        return library
    return None


def _candidates() -> Iterator[str]:
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):  # Linux and Windows; macOS
        yield from sorted(str(path) for path in folder.glob("*opus-*"))
        yield from sorted(str(path) for path in folder.glob("libopus.*"))
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


def _declare(library: ctypes.CDLL) -> None:
    library.opus_decoder_get_size.argtypes = [ctypes.c_int]
    library.opus_decoder_get_size.restype = ctypes.c_int
    library.opus_decoder_init.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int]
    library.opus_decoder_init.restype = ctypes.c_int
    library.opus_decode_float.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int32,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int,
    ]
    library.opus_decode_float.restype = ctypes.c_int
