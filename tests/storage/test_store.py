"""Files in a folder and in a bucket: put whole, read, deleted, addressed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from mixer.errors import StorageError, UsageError
from mixer.storage import Location, Signed, Storage, media_type_of, parse_location
from mixer.storage.media import attachment

from .conftest import Bucket

KEY = "conference/session/record_1_conf_ü.mp4"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(b"film" * 1000)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Storage:
    return Storage(Location(folder=tmp_path / "files"), Signed(b"k" * 32, "https://m.example.org"))


async def read(storage: Storage, key: str) -> bytes:
    return b"".join([block async for block in storage.blocks(key)])


async def test_a_folder_keeps_what_is_put_without_a_second_copy(
    folder: Storage, film: Path
) -> None:
    """The object is a second name of the file: it stays when the first name goes."""
    assert await folder.put(film, KEY) == 4000
    path = folder.local_file(KEY)
    assert path is not None and path.samefile(film)
    film.unlink()
    assert await read(folder, KEY) == b"film" * 1000
    assert await folder.size(KEY) == 4000


async def test_putting_again_is_harmless(folder: Storage, film: Path) -> None:
    """A publication that was killed half-way is done over."""
    await folder.put(film, KEY)
    assert await folder.put(film, KEY) == 4000
    assert [p.name for p in (folder.location.folder or film).rglob("*") if p.is_file()] == [
        "record_1_conf_ü.mp4"
    ]


async def test_deleting_leaves_no_empty_folders_and_knows_what_is_gone(
    folder: Storage, film: Path
) -> None:
    """Deleting twice is no error; the folders of a conference go with its last file."""
    await folder.put(film, KEY)
    await folder.put(film, "other/x.mp4")
    await folder.delete([KEY, "never/was.mp4"])
    await folder.delete([KEY])
    assert await folder.size(KEY) is None
    assert folder.location.folder is not None
    assert [p.name for p in folder.location.folder.iterdir()] == ["other"]


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "a\0b", ""])
async def test_no_name_leads_out_of_the_folder(folder: Storage, film: Path, key: str) -> None:
    """Reading finds nothing, writing is refused."""
    assert folder.local_file(key) is None
    with pytest.raises(StorageError):
        await folder.put(film, key)


async def test_a_file_that_is_gone_is_told(folder: Storage, tmp_path: Path) -> None:
    """An error of ours with one line."""
    with pytest.raises(StorageError, match=r"cannot store none\.mp4"):
        await folder.put(tmp_path / "none.mp4", KEY)
    with pytest.raises(StorageError, match="cannot read"):
        await read(folder, KEY)


async def test_a_bucket_keeps_type_and_name(bucket: Bucket, film: Path) -> None:
    """Whoever downloads gets the right media type and file name from the bucket itself."""
    storage = bucket.storage()
    assert await storage.put(film, KEY) == 4000
    found = bucket.s3.head_object(Bucket="bucket", Key=f"rec/ordings/{KEY}")
    assert found["ContentType"] == "video/mp4"
    assert found["ContentDisposition"].startswith("attachment; filename=")
    assert found["ContentLength"] == 4000
    assert await read(storage, KEY) == b"film" * 1000
    assert await storage.size(KEY) == 4000
    assert storage.local_file(KEY) is None
    await storage.delete([KEY, "never/was.mp4"])
    assert await storage.size(KEY) is None


async def test_a_bucket_that_is_gone_has_deleted_nothing(bucket: Bucket) -> None:
    """A wrong address of the storage does not pass for files that were deleted."""
    gone = replace(bucket.location(), bucket="another")
    with pytest.raises(StorageError, match="cannot delete from s3://another"):
        await Storage(gone, Signed(b"k" * 32, "https://m.example.org")).delete([KEY])


async def test_a_buckets_addresses_are_its_own(bucket: Bucket, film: Path) -> None:
    """They download without credentials, with ranges."""
    storage = bucket.storage()
    await storage.put(film, KEY)
    url = await storage.url(KEY)
    async with httpx2.AsyncClient() as client:
        whole = await client.get(url)
        some = await client.get(url, headers={"range": "bytes=4-7"})
    assert whole.content == b"film" * 1000
    assert some.status_code == 206 and some.content == b"film"
    assert "X-Amz-Expires=600" in url


async def test_a_bucket_that_does_not_exist_is_told(bucket: Bucket, film: Path) -> None:
    """One line that names the bucket; the file is where it was."""
    location = parse_location(
        "s3://nowhere", endpoint=bucket.endpoint, access_key="a", secret_key="b", region="eu-west-1"
    )
    with pytest.raises(StorageError, match="s3://nowhere") as error:
        await Storage(location, Signed(b"k", "")).put(film, KEY)
    assert "\n" not in str(error.value)
    assert film.exists()


@pytest.mark.parametrize("url", ["http://bucket/", "s3:///x", "file://", "bucket", "s3://k:s@b/"])
def test_what_is_no_storage_is_refused(url: str) -> None:
    """With a sentence that says what one is."""
    with pytest.raises(UsageError, match="s3://BUCKET"):
        parse_location(url)


def test_types_and_names_of_downloads() -> None:
    """Names that are not ASCII are told in both ways (RFC 6266)."""
    assert media_type_of("a.MP3") == "audio/mpeg"
    assert media_type_of("a.bin") == "application/octet-stream"
    assert attachment("a b.mp4") == 'attachment; filename="a b.mp4"'
    assert attachment('ä".zip') == "attachment; filename=\"__.zip\"; filename*=UTF-8''%C3%A4%22.zip"
