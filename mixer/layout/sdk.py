"""The scripts that a layout's page has before its own: the layout SDK, and the stand-in for the
seed platform's SDK (layouts/sdk, layouts/voxeet). Whoever shows a page injects them, in this order.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mixer.layout.shipped import shipped_layouts

SDK_FILES = ("mixer-layout", "active-speaker", "levels", "shown", "elements")
# These share one scope; `sdk` puts the global in its place, `contract` fills in the page's form.
VOXEET_FILES = (
    "emitter", "people", "presentations", "player", "conference", "sdk", "contract",
)  # fmt: skip

BEFORE = "(() => {\n'use strict';\nif ('__mixerVoxeet' in window) return;"

_VOXEET_PACKAGE = re.compile(r"/(?:npm/)?@voxeet/voxeet-web-sdk(?=[@/+?]|$)", re.IGNORECASE)
# How the SDK looks inside a bundle: a line that tells of its version, and its class, exported.
_BUNDLED_MARK = b"VoxeetSDK version: "
_BUNDLED = re.compile(rb"""["']VoxeetSDK version: ["']\s*\+\s*([\w$]+)\.version""")
_EXPORT = (
    rb"((?<![\w$])[\w$]+\.default\s*=\s*"
    rb"|\bdefault:\s*(?:function\s*\(\)\s*\{\s*return\s+|\(\)\s*=>\s*))%s(?![\w$.(])"
)
_MODULE_HOSTS = ("esm.sh", "esm.run", "cdn.skypack.dev", "jspm.dev", "ga.jspm.io")
_MODULE = """\
const sdk = window.VoxeetSDK;
export default sdk;
export { sdk as VoxeetSDK };
"""
_SCRIPT = "/* The mixer's stand-in is in its place already: window.VoxeetSDK. */\n"


def page_scripts() -> str:
    """All of it, as one script to be run before any script of the page."""
    layouts = shipped_layouts()
    sdk = [(layouts / "sdk" / f"{name}.js").read_text("utf-8") for name in SDK_FILES]
    voxeet = [(layouts / "voxeet" / f"{name}.js").read_text("utf-8") for name in VOXEET_FILES]
    return "\n".join([*sdk, BEFORE, *voxeet, "})();"])


def voxeet_sdk_answer(url: str) -> str | None:
    """What a request for the seed platform's SDK at a public address is answered with; None for
    any other address. Modules get one that exports the stand-in."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not _VOXEET_PACKAGE.search(parts.path):
        return None
    if parts.path.endswith((".css", ".map", ".json", ".wasm", ".d.ts")):
        return None
    is_module = parts.hostname in _MODULE_HOSTS or parts.path.endswith(("/+esm", ".mjs"))
    return _MODULE if is_module or "module" in parts.query.split("&") else _SCRIPT


def with_stand_in(script: bytes) -> bytes:
    """A page's script with the seed platform's SDK bundled into it made to use the stand-in, which
    is exported in its place (releases 3.2 to 3.11, minified or not); any other as it is."""
    if _BUNDLED_MARK not in script or (found := _BUNDLED.search(script)) is None:
        return script
    name = found.group(1)
    exports = re.finditer(_EXPORT % re.escape(name), script)
    nearest = min(exports, key=lambda match: abs(match.start() - found.start()), default=None)
    if nearest is None:
        return script
    put = nearest.group(1) + b"(window.VoxeetSDK||" + name + b")"
    return script[: nearest.start()] + put + script[nearest.end() :]
