"""A bucket as tests use it: moto's server, an S3 that keeps objects in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mixer.storage import Location, Signed, Storage, parse_location

ACCESS = {"access_key": "AKIDTEST", "secret_key": "a/secret+key", "region": "eu-west-1"}


@dataclass(frozen=True)
class Bucket:
    """`s3`: boto3's client, as an outsider that looks at what is there."""

    endpoint: str
    s3: Any

    def location(self, prefix: str = "rec/ordings") -> Location:
        return parse_location(f"s3://bucket/{prefix}", endpoint=self.endpoint, **ACCESS)

    def storage(self) -> Storage:
        return Storage(self.location(), Signed(b"k" * 32, "https://mixer.example.org"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> Iterator[Bucket]:
    s3 = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name=ACCESS["region"],
        aws_access_key_id=ACCESS["access_key"],
        aws_secret_access_key=ACCESS["secret_key"],
    )
    s3.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": ACCESS["region"]}
    )
    yield Bucket(s3_server, s3)
    for found in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", ()):
        s3.abort_multipart_upload(Bucket="bucket", Key=found["Key"], UploadId=found["UploadId"])
    for found in s3.list_objects_v2(Bucket="bucket").get("Contents", ()):
        s3.delete_object(Bucket="bucket", Key=found["Key"])
    s3.delete_bucket(Bucket="bucket")
