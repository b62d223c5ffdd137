"""What a remix is of: everything that was recorded, or what one mix ran, or a range of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import pytest

from mixer.clock import SECOND
from mixer.errors import UsageError
from mixer.journal import Journal, JournalWriter
from mixer.lock import folder_locked
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.forget import forget
from mixer.recorder.remix import RenderOptions, remix
from mixer.render.audio_settings import AudioSettings
from mixer.render.job import Progress
from tests.instruments.make_journal import make_journal
from tests.recorder.test_remix_ends import lengths, shown

# One mix, a second one of another size that overlaps it, and the first again, of another size.
SMALL = MixPlan("one", width=320, height=180, preset="superfast")
RUNS = (
    (SMALL, 0.5, 1.5),
    (replace(SMALL, id="two", width=160, height=90), 1.2, 2.2),
    (replace(SMALL, part=2, width=480, height=270), 3.0, 3.6),
)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RecordFolder:
    folder = RecordFolder(tmp_path_factory.mktemp("record"))
    make_journal(folder.journal, participants=1, size=(320, 180), seconds=4.0)
    mixes = tuple(
        replace(mix, start_ns=round(start * SECOND), stop_ns=round(stop * SECOND))
        for mix, start, stop in RUNS
    )
    folder.save(Plan("made", "made", mixes))
    return folder


def test_everything_that_was_recorded(record: RecordFolder, tmp_path: Path) -> None:
    """Without --mix, picture and sound are those of the whole recording: what any mix ran, once,
    whatever their sizes were; the first one's settings hold."""
    wish = RenderOptions(tmp_path, format="both")
    files = asyncio.run(remix(record, wish, shown)).files
    assert [path.name for path in files][:1] == ["one.mp4"]
    assert lengths(files[0])[0] == round((1.7 + 0.6) * 30)
    assert seconds(files[1]) == pytest.approx(2.3, abs=0.03)
    with av.open(str(files[0])) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 180)


@pytest.mark.parametrize(("mix", "length_s"), [("one", 1.6), ("two", 1.0)])
def test_what_one_mix_ran(record: RecordFolder, tmp_path: Path, mix: str, length_s: float) -> None:
    """All its parts, of whatever size, and nothing else."""
    wish = RenderOptions(tmp_path, format="mp3", mix=mix)
    [sound] = asyncio.run(remix(record, wish, shown)).files
    assert seconds(sound) == pytest.approx(length_s, abs=0.03)


def test_what_one_mix_ran_so_far(tmp_path: Path) -> None:
    """Nobody knows: it may stop, and start again, while the remix follows the recording."""
    folder = RecordFolder(tmp_path)
    folder.save(Plan("made", "made", (replace(SMALL, start_ns=0),)))
    with JournalWriter.create(folder.journal, conference="made") as writer:
        writer.watermark(SECOND)
        wish = RenderOptions(tmp_path / "out", format="mp3", mix="one")
        with pytest.raises(UsageError, match=r"still being recorded: mix 'one' may stop"):
            asyncio.run(remix(folder, wish, shown))


def test_whose_sound_is_in_which_file(record: RecordFolder, tmp_path: Path) -> None:
    """Is told by id: the name of a file may hold less than that."""
    wish = RenderOptions(tmp_path, format="mp3", audio=AudioSettings(legs=True), to_s=0.5)
    made = asyncio.run(remix(record, wish, shown))
    ids = {track.participant for track in Journal.open(record.journal).tracks.values()}
    assert set(made.of.values()) == ids
    [mix] = [path for path in made.files if path not in made.of]
    assert "_conf_" in mix.name


@pytest.mark.parametrize("format_", ["mp4", "mp3"])
def test_a_range_without_a_frame(record: RecordFolder, tmp_path: Path, format_: str) -> None:
    """Is refused: there would be no file."""
    for from_s, to_s in ((None, 0.01), (1.0, 1.01), (2.295, None)):
        wish = RenderOptions(tmp_path / "out.mp4", from_s=from_s, to_s=to_s)
        wish = replace(wish, format=format_)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="1/30 s"):
            asyncio.run(remix(record, wish, shown))
    assert not list(tmp_path.iterdir())


def test_nobody_is_forgotten_meanwhile(record: RecordFolder, tmp_path: Path) -> None:
    """It would lose its journal on the way: whoever comes second is refused, and told why."""
    refusals: list[str] = []

    def show(name: str, progress: Progress, fps: int) -> None:
        with ThreadPoolExecutor() as pool, pytest.raises(UsageError) as error:
            pool.submit(forget, record, "Ada").result()
        refusals.append(str(error.value))

    wish = RenderOptions(tmp_path, format="mp3", to_s=0.5)
    assert asyncio.run(remix(record, wish, show)).files
    assert refusals and all("is being rendered" in one for one in refusals)
    with (
        folder_locked(record.journal, ""),
        pytest.raises(UsageError, match="somebody is being removed"),
    ):
        asyncio.run(remix(record, wish, shown))


def test_the_same_twice_at_once(record: RecordFolder, tmp_path: Path) -> None:
    """The second is refused, whatever it is to be called, and the first is as if alone; nothing is
    left of their work."""
    refusals: list[str] = []

    async def both() -> list[Path]:
        first = asyncio.ensure_future(remix(record, wish(tmp_path / "1"), shown))
        while not list((record.directory / "work").glob("render-*/lock")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with pytest.raises(UsageError) as error:
            await remix(record, wish(tmp_path / "2"), shown)
        refusals.append(str(error.value))
        return (await first).files

    def wish(out: Path) -> RenderOptions:
        return RenderOptions(out, format="mp3")

    [made] = asyncio.run(both())
    assert made.parent == tmp_path / "1" and seconds(made) == pytest.approx(2.3, abs=0.03)
    assert "being made already" in refusals[0]
    assert not (record.directory / "work").exists()


def seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.duration or 0) / 1_000_000
