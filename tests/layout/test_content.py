"""The digest of a layout: another one whenever what its page may load is another, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.errors import LayoutError
from mixer.layout.content import layout_digest


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "folder"])
def test_an_edited_layout_is_another(tmp_path: Path, as_file: bool) -> None:
    """Whichever of its files is edited, renamed or added. Videos beside it, hidden files and
    recordings are none of them: they change while it is rendered."""
    page = tmp_path / "index.html"
    page.write_text("<p>hello")
    layout = str(page if as_file else tmp_path)
    seen = [layout_digest(layout)]
    assert layout_digest(layout + "?colour=red") == seen[0]
    (tmp_path / "record" / "journal" / "fetched").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for other in ("out.mp4", "record/plan.json", "record/journal/fetched/1.json", ".git/a.js"):
        (tmp_path / other).write_text("changes")
    assert layout_digest(layout) == seen[0]
    (tmp_path / "parts").mkdir()
    for name, text in (
        ("index.html", "<p>hullo"),
        ("parts/style.css", "body { color: red }"),
        ("parts/style.css", "body { color: tan }"),
        ("logo.png", "png"),
    ):
        (tmp_path / name).write_text(text)
        assert layout_digest(layout) not in seen
        seen.append(layout_digest(layout))
    (tmp_path / "logo.png").rename(tmp_path / "other.png")
    assert layout_digest(layout) not in seen


def test_other_layouts() -> None:
    """Built-in ones differ; pages of the network have none; there must be such a layout."""
    assert len({layout_digest(name) for name in ("default", "grid", "speaker")}) == 3
    assert layout_digest("https://example.org/page") == ""
    with pytest.raises(LayoutError, match="no layout"):
        layout_digest("none-of-that-name")
