"""What events say (contract 5.1 to 5.4). Pure: rows in, JSON objects out.

`envelope` is what all have in common; the other functions give what each adds to it. Download
addresses last ten minutes and an event may be tried for a day, so files are put in by `rendered`
when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from ..records.models import Attendance, Conference, Recording

WITHOUT_REGION = ("Recordings.Available",)  # its items have it
JOINED = "|"  # between the addresses of one Recording.MP4.Available

Urls = Mapping[str, str]  # recording's id → address
RecordingFacts = Recording | Row[Any]  # an object, or a row with columns of the same names


def iso(at_ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(type: str, conference: Conference, region: str) -> dict[str, Any]:
    return {
        "eventType": type,
        "thirdPartyId": conference.app_key,
        "conference": {"confId": conference.id, "confAlias": conference.alias},
        **({} if type in WITHOUT_REGION else {"region": region}),
    }


# --- recordings --------------------------------------------------------------------------------


def recording_item(
    recording: RecordingFacts, *, region: str, url: str, created_at: str
) -> dict[str, Any]:
    """A file as monitor and events tell it (contract 4.1). `merged` is ours.

    `created_at`: when the address was made, ISO 8601.
    """
    item: dict[str, Any] = {
        "region": region,
        "url": url,
        "createdAt": created_at,
        "recordingType": recording.kind,
        "duration": recording.duration,
        "filename": recording.filename,
        "size": recording.size,
        "startTime": recording.start_time,
        "mediaType": recording.media_type,
        "merged": recording.merged,
    }
    if recording.media_type.startswith("video/"):
        item["mix"] = _mix(recording)
    if recording.kind == "participant":
        item |= {"userId": recording.details.get("userId", ""), "metadata": _person(recording)}
    return item


def live_in_progress(
    now: int,
    *,
    layout_url: str | None = None,
    layout_name: str | None = None,
    mix_id: str | None = None,
    width: int | None = None,
    height: int | None = None,
) -> dict[str, Any]:
    """A live recording or a remix has started; the mix only with MP4 and BOTH."""
    told = {
        "createdAt": iso(now),
        "startedAt": iso(now),
        "layoutUrl": layout_url,
        "layoutName": layout_name,
        "mixId": mix_id,
        "width": width,
        "height": height,
    }
    return {name: value for name, value in told.items() if value is not None}


def recording_failed(
    now: int,
    *,
    reason: str,
    mix_id: str | None = None,
    layout_url: str | None = None,
    layout_name: str | None = None,
    saved: Sequence[str] = (),
) -> dict[str, Any]:
    """Ours. `reason`: a sentence; `saved`: what there is all the same, such as `raw`; of a mix
    also what it was asked for with."""
    body: dict[str, Any] = {"createdAt": iso(now), "reason": reason, "saved": list(saved)}
    of_mix = {"mixId": mix_id, "layoutUrl": layout_url, "layoutName": layout_name}
    return body | {name: value for name, value in of_mix.items() if value is not None}


def audio_records(
    recordings: Sequence[RecordingFacts], urls: Urls, *, name: str, inner_user_id: bool
) -> list[dict[str, Any]]:
    """Audio mixes, each with its participants' files as `splits` (contract 4.4 and 5.3).

    Parts where there are any, else whole recordings. The monitor's v1 writes `fileName` and has
    `userID` among the metadata, the event writes `filename` and has `userId` outside.
    """
    mixes = []
    splits: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for one in sorted(recordings, key=_start_time):
        if one.kind == "participant":
            of = one.session_id, one.part, one.merged
            splits.setdefault(of, []).append(_split(one, urls, name, inner_user_id))
        elif one.media_type == "audio/mpeg":
            mixes.append(one)
    records = []
    for mix in [one for one in mixes if not one.merged] or mixes:
        record = _audio_file(mix, urls, name)
        theirs = splits.get((mix.session_id, mix.part, mix.merged))
        if theirs:
            record["splits"] = theirs
        records.append(record)
    return records


def rendered(
    type: str,
    body: Mapping[str, Any],
    recordings: Sequence[Recording],
    urls: Urls,
    *,
    region: str,
    now: int,
) -> dict[str, Any]:
    """An event as it is sent. `recordings`: in the order in which the event lists them."""
    if type == "Recordings.Available":
        items = [
            recording_item(one, region=region, url=urls[one.id], created_at=iso(now))
            for one in recordings
        ]
        return {**body, "createdAt": iso(now), "recordings": items}
    if type == "Recording.MP4.Available":
        return {**body, "url": JOINED.join(urls[one.id] for one in recordings)}
    if type == "Recording.Audio.Available":
        whole = recordings[0]
        records = audio_records(recordings, urls, name="filename", inner_user_id=False)
        told = {
            "filename": whole.filename,
            "duration": whole.duration,
            "size": whole.size,
            "url": urls[whole.id],
        }
        return {**body, **told, "records": records}
    return dict(body)


def mp4_available(video: Recording) -> dict[str, Any]:
    """Deprecated; its addresses come when it is sent."""
    return {
        "layoutName": video.layout_name or "",
        "layoutUrl": video.layout_url or "",
        "splits": None,
        "duration": video.duration,
    }


def _mix(recording: RecordingFacts) -> dict[str, Any]:
    mix = {
        "mixId": recording.mix_id or "default",
        "layoutUrl": recording.layout_url or "default",
        "width": recording.width,
        "height": recording.height,
    }
    named = {"layoutName": recording.layout_name} if recording.layout_name else {}
    replaced = recording.details.get("layoutReplaced")
    return mix | named | ({"layoutReplaced": replaced} if replaced is not None else {})


def _audio_file(recording: RecordingFacts, urls: Urls, name: str) -> dict[str, Any]:
    return {
        "startTime": recording.start_time,
        "duration": recording.duration,
        "size": recording.size,
        name: recording.filename,
        "url": urls[recording.id],
    }


def _start_time(recording: RecordingFacts) -> int:
    start: int = recording.start_time
    return start


def _split(recording: RecordingFacts, urls: Urls, name: str, inner_user_id: bool) -> dict[str, Any]:
    user_id = recording.details.get("userId", "")
    person = _person(recording)
    split = _audio_file(recording, urls, name)
    if inner_user_id:
        return split | {"metadata": {"userID": user_id, **person}}
    return split | {"userId": user_id, "metadata": {"preferSendMono": "false", **person}}


def _person(recording: RecordingFacts) -> dict[str, Any]:
    names = ("externalName", "externalId", "externalPhotoUrl", "ipAddress")
    return {name: recording.details.get(name, "") for name in names}


# --- conferences and participants --------------------------------------------------------------


def conference_created(conference: Conference) -> dict[str, Any]:
    owner = conference.owner_external_id
    return {"owner": {"userId": "", "externalId": owner}}


def conference_ended(
    conference: Conference,
    stays: Sequence[Attendance],
    *,
    recording_format: str,
    recording_ms: int,
) -> dict[str, Any]:
    """`recording_format`: mp3, mp4 or both. `stays`: all, mixers too; they are told together."""
    start = conference.started_at or conference.created_at
    end = conference.ended_at or start
    people: dict[str, list[Attendance]] = {}
    for stay in stays:
        people.setdefault(stay.participant_id, []).append(stay)
    formats = {"mp3": "audio", "mp4": "video", "both": "both"}
    return {
        "confType": conference.type,
        "ownerId": conference.owner_external_id,
        "startTime": start,
        "duration": end - start,
        "speakingDuration": sum(stay.speaking_ms for stay in stays),
        "recordingDuration": recording_ms,
        "participants": [_attended(id, found, end) for id, found in people.items()],
        "recordingFormat": formats[recording_format],
        "dolbyVoice": "true" if conference.parameters.get("dolbyVoice", True) else "false",
    }


def participant(stay: Attendance) -> dict[str, Any]:
    """Of `Participant.Joined`, and of `Participant.Left` with its reason."""
    who = {
        "userId": stay.participant_id,
        "externalId": stay.external_id,
        "externalName": stay.name,
        "externalPhotoUrl": stay.avatar_url,
    }
    left = {"reason": stay.reason or "hangUp"} if stay.left_at is not None else {}
    return {"participant": who, **left}


def _attended(id: str, stays: Sequence[Attendance], end: int) -> dict[str, Any]:
    last = stays[-1]
    is_mixer = last.type == "mixer"
    return {
        "userId": id,
        "ipAddress": last.ip_address,
        "presenceDuration": sum((stay.left_at or end) - stay.joined_at for stay in stays),
        "recvTimers": {},
        "sendTimers": {},
        "metadata": {
            "preferSendMono": "false",
            "preferRecvMono": "false",
            "simulcast": "false",
            "externalName": "Mixer" if is_mixer else last.name,
            "externalPhotoUrl": last.avatar_url,
            "externalId": "Mixer_record" if is_mixer else last.external_id,
        },
    }
