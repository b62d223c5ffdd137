"""Characters that no font can draw are told of; those that show are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from mixer.clock import SECOND
from mixer.conference import state as conference
from mixer.journal import Event, Journal
from mixer.layout.page_pass import PagePass, PassSettings
from mixer.layout.track import MatteTrackReader
from tests.layout.support import journal, page_of, shown, state_of

pytestmark = pytest.mark.system
# Code points that no character was ever assigned to: no font has them.
NO_1, NO_2, NO_3 = "\u0378", "\u0379", "\u0530"


@pytest.mark.asyncio(loop_scope="module")
async def test_boxes_are_told_and_characters_are_not(browser: Browser, tmp_path: Path) -> None:
    """Text with glyphs, text that is not shown, white space and marks are not told of; boxes are,
    in shadow trees, too, and when the text changes."""
    body = (
        f"<p>Äßé Ж a\u0301 \u00a0\u200d{NO_1}</p><p hidden>{NO_3}</p><script>'{NO_3}'</script>"
        f"<div id=host></div><p id=later></p>"
        "<script>host.attachShadow({ mode: 'open' }).innerHTML = '<b id=deep>deep</b>';"
        "mixerLayout.ready();</script>"
    )
    async with shown(browser, page_of(tmp_path, body), state_of(0)) as (page, look):
        assert look.missing == NO_1
        await page.call(f"host.shadowRoot.querySelector('b').firstChild.data = '{NO_2}'")
        look, _ = await page.look()
        assert look.missing == NO_1 + NO_2
        await page.call(f"later.append('{NO_3}')")
        look, _ = await page.look()
        assert look.missing == NO_1 + NO_2 + NO_3


@pytest.mark.asyncio(loop_scope="module")
async def test_each_is_noted_once(tmp_path: Path) -> None:
    """The page pass notes what the default layout's names lack, at the frame in which it shows,
    each character once; a pass that follows one that is done tells the same again."""
    people = [
        Event(round(at * SECOND), "participant.added", {"participant": dict(someone)})
        for at, someone in (
            (0, conference.participant("p0", "Ada")),
            (0.5, conference.participant("p1", f"{NO_1}{NO_2}")),
            (1.0, conference.participant("p2", f"{NO_2}{NO_3}{NO_3}")),
        )
    ]
    recording = journal(tmp_path / "j", people, 1.5)
    settings = PassSettings("default", 320, 180, fps=10, start_ns=0)

    async def passed() -> list[tuple[str, int]]:
        told: list[tuple[str, int]] = []

        def tell(event: str, fields: dict[str, Any]) -> None:
            told.append((event, fields.get("frame", -1)))

        await PagePass(Journal.open(recording), tmp_path / "track", settings, tell).run()
        return told

    told = await passed()
    notes = [
        (note.frame, dict(note.data)) for note in MatteTrackReader.open(tmp_path / "track").notes
    ]
    assert notes == [
        (5, {"characters": NO_1 + NO_2, "count": 2}),
        (10, {"characters": NO_3, "count": 1}),
    ]
    assert [frame for event, frame in told if event == "note"] == [5, 10]
    assert await passed() == [("note", 5), ("note", 10), ("progress", -1)]  # all was made already
