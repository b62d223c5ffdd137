"""What a check found, in words, each with how to mend it (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mixer.check import cast
from mixer.check.course import FPS, Course
from mixer.check.looks import Looks, Picture

BROKEN, FAULT, ADVICE, GOOD = "broken", "fault", "advice", "good"
SEVERITIES = (BROKEN, FAULT, ADVICE, GOOD)
EXIT = {BROKEN: 20, FAULT: 21, ADVICE: 0, GOOD: 0}
UNREADABLE = 3.0  # contrast below which nobody reads it
MANY = 4  # examples that a finding names
SLOW_READY_MS = 3000.0  # of page time
EXPENSIVE_CORES = 2.0  # of the script, in which something happens every 0.6 s

NOT_LET = {
    "refused": "The mixer's proxy refuses private addresses: serve it from a public one, put it "
    "into the layout's folder, or allow it with --layout-allow.",
    "dialog": "Nobody answers dialogs in a recording: show text in the page instead.",
    "popup": "A recording is one page: nothing else is opened.",
    "download": "Nothing is downloaded while recording.",
    "navigation": "The page stays where it is: change its contents instead of its address.",
    "missing": "Put the file into the layout's folder, or mend its address.",
}
MEDIA = "media"  # kind of what is let, but does not come out as it is heard and seen here
OWN_MEDIA = (
    "Its sound is not recorded, and its picture runs by the clock on the wall, not by the "
    "recording's: share the video in the conference, or animate by CSS or script."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend`: what to do about it; "" where nothing is to be done."""

    severity: str
    area: str  # contract, console, network, text, cost
    text: str
    mend: str = ""


def worst(findings: Sequence[Finding]) -> str:
    return min((one.severity for one in findings), key=SEVERITIES.index, default=GOOD)


def judge(looks: Looks, course: Course | None) -> list[Finding]:
    """All findings, the worst first."""
    found = [
        *_contract(looks, course),
        *_console(looks),
        *_network(looks),
        *_texts(looks),
        *(_course(course) if course is not None else ()),
        *(_later(looks, course) if course is not None else ()),
    ]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _contract(looks: Looks, course: Course | None) -> Iterator[Finding]:
    if looks.failure is not None:
        size, reason = looks.failure
        yield Finding(BROKEN, "contract", f"At {size}: {reason}.", _mend_failure(reason))
        return
    wall_ms, page_ms = looks.ready_ms[0]
    if page_ms > SLOW_READY_MS:
        text = f"Ready only after {page_ms / 1000:.1f} s of the page's time."
        yield Finding(ADVICE, "contract", text, "Call ready() sooner; load what is large later.")
    else:
        text = f"Ready after {page_ms:.0f} ms of the page's time ({wall_ms / 1000:.1f} s here)."
        yield Finding(GOOD, "contract", text)
    yield from _shown(looks.pictures)
    if looks.freed or (course is not None and course.stalled is not None):
        yield Finding(
            ADVICE,
            "contract",
            "The page keeps a request open for ever, so its clock does not wait for the network.",
            "Do without EventSource and long polls: mixerLayout tells what happens.",
        )
    suppressed = dict.fromkeys([*looks.suppressed, *(course.suppressed if course else ())])
    for kind in dict.fromkeys(kind for kind, _ in suppressed):
        details = _some([detail for one, detail in suppressed if one == kind])
        if kind == MEDIA:
            text = f"The page plays media of its own: {details}."
            yield Finding(ADVICE, "contract", text, OWN_MEDIA)
        else:
            text = f"Not allowed: {kind} ({details})."
            yield Finding(FAULT, "contract", text, NOT_LET.get(kind, ""))


def _mend_failure(reason: str) -> str:
    if "ready() was not called" in reason:
        return "Call mixerLayout.ready() once the first look is painted, also without participants."
    if "lacks a script" in reason:
        return "Put the script into the layout's folder, or mend its address."
    if "threw" in reason:
        return "Mend the error; open the page in `mixer preview` to see where it comes from."
    if "cannot be loaded" in reason or "answers" in reason or "not loaded" in reason:
        return "Open the address in a browser: the page must be there, without a login."
    if "does not answer" in reason:
        return "The page keeps its process busy: look for an endless loop."
    if "gave up" in reason:
        return "The page called mixerLayout.fail(): its reason says why."
    return "Open the page in `mixer preview`; docs/layouts.md says what pages are to do."


def _shown(pictures: Sequence[Picture]) -> Iterator[Finding]:
    if any(one.probed.markup for one in pictures):
        yield Finding(
            FAULT,
            "contract",
            "A participant's name was put in as markup: anybody could run script in the recording.",
            "Use textContent, not innerHTML, for names.",
        )
    if unseen := sorted({name for one in pictures for name in one.probed.unseen}):
        yield Finding(
            FAULT,
            "contract",
            f"Shown, but must not be: {_some(unseen)}.",
            "Draw mixerLayout.participants: mixers and silent listeners are not among them.",
        )
    people = [one for one in pictures if one.kind == cast.PEOPLE]
    if people and not any(one.videos for one in people):
        yield Finding(
            ADVICE,
            "contract",
            "No camera is shown at any number of participants.",
            "Where that is not meant: video.srcObject = mixerLayout.mediaStream(stream.id).",
        )
    elif any(one.count == 1 and not one.videos for one in people):
        yield Finding(ADVICE, "contract", "One participant alone is not shown.")
    if any(one.videos for one in people):
        yield from _shared(pictures)


