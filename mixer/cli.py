"""The command line: `mixer COMMAND`. Nothing imports it; the commands are in commands/.

Every flag can be given as an environment variable: MIXER_RECORD_OUT for `mixer record --out`.
Exit codes are in errors.py and docs/exit-codes.md. Heavy parts are imported when they are needed.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import structlog
import typer

from . import __version__
from .commands.app import app as applications
from .commands.check import check
from .commands.forget import forget
from .commands.look import doctor, export, inspect
from .commands.preview import preview
from .commands.record import ctl, record
from .commands.render import render
from .commands.replay import replay
from .commands.report import report
from .commands.room import room
from .commands.running import Command, Commands, say_error
from .commands.serve import serve
from .commands.upload import upload
from .errors import UsageError

LEVELS = ("debug", "info", "warning", "error", "critical")

app = typer.Typer(
    name="mixer",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "MIXER", "help_option_names": ["-h", "--help"]},
)
for command in (
    serve,
    room,
    record,
    ctl,
    render,
    replay,
    report,
    preview,
    check,
    upload,
    inspect,
    export,
    forget,
    doctor,
):
    app.command(cls=Command)(command)
app.add_typer(applications, name="app")


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"mixer {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_say_version,
            is_eager=True,
            allow_from_autoenv=False,  # an image's MIXER_VERSION is something else
            show_envvar=False,
            help="Say which version this is, and end.",
        ),
    ] = False,
) -> None:
    """Records WebRTC conferences and renders videos from the recordings."""


def main() -> None:
    level = os.environ.get("MIXER_LOG") or "warning"
    if level.lower() not in LEVELS:
        say_error(f"MIXER_LOG={level!r} is none of {', '.join(LEVELS)}", UsageError.exit_code)
        sys.exit(UsageError.exit_code)
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    app()


if __name__ == "__main__":
    main()
