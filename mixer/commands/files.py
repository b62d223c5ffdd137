"""Flags that `mixer record` and `mixer render` share: about the files that are made."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import MixerError, UsageError

if TYPE_CHECKING:
    from ..render.audio_settings import AudioSettings

KBIT = 128  # of the audio mix, if nothing is said

Legs = Annotated[
    bool, typer.Option("--participant-audio", help="With mp3 and both: a file a participant, too.")
]
CutSilence = Annotated[
    bool, typer.Option("--cut-silence", help="Participants' audio without silences; cue sheets.")
]
AudioBitRate = Annotated[int, typer.Option(help="Of the audio mix, in kbit/s.")]
Vbr = Annotated[
    float | None, typer.Option(help="Variable bit rate: LAME's quality, 0 (best) to 9.9.")
]
LoudnessTarget = Annotated[
    float | None, typer.Option(help="Bring the audio mix to so many LUFS, such as -16.")
]
WithReport = Annotated[
    bool | None,
    typer.Option(help="Afterwards: DIR/report/ with quality report, chapters, poster (default)."),
]

LayoutAllow = Annotated[
    list[str] | None,
    typer.Option(
        envvar="MIXER_LAYOUT_ALLOW",
        help="HOST, ADDRESS or CIDR, with :PORT if wanted: of a private network, "
        "but layouts may load from it. Repeatable.",
    ),
]


def allow_layouts(grants: list[str] | None, conference: str = "") -> None:
    """What pages may load from, for the page passes that this process starts. Raises UsageError.

    `conference`: where the conference is: avatars may be there, for layouts of our own.
    """
    from ..proxy import Reach

    os.environ["MIXER_LAYOUT_ALLOW"] = " ".join(grants or ())
    Reach.from_environment()
    os.environ["MIXER_LAYOUT_CONFERENCE"] = conference


def audio_settings(
    format_: str,
    legs: bool,
    cut_silence: bool,
    kbit: int,
    vbr: float | None,
    loudness: float | None,
) -> AudioSettings:
    """Raises UsageError where a value is none, or would change nothing."""
    from ..render.audio_settings import AudioSettings

    wishes = {
        "--participant-audio": legs,
        "--cut-silence": cut_silence,
        "--audio-bit-rate": kbit != KBIT,
        "--vbr": vbr is not None,
        "--loudness": loudness is not None,
    }
    asked = ", ".join(flag for flag, is_asked in wishes.items() if is_asked)
    if asked and format_ == "mp4":
        raise UsageError(f"{asked}: of MP3 files, of which --format mp4 makes none; mp3 or both do")
    if cut_silence and not legs:
        raise UsageError("--cut-silence is of participants' files: add --participant-audio")
    return AudioSettings(
        bit_rate=kbit * 1000, vbr=vbr, loudness=loudness, legs=legs, cut_silence=cut_silence
    )


def report_on_files(directory: Path) -> None:
    """The files are there already: what fails now is told, and takes nothing away."""
    from .report import report_on

    try:
        report_on(directory)
    except (MixerError, KeyboardInterrupt) as error:
        print(f"mixer: there is no report: {error or 'interrupted'}", file=sys.stderr)
