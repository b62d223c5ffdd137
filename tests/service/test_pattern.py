"""Callers' regular expressions: those of `re`, but never slow."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.service import pattern as patterns_of_callers
from mixer.service.pattern import MAX_REMEMBERED, MAX_STATES, Pattern, PatternError

atoms = st.sampled_from(
    ["a", "b", "ab", ".", "[ab]", "[^a]", "(a|b)", "(?:ab|)", r"\.", r"\d", "1"]
)
repeats = st.sampled_from(["", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{0}", "*?"])
pieces = st.lists(st.tuples(atoms, repeats).map("".join), max_size=5).map("".join)
patterns = st.lists(pieces, min_size=1, max_size=3).map("|".join)


@given(patterns, st.text(alphabet="ab1.c", max_size=8))
def test_the_same_as_re(pattern: str, text: str) -> None:
    """Whatever it knows means what it means to Python."""
    wanted = re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch(text) is not None
    assert Pattern(pattern).matches(text) == wanted


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("foobar", "FooBar", True),
        ("foobar", "foobar2", False),
        (".*foobar", "my foobar", True),
        ("foobar.*", "foobar", True),
        (".*2019.*|.*2020.*", "in 2020!", True),
        ("^foo$", "foo", True),
        ("(^foo$)|bar", "foo", True),
        ("f^oo", "foo", False),
        ("[A-C]+", "abc", True),
        ("[]a]+", "]a", True),
        ("[a-]+", "a-a", True),
        (r"\w+ \S", "über x", True),
        ("", "", True),
        ("((a{2}){2}){2}", "a" * 8, True),
        (".{0,250}", "x" * 250, True),
        (".{250}", "x" * 249, False),
    ],
)
def test_examples(pattern: str, text: str, wanted: bool) -> None:
    """The platform's, and odd ones."""
    assert Pattern(pattern).matches(text) is wanted


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[a", "*a", "a{", "a{3,1}", "a{999}", r"\1", "\\", "(?=a)", "x" * 251, "[b-a]",
     "((((a{200}){200}){200}){200})", ".?{250}", "(.?.?){100}", "(" * 100 + ")" * 100],
)  # fmt: skip
def test_what_is_refused(pattern: str) -> None:
    """With a reason."""
    with pytest.raises(PatternError) as error:
        Pattern(pattern)
    assert str(error.value)


def test_hostile_patterns_take_no_time() -> None:
    """Exponential for a backtracking matcher: 10,000 texts, within the test's time."""
    pattern = Pattern("(a+)+(a|aa)*(.*a){10}b")
    assert not any(pattern.matches("a" * 240) for _ in range(10_000))


def test_what_is_remembered_is_bounded() -> None:
    """Few states, few sets of them, however different the texts are."""
    chance = random.Random(1)
    pattern = Pattern(".*a.{100}")
    for _ in range(30):
        pattern.matches("".join(chance.choices("ab", k=200)))
        assert len(pattern._remembered) <= MAX_REMEMBERED
    assert len(pattern._reads) <= MAX_STATES
    assert sum(map(len, pattern._sets)) <= MAX_REMEMBERED * MAX_STATES


def test_usual_patterns_remember_little() -> None:
    """Characters that make no difference to a pattern are the same to it: 40,000 of them."""
    pattern = Pattern(".*sync [0-9]+.*")
    for first in range(0x3400, 0xD000, 200):
        assert not pattern.matches("".join(map(chr, range(first, first + 200))))
    assert len(pattern._remembered) < 30


def test_hostile_patterns_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take too much work says so, instead of doing it."""
    monkeypatch.setattr(patterns_of_callers, "MAX_EFFORT", 200_000)
    chance = random.Random(1)
    pattern = Pattern(".*a.{100}")
    with pytest.raises(PatternError, match="simpler"):
        for _ in range(1000):
            pattern.matches("".join(chance.choices("ab", k=200)))
