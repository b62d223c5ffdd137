"""What participants present in a recording, as robots are to present it again. Pure.

Pages and videos are files of the journal (mixer/journal/presented.py); a video is where it was at
each moment of the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mixer.clock import MILLISECOND
from mixer.conference.playing import journal_position_ns
from mixer.conference.presentation import objects, video_object


@dataclass(frozen=True, slots=True)
class Presents:
    """A file's page, or a video that plays or stands. `files`: called by their SHA-256."""

    id: str  # in the journal
    name: str
    files: tuple[str, ...]  # of each page, or the video's
    sizes: tuple[tuple[int, int], ...] = ()  # of the pages, pixels; none: it is a video
    page: int = 0
    playing: bool = False
    since_ns: int = 0  # the replay's position at which the video is at
    video_ns: int = 0

    @property
    def shown(self) -> str:
        """The file that has to be there."""
        return self.files[self.page]

    @property
    def is_video(self) -> bool:
        return not self.sizes

    def video_ms(self, position_ns: int) -> int:
        """Where the video is at a position of the replay, milliseconds."""
        gone_ns = max(0, position_ns - self.since_ns) if self.playing else 0
        return (self.video_ns + gone_ns) // MILLISECOND


def presents(shown: Mapping[str, Any] | None, t_ns: int, position_ns: int) -> Presents | None:
    """What a journal's presentation is from a journal time on, which is replayed at a position;
    None where there is nothing, or it has no file (yet)."""
    if shown is None:
        return None
    id, name = str(shown["id"]), str(shown.get("name", ""))
    if shown["kind"] == "video":
        file = video_object(shown)
        if file is None:
            return None
        at_ns = journal_position_ns(shown, t_ns)
        playing = bool(shown["playing"])
        return Presents(id, name, (file,), playing=playing, since_ns=position_ns, video_ns=at_ns)
    files = tuple(objects(shown))
    sizes = tuple((int(p.get("width", 0)), int(p.get("height", 0))) for p in shown["pages"])
    fits = 0 < len(files) == len(sizes) and shown["page"] < len(files)
    return Presents(id, name, files, sizes, int(shown["page"])) if fits else None


def in_order(presented: Iterator[Presents]) -> tuple[str, ...]:
    """The files of these, each once, in the order in which they are needed."""
    found: dict[str, None] = {}
    for one in presented:
        ahead = one.files[one.page :] + one.files[: one.page]
        found |= dict.fromkeys((one.shown, *ahead))
    return tuple(found)
