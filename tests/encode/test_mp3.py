"""MP3: just the samples that went in, the same bytes whatever the portions, tags and chapters."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mixer.encode.mp3 import TITLE_BYTES, Chapter, Mp3Writer, Tags, id3, tagged
from mixer.encode.mp3_quality import Mp3Quality
from mixer.errors import StorageError, UsageError
from tests.encode.scenes import needs_ffmpeg
from tests.sound.voices import RATE, Samples, decibels, offset, speech

SPEECH = speech(12, 1)


def stereo(sound: Samples) -> Samples:
    return np.stack([sound, sound], axis=1)


def write(
    path: Path, sound: Samples, portion: int = 384_000, quality: Mp3Quality | None = None
) -> bytes:
    with Mp3Writer(path, channels=sound.shape[1], quality=quality) as writer:
        for at in range(0, len(sound), portion):
            writer.write(sound[at : at + portion])
        assert writer.samples == len(sound)
    return path.read_bytes()


def heard(path: Path, channels: int = 2) -> Samples:
    """What a player gives, (n, channels)."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True)
    assert raw.stderr == b""
    return np.frombuffer(raw.stdout, dtype="<f4").reshape(-1, channels)


def probe(path: Path, *what: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", *what, str(path)]
    result: dict[str, Any] = json.loads(subprocess.check_output(command))
    return result


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "samples", [1_600, 11_519, 11_520, 11_521, 11_567, 11_568, 12_719, 12 * RATE]
)
def test_players_give_the_samples_that_went_in(tmp_path: Path, channels: int, samples: int) -> None:
    """Whatever the length against MP3's frames: none more, none less, none displaced."""
    path = tmp_path / "sound.mp3"
    sound = stereo(SPEECH)[:samples, :channels]
    write(path, sound)
    given = heard(path, channels)
    assert len(given) == samples
    with av.open(str(path)) as container:  # another version of the demuxer than ffmpeg's
        assert sum(frame.samples for frame in container.decode(audio=0)) == samples
        stream = container.streams.audio[0]
        assert stream.duration is not None and stream.time_base is not None
        assert round(stream.duration * stream.time_base * RATE) == samples
    if samples > RATE:
        assert abs(offset(given[:, 0], sound[:, 0])) < 0.5
        assert decibels(given[:, 0] - sound[:, 0]) < decibels(sound[:, 0]) - 15


def test_bit_rates(tmp_path: Path) -> None:
    """A constant bit rate is what was asked for; a variable one follows the sound."""
    sound = stereo(SPEECH)
    for bit_rate in (64_000, 128_000, 320_000):
        size = len(write(tmp_path / "cbr.mp3", sound, quality=Mp3Quality(bit_rate)))
        assert size == pytest.approx(bit_rate * 12 / 8, rel=0.01)
    sizes = [len(write(tmp_path / "v.mp3", sound, quality=Mp3Quality(vbr=v))) for v in (0, 4, 9)]
    assert sizes[0] > 1.3 * sizes[1] > 1.3 * sizes[2]
    assert b"Xing" in (tmp_path / "v.mp3").read_bytes()[:100]
    assert b"Info" in (tmp_path / "cbr.mp3").read_bytes()[:100]


@needs_ffmpeg
@pytest.mark.parametrize("quality", [Mp3Quality(64_000, None, 7), Mp3Quality(vbr=4.0)])
def test_silence_that_repeats(tmp_path: Path, quality: Mp3Quality) -> None:
    """Long silences are not encoded frame by frame: they are silence all the same, what follows
    them lies in its place and sounds as well, and portions do not matter."""
    silence = np.zeros((20 * RATE + 777, 1), dtype=np.float32)
    said = SPEECH[: 5 * RATE + 5, None]
    sound = np.concatenate([silence, said, silence[:RATE], said, silence, silence, said[:3]])
    streams = {
        write(tmp_path / "s.mp3", sound, portion, quality)
        for portion in (384_000, 1_152, 10**8, 9_999)
    }
    assert len(streams) == 1
    given = heard(tmp_path / "s.mp3", 1)
    assert len(given) == len(sound)
    assert not given[4_000 : len(silence) - 4_000].any()
    again = len(silence) + len(said) + RATE
    late, early = (given[at : at + len(said), 0] for at in (again, len(silence)))
    assert abs(offset(late, said[:, 0])) < 0.5 and abs(offset(early, said[:, 0])) < 0.5
    errors = [decibels(part - said[:, 0]) for part in (early, late)]
    assert max(errors) < decibels(said) - 15 and abs(errors[0] - errors[1]) < 3


def test_portions_do_not_matter(tmp_path: Path) -> None:
    """Segments of 8 s, odd lengths or all at once: the same bytes."""
    sound = stereo(SPEECH)
    assert (
        len({write(tmp_path / "p.mp3", sound, portion) for portion in (384_000, 777, 10**7)}) == 1
    )


