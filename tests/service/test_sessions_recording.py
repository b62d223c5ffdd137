"""Recordings by the API with everything real: server, Janus, recorders, pages, files; and what
becomes of them when the recorder or the server is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mixer.conference.session import join
from tests.service.recorded import SMALL, Site
from tests.system.processes import publisher, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

MIX = {"width": 480, "height": 390}
TALL = {"mixId": "tall", "width": 390, "height": 480, "layoutUrl": "http://nowhere.invalid/page"}


def seconds_of(path: Path) -> float:
    """The length of a file that a player can play."""
    argv = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    done = subprocess.run([*argv, str(path)], capture_output=True, text=True, check=True)
    assert not done.stderr
    return float(done.stdout)


def lengths(site: Site, id: str) -> dict[tuple[Any, ...], float]:
    """Every file that can be downloaded, by mix, media type and whether it is merged."""
    found = {}
    for item in site.files(id):
        path = site.directory / item["filename"]
        path.write_bytes(site.download(item))
        mix = item.get("mix", {}).get("mixId")
        found[mix, item["mediaType"], item["merged"]] = seconds_of(path)
        assert abs(item["duration"] / 1000 - seconds_of(path)) < 0.15
    return found


async def robot_in(url: str) -> Any:
    """The first robot who comes where a listener waits."""
    async with await join(url, "Watcher", "listener") as session:
        async for type, data in session.events():
            if type == "participant.added" and data["participant"]["type"] == "robot":
                return data["participant"]
    raise AssertionError("the conference ended before a robot came")


def test_mixes_are_started_stopped_killed_and_merged(tmp_path: Path) -> None:
    """Two mixes at once; the recorder is killed and another goes on within the same parts; a part
    that is stopped can be downloaded while the conference goes on; in the end there is one file of
    each mix. The page of one cannot be loaded: that it was replaced is said of state and files."""
    site = Site(tmp_path)
    with site.serving():
        id = site.conference()
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start", **MIX)
            site.record(id, "start", **TALL, layoutName="mine")
            until(lambda: all(m["beganAt"] for m in site.state(id)["mixes"]), "both began")
            site.until_recorded(id, 2)
            first = site.state(id)["live"]["pid"]
            site.kill_recorder(id)
            until(
                lambda: (site.state(id)["live"] or {}).get("pid", first) != first,
                "another recorder went on",
            )
            site.until_recorded(id, 5)
            site.record(id, "stop", mixId="tall")
            until(lambda: site.files(id), "the stopped part can be downloaded")
            part = site.files(id)[0]
            assert (part["mix"]["mixId"], part["merged"]) == ("tall", False)
            assert "nowhere.invalid" in part["mix"]["layoutReplaced"]
            site.record(id, "start", **TALL)
            until(lambda: site.state(id)["mixes"][-1]["beganAt"], "the second part began")
            until(lambda: site.state(id)["mixes"][-1]["layoutReplaced"], "it is told meanwhile")
            seconds = site.recorded_s(id)
            site.until_recorded(id, seconds + 2)
            state = site.end(id)
    with site.serving():  # everything is there after a restart, too
        assert site.state(id) == state
        found = lengths(site, id)
        told = [item["mix"] for item in site.files(id)]
    assert (state["status"], state["error"]) == ("finished", None)
    replaced = [mix["mixId"] for mix in state["mixes"] if mix["layoutReplaced"]]
    assert replaced == ["tall", "tall"]
    assert {mix["mixId"] for mix in told if "layoutReplaced" in mix} == {"tall"}
    assert sum("layoutReplaced" in mix for mix in told) == 2
    assert [(mix["mixId"], mix["part"]) for mix in state["mixes"]] == [
        ("default", 1),
        ("tall", 1),
        ("tall", 2),
    ]
    video = "video/mp4"
    assert set(found) == {("tall", video, False), ("default", video, True), ("tall", video, True)}
    assert found["tall", video, True] > found["tall", video, False] + 1
    assert found["default", video, True] > found["tall", video, True] - 2


def test_a_killed_server_finds_its_recordings_again(tmp_path: Path) -> None:
    """kill -9 of the server and Janus: the recorder lives, and is the same one afterwards; it obeys
    the new server, pauses and resumes, and its file is whole."""
    site = Site(tmp_path)
    with site.serving() as pid:
        id = site.conference()
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start", **MIX)
            site.until_recorded(id, 2)
            recorder = site.state(id)["live"]["pid"]
            os.kill(pid, signal.SIGKILL)
            with site.serving():
                assert site.state(id)["live"]["pid"] == recorder
                seen = site.recorded_s(id)
                site.until_recorded(id, seen + 2)
                site.record(id, "pause")
                until(lambda: site.state(id)["live"]["paused"], "the recorder pauses")
                site.record(id, "resume")
                until(lambda: not site.state(id)["live"]["paused"], "the recorder goes on")
                site.until_recorded(id, site.recorded_s(id) + 1)
                state = site.end(id)
                found = lengths(site, id)
    assert state["status"] == "finished"
    assert set(found) == {("default", "video/mp4", True)}
    assert found["default", "video/mp4", True] > 4


def test_without_live_recording_a_remix_makes_the_files(tmp_path: Path) -> None:
    """Only the raw recording is made; nothing can be downloaded until it is remixed, in any size,
    sound too; with a replay its participants are there again."""
    site = Site(tmp_path)
    with site.serving():
        id = site.conference(liveRecording=False, recording={"format": ["mp3", "mp4"]})
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start")
            site.until_recorded(id, 3)
            site.record(id, "stop")
            until(lambda: site.state(id)["status"] == "idle", "it was stopped")
            assert site.end(id)["status"] == "finished"
        assert not site.files(id)
        path = f"/v2/conferences/mix/{id}/remix"
        begun = site.post(f"{path}/start", width=390, height=390)
        assert begun["status"] == "IN_PROGRESS"
        until(lambda: site.get(f"{path}/status")["status"] != "IN_PROGRESS", "it was remixed")
        assert site.get(f"{path}/status")["status"] == "COMPLETED"
        found = lengths(site, id)
        replayed = site.post(f"/rooms/{id}/replay", 201, offset=0)["conferenceId"]
        robot = asyncio.run(asyncio.wait_for(robot_in(f"{site.url}/rooms/{replayed}"), 90))
        assert robot["name"] == "Ada"
        path = f"/v2/conferences/{replayed}/participants"
        until(lambda: site.client.get(path).status_code == 404, "the replay ended its conference")
    assert set(found) == {("default", "video/mp4", True), (None, "audio/mpeg", True)}
    assert all(2 < seconds < 30 for seconds in found.values())


def test_mp3_makes_sound_only(tmp_path: Path) -> None:
    """No page is opened; each stop and the whole give an MP3."""
    site = Site(tmp_path)
    with site.serving():
        id = site.conference(recording={"format": ["mp3"]})
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            site.record(id, "start", layoutUrl="http://nowhere.invalid/page")
            site.until_recorded(id, 2)
            site.record(id, "stop")
            until(lambda: site.files(id), "the part can be downloaded")
            assert site.end(id)["status"] == "finished"
        found = lengths(site, id)
    assert set(found) == {(None, "audio/mpeg", False), (None, "audio/mpeg", True)}
