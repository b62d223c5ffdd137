"""Locks between processes, and what goes wrong while one is held."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.errors import UsageError
from mixer.lock import locked


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """A second holder is refused in the words given; afterwards it is free again."""
    path = tmp_path / "deep" / "lock"
    with locked(path, "busy"), pytest.raises(UsageError, match="busy"), locked(path, "busy"):
        pass
    with locked(path, "busy"):
        pass


def test_errors_within_stay_what_they_are(tmp_path: Path) -> None:
    """An error of the work itself is not taken for a lock that is held."""
    with pytest.raises(BlockingIOError), locked(tmp_path / "lock", "busy"):
        raise BlockingIOError
