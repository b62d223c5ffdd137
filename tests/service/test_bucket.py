"""`mixer serve` and `mixer record` with a bucket: what is slow or away delays and loses nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mixer.engine.identity import Identity
from tests.instruments.bucket import Bucket
from tests.instruments.bucket import bucket as opened
from tests.instruments.receiver import Received, receiver
from tests.service.recorded import SMALL, Site
from tests.service.test_sessions_recording import MIX, seconds_of
from tests.system.processes import process, publisher, room, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with opened() as there:
        yield there


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Received]:
    with receiver(tmp_path) as received:
        yield received


def site_with(bucket: Bucket, hook: Received, directory: Path) -> Site:
    site = Site(directory, allow_private_webhooks="true", **bucket.settings)
    site.set(webhook_url=hook.url)
    return site


def available(hook: Received, id: str) -> list[list[dict[str, Any]]]:
    """What each Recordings.Available told of, in the order in which they came."""
    found = hook.of(id, "Recordings.Available")
    return [one.event["recordings"] for one in found]


def part_began(site: Site, id: str, part: int) -> None:
    until(lambda: site.state(id)["mixes"][part - 1]["beganAt"], f"part {part} began")


def is_made(site: Site, id: str, part: int) -> bool:
    session = str(site.state(id)["sessionId"])
    return (site.data / "sessions" / session / "parts" / f"default.{part}.json").exists()


def test_a_recording_in_a_bucket(bucket: Bucket, hook: Received, tmp_path: Path) -> None:
    """The webhook's address plays; what is finished while the bucket refuses connections comes
    when it is back; deletion leaves nothing in it."""
    site = site_with(bucket, hook, tmp_path)
    with site.serving():
        id = site.conference()
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start", **MIX)
            site.until_recorded(id, 2)
            site.record(id, "stop")
            until(lambda: available(hook, id), "the first part's webhook came")
            ((first,),) = available(hook, id)
            assert first["url"].startswith(bucket.endpoint)
            path = tmp_path / "first.mp4"
            path.write_bytes(httpx2.get(first["url"]).content)
            assert seconds_of(path) > 1 and path.stat().st_size == first["size"]
            bucket.stop()
            site.record(id, "start", **MIX)
            part_began(site, id, 2)
            recorder = Identity.of(int(site.state(id)["live"]["pid"]))
            site.record(id, "stop")
            until(lambda: is_made(site, id, 2), "the second part was made")
            bucket.start()
            until(lambda: len(available(hook, id)) == 2, "the second part's webhook came")
        assert site.end(id)["status"] == "finished"
        until(lambda: len(available(hook, id)) == 3, "the whole's webhook came")
        assert [[item["merged"] for item in items] for items in available(hook, id)] == [
            [False],
            [False],
            [True],
        ]
        found = {item["filename"]: site.download(item) for item in site.files(id)}
        assert len(found) == 3
        assert sorted(found.values()) == sorted(bucket.content(key) for key in bucket.objects())
        assert site.client.delete(f"/v2/monitor/conferences/{id}/recordings").status_code == 200
        assert not bucket.objects() and not site.files(id)
        assert recorder is not None and not recorder.is_alive()  # nor makes a report any more
        assert not (site.data / "sessions" / site.state(id)["sessionId"]).exists()


def test_who_uploads_keeps_nobody_waiting(bucket: Bucket, hook: Received, tmp_path: Path) -> None:
    """While the first part is on its way into the bucket, the second one is started and stopped;
    the server is killed in the middle of it; the next one brings both there, in their order."""
    site = site_with(bucket, hook, tmp_path)
    with site.serving() as server:
        id = site.conference()
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start", **MIX)
            site.until_recorded(id, 2)
            bucket.hold()
            site.record(id, "stop")
            until(lambda: bucket.held, "the first part is on its way")
            site.record(id, "start", **MIX)
            part_began(site, id, 2)
            site.record(id, "pause")
            until(lambda: site.state(id)["live"]["paused"], "the recorder pauses")
            site.record(id, "stop")
            until(lambda: is_made(site, id, 2), "the second part was made")
            assert bucket.held and not bucket.objects()
            os.kill(server, signal.SIGKILL)
            bucket.let_go()
            with site.serving():
                until(lambda: len(available(hook, id)) == 2, "both parts' webhooks came")
                assert site.end(id)["status"] == "finished"
                until(lambda: len(available(hook, id)) == 3, "the whole's webhook came")
                items = [item for event in available(hook, id) for item in event]
                assert [item["merged"] for item in items] == [False, False, True]
                assert items[0]["startTime"] < items[1]["startTime"]
                assert len(bucket.objects()) == 3


def test_a_recording_without_a_service_is_uploaded(bucket: Bucket, tmp_path: Path) -> None:
    """`mixer record --upload`: every file, byte for byte, and what tells of them; the bucket comes
    back while it is tried."""
    access = {f"MIXER_{name.upper()}": value for name, value in bucket.settings.items()}
    out = tmp_path / "weekly"
    flags = ("--out", str(out), "--mix", "size=320x240,fps=15", "--duration", "3")
    argv = ("mixer.cli", "record", *flags, "--upload", "s3://bucket/all", "--json")
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        bucket.stop()
        with process(*argv, url, log=tmp_path / "record.log", **access) as recorder:
            until((out / "recording.json").exists, "it was recorded")
            assert not bucket.objects()
            bucket.start()
            assert recorder.wait(120) == 0, (tmp_path / "record.log").read_text()
    found = {key.removeprefix("all/weekly/"): bucket.content(key) for key in bucket.objects()}
    assert {"mixes/default.mp4", "recording.json", "report/report.html"} <= set(found)
    assert all((out / name).read_bytes() == content for name, content in found.items())
