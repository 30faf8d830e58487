"""Documents in TOML or JSON: read strictly and within bounds, with the place in every complaint.

A reader chooses the class of error: UsageError for what a user wrote, IntegrityError for what a repository holds.
"""

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pipper.errors import PipperError, UsageError

T = TypeVar("T")
MANIFEST_LIMIT = 2**20
"""Bytes of what people write."""
DOCUMENT_LIMIT = 64 * 2**20
"""Bytes of what programs write: locks, pages of projects."""
_DEEPEST = 32
_DOTTED = re.compile(rb"(?<![^\s=,.{}\[\]])(?:[^\s=,.{}\[\]]++[ \t]*+\.[ \t]*+){%d}" % _DEEPEST)
"""A key of so many parts: what `tomllib` needs for one grows with the square of its length."""
_NEEDED = object()
_KINDS = {
    type(None): "null",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document is from, and what its faults are."""

    label: str
    error: type[PipperError] = UsageError
    hint: str = ""
    """For faults that have no better one."""


class Node:
    """A value of a document together with its place. Cheap to make: a lock has ten thousand."""

    __slots__ = ("_above", "_key", "origin", "value")

    def __init__(
        self, value: object, origin: Origin, above: "Node | None" = None, key: "str | int" = ""
    ) -> None:
        self.value = value
        self.origin = origin
        self._above = above
        self._key = key

    @property
    def place(self) -> str:
        """As in `pipper.toml: index.url` or `pipper.toml: dependencies[2]`."""
        if self._above is None:
            return self.origin.label
        above = self._above.place
        if self._above._above is None:
            above += ": "
        elif isinstance(self._key, str):
            above += "."
        return f"{above}{self._key}" if isinstance(self._key, str) else f"{above}[{self._key}]"

    def fail(self, what: str, *, cause: str = "", hint: str = "") -> PipperError:
        """Return an error about this value."""
        return self.origin.error(f"{self.place}: {what}", cause=cause, hint=hint or self.origin.hint)

    def replaced(self, value: object) -> "Node":
        """Return another value at the same place."""
        return Node(value, self.origin, self._above, self._key)

    def only(self, allowed: Collection[str]) -> "Node":
        """Return this table; any other key than those allowed is an error that names the nearest."""
        for key in self.entries():
            if key not in allowed:
                raise self._unknown(key, allowed)
        return self

    def __contains__(self, key: str) -> bool:
        """Tell whether a table has a value for a key; null is no value."""
        return self.entries().get(key) is not None

    def at(self, key: str, default: object = _NEEDED) -> "Node":
        """Return the value of a key, or the default; without a default the key is needed."""
        found = self.value.get(key) if isinstance(self.value, dict) else self.entries().get(key)
        if found is None:
            if default is _NEEDED:
                raise self.fail(f"`{key}` is missing")
            found = default
        return Node(found, self.origin, self, key)

    def text_at(self, key: str, default: str | None = None) -> str:
        """Return what `at(key, default).text()` does, without a node where nothing is wrong: for thousands of files."""
        found = self.value.get(key, default) if isinstance(self.value, dict) else None
        return (
            found if isinstance(found, str) else self.at(key, _NEEDED if default is None else default).text()
        )

    def table(self) -> dict[str, "Node"]:
        """Return the entries of a table."""
        return {key: Node(value, self.origin, self, key) for key, value in self.entries().items()}

    def items(self) -> Iterator["Node"]:
        """Yield the values of an array."""
        if not isinstance(self.value, list):
            raise self._kind("an array")
        for index, value in enumerate(self.value):
            yield Node(value, self.origin, self, index)

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self._kind("a string")
        return self.value

    def whole(self) -> int:
        """Return a number that is not negative."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            raise self._kind("a whole number")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self._kind("true or false")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return an array of strings."""
        if isinstance(self.value, list) and all(isinstance(each, str) for each in self.value):
            return tuple(self.value)
        return tuple(node.text() for node in self.items())

    def mapping(self, read: Callable[["Node"], T]) -> dict[str, T]:
        """Return a table whose values `read` reads."""
        return {key: read(node) for key, node in self.table().items()}

    def entries(self) -> dict[str, object]:
        """Return the values of a table as they are."""
        if not isinstance(self.value, dict):
            raise self._kind("a table")
        return self.value

    def _kind(self, needed: str) -> PipperError:
        return self.fail(f"{needed} is needed, not {kind_of(self.value)}")

    def _unknown(self, key: str, known: Collection[str]) -> PipperError:
        import difflib  # noqa: PLC0415 - only a mistake needs it, and every command reads documents

        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return Node(None, self.origin, self, key).fail("unknown key", hint=hint)


def kind_of(value: object) -> str:
    """Name the type of a value."""
    return _KINDS.get(type(value), "a date")


def read_toml(
    data: bytes, *, label: str, limit: int, hint: str = "", error: type[PipperError] = UsageError
) -> Node:
    """Return the root of a TOML 1.0 document (UTF-8, a byte order mark and CRLF are accepted).

    `label` names the document in messages, `limit` is its largest size in bytes. Raises `error` with line and
    column for whatever cannot be read.
    """
    origin = Origin(label, error, hint)
    text = _text(data, origin, limit)
    if deep := _DOTTED.search(data):
        raise _damage(origin, f"a key of more than {_DEEPEST} parts at line {_line(data, deep.start())}")
    try:
        return Node(tomllib.loads(text), origin)
    except RecursionError as fault:
        raise _damage(origin, "nested too deeply") from fault
    except ValueError as fault:  # TOMLDecodeError, and what int() says of a number of 10,000 digits
        end = f"at line {text.count(chr(10)) + 1}, the end of the document"
        cause = str(fault).splitlines()[0].replace("at end of document", end)
        raise _damage(origin, "not valid TOML", cause) from fault


def read_json(
    data: bytes, *, label: str, limit: int, hint: str = "", error: type[PipperError] = UsageError
) -> Node:
    """Return the root of a JSON document as `read_toml` does: no key twice, no `NaN`, no half of a surrogate pair."""
    origin = Origin(label, error, hint)
    text = _text(data, origin, limit)
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be written again
    except json.JSONDecodeError as fault:
        raise _damage(
            origin, f"not valid JSON at line {fault.lineno}, column {fault.colno}: {fault.msg}"
        ) from fault
    except UnicodeEncodeError as fault:
        raise _damage(origin, "it holds half of a surrogate pair") from fault
    except RecursionError as fault:
        raise _damage(origin, "nested too deeply") from fault
    except ValueError as fault:  # the hooks below, and what int() says of a number of 10,000 digits
        raise _damage(origin, str(fault).partition(";")[0]) from fault
    return Node(value, origin)


def _text(data: bytes, origin: Origin, limit: int) -> str:
    if len(data) > limit:
        raise _damage(origin, f"{len(data):,} bytes, more than {limit:,}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise _damage(origin, f"not UTF-8 at line {_line(data, fault.start)}", str(fault)) from fault


def _damage(origin: Origin, what: str, cause: str = "") -> PipperError:
    return origin.error(f"{origin.label}: {what}", cause=cause, hint=origin.hint)


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
