"""Callers' regular expressions: those of `re`, but never slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.service.pattern import Pattern, PatternError

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
    ],
)
def test_examples(pattern: str, text: str, wanted: bool) -> None:
    """The platform's, and odd ones."""
    assert Pattern(pattern).matches(text) is wanted


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[a", "*a", "a{", "a{3,1}", "a{999}", r"\1", "\\", "(?=a)", "x" * 251, "[b-a]",
     "((((a{200}){200}){200}){200})", "(" * 100 + ")" * 100],
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
