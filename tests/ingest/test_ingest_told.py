"""What the journal's events say, of what the server tells and what the media shows; who speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mixer.conference.media import Publication
from mixer.conference.state import State, apply, empty, participant, stream
from mixer.ingest.speaker import SpeakerDetector
from mixer.ingest.subscriptions import plan
from mixer.ingest.told import Telling
from mixer.journal import Event

MS = 1_000_000
VIDEO = Publication("ann.camera", "1", "ann", "ann.camera", "Camera", "video", "vp8")
AUDIO = Publication("ann.camera", "0", "ann", "ann.camera", "Camera", "audio", "opus")


class Sink:
    """Collects events; stands for the journal's writer."""

    watermark_ns = 0

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def state(self) -> State:
        """What a reader makes of the events, in order of time."""
        state = empty()
        for event in sorted(self.events, key=lambda event: event.t_ns):
            state = apply(state, event.type, event.data)
        return state


def ann(*streams: Any) -> Any:
    return {**participant("ann", "Ann"), "streams": list(streams)}


def camera() -> Any:
    return stream("ann.camera", "Camera", audio=True, video=True)


def video_of(state: State) -> Any:
    return state["participants"][0]["streams"][0]["video"]


def telling(sink: Sink) -> Telling:
    return Telling(sink)  # type: ignore[arg-type]


@pytest.mark.parametrize("added_ns", [100 * MS, 900 * MS])
def test_a_picture_is_told_whenever_its_stream_is(added_ns: int) -> None:
    """Media may come before the server's word or after it: the state has the picture."""
    sink = Sink()
    told = telling(sink)
    told.begin(0, {**empty("c"), "participants": [ann()]})
    steps: list[tuple[int, Callable[[], None]]] = [
        (added_ns, lambda: told.event(added_ns, "stream.added", added())),
        (700 * MS, lambda: told.resized(VIDEO, 50 * MS, 640, 360)),
    ]
    for _, step in sorted(steps, key=lambda item: item[0]):
        step()
    assert video_of(sink.state()) == picture(640, 360)
    assert sink.state() == told.known


def added() -> dict[str, Any]:
    return {"participantId": "ann", "stream": camera()}


def picture(width: int, height: int, available: bool = True, muted: bool = False) -> dict[str, Any]:
    return {"muted": muted, "width": width, "height": height, "available": available}


def test_the_servers_word_on_pictures_is_left_out() -> None:
    """Mute takes the picture away and unmute brings it back, with the size the media has."""
    sink = Sink()
    told = telling(sink)
    told.begin(0, {**empty("c"), "participants": [ann(camera())]})
    told.resized(VIDEO, 10, 640, 360)
    update = {"participantId": "ann", "streamId": "ann.camera"}
    told.event(20, "stream.updated", {**update, "video": picture(0, 0, False, muted=True)})
    assert video_of(sink.state()) == picture(640, 360, False, muted=True)
    told.event(30, "stream.updated", {**update, "video": picture(0, 0, False)})
    assert video_of(sink.state()) == picture(640, 360)
    told.stopped(VIDEO, 40)
    assert video_of(sink.state()) == picture(0, 0, False)


def test_a_stream_that_gains_a_camera_has_a_whole_video() -> None:
    sink = Sink()
    told = telling(sink)
    deaf = stream("ann.camera", "Camera", audio=True, video=False)
    told.begin(0, {**empty("c"), "participants": [ann(deaf)]})
    told.resized(VIDEO, 10, 320, 180)
    update = {"participantId": "ann", "streamId": "ann.camera"}
    told.event(20, "stream.updated", {**update, "video": picture(0, 0, False)})
    assert video_of(sink.state()) == picture(320, 180)


def test_a_later_run_tells_what_has_changed() -> None:
    """Who left while ingest was down is removed, who came is added, who stayed stays."""
    sink = Sink()
    before = telling(sink)
    ben = participant("ben", "Ben")
    before.begin(0, {**empty("c"), "participants": [ann(camera()), ben]})
    after = Telling(sink, before.known)  # type: ignore[arg-type]
    after.begin(500, {**empty("c"), "participants": [ann(camera()), participant("cem", "Cem")]})
    assert [p["id"] for p in sink.state()["participants"]] == ["ann", "cem"]
    assert sink.state() == after.known


def test_speech_begins_at_its_onset_and_outlasts_breaths() -> None:
    """Told by levels in media time: a quarter of a second of speech, pauses below a second."""
    detector = SpeakerDetector()
    changes = []
    for index in range(500):
        t = index * 20 * MS
        speech = 2000 * MS <= t < 4000 * MS or 4800 * MS <= t < 6000 * MS
        changes.append(detector.hear(t, 25 if speech else 90))
        changes.append(detector.advance(t - 100 * MS))
    assert [change for change in changes if change] == [(2000 * MS, True), (6980 * MS, False)]


def test_short_noises_are_no_speech() -> None:
    """A beep of 100 ms a second, a door: nobody is highlighted."""
    detector = SpeakerDetector()
    for index in range(1000):
        level = 10 if index % 50 < 5 else 90
        assert detector.hear(index * 20 * MS, level) is None


def test_silence_that_is_not_sent_ends_speech() -> None:
    """DTX or mute: no packets come any more, time passes."""
    detector = SpeakerDetector()
    for index in range(50):
        detector.hear(index * 20 * MS, 20)
    assert detector.speaking
    assert detector.advance(1500 * MS) is None
    assert detector.advance(2500 * MS) == (1980 * MS, False)


def test_the_plan_of_subscriptions() -> None:
    """New sections of a feed are subscribed to together; a section whose codec changes stops and
    starts; what cannot be taken is left alone; what is there stays."""
    other = Publication("ben.camera", "0", "ben", "ben.camera", "Camera", "video", "h264")
    vp9 = Publication("cem.camera", "0", "cem", "cem.camera", "Camera", "video", "vp9")
    first = plan([VIDEO, AUDIO, other, vp9], [])
    assert first.start == ((AUDIO, VIDEO), (other,))
    assert not first.stop
    h264 = Publication("ann.camera", "1", "ann", "ann.camera", "Camera", "video", "h264")
    second = plan([h264, AUDIO, other], [VIDEO, AUDIO, other])
    assert second.stop == (VIDEO,)
    assert second.start == ((h264,),)
    assert plan([other], [AUDIO, other]).stop == (AUDIO,)
