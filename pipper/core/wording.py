"""Parts of messages: counts and lists of words."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: `1 file`, `2 files`. `plural` is for nouns that take more than an `s`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a list in a sentence: `a, b and c`."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def quoted(words: Iterable[str], last: str = "and") -> str:
    """Return words in backticks as a list in a sentence, as in "`a`, `b` and `c`"; "none" for no words."""
    return listed((f"`{word}`" for word in words), last) or "none"
