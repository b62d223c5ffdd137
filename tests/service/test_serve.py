"""`mixer serve` as a process: it says where it is, ends in order, and goes on after a kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mixer.service.serve import self_signed
from mixer.service.settings import ServiceSettings
from tests.room.serving import free_port
from tests.system import processes

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
MIXER = [sys.executable, "-m", "mixer.cli"]
ENDS_S = 60


def mixer(*arguments: object) -> subprocess.CompletedProcess[str]:
    return processes.mixer(*map(str, arguments), check=False)


@contextlib.contextmanager
def serving(data: Path, *flags: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and its address."""
    argv = [*MIXER, "serve", "--json", "--data", str(data), *map(str, flags)]
    with (data.parent / "serve.log").open("ab") as log:
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        assert line, (data.parent / "serve.log").read_text()
        yield server, json.loads(line)["url"]
    finally:
        server.kill()
        server.wait(ENDS_S)


@contextlib.contextmanager
def client_of(url: str, data: Path) -> Iterator[httpx2.Client]:
    """A client with a token of a new application, made while the server runs."""
    made = json.loads(mixer("app", "create", "Tests", "--json", "--data", data).stdout)
    grant = {"grant_type": "client_credentials"}
    verify: ssl.SSLContext | bool = True
    if url.startswith("https"):
        verify = ssl.create_default_context(cafile=data / "keys" / "cert.pem")
    with httpx2.Client(base_url=url, timeout=60, verify=verify) as client:
        answer = client.post("/v1/auth/token", data=grant, auth=(made["key"], made["secret"]))
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def test_from_start_to_end(tmp_path: Path) -> None:
    """It serves REST and rooms on one port, and ends with 0 on SIGTERM, its Janus too."""
    data = tmp_path / "data"
    with serving(data, "--port", 0) as (server, url), client_of(url, data) as client:
        assert client.get("/readyz").json()["status"] == "ok"
        made = client.post("/v2/conferences/create", json={"alias": "weekly"}).json()
        assert client.get("/rooms/weekly").status_code == 200
        state = client.get(f"/rooms/{made['conferenceId']}/state").json()
        assert state["conference"]["id"] == made["conferenceId"]
        taken = mixer("serve", "--data", tmp_path / "other", "--port", url.rpartition(":")[2])
        assert taken.returncode == 2 and "choose another --port" in taken.stderr
        server.send_signal(signal.SIGTERM)
        assert server.wait(ENDS_S) == 0
    lines = (tmp_path / "serve.log").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-1]["event"] == "service.stopped"
    (janus,) = {one["pid"] for one in events if one["event"] == "janus.ready"}
    with pytest.raises(ProcessLookupError):
        os.kill(janus, 0)


def test_killed(tmp_path: Path) -> None:
    """After a kill the next server knows the conferences, and tokens hold."""
    data, port = tmp_path / "data", free_port()
    with serving(data, "--port", port) as (server, url), client_of(url, data) as client:
        made = client.post("/v2/conferences/create", json={"alias": "weekly"}).json()
        server.kill()
        server.wait(ENDS_S)
    with serving(data, "--port", port), httpx2.Client(timeout=60, headers=client.headers) as again:
        answer = again.post(f"{url}/v2/conferences/create", json={"alias": "WEEKLY"})
        assert answer.json()["conferenceId"] == made["conferenceId"]
        assert again.get(f"{url}/rooms/weekly").status_code == 200


def test_https(tmp_path: Path) -> None:
    """The certificate of its own is kept, so that clients can trust it."""
    data = tmp_path / "data"
    data.mkdir()
    settings = ServiceSettings(data=data, tls_self_signed=True)
    kept = self_signed(settings)[0].read_bytes()
    with (
        serving(data, "--port", 0, "--tls-self-signed") as (_, url),
        client_of(url, data) as client,
    ):
        assert url.startswith("https://")
        assert client.get("/readyz").status_code == 200
    assert self_signed(settings)[0].read_bytes() == kept


def test_refusals(tmp_path: Path) -> None:
    """What cannot be is one line and its exit code, before anything is listened to."""
    config = tmp_path / "mixer.toml"
    config.write_text('janus = "/nowhere/janus"\n')
    missing = mixer("serve", "--config", config, "--data", tmp_path / "data")
    assert missing.returncode == 3 and "apt-get install janus" in missing.stderr
    blocked = tmp_path / "file"
    blocked.write_text("")
    unusable = mixer("serve", "--data", blocked, "--port", 0)
    assert unusable.returncode == 30 and "data folder" in unusable.stderr
    broken = mixer("serve", "--data", tmp_path / "d", "--tls-cert", blocked, "--tls-key", blocked)
    assert broken.returncode == 2 and "certificate" in broken.stderr
    for done in (missing, unusable, broken):
        assert len(done.stderr.splitlines()) <= 2 and "Traceback" not in done.stderr
