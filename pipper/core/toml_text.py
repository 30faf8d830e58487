"""Edits of one key in the text of a TOML document; every other byte stays as it is.

The document has been read before (`core.document`): what is said here holds for valid TOML 1.0 only.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.toml import toml_key

Path = tuple[str, ...]
_STRING = r'"""(?:\\.|[^\\])*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:\\.|[^"\\])*"' + r"|'[^']*'"
_TOKEN = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}]", re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)
_KEY_PART = re.compile(rf"[ \t]*([A-Za-z0-9_-]+|{_STRING})[ \t]*", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n \t]")
_FILLING = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


class Header(Struct, frozen=True, kw_only=True):
    """A line `[table]` or `[[table]]`."""

    path: Path
    start: int
    end: int
    """Behind the last bracket."""


class Entry(Struct, frozen=True, kw_only=True):
    """A key with its value, on lines of its own or in an inline table."""

    path: Path
    """From the root of the document."""
    table: Path
    """What of the path stands above: a header, or the key of the inline table."""
    start: int
    value: int
    end: int


def newline_of(text: str) -> str:
    """Return the line end that a document uses first."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def line_end(text: str, at: int) -> int:
    """Return where the line of this position ends, before its line end."""
    found = text.find("\n", at)
    if found < 0:
        return len(text)
    return found - 1 if found > at and text[found - 1] == "\r" else found


def indentation(text: str, at: int) -> str | None:
    """Return the white space between the start of its line and this position; None if more is between."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return before if not before.strip(" \t") else None


def skip_filling(text: str, at: int) -> int:
    """Return the next position that is neither white space nor a comment."""
    found = _FILLING.match(text, at)
    return found.end() if found else at


def skip_value(text: str, at: int) -> int:
    """Return where the value that starts here ends."""
    if text[at] not in "[{":
        found = (_TEXT if text[at] in "\"'" else _PLAIN).match(text, at)
        return found.end() if found else at
    depth = 0
    for token in _TOKEN.finditer(text, at):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return len(text)


def find_value(text: str, path: Path) -> Entry | None:
    """Return the entry with this path, also where it stands in an inline table."""
    for entry in _entries(text):
        if entry.path == path:
            return entry
        inside = entry
        while inside.path == path[: len(inside.path)] and text[inside.value] == "{":
            found = [each for each in _inline(text, inside) if each.path == path[: len(each.path)]]
            if not found:
                break
            inside = found[0]
            if inside.path == path:
                return inside
    return None


def set_value(text: str, path: Path, value: str) -> str:
    """Return the document in which this key has this value (TOML); where it is new, it comes last in its table."""
    if found := find_value(text, path):
        return text[: found.value] + value + text[found.end :]
    for depth in range(len(path) - 1, 0, -1):
        above = find_value(text, path[:depth])
        if above is not None and text[above.value] == "{":
            return _into_inline(text, above, f"{_dotted(path[depth:])} = {value}")
    headers, entries = list(_headers(text)), list(_entries(text))
    for depth in range(len(path) - 1, 0, -1):
        near = [each for each in entries if len(each.table) < depth and each.path[:depth] == path[:depth]]
        if near:  # a table by dotted keys
            return _below(text, near[-1].end, near[-1], f"{_dotted(path[len(near[-1].table) :])} = {value}")
        above_it = next((each for each in headers if each.path == path[:depth]), None)
        if above_it and depth < len(path) - 1:
            break
        if above_it:
            own = [each for each in entries if each.table == above_it.path]
            end = own[-1].end if own else above_it.end
            return _below(text, end, own[-1] if own else None, f"{_dotted(path[depth:])} = {value}")
    if len(path) == 1:
        return _into_root(text, f"{_dotted(path)} = {value}")
    return _with_table(text, path, value)


def remove_value(text: str, path: Path) -> str:
    """Return the document without this key, and without its header where nothing is left under that."""
    entry = find_value(text, path)
    if entry is None:
        return text
    if entry not in _entries(text):
        return _out_of_inline(text, entry)
    text = _without_lines(text, entry.start, entry.end)
    header = next((each for each in _headers(text) if each.path == entry.table), None)
    rest = skip_filling(text, header.end) if header else 0
    if header is None or any(each.table == header.path for each in _entries(text)):
        return text
    if "#" in text[header.end : rest]:
        return text
    text = _without_lines(text, header.start, header.end)
    before = text[: header.start].rstrip(" \t\r\n")
    blank = text[len(before) :]
    newline = newline_of(text)
    is_spare = blank.startswith(newline * 2) or (before and not blank.strip())
    return before + blank.removeprefix(newline) if is_spare else text


