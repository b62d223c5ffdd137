"""A bucket that obeys a test: moto's S3, with a door before it that can be shut.

`hold()`: PUTs wait at the door until `let_go()`. `stop()`: nobody listens there until `start()`;
what was put stays.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import httpx2
from moto.server import ThreadedMotoServer

from tests.room.serving import free_port

NAME = "bucket"
REGION = "eu-west-1"
ACCESS = {"access_key": "AKIDTEST", "secret_key": "a/secret+key"}
PASSED = ("etag", "content-type", "last-modified", "content-disposition", "content-range")


@dataclass
class Bucket:
    """`endpoint`: of the door, where clients go. `held`: PUTs that wait at it now."""

    target: str
    port: int = field(default_factory=free_port)
    held: int = 0
    _open: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """Of `mixer serve`; with MIXER_ before them of `mixer record --upload`, too."""
        keys = {f"s3_{name}": value for name, value in ACCESS.items()}
        place = {"storage_url": f"s3://{NAME}/rec", "s3_endpoint": self.endpoint}
        return {**place, "s3_region": REGION, **keys}

    def objects(self) -> list[str]:
        """What is there, past the door."""
        answer = client(self.target).list_objects_v2(Bucket=NAME)
        return [str(found["Key"]) for found in answer.get("Contents", ())]

    def content(self, key: str) -> bytes:
        body: bytes = client(self.target).get_object(Bucket=NAME, Key=key)["Body"].read()
        return body

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def start(self) -> None:
        bucket = self

        class Door(Passing):
            target = bucket.target

            def stops(self) -> bool:
                if self.command == "PUT":
                    bucket.wait_at_door()
                return False

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.let_go()

    def stop(self) -> None:
        self.let_go()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait_at_door(self) -> None:
        self.held += 1
        self._open.wait()
        self.held -= 1


class Passing(BaseHTTPRequestHandler):
    """Passes requests on to a bucket, unless `stops` has seen to them."""

    target = ""

    def stops(self) -> bool:
        return False

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.stops():
            return
        there, headers = self.target + self.path, dict(self.headers.items())
        answer = httpx2.request(self.command, there, content=body, headers=headers)
        self.send_response(answer.status_code)
        for name in PASSED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        length = answer.headers["content-length"] if self.command == "HEAD" else len(answer.content)
        self.send_header("content-length", str(length))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

    def log_message(self, *_: object) -> None:
        pass


def client(endpoint: str) -> Any:
    """boto3's: an outsider that looks at what is there."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS["access_key"],
        aws_secret_access_key=ACCESS["secret_key"],
    )


@contextlib.contextmanager
def bucket() -> Iterator[Bucket]:
    """An empty one, whose door is open."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Bucket(f"http://{host}:{port}")
    s3 = client(made.target)
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.start()
    try:
        yield made
    finally:
        made.stop()
        for key in made.objects():
            s3.delete_object(Bucket=NAME, Key=key)
        s3.delete_bucket(Bucket=NAME)
        server.stop()
