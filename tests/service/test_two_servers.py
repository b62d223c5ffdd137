"""Two `mixer serve` on one PostgreSQL and one storage: real processes, media and webhooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.instruments.postgresql import new_database
from tests.instruments.receiver import Received, receiver
from tests.room.serving import free_port
from tests.service.recorded import SMALL, Site
from tests.system.processes import publisher, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture
def sites(tmp_path: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Site]:
    """Two servers' folders, on one database and one storage, with one application."""
    monkeypatch.setenv("MIXER_DATABASE_URL", new_database(postgresql))
    monkeypatch.setenv("MIXER_STORAGE_URL", f"file://{tmp_path}/files")
    settings = {"allow_private_webhooks": "true", "spare_recorders": "0"}
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(Site(tmp_path / name, **settings))
    made[1]._app = made[0]._app
    return made[0], made[1]


def test_two_servers(sites: tuple[Site, Site], tmp_path: Path) -> None:
    """B is killed, comes back, and ends a conference that A records: A's people stay until then,
    A's recording is whole, each event comes, in order, and both hand the file out."""
    a, b = sites
    with receiver(tmp_path) as received, a.serving() as server_a:
        a.set(webhook_url=received.url)
        with b.serving() as server_b:
            id = a.conference()
            refusals = [beside(a, tmp_path), beside(b, tmp_path, "--data", str(a.data))]
            _is_led_to(a, b, id)
            with publisher(tmp_path, f"{a.url}/rooms/{id}", "ada", *SMALL):
                a.record(id, "start", width=390, height=390)
                a.until_recorded(id, 2)
                os.kill(server_b, signal.SIGKILL)
                with b.serving():
                    _goes_on(a, b, id)
                    assert b.client.delete(f"/v2/conferences/{id}").status_code == 200
                    until(lambda: b.state(id)["status"] == "finished", "it was finished")
                    _arrived(received, id)
                    (item,) = [one for one in b.files(id) if one["merged"]]
                    assert b.download(item) == a.download(a.files(id)[0])
                    own = b.conference()
                    assert b.client.get(f"/rooms/{own}").status_code == 200
                    assert "storage_url" in said(refusals[0])
                    assert "--data" in said(refusals[1])
        assert server_a


def _is_led_to(a: Site, b: Site, id: str) -> None:
    """What takes A's room is told, and a browser led, there; B opens no room of that name."""
    page = b.client.get(f"/rooms/{id}", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (307, f"{a.url}/rooms/{id}")
    joining = httpx2.post(f"{b.url}/rooms/{id}/participants", json={"name": "Bob"})
    assert joining.status_code == 421 and f"{a.url}/rooms/{id}" in joining.json()["error"]
    refused = b.post(f"/v2/conferences/mix/{id}/recording/start", 421)
    assert a.url in refused["error_description"]


def _goes_on(a: Site, b: Site, id: str) -> None:
    """B's new process lists A's people and recording, which go on."""
    recorded_s = a.recorded_s(id)
    a.until_recorded(id, recorded_s + 2)
    assert b.state(id)["status"] == "recording"
    here = b.get(f"/v2/conferences/{id}/participants")["participants"]
    assert [one["name"] for one in here] == ["ada"]


def _arrived(received: Received, id: str) -> None:
    def types() -> list[str]:
        told = {one.uid: one for one in received.receipts() if one.conference == id}
        return [one.event["eventType"] for one in told.values()]

    until(lambda: "Recordings.Available" in types(), "the file was told of")
    assert types() == [
        "Conference.Created",
        "Participant.Joined",
        "Recording.Live.InProgress",
        "Participant.Left",
        "Conference.Ended",
        "Recordings.Available",
    ]


def beside(site: Site, directory: Path, *flags: str) -> subprocess.Popen[str]:
    """Another server, which keeps its files elsewhere, or has the same data folder."""
    given: tuple[Any, ...] = flags or ("--data", directory / "c")
    environment = {**os.environ, "MIXER_STORAGE_URL": f"file://{directory}/other"}
    argv = [sys.executable, "-m", "mixer.cli", "serve", "--port", free_port(), *given]
    return subprocess.Popen(
        [str(one) for one in argv], stderr=subprocess.PIPE, text=True, env=environment
    )


def said(server: subprocess.Popen[str]) -> str:
    """What it was refused with."""
    _, error = server.communicate(timeout=120)
    assert server.returncode == 2 and "Traceback" not in error, error
    return error
