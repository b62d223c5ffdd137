"""A whole service for tests of recordings: `mixer serve` as a process, and a client of its API."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.room.serving import free_port
from tests.system.processes import mixer, process, told, until

SMALL = ("--size", "320x180", "--fps", "15", "--bitrate", "200000")


class Site:
    """One data folder and port, served by one process after the other."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.data = directory / "data"
        self._settings = {f"MIXER_{name.upper()}": value for name, value in settings.items()}
        made = mixer("app", "create", "Tests", "--data", str(self.data), "--json")
        self._app = json.loads(made.stdout)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=60, trust_env=False)

    def set(self, **fields: str) -> None:
        """Changes settings of its application."""
        given = [f"{name}={value}" for name, value in fields.items()]
        mixer("app", "set", self._app["key"], *given, "--data", str(self.data))

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        """Its process' id, from when it answers until the block ends."""
        argv = ("mixer.cli", "serve", "--port", str(self.port), "--data", str(self.data), "--json")
        log = self.directory / "serve.log"
        with process(*argv, log=log, **self._settings) as server:
            told(server, "ready")
            self._log_in()
            yield server.pid

    @property
    def credentials(self) -> tuple[str, str]:
        """Key and secret of its application."""
        return self._app["key"], self._app["secret"]

    def _log_in(self) -> None:
        body = {"grant_type": "client_credentials"}
        answer = self.client.post("/v1/auth/token", data=body, auth=self.credentials)
        token = answer.json()["access_token"]
        self.client.headers["authorization"] = f"Bearer {token}"

    def post(self, path: str, expected: int = 200, **body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == expected, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def conference(self, **parameters: Any) -> str:
        made = self.post("/v2/conferences/create", parameters={"liveRecording": True, **parameters})
        return str(made["conferenceId"])

    def record(self, id: str, act: str, **body: Any) -> None:
        self.post(f"/v2/conferences/mix/{id}/recording/{act}", **body)

    def state(self, id: str) -> Any:
        return self.get(f"/v2/conferences/mix/{id}/recording")

    def files(self, id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]]
        found = self.get(f"/v2/monitor/conferences/{id}/recordings")["recordings"]
        return found

    def recorded_s(self, id: str) -> float:
        return float((self.state(id)["live"] or {}).get("recorded_s", 0))

    def until_recorded(self, id: str, seconds: float) -> None:
        until(lambda: self.recorded_s(id) >= seconds, f"{seconds} s were recorded")

    def end(self, id: str) -> Any:
        """Ends the conference; the state of its recording when that is closed."""
        assert self.client.delete(f"/v2/conferences/{id}").status_code == 200
        until(lambda: self.state(id)["status"] in ("finished", "failed"), "it was finished")
        return self.state(id)

    def kill_recorder(self, id: str) -> None:
        os.kill(int(self.state(id)["live"]["pid"]), signal.SIGKILL)

    def download(self, item: dict[str, Any]) -> bytes:
        answer = self.client.get(item["url"])
        assert answer.status_code == 200
        assert len(answer.content) == item["size"]
        return answer.content
