"""Regular expressions of callers, matched in time linear in the text whatever they are.

Python's `re` backtracks: a hostile pattern takes hours. This is Thompson's construction with the
deterministic states made when they are met (K. Thompson, CACM 11(6), 1968; R. Cox, "Regular
Expression Matching Can Be Simple And Fast"). Known are literals, `.`, classes, `\\d \\w \\s`,
groups, `|`, `* + ? {m,n}`, `^`, `$`; neither backreferences nor looking around. The whole text
has to match; upper and lower case are the same.

A step from a set of states depends on which of the pattern's atoms a character passes, not on the
character: what is remembered is small for what people write. What hostile ones may remember, and
how much they may have worked out, is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_PATTERN_CHARS = 250
MAX_STATES = 600
MAX_REPEAT = 250
MAX_DEPTH = 30
MAX_REMEMBERED = 1000  # sets of states, 30 kB each at most
MAX_CHARS = 20_000
MAX_EFFORT = 10_000_000  # states and characters looked at: some seconds
SPECIAL = frozenset(".*+?()[]{}|^$\\")

Test = Callable[[str], bool]
States = frozenset[int]
Atoms = frozenset[str]
_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda char: char.isalnum() or char == "_",
    "s": str.isspace,
    "D": lambda char: not char.isdecimal(),
    "W": lambda char: not (char.isalnum() or char == "_"),
    "S": lambda char: not char.isspace(),
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


class PatternError(ValueError):
    """The pattern is none, or too big. Its text says why."""


class Pattern:
    """A compiled pattern. `literal`: the only text that matches, if there is only one."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN_CHARS:
            raise PatternError(f"it has more than {MAX_PATTERN_CHARS} characters")
        self.literal = None if SPECIAL & set(text) else text
        self._atoms: dict[str, Test] = {}  # by their text
        self._reads: list[str | None] = []  # the atom of each state; None: it only leads on
        self._next: list[list[int]] = []
        start, end = _Parser(text, self).parse()
        self._end = end
        self._start = self._closure({start})
        self._remembered: dict[tuple[States, Atoms], States] = {}
        self._sets: dict[States, States] = {}  # the same ones once
        self._passed: dict[str, Atoms] = {}
        self._effort = 0
        self._size = len(text)  # no more members are in all of its classes

    def matches(self, text: str) -> bool:
        """Whether the whole text does. Raises PatternError when all texts so far took too much."""
        states = self._start
        for char in text:
            passed = self._passed.get(char)
            if passed is None:
                passed = self._passed_by(char)
            following = self._remembered.get((states, passed))
            if following is None:
                following = self._step(states, passed)
            if not following:
                return False
            states = following
        return self._end in states

    def _passed_by(self, char: str) -> Atoms:
        self._work(self._size)
        if len(self._passed) >= MAX_CHARS:
            self._passed.clear()
        passed = frozenset(atom for atom, test in self._atoms.items() if test(char))
        self._passed[char] = passed
        return passed

    def _step(self, states: States, passed: Atoms) -> States:
        found: set[int] = set()
        for state in states:
            if self._reads[state] in passed:
                found.update(self._next[state])
        closed = self._closure(found)
        self._work(len(states) + len(closed))
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
            self._sets.clear()
        following = self._sets.setdefault(closed, closed)
        self._remembered[states, passed] = following
        return following

    def _work(self, effort: int) -> None:
        self._effort += effort
        if self._effort > MAX_EFFORT:
            raise PatternError("it takes too long to look for; make it simpler")

    def _closure(self, states: set[int]) -> States:
        waiting, found = list(states), set(states)
        while waiting:
            state = waiting.pop()
            if self._reads[state] is None:
                for following in self._next[state]:
                    if following not in found:
                        found.add(following)
                        waiting.append(following)
        return frozenset(found)

    # what the parser builds with

    def state(self, atom: str | None = None, test: Test | None = None) -> int:
        """`atom`: the text of what it reads, `test` what that is."""
        if len(self._reads) >= MAX_STATES:
            raise PatternError("it is too big; repeat less")
        if atom is not None and test is not None:
            self._atoms.setdefault(atom, test)
        self._reads.append(atom)
        self._next.append([])
        return len(self._reads) - 1

    def link(self, state: int, following: int) -> None:
        self._next[state].append(following)


def _ways(char: str) -> tuple[str, str, str]:
    return char, char.lower(), char.upper()


def _same(char: str) -> Test:
    folded = char.lower()
    return lambda other: other.lower() == folded


Piece = tuple[int, int]  # first and last state


