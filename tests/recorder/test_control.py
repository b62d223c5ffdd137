"""The control socket answers every line, whatever is sent, and says when nobody listens."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mixer.errors import UsageError
from mixer.recorder.control import ask, listening


async def answer(command: str, fields: dict[str, Any]) -> dict[str, Any]:
    if command == "refuse":
        raise UsageError("not like that")
    return {"command": command, "fields": fields}


async def test_questions_and_answers(tmp_path: Path) -> None:
    """Answers come back; errors of ours come back as one line; garbage is survived."""
    path = tmp_path / ("deep" * 20) / "control.sock"  # longer than a socket's address may be
    path.parent.mkdir()
    async with listening(path, answer):
        assert await ask(path, "status", x=1) == {"command": "status", "fields": {"x": 1}}
        with pytest.raises(UsageError, match="not like that"):
            await ask(path, "refuse")
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="no recorder is running"):
        await ask(path, "status")


async def test_garbage_is_answered(tmp_path: Path) -> None:
    """A line that is no JSON object gets an answer that says what to send."""
    path = tmp_path / "control.sock"
    async with listening(path, answer):
        reader, writer = await asyncio.open_unix_connection(str(path))
        for line in (b"hello\n", b"[1]\n", b"{}\n", b'{"command": "status"}\n'):
            writer.write(line)
            reply = json.loads(await reader.readline())
            assert reply["ok"] == (b"status" in line)
        writer.close()
