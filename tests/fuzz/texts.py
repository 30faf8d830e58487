"""Mutations of text: words and lines, with numbers, URLs and characters that parsers have tripped over."""

import random
import re
from collections.abc import Callable, Sequence

from tests.fuzz.bytewise import flip, insert, overwrite, truncate

DIGITS = "9" * 4_400
"""More digits than `int()` takes."""

ATOMS: tuple[str, ...] = (
    "",
    " ",
    "\0",
    "\n",
    "\r",
    "\t",
    "\x1b[31m",
    "\x85",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud800",
    "\U0010ffff",
    "\u0661",  # a decimal digit that is not ASCII
    "\u00b2",  # `isdigit`, and not for int()
    "\u0130",
    "\ufb01",
    "é",
    "-",
    "_",
    ".",
    "..",
    "/",
    "//",
    "\\",
    "../",
    "*",
    "!",
    "+",
    "@",
    ":",
    ";",
    ",",
    "%",
    "%00",
    "%2e%2e%2f",
    "%zz",
    "#",
    "?",
    "=",
    "==",
    "===",
    "~=",
    "'",
    '"',
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "0",
    "-0",
    "00",
    "-1",
    "1e999",
    "1e5",
    "0x10",
    "1_0",
    "NaN",
    "4294967296",
    "9223372036854775808",
    "99999999999999999999999999",
    DIGITS,
    f"1!{DIGITS}",
    f"{DIGITS}!1",
    f"1.{DIGITS}",
    f"1.0+{DIGITS}",
    f"1.0.post{DIGITS}",
    f">={DIGITS}",
    f"=={DIGITS}.*",
    f"~=1.{DIGITS}",
    "1.0",
    "1.0.dev0",
    "1!2.0rc1.post3.dev4+local.5",
    "==1.*",
    "===x",
    "~=1",
    ">=3.6.*",
    "http://[x/",
    "https://[::1",
    "https://[v1.x]/",
    "http://[fe80::1%25eth0]/",
    "https://h:99999999/",
    "https://h:\u00b2/",
    "https://h:x/",
    "https://h:/",
    "https://\u2100/",
    "https://a\u2044b/",
    "//[x",
    "http:///x",
    "https://u:p@h/x",
    "https://169.254.169.254/",
    "file:///etc/passwd",
    "file://host/x",
    "file:",
    "s3://",
    "s3://b",
    "s3:///",
    "s3://[b/",
    "javascript:x",
    "data:,x",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30",
    "2026-W01-1",
    "24:00",
    "a" * 300,
    "a" * 70_000,
    "(" * 400,
    "[" * 400,
    "(" * 30_000,
    "python_version < '3'",
    "extra == 'x'",
    "python_version < '" + "9" * 5_000 + "'",
    "os_name in 'a' or " * 300,
    "'a' not in extras and 'b' in dependency_groups",
    "None",
    "null",
    "true",
)
"""Words that replace others."""

_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
_LARGEST = 400_000
"""Characters of a text after a mutation, about."""


def mutate_word(rng: random.Random, text: str, words: Sequence[str] = ()) -> str:
    """Return a text with one of its words, or a character, replaced, put in, doubled or taken away."""
    parts = _WORDS.findall(text) if len(text) < 10_000 else [text]
    _WORD_STEPS[rng.randrange(len(_WORD_STEPS))](rng, parts, words)
    return "".join(parts)


def _some(rng: random.Random, words: Sequence[str]) -> str:
    return rng.choice(words) if words and rng.random() < 0.5 else rng.choice(ATOMS)


def _replace(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    at = rng.randrange(len(parts) + 1)
    parts[at : at + 1] = [_some(rng, words)]


def _put_in(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    parts.insert(rng.randrange(len(parts) + 1), _some(rng, words))


def _take_away(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    at = rng.randrange(len(parts) + 1)
    del parts[at : at + rng.choice((1, 1, 2, 5))]


def _repeat(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    at = rng.randrange(len(parts) + 1)
    piece = "".join(parts[at : at + rng.choice((1, 2, 6))]) or _some(rng, words)
    count = rng.choice((2, 2, 3, 20, 20, 200, 3_000))
    parts.insert(at, piece * min(count, _LARGEST // (len(piece) + 1)))


def _exchange(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    if parts:
        one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        parts[one], parts[other] = parts[other], parts[one]


def _character(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    if parts:
        at = rng.randrange(len(parts))
        word = parts[at]
        place = rng.randrange(len(word) + 1)
        code = rng.choice(
            (rng.randrange(128), rng.randrange(128), rng.randrange(0x300), rng.randrange(0x110000))
        )
        parts[at] = word[:place] + chr(code) + word[place + rng.randrange(2) :]


def _number(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    places = [at for at, part in enumerate(parts) if part.isdigit()]
    if places:
        new = (DIGITS, "0", "1" * 20, "-1", "\u0663", "0" * 5_000 + "1", str(rng.randrange(1 << 70)))
        parts[rng.choice(places)] = rng.choice(new)


def _case(rng: random.Random, parts: list[str], words: Sequence[str]) -> None:
    if parts:
        at = rng.randrange(len(parts))
        parts[at] = parts[at].swapcase()


_WORD_STEPS: tuple[Callable[[random.Random, list[str], Sequence[str]], None], ...] = (
    _replace,
    _replace,
    _put_in,
    _put_in,
    _take_away,
    _repeat,
    _exchange,
    _character,
    _number,
    _case,
)


def mutate_lines(rng: random.Random, text: str, words: Sequence[str] = ()) -> str:
    """Return a text with one of its lines mutated, put in, doubled, moved or taken away."""
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    kind = rng.random()
    if kind < 0.5:
        lines[at] = mutate_word(rng, lines[at], words)
    elif kind < 0.65:
        lines.insert(at, _some(rng, words))
    elif kind < 0.75:
        del lines[at]
    elif kind < 0.85:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif kind < 0.9:
        rng.shuffle(lines)
    elif kind < 0.97:
        return text.replace("\n", rng.choice(("\r\n", "\r", "\n\n", " \n", "\n ", "\u2028", "")))
    else:
        count = rng.choice((20, 300, 5_000))
        lines[at : at + 1] = [lines[at]] * min(count, _LARGEST // (len(lines[at]) + 1))
    return "\n".join(lines)


def mutate_bytes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return bytes with a few changed, cut off, put in, or taken from another valid example."""
    step = rng.choice((flip, overwrite, truncate, insert, None))
    if step is not None:
        return step(rng, data)
    other = rng.choice(others)
    start = rng.randrange(len(other) + 1)
    piece = other[start : start + rng.choice((4, 30, 200))]
    at = rng.randrange(len(data) + 1)
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]
