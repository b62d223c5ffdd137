"""What a child process answers its parent: the event that is waited for, or its error, raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..errors import MixerError, RenderError


def raise_for(event: dict[str, Any]) -> None:
    """Raises the error that a child told of by message and exit code."""
    code = event.get("exit_code")
    for kind in _all_errors(MixerError):
        if kind.exit_code == code:
            raise kind(event["message"])
    raise RenderError(event["message"])


def _all_errors(kind: type[MixerError]) -> list[type[MixerError]]:
    return [s for child in kind.__subclasses__() for s in [child, *_all_errors(child)]]


async def reply(
    events: Any,
    wanted: str,
    silence_s: float,
    other: Callable[[dict[str, Any]], None] = lambda event: None,
    is_due: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """The child's next event of that name. Raises StopAsyncIteration when it died instead, and
    TimeoutError when it told nothing for so long although something `is_due`."""
    while True:
        event = await _next_event(events, silence_s, is_due)
        if event["event"] == wanted:
            return event
        if event["event"] == "error":
            raise_for(event)
        other(event)


async def _next_event(events: Any, silence_s: float, is_due: Callable[[], bool]) -> dict[str, Any]:
    coming = asyncio.ensure_future(anext(events))
    try:
        was_due = is_due()
        while not (await asyncio.wait({coming}, timeout=silence_s))[0]:
            if was_due:
                raise TimeoutError
            was_due = is_due()
        event: dict[str, Any] = coming.result()
        return event
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})  # nobody else may read meanwhile
