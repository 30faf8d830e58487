"""Strict, bounded reading of TOML and JSON documents; every error names the place in the document.

The caller chooses the class of error: UsageError for a file that a user wrote, IntegrityError for an object of a
repository.
"""

import io
import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from msgspec import Struct

from pipper.core.plain_json import excess
from pipper.core.wording import quoted
from pipper.errors import PipperError, UsageError

T = TypeVar("T")
MANIFEST_LIMIT = 2**20
"""Bytes of a document that a person writes."""
DOCUMENT_LIMIT = 64 * 2**20
"""Bytes of a document that a program writes: a lock, the page of a project."""
_LARGEST_INTEGER = 2**63 - 1
_DEEPEST = 32
_QUOTED = rb""" "(?:[^"\\\n]|\\[^\n])*+" | '[^'\n]*+' """.replace(b" ", b"")
_DOTTED = re.compile(rb"(?<![^\s=,.{}\[\]])(?:[^\s=,.{}\[\]]++[ \t]*+\.[ \t]*+){%d}" % _DEEPEST)
"""A key with too many parts, of which none is quoted: the time that `tomllib` needs for it grows with the square of
their number."""
_LONG_QUOTED = rb'''"""(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5}|\\?\Z)|'{3}(?:[^']++|'(?!''))*+(?:'{3,5}|\Z)'''
_UNCLOSED = rb"""|["'][^\n]*+"""
_TEXTS = re.compile(rb"%b|%b%b|#[^\n]*+" % (_LONG_QUOTED, _QUOTED, _UNCLOSED), re.DOTALL)
"""The strings and comments of a TOML document: outside of them, a dot makes a table, but in a number."""
_MOST_TABLES = 1_000_000
"""Tables and arrays of a TOML document: a table has a byte or two, and takes 200 bytes of memory."""
_HUGE = re.compile(rb"0[xob][0-9A-Fa-f_]{3500}")
"""A number that `tomllib` reads, and that nothing can write: Python makes no text of more than 4,300 digits."""
CORRECT = "correct it there, or restore it from version control"
"""The hint for a damaged document that a user wrote."""
_NEEDED = object()
_FORMS = {
    "a string": 'put the value in quotes: "VALUE"',
    "true or false": "write true or false, without quotes",
    "a non-negative integer": "write a number without quotes, such as 1",
    "an array": 'put the values in brackets: ["VALUE", "VALUE"]',
    "a table": "put keys and values in braces, or under a header in brackets",
}
_KINDS = {
    type(None): "null",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "a table",
}


class Origin(Struct, frozen=True):
    """The name of a document in messages, and the class and hint of its errors."""

    label: str
    error: type[PipperError] = UsageError
    hint: str = ""
    """For errors that have no hint of their own."""

    def advice(self, edit: str) -> str:
        """Return the hint, or the edit for a document that a user wrote."""
        return self.hint or (edit if self.error is UsageError else "")


class Node:
    """A value of a document and its place. It is cheap to create: a lock has ten thousand."""

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
        """The place for messages, as in `pipper.toml: index.url` or `pipper.toml: dependencies[2]`."""
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
        """Return this table; a key that is not allowed is an error, whose hint names the most similar key."""
        for key in self.entries():
            if key not in allowed:
                import difflib  # noqa: PLC0415 - only this error needs it, and every command imports this module

                near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.5)
                hint = f"did you mean `{near[0]}`?" if near else f"known keys: {quoted(allowed)}"
                raise Node(None, self.origin, self, key).fail("unknown key", hint=hint)
        return self

    def __contains__(self, key: str) -> bool:
        """Return whether a table has a value for a key; null does not count as a value."""
        return self.entries().get(key) is not None

    def at(self, key: str, default: object = _NEEDED) -> "Node":
        """Return the value of a key, or the default; without a default, a missing key is an error."""
        found = self.value.get(key) if isinstance(self.value, dict) else self.entries().get(key)
        if found is None:
            if default is _NEEDED:
                raise self.fail(f"`{key}` is missing", hint=self.origin.advice(f"add the key `{key}`"))
            found = default
        return Node(found, self.origin, self, key)

    def text_at(self, key: str, default: str | None = None) -> str:
        """Return `at(key, default).text()`, but create a node only for an error: a lock has thousands of files."""
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
            raise self.wrong_type("an array")
        for index, value in enumerate(self.value):
            yield Node(value, self.origin, self, index)

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.wrong_type("a string")
        return self.value

    def integer(self) -> int:
        """Return an integer that is not negative and has at most 63 bits."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            raise self.wrong_type("a non-negative integer")
        if self.value > _LARGEST_INTEGER:
            raise self.fail(f"expected at most {_LARGEST_INTEGER:,}, found a larger number")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong_type("true or false")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return an array of strings."""
        if isinstance(self.value, list) and {*map(type, self.value)} <= {str}:
            return tuple(self.value)
        return tuple(node.text() for node in self.items())

    def mapping(self, read: Callable[["Node"], T]) -> dict[str, T]:
        """Return a table with `read` applied to each value."""
        return {key: read(node) for key, node in self.table().items()}

    def entries(self) -> dict[str, object]:
        """Return a table as it is, without nodes."""
        if not isinstance(self.value, dict):
            raise self.wrong_type("a table")
        return self.value

    def wrong_type(self, expected: str, *, hint: str = "") -> PipperError:
        """Return an error about the type of this value; the types in `_FORMS` have a hint of their own."""
        message = f"expected {expected}, found {_KINDS.get(type(self.value), 'a date')}"
        return self.fail(message, hint=hint or self.origin.advice(_FORMS.get(expected, "")))


