"""Files that are presented in a room: what is taken, what comes of it, who may do what."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from PIL import Image

from mixer.conference.presentation import object_of
from mixer.conference.session import RoomSession, join
from mixer.room.presentations.convert import MAX_SIDE, Unreadable, convert
from mixer.room.presentations.shelf import MAX_FILE_BYTES, MAX_KEPT, PREFIX, Shelf
from tests.room.serving import Server, until

RED, BLUE = (200, 30, 30), (20, 60, 190)


def pdf(*colours: tuple[int, int, int], size: tuple[int, int] = (640, 360)) -> bytes:
    pages = [Image.new("RGB", size, colour) for colour in colours]
    written = io.BytesIO()
    pages[0].save(written, "PDF", save_all=True, append_images=pages[1:])
    return written.getvalue()


def image(kind: str, size: tuple[int, int] = (64, 48), **more: Any) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, RED).save(written, kind, **more)
    return written.getvalue()


def converted(tmp_path: Path, content: bytes) -> list[tuple[Image.Image, dict[str, Any]]]:
    (tmp_path / "upload").write_bytes(content)
    out = tmp_path / "pages"
    out.mkdir(exist_ok=True)
    made = convert(tmp_path / "upload", out)
    for one in made:
        content = (out / one["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["file"].partition(".")[0]
    return [(Image.open(out / one["file"]).convert("RGB"), one) for one in made]


def near(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    seen = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(seen, tuple)
    return all(abs(a - b) < 8 for a, b in zip(seen, colour, strict=True))


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    """In their order, the longer side as long as is of use in a video."""
    (first, told), (second, _) = converted(tmp_path, pdf(RED, BLUE))
    assert near(first, RED) and near(second, BLUE)
    assert (told["width"], told["height"]) == first.size == (MAX_SIDE, MAX_SIDE * 360 // 640)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_images(tmp_path: Path, kind: str) -> None:
    """An image is one page, smaller if it is too large, never larger."""
    [(page, _)] = converted(tmp_path, image(kind))
    assert page.size == (64, 48)
    assert near(page, RED)
    [(page, _)] = converted(tmp_path, image(kind, (4000, 1000)))
    assert page.size == (MAX_SIDE, MAX_SIDE // 4)


def test_transparent_is_white(tmp_path: Path) -> None:
    written = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(written, "PNG")
    [(page, _)] = converted(tmp_path, written.getvalue())
    assert near(page, (255, 255, 255))


def test_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    """EXIF 2.3, 4.6.4: orientation 6 is a picture on its side. The rest of EXIF is gone."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret"
    [(page, told)] = converted(tmp_path, image("JPEG", exif=exif))
    assert page.size == (48, 64)
    assert b"secret" not in (tmp_path / "pages" / told["file"]).read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"%PDF-1.7\nnothing", b"<svg/>", image("PNG")[:60], image("TIFF")],
)
def test_unreadable_is_said_in_a_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unreadable) as raised:
        converted(tmp_path, content)
    assert "\n" not in str(raised.value)


def test_too_many_pages(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="301 pages"):
        converted(tmp_path, pdf(*[RED] * 301, size=(8, 8)))


async def test_a_shelf_keeps_the_last_ones() -> None:
    """Older presentations of a conference are deleted; nothing is left after its end."""

    async def upload() -> AsyncIterator[bytes]:
        yield image("PNG")

    shelf = Shelf()
    one = asyncio.Semaphore(2)
    made = await asyncio.gather(*(shelf.add(upload(), one) for _ in range(MAX_KEPT + 1)))
    paths = [shelf.page(id, pages[0]["url"].rpartition("/")[2]) for id, pages in made]
    assert sum(path is None for path in paths) == 1
    assert shelf.page(made[-1][0], "../../../etc/passwd") is None
    folder = next(path for path in paths if path is not None).parents[1]
    assert len(list(folder.iterdir())) == MAX_KEPT
    shelf.close()
    assert not folder.exists()


async def test_what_a_killed_server_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next one; what a living one has stays, however old it is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = Shelf()
    [kept] = tmp_path.iterdir()
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "page.png").touch()
    for folder in (kept, left):
        os.utime(folder, (0, 0))
    other = Shelf()
    assert kept.exists() and not left.exists()
    living.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


# ---- the interface ----------------------------------------------------------------------------


