"""`mixer check` on real pages: what is wrong is said, with how to mend it, and CI is told."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from mixer.check import cast
from mixer.check.compare import compared
from mixer.check.course import Script
from mixer.check.findings import judge, worst
from mixer.check.looks import Looks, Picture, look_at
from mixer.check.make import check_layout
from mixer.check.texts import Probed, Text
from mixer.check.watch import WatchedSite
from mixer.errors import LayoutError
from mixer.layout.browser import launched

PAGES = Path(__file__).parent / "pages"
READY_S = 6.0


def find(document: Any, severity: str, *words: str) -> Any:
    """The finding of that severity whose text has all these words."""
    for one in document["findings"]:
        if one["severity"] == severity and all(word in one["text"] for word in words):
            return one
    raise AssertionError(f"no {severity} with {words} among {document['findings']}")


async def test_the_default_layout_is_found_good() -> None:
    """No faults; a picture for each number and size, and one of a shared screen."""
    looked = await look(["1920x1080"], "default", (1, 4))
    assert worst(judge(looked, None)) == "good"
    assert [one.name for one in looked.pictures] == [
        "1920x1080-1",
        "1920x1080-4",
        "1920x1080-share",
        "1920x1080-file",
        "1920x1080-video",
        "1920x1080-avatar",
    ]
    assert {one.mode for one in looked.pictures} == {"matte"}
    assert [one.videos for one in looked.pictures] == [1, 4, 2, 1, 2, 3]
    assert [one.shared for one in looked.pictures] == [False, False, True, True, True, False]


async def look(sizes: list[str], layout: str, counts: tuple[int, ...]) -> Looks:
    pairs = [(int(wide), int(high)) for wide, _, high in (size.partition("x") for size in sizes)]
    async with launched() as browser:
        return await look_at(
            browser, layout, lambda _: None, sizes=pairs, counts=counts, ready_s=READY_S
        )


@pytest.mark.parametrize(
    ("page", "reason", "mend"),
    [
        ("throws.html", "threw before it was ready", "Mend the error"),
        ("never.html", "ready() was not called", "Call mixerLayout.ready()"),
    ],
)
async def test_a_page_that_cannot_be_shown(
    page: str, reason: str, mend: str, tmp_path: Path
) -> None:
    """It is broken: exit code 20, why, and what to do; the report is there nevertheless."""
    checked = await check_layout(str(PAGES / page), tmp_path, ready_s=READY_S)
    assert checked.exit_code == 20
    assert mend in find(checked.document, "broken", reason)["mend"]
    assert reason in checked.report.read_text("utf-8")
    assert checked.document["script"] is None


async def test_filters_and_failed_requests(tmp_path: Path) -> None:
    """A blurred video needs pixels, and the rule is named; errors and requests are faults; a second
    check compares its pictures with the first."""
    page = str(PAGES / "blur.html")
    small = (640, 360)
    checked = await check_layout(
        page, tmp_path, sizes=[small], counts=(1, 2), script=Script(1, small), ready_s=READY_S
    )
    assert checked.exit_code == 21
    script = checked.document["script"]
    assert script["modes"][0]["mode"] == "pixels"
    assert "blur" in script["modes"][0]["reason"]
    assert script["pixel_share"] == 1.0
    assert script["frames"] == 30
    assert script["story"]
    assert script["cpu_ms_a_frame"]["page"] > 0
    assert "blur" in find(checked.document, "advice", "rendered as pixels")["text"]
    find(checked.document, "fault", "left in by somebody")
    find(checked.document, "fault", "missing.png", "answers 404")
    har = json.loads((tmp_path / "requests.har").read_text("utf-8"))
    assert any(one["response"]["status"] == 404 for one in har["log"]["entries"])
    first = tmp_path / "pictures" / "640x360-1.png"
    again = compared(first, Image.open(first).convert("RGB"))
    assert again.share == 0.0
    assert again.marked is None
    white = compared(first, Image.new("RGB", (640, 360), "white"))
    assert white.share
    assert white.marked is not None


async def test_what_goes_wrong_later(tmp_path: Path) -> None:
    """The pictures are taken of a page that is some moments old: what it does while the script is
    played is told as well. A shared screen that is not among the videos is noticed."""
    small = (640, 360)
    checked = await check_layout(
        str(PAGES / "late.html"),
        tmp_path,
        sizes=[small],
        counts=(1,),
        script=Script(2, small),
        ready_s=READY_S,
    )
    assert checked.exit_code == 21
    find(checked.document, "fault", "Not allowed: navigation", "example.org/elsewhere")
    find(checked.document, "fault", "Not caught", "later (after")
    find(checked.document, "advice", "The shared screen is not shown")
    find(checked.document, "advice", "The shared file is not shown")
    find(checked.document, "advice", "The shared video is not shown")


async def test_an_unknown_layout_leaves_nothing(tmp_path: Path) -> None:
    """Nothing is written where there is nothing to be checked."""
    with pytest.raises(LayoutError, match="no layout"):
        await check_layout("no-such-layout", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_contrast_that_is_too_low_looks_so() -> None:
    """It is rounded down: 4.499 is less than 4.5, and is not called that."""
    text = Text("Ada", "div.name", None, 4.499, 4.5)
    probed = Probed([text], markup=False, unseen=[], kind="page")
    blank = Image.new("RGB", (8, 8))
    picture = Picture((8, 8), 1, blank, "matte", "", 1.0, 1, probed)
    looks = Looks(pictures=[picture], ready_ms=[(1.0, 1.0)])
    (advice,) = [one for one in judge(looks, None) if one.area == "text"]
    assert "4.49 : 1" in advice.text


def test_what_is_found_in_words() -> None:
    """A script that is missing is to be put there; media of the page's own are let, with a word."""
    reason = "the page lacks a script before it is ready: http://layout.mixer/assets/index.js"
    (broken,) = judge(Looks(failure=("8x8", reason)), None)
    assert broken.severity == "broken" and "Put the script" in broken.mend
    looks = Looks(ready_ms=[(1.0, 1.0)], suppressed=[("media", "http://layout.mixer/page/a.mp4")])
    (advice,) = [one for one in judge(looks, None) if one.severity != "good"]
    assert advice.severity == "advice" and "plays media of its own: http" in advice.text
    assert "sound is not recorded" in advice.mend


def test_all_requests_of_a_development_server_are_kept() -> None:
    """It has a module each: that the shared file was asked for is found among them."""
    site: Any = WatchedSite("http://localhost/")
    for number in range(3000):
        site._note(SimpleNamespace(url=f"/m{number}.js", method="GET", resource_type=""), 200, "")
    assert len(site.noted.entries) == 3000


async def test_texts() -> None:
    """Names that are cut off, put in as markup, of those who are never drawn; faint text."""
    looked = await look(["1280x720"], str(PAGES / "names.html"), (4, 9))
    found = {"findings": [vars_of(one) for one in judge(looked, None)]}
    find(found, "fault", "does not fit", "is cut off by div.name")
    find(found, "fault", "hard to read", "hard to read", "pale ink", "1.")
    assert "under it" not in json.dumps(found)
    find(found, "fault", "put in as markup")
    find(found, "fault", "must not be", cast.UNSEEN["mixer"])


def vars_of(finding: Any) -> dict[str, str]:
    return {name: getattr(finding, name) for name in ("severity", "area", "text", "mend")}
