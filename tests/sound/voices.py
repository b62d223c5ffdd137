"""Instrument: voices as real Opus packets in real journals, with every sample's place known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.journal import Alignment, Event, Frame, Gap, Journal, JournalWriter, Note
from mixer.journal.model import Source
from mixer.sound import mix

RATE = 48_000
SECOND = 1_000_000_000
DELAY_NS = 20_000_000  # from a packet's media time to its arrival
Samples = NDArray[np.float32]


def opus(
    sound: Samples,
    *,
    bit_rate: int = 32_000,
    application: str = "voip",
    frame_ms: str = "20",
    fec: bool = False,
) -> list[bytes]:
    """Mono (n,) or stereo (n, 2) samples as consecutive Opus packets by libopus."""
    channels = 1 if sound.ndim == 1 else 2
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.format, codec.bit_rate = RATE, "flt", bit_rate
    codec.layout = ("mono", "stereo")[channels - 1]
    codec.options = {"application": application, "frame_duration": frame_ms, "vbr": "off"}
    if fec:
        codec.options |= {"fec": "1", "packet_loss": "20"}
    step = round(float(frame_ms) * RATE / 1000)
    packets = []
    for at in range(0, len(sound) - step + 1, step):
        values = np.ascontiguousarray(sound[at : at + step], dtype=np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(values, format="flt", layout=codec.layout.name)
        frame.sample_rate, frame.pts = RATE, at
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


@dataclass
class Voice:
    """What one participant sent: packets from `start_ns` on, by a clock that runs at `ppm`."""

    packets: Sequence[bytes]
    start_ns: int = 0
    participant: str = "ada"
    stream: str = ""
    source: Source = "Camera"
    samples: int = 960  # in each packet
    first_rtp: int = 4_000_000_123
    ppm: float = 0.0  # as in Alignment: positive = the sender's clock is slow
    lost: Collection[int] = ()
    gaps: bool = True  # whether ingest noticed what was lost
    twice: Collection[int] = ()
    steps: dict[int, int] = field(default_factory=dict)  # packet -> extra RTP ticks before it


def journal_of(
    directory: Path,
    voices: Sequence[Voice],
    *,
    end_ns: int = 60 * SECOND,
    told: Sequence[Event | Note] = (),
) -> Journal:
    """A finished journal with one audio track for each voice, and these events and notes."""
    with JournalWriter.create(directory, conference="test") as writer:
        for one in told:
            writer.event(one) if isinstance(one, Event) else writer.note(one)
        frames = [frame for voice in voices for frame in frames_of(writer, voice)]
        mark_ns = 0
        for frame in sorted(frames, key=lambda frame: frame.arrival_ns):
            if frame.arrival_ns > mark_ns + SECOND // 4:
                mark_ns = frame.arrival_ns
                writer.watermark(mark_ns - DELAY_NS)
            writer.frame(frame)
        writer.watermark(end_ns)
        writer.close(final=True)
    return Journal.open(directory)


def frames_of(writer: JournalWriter, voice: Voice) -> list[Frame]:
    """Announces the voice's track, alignment and gaps; its packets are returned."""
    track = writer.track(
        participant=voice.participant,
        stream=voice.stream or f"{voice.participant}.camera",
        source=voice.source,
        kind="audio",
        codec="opus",
        clock_rate=RATE,
    )
    tick_ns = SECOND / RATE * (1 + voice.ppm / 1e6)
    writer.align(
        Alignment(track.id, voice.first_rtp, voice.start_ns, voice.ppm, "sender-report", 0)
    )
    frames = []
    rtp = voice.first_rtp
    for number, data in enumerate(voice.packets):
        rtp += voice.steps.get(number, 0)
        from_ns = voice.start_ns + round((rtp - voice.first_rtp) * tick_ns)
        if number in voice.lost:
            if voice.gaps:
                to_ns = from_ns + round(voice.samples * tick_ns)
                writer.gap(Gap(track.id, from_ns, to_ns, "loss"))
        else:
            for _ in range(1 + (number in voice.twice)):
                frames.append(Frame(track.id, rtp, from_ns + DELAY_NS, data))
        rtp += voice.samples
    return frames


def alone(journal: Journal, tracks: Collection[int], start_ns: int, samples: int) -> Samples:
    """These tracks alone, without presented videos, else as `mix_segment`."""
    found = mix.voices(journal, tracks, start_ns, samples)
    return mix.together((voice.sound for _, voice in found), samples)


def tracks_of(journal: Journal, participant: str) -> list[int]:
    """With sound."""
    tracks = journal.tracks
    return [id_ for id_ in mix.audio_tracks(journal) if tracks[id_].participant == participant]


def chirp(seconds: float, low_hz: float = 200, high_hz: float = 4_000) -> Samples:
    """A sweep at a quarter of full scale: any place in it differs from any other."""
    t = np.arange(round(seconds * RATE)) / RATE
    rise = (high_hz - low_hz) / max(seconds, 1e-9)
    return (0.25 * np.sin(2 * np.pi * (low_hz * t + rise * t * t / 2))).astype(np.float32)


def speech(seconds: float, seed: int = 0, level: float = 0.1) -> Samples:
    """Something like a voice: a harmonic tone of changing pitch and loudness, and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = (110 + 40 * rng.random()) * (1 + 0.08 * np.sin(2 * np.pi * 1.3 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 25))
    loud = np.clip(np.sin(2 * np.pi * 2.7 * t) + 0.6, 0, None)
    return (level * tone * loud + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


def offset(
    heard: NDArray[np.floating[Any]], sent: NDArray[np.floating[Any]], *, reach: int = 2_000
) -> float:
    """Samples by which `heard` lies later than `sent` (both (n,)), by cross-correlation.

    Fractions come from a parabola through the correlation's peak.
    """
    size = 1 << (len(heard) + len(sent)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    correlation = np.fft.irfft(spectrum, size)
    lags = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    peak = int(np.argmax(lags))
    if 0 < peak < 2 * reach:
        before, at, after = lags[peak - 1 : peak + 2]
        return float(peak - reach + 0.5 * (before - after) / (before - 2 * at + after))
    return float(peak - reach)


def correlation_of(a: Samples, b: Samples) -> float:
    """Pearson's, of two sounds (n,)."""
    return float(np.corrcoef(a, b)[0, 1])


def decibels(sound: Samples) -> float:
    """Root mean square in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))
