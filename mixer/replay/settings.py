"""What a replay is told at its start, as one frozen value."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from mixer.conference.bare import BareSettings
from mixer.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """`url`: http(s)://…/rooms/NAME or janus+ws(s)://…/ROOM. `offset_s`: where to begin, seconds
    since the recording's start, pauses not counted."""

    journal: Path
    url: str
    offset_s: float = 0.0
    without: tuple[str, ...] = ()  # ids, external ids or names of whom nothing is to be replayed
    bare: BareSettings = field(default_factory=BareSettings)
    ssl_context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://", "janus+ws://", "janus+wss://")):
            raise UsageError(
                f"--into {self.url!r}: give http(s)://HOST:PORT/rooms/NAME "
                "or janus+ws(s)://HOST:PORT/ROOM"
            )
        if self.offset_s < 0:
            raise UsageError("--offset is in seconds since the recording's start: 0 or more")
