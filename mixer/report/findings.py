"""The figures in words that a customer understands, each with the moments it is about.

What is told apart: `good` (as it should be), `note` (worth knowing), `problem` (worth a look before
the file goes out). The limits below decide; docs/report.md explains them. Names are untrusted text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..sound.loudness import Loudness
from .film import Stretch
from .incidents import told
from .pictures import NOTHING_SENT
from .story import listed

MOMENTS = 6  # of one finding; more are counted only
EARLY_MS, LATE_MS = 45, 125  # ITU-R BT.1359-1: from here on people notice
LOUD_LUFS, QUIET_LUFS = -11.0, -30.0
HIGHEST_DBTP = 0.0  # above, players clip
DISTORTED_DBTP = 1.0
MUCH_SOUND = 0.02  # share of a participant's sound that is missing
SLOW_PER_SECOND = 12  # pictures of a camera
SKIPPED_SHARE = 0.02
LONG_FREEZE_S = 3.0
QUIETLY = {"gap", "paused", "resumed"}  # told elsewhere or in other words


@dataclass(frozen=True, slots=True)
class Moment:
    t: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`more`: how many further moments there are besides `moments`."""

    severity: str  # good, note, problem
    area: str  # sync, sound, picture, network, layout, recording
    text: str
    participantId: str | None = None
    moments: tuple[Moment, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class _Facts:
    names: Mapping[str, str]
    video: bool
    pictures: Mapping[str, Any]
    stretches: Sequence[Stretch]
    losses: Sequence[Mapping[str, Any]]
    sync: Sequence[Mapping[str, Any]]
    loudness: Loudness | None
    irregularities: Sequence[Mapping[str, Any]]
    error: str = field(default="")

    def name(self, id_: str) -> str:
        return self.names.get(id_, id_)


def findings(**facts: Any) -> list[Finding]:
    """All findings of one file, the gravest first."""
    known = _Facts(**facts)
    found = [*_error(known), *_sound(known), *_losses(known), *_recording(known)]
    if known.video:
        found += [*_sync(known), *_freezes(known), *_rates(known), *_stretches(known)]
    order = {"problem": 0, "note": 1, "good": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _error(facts: _Facts) -> Iterator[Finding]:
    if facts.error:
        yield Finding("problem", "recording", f"The file could not be examined: {facts.error}")


def _sync(facts: _Facts) -> Iterator[Finding]:
    there = [entry for entry in facts.sync if entry["participantId"] in facts.names]
    good = []
    for entry in there:
        offset, worst, at = entry["offsetMs"], entry["largestMs"], entry["largestAt"]
        name = facts.name(entry["participantId"])
        if offset is not None and _noticed(offset):
            yield Finding("problem", "sync", _off(name, offset), entry["participantId"])
        elif worst is not None and _noticed(worst):
            moments = (Moment(at),) if at is not None else ()
            text = f"For a moment, {_off(name, worst)}"
            yield Finding("note", "sync", text, entry["participantId"], moments)
        else:
            good.append(entry)
    if good:
        yield Finding("good", "sync", _in_step(facts, there, good))


def _noticed(offset_ms: float) -> bool:
    return offset_ms > LATE_MS or offset_ms < -EARLY_MS


def _off(name: str, offset_ms: float) -> str:
    word = "after" if offset_ms > 0 else "before"
    return f"{name} is heard about {abs(offset_ms):.0f} ms {word} the lips move."


def _in_step(facts: _Facts, there: Sequence[Any], good: Sequence[Any]) -> str:
    whom = "everyone with a camera"
    if len(good) < len(there) or len(good) == 1:
        whom = listed([facts.name(entry["participantId"]) for entry in good])
    within = max(abs(entry["largestMs"] or 0.0) + entry["plusMinusMs"] for entry in good)
    return f"Sound and picture of {whom} are in step, to within {within:.0f} ms. {_how(good)}"


def _how(entries: Iterable[Mapping[str, Any]]) -> str:
    methods = {entry[kind]["method"] for entry in entries for kind in ("audio", "video")}
    if methods <= {"sender-report", "capture-time"}:
        return "They were lined up by the senders' own clocks."
    if methods == {"arrival"}:
        return "They were lined up by when they reached us."
    return "They were lined up by the senders' own clocks where those were told, else by arrival."


def _sound(facts: _Facts) -> Iterator[Finding]:
    measured = facts.loudness
    if measured is None:
        return
    if measured.integrated_lufs is None:
        yield Finding("note", "sound", "There is nothing to be heard in this file.")
        return
    lufs = measured.integrated_lufs
    if lufs > LOUD_LUFS:
        yield Finding("note", "sound", f"The sound is very loud: {_db(lufs)} LUFS.")
    elif lufs < QUIET_LUFS:
        yield Finding(
            "note", "sound", f"The sound is soft: {_db(lufs)} LUFS. People will turn it up."
        )
    else:
        yield Finding("good", "sound", f"The sound has a comfortable level: {_db(lufs)} LUFS.")
    peak = measured.true_peak_dbtp
    if peak is not None and peak > HIGHEST_DBTP:
        severity = "problem" if peak > DISTORTED_DBTP else "note"
        text = f"The loudest peak reaches {_db(peak)} dBTP: it may distort where it is played."
        yield Finding(severity, "sound", text)


def _db(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def _losses(facts: _Facts) -> Iterator[Finding]:
    """One finding a participant: sound and pictures, of camera and screen."""
    hit: dict[str, list[Mapping[str, Any]]] = {}
    for loss in facts.losses:
        if loss["missingSeconds"] > 0:
            hit.setdefault(loss["participantId"], []).append(loss)
    for id_, losses in hit.items():
        parts = [
            f"{_spent(loss['missingSeconds'])} of {_what(loss)} ({_percent(loss['missingShare'])})"
            for loss in losses
        ]
        text = f"{facts.name(id_)}: {listed(parts, most=4)} never reached us."
        much = any(e["kind"] == "audio" and e["missingShare"] > MUCH_SOUND for e in losses)
        moments = {g["t"]: Moment(g["t"], g["seconds"]) for e in losses for g in e["gaps"]}
        severity = "problem" if much else "note"
        yield _with(severity, "network", text, id_, list(moments.values()))
    if facts.losses and not hit:
        yield Finding("good", "network", f"Nothing was lost on the way to us{_mended(facts)}.")


def _mended(facts: _Facts) -> str:
    """How much of it had to be asked for again."""
    counted = [loss["packets"] for loss in facts.losses if loss["packets"] is not None]
    mended = sum(packets["recovered"] for packets in counted)
    if not mended:
        return ""
    return f": {mended} packet{'s' if mended > 1 else ''} came when asked for again"


def _what(loss: Mapping[str, Any]) -> str:
    what = "sound" if loss["kind"] == "audio" else "picture"
    return f"the screen's {what}" if loss["source"] == "ScreenShare" else what


def _spent(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"


def _freezes(facts: _Facts) -> Iterator[Finding]:
    cameras = [s for s in facts.pictures["streams"] if s["source"] == "Camera"]
    for stream in cameras:
        frozen = [Moment(f["t"], f["seconds"]) for f in stream["freezes"]]
        if not frozen:
            continue
        longest = max(moment.seconds for moment in frozen)
        text = f"{facts.name(stream['participantId'])}'s picture stood still {_times(frozen)}"
        text += f"; {_why(stream['freezes'])}."
        severity = "problem" if longest >= LONG_FREEZE_S else "note"
        yield _with(severity, "picture", text, stream["participantId"], frozen)
    if cameras and not any(stream["freezes"] for stream in cameras):
        yield Finding("good", "picture", "No camera's picture ever stood still.")


def _times(frozen: Sequence[Moment]) -> str:
    longest = max(moment.seconds for moment in frozen)
    if len(frozen) == 1:
        return f"for {longest:.1f} s"
    count = "twice" if len(frozen) == 2 else f"{len(frozen)} times"
    return f"{count}, the longest for {longest:.1f} s"


def _why(freezes: Sequence[Mapping[str, Any]]) -> str:
    lost = sum(freeze["cause"] != NOTHING_SENT for freeze in freezes)
    if not lost:
        return "nothing was sent then"
    return "it was lost on the way" if lost == len(freezes) else "some of it was lost on the way"


def _rates(facts: _Facts) -> Iterator[Finding]:
    slow: list[str] = []
    many: list[str] = []
    for stream in facts.pictures["streams"]:
        name, sent = facts.name(stream["participantId"]), stream["sentPerSecond"] or 0.0
        if stream["source"] == "Camera" and sent < SLOW_PER_SECOND:
            slow.append(f"{name} ({sent:.0f})")
        if stream["skipped"] > SKIPPED_SHARE * (stream["skipped"] + stream["real"]):
            many.append(f"{name} ({sent:.0f})")
    if slow:
        text = f"Cameras that sent few pictures a second and look jerky: {listed(slow, most=5)}."
        yield Finding("note", "picture", text)
    if many:
        text = (
            f"More pictures a second than this file can show were sent by {listed(many, most=5)}."
        )
        yield Finding("note", "picture", text)


def _stretches(facts: _Facts) -> Iterator[Finding]:
    texts = {
        "black": "The picture is black",
        "blank": "The picture is one flat colour",
        "still": "Nothing moves in the picture",
    }
    for kind, text in texts.items():
        here = [Moment(s.t, s.seconds) for s in facts.stretches if s.kind == kind]
        if here:
            seconds = sum(moment.seconds for moment in here)
            severity = "note" if kind == "still" else "problem"
            yield _with(severity, "layout", f"{text} for {seconds:.1f} s.", None, here)
    if not any(s.kind != "still" for s in facts.stretches):
        yield Finding("good", "layout", "The picture is never black or blank.")


def _recording(facts: _Facts) -> Iterator[Finding]:
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for entry in facts.irregularities:
        if entry["type"] not in QUIETLY:
            by_type.setdefault(entry["type"], []).append(entry)
    for type_, entries in by_type.items():
        severity, area, text = told(type_, entries)
        moments = [
            Moment(e["t"], float(e.get("seconds") or 0.0)) for e in entries if e["t"] is not None
        ]
        yield _with(severity, area, text, None, moments)


def _with(
    severity: str, area: str, text: str, participant: str | None, moments: Sequence[Moment]
) -> Finding:
    """The longest moments, in order of time; the others are counted."""
    longest = sorted(moments, key=lambda moment: -moment.seconds)[:MOMENTS]
    kept = tuple(sorted(longest, key=lambda moment: moment.t))
    return Finding(severity, area, text, participant, kept, len(moments) - len(kept))
