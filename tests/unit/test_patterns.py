"""Two patterns of `[sources]` that can match one name are found; of several the most exact one counts."""

import itertools
from fnmatch import fnmatchcase

import pytest

from pipper.core.manifest.patterns import chosen, meets

NAMES = ["".join(each) for length in range(1, 5) for each in itertools.product("ab-", repeat=length)]
PATTERNS = [
    "*",
    "a",
    "a*",
    "*a",
    "a*b",
    "?b",
    "??",
    "*-*",
    "a-*",
    "[ab]b",
    "[!a]*",
    "*ba",
    "b?-",
    "",
    "**",
    "ab-b",
]


@pytest.mark.parametrize("one", PATTERNS)
def test_two_patterns_meet_if_a_name_matches_both(one: str) -> None:
    for other in PATTERNS:
        common = any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in NAMES)
        assert meets(one, other) or not common, (one, other)
        if common is False and "[" not in one + other and one and other:
            assert not meets(one, other), (one, other)


def test_long_patterns_count_as_meeting() -> None:
    assert meets("*a" * 5000, "*b" * 5000)


def test_a_name_counts_before_the_longest_pattern() -> None:
    assert chosen("acme-x", ["acme-*", "a*", "acme-x", "acme-?*"]) == "acme-x"
    assert chosen("acme-y", ["a*", "acme-*", "*"]) == "acme-*"
    assert chosen("other", ["a*"]) is None