class _Parser:
    """Recursive descent; builds while it reads."""

    def __init__(self, text: str, into: Pattern) -> None:
        self._text = text
        self._at = 0
        self._into = into
        self._depth = 0

    def parse(self) -> Piece:
        piece = self._alternatives()
        if self._at < len(self._text):
            raise PatternError("a ) without its (")
        return piece

    def _alternatives(self) -> Piece:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PatternError("its groups are nested too deeply")
        first, last = self._into.state(), self._into.state()
        while True:
            start, end = self._sequence()
            self._into.link(first, start)
            self._into.link(end, last)
            if not self._take("|"):
                break
        self._depth -= 1
        return first, last

    def _sequence(self) -> Piece:
        first = last = self._into.state()
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            start, end = self._repeated()
            self._into.link(last, start)
            last = end
        return first, last

    def _repeated(self) -> Piece:
        began = self._at
        piece = self._atom()
        atom = self._text[began : self._at]
        while self._at < len(self._text) and self._text[self._at] in "*+?{":
            least, most = self._bounds()
            piece = self._repeat(piece, atom, least, most)
            atom = self._text[began : self._at]
            self._take("?")  # unwilling repetitions match the same texts
        return piece

    def _bounds(self) -> tuple[int, int | None]:
        char = self._text[self._at]
        self._at += 1
        if char != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        found = re.compile(r"(\d{1,4})(,?)(\d{0,4})\}").match(self._text, self._at)
        if found is None:
            raise PatternError("a { has to be {m}, {m,} or {m,n}; write \\{ for the character")
        self._at = found.end()
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if least > MAX_REPEAT or (most is not None and not least <= most <= MAX_REPEAT):
            raise PatternError(f"it repeats more often than {MAX_REPEAT} times, or less than never")
        return least, most

    def _repeat(self, piece: Piece, atom: str, least: int, most: int | None) -> Piece:
        """Copies of the piece, made by reading its text again."""
        first = last = self._into.state()
        end = self._into.state()
        pieces = [piece, *(self._again(atom) for _ in range((most or max(least, 1)) - 1))]
        if most == 0:
            pieces = []
        for number, (start, stop) in enumerate(pieces):
            if number >= least:
                self._into.link(last, end)
            self._into.link(last, start)
            last = stop
        if most is None:
            self._into.link(last, pieces[-1][0])
        self._into.link(last, end)
        return first, end

    def _again(self, atom: str) -> Piece:
        parser = _Parser(atom, self._into)
        parser._depth = self._depth
        return parser._repeated()

    def _atom(self) -> Piece:
        began, char = self._at, self._text[self._at]
        self._at += 1
        match char:
            case "(":
                if self._text.startswith("?", self._at) and not self._take_all("?:"):
                    raise PatternError("of groups that begin with (? only (?:…) is known")
                piece = self._alternatives()
                if not self._take(")"):
                    raise PatternError("a ( without its )")
                return piece
            case "[":
                return self._one(began, self._class())
            case ".":
                return self._one(began, lambda char: True)
            case "\\":
                return self._one(began, self._escaped())
            case "^" | "$":
                return self._anchor(char)
            case "*" | "+" | "?" | "{":
                raise PatternError(f"there is nothing that {char} could repeat")
        return self._one(began, _same(char))

    def _anchor(self, char: str) -> Piece:
        """Whole texts have to match anyhow: at the ends of an alternative anchors say nothing;
        elsewhere nothing matches."""
        if char == "^":
            fits = self._at == 1 or self._text[self._at - 2] in "(|:"
        else:
            fits = self._at == len(self._text) or self._text[self._at] in ")|"
        if not fits:
            return self._one(self._at - 1, lambda other: False)
        state = self._into.state()
        return state, state

    def _escaped(self) -> Test:
        if self._at >= len(self._text):
            raise PatternError("it ends with a \\")
        char = self._text[self._at]
        self._at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum() and char not in _ESCAPES:
            raise PatternError(f"\\{char} is not known")
        wanted = _ESCAPES.get(char, char)
        return _same(wanted)

    def _class(self) -> Test:
        negated = self._take("^")
        tests: list[Test] = []
        while not tests or not self._text.startswith("]", self._at):
            if self._at >= len(self._text):
                raise PatternError("a [ without its ]")
            tests.append(self._member())
        self._at += 1
        if negated:
            return lambda char: not any(test(char) for test in tests)
        return lambda char: any(test(char) for test in tests)

    def _member(self) -> Test:
        char = self._text[self._at]
        self._at += 1
        if char == "\\":
            return self._escaped()
        upper = self._text[self._at + 1 : self._at + 2]
        if self._text.startswith("-", self._at) and upper not in ("", "]", "\\"):
            self._at += 2
            if upper < char:
                raise PatternError(f"the range {char}-{upper} goes backwards")
            return lambda other: any(char <= way <= upper for way in _ways(other))
        return _same(char)

    def _one(self, began: int, test: Test) -> Piece:
        """A character that passes the test; it is written from `began` to here."""
        first, last = self._into.state(self._text[began : self._at], test), self._into.state()
        self._into.link(first, last)
        return first, last

    def _take(self, char: str) -> bool:
        return self._take_all(char)

    def _take_all(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True
