"""Admission is a pure function of facts: what it refuses, and that it says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mixer.engine.admission import Carried, Machine, measured, refusal

GIB = 1 << 30
ROOMY = Machine(cores=2, load=1.0, free_memory=4 * GIB, free_disk=50 * GIB)


def test_a_machine_with_room_takes_recordings_until_its_cores_are_used() -> None:
    """Each costs what its participants cost; the last one that fits leaves a fifth free."""
    taken = 0
    while refusal(replace(ROOMY, free_memory=64 * GIB), Carried(taken, 0, taken * 6)) is None:
        taken += 1
    assert 0.6 * 2 <= taken * (6 * 0.03 + 0.05) <= 0.8 * 2


@pytest.mark.parametrize(
    ("machine", "carried", "says"),
    [
        (replace(ROOMY, free_disk=GIB // 2), Carried(), "disk"),
        (replace(ROOMY, free_memory=200 << 20), Carried(), "memory"),
        (replace(ROOMY, free_memory=1 << 30), Carried(4, held=4), "memory"),
        (ROOMY, Carried(5, participants=50), "cores"),
        (replace(ROOMY, load=100.0), Carried(), "load"),
    ],
)
def test_what_is_short_is_named(machine: Machine, carried: Carried, says: str) -> None:
    """Each kind of shortage refuses, with a sentence that names it."""
    assert says in (refusal(machine, carried) or "")


def test_the_operators_limit_holds_whatever_the_machine() -> None:
    """max_recorders is a bound of its own."""
    assert "max_recorders" in (refusal(ROOMY, Carried(2), limit=2) or "")
    assert refusal(ROOMY, Carried(1), limit=2) is None


def test_renders_that_load_the_machine_refuse_nobody() -> None:
    """They have a lower priority than ingest: a busy machine still records."""
    assert refusal(replace(ROOMY, load=12.0), Carried(1, 0, 4)) is None


def test_the_first_recording_is_never_too_much_for_the_cores() -> None:
    """A machine that is otherwise well takes one, however small it is."""
    assert refusal(replace(ROOMY, cores=1), Carried()) is None


def test_this_machine_can_be_measured() -> None:
    """Facts are facts: positive, and of this disk."""
    from pathlib import Path

    found = measured(Path("/"))
    assert found.cores >= 1
    assert found.free_memory > 0
    assert found.free_disk > 0
