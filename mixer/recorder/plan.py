"""What a recording should become: `plan.json`, written before it is acted upon.

`mixer render DIR` finishes whatever the plan still wants, also after everything was killed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import StorageError, UsageError
from ..journal import write_whole
from ..render.settings import RenderSettings, Workspace

VERSION = 1
MIX_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
KEYS = ("id", "size", "fps", "preset", "crf", "layout")


@dataclass(frozen=True, slots=True)
class MixPlan:
    """One mix. `start_ns`/`stop_ns` are journal times, None while not decided."""

    id: str = "default"
    layout: str = "default"
    width: int = 1920
    height: int = 1080
    fps: int = 30
    preset: str = "veryfast"
    crf: int = 23
    start_ns: int | None = None
    stop_ns: int | None = None
    finished: bool = False

    def __post_init__(self) -> None:
        if not MIX_ID.fullmatch(self.id):
            raise UsageError(
                f"mix id {self.id!r}: use 1 to 100 letters, digits, dots, dashes or underscores"
            )
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
            title=title,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    url: str
    conference: str = ""
    mixes: tuple[MixPlan, ...] = ()
    version: int = field(default=VERSION)

    def mix(self, mix_id: str) -> MixPlan:
        for mix in self.mixes:
            if mix.id == mix_id:
                return mix
        raise UsageError(f"there is no mix {mix_id!r}; there are: {', '.join(self.ids) or 'none'}")

    @property
    def ids(self) -> list[str]:
        return [mix.id for mix in self.mixes]

    def with_mix(self, changed: MixPlan) -> Plan:
        """The plan with this mix added, or put in the place of the one of its id."""
        if changed.id not in self.ids:
            return replace(self, mixes=(*self.mixes, changed))
        mixes = tuple(changed if mix.id == changed.id else mix for mix in self.mixes)
        return replace(self, mixes=mixes)


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

    def mix_file(self, mix_id: str) -> Path:
        return self.directory / "mixes" / f"{mix_id}.mp4"

    def work(self, name: str) -> Workspace:
        return Workspace(self.directory / "work" / name)

    def save(self, plan: Plan) -> None:
        try:
            write_whole(self.plan, json.dumps(asdict(plan), indent=2).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"cannot write {self.plan}: {error.strerror}") from error

    def load(self) -> Plan:
        """Raises UsageError where there is no plan or one that is not understood."""
        try:
            value = json.loads(self.plan.read_text())
            if value["version"] > VERSION:
                raise UsageError(f"{self.plan} was written by a newer mixer; use that version")
            value["mixes"] = tuple(MixPlan(**mix) for mix in value["mixes"])
            return Plan(**value)
        except FileNotFoundError:
            raise UsageError(f"{self.directory} is no recording: it has no plan.json") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.plan} is damaged: {error}") from None


def parse_mix(text: str) -> MixPlan:
    """`id=default,size=1920x1080,fps=30,preset=…,crf=…,layout=…`; layout= takes all that follows.

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
        key: values[key] for key in ("id", "layout", "preset") if key in values
    }
    for key in ("fps", "crf"):
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
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UsageError(f"{key} {value!r} is not a whole number") from None
