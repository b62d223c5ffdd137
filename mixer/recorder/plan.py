"""What a recording should become: `plan.json`, written before it is acted upon.

`mixer render DIR` finishes whatever the plan still wants, also after everything was killed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..edit import Span
from ..encode.quality import CRF, PRESET
from ..errors import UsageError
from ..journal import write_whole
from ..render.audio_settings import AudioSettings
from ..render.settings import LANGUAGE, RenderSettings, Workspace

VERSION = 4
MIX_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
RECORDER_LOCK = "recorder.lock"
KEYS = ("id", "part", "size", "fps", "preset", "crf", "language", "layout")

Format = Literal["mp4", "mp3", "both"]


@dataclass(frozen=True, slots=True)
class MixPlan:
    """One part of a mix: from one start to the next stop. `start_ns`/`stop_ns` are journal times,
    None while not decided; `ends_ns`: from when on its layout had nothing more to show, so that its
    file ends there. Parts of one id, layout, size, rate and language become one file in the end."""

    id: str = "default"
    layout: str = "default"
    width: int = 1920
    height: int = 1080
    fps: int = 30
    preset: str = PRESET
    crf: int = CRF
    part: int = 1
    start_ns: int | None = None
    stop_ns: int | None = None
    finished: bool = False
    ends_ns: int | None = None
    language: str = LANGUAGE
    layout_name: str = ""  # what whoever asked for it calls its layout: told again, nothing more

    def __post_init__(self) -> None:
        if not MIX_ID.fullmatch(self.id):
            raise UsageError(
                f"mix id {self.id!r}: use 1 to 100 letters, digits, dots, dashes or underscores"
            )
        if self.part < 1:
            raise UsageError(f"part {self.part}: parts are counted from 1")
        self.settings(0)  # checks sizes and the rest

    def settings(self, start_ns: int, title: str = "") -> RenderSettings:
        return RenderSettings(
            start_ns=start_ns,
            layout=self.layout,
            width=self.width,
            height=self.height,
            fps=self.fps,
            preset=self.preset,
            crf=self.crf,
            language=self.language,
            title=title,
        )

    @property
    def runs(self) -> bool:
        return self.stop_ns is None

    @property
    def shown_until_ns(self) -> int | None:
        """Where its file ends: at the stop, unless its layout had nothing more to show before."""
        ends = (at_ns for at_ns in (self.stop_ns, self.ends_ns) if at_ns is not None)
        return min(ends, default=None)

    @property
    def merge_key(self) -> tuple[Any, ...]:
        """Parts that have this in common can be joined without encoding them again."""
        shown = (self.layout, self.width, self.height, self.fps, self.language)
        return (self.id, *shown, self.preset, self.crf)


@dataclass(frozen=True, slots=True)
class AudioPart:
    """The sound from the moment the first mix runs until none does."""

    start_ns: int
    stop_ns: int | None = None
    finished: bool = False

    @property
    def span(self) -> Span:
        return Span(self.start_ns, self.stop_ns)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a recording shall become. `live` False: its files are made by `mixer render` only.
    `merged`: the files of the whole recording are there, too. `ended`: why nothing more is to be
    recorded; "" while it goes on. `fence`: of the last owner that was obeyed."""

    url: str
    conference: str = ""
    mixes: tuple[MixPlan, ...] = ()
    format: Format = "mp4"
    live: bool = True
    audio: AudioSettings = field(default_factory=AudioSettings)
    audio_parts: tuple[AudioPart, ...] = ()
    paused: bool = False
    merged: bool = False
    ended: str = ""
    fence: int = 0
    version: int = field(default=VERSION)

    @property
    def has_video(self) -> bool:
        return self.format != "mp3"

    @property
    def has_audio(self) -> bool:
        return self.format != "mp4"

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(mix.id for mix in self.mixes))

    def parts(self, mix_id: str) -> list[MixPlan]:
        """The parts of a mix, in order. Raises UsageError if there is no such mix."""
        found = [mix for mix in self.mixes if mix.id == mix_id]
        if not found:
            known = ", ".join(self.ids) or "none"
            raise UsageError(f"there is no mix {mix_id!r}; there are: {known}")
        return found

    def groups(self) -> dict[str, list[MixPlan]]:
        """Parts that become one file, by the file's name without its end: the mix's id, and for
        further files of the same id (of another size, say) id@2, id@3, …"""
        by_key: dict[tuple[Any, ...], list[MixPlan]] = {}
        for mix in self.mixes:
            by_key.setdefault(mix.merge_key, []).append(mix)
        named: dict[str, list[MixPlan]] = {}
        for parts in by_key.values():
            id_ = parts[0].id
            same = sum(other[0].id == id_ for other in named.values())
            named[f"{id_}@{same + 1}" if same else id_] = parts
        return named

    def with_mix(self, changed: MixPlan) -> Plan:
        """The plan with this part added, or put in the place of the one of its id and number."""
        key = (changed.id, changed.part)
        if all((mix.id, mix.part) != key for mix in self.mixes):
            return replace(self, mixes=(*self.mixes, changed))
        mixes = tuple(changed if (mix.id, mix.part) == key else mix for mix in self.mixes)
        return replace(self, mixes=mixes)

    def with_audio_parts(self) -> Plan:
        """The plan with the sound's parts as the mixes' starts and stops give them."""
        if not self.has_audio:
            return self
        finished = {part.span for part in self.audio_parts if part.finished}
        parts = tuple(AudioPart(s.start_ns, s.stop_ns, s in finished) for s in union(self.mixes))
        return replace(self, audio_parts=parts)


