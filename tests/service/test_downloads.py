"""Downloads: who has the address has the file, until it ends; nobody has another."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from mixer.service import applications
from mixer.service.context import Service, now_ms

from .conftest import Credentials, bearer
from .published import Archive
from .published import archive as archive
from .published import service as service
from .test_errors import assert_error


@pytest.fixture
async def address(archive: Archive, api: httpx2.AsyncClient) -> str:
    """Of a recording's file, by the Monitor API."""
    await archive.recorded()
    items = (await api.get("/v2/monitor/recordings")).json()["recordings"]
    return str(items[0]["url"])


async def test_a_file(address: str, anybody: httpx2.AsyncClient) -> None:
    """Its bytes, type and name; without a token."""
    answer = await anybody.get(address)
    assert answer.content == b"mixes/default.mp4"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"].startswith('attachment; filename="record_')
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = await anybody.head(address)
    assert head.headers["content-length"] == "17" and not head.content


async def test_ranges(address: str, anybody: httpx2.AsyncClient) -> None:
    """A player seeks; what there is not is said."""
    some = await anybody.get(address, headers={"range": "bytes=6-12"})
    assert (some.status_code, some.content) == (206, b"default")
    assert some.headers["content-range"] == "bytes 6-12/17"
    assert (await anybody.get(address, headers={"range": "bytes=-4"})).content == b".mp4"
    whole = await anybody.get(address, headers={"range": "lines=1-2"})  # RFC 9110, 14.2
    assert (whole.status_code, whole.headers["content-length"]) == (200, "17")
    for impossible in ("bytes=99-", "bytes=abc", "bytes=5-1", "bytes", "bytes=-", "bytes=--5"):
        answer = await anybody.get(address, headers={"range": impossible})
        assert_error(answer, 416, 416)
        assert answer.headers["content-range"] == "bytes */17"


async def test_nothing_of_an_address_can_be_changed(
    service: Service, address: str, archive: Archive, anybody: httpx2.AsyncClient
) -> None:
    """Another file, a later end, a shorter signature: 403 with the contract's body."""
    other = await archive.recorded("Other")
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    expires, signature = query["expires"][0], query["signature"][0]
    paths = [
        f"/v1/downloads/{other.object_key}?expires={expires}&signature={signature}",
        f"{parts.path}?expires={int(expires) + 1}&signature={signature}",
        f"{parts.path}?expires=0&signature={signature}",
        f"{parts.path}?expires={expires}&signature={signature[:-1]}",
        f"{parts.path}?expires={expires}",
        f"{parts.path}?signature={signature}",
        f"{parts.path}?expires={expires}&signature=%C3%A4",
    ]
    for path in paths:
        assert_error(await anybody.get(path), 403, 4001)
    assert_error(await anybody.get(f"{parts.path}?expires=x&signature=y"), 400, 400)


async def test_addresses_end(
    service: Service, archive: Archive, anybody: httpx2.AsyncClient
) -> None:
    """After ten minutes; lasting ones when the file is deleted."""
    row = await archive.recorded()
    signed = service.storage.signed
    assert_error(await anybody.get(signed.url(row.object_key, now_ms() // 1000 - 1)), 410, 4002)
    lasting = signed.url(row.object_key, 0)
    assert (await anybody.get(lasting)).status_code == 200
    path = service.storage.local_file(row.object_key)
    assert path is not None
    path.unlink()
    assert_error(await anybody.get(lasting), 404, 4003)


async def test_no_path_leads_out(service: Service, api: httpx2.AsyncClient) -> None:
    """Not even with a signature of ours or a token."""
    for key in ("../mixer.db", "..%2Fmixer.db", "a/../../mixer.db", "%00", "x" * 600):
        for path in (f"/v1/downloads/{key}", service.storage.signed.url(key, 0)):
            answer = await api.get(path)
            assert answer.status_code in (400, 404), answer.text
            assert b"SQLite" not in answer.content


async def test_without_signatures_a_token_is_needed(
    service: Service,
    archive: Archive,
    credentials: Credentials,
    api: httpx2.AsyncClient,
    anybody: httpx2.AsyncClient,
    stranger: httpx2.AsyncClient,
) -> None:
    """Of the application whose file it is."""
    await archive.recorded()
    await applications.change(service.database, credentials.key, {"signed_urls": False})
    url = (await api.get("/v2/monitor/recordings")).json()["recordings"][0]["url"]
    assert (await api.get(url)).status_code == 200
    assert_error(await anybody.get(url), 401, 1000)
    assert_error(await stranger.get(url), 404, 4003)
    few = bearer(service, credentials, "comms:conf:create")
    assert_error(await anybody.get(url, headers=few), 403, 1004)


async def test_everything_as_one_zip(
    archive: Archive, api: httpx2.AsyncClient, anybody: httpx2.AsyncClient
) -> None:
    """All that can be downloaded, as it is, under its names."""
    conference = await archive.conference()
    session = await archive.session(conference)
    wanted = {}
    big = bytes(range(256)) * 12_000
    for name, content, fields in (
        ("parts/default.1.mp4", big, {"part": 1}),
        ("mixes/default.mp4", b"whole", {"merged": True}),
        ("audio/mix.mp3", b"sound", {"merged": True}),
    ):
        (row,) = await archive.publish(session, archive.made(session, name, content, **fields))
        wanted[row.filename] = content
    told = await api.get(f"/v2/monitor/conferences/{conference.id}/recordings/archive")
    url = told.json()["url"]
    answer = await anybody.get(url)
    assert answer.headers["content-type"] == "application/zip"
    assert f"conference_{conference.id}.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == wanted
    head = await anybody.head(url)
    assert (head.status_code, "content-length" in head.headers) == (200, False)
    changed = url.replace(conference.id, (await archive.recorded("Other")).conference_id)
    assert_error(await anybody.get(changed), 403, 4001)


async def test_a_conference_without_files_has_no_zip(
    archive: Archive, api: httpx2.AsyncClient
) -> None:
    """Nothing to put in it."""
    conference = await archive.conference()
    told = await api.get(f"/v2/monitor/conferences/{conference.id}/recordings/archive")
    assert_error(await api.get(told.json()["url"]), 404, 4003)