@needs_ffmpeg
def test_tags_and_chapters(tmp_path: Path) -> None:
    """Title, artist, album, date and chapters are read back; the sound is untouched."""
    write(tmp_path / "stream", stereo(SPEECH))
    out = tmp_path / "out.mp3"
    chapters = [
        Chapter(0, "Start"),
        Chapter(3 * RATE, "Ada joined 😀"),
        Chapter(5 * RATE, "Bo left"),
    ]
    recorded = datetime(2026, 11, 22, 18, 13, 46, tzinfo=UTC)
    tags = Tags("Weekly – ü", "Ada", "Weekly", recorded, chapters)
    tagged(tmp_path / "stream", out, tags, len(SPEECH))
    told = probe(out, "-show_format", "-show_chapters")
    assert told["format"]["tags"] == {
        "title": "Weekly – ü",
        "artist": "Ada",
        "album": "Weekly",
        "date": "2026-11-22T18:13:46",
    }
    found = [(c["start_time"], c["end_time"], c["tags"]["title"]) for c in told["chapters"]]
    assert found == [
        ("0.000000", "3.000000", "Start"),
        ("3.000000", "5.000000", "Ada joined 😀"),
        ("5.000000", "12.000000", "Bo left"),
    ]
    assert len(heard(out)) == len(SPEECH)
    again = tmp_path / "again.mp3"
    tagged(tmp_path / "stream", again, tags, len(SPEECH))
    assert again.read_bytes() == out.read_bytes()


@needs_ffmpeg
def test_many_chapters(tmp_path: Path) -> None:
    """More chapters than a table of contents (one byte for their number) can hold: all are read."""
    write(tmp_path / "stream", stereo(SPEECH))
    out = tmp_path / "out.mp3"
    chapters = [Chapter(n * 1_600, f"chapter {n}") for n in range(300)]
    tagged(tmp_path / "stream", out, Tags("many", chapters=chapters), len(SPEECH))
    found = probe(out, "-show_chapters")["chapters"]
    assert [chapter["tags"]["title"] for chapter in found] == [c.title for c in chapters]
    assert len(heard(out)) == len(SPEECH)


@needs_ffmpeg
def test_long_titles_of_chapters(tmp_path: Path) -> None:
    """However much is to be told at a moment, all chapters are read; too long a title is cut."""
    write(tmp_path / "stream", stereo(SPEECH[:RATE]))
    out = tmp_path / "out.mp3"
    sizes = (80, 95, 120, 124, 125, 126, 150, 300, 20_000)
    titles = [letter * (n // len(letter.encode())) for n in sizes for letter in ("x", "ü", "😀")]
    titles.append("the last")
    chapters = [Chapter(n * 1_600, title) for n, title in enumerate(titles)]
    tagged(tmp_path / "stream", out, Tags("t" * 300, "a", chapters=chapters), RATE)
    told = probe(out, "-show_format", "-show_chapters")
    assert told["format"]["tags"] == {"title": "t" * 300, "artist": "a"}
    for title, chapter in zip(titles, told["chapters"], strict=True):
        found = chapter["tags"]["title"]
        if len(title.encode()) <= TITLE_BYTES:
            assert found == title
        else:
            assert found[-1] == "…" and title.startswith(found[:-1])
            assert TITLE_BYTES - 3 <= len(found.encode()) <= TITLE_BYTES
    assert len(heard(out)) == RATE


def test_sizes_of_frames_are_those_of_the_tag_s_version() -> None:
    """ID3v2.4, 4: four bytes of seven bits; of every frame, so that all of them are found."""
    chapters = [Chapter(n * 1_600, "c" * 150) for n in range(40)]
    tag = id3(Tags("t" * 200, "a", chapters=chapters), 40 * 1_600)
    found, at = [], 10
    while at < len(tag) and tag[at]:
        size = int("".join(f"{byte:07b}" for byte in tag[at + 4 : at + 8]), 2)
        assert max(tag[at + 4 : at + 8]) < 128
        found.append(tag[at : at + 4])
        at += 10 + size
    assert found == [b"TIT2", b"TPE1", b"CTOC", *[b"CHAP"] * 40]


def test_a_tag_is_a_tag() -> None:
    """ID3v2.4 and nothing behind it, also without anything to say."""
    for tags in (Tags("x"), Tags(""), Tags("t" * 500, chapters=[Chapter(0, "c")])):
        data = id3(tags, RATE)
        assert data[:5] == b"ID3\x04\x00"
        size = int("".join(f"{byte:07b}" for byte in data[6:10]), 2)
        assert len(data) == 10 + size


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    """A writer that fails leaves nothing; a folder that is not there is one clear error."""
    with pytest.raises(KeyError), Mp3Writer(tmp_path / "a.mp3") as writer:
        writer.write(stereo(SPEECH))
        raise KeyError("killed")
    assert not list(tmp_path.iterdir())
    with pytest.raises(StorageError), Mp3Writer(tmp_path / "none" / "a.mp3"):
        pass


@pytest.mark.parametrize(("bit_rate", "vbr"), [(100_000, None), (8_000, None), (128_000, 10.0)])
def test_qualities_that_are_none(bit_rate: int, vbr: float | None) -> None:
    """Said at once, with what there is."""
    with pytest.raises(UsageError, match=r"MP3 has no|not between"):
        Mp3Quality(bit_rate, vbr)
