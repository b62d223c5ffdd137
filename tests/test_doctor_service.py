"""The doctor looks at what `mixer serve` would use, and leaves nothing there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mixer.doctor.service import examine_service
from mixer.records import Database
from mixer.records.migrate import upgrade
from mixer.service.settings import ServiceSettings
from tests.instruments.postgresql import new_database
from tests.storage.conftest import ACCESS, Bucket
from tests.storage.conftest import bucket as bucket
from tests.storage.conftest import s3_server as s3_server


def states(config: Path | None, data: Path | None) -> dict[str, tuple[str, str]]:
    findings = examine_service(config, data)
    assert all(one.remedy for one in findings if one.state != "ok")
    assert all("\n" not in one.what + one.remedy for one in findings)
    return {one.name: (one.state, one.what) for one in findings}


def written(folder: Path, **settings: object) -> Path:
    """A file of settings; JSON's texts and numbers are TOML's."""
    path = folder / "mixer.toml"
    path.write_text("".join(f"{name} = {json.dumps(one)}\n" for name, one in settings.items()))
    return path


def test_nothing_there_yet(tmp_path: Path) -> None:
    """All is well on a new machine, and nothing is made."""
    found = states(None, tmp_path / "data")
    assert {state for state, _ in found.values()} == {"ok"}
    assert "will be made" in found["Data"][1] and "will be made" in found["Database"][1]
    assert list(tmp_path.iterdir()) == []


def test_postgresql_and_a_bucket(tmp_path: Path, bucket: Bucket, postgresql: str) -> None:
    """Both are asked; the bucket is as empty as before."""
    url = new_database(postgresql)
    s3 = {
        "storage_url": "s3://bucket/recordings",
        "s3_endpoint": bucket.endpoint,
        "s3_access_key": ACCESS["access_key"],
        "s3_secret_key": ACCESS["secret_key"],
        "s3_region": ACCESS["region"],
    }
    config = written(tmp_path, data=str(tmp_path), database_url=url, **s3)
    found = states(config, None)
    assert found["Database"] == ("ok", "PostgreSQL, without tables yet")
    assert found["Files"][0] == "ok" and "put, read and removed" in found["Files"][1]
    assert bucket.s3.list_objects_v2(Bucket="bucket").get("KeyCount") == 0
    asyncio.run(_made(url))
    wrong = {**s3, "storage_url": "s3://nothing/x"}
    config = written(tmp_path, data=str(tmp_path), database_url=url, **wrong)
    found = states(config, None)
    assert found["Database"][1].startswith("PostgreSQL, revision ")
    assert found["Files"][0] == "failed" and "s3://nothing/x" in found["Files"][1]


async def _made(url: str) -> None:
    database = Database(ServiceSettings(database_url=url).database_address)
    await upgrade(database)
    await database.close()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"databse_url": "x"}, "Settings"),
        ({"port": 99999}, "Settings"),
        ({"database_url": "postgresql://mixer@127.0.0.1:9/mixer"}, "Database"),
        ({"data": __file__}, "Data"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, settings: dict[str, object], name: str) -> None:
    config = written(tmp_path, **{"data": str(tmp_path), **settings})
    assert states(config, None)[name][0] == "failed"


def test_a_public_server_needs_https(tmp_path: Path) -> None:
    """Browsers give no camera otherwise."""
    config = written(tmp_path, data=str(tmp_path), host="0.0.0.0", public_url="http://x.example")
    assert states(config, None)["Address"][0] == "warning"
