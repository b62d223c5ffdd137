"""Reports of recordings, as `mixer report` wrote them into the session's folder.

They hold names that strangers have typed, and a script of their own: the browser is told to treat
them as a site of its own (sandbox), which gets neither our cookies nor our pages. So that they may
load the videos beside them nevertheless, their address is signed and ends after some hours.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..records.models import Session
from ..room.ranges import RangedFile
from ..service.context import Service, now_ms
from ..storage.media import media_type_of
from . import pages, visits
from .visits import private

LASTS_S = 6 * 3600
REPORT = "report/report.html"
FOLDERS = frozenset({"report", "mixes", "parts", "audio"})
ENDINGS = frozenset({".html", ".json", ".jpg", ".vtt", ".mp4", ".mp3"})
HEADERS = {
    "content-security-policy": "sandbox allow-scripts allow-downloads",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
}


def report_of(service: Service, session: Session) -> Path | None:
    """A session's report; None where there is none (yet, or any more)."""
    path = service.settings.data / session.folder / REPORT
    return path if session.deleted_at is None and path.is_file() else None


async def opened(request: Request, service: Service) -> Response:
    """Leads to the report's signed address."""
    async with service.database.reading() as db:
        session = await db.get(Session, request.path_params["session"])
    if session is None or report_of(service, session) is None:
        raise HTTPException(404, "This recording has no report.")
    ends = now_ms() // 1000 + LASTS_S
    signature = _signature(service, session.id, ends)
    return pages.to(request, f"/reports/{session.id}/{ends}/{signature}/{REPORT}")


async def file(request: Request) -> Response:
    """A file of the report, or a video beside it. Who has the address may see it."""
    service = visits.service_of(request)
    given = request.path_params
    wanted = _signature(service, given["session"], given["ends"])
    genuine = hmac.compare_digest(given["signature"].encode(), wanted.encode())
    if not genuine or given["ends"] < now_ms() // 1000:
        raise HTTPException(403, "This address has ended: open the report from its conference.")
    async with service.database.reading() as db:
        session = await db.get(Session, given["session"])
    path = _within(service, session, given["path"]) if session is not None else None
    if path is None:
        raise HTTPException(404, "There is no such file.")
    return RangedFile(path, media_type=media_type_of(path.name), headers=HEADERS)


def _within(service: Service, session: Session, name: str) -> Path | None:
    """A file that may be seen, nothing else of the folder."""
    top = (service.settings.data / session.folder).resolve()
    if "\0" in name or session.deleted_at is not None:
        return None
    path = (top / name).resolve()
    if not path.is_relative_to(top) or path.suffix not in ENDINGS or not path.is_file():
        return None
    return path if path.relative_to(top).parts[0] in FOLDERS else None


def _signature(service: Service, session_id: str, ends: int) -> str:
    key = visits.derived_key(service, "reports")
    return hmac.new(key, f"{ends}\n{session_id}".encode(), hashlib.sha256).hexdigest()


ROUTES: list[BaseRoute] = [
    Route("/reports/{session}", private(opened), methods=["GET"]),
    Route("/reports/{session}/{ends:int}/{signature}/{path:path}", file, methods=["GET"]),
]
