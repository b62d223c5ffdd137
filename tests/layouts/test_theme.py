"""What the query of a built-in layout asks of its look."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from mixer.layout.serving import find_site
from mixer.recorder.plan import parse_mix
from tests.layouts.people import LayoutOpener, participant, reset

DRAWING = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'/>"
BROKEN = "data:image/png,none"


def style(page: Page, name: str) -> str:
    found: str = page.evaluate(
        "(name) => getComputedStyle(document.getElementById('stage')).getPropertyValue(name)", name
    )
    return found


def warnings(page: Page) -> list[str]:
    """Those told from now on."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    return told


@pytest.mark.parametrize("layout", ["default", "speaker", "presentation", "grid", "audio"])
def test_colours(open_layout: LayoutOpener, layout: str) -> None:
    """A background's colour, with or without `#`, brings readable ink and tiles with it; the others
    are taken as they are."""
    for colour in ("#f4f1ea", "f4f1ea", "rgb(244 241 234)"):
        page = open_layout(layout, 640, 360, background=colour, accent="tomato", tile="123")
        background = page.evaluate("getComputedStyle(stage).backgroundColor")
        assert background == "rgb(244, 241, 234)"
        assert style(page, "--page-ink") == "#1c2128"
        assert style(page, "--accent") == "tomato"
        assert style(page, "--tile") == "#123"
    page = open_layout(layout, 640, 360, background="navy")
    assert style(page, "--page-ink") == "#e6e9ee"


def test_pictures_are_there_when_the_page_is_ready(open_layout: LayoutOpener) -> None:
    """Logo and background picture are waited for."""
    page = open_layout("default", 640, 360, background=DRAWING, logo=DRAWING)
    page.wait_for_function("told.ready === 1")
    logo: dict[str, Any] = page.evaluate("document.getElementById('logo').getBoundingClientRect()")
    assert logo["width"] > 0
    assert logo["right"] <= 640
    assert "svg" in page.evaluate("getComputedStyle(stage).backgroundImage")


def test_names_off(open_layout: LayoutOpener) -> None:
    """`names=off` hides names and microphones, on shows them; nothing else moves."""
    for wish, visible in (("off", False), ("0", False), ("on", True)):
        page = open_layout("grid", 640, 360, names=wish)
        reset(page, participant(1), participant(2))
        seen = "checkVisibility({ visibilityProperty: true })"
        assert page.evaluate(f"document.querySelector('.label').{seen}") is visible


@pytest.mark.parametrize(
    "wrong",
    [
        {"background": "nonsense"},
        {"background": "var(--accent)"},
        {"background": BROKEN},
        {"accent": "red; --page: blue"},
        {"text": "inherit"},
        {"logo": "javascript:told.errors.push(1)"},
        {"logo": BROKEN},
        {"names": "perhaps"},
        {"tiles": "many"},
        {"tiles": "1000"},
    ],
    ids=str,
)
def test_a_wrong_value_is_left_out_with_a_warning(
    open_layout: LayoutOpener, wrong: dict[str, str]
) -> None:
    """The page gets ready, looks as if nothing had been asked, and says what was wrong."""
    plain = open_layout("grid", 640, 360)
    page = open_layout("grid", 640, 360)
    told = warnings(page)
    page.add_init_script(f"window.mixerLayout.host.reset(null, {wrong!r});")
    page.reload()
    page.wait_for_function("told.ready === 1")
    ((name, value),) = wrong.items()
    assert any(text.startswith(f"layout parameter {name}={value}"[:60]) for text in told), told
    for each in (plain, page):
        reset(each, participant(1, camera=False), participant(2, camera=False))
    assert page.screenshot() == plain.screenshot()
    assert page.evaluate("[told.failed, told.errors]") == [[], []]


def test_parameters_of_a_name() -> None:
    """A built-in name takes a query wherever it stands; `#` of a colour may stay as it is."""
    mix = parse_mix("id=a,size=640x360,layout=speaker?background=#112233&names=off&title=a, b")
    site = find_site(mix.layout, {})
    assert site.parameters == {"background": "#112233", "names": "off", "title": "a, b"}
    assert site.url.startswith("http://layout.localhost/speaker/?")
    encoded = find_site("grid?background=%23112233&logo=https%3A%2F%2Fx.test%2Fa.png%3Fb%3D1", {})
    assert encoded.parameters == {"background": "#112233", "logo": "https://x.test/a.png?b=1"}
