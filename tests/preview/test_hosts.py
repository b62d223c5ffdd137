"""Who may call a preview, and where."""

from __future__ import annotations

from pathlib import Path

import httpx2

from mixer.preview.serve import EVERYWHERE
from mixer.room.tls import machine_addresses
from tests.preview.serving import PATIENCE_S, previewed
from tests.room.serving import free_port


async def test_for_this_machine() -> None:
    """Nobody else reaches it; a page elsewhere whose name leads here is not let in."""
    async with previewed() as (address, pages), httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        for host, there in (
            ("localhost", "localhost"),
            ("LOCALHOST:1", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:8720", "[::1]"),
        ):
            answer = await client.get(f"{address}api/subject", headers={"host": host})
            assert answer.json()["pages"].rpartition(":")[0] == f"http://{there}"
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example"):
            for asked in (f"{address}api/subject", f"{pages}/default/"):
                answer = await client.get(asked, headers={"host": host})
                assert answer.status_code == 400 and "by its address" in answer.text
        for asked in (f"{pages}/default/", f"{pages}/__mixer__/sdk.js", f"{pages}/nowhere"):
            answer = await client.get(asked, headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in answer.headers


async def test_in_a_container(tmp_path: Path) -> None:
    """Everybody whom the network lets through reaches both ports, which are those that were asked
    for; what is printed can be opened."""
    (tmp_path / "index.html").write_text("<!doctype html><title>mine</title>")
    port = free_port()
    settings = {"host": EVERYWHERE[0], "pages_port": port, "layout": str(tmp_path)}
    async with (
        previewed(**settings) as (address, pages),
        httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
    ):
        assert address.startswith("http://127.0.0.1:") and pages.endswith(f":{port}")
        for host in ("127.0.0.1", *machine_addresses()):
            there = address.replace("127.0.0.1", host)
            subject = (await client.get(f"{there}api/subject")).json()
            assert subject["pages"] == f"http://{host}:{port}"
            assert "mine" in (await client.get(subject["pages"] + subject["path"])).text


async def test_files_may_be_named_as_they_like(tmp_path: Path) -> None:
    """Also as parts of an address are."""
    (tmp_path / "index.html").write_text("<!doctype html><title>mine</title>")
    (tmp_path / "my ä#1?.css").write_text("p {}")
    async with (
        previewed(layout=str(tmp_path)) as (_, pages),
        httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
    ):
        answer = await client.get(f"{pages}/page/my%20%C3%A4%231%3F.css")
    assert answer.text == "p {}" and answer.headers["content-type"].startswith("text/css")
