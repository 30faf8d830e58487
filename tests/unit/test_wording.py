"""Counts and lists as sentences have them."""

import pytest

from pipper.core.wording import counted, human_size, listed


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12345, "12,345 files")]
)
def test_one_is_singular_and_every_other_count_is_plural(number: int, text: str) -> None:
    assert counted(number, "file") == text


def test_a_noun_may_have_its_own_plural() -> None:
    assert (counted(1, "entry", "entries"), counted(2, "entry", "entries")) == ("1 entry", "2 entries")


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_with_commas_and_a_last_word(words: list[str], text: str) -> None:
    assert listed(words) == text
    assert listed(iter(words), last="or") == text.replace(" and ", " or ")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (18_324, "18.3 kB"),
        (999_949, "999.9 kB"),
        (999_999, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_suits_it(size: int, said: str) -> None:
    assert human_size(size) == said
