"""Small pieces of sentences: counts and lists of words."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: `1 file`, `2 files`. `plural` is for nouns that take more than an `s`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a sentence has them: `a, b and c`."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
