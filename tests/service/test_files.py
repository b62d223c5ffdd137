"""Files are published once, whole, under the contract's names, with the events of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mixer.errors import StorageError
from mixer.records.models import Recording
from mixer.service import applications, files
from mixer.service.context import Service
from mixer.service.files import FileMade
from mixer.storage.store import Storage
from mixer.webhooks.bodies import rendered

from .conftest import BOTH_DATABASES
from .published import EPOCH, Archive, asked
from .published import archive as archive
from .published import service as service

pytestmark = BOTH_DATABASES


async def test_a_file_is_published_with_its_event(archive: Archive) -> None:
    """In the storage, in the list and in the outbox, with the contract's name."""
    conference = await archive.conference()
    session = await archive.session(conference)
    mix = asked(
        "stage",
        layout_url="https://layout.example.org/",
        layout_name="Stage",
        width=1080,
        height=1920,
    )
    made = archive.made(session, "parts/stage.1.mp4", b"film", mix=mix, part=1)
    (row,) = await archive.publish(session, made)
    assert row.filename == f"record_{EPOCH}_conf_{conference.id}_stage.mp4"
    assert await archive.service.storage.size(row.object_key) == 4
    assert (row.kind, row.merged, row.remix, row.part) == ("mix", False, False, 1)
    assert row.end_time == EPOCH + 6_400
    (event,) = await archive.events()
    assert event.type == "Recordings.Available" and event.recordings == [row.id]
    told = rendered(event.type, event.body, [row], {row.id: "https://u"}, region="us", now=EPOCH)
    assert told == {
        "eventType": "Recordings.Available",
        "thirdPartyId": archive.app_key,
        "conference": {"confId": conference.id, "confAlias": "Weekly sync"},
        "createdAt": "2023-11-14T22:13:20.000Z",
        "recordings": [
            {
                "region": "us",
                "url": "https://u",
                "createdAt": "2023-11-14T22:13:20.000Z",
                "recordingType": "mix",
                "duration": 6_400,
                "filename": row.filename,
                "size": 4,
                "startTime": EPOCH,
                "mediaType": "video/mp4",
                "merged": False,
                "mix": {
                    "mixId": "stage",
                    "layoutUrl": "https://layout.example.org/",
                    "width": 1080,
                    "height": 1920,
                    "layoutName": "Stage",
                },
            }
        ],
    }


async def test_publishing_again_is_harmless(archive: Archive) -> None:
    """Only what is new makes rows and events, whoever asks how often."""
    session = await archive.session(await archive.conference())
    first = archive.made(session, "parts/default.1.mp4", part=1)
    second = archive.made(session, "parts/default.2.mp4", part=2)
    assert len(await archive.publish(session, first)) == 1
    assert await archive.publish(session, first) == []
    assert len(await archive.publish(session, first, second)) == 1
    assert len(await archive.events()) == 2


async def test_a_part_and_the_whole_have_different_names(archive: Archive) -> None:
    """Whoever saves all files in one folder loses none."""
    session = await archive.session(await archive.conference())
    (part,) = await archive.publish(session, archive.made(session, "parts/a.1.mp4", part=1))
    (whole,) = await archive.publish(session, archive.made(session, "mixes/a.mp4", merged=True))
    assert whole.filename == part.filename.replace(".mp4", "_merged.mp4")
    assert whole.merged


