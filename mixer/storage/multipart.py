"""Uploads files to a bucket, big ones in parts, and goes on with what a killed process left.

obstore uploads in parts too, but cannot take up an upload that it did not begin, nor be given up in
the middle of one: a server that ends would wait for a bucket that does not answer. Nothing is kept
on this side: the bucket tells which uploads of the object are unfinished and which parts of them it
has; a part counts when its ETag is the MD5 of our bytes. (S3 API reference: CreateMultipartUpload,
ListMultipartUploads, ListParts, UploadPart, CompleteMultipartUpload, PutObject.)
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import quote
from xml.etree import ElementTree

import httpx2
import stamina

from ..errors import StorageError
from .location import Location
from .sigv4 import Credentials, query_string, signed_headers

PART_BYTES = 16 << 20
MOST_PARTS = 9000  # S3 takes 10,000
AT_ONCE = 3
ATTEMPTS = 7
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Part:
    number: int  # from 1
    offset: int
    size: int


def parts_of(size: int) -> list[Part]:
    """How a file of so many bytes is cut: the same way each time."""
    step = max(PART_BYTES, -(-size // MOST_PARTS))
    return [
        Part(number + 1, offset, min(step, size - offset))
        for number, offset in enumerate(range(0, size, step))
    ]


class Refused(Exception):
    """The bucket's answer is an error; `again`: it may be better soon."""

    def __init__(self, status: int, answer: bytes) -> None:
        code = _text(answer, "Code") or "error"
        super().__init__(f"{status} {code} {_text(answer, 'Message') or ''}".strip())
        self.again = status >= 500 or status == 429 or code in ("RequestTimeout", "SlowDown")


class Multipart:
    """`base`: the bucket's address, `prefix` of the keys without slashes around it; `place`: what
    people call it."""

    def __init__(self, base: str, prefix: str, credentials: Credentials, place: str) -> None:
        self._place = place
        self._base = base.rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._credentials = credentials

    @classmethod
    def of(cls, location: Location) -> Self | None:
        """None where the keys are not known here (instance roles): obstore uploads alone then."""
        access = location.access_key or os.environ.get("AWS_ACCESS_KEY_ID")
        secret = location.secret_key or os.environ.get("AWS_SECRET_ACCESS_KEY")
        if not location.bucket or not access or not secret:
            return None
        token = None if location.access_key else os.environ.get("AWS_SESSION_TOKEN")
        region = location.region or os.environ.get("AWS_REGION") or _default_region()
        endpoint = location.endpoint or os.environ.get("AWS_ENDPOINT_URL")
        return cls(
            _bucket_url(location, endpoint, region),
            location.prefix,
            Credentials(access, secret, token, region),
            str(location),
        )

    async def put(self, path: Path, key: str, headers: Mapping[str, str]) -> None:
        """Uploads a file. Raises StorageError; what is there of it stays for the next time."""
        name = self._prefix + key
        limits = httpx2.Limits(max_connections=AT_ONCE)
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, limits=limits) as client:
            try:
                await _Upload(client, self._credentials, self._base, name).run(path, headers)
            except (httpx2.HTTPError, Refused, ElementTree.ParseError) as error:
                reason = str(error) or type(error).__name__
                raise StorageError(
                    f"cannot store {path.name} in {self._place}: {reason}"
                ) from error


