"""One whole check: looks, script, findings, files. The command line is mixer/commands/check.py."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mixer import __version__
from mixer.check import cast
from mixer.check.compare import Difference, compared
from mixer.check.course import FPS, WHOLE, Course, Script, run_course
from mixer.check.findings import EXIT, Finding, judge, worst
from mixer.check.journal import STORY
from mixer.check.looks import Looks, Progress, look_at
from mixer.check.page import render_report
from mixer.errors import StorageError
from mixer.layout.browser import launched
from mixer.layout.shipped import layout_path

FORMAT, VERSION = "mixer-check", 1
PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Checked:
    document: Mapping[str, Any]
    findings: tuple[Finding, ...]
    report: Path
    exit_code: int


async def check_layout(
    layout: str,
    out: Path,
    say: Progress = lambda text: None,
    *,
    sizes: Sequence[tuple[int, int]] = cast.SIZES,
    counts: Sequence[int] = cast.COUNTS,
    script: Script = WHOLE,
    ready_s: float = 10.0,
) -> Checked:
    """Checks a layout, and writes check.json, report.html, requests.har and pictures/ to `out`.

    Raises LayoutError where there is no such layout, EnvironmentMissing, StorageError.
    """
    began = time.monotonic()
    layout_path(layout)  # before anything is written
    _writable(out)
    async with launched() as browser:
        looks = await look_at(browser, layout, say, sizes=sizes, counts=counts, ready_s=ready_s)
    course = None
    if looks.failure is None:
        say("script")
        with tempfile.TemporaryDirectory(prefix="mixer-check-") as folder:
            course = await run_course(layout, Path(folder), script, ready_s=ready_s)
    findings = judge(looks, course)
    differences = await asyncio.to_thread(_keep_pictures, looks, out / PICTURES)
    document = _document(layout, looks, course, findings, differences)
    document["script"] = None if course is None else _script(course, script)
    document["seconds"] = round(time.monotonic() - began, 1)
    _write(out / "check.json", json.dumps(document, indent=1, ensure_ascii=False))
    _write(out / "requests.har", looks.noted.har())
    report = out / "report.html"
    _write(report, await asyncio.to_thread(render_report, document, looks, differences))
    return Checked(document, tuple(findings), report, document["exit_code"])


def _writable(out: Path) -> None:
    try:
        (out / PICTURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {out}: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def _keep_pictures(looks: Looks, folder: Path) -> dict[str, Difference]:
    """Differences by name; the folder then holds this check's pictures only."""
    found: dict[str, Difference] = {}
    fresh = Path(tempfile.mkdtemp(prefix=".pictures-", dir=folder.parent))
    for picture in looks.pictures:
        found[picture.name] = compared(folder / f"{picture.name}.png", picture.image)
        picture.image.save(fresh / f"{picture.name}.png", compress_level=2)
    shutil.rmtree(folder)
    fresh.chmod(0o755)
    fresh.rename(folder)
    return found


def _document(
    layout: str,
    looks: Looks,
    course: Course | None,
    findings: list[Finding],
    differences: Mapping[str, Difference],
) -> dict[str, Any]:
    verdict = worst(findings)
    return {
        "format": FORMAT,
        "version": VERSION,
        "mixer": __version__,
        "layout": layout,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": verdict,
        "exit_code": EXIT[verdict],
        "kind": looks.pictures[0].probed.kind if looks.pictures else "unknown",
        "findings": [asdict(one) for one in findings],
        "ready": [{"wall_ms": round(w), "page_ms": round(p)} for w, p in looks.ready_ms],
        "console": [{"level": level, "text": text} for level, text in looks.noted.console],
        "failed_requests": [{"url": u, "reason": r} for u, r in looks.noted.failed.items()],
        "missing_characters": looks.missing,
        "pictures": [
            {
                "name": one.name,
                "file": f"{PICTURES}/{one.name}.png",
                "size": list(one.size),
                "participants": one.count,
                "kind": one.kind,
                "share": one.kind == cast.SHARE,
                "mode": one.mode,
                "reason": one.reason,
                "videos": one.videos,
                "ms": round(one.ms),
                "difference": differences[one.name].share,
            }
            for one in looks.pictures
        ],
    }


def _script(course: Course, script: Script) -> dict[str, Any]:
    return {
        "size": list(script.size),
        "fps": FPS,
        "seconds": script.seconds,
        "frames": course.frames,
        "modes": [
            {"at": round(first / FPS, 2), "mode": mode, "reason": reason}
            for first, mode, reason in course.modes
        ],
        "story": [
            {"at": at, "what": what} for at, what, _, _ in STORY if what and at < script.seconds
        ],
        "pixel_share": round(course.pixel_share, 4),
        "looks": course.mattes,
        "track_bytes": course.track_bytes,
        "cpu_ms_a_frame": {
            "page": round(course.page_cpu_ms, 2),
            "pictures": round(course.picture_cpu_ms, 2),
        },
        "cores": round(course.cores, 3),
        "machine": {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)},
        "replaced_at": None if course.replaced is None else round(course.replaced[0] / FPS, 2),
        "freed_at": None if course.stalled is None else round(course.stalled / FPS, 2),
    }
