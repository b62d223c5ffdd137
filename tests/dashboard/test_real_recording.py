"""The dashboard with everything real behind it: server, Janus, recorder, page, files."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import httpx2
import pytest

from tests.service.recorded import SMALL, Site
from tests.system.processes import mixer, publisher, until

from .conftest import token_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def log_in(site: Site) -> httpx2.Client:
    """With the password that the command gives."""
    made = mixer("app", "operator", "ada@example.org", "--data", str(site.data), "--json")
    client = httpx2.Client(base_url=site.url, timeout=60, trust_env=False, follow_redirects=True)
    form = client.get("/dashboard/login")
    given = {**json.loads(made.stdout), "token": token_in(form)}
    assert "Overview" in client.post("/dashboard/login", data=given).text
    return client


def test_a_recording_is_seen_while_it_goes_on_and_afterwards(tmp_path: Path) -> None:
    """Its picture while it is made; its file, its poster and its report when it is over."""
    site = Site(tmp_path)
    with site.serving(), contextlib.closing(log_in(site)) as client:
        id = site.conference()
        page = f"/dashboard/conferences/{id}"
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            token = token_in(client.get(page))
            told = client.post(f"{page}/start", data={"token": token, "size": "480x390"})
            assert "Recording begins" in told.text
            until(lambda: ".jpg?" in client.get("/dashboard/live").text, "a picture")
            live = client.get("/dashboard/live").text
            found = re.search(r'src="(/dashboard/live/[^"?]+\.jpg)', live)
            assert found is not None
            assert client.get(found[1]).content.startswith(b"\xff\xd8")
            told = client.post(f"{page}/terminate", data={"token": token, "sure": "on"})
            assert "ended for everybody" in told.text
        until(lambda: "Download" in client.get(page).text, "there is a file")
        shown = client.get(page).text
        poster = re.search(r'poster="([^"]+)"', shown)
        assert poster is not None
        assert client.get(poster[1]).content.startswith(b"\xff\xd8")
        until(lambda: "Report of" in client.get(page).text, "there is a report")
        report = re.search(r'href="(/dashboard/reports/[^"]+)"', client.get(page).text)
        assert report is not None
        assert "recording report" in client.get(report[1]).text
