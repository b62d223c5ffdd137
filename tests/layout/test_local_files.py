"""Files of a layout on disk: which address leads to which of them, and which to none."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.layout.serving import Site, find_site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A layout's, with what builds, tools and people put beside a page."""
    files = (
        *("index.html", "style.css", "film.mp4", "logo.svg", "README", "notes.txt"),
        *("assets/index-3f2a.js", "shared/own.js", "page/deep.css"),
        *(".env", ".ssh/id_rsa", ".config/token.json", "assets/.htpasswd"),
    )
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / "seen.json").symlink_to(".config/token.json")
    return tmp_path


def said(site: Site, path: str) -> str | None:
    body, _ = site.local_file(path)
    return None if body is None else body.decode()


def test_a_build_asks_from_the_root(folder: Path) -> None:
    """Vite and others write /assets/…: that is the layout's, whether its page is named or not; what
    comes with the mixer stays where it was."""
    for layout in (folder, folder / "index.html"):
        site = find_site(str(layout), {})
        assert said(site, "/assets/index-3f2a.js") == "assets/index-3f2a.js"
        assert site.local_file("/assets/index-3f2a.js")[1].startswith("text/javascript")
        assert said(site, "/page/assets/index-3f2a.js") == "assets/index-3f2a.js"
        assert said(site, "/shared/own.js") == "shared/own.js"
        assert said(site, "/page/deep.css") == "page/deep.css"
        assert "Grid" in str(said(site, "/shared/grid.js"))
        assert said(site, "/assets/") is None and said(site, "/nowhere/x.js") is None


@pytest.mark.parametrize("page", ["", "index.html"], ids=["folder", "file"])
def test_nothing_hidden_is_served(folder: Path, page: str) -> None:
    """Neither below the page's address nor from the root, by its own name or by another."""
    site = find_site(str(folder / page), {})
    hidden = (".env", ".ssh/id_rsa", ".config/token.json", "assets/.htpasswd", "seen.json")
    for name in (*hidden, "assets/../.env"):
        assert said(site, f"/page/{name}") is None and said(site, f"/{name}") is None, name


def test_beside_a_single_file(folder: Path) -> None:
    """Whatever pages are made of is served; of a folder that was given, everything that is not
    hidden. The page itself may be named as it likes."""
    (folder / ".my page").write_text("mine")
    of_file, of_folder = find_site(str(folder / ".my page"), {}), find_site(str(folder), {})
    assert said(of_file, "/page/.my page") == "mine"
    for name in ("style.css", "film.mp4", "logo.svg", "assets/index-3f2a.js"):
        assert said(of_file, f"/page/{name}") == said(of_folder, f"/page/{name}") == name
    for name in ("README", "notes.txt"):
        assert said(of_file, f"/page/{name}") is None
        assert said(of_folder, f"/page/{name}") == name
