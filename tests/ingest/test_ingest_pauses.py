"""What of media and events a paused recording writes: by media time, whatever the arrival, for any
sequence of pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixer.conference.shown import LIMIT_NS
from mixer.conference.state import State, apply, empty, participant, stream
from mixer.ingest.pause import PausableWriter
from mixer.journal import Alignment, Event, Frame, FrameFlag, Gap, Journal, JournalWriter, Note
from mixer.journal.model import NO_FLAGS
from tests.fuzz import examples

MS = 1_000_000
SECOND = 1_000_000_000
LAG_NS = SECOND
STEP_NS = 20 * MS


@dataclass
class Conference:
    """One person's microphone and camera, received by ingest: 50 packets and 25 pictures a second,
    media time 10 ms before arrival. Asked for a key picture, she sends it `key_after_ns` later."""

    writer: PausableWriter
    key_after_ns: int = 100 * MS
    now_ns: int = 0
    state: State = field(default_factory=empty)
    key_due_ns: int | None = 0
    drawable: bool = False
    audio: Any = None
    video: Any = None

    def begin(self) -> None:
        self.audio, self.video = self.track("ann", "audio"), self.track("ann", "video")
        for track in (self.audio, self.video):
            self.align(track.id)
        ann = participant("ann", "Ann")
        ann["streams"].append(stream("ann.camera", "Camera", audio=True, video=True))
        self.tell("participant.added", {"participant": dict(ann)})

    def track(self, who: str, kind: Any) -> Any:
        codec: Any = {"audio": "opus", "video": "vp8"}[kind]
        rate = {"audio": 48000, "video": 90000}[kind]
        return self.writer.track(
            participant=who,
            stream=f"{who}.camera",
            source="Camera",
            kind=kind,
            codec=codec,
            clock_rate=rate,
        )

    def align(self, track: int) -> None:
        """RTP timestamps count from journal time 0."""
        self.writer.align(Alignment(track, 0, 0, 0.0, "arrival", 0))

    def tell(self, type_: str, data: dict[str, Any], t_ns: int | None = None) -> None:
        self.state = apply(self.state, type_, data)
        self.writer.event(Event(self.now_ns if t_ns is None else t_ns, type_, data))

    def draw(self, available: bool, t_ns: int) -> None:
        size = (320, 180) if available else (0, 0)
        video = {"available": available, "width": size[0], "height": size[1]}
        data = {"participantId": "ann", "streamId": "ann.camera", "video": video}
        self.tell("stream.updated", data, t_ns)

    def pause(self) -> None:
        self.writer.pause(self.now_ns, self.state)

    def resume(self) -> None:
        if self.writer.paused:
            self.draw(False, self.now_ns)
            self.drawable = False
            self.key_due_ns = self.now_ns + self.key_after_ns
        self.writer.resume(self.now_ns)

    def packet(self, media_ns: int) -> None:
        data = media_ns.to_bytes(8, "big")
        self.writer.frame(Frame(self.audio.id, media_ns * 6 // 125_000, self.now_ns, data))

    def picture(self, media_ns: int) -> None:
        key = self.key_due_ns is not None and media_ns >= self.key_due_ns
        if key:
            self.key_due_ns = None
        flags = FrameFlag.KEY if key else NO_FLAGS if self.drawable else FrameFlag.BROKEN
        rtp, data = media_ns * 9 // 100_000, media_ns.to_bytes(8, "big")
        size = (320, 180) if key else (0, 0)
        self.writer.frame(
            Frame(self.video.id, rtp, self.now_ns, data, flags, 255, size[0], size[1])
        )
        if key:
            self.drawable = True
            self.draw(True, media_ns)

    def run(self, until_ns: int) -> None:
        while self.now_ns < until_ns:
            self.now_ns += STEP_NS
            self.packet(self.now_ns - 10 * MS)
            if self.now_ns % (2 * STEP_NS) == 0:
                self.picture(self.now_ns - 10 * MS)
            self.writer.watermark(self.now_ns - LAG_NS)


@dataclass
class Session:
    """A journal being written; `told`: what the parent hears."""

    directory: Path
    raw: JournalWriter
    writer: PausableWriter
    conference: Conference
    told: list[tuple[str, int]]

    def end(self) -> Journal:
        self.writer.finish(self.conference.now_ns)
        self.raw.close(final=True)
        return Journal.open(self.directory)


def session(directory: Path, key_after_ns: int = 100 * MS) -> Session:
    raw = JournalWriter.create(directory, conference="c")
    told: list[tuple[str, int]] = []
    writer = PausableWriter(raw, lambda event, **data: told.append((event, data["t_ns"])))
    conference = Conference(writer, key_after_ns)
    conference.begin()
    return Session(directory, raw, writer, conference, told)


def everything(journal: Journal, kind: str) -> Iterator[tuple[int, Frame]]:
    """(media time by the frame's own data, frame): late and broken ones, too."""
    (run,) = journal.runs
    tracks = {track.id for track in journal.tracks.values() if track.kind == kind}
    for frame in run.media(0, run.media_length, tracks):
        yield int.from_bytes(frame.data, "big"), frame


def spans(journal: Journal) -> list[tuple[int, int]]:
    return [(one.start_ns, one.stop_ns or 1 << 62) for one in journal.pauses]


def within(pauses: Sequence[tuple[int, int]], t_ns: int) -> bool:
    return any(start <= t_ns < stop for start, stop in pauses)


def state_at(journal: Journal, t_ns: int) -> State:
    state = empty()
    for event in journal.events(0, t_ns + 1):
        state = apply(state, event.type, event.data)
    return state


def camera(state: State) -> Any:
    return state["participants"][0]["streams"][0]["video"]


Steps = list[tuple[int, bool]]
steps = st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=12)


