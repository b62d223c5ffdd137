"""`mixer render`: the files of a recording, or other versions of them."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .files import (
    KBIT,
    AudioBitRate,
    CutSilence,
    LayoutAllow,
    Legs,
    LoudnessTarget,
    Vbr,
    WithReport,
    allow_layouts,
    audio_settings,
    report_on_files,
)
from .running import Folder, Json, on_signals, run, say_result


def render(
    directory: Folder,
    out: Annotated[
        Path | None,
        typer.Option(help="Make another version: a file for mp4, a folder for mp3 and both."),
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help="mp4, mp3 or both.")] = None,
    mix: Annotated[
        str | None, typer.Option(help="Only what this mix ran; else everything recorded.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT")] = None,
    layout: Annotated[
        str | None, typer.Option(help="Built-in name, folder, HTML file or URL.")
    ] = None,
    fps: int | None = None,
    from_: Annotated[
        float | None, typer.Option("--from", help="Seconds since the recording's start.")
    ] = None,
    to: Annotated[float | None, typer.Option(help="Seconds since the recording's start.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave somebody out: their id, external id or name. Repeatable."),
    ] = None,
    participant_audio: Legs = False,
    cut_silence: CutSilence = False,
    audio_bit_rate: AudioBitRate = KBIT,
    vbr: Vbr = None,
    loudness: LoudnessTarget = None,
    preset: Annotated[str | None, typer.Option(help="x264's preset.")] = None,
    crf: Annotated[int | None, typer.Option(help="x264's quality: 1 (best) to 51.")] = None,
    layout_allow: LayoutAllow = None,
    report: WithReport = None,
    follow: Annotated[
        bool, typer.Option(help="Follow a recording that goes on; --no-follow refuses it.")
    ] = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Encode in so many processes.")] = 1,
    encoder: Annotated[str, typer.Option(hidden=True)] = "libx264",
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep intermediate files.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Makes the files of a recording: those its plan still wants, or another version (--out)."""
    from ..recorder import RecordFolder, parse_format
    from ..recorder.offline import finish_plan
    from ..recorder.remix import RenderOptions, remix
    from ..recorder.render_display import progress_for

    wishes = (format_, mix, size, layout, fps, from_, to, without, preset, crf, vbr, loudness)
    looks = {"layout": layout, "size": size, "fps": fps, "preset": preset, "crf": crf}
    changed = participant_audio or cut_silence or audio_bit_rate != KBIT
    changed = changed or any(wish is not None for wish in wishes)

    async def job() -> bool:
        if out is not None and format_ in (None, "mp4"):
            _check_name(out)
        if out is not None and report:
            raise UsageError("--report is of the recording's own files: leave it out, or --out")
        if format_ == "mp3":
            _check_sound_only(looks)
        task = asyncio.current_task()
        assert task is not None
        on_signals(lambda _reason: task.cancel())
        folder = RecordFolder(directory)
        allow_layouts(layout_allow, _conference(folder))
        notes: list[dict[str, Any]] = []
        of: dict[str, str] = {}
        with progress_for(as_json=as_json) as show:
            if out is None:
                _check_no_changes(changed)
                files = await finish_plan(folder, show, workers=workers, keep_work=keep_work)
            else:
                options = RenderOptions(
                    out=out,
                    format=parse_format(format_ or "mp4"),
                    mix=mix,
                    size=size,
                    layout=layout,
                    fps=fps,
                    preset=preset,
                    crf=crf,
                    from_s=from_,
                    to_s=to,
                    without=tuple(without or ()),
                    audio=audio_settings(
                        format_ or "mp4",
                        participant_audio,
                        cut_silence,
                        audio_bit_rate,
                        vbr,
                        loudness,
                    ),
                    follow=follow,
                    workers=workers,
                    keep_work=keep_work,
                    encoder="null" if encoder == "null" else "libx264",
                )
                made = await remix(folder, options, show)
                files, notes = made.files, made.notes
                of = {str(path): who for path, who in made.of.items()}
        text = "rendered" if files else "nothing was missing"
        say_result(as_json, text, [str(path) for path in files], {"notes": notes, "of": of})
        for note in notes if not as_json else ():
            print(f"note: {_told(note)}")
        return bool(files)

    if run(job(), as_json) and out is None and report is not False:
        report_on_files(directory)


def _conference(folder: Any) -> str:
    """Where the conference was, as far as that is known."""
    from ..errors import MixerError

    try:
        return str(folder.load().url)
    except MixerError:
        return ""


def _check_name(out: Path) -> None:
    """A video under the name of something else would be taken for that."""
    if mimetypes.guess_type(out.name)[0] not in (None, "video/mp4"):
        raise UsageError(
            f"--out {out}: videos are MP4; give it the ending .mp4 "
            "(sound alone: --format mp3 with a folder)"
        )


def _check_sound_only(looks: Mapping[str, object]) -> None:
    """What would change nothing is a mistake."""
    asked = ", ".join(f"--{name}" for name, value in looks.items() if value is not None)
    if asked:
        raise UsageError(f"{asked}: of videos, of which --format mp3 makes none; mp4 or both do")


def _told(note: dict[str, Any]) -> str:
    """Something irregular, in words: 0:12.4 page.replaced: the page is gone; by default."""
    about = {key: note[key] for key in note if key not in ("t", "type", "frame", "reason")}
    told = [str(note[key]) for key in ("reason",) if key in note]
    told += [f"{key} {value}" for key, value in about.items()]
    at = "" if note.get("t") is None else f"{note['t']:.1f} s, "
    return f"{at}{note['type']}: {'; '.join(told)}"


def _check_no_changes(changed: bool) -> None:
    if changed:
        raise UsageError("another size, layout, range, format or quality needs --out")
