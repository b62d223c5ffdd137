"""Big files: in parts, gone on with after a kill, tried again after failures."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from mixer.storage import Signed, Storage, parse_location
from mixer.storage.multipart import MOST_PARTS, PART_BYTES, parts_of
from tests.instruments.bucket import NAME, Passing
from tests.instruments.bucket import bucket as opened
from tests.room.serving import until

from .conftest import ACCESS, Bucket

KEY = "conference/big.mp4"


@given(st.integers(1, 5 << 40))
def test_parts_cover_the_file(size: int) -> None:
    """Without gaps, in an allowed number; only the last is shorter."""
    parts = parts_of(size)
    assert len(parts) <= MOST_PARTS
    assert sum(part.size for part in parts) == size
    assert all(part.size >= PART_BYTES for part in parts[:-1])
    assert [part.offset for part in parts] == [n * parts[0].size for n in range(len(parts))]


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big.mp4"
    path.write_bytes(b"".join(bytes([n]) * PART_BYTES for n in range(3)) + b"rest")
    return path


class _Way(Passing):
    """Counts parts; fails when told to."""

    protocol_version = "HTTP/1.1"
    address = ""  # its own
    parts: ClassVar[list[str]] = []
    failures = 0
    stop_after: int | None = None

    def stops(self) -> bool:
        if "partNumber" not in self.path:
            return False
        if type(self).failures:
            type(self).failures -= 1
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()
            return True
        if self.stop_after is not None and len(self.parts) >= self.stop_after:
            self.close_connection = True
            return True
        type(self).parts.append(self.path)
        return False


@pytest.fixture
def way(bucket: Bucket) -> Iterator[type[_Way]]:
    class Way(_Way):
        target = bucket.endpoint
        parts: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Way)
    Way.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Way
    server.shutdown()
    server.server_close()


def storage(endpoint: str) -> Storage:
    return Storage(parse_location("s3://bucket/rec", endpoint=endpoint, **ACCESS), Signed(b"k", ""))


def _parts_there(bucket: Bucket) -> int:
    for upload in bucket.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", ()):
        there = {"Bucket": "bucket", "Key": upload["Key"], "UploadId": upload["UploadId"]}
        return len(bucket.s3.list_parts(**there).get("Parts", ()))
    return 0


async def test_a_big_file_arrives_whole(bucket: Bucket, big: Path) -> None:
    """Byte for byte, with its type and name, and nothing unfinished is left."""
    assert await bucket.storage().put(big, KEY) == big.stat().st_size
    found = bucket.s3.get_object(Bucket="bucket", Key=f"rec/ordings/{KEY}")
    assert found["Body"].read() == big.read_bytes()
    assert found["ContentType"] == "video/mp4"
    assert "big.mp4" in found["ContentDisposition"]
    assert not bucket.s3.list_multipart_uploads(Bucket="bucket").get("Uploads")


async def test_failures_of_the_bucket_are_tried_again(
    bucket: Bucket, way: type[_Way], big: Path
) -> None:
    """503 is no end."""
    way.failures = 3
    with stamina.set_testing(True, attempts=7):
        await storage(way.address).put(big, KEY)
    found = bucket.s3.get_object(Bucket="bucket", Key=f"rec/{KEY}")
    assert found["Body"].read() == big.read_bytes()


async def test_after_a_kill_only_what_is_missing_goes_up(
    bucket: Bucket, way: type[_Way], big: Path
) -> None:
    """A process is killed when two parts are there; the next one uploads the other two."""
    way.stop_after = 2
    address = way.address
    program = (
        "import asyncio, sys; from pathlib import Path; from mixer.storage import *;"
        f"s = Storage(parse_location('s3://bucket/rec', endpoint={address!r}, **{ACCESS!r}),"
        f" Signed(b'k', '')); asyncio.run(s.put(Path({str(big)!r}), {KEY!r}))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await until(lambda: _parts_there(bucket) == 2, "two parts")
    process.kill()
    await process.wait()
    way.stop_after = None
    way.parts.clear()
    await storage(address).put(big, KEY)
    assert len(way.parts) == 2
    found = bucket.s3.get_object(Bucket="bucket", Key=f"rec/{KEY}")
    assert found["Body"].read() == big.read_bytes()


async def test_an_upload_can_be_given_up(tmp_path: Path) -> None:
    """At once, though the bucket does not answer: a server that ends does not wait for it."""
    path = tmp_path / "small.mp4"
    path.write_bytes(b"film")
    with opened() as there:
        there.hold()
        location = parse_location(f"s3://{NAME}/rec", endpoint=there.endpoint, **ACCESS)
        putting = asyncio.create_task(Storage(location, Signed(b"k", "")).put(path, KEY))
        await until(lambda: there.held > 0, "it is on its way")
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(putting, 20)
        assert not there.objects()
        there.let_go()
