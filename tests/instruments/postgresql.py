"""A PostgreSQL of the tests' own: a new cluster in a folder, reached by its socket there.

PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

NOBODY = 65534
START_TIMEOUT_S = 60


def new_database(cluster: str) -> str:
    """The address of a new, empty database in a running cluster."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return cluster.replace("@/postgres?", f"@/{name}?")


def programs() -> Path | None:
    """The folder of initdb and postgres; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found:
        candidates.insert(0, Path(found).resolve().parent)
    return next((one for one in candidates if (one / "postgres").exists()), None)


@contextlib.contextmanager
def running_postgresql() -> Iterator[str]:
    """The address of a new cluster's first database; the cluster is gone afterwards."""
    found = programs()
    assert found is not None, "install postgresql (apt-get install postgresql)"
    folder = Path(tempfile.mkdtemp(prefix="mixer-pg-", dir="/tmp"))  # short: a socket's path
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        _run([found / "initdb", "-D", folder / "data", "-U", "mixer", "-A", "trust", "-N"], folder)
        with _server(found, folder):
            yield f"postgresql://mixer@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(found: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Without a port, without syncing: the tests' data may be lost."""
    quick = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "listen_addresses="]
    argv = [found / "postgres", "-D", folder / "data", "-k", folder, *quick]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [*_unprivileged(), *map(str, argv)], cwd=folder, stdout=log, stderr=log
        )
        try:
            _wait(found, folder, server)
            yield server
        finally:
            server.terminate()
            server.wait(START_TIMEOUT_S)


def _wait(found: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    ready = [str(found / "pg_isready"), "-q", "-h", str(folder), "-U", "mixer"]
    while subprocess.run(ready, check=False).returncode != 0:
        assert server.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, "PostgreSQL does not start"
        time.sleep(0.05)


def _run(argv: list[object], folder: Path) -> None:
    done = subprocess.run(
        [*_unprivileged(), *map(str, argv)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
