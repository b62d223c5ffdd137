"""A service as it looks after some weeks: applications, conferences, files, webhooks, a recording
that goes on. Files are real; the live recorder is its real control socket, answered here."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

from mixer.recorder.control import listening
from mixer.recorder.plan import MixPlan, Plan, RecordFolder
from mixer.records.models import Conference, Event, Mix, Session
from mixer.service import applications
from mixer.service.conferences import alias_key
from mixer.service.context import Service, now_ms
from mixer.service.sessions import Sessions
from mixer.storage import open_storage
from mixer.webhooks import open_outbox
from tests.service.conftest import RoomsNotebook, open_service
from tests.service.published import Archive, asked

DAY_MS = 24 * 3_600_000
MINUTE_MS = 60_000
PEOPLE = ("Ada Lovelace", "Grace Hopper", "Karl Jansky", "Mileva Marić", "Wu Chien-Shiung")
TITLES = ("Weekly sync", "Design review", "Town hall", "Customer interview", "Board meeting")
COLOURS = ("#264653", "#2a9d8f", "#8a5a44", "#6d597a")


def video(path: Path, names: tuple[str, ...], seconds: float = 2.0) -> Path:
    """A small MP4 that looks like a mix of these people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.time_base = Fraction(1, 10)
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(np.asarray(_picture(names, number)))
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def _picture(names: tuple[str, ...], number: int) -> Image.Image:
    picture = Image.new("RGB", (640, 360), "#14171c")
    draw = ImageDraw.Draw(picture)
    across = 2 if len(names) > 1 else 1
    down = (len(names) + 1) // 2
    for index, name in enumerate(names):
        width, height = 620 // across, 340 // down
        x, y = 10 + index % across * width, 10 + index // across * height
        box = (x + 4, y + 4, x + width - 4, y + height - 4)
        draw.rounded_rectangle(box, 12, COLOURS[index % len(COLOURS)])
        middle, face = (x + width // 2, y + height // 2), min(width, height) // 4
        bob = number % 10
        draw.ellipse(
            (middle[0] - face, middle[1] - face - bob, middle[0] + face, middle[1] + face - bob),
            fill="#e9c8a7",
        )
        draw.text((x + 16, y + height - 28), name, fill="#ffffff")
    return picture


def sound(path: Path, seconds: float = 2.0) -> Path:
    """A small MP3: a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=48_000, layout="mono")
        t = np.arange(round(48_000 * seconds)) / 48_000
        samples = (8000 * np.sin(2 * np.pi * 220 * t)).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path


@contextlib.asynccontextmanager
async def empty_service(data: Path, **fields: Any) -> AsyncIterator[Service]:
    """With real storage, outbox and sessions; without Janus and recorders."""
    fields = {"rooms": RoomsNotebook(), "allow_private_webhooks": True, **fields}
    async with open_service(data, **fields) as service:
        service.storage = open_storage(service.settings, service.secrets.urls)
        service.outbox = open_outbox(service.settings, service.database, service.storage)
        service.sessions = Sessions(service)
        yield service


@dataclass
class Site:
    """What was made, for tests to look at."""

    service: Service
    keys: list[str]
    recorded: Conference
    live: Conference
    live_session: Session


async def seed(service: Service, conferences: int = 40) -> Site:
    """Rows as after some weeks, always the same ones but for the time they count from."""
    chance = random.Random(7)
    keys = []
    for name in ("Town hall", "Interviews (Zürich)"):
        key, _ = await applications.create(service.database, name)
        await applications.change(
            service.database, key, {"webhook_url": "https://example.org/hooks/recordings"}
        )
        keys.append(key)
    now, archives = now_ms(), [Archive(service, key) for key in keys]
    film = video(service.settings.data / "film.mp4", PEOPLE[:4])
    tone = sound(service.settings.data / "tone.mp3")
    recorded = None
    for number in range(conferences - 1):
        at = now - number * 17 * 3_600_000 - 3 * 3_600_000
        archive = archives[number % 2]
        conference = await archive.conference(
            f"{TITLES[number % len(TITLES)]} {number + 1}",
            created_at=at,
            started_at=at + 5_000,
            ended_at=at + (20 + number) * MINUTE_MS,
            end_reason="ended",
        )
        await _people(archive, conference, chance)
        if number % 3 == 0:
            await _recorded(archive, conference, film, tone, at)
            recorded = recorded or conference
    live, session = await _live(archives[0], now)
    assert recorded is not None
    await _settle(service, now)
    return Site(service, keys, recorded, live, session)


async def _people(archive: Archive, conference: Conference, chance: random.Random) -> None:
    assert conference.started_at is not None and conference.ended_at is not None
    for number, name in enumerate(chance.sample(PEOPLE, 3)):
        await archive.stay(
            conference,
            f"{conference.id[:8]}-{number}",
            name=name,
            joined_at=conference.started_at + number * 20_000,
            left_at=conference.ended_at,
            reason="hangUp",
            speaking_ms=chance.randrange(600_000),
        )


async def _recorded(
    archive: Archive, conference: Conference, film: Path, tone: Path, at: int
) -> None:
    session = await archive.session(conference, created_at=at, closed_at=at + 30 * MINUTE_MS)
    fields: dict[str, Any] = {"start_time": at + 60_000, "duration": 18 * MINUTE_MS}
    wanted = {"live": True, "format": "both", "paused": False}
    async with archive.service.database.writing() as db:
        (await db.get_one(Session, session.id)).wanted = wanted
    await archive.mix(session, "default")
    mix = asked(width=640, height=360)
    who = {
        "participantId": f"{conference.id[:8]}-0",
        "source": "Camera",
        "stayStartedAt": at + 60_000,
    }
    video_bytes, audio_bytes = film.read_bytes(), tone.read_bytes()
    await archive.publish(
        session,
        archive.made(session, "mixes/default.mp4", video_bytes, mix=mix, merged=True, **fields),
        archive.made(session, "parts/default.1.mp4", video_bytes, mix=mix, part=1, **fields),
        archive.made(session, "audio/all.mp3", audio_bytes, merged=True, **fields),
        archive.made(
            session, "audio/one.mp3", audio_bytes, kind="participant", details=who, **fields
        ),
    )
    report = archive.service.settings.data / session.folder / "report" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text(
        '<!doctype html><meta charset="utf-8"><title>Report</title><h1>Report</h1>'
        '<video src="../mixes/default.mp4" preload="metadata"></video>'
    )


async def _live(archive: Archive, now: int) -> tuple[Conference, Session]:
    alias = "Research colloquium"
    began = now - 12 * MINUTE_MS
    conference = await archive.conference(
        alias,
        alias_key=alias_key(alias),
        created_at=began,
        started_at=began,
        ended_at=None,
        parameters={"liveRecording": True},
    )
    for name in PEOPLE[:3]:
        await archive.stay(conference, name[:3], name=name, joined_at=began, left_at=None)
    session = await archive.session(conference, state="running", created_at=began, closed_at=None)
    async with archive.service.database.writing() as db:
        row = await db.get_one(Session, session.id)
        row.wanted = {"live": True, "format": "mp4", "paused": False}
        size = {"width": 1280, "height": 720}
        times = {"started_at": began + 30_000, "began_at": began + 31_000}
        db.add(Mix(session_id=session.id, mix_id="default", part=1, **size, **times))
    folder = RecordFolder(archive.service.settings.data / session.folder)
    mix = MixPlan(width=1280, height=720, start_ns=0)
    folder.save(Plan(url="http://127.0.0.1/rooms/x", mixes=(mix,)))
    video(folder.mix_work(mix).segment(0), PEOPLE[:3], 0.5)
    return conference, session


async def _settle(service: Service, now: int) -> None:
    """Webhooks that were delivered, were given up, and are due."""
    answers: list[tuple[str, dict[str, Any]]] = [
        ("delivered", {"status": "200 OK", "headers": {"content-type": "text/plain"}}),
        ("dead", {"error": "the receiver did not answer within 10 s"}),
    ]
    from sqlalchemy import select

    async with service.database.writing() as db:
        for number, event in enumerate(await db.scalars(select(Event).order_by(Event.id))):
            state, response = answers[number % 9 == 4]
            event.state, event.response = state, response
            event.attempts = 1 if state == "delivered" else 14
            event.sent_at, event.next_attempt_at = now - number * 60_000, None
            event.created_at = now - number * 60_000 - 900
            event.sent_body = json.dumps(event.body)


@contextlib.asynccontextmanager
async def recorder(site: Site, **changed: Any) -> AsyncIterator[dict[str, Any]]:
    """Answers as the live recording's recorder; what it says may be changed meanwhile."""
    mix = {"part": 1, "running": True, "stage": "live", "lag_s": 1.4, "size": "1280x720", "fps": 30}
    track = {"bps": 1_450_000, "packets": 81_234, "lost": 3, "kind": "video"}
    said: dict[str, Any] = {
        "pid": 1,
        "stage": "recording",
        "elapsed_s": 700.0,
        "recorded_s": 689.2,
        "paused": False,
        "free_bytes": 50_000_000_000,
        "ingest": {"users": 3, "participants": 4, "tracks": [track] * 6, "lost": 21, "late": 0},
        "ingest_restarts": 0,
        "mixes": {"default": {**mix, "frames": 20_676, "total": None, "error": None}},
        "sound": None,
        **changed,
    }

    async def answer(command: str, fields: dict[str, Any]) -> dict[str, Any]:
        return said

    socket = site.service.settings.data / site.live_session.folder / "control.sock"
    async with listening(socket, answer):
        yield said