@settings(max_examples=examples(60))
@given(steps, st.sampled_from([20, 100, 250, 290, 310, 700, 2000]))
@example([(0, True), (0, False), (2, True), (3, False)], 20)  # a pause right after a first picture
def test_any_sequence_of_pauses(orders: Steps, key_after_ms: int) -> None:
    """No sound, no event and no picture of before the command in any pause; outside of them every
    packet, and every picture from the first key picture on; each pause that is over lasts at most
    0.3 s longer than it was meant to; the state is that of the conference."""
    with TemporaryDirectory() as folder:
        made = session(Path(folder), key_after_ms * MS)
        conference, paused = made.conference, False
        begun: list[int] = []
        asked: list[int] = []
        conference.run(SECOND)
        for wait, pause in orders:
            conference.run(conference.now_ns + wait * STEP_NS)
            (conference.pause if pause else conference.resume)()
            if pause != paused:
                (begun if pause else asked).append(conference.now_ns)
            paused = pause
        conference.run(conference.now_ns + SECOND)
        journal = made.end()
        heard = [t for t, _ in everything(journal, "audio")]
        times, pauses = range(STEP_NS - 10 * MS, conference.now_ns, STEP_NS), spans(journal)
        assert heard == [t for t in times if not within(pauses, t)]
        for start, stop in pauses:
            assert start in begun
            assert not [e for e in journal.events() if start <= e.t_ns < stop]
            if stop < 1 << 62:
                assert any(stop - LIMIT_NS <= t <= stop for t in asked)
                assert_begins_with_key(journal, start, stop, asked)
        assert_commands_were_obeyed(journal, made.told)
        journal.close()


def assert_begins_with_key(journal: Journal, start: int, stop: int, asked: list[int]) -> None:
    seen = [(t, frame.key) for t, frame in everything(journal, "video") if t >= start]
    if not seen:
        return
    since = max(t for t in asked if t <= stop)
    assert seen[0][0] >= since and seen[0][1]
    if seen[0][0] <= stop:
        assert camera(state_at(journal, stop))["available"]
        next_ns = seen[0][0] + 2 * STEP_NS
        assert seen[1:2] == [] or seen[1][0] == next_ns or within(spans(journal), next_ns)
    elif not within(spans(journal), seen[0][0]):
        assert not camera(state_at(journal, stop))["available"]
        assert not [t for t, _ in seen if t < seen[0][0]]


def assert_commands_were_obeyed(journal: Journal, told: list[tuple[str, int]]) -> None:
    """What was told last holds: nothing was told that the journal does not say."""
    pauses = spans(journal)
    starts, stops = [start for start, _ in pauses], [stop for _, stop in pauses]
    assert all(t in (starts if event == "paused" else [0, *stops]) for event, t in told)


