"""Mutations of JSON and TOML documents as trees, and texts of such trees, also of ones that no parser gives."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any

from pipper.core.toml import toml_key, toml_string
from tests.fuzz.texts import ATOMS, DIGITS, mutate_word

Slot = tuple[Any, Any]
"""A container, and the key of one of its values."""


class Raw(str):
    """A text that stands in a document as it is."""

    __slots__ = ()


class Again(str):
    """A key that a table already has."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


_RAW = (
    "1e999",
    "-1e999",
    "-0.0",
    "1e-999",
    DIGITS,
    "-" + DIGITS,
    "NaN",
    "Infinity",
    "inf",
    "nan",
    "0x" + "f" * 5_000,
    "1_0",
    "01",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-11-01",
    "10:00:00",
    "2026-11-01T00:00:00",
    "[" * 300 + "]" * 300,
    "[" * 60_000 + "]" * 60_000,
    '{"a":' * 300 + "1" + "}" * 300,
    '{"a":' * 60_000 + "1" + "}" * 60_000,
    "{ a = " * 300 + "1" + " }" * 300,
    '"\\ud800"',
    '"\\u0000"',
    '"\\udc00\\ud800"',
    "'",
    '"',
    "",
)
_LARGEST = 200_000
"""Characters that a repetition adds, about."""
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    10**30,
    1 << 63,
    (1 << 64) - 1,
    "",
    [],
    {},
    [[]],
    [{}],
    {"": ""},
)


def mutate_tree(rng: random.Random, tree: Any, words: Sequence[str]) -> Any:
    """Change a tree of dicts and lists in one place, and return it."""
    slots = list(_slots(tree))
    if not slots:
        return _new(rng, words)
    rng.choice(_STEPS)(rng, slots, words)
    return tree


def weight(tree: Any) -> int:
    """Return how long the text of a tree is, about: repetitions of repetitions grow without bounds."""
    return sum(
        8 + len(str(key)) + (len(table[key]) if isinstance(table[key], str) else 0)
        for table, key in _slots(tree)
    )


def _slots(tree: Any) -> list[Slot]:
    found: list[Slot] = []
    pending = [tree]
    while pending:
        each = pending.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            found.append((each, key))
            pending.append(each[key])
    return found


def _new(rng: random.Random, words: Sequence[str]) -> Any:
    kind = rng.random()
    if kind < 0.3:
        return Raw(rng.choice(_RAW))
    if kind < 0.6:
        return copied(rng.choice(_VALUES))
    return rng.choice(words) if words and rng.random() < 0.5 else rng.choice(ATOMS)


def _replace(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    table, key = rng.choice(slots)
    table[key] = _new(rng, words)


def _text(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    texts = [(table, key) for table, key in slots if isinstance(table[key], str)]
    if texts:
        table, key = rng.choice(texts)
        table[key] = mutate_word(rng, table[key], words)


def _take_away(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    table, key = rng.choice(slots)
    del table[key]


def _exchange(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    (one, first), (other, second) = rng.choice(slots), rng.choice(slots)
    one[first], other[second] = copied(other[second]), copied(one[first])


def _copy(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    (table, key), (other, second) = rng.choice(slots), rng.choice(slots)
    new = copied(other[second])
    if isinstance(table, list):
        table.insert(rng.randrange(len(table) + 1), new)
    else:
        table[key] = new


def _repeat(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    lists = [(table, key) for table, key in slots if isinstance(table, list)]
    if lists:
        table, key = rng.choice(lists)
        size = len(json_text(table[key])) + 1
        table[key:key] = [table[key]] * min(rng.choice((1, 1, 20, 1_000)), _LARGEST // size)


def _key_again(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    tables = [(table, key) for table, key in slots if isinstance(table, dict)]
    if tables:
        table, key = rng.choice(tables)
        table[Again(key)] = copied(rng.choice((table[key], _new(rng, words))))


def _rename(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    tables = [(table, key) for table, key in slots if isinstance(table, dict)]
    if tables:
        table, key = rng.choice(tables)
        table[mutate_word(rng, str(key), words)] = table.pop(key)


def _wrap(rng: random.Random, slots: list[Slot], words: Sequence[str]) -> None:
    table, key = rng.choice(slots)
    value = table[key]
    table[key] = rng.choice(([value], {"a": value}, str(value)[:1_000], [value, value]))


_STEPS: tuple[Callable[[random.Random, list[Slot], Sequence[str]], None], ...] = (
    _replace,
    _replace,
    _text,
    _text,
    _text,
    _text,
    _take_away,
    _exchange,
    _copy,
    _repeat,
    _key_again,
    _rename,
    _wrap,
)


def copied(value: Any) -> Any:
    """Return a tree that can be changed without changing this one."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def json_text(value: Any) -> str:
    """Return a tree as JSON; a TOML date becomes a string."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(str(key))}:{json_text(each)}" for key, each in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:d}"
    return json.dumps(value, default=str, ensure_ascii=isinstance(value, str) and not value.isascii())


def toml_text(value: Any) -> str:
    """Return a tree as TOML, every key of it in one line; what has no form in TOML becomes a string."""
    if not isinstance(value, dict):
        return f"x = {_inline(value)}\n"
    return "".join(f"{toml_key(str(key))} = {_inline(each)}\n" for key, each in value.items())


def _inline(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{toml_key(str(key))} = {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) else toml_string(str(value))
