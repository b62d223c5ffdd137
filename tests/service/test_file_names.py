"""What files are called where others download them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.service.files.made import FileMade, only_name, plain_name

from .published import EPOCH, asked


@pytest.mark.parametrize(
    ("name", "merged", "taken", "wanted"),
    [
        ("a.mp4", False, set(), "a.mp4"),
        ("a.mp4", True, {"a.mp4"}, "a_merged.mp4"),
        ("a.mp4", False, {"a.mp4", "a_2.mp4"}, "a_3.mp4"),
        ("a.mp4", True, {"a.mp4", "a_merged.mp4"}, "a_merged_2.mp4"),
    ],
)
def test_names(name: str, merged: bool, taken: set[str], wanted: str) -> None:
    """The first has the contract's name, each further one its own."""
    made = FileMade(Path(name), "mix", "video/mp4", EPOCH, 1, merged=merged)
    assert only_name(name, made, taken) == wanted


def test_names_lead_nowhere() -> None:
    """A mix's id or a participant's id cannot name another folder."""
    made = FileMade(Path("x.mp4"), "mix", "video/mp4", EPOCH, 1, mix=asked("../../x"))
    assert "/" not in plain_name(made, "c")
    details = {"participantId": "../p"}
    made = FileMade(Path("x.mp3"), "participant", "audio/mpeg", EPOCH, 1, details=details)
    assert "/" not in plain_name(made, "c")
