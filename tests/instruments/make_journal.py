"""Instrument: a journal of generated participants, made quickly, for tests and bench.

    python -m tests.instruments.make_journal DIR --participants 4 --size 1280x720 --seconds 60

Participant k (p0, p1, …; place k) has a camera stream "pK.camera" whose picture n is valid from
start_ns + k * phase_ns + n / fps on and shows the mark of number n modulo the clip's length
(pattern.py), and Opus sound whose beeps start at the same media time as pictures n = 0, fps, 2 fps,
… of its video. Clips of `loop_seconds` are encoded once and repeated with timestamps that go on.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from mixer.clock import MILLISECOND, SECOND
from mixer.conference import state
from mixer.journal import Alignment, Event, Frame, FrameFlag, JournalWriter, Track
from tests.instruments import clips

DELAY_NS = 40 * MILLISECOND  # from media time to arrival
WATERMARK_EVERY_NS = 250 * MILLISECOND
VIDEO_RATE = 90_000
FIRST_RTP = 4_294_900_000  # wraps within the first second: nobody may mind
SCREEN_SIZE = (1920, 1080)
SCREEN_FPS = 5
FIRST_ORDER = -10_000
NAMES = ("Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Alan", "Radia", "Ken", "Jean")


@dataclass(frozen=True, slots=True)
class _Moment:
    """Something to be journalled when it arrives."""

    arrival_ns: int
    order: int
    record: Frame | Event

    def __lt__(self, other: _Moment) -> bool:
        return (self.arrival_ns, self.order) < (other.arrival_ns, other.order)


def make_journal(
    directory: Path,
    *,
    participants: int = 4,
    size: tuple[int, int] = (1280, 720),
    sizes: Sequence[tuple[int, int]] = (),
    fps: Fraction | int = 30,
    seconds: float = 60,
    codec: str = "vp8",
    loop_seconds: int = 10,
    sound: bool = True,
    microphones: int = 0,
    screen: tuple[float, float] | None = None,
    phase_ns: int = 2 * MILLISECOND,
    start_ns: int = 0,
    noise: float = 2.0,
    pace: float = 0.0,
    final: bool = True,
    absent: Collection[int] = (),
    leaving: Mapping[int, float] = MappingProxyType({}),
    events: Sequence[Event] = (),
    said: Callable[[int], None] = lambda watermark_ns: None,
) -> Path:
    """Writes `seconds` of media into a journal in `directory`; its watermark is their end.

    `sizes`: of the first participants' pictures, where they are not `size`.
    `microphones`: so many further participants with sound only. `screen`: between these seconds
    participant 0 shares a screen ("p0.screen", 1080p, 5 pictures a second, VP8). `pace`: 1.0 writes
    in real time, 2.0 at twice its speed, 0 at once. Who is `absent` leaves a place that is empty.
    `leaving`: who leaves, and at which second. `events`: others, in their order.
    `said` hears each watermark, and holds the writing up as long as it likes. Returns `directory`.
    """
    shapes = [*sizes, *[size] * participants][:participants]
    wanted = [
        (codec, shapes[k], Fraction(fps), loop_seconds, k, noise) for k in range(participants)
    ]
    with ThreadPoolExecutor(2) as pool:
        videos = list(pool.map(lambda clip: clips.video_clip(*clip[:5], noise=clip[5]), wanted))
    writer = JournalWriter.create(directory, conference="made")
    whole_ns = start_ns + round(seconds * SECOND)
    parts: list[Iterator[_Moment]] = []
    for place in sorted({*range(participants + microphones)} - {*absent}):
        first_ns = start_ns + place * phase_ns
        end_ns = min(whole_ns, start_ns + round(leaving.get(place, seconds) * SECOND))
        video = videos[place] if place < participants else None
        parts.append(_arrivals(_joining(place, start_ns, video, sound), 10 * place))
        if place in leaving:
            gone = Event(end_ns, "participant.removed", {"id": f"p{place}"})
            parts.append(_arrivals([gone], 2000))
        if video is not None:
            parts.append(_video(writer, f"p{place}.camera", "Camera", video, first_ns, end_ns))
        if sound:
            parts.append(_sound(writer, place, loop_seconds, first_ns, end_ns))
    parts.append(_arrivals(events, 3000))
    if screen is not None:
        parts += _screen(writer, start_ns, screen)
    _write(writer, parts, start_ns, whole_ns, pace, said)
    writer.close(final=final)
    return directory


def _joining(place: int, start_ns: int, video: clips.VideoClip | None, sound: bool) -> list[Event]:
    id_ = f"p{place}"
    name = NAMES[place % len(NAMES)] + (f" {place // len(NAMES) + 1}" if place >= 10 else "")
    someone = state.participant(id_, name, external_id=f"external-{place}")
    stream = state.stream(f"{id_}.camera", "Camera", audio=sound, video=video is not None)
    if video is not None:
        seen = {"muted": False, "width": video.width, "height": video.height, "available": True}
        stream = {**stream, "video": seen}  # type: ignore[typeddict-item]
    return [
        Event(start_ns, "participant.added", {"participant": dict(someone)}),
        Event(start_ns, "stream.added", {"participantId": id_, "stream": dict(stream)}),
    ]


def _screen(
    writer: JournalWriter, start_ns: int, span: tuple[float, float]
) -> list[Iterator[_Moment]]:
    from_ns, to_ns = (start_ns + round(at * SECOND) for at in span)
    clip = clips.video_clip("vp8", SCREEN_SIZE, Fraction(SCREEN_FPS), 4, 15, noise=0)
    stream = state.stream("p0.screen", "ScreenShare", audio=False, video=True)
    seen = {"muted": False, "width": clip.width, "height": clip.height, "available": True}
    events = [
        Event(
            from_ns, "stream.added", {"participantId": "p0", "stream": {**stream, "video": seen}}
        ),
        Event(to_ns, "stream.removed", {"participantId": "p0", "streamId": "p0.screen"}),
    ]
    return [
        _arrivals(events, 1000),
        _video(writer, "p0.screen", "ScreenShare", clip, from_ns, to_ns),
    ]


def _arrivals(events: Sequence[Event], order: int) -> Iterator[_Moment]:
    """Events come before frames of the same time, in the order of `order`."""
    for number, event in enumerate(events):
        yield _Moment(event.t_ns, FIRST_ORDER + order + number, event)


def _video(
    writer: JournalWriter,
    stream: str,
    source: str,
    clip: clips.VideoClip,
    first_ns: int,
    end_ns: int,
) -> Iterator[_Moment]:
    track = writer.track(
        participant=stream.partition(".")[0],
        stream=stream,
        source=source,  # type: ignore[arg-type]
        kind="video",
        codec=clip.codec,  # type: ignore[arg-type]
        clock_rate=VIDEO_RATE,
    )
    return _frames(writer, track, clip, first_ns, end_ns)


def _frames(
    writer: JournalWriter, track: Track, clip: clips.VideoClip, first_ns: int, end_ns: int
) -> Iterator[_Moment]:
    writer.align(_alignment(track, first_ns))
    number = 0
    while (media_ns := first_ns + round(number * SECOND / clip.fps)) < end_ns:
        data = clip.pictures[number % len(clip.pictures)]
        rtp = FIRST_RTP + round(number * VIDEO_RATE / clip.fps)
        arrival_ns = media_ns + DELAY_NS
        if number % len(clip.pictures) == 0:
            key = Frame(
                track.id,
                rtp,
                arrival_ns,
                data,
                FrameFlag.KEY,
                width=clip.width,
                height=clip.height,
            )
            yield _Moment(arrival_ns, track.id, key)
        else:
            yield _Moment(arrival_ns, track.id, Frame(track.id, rtp, arrival_ns, data))
        number += 1


def _sound(
    writer: JournalWriter, place: int, loop_seconds: int, first_ns: int, end_ns: int
) -> Iterator[_Moment]:
    track = writer.track(
        participant=f"p{place}",
        stream=f"p{place}.camera",
        source="Camera",
        kind="audio",
        codec="opus",
        clock_rate=clips.RATE,
    )
    return _packets(writer, track, clips.sound_clip(place, loop_seconds), first_ns, end_ns)


def _packets(
    writer: JournalWriter, track: Track, packets: Sequence[bytes], first_ns: int, end_ns: int
) -> Iterator[_Moment]:
    writer.align(_alignment(track, first_ns))
    number = 0
    while (media_ns := first_ns + number * clips.PACKET * SECOND // clips.RATE) < end_ns:
        arrival_ns = media_ns + DELAY_NS
        data = packets[number % len(packets)]
        frame = Frame(track.id, FIRST_RTP + number * clips.PACKET, arrival_ns, data, level=40)
        yield _Moment(arrival_ns, track.id, frame)
        number += 1


def _alignment(track: Track, first_ns: int) -> Alignment:
    return Alignment(track.id, FIRST_RTP, first_ns, 0.0, "sender-report", MILLISECOND)


def _write(
    writer: JournalWriter,
    parts: Sequence[Iterator[_Moment]],
    start_ns: int,
    end_ns: int,
    pace: float,
    said: Callable[[int], None],
) -> None:
    began = time.monotonic_ns()
    mark_ns = start_ns
    for moment in heapq.merge(*parts):
        if pace:
            due_ns = began + round((moment.arrival_ns - start_ns) / pace)
            time.sleep(max(0, due_ns - time.monotonic_ns()) / SECOND)
        if moment.arrival_ns - DELAY_NS >= mark_ns + WATERMARK_EVERY_NS:
            mark_ns = moment.arrival_ns - DELAY_NS
            writer.watermark(mark_ns)
            said(mark_ns)
        if isinstance(moment.record, Frame):
            writer.frame(moment.record)
        else:
            writer.event(moment.record)
    writer.watermark(end_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--participants", type=int, default=4)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=Fraction, default=Fraction(30))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--codec", choices=("vp8", "h264"), default="vp8")
    parser.add_argument("--loop-seconds", type=int, default=10)
    parser.add_argument("--microphones", type=int, default=0)
    parser.add_argument("--screen", help="FROM-TO in seconds")
    parser.add_argument("--noise", type=float, default=2.0, help="of the camera, rms levels")
    parser.add_argument("--pace", type=float, default=0.0, help="1: in real time; 0: at once")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    from_s, _, to_s = (options.screen or "").partition("-")
    make_journal(
        options.directory,
        participants=options.participants,
        size=(int(width), int(height)),
        fps=options.fps,
        seconds=options.seconds,
        codec=options.codec,
        loop_seconds=options.loop_seconds,
        microphones=options.microphones,
        screen=(float(from_s), float(to_s)) if options.screen else None,
        noise=options.noise,
        pace=options.pace,
    )


if __name__ == "__main__":
    main()
