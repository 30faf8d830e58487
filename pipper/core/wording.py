"""Parts of messages: counts, sizes and lists of words."""

from collections.abc import Iterable

_UNITS = ("kB", "MB", "GB", "TB")


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


def human_size(size: int) -> str:
    """Return a number of bytes in words: `18.3 kB` (1 kB is 1000 bytes)."""
    amount, unit = float(size), "bytes"
    for larger in _UNITS:
        if amount < 999.95:
            break
        amount, unit = amount / 1000, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
