"""Files of which a part can be asked for (RFC 9110, 14): what cannot be is an error like others."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

UNIT = "bytes"


class RangedFile(FileResponse):
    """Starlette's own, whose errors are plain text. Raises HTTPException 416 instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                size = self.headers["content-length"]
                sentence = f"Range: give bytes=FIRST-LAST; the file has {size} bytes."
                raise HTTPException(416, sentence, {"content-range": f"{UNIT} */{size}"})
            await send(message)

        given = MutableHeaders(scope=scope).get("range", "")
        if given.partition("=")[0].strip().lower() != UNIT:
            scope = _without_range(scope)
        await super().__call__(scope, receive, checked)


def _without_range(scope: Scope) -> Scope:
    """A unit that is not known is to be disregarded (14.2)."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return {**scope, "headers": headers}
