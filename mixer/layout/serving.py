"""Where a layout's page comes from, and what its requests are answered with.

A layout is a built-in name, a folder, an HTML file, or an http(s) address. Built-in and local ones
are served from disk under http://layout.localhost/ by interception: no network, no file:// rights.
What comes from the network is kept beside the journal (`cache`), so that a later render of the
same recording gets the same answers; without a journal for as long as the page is shown, so that
pages are checked and previewed by the way that recordings go.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import jinja2
import jinja2.sandbox
import structlog
from playwright.async_api import APIResponse, BrowserContext, Route
from playwright.async_api import Error as PlaywrightError

from mixer.conference.presentation import is_object_name
from mixer.layout.content import PARTS
from mixer.layout.redirects import Answer, Ask, Redirects
from mixer.layout.sdk import voxeet_sdk_answer, with_stand_in
from mixer.layout.shipped import BUILT_IN, COMMON, SCENE_PAGE, layout_path, page_of

log = structlog.get_logger()

# Of localhost, where pages have all of the web that wants a secure context, as while they are made;
# not https, which would keep what lies at http: addresses out.
HOST = "layout.localhost"
PAGE = "page"  # under which local layouts are served, whatever their own names are
OBJECTS = "/objects/"  # timeline.py tells pages of them
MEDIA = ("audio/", "font/", "image/", "video/")  # types of files
OBJECT_POLLS, OBJECT_POLL_S = 40, 0.05
SCRIPT_HEADERS = {
    "content-type": "text/javascript; charset=utf-8",
    "access-control-allow-origin": "*",
}
FETCH_TIMEOUT_S = 10.0
FAULTY = 500  # status of answers that tell of a server's fault
MAX_KEPT, MAX_KEPT_BYTES = 50_000, 2 << 30  # answers and bytes of one page
REQUESTS = "MIXER_LAYOUT_REQUESTS"
PROXY = "mixer"  # as it names itself in Proxy-Status
NOT_KEPT = ("destination_ip_prohibited", "http_request_denied")
STREAMED = {"eventsource", "websocket", "media"}  # never end, or need ranges: not kept
NOTHING = Answer(0, {})
Tell = Callable[[str, str], None]


@dataclass(slots=True)
class Site:
    """A layout resolved: its page's address, and the folder that answers for it, if any."""

    url: str
    folder: Path | None = None  # of a local layout, served under /NAME/
    name: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)  # of its jinja2 templates
    cache: Path | None = None
    objects: Path | None = None  # of a journal: what was presented, served under /objects/
    tries: int = 0  # how often the page was tried again: what failed before is asked for anew
    _asked: Counter[str] = field(default_factory=Counter)
    most: int = field(default_factory=lambda: int(os.environ.get(REQUESTS) or MAX_KEPT))
    _kept_bytes: int = 0
    _arrived: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """The query of the layout's address: free parameters of the page."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of the layouts that come with the mixer and share a page."""
        return self.folder is not None and page_of(self.folder) == SCENE_PAGE

    async def serve(self, context: BrowserContext, tell: Tell) -> None:
        """Answers all requests of the context's pages from now on."""

        async def answer(route: Route) -> None:
            try:
                await self._answer(route, tell)
            except PlaywrightError as error:
                log.debug("request.dropped", reason=str(error).splitlines()[0])

        if self.cache is None:
            self._keep_for(context)

        async def redirected(url: str, kind: str, ask: Ask) -> Answer | None:
            if urlsplit(url).hostname == HOST or kind in STREAMED or self.cache is None:
                return None
            return await self._from_network(url, ask, self.cache, tell)

        await Redirects(context, redirected, FETCH_TIMEOUT_S).follow()
        await context.route("**/*", answer)

    def _keep_for(self, context: BrowserContext) -> None:
        """What is fetched, until the context is closed."""
        folder = Path(tempfile.mkdtemp(prefix="mixer-fetched-"))

        def forget(_: object) -> None:
            self.cache = None
            shutil.rmtree(folder, ignore_errors=True)

        self.cache = folder
        context.once("close", forget)

    async def _answer(self, route: Route, tell: Tell) -> None:
        request = route.request
        if request.is_navigation_request() and request.frame.parent_frame is None:
            if self._arrived and request.redirected_from is None:
                tell("navigation", request.url)
                await route.fulfill(status=204)  # no content: the page stays
                return
            self._arrived = True
        if (script := voxeet_sdk_answer(request.url)) is not None:
            await route.fulfill(status=200, body=script, headers=SCRIPT_HEADERS)
        elif urlsplit(request.url).hostname == HOST:
            path = unquote(urlsplit(request.url).path)
            if path.startswith(OBJECTS):
                await self._object(route, path.removeprefix(OBJECTS))
            else:
                await self._from_disk(route, path, tell)
        elif self.cache is None or request.method != "GET" or request.resource_type in STREAMED:
            await route.continue_()
        else:

            async def ask() -> APIResponse:
                return await route.fetch(max_redirects=0, timeout=FETCH_TIMEOUT_S * 1000)

            answer = await self._from_network(request.url, ask, self.cache, tell)
            if answer.status == 0:
                await route.abort("failed")
            else:
                await route.fulfill(
                    status=answer.status, headers=dict(answer.headers), body=answer.body
                )

    async def _object(self, route: Route, name: str) -> None:
        """A page of what was presented. Just after a pause it may still be on its way."""
        path = self.objects / name if self.objects and is_object_name(name) else None
        for _ in range(OBJECT_POLLS):
            if path is None or path.is_file():
                break
            await asyncio.sleep(OBJECT_POLL_S)
        if path is None or not path.is_file():
            await route.fulfill(status=404, body="no such page in the journal")
            return
        kind = mimetypes.guess_type(name)[0]
        headers = {"content-type": kind or "", "access-control-allow-origin": "*"}
        await route.fulfill(status=200, body=path.read_bytes(), headers=headers)

    async def _from_disk(self, route: Route, path: str, tell: Tell) -> None:
        try:
            body, kind = self.local_file(path)
        except jinja2.TemplateError as error:
            tell("error", f"the template of {path} fails: {error}")
            await route.fulfill(status=500, body="the template fails")
            return
        if body is None:
            await route.fulfill(status=404, body="no such file in the layout")
        else:
            headers = {"content-type": kind, "access-control-allow-origin": "*"}
            await route.fulfill(status=200, body=with_stand_in(body), headers=headers)

    def local_file(self, path: str) -> tuple[bytes | None, str]:
        """What a path (decoded) of a local layout is answered with, and its type; None: nothing is
        there."""
        asked = path.lstrip("/")
        top, _, rest = asked.partition("/")
        places = [(BUILT_IN / top, rest)] if top in COMMON else []
        if self.folder is not None:
            own = [(self.folder, rest)] if top == self.name else []
            places = [*own, *places, (self.folder, asked)]  # builds ask from the root: /assets/…
        answers = (self._in_folder(folder, name) for folder, name in places)
        return next((answer for answer in answers if answer[0] is not None), (None, ""))

    def _in_folder(self, folder: Path, name: str) -> tuple[bytes | None, str]:
        found = page_of(folder) if name in ("", "index.html") else folder / name
        if found is None:
            return None, ""
        try:
            found = found.resolve()
            found.is_file()
        except (OSError, ValueError):  # too long, or with characters that no name can have
            return None, ""
        if found != SCENE_PAGE.resolve() and not self._may_serve(found, folder.resolve(), name):
            return None, ""
        template = found if found.suffix == ".j2" else found.with_name(found.name + ".j2")
        name = template.stem
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        kind += "; charset=utf-8" if kind.startswith("text/") else ""
        if template.is_file():
            return self._rendered(template).encode(), kind
        return (found.read_bytes(), kind) if found.is_file() else (None, "")

    def _may_serve(self, found: Path, folder: Path, name: str) -> bool:
        """Of the folder, but nothing hidden: keys and settings lie in such. Of a page that is a
        single file, whose folder may be anybody's home, what pages are made of alone."""
        if not found.is_relative_to(folder):
            return False
        page = unquote(urlsplit(self.url).path).rpartition("/")[2]
        if page and found == folder / page:
            return True
        parts = (*PurePosixPath(name).parts, *found.relative_to(folder).parts)
        if any(part.startswith(".") for part in parts):
            return False
        kind = mimetypes.guess_type(found.name)[0] or ""
        return not page or bool(PARTS.fullmatch(found.name)) or kind.startswith(MEDIA)

    def _rendered(self, template: Path) -> str:
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(  # whoever wrote it
            loader=jinja2.FileSystemLoader(template.parent),
            autoescape=True,
            undefined=jinja2.ChainableUndefined,
        )
        return environment.get_template(template.name).render(**self.variables)

    # ---- network, kept ------------------------------------------------------------------------

    async def _from_network(self, url: str, ask: Ask, cache: Path, tell: Tell) -> Answer:
        if self._kept_bytes > MAX_KEPT_BYTES or self._asked.total() >= self.most:
            tell("too-much", "the page has loaded all that is kept for one")
            return NOTHING
        self._asked[url] += 1
        entry = self._kept(cache, url) or await self._fetch(url, ask, cache)
        if entry["status"] == 0:
            return NOTHING
        body = (cache / entry["body"]).read_bytes()
        self._kept_bytes += len(body)
        return Answer(entry["status"], entry["headers"], with_stand_in(body))

    def _entry(self, cache: Path, url: str, tries: int) -> Path:
        """Where the answer is kept to this request, made the so manyth time by this page."""
        again = f" try {tries}" if tries else ""
        return cache / f"{_digest(f'{url} {self._asked[url]}{again}'.encode())}.json"

    def _kept(self, cache: Path, url: str) -> dict[str, Any] | None:
        """The answer of this try, else a good one of an earlier try."""
        for tries in range(self.tries, -1, -1):
            file = self._entry(cache, url, tries)
            if file.is_file():
                entry: dict[str, Any] = json.loads(file.read_text("utf-8"))
                if tries == self.tries or 0 < entry["status"] < FAULTY:
                    return entry
        return None

    async def _fetch(self, url: str, ask: Ask, cache: Path) -> dict[str, Any]:
        entry: dict[str, Any] = {"url": url, "status": 0, "headers": {}, "body": ""}
        try:
            response = await ask()
            declined = _declined(response.headers)
            if declined in NOT_KEPT:
                return entry  # another time it may be allowed
            if declined:
                raise PlaywrightError(f"{url}: {declined}")
            body = await response.body()
            dropped = ("content-encoding", "content-length", "transfer-encoding")
            headers = {k: v for k, v in response.headers.items() if k.lower() not in dropped}
            entry |= {"status": response.status, "headers": headers, "body": _digest(body)}
            _keep(cache / entry["body"], body)
        except PlaywrightError as error:
            log.warning("layout.fetch-failed", reason=str(error).splitlines()[0])
        _keep(self._entry(cache, url, self.tries), json.dumps(entry).encode())
        return entry


def _declined(headers: Mapping[str, str]) -> str:
    """Why the proxy gave this answer (RFC 9209); "" if the origin did."""
    proxy, _, error = headers.get("proxy-status", "").partition("; error=")
    return error if proxy == PROXY else ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _keep(path: Path, data: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)


def find_site(layout: str, variables: Mapping[str, Any], cache: Path | None = None) -> Site:
    """Resolves what the user calls a layout. Raises LayoutError when there is no such thing."""
    path = layout_path(layout)
    if path is None:
        return Site(url=layout, cache=cache)
    _, mark, query = layout.partition("?")
    if path.is_file():
        url = f"http://{HOST}/{PAGE}/{quote(path.name)}{mark}{query}"
        return Site(url, path.parent, PAGE, variables, cache)
    name = PAGE
    if path.is_relative_to(BUILT_IN):
        name = path.name
        query = query.replace("#", "%23")  # of a colour: these pages have no places to jump to
    return Site(f"http://{HOST}/{name}/{mark}{query}", path, name, variables, cache)