class Presenter:
    """Somebody in a room who asks for presentations."""

    def __init__(self, session: RoomSession, client: httpx2.AsyncClient) -> None:
        self.session = session
        self._client = client

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.session.token}", **more.pop("headers", {})}
        url = f"{self.session.base_url}/presentations{path}"
        return await self._client.request(method, url, headers=headers, timeout=60, **more)

    async def upload(
        self,
        content: bytes | AsyncIterator[bytes],
        kind: str = "application/pdf",
        name: str = "plan.pdf",
    ) -> httpx2.Response:
        headers = {"content-type": kind}
        return await self.ask("POST", f"?name={name}", content=content, headers=headers)

    async def state(self) -> dict[str, Any]:
        url = f"{self.session.base_url}/state"
        return dict((await self._client.get(url)).json())


@pytest_asyncio.fixture(loop_scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as made:
        yield made


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_present_turn_stop(server: Server, client: httpx2.AsyncClient) -> None:
    """All get the pages and see them turned; only who presents turns, and others wait."""
    url = server.room("presenting")
    async with await join(url, "Ada") as a, await join(url, "Grace") as b:
        ada, grace = Presenter(a, client), Presenter(b, client)
        answer = await ada.upload(pdf(RED, BLUE))
        assert answer.status_code == 201, answer.text
        shown = answer.json()
        assert (shown["name"], shown["page"], len(shown["pages"])) == ("plan.pdf", 0, 2)
        assert shown["ownerId"] == a.participant_id
        assert (await ada.state())["presentation"] == shown
        for page in shown["pages"]:
            content = await b.fetch(page["url"])
            assert object_of(page["url"]).startswith(hashlib.sha256(content).hexdigest())  # type: ignore[union-attr]
            assert Image.open(io.BytesIO(content)).size == (page["width"], page["height"])
        path = f"/{shown['id']}"
        assert (await ada.ask("PATCH", path, json={"page": 1})).status_code == 200
        assert (await ada.ask("PATCH", path, json={"page": 2})).status_code == 400
        assert (await grace.ask("PATCH", path, json={"page": 0})).status_code == 403
        assert (await grace.ask("DELETE", path)).status_code == 403
        assert (await grace.upload(pdf(RED))).status_code == 409
        assert (await ada.state())["presentation"]["page"] == 1
        assert (await ada.ask("DELETE", path)).status_code == 200
        assert "presentation" not in await ada.state()
        assert (await ada.ask("PATCH", path, json={"page": 0})).status_code == 404
        assert (await grace.upload(image("PNG"), "image/png")).status_code == 201


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_refusals(server: Server, client: httpx2.AsyncClient) -> None:
    """What is not for presenting is refused with a line, and shows nothing to anybody."""
    url = server.room("refusing")
    async with await join(url, "Ada") as a, await join(url, "Eve", "listener") as e:
        ada, eve = Presenter(a, client), Presenter(e, client)
        assert (await ada.upload(b"no pdf")).status_code == 400
        assert (await ada.upload(b"")).status_code == 400
        assert (await ada.upload(b"<svg/>", "image/svg+xml")).status_code == 415
        large = await ada.upload(b"%PDF-1.7" + bytes(MAX_FILE_BYTES))
        assert (large.status_code, "50 MB" in large.text) == (413, True)
        assert (await eve.upload(pdf(RED))).status_code == 403
        begun, rest = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"%PDF-1.7"
            begun.set()
            await rest.wait()

        slowly = asyncio.create_task(ada.upload(slow()))
        await asyncio.wait_for(begun.wait(), 60)
        assert (await ada.upload(b"no pdf")).status_code == 429  # the other is on its way
        rest.set()
        assert (await slowly).status_code == 400
        nobody = await client.post(f"{a.base_url}/presentations", content=pdf(RED))
        assert nobody.status_code == 401
        assert "presentation" not in await ada.state()


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_who_leaves_presents_no_more(server: Server, client: httpx2.AsyncClient) -> None:
    url = server.room("leaving")
    async with await join(url, "Grace") as b:
        a = await join(url, "Ada")
        assert (await Presenter(a, client).upload(pdf(RED))).status_code == 201
        told: list[str] = []

        async def follow() -> None:
            async for type_, _ in b.events():
                told.append(type_)

        following = asyncio.create_task(follow())
        await until(lambda: "presentation" in b.state, "Grace to see it")
        await a.leave()
        await until(lambda: "presentation" not in b.state, "it to be gone")
        await until(lambda: "participant.removed" in told, "Ada to be gone")
        assert told.index("presentation.stopped") < told.index("participant.removed")
        following.cancel()
