"""`python -m mixer.room`: the conference server for development and tests.

Prints one JSON line when it is ready: {"event": "ready", "url": "http://127.0.0.1:8710"}.
Users have `mixer room` (mixer/cli.py).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import structlog

from mixer.conference.ice import parse_ice_server
from mixer.errors import MixerError
from mixer.room.server import run_room
from mixer.room.settings import RoomSettings


def _settings(arguments: list[str]) -> RoomSettings:
    parser = argparse.ArgumentParser(prog="python -m mixer.room")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8710)
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-self-signed", action="store_true")
    parser.add_argument("--public-url")
    parser.add_argument("--janus", type=Path, default=Path("/usr/bin/janus"))
    parser.add_argument("--ice-server", action="append", default=[])
    parser.add_argument("--log-dir", type=Path)
    parser.add_argument("--mixer-token", default=os.environ.get("MIXER_ROOM_TOKEN", ""))
    given = vars(parser.parse_args(arguments))
    servers = tuple(parse_ice_server(text) for text in given.pop("ice_server"))
    return RoomSettings(**given, ice_servers=servers)


def _ready(url: str) -> None:
    print(json.dumps({"event": "ready", "url": url}), flush=True)


def main() -> int:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        asyncio.run(run_room(_settings(sys.argv[1:]), on_ready=_ready))
    except MixerError as error:
        print(f"mixer room: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
