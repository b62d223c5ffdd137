"""What files say of people: their ids, names and addresses in texts, JSON, logs and tags.

`forget.py` takes them out with this; what people are called, the journal knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..journal import Journal, names, write_whole

# Keys whose text is not about people, though it may be the same by chance.
_NOT_ABOUT_PEOPLE = ("conference", "alias", "url", "layout", "file", "path", "type")
_WHOSE = ("participantId", "participant")


class Traces:
    """What tells of some people. `people`: their ids; `texts`: all that only they are called."""

    def __init__(self, people: Iterable[str], texts: Iterable[str]) -> None:
        self.people = frozenset(people)
        self.texts = tuple(sorted(texts))
        ways = {way for text in self.texts for way in _written(text)}
        either = "|".join(re.escape(way) for way in sorted(ways, key=len, reverse=True))
        self._any = re.compile(rf"(?<!\w)(?:{either})(?!\w)" if ways else r"(?!)")

    @classmethod
    def of(cls, journal: Journal, people: Collection[str]) -> Traces:
        """Of these participants; what others are called, too, is no trace of them."""
        theirs: set[str] = set()
        shared: set[str] = set()
        for id_, called in names(journal).items():
            texts = {text for kind, text in called if kind != "type"}
            (theirs if id_ in people else shared).update(texts)
        return cls(people, theirs - shared)

    def in_text(self, text: str) -> bool:
        return self._any.search(text) is not None

    def in_bytes(self, data: bytes) -> bool:
        return self.in_text(data.decode("utf-8", "replace"))

    def remove_from(self, path: Path) -> None:
        """Rewrites a text file, whole or not at all, without what tells of them: of JSON entries
        and values, of others lines."""
        text = path.read_text("utf-8", "replace")
        if not self.in_text(text):
            return
        try:
            value = self.without(json.loads(text))
        except ValueError:
            lines = [line for line in text.splitlines(keepends=True) if not self.in_text(line)]
            rest = "".join(lines)
        else:
            rest = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        write_whole(path, rest.encode())

    def without(self, value: Any, key: str = "") -> Any:
        """A JSON value without entries of lists that are theirs, and without texts about them."""
        if isinstance(value, dict):
            return {name: self.without(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self.without(one, key) for one in value if not self._theirs(one)]
        if isinstance(value, str) and key not in _NOT_ABOUT_PEOPLE and self.in_text(value):
            return ""
        return value

    def _theirs(self, entry: Any) -> bool:
        """Whether an entry of a list is one of them, about one of them, or their name."""
        if isinstance(entry, str):
            return self.in_text(entry)
        if not isinstance(entry, dict):
            return False
        whose = {str(entry.get(key)) for key in _WHOSE}
        if "externalId" in entry:
            whose.add(str(entry.get("id")))
        return bool(whose & self.people) or self.in_text(str(entry.get("stream", "")))


def _written(text: str) -> set[str]:
    """The ways in which a text stands in files: as it is, in JSON, in an address."""
    return {text, json.dumps(text)[1:-1], quote(text, safe=""), quote(text)} if text else set()
