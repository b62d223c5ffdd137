"""Launches the browser: which one, with what flags, in whose name, inside its sandbox.

Only this module, `opening.py`, `page.py` and `serving.py` know Playwright. One browser for each
layout, never shared (rendering.md, "The page's clock"): frame control makes iframes share a
renderer.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from mixer.errors import EnvironmentMissing

log = structlog.get_logger()

LAUNCH_TIMEOUT_S = 120.0  # plenty, for machines that are busy with others
LAUNCH_ATTEMPTS = 3
KILLED = "signal=SIGKILL"  # so Playwright tells of its process' end
REMOVALS, REMOVAL_WAIT_S = 20, 0.1
NAMES = ("chromium-headless-shell", "headless_shell", "chrome-headless-shell")
# The distribution's start scripts drop what they do not know; the program itself lies here.
BEHIND_SCRIPTS = ("/usr/lib/chromium/chromium-headless-shell",)
FLAGS = (
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-checker-imaging",
    "--disable-gpu",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-image-animation-resync",
)
# The last --disable-features wins over Playwright's own: what matters of those is here too.
DISABLED = (
    "PaintHolding",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PreconnectToSearch",
)
LOCAL_NETWORK = "LocalNetworkAccessChecks"


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """`executable` "": look for one; `sandbox` False only where the machine refuses it.

    `local_network`: pages may load from this machine and its network (a room's avatars); for
    layouts of our own only, never for pages from elsewhere.
    """

    executable: str = ""
    sandbox: bool = True
    user: str = "nobody"
    local_network: bool = False

    @classmethod
    def from_environment(cls) -> BrowserSettings:
        """Reads MIXER_BROWSER, MIXER_SANDBOX (require|off) and MIXER_BROWSER_USER."""
        sandbox = os.environ.get("MIXER_SANDBOX", "require")
        if sandbox not in ("require", "off"):
            raise EnvironmentMissing(f"MIXER_SANDBOX is {sandbox!r}: set it to require or off")
        return cls(
            executable=os.environ.get("MIXER_BROWSER", ""),
            sandbox=sandbox == "require",
            user=os.environ.get("MIXER_BROWSER_USER", "nobody"),
        )


def _candidates(settings: BrowserSettings, playwright_own: str) -> Iterable[str]:
    yield from BEHIND_SCRIPTS
    for name in NAMES:
        yield shutil.which(name) or ""
    own = Path(playwright_own)
    shells = own.parent.parent.parent  # …/ms-playwright
    yield from map(str, sorted(shells.glob("chromium_headless_shell-*/*/*headless*shell")))


def find_browser(settings: BrowserSettings, playwright_own: str = "") -> str:
    """The headless shell to start. Raises EnvironmentMissing when there is none."""
    if settings.executable:
        if not os.access(settings.executable, os.X_OK):
            raise EnvironmentMissing(
                f"MIXER_BROWSER={settings.executable} cannot be run: name a headless Chromium"
            )
        return settings.executable
    for candidate in _candidates(settings, playwright_own):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise EnvironmentMissing(
        "no headless Chromium: install chromium-headless-shell, run `playwright install "
        "--only-shell chromium`, or set MIXER_BROWSER"
    )


def _sweep(parent: Path) -> None:
    """Removes the folders of browsers whose owner was killed: nobody holds their lock."""
    for left in parent.glob("mixer-browser-*"):
        with suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def _account(name: str) -> pwd.struct_passwd:
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise EnvironmentMissing(
            f"no user {name!r} to run the browser as: set MIXER_BROWSER_USER to an unprivileged one"
        ) from None
    if account.pw_uid == 0:
        raise EnvironmentMissing("the browser's sandbox needs an unprivileged MIXER_BROWSER_USER")
    return account


def _write_wrapper(folder: Path, program: str, user: str | None) -> Path:
    """A start script that puts the profile where it vanishes and, as root, drops privileges."""
    profile = folder / "profile"
    profile.mkdir(mode=0o700)
    drop = ""
    if user is not None:
        if shutil.which("setpriv") is None:
            raise EnvironmentMissing(
                "setpriv is missing: install util-linux, or do not run as root"
            )
        account = _account(user)
        os.chown(profile, account.pw_uid, account.pw_gid)
        drop = f"setpriv --reuid={account.pw_uid} --regid={account.pw_gid} --clear-groups "
    wrapper = folder / "browser"
    wrapper.write_text(
        "#!/bin/sh\n"
        f'export HOME="{profile}" XDG_CONFIG_HOME="{profile}" XDG_CACHE_HOME="{profile}"\n'
        f'exec {drop}"{program}" "$@" --user-data-dir="{profile}"\n'
    )
    wrapper.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    return wrapper


@contextmanager
def _start_script(settings: BrowserSettings, program: str) -> Iterator[Path]:
    parent = Path(tempfile.gettempdir())
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix="mixer-browser-", dir=parent))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.chmod(0o755)
        try:
            yield _write_wrapper(folder, program, settings.user if os.geteuid() == 0 else None)
        finally:
            for _ in range(REMOVALS):  # the last of the browser's processes may still be writing
                shutil.rmtree(folder, ignore_errors=True)
                if not folder.exists():
                    break
                time.sleep(REMOVAL_WAIT_S)


def _explain(error: PlaywrightError, program: str) -> EnvironmentMissing:
    text = str(error)
    if "sandbox" in text.lower() or "namespace" in text.lower():
        return EnvironmentMissing(
            "the browser's sandbox is refused here: allow unprivileged user namespaces (seccomp or "
            "AppArmor profile), or set MIXER_SANDBOX=off where every layout is your own"
        )
    first = next((line for line in text.splitlines() if line.strip()), "no reason given")
    return EnvironmentMissing(f"{program} does not start: {first.strip()}")


async def _launch(playwright: Playwright, settings: BrowserSettings, script: Path) -> Browser:
    disabled = [*DISABLED, LOCAL_NETWORK] if settings.local_network else DISABLED
    return await playwright.chromium.launch(
        executable_path=str(script),
        chromium_sandbox=settings.sandbox,
        args=[*FLAGS, f"--disable-features={','.join(disabled)}"],
        timeout=LAUNCH_TIMEOUT_S * 1000,
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )


async def _started(
    playwright: Playwright, settings: BrowserSettings, script: Path, program: str
) -> Browser:
    """A browser that is killed while it starts is started again; any other failure is its end."""
    for attempt in range(1, LAUNCH_ATTEMPTS + 1):
        try:
            return await _launch(playwright, settings, script)
        except PlaywrightError as error:
            if KILLED not in str(error) or attempt == LAUNCH_ATTEMPTS:
                raise _explain(error, program) from None
            log.warning("browser.killed-while-starting", attempt=attempt)
    raise AssertionError("unreachable")


@asynccontextmanager
async def launched(settings: BrowserSettings | None = None) -> AsyncIterator[Browser]:
    """A running browser with a fresh profile, closed and swept away afterwards.

    Raises EnvironmentMissing (one line, says what to do) when it cannot be had.
    """
    settings = settings or BrowserSettings.from_environment()
    async with async_playwright() as playwright:
        program = find_browser(settings, playwright.chromium.executable_path)
        with _start_script(settings, program) as script:
            browser = await _started(playwright, settings, script, program)
            try:
                yield browser
            finally:
                with suppress(PlaywrightError, TimeoutError):
                    await asyncio.wait_for(browser.close(), 10)
