"""Measures what sound costs: CPU of one core for each 1/30 s of four participants.

    python -m tests.sound.bench_sound [--seconds 60]

From a journal (without pictures) to limited samples, and from those to AAC; without and with drift.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from mixer.encode.audio import AacWriter
from mixer.sound import mix_segment
from tests.sound.voices import RATE, SECOND, Voice, journal_of, opus, speech

SEGMENT = 4 * RATE
FPS = 30


def measure(directory: Path, seconds: int, ppm: float) -> dict[str, float]:
    """Milliseconds of CPU for each 1/30 s, best of three."""
    voices = [
        Voice(opus(speech(seconds, n, 0.05)), n * 7_000_000, f"p{n}", ppm=ppm) for n in range(4)
    ]
    journal = journal_of(directory / f"{ppm}", voices, end_ns=(seconds + 1) * SECOND)
    count = seconds // 4
    mixes, encodings = [], []
    for _ in range(3):
        before = time.process_time()
        segments = [mix_segment(journal, n * 4 * SECOND, SEGMENT) for n in range(count)]
        between = time.process_time()
        with AacWriter(directory / "sound.aac") as writer:
            for segment in segments:
                writer.write(segment)
        mixes.append(between - before)
        encodings.append(time.process_time() - between)
    frames = count * 4 * FPS
    return {
        "mix_ms": min(mixes) * 1_000 / frames,
        "aac_ms": min(encodings) * 1_000 / frames,
        "both_ms": (min(mixes) + min(encodings)) * 1_000 / frames,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        account = {
            f"{ppm:g} ppm": measure(Path(directory), arguments.seconds, ppm) for ppm in (0.0, 100.0)
        }
    print(json.dumps(account, indent=2))


if __name__ == "__main__":
    main()