async def test_a_storage_that_fails_loses_nothing(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stays where it is; nothing is listed or told before it can be downloaded."""
    session = await archive.session(await archive.conference())
    made = archive.made(session, "mixes/default.mp4", merged=True)

    async def failing(self: Storage, path: Path, key: str, media_type: str | None = None) -> int:
        raise StorageError("the bucket is away")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "put", failing)
        with pytest.raises(StorageError):
            await archive.publish(session, made)
    assert await archive.events() == [] and made.path.exists()
    assert len(await archive.publish(session, made)) == 1


async def test_participants_are_named(archive: Archive) -> None:
    """A participant's file says whose it is, and keeps the name the recorder gave it."""
    conference = await archive.conference()
    await archive.stay(conference, "p1", ip_address="192.0.2.1", avatar_url="https://a/x.png")
    session = await archive.session(conference)
    name = f"record_{EPOCH}_conn_p1_{EPOCH + 100}.mp3"
    details = {"participantId": "p1", "source": "Camera", "stayStartedAt": EPOCH + 100}
    made = archive.made(session, f"audio/{name}", kind="participant", details=details, merged=True)
    (row,) = await archive.publish(session, made)
    assert row.filename == name
    assert row.details["userId"] == "p1"
    assert row.details["externalName"] == "Name of p1"
    assert row.details["ipAddress"] == "192.0.2.1"
    assert (row.keep_until or 0) - row.created_at == 15 * 86_400_000


def audio(archive: Archive, session: Any, part: int | None) -> list[FileMade]:
    place = {"merged": True} if part is None else {"part": part}
    folder = "audio" if part is None else f"parts/{part}"
    start = EPOCH + 1000 * (part or 1)
    details = {"participantId": "p1", "stayStartedAt": start}
    return [
        archive.made(session, f"{folder}/mix.mp3", start_time=start, **place),
        archive.made(
            session,
            f"{folder}/record_{start}_conn_p1_{start}.mp3",
            kind="participant",
            details=details,
            start_time=start,
            **place,
        ),
    ]


async def types(archive: Archive) -> list[str]:
    return [event.type for event in await archive.events()]


async def test_the_deprecated_video_event(archive: Archive) -> None:
    """Of the whole recording only, and not at all with several mixes."""
    one = await archive.session(await archive.conference())
    await archive.mix(one, "default")
    await archive.publish(one, archive.made(one, "parts/default.1.mp4", part=1))
    assert await types(archive) == ["Recordings.Available"]
    await archive.publish(one, archive.made(one, "mixes/default.mp4", merged=True))
    assert (await types(archive))[1:] == ["Recordings.Available", "Recording.MP4.Available"]
    two = await archive.session(await archive.conference("Two"))
    for mix_id in ("a", "b"):
        await archive.mix(two, mix_id)
    mixes = [archive.made(two, f"mixes/{n}.mp4", mix=asked(n), merged=True) for n in "ab"]
    await archive.publish(two, *mixes)
    assert (await types(archive))[3:] == ["Recordings.Available"]


async def test_both_files_in_one_deprecated_event(archive: Archive) -> None:
    """Without Dolby Voice, format BOTH: when both are there, the MP3's address first."""
    parameters = {"dolbyVoice": False, "recording": {"format": ["mp3", "mp4"]}}
    session = await archive.session(await archive.conference(parameters=parameters))
    (video,) = await archive.publish(session, archive.made(session, "a.mp4", merged=True))
    assert await types(archive) == ["Recordings.Available"]
    (sound,) = await archive.publish(session, archive.made(session, "a.mp3", merged=True))
    event = (await archive.events())[-1]
    assert event.type == "Recording.MP4.Available"
    assert event.recordings == [sound.id, video.id]
    urls = {sound.id: "https://s", video.id: "https://v"}
    told = rendered(event.type, event.body, [sound, video], urls, region="us", now=EPOCH)
    assert told["url"] == "https://s|https://v" and told["splits"] is None


async def test_the_deprecated_audio_event(archive: Archive) -> None:
    """The whole, its parts as records, and in each the participants' files (contract 5.3)."""
    conference = await archive.conference()
    await archive.stay(conference, "p1")
    session = await archive.session(conference)
    rows: list[Recording] = []
    for part in (1, 2, None):
        rows += await archive.publish(session, *audio(archive, session, part))
    event = (await archive.events())[-1]
    assert event.type == "Recording.Audio.Available"
    listed = [next(row for row in rows if row.id == id) for id in event.recordings]
    urls = {row.id: f"https://{row.object_key}" for row in rows}
    told = rendered(event.type, event.body, listed, urls, region="us", now=EPOCH)
    whole = rows[4]
    assert (told["filename"], told["size"]) == (whole.filename, whole.size)
    assert [record["startTime"] for record in told["records"]] == [EPOCH + 1000, EPOCH + 2000]
    for record, split in zip(told["records"], (rows[1], rows[3]), strict=True):
        (only,) = record["splits"]
        assert only["url"] == urls[split.id] and only["userId"] == "p1"
        assert only["metadata"] == {
            "preferSendMono": "false",
            "externalName": "Name of p1",
            "externalId": "ext-p1",
            "externalPhotoUrl": "",
            "ipAddress": "",
        }


async def test_own_addresses_need_no_signature_where_that_is_set(
    service: Service, archive: Archive
) -> None:
    """Without secured provisioning an address has no signature: a token does instead."""
    row = await archive.recorded()
    app = await applications.change(service.database, archive.app_key, {"signed_urls": False})
    (url,) = await files.urls_of(service, app, [row])
    assert "signature" not in url and url.endswith(row.object_key)
