"""TOML 1.0: documents read strictly, with the place in every complaint; text written in one fixed shape."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pipper.errors import UsageError

T = TypeVar("T")
MANIFEST_LIMIT = 2**20
"""Bytes."""
_DEEPEST = 32
_DOTTED = re.compile(rb"(?<![^\s=,.{}\[\]])(?:[^\s=,.{}\[\]]++[ \t]*+\.[ \t]*+){%d}" % _DEEPEST)
"""A key of so many parts: what `tomllib` needs for one grows with the square of its length."""
_WIDEST = 110
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def parse_toml(data: bytes, *, label: str, limit: int, hint: str = "") -> dict[str, object]:
    """Return the tables of a TOML document (UTF-8, a byte order mark and CRLF are accepted).

    `label` names the document in messages, `limit` is its largest size in bytes. Raises UsageError with line
    and column for whatever cannot be read.
    """
    if len(data) > limit:
        raise UsageError(f"{label}: {len(data)} bytes", cause=f"the limit is {limit} bytes", hint=hint)
    if deep := _DOTTED.search(data):
        line = data.count(b"\n", 0, deep.start()) + 1
        raise UsageError(f"{label}: a key of more than {_DEEPEST} parts at line {line}", hint=hint)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{label}: not UTF-8 at line {line}", cause=str(error), hint=hint) from error
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{label}: nested too deeply", hint=hint) from error
    except ValueError as error:  # TOMLDecodeError, and what int() says of a number of 10,000 digits
        end = f"at line {text.count(chr(10)) + 1}, the end of the document"
        cause = str(error).splitlines()[0].replace("at end of document", end)
        raise UsageError(f"{label}: not valid TOML", cause=cause, hint=hint) from error


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document together with the place where it stands."""

    value: object
    place: str

    def fail(self, what: str, *, cause: str = "", hint: str = "") -> UsageError:
        """An error about this value."""
        return UsageError(f"{self.place}: {what}", cause=cause, hint=hint)

    def table(self, allowed: Iterable[str] | None = None) -> dict[str, "Node"]:
        """Return the entries of a table; with `allowed`, any other key is an error that names the nearest."""
        if not isinstance(self.value, Mapping):
            raise self.fail(f"a table is needed, not {kind_of(self.value)}")
        entries = {str(key): Node(value, join(self.place, str(key))) for key, value in self.value.items()}
        if allowed is not None:
            known = list(allowed)
            for key in entries:
                if key not in known:
                    raise _unknown(self.place, key, known)
        return entries

    def items(self) -> Iterator["Node"]:
        """Yield the values of an array."""
        if not isinstance(self.value, list):
            raise self.fail(f"an array is needed, not {kind_of(self.value)}")
        for index, value in enumerate(self.value):
            yield Node(value, f"{self.place}[{index}]")

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.fail(f"a string is needed, not {kind_of(self.value)}")
        return self.value

    def whole(self) -> int:
        """Return a number that is not negative."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            raise self.fail(f"a whole number is needed, not {kind_of(self.value)}")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.fail(f"true or false is needed, not {kind_of(self.value)}")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return an array of strings."""
        return tuple(node.text() for node in self.items())

    def mapping(self, read: Callable[["Node"], T]) -> dict[str, T]:
        """Return a table whose values `read` reads."""
        return {key: read(node) for key, node in self.table().items()}


def join(place: str, key: str) -> str:
    """The place of a key below another place: `pipper.toml: index.url`."""
    return f"{place}{key}" if place.endswith(" ") else f"{place}.{key}"


def _unknown(place: str, key: str, known: list[str]) -> UsageError:
    import difflib  # noqa: PLC0415 - only a mistake needs it, and every command reads documents

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
    return UsageError(f"{join(place, key)}: unknown key", hint=hint)


def kind_of(value: object) -> str:
    """Name the TOML type of a value."""
    names = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), "a date")


def toml_string(text: str) -> str:
    """Return a basic string."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'  # nearly every string of a lock, of which there are thousands
    escaped = (_ESCAPES.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in text)
    return f'"{"".join(escaped)}"'


def toml_key(text: str) -> str:
    """Return a key, bare where it may be."""
    return text if _BARE.fullmatch(text) else toml_string(text)


def toml_strings(texts: Iterable[str], *, taken: int) -> str:
    """Return an array, over several lines where `taken` columns and it are too much for one."""
    quoted = [toml_string(text) for text in texts]
    line = f"[{', '.join(quoted)}]"
    if len(line) + taken <= _WIDEST:
        return line
    return "[\n" + "".join(f"    {text},\n" for text in quoted) + "]"


def toml_inline(pairs: list[str]) -> str:
    """Return an inline table of `KEY = VALUE` pairs."""
    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