def _headers(text: str) -> Iterator[Header]:
    for found in _lines(text):
        if isinstance(found, Header):
            yield found


def _entries(text: str) -> Iterator[Entry]:
    for found in _lines(text):
        if isinstance(found, Entry):
            yield found


def _lines(text: str) -> Iterator[Header | Entry]:
    table: Path = ()
    at = skip_filling(text, 0)
    while at < len(text):
        if text[at] != "[":
            entry = _entry(text, at, table)
            yield entry
            at = entry.end
        else:
            double = text.startswith("[[", at)
            path, end = _key(text, at + 1 + double)
            # Nobody asks for what is in an array of tables: its path is one that no key has.
            table = (*path, "[]") if double else path
            yield Header(path=table, start=at, end=end + 1 + double)
            at = end + 1 + double
        at = skip_filling(text, at)


def _inline(text: str, above: Entry) -> Iterator[Entry]:
    at = skip_filling(text, above.value + 1)
    while text[at] != "}":
        entry = _entry(text, at, above.path)
        yield entry
        at = skip_filling(text, entry.end)
        if text[at] == ",":
            at = skip_filling(text, at + 1)


def _entry(text: str, at: int, table: Path) -> Entry:
    keys, end = _key(text, at)
    value = skip_filling(text, end + 1)
    return Entry(path=table + keys, table=table, start=at, value=value, end=skip_value(text, value))


def _key(text: str, at: int) -> tuple[Path, int]:
    parts: list[str] = []
    while found := _KEY_PART.match(text, at):
        parts.append(_unquoted(found[1]))
        at = found.end()
        if not text.startswith(".", at):
            break
        at += 1
    return tuple(parts), at


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return read_toml(f"key = {key}".encode(), label=key, limit=MANIFEST_LIMIT).text_at("key")


def _dotted(path: Path) -> str:
    return ".".join(map(toml_key, path))


def _below(text: str, at: int, above: Entry | None, line: str) -> str:
    end = line_end(text, at)
    indent = indentation(text, above.start) if above else ""
    return text[:end] + newline_of(text) + (indent or "") + line + text[end:]


def _into_root(text: str, line: str) -> str:
    """Put a line below the keys that have no header; without one, before the first header."""
    own = [each for each in _entries(text) if not each.table]
    if own:
        return _below(text, own[-1].end, own[-1], line)
    first = skip_filling(text, 0)
    head = re.match(r"(?:[ \t]*#[^\n]*\n)+(?=\s|\Z)", text)  # the comment at the top of the file
    at = head.end() if head else len(text) if first == len(text) else 0
    if text[:at] and not text[:at].endswith("\n"):
        return text + newline_of(text) + line
    return text[:at] + line + newline_of(text) + text[at:]


def _with_table(text: str, path: Path, value: str) -> str:
    """Put a header with this key behind the tables of the same tool, else at the end."""
    newline = newline_of(text)
    added = f"[{_dotted(path[:-1])}]{newline}{toml_key(path[-1])} = {value}"
    end = len(text.rstrip(" \t\r\n"))
    if path[0] == "tool":
        ends = [each.end for each in _lines(text) if each.path[:2] == path[:2]]
        end = line_end(text, ends[-1]) if ends else end
    if not end:
        return added + newline + text
    return text[:end] + newline * 2 + added + text[end:]


def _into_inline(text: str, above: Entry, pair: str) -> str:
    own = list(_inline(text, above))
    if not own:
        return f"{text[: above.value]}{{ {pair} }}{text[above.end :]}"
    return f"{text[: own[-1].end]}, {pair}{text[own[-1].end :]}"


def _out_of_inline(text: str, entry: Entry) -> str:
    before = text[: entry.start].rstrip(" \t\r\n")
    after = skip_filling(text, entry.end)
    if before.endswith(","):
        return before[:-1] + text[entry.end :]
    if text[after] == ",":
        return text[: entry.start] + text[skip_filling(text, after + 1) :]
    return before + text[after:]


def _without_lines(text: str, start: int, end: int) -> str:
    begin, end = text.rfind("\n", 0, start), line_end(text, end)
    if begin < 0:  # the first line takes its own line end along
        following = text.find("\n", end)
        return text[following + 1 :] if following >= 0 else ""
    return text[: begin - (text[begin - 1] == "\r")] + text[end:]
