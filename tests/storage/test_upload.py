"""`mixer upload`: a recording's files to a bucket, without a service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mixer.errors import StorageError, UsageError
from mixer.storage import parse_location
from mixer.storage.upload import files_of, upload

from .conftest import ACCESS, Bucket


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    made = tmp_path / "weekly"
    for name in ("mixes/default.mp4", "audio/record_1.mp3", "report/sheet.jpg", "journal/run-1",
                 "recording.json", "mixes/x.mp4.part"):  # fmt: skip
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return made


def test_what_is_uploaded(recording: Path, tmp_path: Path) -> None:
    """Finished files; what tells of them comes last."""
    names = [str(path.relative_to(recording)) for path in files_of(recording)]
    assert names == [
        "mixes/default.mp4",
        "audio/record_1.mp3",
        "report/sheet.jpg",
        "recording.json",
    ]
    with pytest.raises(UsageError):
        files_of(tmp_path / "nothing")


def test_the_command(bucket: Bucket, recording: Path) -> None:
    """It says where each file is; a second run sends no film again."""
    environment = {
        **os.environ,
        "MIXER_S3_ENDPOINT": bucket.endpoint,
        "MIXER_S3_REGION": ACCESS["region"],
        "MIXER_S3_ACCESS_KEY": ACCESS["access_key"],
        "MIXER_S3_SECRET_KEY": ACCESS["secret_key"],
    }
    command = [sys.executable, "-m", "mixer.cli", "upload", str(recording), "s3://bucket/all"]

    def urls() -> list[str]:
        done = subprocess.run(
            [*command, "--json"], env=environment, capture_output=True, text=True, check=True
        )
        return [json.loads(line)["url"] for line in done.stdout.splitlines()]

    assert urls() == [
        "s3://bucket/all/weekly/mixes/default.mp4",
        "s3://bucket/all/weekly/audio/record_1.mp3",
        "s3://bucket/all/weekly/report/sheet.jpg",
        "s3://bucket/all/weekly/recording.json",
    ]
    assert urls() == [
        "s3://bucket/all/weekly/report/sheet.jpg",
        "s3://bucket/all/weekly/recording.json",
    ]
    found = bucket.s3.get_object(Bucket="bucket", Key="all/weekly/mixes/default.mp4")
    assert found["Body"].read() == b"mixes/default.mp4"


def test_a_wrong_address_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    """Exit code 2, and nothing was made."""
    command = ["record", "http://127.0.0.1:9/rooms/x", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "mixer.cli", *command, "--upload", "ftp://bucket"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "s3://BUCKET/PREFIX" in done.stderr
    assert not (tmp_path / "out").exists()


async def test_a_bucket_that_stays_away(bucket: Bucket, recording: Path) -> None:
    """The error says how to go on; the files are where they were."""
    location = parse_location("s3://nowhere", endpoint=bucket.endpoint, **ACCESS)
    with pytest.raises(StorageError, match="mixer upload"):
        await upload(recording, location, tried_s=0.1)
    assert len(files_of(recording)) == 4
