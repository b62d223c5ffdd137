"""What a command ends with: one line that says what was wrong, and its exit code."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer import Exit

from mixer.commands.running import guarded, run
from mixer.errors import LayoutError, StorageError, UsageError


def told(act: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> tuple[str, int]:
    with pytest.raises(Exit) as error:
        guarded(act)
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err, error.value.exit_code


def fails(*errors: Exception) -> Callable[[], object]:
    def act() -> None:
        if len(errors) == 1:
            raise errors[0]
        raise ExceptionGroup("of tasks", [errors[0], ExceptionGroup("of others", errors[1:])])

    return act


def test_errors_of_the_disk_are_told_wherever_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a task among others too; with them an error of ours says more."""
    disk = OSError(28, os.strerror(28), str(tmp_path / "film.mp4"))
    line = f"mixer: No space left on device: {tmp_path / 'film.mp4'}\n"
    assert told(fails(disk), capsys) == (line, StorageError.exit_code)
    assert told(fails(disk, disk), capsys) == (line, StorageError.exit_code)
    assert told(fails(disk, LayoutError("no page")), capsys) == ("mixer: no page\n", 20)
    with pytest.raises(ExceptionGroup):
        guarded(fails(KeyError("a mistake of ours"), ValueError("of ours")))


def test_a_task_group_s_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As asyncio raises it."""

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread((tmp_path / "not there" / "file").mkdir))

    with pytest.raises(Exit) as error:
        run(work())
    assert error.value.exit_code == StorageError.exit_code
    assert capsys.readouterr().err.startswith("mixer: No such file or directory: ")


def test_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    """Is told to machines as all else is: docs/exit-codes.md."""

    def act() -> None:
        raise KeyboardInterrupt

    line = told(act, capsys)
    assert line == ("mixer: interrupted; run it again to go on\n", 130)
    with pytest.raises(Exit):
        guarded(act, as_json=True)
    event = json.loads(capsys.readouterr().out)
    assert event == {"event": "error", "message": line[0][7:-1], "code": 130}


def test_a_mistake_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """Its line and code, and JSON for machines."""
    assert told(fails(UsageError("which?")), capsys) == ("mixer: which?\n", 2)
    with pytest.raises(Exit):
        guarded(fails(UsageError("which?")), as_json=True)
    assert capsys.readouterr().out == '{"event": "error", "message": "which?", "code": 2}\n'
