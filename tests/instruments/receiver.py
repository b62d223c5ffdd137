"""A receiver of webhooks: notes every event that it is sent, and refuses some of them.

    python -m tests.instruments.receiver FILE [--fails 0.3] [--seed 1]

Each event is one line of JSON in FILE, written before it is answered: `at` (epoch seconds), `uid`
(its webhook-id), `accepted`, `event`. Of those that are refused half are answered 503 and half are
not answered at all: the sender cannot know that they have come.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.system.processes import process, told


@dataclass(frozen=True, slots=True)
class Receipt:
    """One event that came. `at`: epoch seconds."""

    at: float
    uid: str
    accepted: bool
    event: dict[str, Any]

    @property
    def conference(self) -> str:
        return str(self.event["conference"]["confId"])


@dataclass(frozen=True, slots=True)
class Received:
    """Where it listens, and what it was sent."""

    url: str
    path: Path

    def receipts(self) -> list[Receipt]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [Receipt(**json.loads(line)) for line in lines]

    def of(self, conference: str, type: str) -> list[Receipt]:
        """Those of a conference of that type."""
        found = [one for one in self.receipts() if one.event["eventType"] == type]
        return [one for one in found if one.conference == conference]


@contextlib.contextmanager
def receiver(directory: Path, *options: str) -> Iterator[Received]:
    """A receiver in a process of its own."""
    path = directory / "events.jsonl"
    argv = ("tests.instruments.receiver", str(path), *options)
    with process(*argv, log=directory / "receiver.log") as child:
        yield Received(told(child, "ready")["url"], path)


def serve(path: Path, fails: float, chance: random.Random) -> None:
    """Until killed."""
    writing = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at, length = time.time(), int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # whoever sent it was killed on the way
                return
            with writing, path.open("a") as lines:
                accepted = chance.random() >= fails
                told = {"at": at, "uid": self.headers["webhook-id"], "accepted": accepted}
                lines.write(json.dumps({**told, "event": json.loads(body)}) + "\n")
                silent = not accepted and chance.random() < 0.5
            if silent:
                self.close_connection = True
                return
            self.send_response(200 if accepted else 503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_port}/hook"
    print(json.dumps({"event": "ready", "url": url}), flush=True)
    server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.instruments.receiver")
    parser.add_argument("file", type=Path)
    parser.add_argument("--fails", type=float, default=0.0, help="of all, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    serve(given.file, given.fails, random.Random(given.seed))


if __name__ == "__main__":
    main()
