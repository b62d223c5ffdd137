"""Whether layouts can be painted: a headless Chromium that starts, inside its sandbox."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

from ..errors import EnvironmentMissing
from .finding import Finding, failed, install, is_ubuntu, ok, warning

TIMEOUT_S = 20.0
PROBE = ("unshare", "--user", "--map-root-user", "--pid", "--net", "--fork", "true")
OFF = "or set MIXER_SANDBOX=off where every layout is your own"


def browser() -> Finding:
    """Finds what the page pass will start, and asks it for its version."""
    program, error = _find()
    if not program:
        return failed("Browser", error, remedy())
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S
    ).stdout.strip()
    if not told:
        return failed("Browser", f"{program} does not start", remedy())
    return ok("Browser", f"{told}, {program}")


def sandbox() -> Finding:
    """Starts the browser just as the page pass does."""
    name = "Sandbox"
    if not _find()[0]:
        return failed(name, "cannot be tried without a browser", remedy())
    if os.environ.get("MIXER_SANDBOX") == "off":
        how = "unset MIXER_SANDBOX, unless every layout is your own"
        return warning(name, "switched off by MIXER_SANDBOX=off", how)
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return failed(name, "as root it needs setpriv, which is missing", install("util-linux"))
    error = asyncio.run(_launch_error())
    if error:
        return failed(name, error.splitlines()[0], _sandbox_remedy())
    who = "as root, in an unprivileged user's name" if os.geteuid() == 0 else "as this user"
    return ok(name, f"the browser starts inside its sandbox, {who}")


def remedy() -> str:
    playwright = "playwright install --with-deps --only-shell chromium"
    if is_ubuntu():
        return f"{playwright} (Ubuntu's own chromium is a snap and cannot be driven)"
    return f"{install('chromium-headless-shell')}, or: {playwright}"


def _find() -> tuple[str, str]:
    """(program, why there is none)."""
    from ..layout.browser import BrowserSettings, find_browser

    try:
        return find_browser(BrowserSettings.from_environment(), _playwrights_own()), ""
    except EnvironmentMissing as error:
        return "", str(error).split(":")[0]


def _playwrights_own() -> str:
    """A path of the kind Playwright gives for its own browsers, which lie side by side."""
    given = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    cache = Path(given) if given else Path.home() / ".cache" / "ms-playwright"
    return str(cache / "chromium" / "chrome-linux" / "chrome")


async def _launch_error() -> str:
    from ..layout.browser import launched

    try:
        async with asyncio.timeout(TIMEOUT_S), launched():
            return ""
    except EnvironmentMissing as error:
        return str(error)
    except TimeoutError:
        return f"the browser did not start within {TIMEOUT_S:g} s"


def _sandbox_remedy() -> str:
    """What stands in the way of user namespaces here, as far as it can be told."""
    if _is("/proc/sys/kernel/unprivileged_userns_clone", "0"):
        return f"sudo sysctl kernel.unprivileged_userns_clone=1, {OFF}"
    if _is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"):
        return f"load docker/apparmor-mixer as its first lines say (docs/docker.md), {OFF}"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return f"docker run --security-opt seccomp=docker/seccomp.json … (docs/docker.md), {OFF}"
    if _is("/proc/sys/user/max_user_namespaces", "0"):
        return f"sudo sysctl user.max_user_namespaces=15000, {OFF}"
    if not _namespaces_work():
        return f"allow unprivileged user namespaces (docs/docker.md), {OFF}"
    return f"start the browser by hand to see why; {OFF}"


def _is(path: str, value: str) -> bool:
    try:
        return Path(path).read_text().strip() == value
    except OSError:
        return False


def _namespaces_work() -> bool:
    if shutil.which(PROBE[0]) is None:
        return True  # nothing to tell it by
    return subprocess.run(PROBE, capture_output=True, timeout=TIMEOUT_S).returncode == 0
