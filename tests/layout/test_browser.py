"""The browser's start: sandboxed, unprivileged, in a fresh profile that goes with it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from mixer.errors import EnvironmentMissing
from mixer.layout import opening
from mixer.layout.browser import BrowserSettings, find_browser, launched
from mixer.layout.page import PageFailure, PageSettings
from mixer.layout.profile import PREFIX, sweep
from mixer.layout.serving import find_site
from tests.layout.support import WALL, shown, state_of

pytestmark = pytest.mark.system


def status(process: psutil.Process) -> dict[str, str]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def profile(process: psutil.Process) -> Path:
    (given,) = [a for a in process.cmdline()[1:] if a.startswith("--user-data-dir=/")][-1:]
    return Path(given.partition("=")[2])


async def test_renderers_run_unprivileged_behind_seccomp_and_leave_nothing() -> None:
    """Every renderer has a seccomp filter and is not root; the profile is gone afterwards."""
    before = set(psutil.Process().children(recursive=True))
    async with launched() as browser, shown(browser, "default", state_of(1)):
        mine = set(psutil.Process().children(recursive=True)) - before
        renderers = [status(p) for p in mine if "--type=renderer" in p.cmdline()]
        assert renderers
        folders = {
            profile(p)
            for p in mine
            if "--type=" not in " ".join(p.cmdline()) and "headless" in p.name()
        }
        assert len(folders) == 1 and all(folder.is_dir() for folder in folders)
        for facts in renderers:
            assert facts["Seccomp"] == "2"
            assert "0" not in facts["Uid"].split()
    assert not any(folder.parent.exists() for folder in folders)


def test_a_missing_browser_is_one_line_that_says_what_to_do() -> None:
    """MIXER_BROWSER that cannot be run is named in the message."""
    with pytest.raises(EnvironmentMissing, match=r"MIXER_BROWSER=/no/such/browser cannot be run"):
        find_browser(BrowserSettings(executable="/no/such/browser"))


@pytest.mark.parametrize("value", ["", "yes"])
def test_a_wrong_sandbox_setting_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MIXER_SANDBOX is require or off, nothing else: a typing error switches nothing off."""
    monkeypatch.setenv("MIXER_SANDBOX", value)
    with pytest.raises(EnvironmentMissing, match="require or off"):
        BrowserSettings.from_environment()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")
async def test_root_needs_an_unprivileged_user_for_the_browser() -> None:
    """The browser is never started as root."""
    with pytest.raises(EnvironmentMissing, match="unprivileged"):
        async with launched(BrowserSettings(user="root")):
            pass


async def test_a_browser_killed_while_it_starts_is_started_again() -> None:
    """kill -9 before the browser answers is no reason to give up."""
    real = find_browser(BrowserSettings.from_environment())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)  # the browser runs as somebody else
        script = folder / "browser"
        script.write_text(
            f'#!/bin/sh\nmkdir "$0.begun" 2>/dev/null && kill -9 $$\nexec "{real}" "$@"\n'
        )
        script.chmod(0o755)
        settings = replace(BrowserSettings.from_environment(), executable=str(script))
        async with launched(settings) as browser:
            assert browser.is_connected()
        assert (folder / "browser.begun").exists()


KEPT = """
import asyncio, sys
from mixer.layout import opening
from mixer.layout.browser import launched

async def main():
    async with launched():
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def kill_renderers() -> None:
    for process in psutil.Process().children(recursive=True):
        if "--type=renderer" in process.cmdline():
            process.kill()


@pytest.mark.parametrize("moment", ["Guard", "injected_script"])
async def test_a_page_whose_process_dies_while_it_is_opened_is_a_failure(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for ever for what will not answer any more; the browser is still good."""
    original = getattr(opening, moment)
    settings = PageSettings(320, 180, 30, WALL, answer_wall_s=5.0)
    site = find_site("default", {"width": 320, "height": 180, "fps": 30})

    def killing(*given: Any) -> Any:
        kill_renderers()
        return original(*given)

    async with launched() as browser, asyncio.timeout(120):
        with monkeypatch.context() as patched:
            patched.setattr(opening, moment, killing)
            with pytest.raises(PageFailure):
                async with opening.opened(browser, site, settings, state_of(1)):
                    pass
        async with opening.opened(browser, site, settings, state_of(1)) as (page, _):
            assert await page.screenshot()


def test_a_killed_owners_browser_and_profile_are_swept_away() -> None:
    """kill -9 of whoever started it: the next sweep ends what still runs and removes the folder."""
    with subprocess.Popen([sys.executable, "-c", KEPT], stdout=subprocess.PIPE) as owner:
        assert owner.stdout and owner.stdout.readline() == b"up\n"
        mine = psutil.Process(owner.pid).children(recursive=True)
        browsers = [p for p in mine if f"{PREFIX}" in " ".join(p.cmdline())]
        (folder,) = {profile(p).parent for p in browsers if "--type=" not in " ".join(p.cmdline())}
        sweep()
        assert folder.exists()  # it is in use
        owner.kill()
    sweep()
    assert not folder.exists()
    _, alive = psutil.wait_procs(browsers, timeout=60)
    assert not alive
