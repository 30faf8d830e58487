"""Edits of one item in the text of a TOML array, in the layout that the array has; every other byte stays."""

from msgspec import Struct

from pipper.core.toml import toml_string
from pipper.core.toml_text import indentation, line_end, newline_of, skip_filling, skip_value

_STEP = "    "


class _Item(Struct, frozen=True):
    start: int
    end: int
    comma: int
    """Where the comma behind it is; -1 without one."""

    @property
    def stop(self) -> int:
        return self.comma + 1 if self.comma >= 0 else self.end


class _Array(Struct, frozen=True):
    text: str
    start: int
    items: tuple[_Item, ...]
    close: int

    def ends_line(self, at: int) -> bool:
        """Return whether only a comment follows in the line, and the array goes on below."""
        end = line_end(self.text, at)
        rest = self.text[at:end].strip(" \t")
        return (not rest or rest.startswith("#")) and end < self.close


def new_array(item: str, newline: str) -> str:
    """Return an array with one item, in the layout that `is_emptied` knows."""
    return f"[{newline}{_STEP}{item},{newline}]"


def is_emptied(text: str, start: int) -> bool:
    """Return whether the only item of this array stands as in `new_array`: with it, the whole array goes."""
    array = _read(text, start)
    if len(array.items) != 1 or array.items[0].comma < 0:
        return False
    inside = text[start + 1 : array.items[0].start] + text[array.items[0].stop : array.close]
    return not inside.strip(" \t\r\n") and inside.count("\n") > 1


def quote_like(text: str, start: int, item: str, *, index: int = 0) -> str:
    """Return a string as TOML, with the quotes of this item of the array; single ones where those need no escape."""
    items = _read(text, start).items
    single = bool(items) and text[items[index].start] == "'"
    if (single or '"' in item) and "'" not in item and item.isprintable():
        return f"'{item}'"
    return toml_string(item)


def insert_item(text: str, start: int, place: int, item: str) -> str:
    """Return the document with an item (TOML) at this place of the array that starts at `start`."""
    array = _read(text, start)
    items = array.items
    if not items:
        return _into_empty(array, item)
    if place < len(items) and indentation(text, items[place].start) is None:
        return f"{text[: items[place].start]}{item}, {text[items[place].start :]}"
    if place == 0:
        indent = indentation(text, items[0].start)
        return _spliced(text, line_end(text, start), f"{newline_of(text)}{indent}{item},")
    before, is_last = items[place - 1], place == len(items)
    begin = f"{newline_of(text)}{_indent(array, min(place, len(items) - 1))}"
    comma = "," if before.comma < 0 else ""
    at = before.stop
    if array.ends_line(at):
        text = _spliced(text, at, comma)
        return _spliced(text, line_end(text, at), f"{begin}{item}" + ("" if comma else ","))
    if is_last and indentation(text, before.start) is None:
        begin = " "
    return _spliced(text, at, f"{comma}{begin}{item}" + ("" if comma else ","))


def remove_item(text: str, start: int, index: int) -> str:
    """Return the document without one item of the array that starts at `start`, and without the comment behind it."""
    array = _read(text, start)
    items, item = array.items, array.items[index]
    before = items[index - 1] if index else None
    is_last = index == len(items) - 1
    begin, end = item.start, item.stop
    if indentation(text, begin) is not None and array.ends_line(end):
        begin, end = text.rfind("\n", 0, begin), line_end(text, end)
        begin -= text[begin - 1] == "\r"
        text = text[:begin] + text[end:]
        needless = before is not None and is_last and item.comma < 0
        return text[: before.comma] + text[before.comma + 1 :] if before and needless else text
    if not is_last and "\n" not in text[end : items[index + 1].start]:
        return text[:begin] + text[items[index + 1].start :]
    if before is not None:
        kept = before.end if item.comma < 0 else before.stop
        if "#" not in text[kept:begin]:
            return text[:kept] + text[end:]
        if item.comma < 0:
            text = text[: before.comma] + " " + text[before.comma + 1 :]
    return text[:begin] + text[end:]


def replace_item(text: str, start: int, index: int, item: str) -> str:
    """Return the document with another item (TOML) in this place."""
    old = _read(text, start).items[index]
    return text[: old.start] + item + text[old.end :]


def _read(text: str, start: int) -> _Array:
    items = []
    at = skip_filling(text, start + 1)
    while text[at] != "]":
        begin, end = at, skip_value(text, at)
        at = skip_filling(text, end)
        comma = at if text[at] == "," else -1
        at = skip_filling(text, at + 1) if comma >= 0 else at
        items.append(_Item(begin, end, comma))
    return _Array(text, start, tuple(items), at)


def _into_empty(array: _Array, item: str) -> str:
    text = array.text
    end = line_end(text, array.start)
    if end >= array.close:
        return _spliced(text, array.start + 1, item)
    comment = text.find("#", end, array.close)
    indent = indentation(text, comment) if comment >= 0 else (indentation(text, array.close) or "") + _STEP
    return _spliced(text, end, f"{newline_of(text)}{indent}{item}")


def _indent(array: _Array, index: int) -> str:
    """Return the indentation of an item; of one that does not begin its line, the spaces that lead below it."""
    text, start = array.text, array.items[index].start
    found = indentation(text, start)
    if found is not None:
        return found
    begin = text.rfind("\n", 0, start) + 1
    leading = text[begin : begin + len(text[begin:start]) - len(text[begin:start].lstrip(" \t"))]
    on_first_line = begin <= array.start
    return " " * (start - begin) if on_first_line else leading


def _spliced(text: str, at: int, added: str) -> str:
    return text[:at] + added + text[at:]
