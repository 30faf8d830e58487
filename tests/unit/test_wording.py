"""Counts and lists as sentences have them."""

import pytest

from pipper.core.wording import counted, listed


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
