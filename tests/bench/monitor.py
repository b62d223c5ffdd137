"""Monitor lists over 100,000 recordings on SQLite: requests a second, and how long they take.

The server is a process of its own (`python -m tests.bench.monitor DATA`), this one is the client.
Pages have 100 items, as the published clients ask for them.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx2

from mixer.service.auth import SCOPES
from mixer.service.logs import configure_logs
from mixer.service.pages import Position
from mixer.storage import open_storage
from mixer.webhooks import open_outbox
from tests.bench.measure import tree_cpu_s
from tests.bench.rows import Row, at_least, at_most
from tests.service.conftest import open_service, served

EPOCH = 1_700_000_000_000
AT_ONCE = 4
KINDS = ("newest page", "any page", "one conference", "participants' files", "version 1")


def bench(folder: Path, *, quick: bool) -> list[Row]:
    conferences = 1000 if quick else 10_000
    seconds = 3 if quick else 15
    return asyncio.run(_bench(folder, conferences, seconds))


async def _bench(folder: Path, conferences: int, seconds: float) -> list[Row]:
    async with open_service(folder / "data") as service:
        ids = _fill(folder / "data" / "mixer.db", conferences)
        token = service.tokens.api_token("app", SCOPES, 80_000)
    command = [sys.executable, "-m", "tests.bench.monitor", str(folder / "data")]
    with _started(command) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            rows = [Row("recordings", conferences * 10, "")]
            for kind in KINDS:
                rows += await _measured(url, token, kind, ids, seconds, server.pid)
            return rows
        finally:
            server.terminate()


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def _measured(
    url: str, token: str, kind: str, ids: list[str], seconds: float, server: int
) -> list[Row]:
    """As many requests as the server answers, a few at once."""
    headers = {"authorization": f"Bearer {token}"}
    chance = random.Random(1)
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(client: httpx2.AsyncClient) -> None:
        while time.perf_counter() < end:
            path, params = _request(kind, chance, ids)
            began = time.perf_counter()
            answer = await client.get(path, params=params)
            taken.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text

    cpu_s = tree_cpu_s(server)
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        await asyncio.gather(*(ask(client) for _ in range(AT_ONCE)))
    p95_ms = statistics.quantiles(taken, n=20)[-1] * 1000
    cost_ms = (tree_cpu_s(server) - cpu_s) / len(taken) * 1000
    return [
        Row(f"{kind}: the server's CPU time a request", cost_ms, "ms"),
        at_least(f"{kind}: requests a second", len(taken) / seconds, 200, "/s"),
        at_most(f"{kind}: p95", p95_ms, 50, "ms"),
    ]


def _request(kind: str, chance: random.Random, ids: list[str]) -> tuple[str, dict[str, str]]:
    anywhere = Position(EPOCH + chance.randrange(len(ids) * 10_000), "x").token()
    match kind:
        case "any page":
            return "/v2/monitor/recordings", {"max": "100", "start": anywhere}
        case "one conference":
            return f"/v2/monitor/conferences/{chance.choice(ids)}/recordings", {}
        case "participants' files":
            return "/v2/monitor/recordings", {"type": "participant", "start": anywhere}
        case "version 1":
            return "/v1/monitor/recordings", {"max": "10", "start": anywhere}
    return "/v2/monitor/recordings", {"max": "100"}


def _fill(path: Path, conferences: int) -> list[str]:
    """Ten recordings a conference: 3 videos and 3 audio mixes (two parts and the whole of each),
    and participants' files."""
    chance = random.Random(7)
    ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(conferences)]
    with sqlite3.connect(path) as db:
        db.execute("insert into applications values ('app', 'Bench', '', '{}', 0)")
        db.executemany(
            "insert into conferences (id, app_key, alias, alias_key, type, owner_external_id,"
            " parameters, permissions, protected, created_at, started_at, ended_at)"
            " values (?, 'app', ?, ?, 'SDK_CONF', '', '{}', '{}', 0, ?, ?, ?)",
            [
                (id, f"Conference {n}", f"conference {n}", *[EPOCH + n * 10_000] * 3)
                for n, id in enumerate(ids)
            ],
        )
        db.executemany(
            "insert into sessions (id, conference_id, app_key, kind, folder, wanted, state, fence,"
            " created_at, closed_at) values (?, ?, 'app', 'record', ?, '{}', 'finished', 0, ?, ?)",
            [(id, id, f"sessions/{id}", EPOCH, EPOCH) for id in ids],
        )
        db.executemany(
            f"insert into recordings (id, app_key, conference_id, session_id, kind, media_type,"
            f" merged, remix, mix_id, part, layout_url, layout_name, width, height, filename,"
            f" object_key, size, duration, start_time, end_time, details, created_at, keep_until,"
            f" deleted_at) values ({', '.join('?' * 24)})",
            (_row(id, n, number) for n, id in enumerate(ids) for number in range(10)),
        )
    return ids


def _row(conference: str, n: int, number: int) -> tuple[object, ...]:
    video, legs = number < 3, number >= 6
    name = f"record_{EPOCH + n}_conf_{conference}_{number}.{'mp4' if video else 'mp3'}"
    mix = (
        ("default", 1, "default", None, 1920, 1080) if video else (None, 1, None, None, None, None)
    )
    end = EPOCH + n * 10_000 + number
    return (
        str(uuid.uuid4()),
        "app",
        conference,
        conference,
        "participant" if legs else "mix",
        "video/mp4" if video else "audio/mpeg",
        number in (2, 5, 8, 9),
        0,
        *mix,
        name,
        f"{conference}/{conference}/part-{number}/{name}",
        1_000_000 + n,
        60_000,
        end - 60_000,
        end,
        '{"userId": "u", "externalName": "A name", "externalId": "e"}' if legs else "{}",
        end,
        None,
        None,
    )


async def _serve(data: Path) -> None:
    configure_logs("info", True)
    async with open_service(data) as service:
        service.storage = open_storage(service.settings, service.secrets.urls)
        service.outbox = open_outbox(service.settings, service.database, service.storage)
        async with served(service) as there:
            print(there.url, flush=True)
            for stream in (1, 2):  # logs are written, and read by nobody
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
