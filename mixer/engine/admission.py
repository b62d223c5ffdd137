"""Whether this machine can carry one more recording: a pure function of measured facts.

What must keep up is ingest; renders queue (slots.py) and have a lower priority, so their load
refuses nobody. Measured on a 2-core machine (docs/performance.md): a participant who sends 720p30
and sound costs ingest 0.03 core; a recorder that waits, with the ingest process, the page pass and
the worker that wait with it, has 170 MB (PSS). The other figures are chosen.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

CORES_A_PARTICIPANT = 0.03
CORES_A_RECORDER = 0.05  # the recorder itself, and its share of Janus
EXPECTED_PARTICIPANTS = 6  # of a recording whose participants are not known yet
HOLD_S = 20.0  # until a new recording's load shows
INGEST_SHARE = 0.8  # of the cores; the rest is for whoever keeps the machine alive
BYTES_A_RECORDER = 250 << 20
KEPT_BYTES = 300 << 20  # of memory, for the server
KEPT_DISK_BYTES = 1 << 30
HOPELESS_LOAD = 24.0  # runnable processes a core: even those of high priority wait then


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured: cores, 1-minute load average, bytes of memory and of the disk."""

    cores: int
    load: float
    free_memory: int
    free_disk: int


@dataclass(frozen=True, slots=True)
class Carried:
    """What it carries: recordings, those among them that began within HOLD_S, and the
    participants of the others."""

    recordings: int = 0
    held: int = 0
    participants: int = 0


def refusal(machine: Machine, carried: Carried, limit: int | None = None) -> str | None:
    """Why one more recording cannot be carried; None when it can. `limit`: the operator's."""
    if limit is not None and carried.recordings >= limit:
        return f"the {limit} recordings that are allowed at once are running (max_recorders)"
    if machine.free_disk < KEPT_DISK_BYTES:
        return f"the disk has {machine.free_disk >> 20} MB left, {KEPT_DISK_BYTES >> 20} are kept"
    needed = KEPT_BYTES + (1 + carried.held) * BYTES_A_RECORDER
    if machine.free_memory < needed:
        return f"{machine.free_memory >> 20} MB of memory are free, {needed >> 20} are needed"
    participants = carried.participants + (1 + carried.held) * EXPECTED_PARTICIPANTS
    cores = participants * CORES_A_PARTICIPANT + (carried.recordings + 1) * CORES_A_RECORDER
    if carried.recordings and cores > machine.cores * INGEST_SHARE:
        return f"receiving would take {cores:.1f} of {machine.cores} cores"
    if machine.load > machine.cores * HOPELESS_LOAD:
        return f"the load average is {machine.load:.0f} on {machine.cores} cores"
    return None


def measured(disk: Path) -> Machine:
    """This machine now; `disk`: the folder in which recordings are made."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        free_memory=psutil.virtual_memory().available,
        free_disk=shutil.disk_usage(disk).free,
    )
