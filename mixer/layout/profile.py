"""A browser's profile folder and start script; what killed owners left behind is removed.

Knows nothing of Playwright: whoever started a page pass calls `sweep` when it has ended.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from mixer.errors import EnvironmentMissing

PREFIX, BEGUN = "mixer-browser-", "mixer-begun-"  # under the first name it is locked, always
REMOVALS, REMOVAL_WAIT_S = 20, 0.1


def sweep() -> None:
    """Removes the folders of browsers whose owner was killed, and such a browser if it still runs:
    nobody holds their lock."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _kill(left)
            _remove(left)


def _kill(folder: Path) -> None:
    """Ends the browser of a profile; its other processes end by themselves then."""
    with suppress(OSError, ValueError):
        pid = int((folder / "pid").read_text())
        if str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


def driver_of(script: Path) -> psutil.Process | None:
    """The process that started a script's browser (Playwright's driver); None if unknown."""
    with suppress(OSError, ValueError):
        return driver_of_browser(int((script.parent / "pid").read_text()))
    return None


def driver_of_browser(pid: int) -> psutil.Process | None:
    """A browser's parent, if that is a child of ours; it may have gone, and the browser be init's
    by now, whose tree is everything that runs on the machine."""
    with suppress(psutil.Error):
        found = psutil.Process(pid).parent()
        return found if found is not None and found.ppid() == os.getpid() else None
    return None


def _remove(folder: Path) -> None:
    for _ in range(REMOVALS):  # the last of the browser's processes may still be writing
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(REMOVAL_WAIT_S)


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
        f'echo $$ > "{folder}/pid"\n'
        f'export HOME="{profile}" XDG_CONFIG_HOME="{profile}" XDG_CACHE_HOME="{profile}"\n'
        f'exec {drop}"{program}" "$@" --user-data-dir="{profile}"\n'
    )
    wrapper.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    return wrapper


@contextmanager
def start_script(program: str, user: str) -> Iterator[Path]:
    """Starts `program` in a fresh profile, as `user` if we are root. Browser and profile are gone
    afterwards."""
    sweep()
    begun = Path(tempfile.mkdtemp(prefix=BEGUN))
    with (begun / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun.chmod(0o755)
        folder = begun.rename(begun.with_name(begun.name.replace(BEGUN, PREFIX)))
        try:
            yield _write_wrapper(folder, program, user if os.geteuid() == 0 else None)
        finally:
            _kill(folder)
            _remove(folder)
