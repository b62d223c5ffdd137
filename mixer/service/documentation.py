"""/docs: the API's description to read and to try, without a file of anybody else's server.

Swagger UI itself comes with the package fastapi-offline. Addresses are relative: they hold behind a
proxy that puts a path before ours.
"""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

FILES = "docs/files"
POLICY = (  # the page starts itself by a script within, and has pictures in its styles
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def documentation() -> list[BaseRoute]:
    """The page, and the files that it loads."""
    folder = Path(fastapi_offline.__file__).parent / "static"
    files = Mount(f"/{FILES}", StaticFiles(directory=folder))
    return [Route("/docs", _page), files]


async def _page(request: Request) -> Response:
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="mixer: the API",
        swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES}/swagger-ui.css",
        swagger_favicon_url="dashboard/static/icon.svg",
    )
    page.headers["content-security-policy"] = POLICY
    return page
