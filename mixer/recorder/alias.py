"""What people call a conference."""

from __future__ import annotations

from ..journal import Journal


def alias(journal: Journal) -> str:
    """The conference's last alias; its id where it has no other name."""
    names = [
        event.data["conference"].get("alias")
        for event in journal.events()
        if event.type == "conference.updated"
    ]
    return next((str(name) for name in reversed(names) if name), journal.conference)
