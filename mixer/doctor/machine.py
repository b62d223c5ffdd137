"""Whether the machine itself will do: port, disk, memory, processors, limits, clock."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import socket
import tempfile
import time
from pathlib import Path

from .finding import Finding, failed, ok, warning

PORT = 8710
NEEDED_DISK = 256 << 20  # below it a recording does not even start
GOOD_DISK = 10 << 30
NEEDED_MEMORY = 800 << 20  # a whole recorder with Chromium
GOOD_SHARED_MEMORY = 64 << 20
GOOD_OPEN_FILES = 1024
GOOD_WRITE_BYTES_A_S = 20 << 20
WRITTEN = 64 << 20
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "pit", "refined-jiffies")
UNSYNCHRONIZED = 5  # adjtimex(2): TIME_ERROR
TIMEX_SIZE = 512  # more than struct timex takes anywhere


def port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            what = "is taken" if error.errno == errno.EADDRINUSE else str(error.strerror)
            return warning("Port", f"{PORT} {what}", "mixer room --port takes another")
    return ok("Port", f"{PORT} is free")


def disk(folder: Path) -> Finding:
    existing = _existing(folder)
    free = shutil.disk_usage(existing).free
    what = f"{_gigabytes(free)} free in {existing}"
    if free < NEEDED_DISK:
        return failed("Disk", what, "make room, or give --out on another disk")
    if not os.access(existing, os.W_OK):
        return warning("Disk", f"{existing} is not writable", "give --out where you may write")
    if free < GOOD_DISK:
        how = "about 1 GB an hour for each 720p participant, and 2 GB for each 1080p mix"
        return warning("Disk", what, how)
    return ok("Disk", what)


def write_speed(folder: Path) -> Finding:
    """Writes 64 MB and syncs them, as a journal is."""
    block = os.urandom(1 << 20)
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)) as file:
            began = time.perf_counter()
            for _ in range(WRITTEN // len(block)):
                file.write(block)
            file.flush()
            os.fdatasync(file.fileno())
            seconds = time.perf_counter() - began
    except OSError as error:
        remedy = "give --out where you may write"
        return failed("Disk speed", f"cannot write: {error.strerror}", remedy)
    speed = WRITTEN / seconds
    what = f"{speed / 1e6:.0f} MB/s written and synced"
    if speed < GOOD_WRITE_BYTES_A_S:
        return warning("Disk speed", what, "record to a local disk, not to a network's")
    return ok("Disk speed", what)


def shared_memory() -> Finding:
    """Chromium passes pictures through it; where it is small, through slower files."""
    path = Path("/dev/shm")
    if not path.is_dir() or not os.access(path, os.W_OK):
        remedy = "sudo mount -t tmpfs tmpfs /dev/shm"
        return warning("Shared memory", "/dev/shm is missing or not writable", remedy)
    free = shutil.disk_usage(path).free
    what = f"{_gigabytes(free)} free in /dev/shm"
    if free < GOOD_SHARED_MEMORY:
        return warning("Shared memory", what, "docker run --shm-size=256m …")
    return ok("Shared memory", what)


def memory() -> Finding:
    limits = (_machine_memory(), _container_memory())
    usable = min((count for count in limits if count is not None), default=None)
    if usable is None:
        return ok("Memory", "not known on this system")
    what = f"{_gigabytes(usable)} usable"
    if usable < NEEDED_MEMORY:
        how = "a recorder with its browser takes up to 0.8 GB: close something, or give it more"
        return warning("Memory", what, how)
    return ok("Memory", what)


def processors() -> Finding:
    count = len(os.sched_getaffinity(0))
    if count < 2:
        how = "two or more let a 1080p mix keep up with the conference; with one it comes later"
        return warning("Processors", f"{count} usable", how)
    return ok("Processors", f"{count} usable")


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < GOOD_OPEN_FILES:
        return warning("Open files", f"{soft} allowed", f"ulimit -n {GOOD_OPEN_FILES}")
    told = "any number" if soft == resource.RLIM_INFINITY else str(soft)
    return ok("Open files", f"{told} allowed ({hard if hard >= 0 else 'no'} at most)")


def clock() -> Finding:
    """Media are timed by the monotonic clock; the clock on the wall only dates the recording."""
    source = _clock_source()
    if source in SLOW_CLOCKS:
        how = "each packet is timed: boot with clocksource=tsc where the hardware is sound"
        return warning("Clock", f"clock source {source} is slow to read", how)
    if _is_unsynchronized():
        how = "sudo apt-get install systemd-timesyncd (in a container: on its host)"
        return warning("Clock", "the clock on the wall is not synchronized", how)
    return ok("Clock", f"synchronized, source {source}")


def _clock_source() -> str:
    path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"


def _is_unsynchronized() -> bool:
    """adjtimex(2) with modes 0 only reads."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_SIZE))
    except (OSError, AttributeError):
        return False
    return bool(state == UNSYNCHRONIZED)


def _machine_memory() -> int | None:
    """MemAvailable of /proc/meminfo, in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None


def _container_memory() -> int | None:
    """What is left of the control group's limit (version 2); what can be paged out is free."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - int(stat["anon"])
    except (OSError, ValueError, KeyError):
        return None


def _existing(folder: Path) -> Path:
    """The nearest folder above (or at) `folder` that is there."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
