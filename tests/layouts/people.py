"""Participants and events to show on a page, and how to tell a page of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from playwright.sync_api import Page

Opener = Callable[[int, int], Page]  # width, height in pixels


class LayoutOpener(Protocol):
    """Opens a built-in layout; its size in pixels, its parameters as of its query."""

    def __call__(
        self, name: str, width: int = ..., height: int = ..., **parameters: Any
    ) -> Page: ...


def participant(
    number: int, *, camera: bool = True, screen: bool = False, **fields: Any
) -> dict[str, Any]:
    """A participant `p<number>` with a microphone, and a camera and a shared screen if wanted."""
    identity = f"p{number}"
    streams = [
        {
            "id": f"{identity}.camera",
            "type": "Camera",
            "audio": {"muted": False},
            "video": picture() if camera else None,
        }
    ]
    if screen:
        streams.append(screen_of(number))
    return {"id": identity, "name": f"Person {number}", "streams": streams, **fields}


def screen_of(number: int) -> dict[str, Any]:
    stream = {"id": f"p{number}.screen", "type": "ScreenShare", "audio": None}
    return stream | {"video": picture(1600, 1000)}


def picture(width: int = 1280, height: int = 720) -> dict[str, Any]:
    return {"muted": False, "width": width, "height": height, "available": True}


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def reset(page: Page, *participants: dict[str, Any]) -> None:
    page.evaluate("(state) => mixerLayout.host.reset(state, {})", {"participants": participants})


def apply(page: Page, *events: dict[str, Any]) -> None:
    page.evaluate("(events) => mixerLayout.host.apply(events)", list(events))