def _shared(pictures: Sequence[Picture]) -> Iterator[Finding]:
    shares = [one for one in pictures if one.kind == cast.SHARE]
    if shares and not any(one.videos for one in shares):
        text = "While a screen is shared no video is shown."
        yield Finding(FAULT, "contract", text, "Show mixerLayout.share.")
        return
    for kind, what, member in (
        (cast.SHARE, "screen", "share"),
        (cast.FILE, "file", "presentation"),
        (cast.VIDEO, "video", "share"),
    ):
        taken = [one for one in pictures if one.kind == kind]
        if taken and not any(one.shared for one in taken):
            mend = f"Where that is not meant: show mixerLayout.{member}, or <mixer-video share>."
            yield Finding(ADVICE, "contract", f"The shared {what} is not shown.", mend)


def _console(looks: Looks) -> Iterator[Finding]:
    for level, severity in (("error", FAULT), ("warning", ADVICE)):
        texts = [text for one, text in looks.noted.console if one == level]
        if texts:
            yield Finding(severity, "console", f"{_count(texts, level)}: {_some(texts)}", "")


def _network(looks: Looks) -> Iterator[Finding]:
    failed = [f"{url[:200]} {why}" for url, why in looks.noted.failed.items()]
    if failed:
        text = f"{_count(failed, 'request')} failed: {_some(failed)}."
        yield Finding(FAULT, "network", text, "Mend the addresses; requests.har has all requests.")


def _texts(looks: Looks) -> Iterator[Finding]:
    if looks.missing:
        yield Finding(
            FAULT,
            "text",
            f"No font has these characters: {looks.missing}",
            "Load a web font that has them, or install one (Noto) where the mixer runs.",
        )
    cut: dict[str, str] = {}
    faint: dict[str, tuple[float, str]] = {}
    for picture in looks.pictures:
        for text in picture.probed.texts:
            if text.cut:
                cut.setdefault(text.where, f"“{text.text}” {text.cut} ({picture.where})")
            if text.contrast is not None and text.contrast < text.needed:
                told = f"“{text.text}” {_at_most(text.contrast)} : 1 ({picture.where})"
                if text.contrast < faint.get(text.where, (99.0, ""))[0]:
                    faint[text.where] = (text.contrast, told)
    if cut:
        yield Finding(
            FAULT,
            "text",
            f"Text does not fit: {_some(list(cut.values()))}.",
            "Give it room, smaller type, or overflow: hidden with text-overflow: ellipsis.",
        )
    if faint:
        least = min(value for value, _ in faint.values())
        yield Finding(
            FAULT if least < UNREADABLE else ADVICE,
            "text",
            f"Text is hard to read: {_some([told for _, told in sorted(faint.values())])}.",
            "Make ink and ground differ more (WCAG: 4.5 : 1, large text 3 : 1), or put a shade "
            "behind names.",
        )


def _at_most(contrast: float) -> str:
    """Rounded down: what is too little must not look as if it were enough."""
    return f"{math.floor(contrast * 100) / 100:.2f}"


def _course(course: Course) -> Iterator[Finding]:
    for frame, reason in course.failures:
        yield Finding(
            FAULT, "contract", f"After {frame / FPS:.1f} s: {reason}.", _mend_failure(reason)
        )
    if course.replaced is not None:
        frame, reason = course.replaced
        text = f"The default layout took over after {frame / FPS:.1f} s: {reason}."
        yield Finding(BROKEN, "contract", text, _mend_failure(reason))
    if reasons := list(dict.fromkeys(r for _, mode, r in course.modes if mode == "pixels")):
        yield Finding(
            ADVICE,
            "cost",
            f"{course.pixel_share:.0%} of the frames had to be rendered as pixels: "
            f"{_some(reasons)}.",
            "That is right, but slow. Plain compositing (opacity, rounded corners, transforms, "
            "labels) stays matte; filters, blend modes and canvas over video do not.",
        )
    else:
        yield Finding(GOOD, "cost", "All frames are mattes: the cheapest way.")
    text = (
        f"{course.cores:.2f} cores at {FPS} frames a second besides encoding: page "
        f"{course.page_cpu_ms:.1f} ms, pictures {course.picture_cpu_ms:.1f} ms of CPU a frame."
    )
    if course.cores > EXPENSIVE_CORES:
        mend = "Let nothing move that need not: each change of look costs several stills."
        yield Finding(ADVICE, "cost", text, mend)
    else:
        yield Finding(GOOD, "cost", text)


def _later(looks: Looks, course: Course) -> Iterator[Finding]:
    """What was thrown while the script was played, and not before."""
    console = "\n".join(text for _, text in looks.noted.console)
    late = [(frame, text) for frame, text in course.errors if text not in console]
    told = [f"{text} (after {frame / FPS:.1f} s)" for frame, text in late]
    if told:
        text = f"Not caught while the script was played: {_some(told)}."
        yield Finding(FAULT, "console", text, "Mend the error; `mixer preview` shows it as well.")


def _some(values: Sequence[str]) -> str:
    more = len(values) - MANY
    return "; ".join(values[:MANY]) + (f"; and {more} more" if more > 0 else "")


def _count(values: Sequence[str], noun: str) -> str:
    return f"1 {noun}" if len(values) == 1 else f"{len(values)} {noun}s"
