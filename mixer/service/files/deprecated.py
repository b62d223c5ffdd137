"""Which of the deprecated events a publication causes (contract 5.3). Pure.

They know neither several mixes nor parts: they are sent for whole recordings, the video's not at
all where several mixIds were used, the audio's in Dolby Voice conferences only. Without Dolby
Voice and with format BOTH the video's event has the addresses of both files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ...records.models import Recording
from ...webhooks.bodies import mp4_available


@dataclass(frozen=True, slots=True)
class Due:
    """An event: its type, what it says, and the recordings whose addresses it has, in order."""

    type: str
    body: dict[str, Any]
    recordings: list[str]


def deprecated_events(
    recordings: Sequence[Recording],
    new: Collection[str],
    *,
    mix_ids: int,
    both: bool,
    dolby_voice: bool,
) -> list[Due]:
    """`recordings`: all of the session. `new`: ids of those just published."""
    videos = [one for one in recordings if one.merged and one.media_type == "video/mp4"]
    sounds = [one for one in recordings if one.merged and _is_audio_mix(one)]
    found: list[Due] = []
    if mix_ids <= 1:
        joint = both and not dolby_voice
        found += _videos(videos, sounds[:1], new) if joint else _videos(videos, None, new)
    if dolby_voice:
        found += [_sound(sound, recordings) for sound in sounds if sound.id in new]
    return found


def _videos(
    videos: Sequence[Recording], sounds: Sequence[Recording] | None, new: Collection[str]
) -> list[Due]:
    """`sounds`: what comes with each video and has to be there; None: nothing does."""
    if sounds is not None and not sounds:
        return []
    with_them = [sound.id for sound in sounds or ()]
    return [
        Due("Recording.MP4.Available", mp4_available(video), [*with_them, video.id])
        for video in videos
        if video.id in new or set(with_them) & set(new)
    ]


def _sound(sound: Recording, recordings: Sequence[Recording]) -> Due:
    others = [
        one.id
        for one in recordings
        if one.id != sound.id and (_is_audio_mix(one) or one.kind == "participant")
    ]
    return Due("Recording.Audio.Available", {}, [sound.id, *others])


def _is_audio_mix(one: Recording) -> bool:
    return one.kind == "mix" and one.media_type == "audio/mpeg"
