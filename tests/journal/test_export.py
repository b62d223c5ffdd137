"""Export gives the journal's packets, unchanged and at their times, to any player."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext

from mixer.clock import MILLISECOND, SECOND
from mixer.errors import StorageError
from mixer.journal import Alignment, Frame, FrameFlag, Journal, JournalWriter
from mixer.journal.export import export
from tests.journal.small import FPS, GAP, SECONDS, SIZES, Written, encoded, write_small


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_small(tmp_path_factory.mktemp("small") / "journal")


@pytest.fixture(scope="module")
def files(written: Written, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    out = tmp_path_factory.mktemp("out") / "tracks"
    paths = export(Journal.open(written.directory), out)
    return dict(zip(sorted(written.packets), paths, strict=True))


def nal_units(annex_b: bytes) -> list[bytes]:
    """The NAL units, whichever length the start codes have."""
    return [unit.rstrip(b"\0") for unit in annex_b.split(b"\0\0\1") if unit.strip(b"\0")]


def read_back(path: Path) -> list[tuple[int, bytes]]:
    """(ms, packet) of the only stream; H.264 as Annex B again."""
    with av.open(str(path)) as container:
        (stream,) = container.streams
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [int(p.pts * p.time_base * 1000) for p in packets if p.pts is not None]
        if stream.codec_context.name != "h264":
            return [(t, bytes(p)) for t, p in zip(times, packets, strict=True)]
        to_annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        filtered = [to_annex_b.filter(packet) for packet in packets]
        return [(t, bytes(p[0])) for t, p in zip(times, filtered, strict=True)]


def probe(path: Path, *entries: str) -> dict[str, object]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-of", "json", *entries, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert run.stderr == ""
    return dict(json.loads(run.stdout))


@pytest.mark.parametrize("name", ["a video", "a audio", "b audio"])
def test_packets_come_back_to_the_bit(written: Written, files: dict[int, Path], name: str) -> None:
    """What a demuxer reads from the file is what was journalled, at the same millisecond."""
    id_ = written.tracks[name].id
    expected = [(t_ns // MILLISECOND, data) for t_ns, data in written.packets[id_]]
    assert read_back(files[id_]) == expected


def test_nal_units_come_back_to_the_bit(written: Written, files: dict[int, Path]) -> None:
    """H.264 changes its framing to Matroska's and back; every NAL unit stays as it was."""
    id_ = written.tracks["b video"].id
    back = read_back(files[id_])
    assert [t for t, _ in back] == [t_ns // MILLISECOND for t_ns, _ in written.packets[id_]]
    for (_, got), (_, given) in zip(back, written.packets[id_], strict=True):
        sets = {unit for unit in nal_units(got) if unit[0] & 31 in (7, 8)}
        assert [u for u in nal_units(got) if u not in sets] == [
            u for u in nal_units(given) if u[0] & 31 not in (7, 8)
        ]
        assert sets >= {u for u in nal_units(given) if u[0] & 31 in (7, 8)}


def test_any_player_decodes_every_picture_at_its_size(
    written: Written, files: dict[int, Path]
) -> None:
    """ffprobe decodes all pictures without a word; sizes change where they did."""
    for name in ("a video", "b video"):
        id_ = written.tracks[name].id
        found = probe(files[id_], "-show_entries", "frame=width,height")["frames"]
        assert isinstance(found, list)
        sizes = [(frame["width"], frame["height"]) for frame in found]
        assert len(sizes) == len(written.packets[id_])
        assert sizes[: 2 * FPS] == [SIZES[0]] * 2 * FPS
        assert set(sizes[2 * FPS :]) == {SIZES[1]}


def test_sound_begins_where_it_did(written: Written, files: dict[int, Path]) -> None:
    """Opus has no pre-skip: the first decoded sample is at 0 and none is taken away."""
    id_ = written.tracks["a audio"].id
    with av.open(str(files[id_])) as container:
        head = container.streams.audio[0].codec_context.extradata
        assert head is not None and head[10:12] == b"\0\0"
        frames = list(container.decode(audio=0))
    assert frames[0].time == 0
    assert sum(frame.samples for frame in frames) == SECONDS * 48_000


def test_ffmpeg_has_nothing_to_complain_about(files: dict[int, Path]) -> None:
    """Decoding each whole file with ffmpeg prints no warning and no error."""
    for path in files.values():
        command = ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stderr) == (0, "")


def test_a_gap_stays_a_gap_in_time(written: Written, files: dict[int, Path]) -> None:
    """Where pictures are missing, the next one keeps its own time."""
    times = [t for t, _ in read_back(files[written.tracks["a video"].id])]
    before, after = (GAP.start - 1) * 1000 // FPS, GAP.stop * 1000 // FPS
    assert after in times
    assert not [t for t in times if before < t < after]


def test_files_say_whose_they_are(written: Written, files: dict[int, Path]) -> None:
    """The name has participant, stream, kind and track; the title the conference as well."""
    track = written.tracks["a video"]
    path = files[track.id]
    assert path.name == f"a-a.camera-video-{track.id}.mkv"
    tags = probe(path, "-show_entries", "format_tags")["format"]["tags"]  # type: ignore[index]
    assert tags["title"] == "small: a a.camera video"
    assert tags["PARTICIPANT"] == "a"


def test_names_from_outside_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Participants' and streams' ids are reduced to harmless characters."""
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        track = writer.track(
            participant="../../Zoë: x",
            stream="/etc/passwd",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=48_000,
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 0))
        writer.frame(Frame(track.id, 0, 0, b"\xfc\xff\xfe"))
        writer.watermark(SECOND)
        writer.close(final=True)
    (path,) = export(Journal.open(tmp_path / "j"), tmp_path / "out")
    assert path.parent == tmp_path / "out"
    assert path.name == f"_.._Zo_x-_etc_passwd-audio-{track.id}.mkv"
    assert list((tmp_path / "out").iterdir()) == [path]


def test_parameter_sets_may_come_from_the_session_description(tmp_path: Path) -> None:
    """H.264 without SPS in its pictures is playable by what its SDP said."""
    packets = encoded("h264", (160, 120), 10)
    first = nal_units(bytes(packets[0]))
    sets = ",".join(base64.b64encode(u).decode() for u in first if u[0] & 31 in (7, 8))
    bare = b"".join(b"\0\0\0\1" + u for u in first if u[0] & 31 not in (7, 8))
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        track = writer.track(
            participant="p",
            stream="p.camera",
            source="Camera",
            kind="video",
            codec="h264",
            clock_rate=90_000,
            fmtp=f"packetization-mode=1;sprop-parameter-sets={sets}",
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 0))
        key = FrameFlag.KEY
        writer.frame(Frame(track.id, 0, 0, bare, key, width=160, height=120))
        for number, packet in enumerate(packets[1:], 1):
            writer.frame(Frame(track.id, number * 3000, 0, bytes(packet)))
        writer.watermark(SECOND)
        writer.close(final=True)
    (path,) = export(Journal.open(tmp_path / "j"), tmp_path / "out")
    found = probe(path, "-show_entries", "stream=nb_read_frames")["streams"]
    assert found == [{"nb_read_frames": "10"}]


def test_progress_grows_to_one(written: Written, tmp_path: Path) -> None:
    """The share that is done never falls, and ends at 1."""
    told: list[float] = []
    export(Journal.open(written.directory), tmp_path / "out", told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_unwritable_folder_is_one_clear_error(written: Written, tmp_path: Path) -> None:
    """A target that is no folder raises StorageError, and nothing is left behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to"):
        export(Journal.open(written.directory), tmp_path / "file")
