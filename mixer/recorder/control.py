"""`control.sock`: how a running recorder is told what to do. One JSON line in, one out.

{"command": "status"}  →  {"ok": true, …}
{"command": "stop_mix", "id": "other"}  →  {"ok": false, "error": "there is no mix 'other'…"}
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import MixerError, StorageError, UsageError

MAX_LINE = 1 << 16
TIMEOUT_S = 15.0

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


@contextlib.asynccontextmanager
async def listening(path: Path, answer: Answer) -> AsyncIterator[None]:
    """Serves `path` as long as the context lasts; only this user may connect."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while line := await _line(reader):
                reply = await _answered(line, answer)
                writer.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    try:
        with _short_name(path) as name:
            server = await asyncio.start_unix_server(serve, name, limit=MAX_LINE)
        path.chmod(0o600)
    except OSError as error:
        raise StorageError(f"cannot listen on {path}: {error}") from error
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def ask(path: Path, command: str, **fields: Any) -> dict[str, Any]:
    """Sends one command to a running recorder. Raises UsageError if none is running there."""
    try:
        with _short_name(path) as name:
            reader, writer = await asyncio.open_unix_connection(name, limit=1 << 22)
    except OSError:
        raise UsageError(_nobody(path.parent)) from None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            writer.write(json.dumps({"command": command, **fields}).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
    except TimeoutError:
        raise MixerError(f"the recorder in {path.parent} does not answer") from None
    finally:
        writer.close()
    if not line:
        raise MixerError(f"the recorder in {path.parent} ended without an answer")
    reply: dict[str, Any] = json.loads(line)
    if not reply.pop("ok"):
        raise UsageError(reply["error"])
    return reply


def _nobody(folder: Path) -> str:
    """Why no recorder answers there, and what to do."""
    if (folder / "recording.json").exists():
        return f"no recorder is running in {folder}: it has ended, recording.json tells how"
    if (folder / "plan.json").exists():
        return f"no recorder is running in {folder}; to finish its files: mixer render {folder}"
    return f"no recorder is running in {folder}: there is no recording"


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; one that is too long is none that anybody understands."""
    try:
        return await reader.readline()
    except ValueError:
        return b"too long"


async def _answered(line: bytes, answer: Answer) -> dict[str, Any]:
    try:
        request = json.loads(line)
        command = request.pop("command")
        return {"ok": True, **await answer(command, request)}
    except MixerError as error:
        return {"ok": False, "error": str(error)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"ok": False, "error": 'send one JSON object a line: {"command": "status"}'}


@contextlib.contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """A name for the socket that fits into the 107 bytes of a Unix socket's address."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
