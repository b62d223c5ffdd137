"""What all commands have in common: errors, signals, flags, results.

Errors of ours end with one line and their exit code (docs/exit-codes.md).
"""

from __future__ import annotations

import asyncio
import json
import math
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import MixerError, StorageError, first_of

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

Folder = Annotated[Path, typer.Argument(help="The record's folder (--out of `mixer record`).")]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")]


def run(work: Coroutine[Any, Any, T], as_json: bool = False) -> T:
    return guarded(lambda: asyncio.run(work), as_json)


def guarded(act: Callable[[], T], as_json: bool = False) -> T:
    """Errors of ours end with one line and their exit code; an interrupt ends with 130."""
    try:
        return _unpacked(act)
    except MixerError as error:
        say_error(str(error), error.exit_code, as_json)
        raise typer.Exit(error.exit_code) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        say_error("interrupted; run it again to go on", 130, as_json)
        raise typer.Exit(130) from None


def say_error(text: str, code: int, as_json: bool = False) -> None:
    """As every command tells what was wrong, whoever found it."""
    print(f"mixer: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps({"event": "error", "message": text, "code": code}))


def _unpacked(act: Callable[[], T]) -> T:
    """Raises the first error of ours of a group; errors of the disk as ours."""
    try:
        return act()
    except BaseExceptionGroup as group:
        ours, _ = group.split(MixerError)
        disk, _ = group.split(OSError)
        if ours is not None:
            raise first_of(ours) from group
        if disk is not None:
            raise _of_disk(first_of(disk)) from group
        raise
    except OSError as error:
        raise _of_disk(error) from error


def _of_disk(error: OSError) -> StorageError:
    return StorageError(f"{error.strerror or error}: {error.filename or 'disk'}")


def on_signals(stop: Callable[[str], object]) -> None:
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sig, stop, "stopped")


class Command(TyperCommand):
    """A command whose flags' environment variables are named after the flags: MIXER_RENDER_FROM of
    --from, which is `from_` in Python. One that may be repeated has several values in its variable
    as a shell has words: between spaces, in quotes where they have spaces themselves."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for param in self.params:
            (flag, *_) = [*param.opts, ""]
            name = flag.lstrip("-").replace("-", "_")
            if param.envvar is None and flag.startswith("--") and name != param.name:
                param.envvar = f"{ctx.auto_envvar_prefix}_{name.upper()}"
            param.split_envvar_value = _words  # type: ignore[method-assign]
            if param.type_descriptor.is_path:  # type: ignore[attr-defined]
                _refuse_empty(param)
            _refuse_endless(param)
        return super().parse_args(ctx, args)


def _words(rv: str) -> list[str]:
    try:
        return shlex.split(rv)
    except ValueError as error:
        raise typer.BadParameter(f"{rv!r}: {str(error).lower()}") from None


def _refuse_empty(param: Any) -> None:
    """A path that is empty, as by a shell's variable that is not set, is not the current folder."""
    process = param.process_value

    def process_path(ctx: Any, value: Any) -> Any:
        if value == "":
            raise typer.BadParameter("it is empty: give a path", ctx=ctx, param=param)
        return process(ctx, value)

    param.process_value = process_path


def _refuse_endless(param: Any) -> None:
    """What Python takes for a number, but nobody can wait for or be as loud as."""
    process = param.process_value

    def process_finite(ctx: Any, value: Any) -> Any:
        found = process(ctx, value)
        if isinstance(found, float) and not math.isfinite(found):
            raise typer.BadParameter(f"{value} is no finite number", ctx=ctx, param=param)
        return found

    param.process_value = process_finite


_Mistake: type[Any] = typer.BadParameter.__bases__[0]  # what all that the parser finds is


class Commands(TyperGroup):
    """All commands. What the parser finds wrong is told as every other error: in one line."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **more: Any) -> Any:
        given = sys.argv[1:] if args is None else args
        try:
            code = super().main(args, *others, **{**more, "standalone_mode": False})
        except _Mistake as mistake:
            text = " ".join(mistake.format_message().split()).rstrip(".")
            if text:  # else nothing was given, which asked for the help, and that is printed
                place = mistake.ctx.command_path if mistake.ctx else "mixer"
                say_error(f"{text}; see {place} --help", mistake.exit_code, "--json" in given)
            code = mistake.exit_code
        if more.get("standalone_mode", True):
            sys.exit(code or 0)
        return code


def console(errors: bool = False) -> Console:
    """As wide as the terminal; where there is none, nothing has to be cut off or wrapped."""
    from rich.console import Console

    found = Console(stderr=errors)
    return found if found.is_terminal else Console(stderr=errors, width=160)


def journal_of(directory: Path) -> Path:
    """A record's folder or its journal itself."""
    return directory / "journal" if (directory / "journal").is_dir() else directory


def say_result(as_json: bool, text: str, files: list[str], report: dict[str, Any]) -> None:
    if as_json:
        print(json.dumps({"event": "result", "files": files, **report}, ensure_ascii=False))
        return
    print(text)
    for path in files:
        print(path)