def test_what_comes_late_goes_where_it_belongs(tmp_path: Path) -> None:
    """Of before the pause, it is written when it comes; of the pause, never, not even as late."""
    made = session(tmp_path)
    conference = made.conference
    conference.run(SECOND)
    conference.pause()
    conference.run(conference.now_ns + 10 * STEP_NS)
    conference.packet(SECOND - 3 * MS)
    conference.resume()
    conference.run(conference.now_ns + 2 * SECOND)
    conference.packet(SECOND + 55 * MS)
    made.writer.frame(
        Frame(conference.audio.id, (SECOND + 75 * MS) * 6 // 125_000, 0, b"x" * 8, FrameFlag.LATE)
    )
    journal = made.end()
    heard = [t for t, _ in everything(journal, "audio")]
    assert SECOND - 3 * MS in heard
    assert SECOND + 55 * MS not in heard and all(t < 1 << 60 for t in heard)


def test_a_pause_during_a_resumption(tmp_path: Path) -> None:
    """Before there is a picture: the pause goes on as if nothing had been said. After that: two
    pauses, with what lies between them."""
    made = session(tmp_path)
    conference = made.conference
    conference.run(SECOND)
    conference.pause()
    conference.run(2 * SECOND)
    conference.resume()
    conference.run(2 * SECOND + 80 * MS)
    conference.pause()
    assert made.told == [("paused", SECOND), ("paused", SECOND)]
    conference.run(3 * SECOND)
    conference.resume()
    conference.run(3 * SECOND + 500 * MS)
    conference.pause()
    resumed_ns = made.told[2][1]
    assert 3 * SECOND < resumed_ns <= 3 * SECOND + LIMIT_NS
    assert made.told[3] == ("paused", 3 * SECOND + 500 * MS)
    conference.run(5 * SECOND)
    journal = made.end()
    assert spans(journal) == [(SECOND, resumed_ns), (3 * SECOND + 500 * MS, 1 << 62)]
    heard = [t for t, _ in everything(journal, "audio") if t > SECOND]
    assert heard[0] < resumed_ns + STEP_NS and heard[-1] > 3 * SECOND + 470 * MS
    assert journal.finished and journal.watermark_ns == 5 * SECOND


def test_the_watermark_waits_for_the_moment(tmp_path: Path) -> None:
    """It rises during a pause, and stays before the moment of resumption until that is noted."""
    made = session(tmp_path)
    conference = made.conference
    conference.run(SECOND)
    conference.pause()
    conference.run(5 * SECOND)
    assert made.writer.watermark_ns == 4 * SECOND
    conference.resume()
    conference.run(6 * SECOND + 200 * MS)
    assert made.writer.watermark_ns == 5 * SECOND
    assert made.told[1:] == []
    conference.run(6 * SECOND + 400 * MS)
    assert made.writer.watermark_ns == 5 * SECOND + 400 * MS
    assert made.told[1][0] == "resumed"
    made.end()


def test_who_came_during_a_pause(tmp_path: Path) -> None:
    """Of who has left again nothing is written, not even a note of their codec; who is still
    there is announced at the resumption, and their track with its first frame."""
    made = session(tmp_path)
    conference, writer = made.conference, made.writer
    conference.run(SECOND)
    conference.pause()
    for who in ("ben", "cem"):
        track = conference.track(who, "audio")
        conference.tell("participant.added", {"participant": dict(participant(who, who.title()))})
        writer.note(Note(conference.now_ns, "unsupported-codec", {"stream": f"{who}.camera"}))
        writer.frame(Frame(track.id, 48 * 1100, 1100 * MS, b"12345678"))
        conference.align(track.id)
        writer.frame(Frame(track.id, 48 * 990, 1100 * MS, b"12345678"))
        writer.gap(Gap(track.id, SECOND, 2 * SECOND, "loss"))
    conference.tell("participant.removed", {"id": "ben"})
    conference.run(3 * SECOND)
    conference.resume()
    conference.run(4 * SECOND)
    writer.frame(Frame(track.id, 48 * 4000, 4 * SECOND, b"12345678"))
    conference.run(5 * SECOND)
    journal = made.end()
    assert {track.participant for track in journal.tracks.values()} == {"ann", "cem"}
    (cem,) = [track.id for track in journal.tracks.values() if track.participant == "cem"]
    assert [t for t, _ in journal.frames([cem], 0, 6 * SECOND)] == [4 * SECOND]
    assert not journal.gaps
    assert all(b"ben" not in path.read_bytes() for path in tmp_path.glob("run-*"))
    assert [one["id"] for one in state_at(journal, 5 * SECOND)["participants"]] == ["ann", "cem"]


def test_tracks_that_are_not_aligned_yet(tmp_path: Path) -> None:
    """Who joined just before a pause: what came before it is placed, what comes in it is not
    written although its media time is not known when it comes. The same at the resumption."""
    made = session(tmp_path)
    conference, writer = made.conference, made.writer
    conference.run(SECOND)
    early = conference.track("ben", "audio")

    def packets(track: int, from_ms: int, to_ms: int) -> None:
        for ms in range(from_ms, to_ms, 20):
            writer.frame(Frame(track, 48 * ms, ms * MS, ms.to_bytes(4, "big")))

    packets(early.id, 900, 1000)
    conference.pause()
    packets(early.id, 1000, 1400)
    conference.align(early.id)
    conference.run(2900 * MS)
    late = conference.track("cem", "audio")
    packets(late.id, 2900, 3000)
    conference.run(3 * SECOND)
    conference.resume()
    packets(late.id, 3000, 3500)
    conference.run(3500 * MS)
    conference.align(late.id)
    packets(late.id, 3500, 4000)
    conference.run(5 * SECOND)
    writer.align(Alignment(early.id, 48 * 5000, 5 * SECOND, 1.0, "arrival", 0))
    journal = made.end()
    resumed_ns = made.told[1][1]
    placed = {
        track: [t for t, _ in journal.frames([track], 0, 6 * SECOND)]
        for track in (early.id, late.id)
    }
    assert placed[early.id] == [ms * MS for ms in range(900, 1000, 20)]
    assert placed[late.id] == [t * MS for t in range(3000, 4000, 20) if t * MS >= resumed_ns]
    assert len(journal.alignments[early.id]) == 2


def test_gaps_stop_at_pauses(tmp_path: Path) -> None:
    """What is missing before and after a pause is told; the pause itself is no gap."""
    made = session(tmp_path)
    conference, writer = made.conference, made.writer
    conference.run(SECOND)
    conference.pause()
    writer.gap(Gap(conference.audio.id, 900 * MS, 1100 * MS, "loss"))
    conference.run(3 * SECOND)
    conference.resume()
    conference.run(5 * SECOND)
    resumed_ns = made.told[1][1]
    writer.gap(Gap(conference.audio.id, 800 * MS, 4 * SECOND, "reconnect"))
    writer.gap(Gap(conference.audio.id, SECOND, 2 * SECOND, "loss"))
    told = [(gap.from_ns, gap.to_ns) for gap in made.end().gaps]
    assert told == [
        (900 * MS, SECOND),
        (800 * MS, SECOND),
        (resumed_ns, 4 * SECOND),
    ]


def test_a_later_run_goes_on_pausing(tmp_path: Path) -> None:
    """The note of the first run holds; the second one's resumption ends it, and brings the state
    up to date."""
    first = session(tmp_path)
    first.conference.run(SECOND)
    first.conference.pause()
    first.conference.run(2 * SECOND)
    first.raw.close(final=False)
    before = Journal.open(tmp_path)
    told: list[tuple[str, int]] = []
    with JournalWriter.create(tmp_path, conference="c") as raw:
        writer = PausableWriter(
            raw,
            lambda event, **data: told.append((event, data["t_ns"])),
            before.pauses,
            state_at(before, 2 * SECOND),
        )
        assert writer.paused
        writer.pause(3 * SECOND, empty())
        writer.event(Event(3 * SECOND, "participant.removed", {"id": "ann"}))
        writer.watermark(4 * SECOND)
        writer.resume(5 * SECOND)
        writer.watermark(6 * SECOND)
        raw.close(final=True)
    assert told == [("paused", SECOND), ("resumed", 5 * SECOND)]
    after = Journal.open(tmp_path)
    assert spans(after) == [(SECOND, 5 * SECOND)]
    assert not state_at(after, 5 * SECOND)["participants"]