def read_toml(
    data: bytes, *, label: str, limit: int, hint: str = "", error: type[PipperError] = UsageError
) -> Node:
    """Return the root of a TOML 1.0 document (UTF-8, a byte order mark and CRLF are accepted).

    `label` names the document in messages, `limit` is its largest size in bytes. Raises `error`, with line and
    column, where the document cannot be read.
    """
    origin = Origin(label, error, hint)
    text = _text(data, origin, limit)
    if deep := _line_of_deep_key(data):
        raise _damage(origin, f"a key of more than {_DEEPEST} parts at line {deep}")
    if why := excess(data) or _excess_of_keys(data):
        raise _damage(origin, why)
    if huge := _HUGE.search(data):
        raise _damage(origin, f"a number of too many digits at line {line_of(data, huge.start())}")
    try:
        return Node(tomllib.loads(text), origin)
    except RecursionError as fault:
        raise _damage(origin, "nested too deeply") from fault
    except ValueError as fault:  # TOMLDecodeError, or int() on a number of 10,000 digits
        end = f"at line {text.count(chr(10)) + 1}, the end of the document"
        cause = str(fault).splitlines()[0].replace("at end of document", end)
        raise _damage(origin, "not valid TOML", cause) from fault


def _line_of_deep_key(data: bytes) -> int:
    """Return the number of the first line, from 1, with a key of too many parts; 0 without one."""
    bare = data
    if b'"""' in data or b"'''" in data:  # a string of several lines hides what is on each of them
        bare = _TEXTS.sub(_as_one_part, data)
    for number, line in enumerate(io.BytesIO(bare), 1):
        # Few lines have so many dots, and a search of all is slow.
        if line.count(b".") >= _DEEPEST and _DOTTED.search(_TEXTS.sub(b"_", line)):
            return number
    return 0


def _as_one_part(text: re.Match[bytes]) -> bytes:
    return b"_" + b"\n" * text[0].count(b"\n")


def _excess_of_keys(data: bytes) -> str:
    """Return why the tables that dotted keys make would take far more memory than they are long, or an empty text."""
    if data.count(b".") + data.count(b"[") + data.count(b"{") <= _MOST_TABLES:
        return ""
    bare = _TEXTS.sub(b"", data)
    containers = bare.count(b".") + bare.count(b"[") + bare.count(b"{")
    return "too many values" if containers > _MOST_TABLES else ""


def read_json(
    data: bytes, *, label: str, limit: int, hint: str = "", error: type[PipperError] = UsageError
) -> Node:
    """Return the root of a JSON document, as `read_toml` does; refuse duplicate keys, `NaN` and lone surrogates."""
    origin = Origin(label, error, hint)
    text = _text(data, origin, limit)
    if why := excess(data):
        raise _damage(origin, why)
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except json.JSONDecodeError as fault:
        raise _damage(
            origin, f"not valid JSON at line {fault.lineno}, column {fault.colno}: {fault.msg}"
        ) from fault
    except UnicodeEncodeError as fault:
        raise _damage(origin, "a lone surrogate in a string") from fault
    except RecursionError as fault:
        raise _damage(origin, "nested too deeply") from fault
    except ValueError as fault:  # the hooks below, or int() on a number of 10,000 digits
        raise _damage(origin, str(fault).partition(";")[0]) from fault
    return Node(value, origin)


def _text(data: bytes, origin: Origin, limit: int) -> str:
    if len(data) > limit:
        raise _damage(origin, f"{len(data):,} bytes, more than {limit:,}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise _damage(origin, f"not UTF-8 at line {line_of(data, fault.start)}", str(fault)) from fault


def _damage(origin: Origin, what: str, cause: str = "") -> PipperError:
    return origin.error(f"{origin.label}: {what}", cause=cause, hint=origin.advice(CORRECT))


def line_of(data: bytes, at: int) -> int:
    """Return the number of the line, from 1, in which the byte `at` is."""
    return data.count(b"\n", 0, at) + 1


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {twice!r:.80}")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not valid JSON")