def union(mixes: Sequence[MixPlan]) -> list[Span]:
    """The stretches in which at least one mix runs."""
    found: list[Span] = []
    for mix in sorted(mixes, key=lambda mix: mix.start_ns or 0):
        if mix.start_ns is None:
            continue
        last = found[-1] if found else None
        if last is None or (last.stop_ns is not None and mix.start_ns > last.stop_ns):
            found.append(Span(mix.start_ns, mix.stop_ns))
        elif last.stop_ns is not None:
            stop_ns = None if mix.stop_ns is None else max(last.stop_ns, mix.stop_ns)
            found[-1] = Span(last.start_ns, stop_ns)
    return found


@dataclass(frozen=True, slots=True)
class RecordFolder:
    """The files of one recording: `mixer record --out DIR` makes them."""

    directory: Path

    @property
    def journal(self) -> Path:
        return self.directory / "journal"

    @property
    def plan(self) -> Path:
        return self.directory / "plan.json"

    @property
    def result(self) -> Path:
        return self.directory / "recording.json"

    @property
    def socket(self) -> Path:
        return self.directory / "control.sock"

    @property
    def lock(self) -> Path:
        """Held by the process that records, or that finishes the plan. It lies in the journal's
        folder: nobody is to end a journal whose ingest is only being started again."""
        return self.journal / RECORDER_LOCK

    @property
    def audio(self) -> Path:
        return self.directory / "audio"

    @property
    def parts(self) -> Path:
        return self.directory / "parts"

    def part_file(self, mix: MixPlan) -> Path:
        return self.parts / f"{mix.id}.{mix.part}.mp4"

    def part_facts(self, mix: MixPlan) -> Path:
        """What is known of a finished part (outputs.py)."""
        return self.parts / f"{mix.id}.{mix.part}.json"

    def audio_facts(self, number: int) -> Path:
        return self.parts / f"~sound.{number + 1}.json"  # no mix can have this name

    def mix_file(self, name: str) -> Path:
        """`name`: of a group of parts."""
        return self.directory / "mixes" / f"{name}.mp4"

    def work(self, name: str) -> Workspace:
        return Workspace(self.directory / "work" / name)

    def mix_work(self, mix: MixPlan) -> Workspace:
        return self.work(f"mix-{mix.id}.{mix.part}")

    def audio_work(self, number: int | None) -> Workspace:
        """`number` None: of the whole recording's sound."""
        return self.work("sound" if number is None else f"sound-{number + 1}")

    def save(self, plan: Plan) -> None:
        write_whole(self.plan, json.dumps(asdict(plan), indent=2).encode() + b"\n")

    def load(self) -> Plan:
        """Raises UsageError where there is no plan or one that is not understood."""
        try:
            value = json.loads(self.plan.read_text())
            if value["version"] > VERSION:
                raise UsageError(f"{self.plan} was written by a newer mixer; use that version")
            return _plan_from(value)
        except FileNotFoundError:
            raise UsageError(f"{self.directory} is no recording: it has no plan.json") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.plan} is damaged: {error}") from None


def _plan_from(value: dict[str, Any]) -> Plan:
    """Also of version 1, which had mixes of one part only."""
    value["version"] = VERSION
    value["mixes"] = tuple(MixPlan(**mix) for mix in value["mixes"])
    value["audio_parts"] = tuple(AudioPart(**part) for part in value.get("audio_parts", ()))
    value["audio"] = AudioSettings.from_json(value.get("audio", {}))
    return Plan(**value)


def parse_format(text: str) -> Format:
    """`mp4`, `mp3` or `both`. Raises UsageError."""
    for known in get_args(Format):
        if text.lower() == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"format {text!r} is none of mp4, mp3, both")


def parse_mix(text: str) -> MixPlan:
    """`id=default,size=1920x1080,fps=30,preset=…,crf=…,language=en,layout=…`; layout= takes all
    that follows.

    Raises UsageError that names the key that is wrong.
    """
    return mix_from(mix_fields(text))


def mix_fields(text: str) -> dict[str, str]:
    """The keys and values of `--mix`, not looked at any further."""
    values: dict[str, str] = {}
    head, found, layout = text.partition("layout=")
    if found:
        values["layout"] = layout
        head = head.removesuffix(",")
    for part in filter(None, head.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in KEYS:
            raise UsageError(f"--mix: {part!r} is not one of {', '.join(KEYS)}=…")
        values[key] = value
    return values


def mix_from(values: Mapping[str, Any]) -> MixPlan:
    """A mix from texts or JSON values, with the keys of `--mix`."""
    known: dict[str, Any] = {
        key: str(values[key])
        for key in ("id", "layout", "preset", "language", "layout_name")
        if key in values
    }
    for key in ("fps", "crf", "part"):
        if key in values:
            known[key] = _number(key, values[key])
    if "size" in values:
        known["width"], known["height"] = parse_size(str(values["size"]))
    if known.get("layout") == "":
        raise UsageError("layout= is empty; give a built-in name, a folder, an HTML file or a URL")
    return MixPlan(**known)


def parse_size(text: str) -> tuple[int, int]:
    """`1920x1080`. Whether the numbers make sense is RenderSettings' to say."""
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if not match:
        raise UsageError(f"size {text!r} is not WIDTHxHEIGHT, such as 1920x1080")
    return int(match[1]), int(match[2])


def _number(key: str, value: Any) -> int:
    if isinstance(value, int | str) and not isinstance(value, bool):
        with suppress(ValueError):
            return int(value)
    raise UsageError(f"{key} {value!r} is not a whole number")
