"""Launches the browser: which one, with what flags, in whose name, inside its sandbox.

Only this module, `opening.py`, `page.py` and `serving.py` know Playwright. One browser for each
layout, never shared (rendering.md, "The page's clock"): frame control makes iframes share a
renderer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import structlog
from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from mixer.errors import EnvironmentMissing
from mixer.layout.profile import driver_of, start_script

log = structlog.get_logger()

LAUNCH_TIMEOUT_S = 120.0  # plenty, for machines that are busy with others
LAUNCH_ATTEMPTS = 3
KILLED = "signal=SIGKILL"  # so Playwright tells of its process' end
CLOSING_S = 10.0  # then it is killed
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
    # One process and 15 MB less. On Linux it has no sandbox of its own, and it sees our proxy only.
    "--enable-features=NetworkServiceInProcess2",
)
# Nothing goes to a network but through the proxy of a page's context (opening.py): without one,
# nowhere; no name is resolved by the browser; no UDP. No pop-up comes into being.
NOWHERE = "http://127.0.0.1:9"
CONFINED = (
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--block-new-web-contents",
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
    "LocalNetworkAccessChecks",  # the proxy checks, and allows what the operator does
)


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """`executable` "": look for one; `sandbox` False only where the machine refuses it."""

    executable: str = ""
    sandbox: bool = True
    user: str = "nobody"

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
    return await playwright.chromium.launch(
        executable_path=str(script),
        chromium_sandbox=settings.sandbox,
        args=[*FLAGS, *CONFINED, f"--disable-features={','.join(DISABLED)}"],
        proxy={"server": NOWHERE},
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


async def closed_in_time(closing: Coroutine[Any, Any, None]) -> bool:
    """False if it goes on longer than is waited for; it is not waited for any more then."""
    task = asyncio.ensure_future(closing)
    await asyncio.wait({task}, timeout=CLOSING_S)  # `wait_for` would wait for the cancelled one
    if not task.done():
        task.cancel()
        return False
    with suppress(PlaywrightError, asyncio.CancelledError):
        task.result()
    return True


async def _close(browser: Browser, driver: psutil.Process | None) -> None:
    """One that a page keeps from closing, or whose driver it keeps busy, is killed with it."""
    if not await closed_in_time(browser.close()) and driver is not None:
        log.warning("browser.killed")
        with suppress(psutil.Error):
            driver.kill()  # unless it has gone, and its number is another process'


@asynccontextmanager
async def launched(settings: BrowserSettings | None = None) -> AsyncIterator[Browser]:
    """A running browser with a fresh profile, closed and swept away afterwards.

    Raises EnvironmentMissing (one line, says what to do) when it cannot be had.
    """
    settings = settings or BrowserSettings.from_environment()
    async with async_playwright() as playwright:
        program = find_browser(settings, playwright.chromium.executable_path)
        with start_script(program, settings.user) as script:
            browser = await _started(playwright, settings, script, program)
            driver = driver_of(script)
            try:
                yield browser
            finally:
                await _close(browser, driver)
