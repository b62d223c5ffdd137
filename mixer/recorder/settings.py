"""What a recorder is asked for, and how it says it is going.

`mixer record` has it from its flags, a spare recorder (spare.py) as one JSON object: an *order*.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import StorageError, UsageError
from ..render.audio_settings import AudioSettings
from .plan import Format, MixPlan, Plan, mix_from, parse_format

MIN_FREE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What `mixer record` was asked for. Durations in seconds; None: no limit.

    `resume`: go on with what an earlier recorder left in `out`; then mixes, formats and an empty
    `url` are what its plan says.
    """

    url: str
    out: Path
    mixes: tuple[MixPlan, ...] = (MixPlan(),)
    format: Format = "mp4"
    live: bool = True
    audio: AudioSettings = field(default_factory=AudioSettings)
    name: str = "Mixer"
    duration_s: float | None = None
    max_duration_s: float | None = None
    start_timeout_s: float | None = None
    empty_timeout_s: float | None = None
    unreachable_timeout_s: float | None = None  # without a connection to the conference's media
    min_free_bytes: int = MIN_FREE_BYTES
    keep_work: bool = False
    resume: bool = False
    finish: bool = False  # resumed, but nothing more is recorded
    fence: int = 0
    ingest_environment: Mapping[str, str] = field(default_factory=dict)  # secrets, ICE servers

    def plan(self) -> Plan:
        return Plan(
            self.url,
            mixes=self.mixes,
            format=self.format,
            live=self.live,
            audio=self.audio,
            fence=self.fence,
        )

    def resumed(self, plan: Plan) -> Plan:
        """The plan of the recorder that died, as it is now. Raises UsageError where a newer owner
        is at work."""
        if self.fence and self.fence < plan.fence:
            raise UsageError(f"another process looks after {self.out} now (fence {plan.fence})")
        ended = plan.ended or ("conference-ended" if self.finish else "")
        fence = max(self.fence, plan.fence)
        return replace(plan, url=self.url or plan.url, fence=fence, ended=ended)


ORDERED = (
    "format",
    "live",
    "name",
    "duration_s",
    "max_duration_s",
    "start_timeout_s",
    "empty_timeout_s",
    "unreachable_timeout_s",
    "min_free_bytes",
    "keep_work",
    "resume",
    "finish",
    "fence",
)


def order_from(order: Mapping[str, Any]) -> RecordSettings:
    """Raises UsageError for what makes no sense."""
    try:
        known = {name: order[name] for name in ORDERED if name in order}
        if "format" in known:
            known["format"] = parse_format(str(known["format"]))
        return RecordSettings(
            url=str(order["url"]),
            out=Path(order["out"]),
            mixes=tuple(mix_from(mix) for mix in order.get("mixes", ())),
            audio=AudioSettings.from_json(order.get("audio", {})),
            ingest_environment={k: str(v) for k, v in order.get("environment", {}).items()},
            **known,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the order is not understood: {error!r}") from None


def check_folder(settings: RecordSettings) -> None:
    """Makes the recording's folder. Raises UsageError where it holds another recording,
    StorageError where nothing can be written."""
    out = settings.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out).free
    except OSError as error:
        raise StorageError(f"cannot make {out}: {error.strerror}") from error
    if (out / "plan.json").exists() and not settings.resume:
        raise UsageError(
            f"{out} holds a recording already; give another --out, go on with it with --resume, "
            f"or finish it with: mixer render {out}"
        )
    if free < settings.min_free_bytes:
        raise StorageError(
            f"the disk of {out} has {free >> 20} MB left, less than the "
            f"{settings.min_free_bytes >> 20} MB that are kept free (--min-free)"
        )


@dataclass(slots=True)
class Status:
    """What is going on, for the display, `status` and machines."""

    stage: str = "joining"  # joining, recording, finishing, finished
    joined_ns: int | None = None
    elapsed_s: float = 0.0
    recorded_s: float = 0.0
    reason: str = ""
    ingest: dict[str, Any] = field(default_factory=dict)
    free_bytes: int = 0
    ingest_restarts: int = 0
