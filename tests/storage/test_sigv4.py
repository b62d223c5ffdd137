"""Signatures for buckets are those that botocore makes."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials

from mixer.storage.sigv4 import Credentials, query_string, signed_headers

from .conftest import ACCESS, Bucket

AT = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("token", [None, "tok/en=="])
@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", "/bucket/a/b%20c%C3%BC.mp4", {"uploads": ""}),
        ("PUT", "/bucket/a/b.mp4", {"uploadId": "x~y+z/=", "partNumber": "12"}),
        ("GET", "/", {"uploads": "", "prefix": "a b/ü"}),
    ],
)
def test_headers(method: str, path: str, query: dict[str, str], token: str | None) -> None:
    """The same Authorization for the same request at the same time."""
    url = f"https://s3.example.org:9000{path}"
    headers = {"Content-Type": "video/mp4", "Content-Disposition": 'attachment; filename="a  b"'}
    ours = signed_headers(
        Credentials("AKID", "se/cret", token, "eu-west-1"), method, url, query, headers, AT
    )
    request = AWSRequest(method, f"{url}?{query_string(query)}", headers=headers)
    request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    with patch("botocore.auth.get_current_datetime", lambda *a, **k: AT.replace(tzinfo=None)):
        boto = auth.S3SigV4Auth(BotoCredentials("AKID", "se/cret", token), "s3", "eu-west-1")
        boto.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]


async def test_presigned_addresses(bucket: Bucket) -> None:
    """What obstore signs is what botocore would have signed at that time."""
    url = await bucket.storage().url("conference/session/a b.mp4")
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ")
    request = AWSRequest("GET", f"{bucket.endpoint}{parts.path}")
    credentials = BotoCredentials(ACCESS["access_key"], ACCESS["secret_key"])
    with patch("botocore.auth.get_current_datetime", lambda *a, **k: at):
        auth.S3SigV4QueryAuth(credentials, "s3", ACCESS["region"], expires=600).add_auth(request)
    wanted = dict(parse_qsl(urlsplit(request.url).query))
    assert dict(parse_qsl(parts.query)) == wanted
