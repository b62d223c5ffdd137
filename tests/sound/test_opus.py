"""Opus packets: lengths by header, decoding, concealment, FEC, and the way without libopus."""

from __future__ import annotations

import av
import numpy as np
import pytest

from mixer.sound import opus as module
from mixer.sound.opus import (
    MAX_PACKET_SAMPLES,
    is_dtx,
    is_stereo,
    open_decoder,
    packet_samples,
)
from tests.sound.voices import RATE, decibels, offset, opus, speech

VOICE = speech(2)


def decoded(packets: list[bytes], channels: int = 1) -> np.ndarray:
    decoder = open_decoder(channels)
    return np.concatenate([decoder.decode(packet) for packet in packets])


@pytest.mark.parametrize("frame_ms", ["2.5", "5", "10", "20", "40", "60"])
@pytest.mark.parametrize("application", ["voip", "audio", "lowdelay"])
def test_length_by_header_is_what_the_decoder_gives(frame_ms: str, application: str) -> None:
    """The header alone tells how many samples a packet decodes to, for every mode and duration."""
    bit_rate = 24_000 if float(frame_ms) >= 10 else 64_000  # SILK has no frames so short
    decoder = open_decoder(1)
    packets = opus(VOICE[:9_600], frame_ms=frame_ms, application=application, bit_rate=bit_rate)
    assert packets
    for packet in packets:
        assert packet_samples(packet) == len(decoder.decode(packet))


@pytest.mark.parametrize("data", [b"", b"\x03", b"\xff\x3f", b"\x1b\x08"])
def test_malformed_packets_have_no_length(data: bytes) -> None:
    """Empty, without their frame count, or longer than 120 ms: not to be placed."""
    assert packet_samples(data) == 0


def test_what_cannot_be_decoded_is_silence_of_its_length() -> None:
    """A damaged packet costs its own time, and the decoder goes on."""
    packets = opus(VOICE)
    damaged = bytes([packets[10][0] | 3, 0x81])  # one frame of variable size, without its size
    decoder = open_decoder(1)
    assert len(decoder.decode(damaged)) == packet_samples(damaged)
    assert decibels(np.concatenate([decoder.decode(packet) for packet in packets])) > -40


def test_channels() -> None:
    """One packet decodes to as many channels as asked for; a mono one gives twice the same."""
    mono, stereo = opus(VOICE), opus(np.stack([VOICE, -VOICE], axis=1), bit_rate=96_000)
    assert not is_stereo(mono[5]) and is_stereo(stereo[5])
    both = decoded(mono, 2)
    assert np.array_equal(both[:, 0], both[:, 1])
    assert np.abs(both - decoded(mono)).max() < 1e-4
    left, right = decoded(stereo, 2).T
    assert np.corrcoef(left, right)[0, 1] < -0.9


def test_concealment_goes_on_where_silence_would_break_off() -> None:
    """A lost packet is nearer to the truth when concealed, and nearer still with in-band FEC."""
    assert module.backend() == "libopus"
    packets = opus(VOICE, fec=True)
    truth = decoded(packets)
    errors = []
    for following in (None, packets[41]):
        decoder = open_decoder(1)
        before = [decoder.decode(packet) for packet in packets[:40]]
        repaired = decoder.conceal(960, following)
        assert repaired.shape == (960, 1)
        at = sum(len(part) for part in before)
        errors.append(decibels(repaired - truth[at : at + 960]))
    silence = decibels(truth[40 * 960 : 41 * 960])
    assert errors[0] < silence - 3
    assert errors[1] < errors[0] - 6


@pytest.mark.parametrize("samples", [1, 119, 120, 240, 960, 1_000, 4_800, 2 * MAX_PACKET_SAMPLES])
def test_any_stretch_can_be_concealed(samples: int) -> None:
    """Not only multiples of 2.5 ms, and no matter how long."""
    packets = opus(VOICE)
    for following in (None, packets[30]):
        decoder = open_decoder(2)
        for packet in packets[:20]:
            decoder.decode(packet)
        assert decoder.conceal(samples, following).shape == (samples, 2)
        assert len(decoder.decode(packets[30])) == 960


@pytest.mark.parametrize("codecs", [{"libopus"}, set()])
def test_without_libopus_pyav_decodes(monkeypatch: pytest.MonkeyPatch, codecs: set[str]) -> None:
    """The ways without libopus (PyAV with libopus, or FFmpeg's own decoder, which resamples in
    another way) give the same sound in the same place, and say that they conceal nothing."""
    packets = opus(VOICE)
    expected = decoded(packets, 2)
    monkeypatch.setattr(module, "_libopus", lambda: None)
    monkeypatch.setattr(av, "codecs_available", codecs)
    assert module.backend() == "pyav"
    decoder = open_decoder(2)
    assert decoder.backend == "pyav"
    got = np.concatenate([decoder.decode(packet) for packet in packets])
    assert got.shape == expected.shape
    assert decibels(got - expected) < decibels(expected) - (60 if codecs else 15)
    assert abs(offset(got[:, 0], expected[:, 0])) < 3
    assert not decoder.conceal(960, None).any()


def test_dtx_is_told_by_size() -> None:
    """A packet without coded sound announces silence; an ordinary one does not."""
    assert is_dtx(b"\x78") and not is_dtx(opus(speech(0.1))[2])
    assert RATE == module.SAMPLE_RATE_HZ
