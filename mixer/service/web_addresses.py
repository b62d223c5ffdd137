"""Addresses that applications give: of layouts' pages, of receivers of webhooks.

Whom a name leads to is checked when it is connected to: by mixer/proxy, mixer/webhooks.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ..errors import MixerError
from ..layout.shipped import BUILT_IN, layout_path

MAX_URL_CHARS = 2000
DEFAULT_LAYOUT = "default"
PRIVATE = "pages on private addresses are refused here"
NO_LAYOUT = "give an http(s) address or the name of a built-in layout"


def web_address(url: str) -> SplitResult:
    """An http(s) address, taken apart. Raises ValueError with what is to be given."""
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"give http(s)://HOST/PATH of at most {MAX_URL_CHARS} characters")
    if not url.isprintable() or " " in url:
        raise ValueError("the address has characters that addresses do not have")
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give http(s)://HOST/PATH: there is no host in it")
    return parts


def layout_of(url: str | None, *, allow_private: bool) -> str:
    """What a layoutUrl means: a built-in name or an http(s) address, never a path of this machine.

    Raises ValueError with what is to be given.
    """
    if not url or url == DEFAULT_LAYOUT:
        return DEFAULT_LAYOUT
    if url.lower().startswith(("http:", "https:")):
        host = web_address(url).hostname or ""
        if not allow_private and _is_private(host):
            raise ValueError(PRIVATE)
        return url
    name = url.partition("?")[0]
    if len(url) > MAX_URL_CHARS or not url.isprintable() or any(c in name for c in ":/\\."):
        raise ValueError(NO_LAYOUT)
    try:
        found = layout_path(url)
    except (MixerError, OSError) as error:
        raise ValueError(str(error) if isinstance(error, MixerError) else NO_LAYOUT) from None
    if found is None or found.parent != BUILT_IN:
        raise ValueError(NO_LAYOUT)
    return url


def _split(url: str) -> SplitResult:
    """Raises ValueError in our words: urlsplit's own speak of its inside."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the host is none: an address in brackets is an IPv6 one") from None
    try:
        possible = parts.port != 0
    except ValueError:
        possible = False
    if not possible:
        raise ValueError("the port is none: give one from 1 to 65535, or none at all")
    return parts


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False  # a name: resolved and checked when the page is opened