@dataclass(frozen=True, slots=True)
class _Upload:
    client: httpx2.AsyncClient
    credentials: Credentials
    base: str
    key: str

    async def run(self, path: Path, headers: Mapping[str, str]) -> None:
        size = path.stat().st_size
        if size <= PART_BYTES:
            await self._whole(path, size, headers)
            return
        parts = parts_of(size)
        upload = await self._unfinished()
        there = await self._parts(upload) if upload else {}
        if upload is None:
            answer = await self._ask("POST", self.key, {"uploads": ""}, headers=headers)
            upload = _text(answer, "UploadId") or ""
        await self._complete(upload, parts, await self._put_parts(path, parts, upload, there))

    async def _whole(self, path: Path, size: int, headers: Mapping[str, str]) -> None:
        content, digest = await asyncio.to_thread(_read, path, Part(1, 0, size))
        md5 = base64.b64encode(bytes.fromhex(digest)).decode()
        await self._request("PUT", self.key, {}, content, {**headers, "Content-MD5": md5})

    async def _put_parts(
        self, path: Path, parts: list[Part], upload: str, there: Mapping[int, str]
    ) -> list[str]:
        """Their ETags. Ends with the first part's error."""
        turn = asyncio.Semaphore(AT_ONCE)  # bounds the memory
        try:
            async with asyncio.TaskGroup() as group:
                jobs = [
                    group.create_task(self._put_part(path, part, upload, there, turn))
                    for part in parts
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [job.result() for job in jobs]

    async def _unfinished(self) -> str | None:
        """The newest unfinished upload of this object."""
        answer = await self._ask("GET", "", {"uploads": "", "prefix": self.key})
        found = [
            (_child(node, "Initiated"), _child(node, "UploadId"))
            for node in ElementTree.fromstring(answer)
            if _name(node) == "Upload" and _child(node, "Key") == self.key
        ]
        return max(found)[1] if found else None

    async def _parts(self, upload: str) -> dict[int, str]:
        """ETags of the parts that are there, by number."""
        found: dict[int, str] = {}
        marker = "0"
        while True:
            query = {"uploadId": upload, "part-number-marker": marker}
            answer = ElementTree.fromstring(await self._ask("GET", self.key, query))
            for node in answer:
                if _name(node) == "Part":
                    found[int(_child(node, "PartNumber"))] = _child(node, "ETag")
            if _child(answer, "IsTruncated") != "true":
                return found
            marker = _child(answer, "NextPartNumberMarker")

    async def _put_part(
        self, path: Path, part: Part, upload: str, there: Mapping[int, str], turn: asyncio.Semaphore
    ) -> str:
        """The part's ETag."""
        async with turn:
            content, digest = await asyncio.to_thread(_read, path, part)
            known = there.get(part.number, "")
            if known.strip('"') == digest:
                return known
            query = {"partNumber": str(part.number), "uploadId": upload}
            headers = await self._put(query, content)
            return headers.get("etag", f'"{digest}"')

    async def _complete(self, upload: str, parts: list[Part], etags: list[str]) -> None:
        root = ElementTree.Element("CompleteMultipartUpload")
        for part, etag in zip(parts, etags, strict=True):
            node = ElementTree.SubElement(root, "Part")
            ElementTree.SubElement(node, "PartNumber").text = str(part.number)
            ElementTree.SubElement(node, "ETag").text = etag
        body = ElementTree.tostring(root)
        answer = await self._ask("POST", self.key, {"uploadId": upload}, body)
        if _name(ElementTree.fromstring(answer)) == "Error":  # S3 answers 200 before it has tried
            raise Refused(500, answer)

    async def _put(self, query: Mapping[str, str], content: bytes) -> httpx2.Headers:
        return (await self._request("PUT", self.key, query, content)).headers

    async def _ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        return (await self._request(method, key, query, content, headers)).content

    async def _request(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        url = self.base + (f"/{quote(key)}" if key else "/")
        async for attempt in stamina.retry_context(on=_may_pass, attempts=ATTEMPTS, timeout=180):
            with attempt:
                # signed anew each time: a signature is valid for a quarter of an hour
                at = datetime.now(UTC)
                sent = signed_headers(self.credentials, method, url, query, headers or {}, at)
                target = f"{url}?{query_string(query)}" if query else url
                answer = await self.client.request(method, target, content=content, headers=sent)
                if answer.status_code >= 300:
                    raise Refused(answer.status_code, answer.content)
        return answer


def _may_pass(error: Exception) -> bool:
    return error.again if isinstance(error, Refused) else isinstance(error, httpx2.TransportError)


def _read(path: Path, part: Part) -> tuple[bytes, str]:
    """A part's bytes and their MD5, which is what S3 calls it by."""
    with path.open("rb") as file:
        file.seek(part.offset)
        content = file.read(part.size)
    return content, hashlib.md5(content, usedforsecurity=False).hexdigest()


def _bucket_url(location: Location, endpoint: str | None, region: str) -> str:
    """As obstore forms it."""
    if location.virtual_hosted_style:
        return endpoint or f"https://{location.bucket}.s3.{region}.amazonaws.com"
    base = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/")
    return f"{base}/{location.bucket}"


def _default_region() -> str:
    return os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _name(node: ElementTree.Element) -> str:
    """Without the namespace, which stores differ in."""
    return node.tag.rpartition("}")[2]


def _child(node: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in node if _name(child) == name), "")


def _text(answer: bytes, name: str) -> str | None:
    try:
        return _child(ElementTree.fromstring(answer), name) or None
    except ElementTree.ParseError:
        return None
