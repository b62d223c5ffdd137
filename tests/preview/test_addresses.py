"""A layout's address with other parameters, as the mixer's half of the preview is asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.preview.pages import Pages


@pytest.mark.parametrize(
    ("layout", "parameters", "asked"),
    [
        ("http://h/?q=1#/x", {"a": "1 2"}, "http://h/?a=1+2#/x"),
        ("http://h/#/x?y=1", {"a": ""}, "http://h/?a=#/x?y=1"),
        ("http://h/#/x", {}, "http://h/#/x"),
        ("http://h/p", {}, "http://h/p"),
        ("speaker?accent=#fc0", {"accent": "#fc0"}, "speaker?accent=%23fc0"),
        ("speaker?accent=gold", {}, "speaker"),
    ],
)
def test_addresses(layout: str, parameters: dict[str, str], asked: str) -> None:
    """What stands behind `#` stays: a page may know by it what to show."""
    assert Pages(layout, None).layout_with(parameters) == asked


def test_folders(tmp_path: Path) -> None:
    """A page of one's own, too."""
    (tmp_path / "index.html").write_text("")
    pages = Pages(f"{tmp_path}?a=1#/x", None)
    assert (pages.path, pages.fragment) == ("/page/?a=1", "/x")
    assert pages.layout_with({"b": "2"}) == f"{tmp_path}?b=2#/x"
    assert pages.layout_with({}) == f"{tmp_path}?#/x"
