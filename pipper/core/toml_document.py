"""A TOML document that is edited: its text and what it says, side by side."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.toml import toml_inline, toml_key, toml_string
from pipper.core.toml_array import insert_item, is_emptied, new_array, quote_like, remove_item, replace_item
from pipper.core.toml_text import Path, find_value, newline_of, remove_value, set_value
from pipper.errors import UsageError

_MARK = b"\xef\xbb\xbf"
"""A byte order mark."""


class TomlDocument:
    """The text of a document and what it says; each edit changes both, and at the end they must agree."""

    def __init__(self, data: bytes, label: str) -> None:
        self._mark = _MARK if data.startswith(_MARK) else b""
        self.label = label
        self._value = deepcopy(read_toml(data, label=label, limit=MANIFEST_LIMIT).entries())
        self._text = data.removeprefix(_MARK).decode()

    def bytes(self) -> bytes:
        """Return the edited file. Raises UsageError if the text does not say what the edits made of it."""
        data, fault = self._text.encode(), None
        try:
            found = read_toml(data, label=self.label, limit=MANIFEST_LIMIT).value
        except UsageError as error:
            found, fault = None, error
        if _comparable(found) != _comparable(self._value):
            raise UsageError(
                f"{self.label}: cannot be edited",
                cause="its tables are written in a way that pipper does not change",
                hint=f"edit {self.label} by hand, then run `pipper sync`",
            ) from fault
        return self._mark + data

    def get(self, path: Path) -> object:
        """Return a value, None where there is none. Raises UsageError where a table on the way is none."""
        found: object = self._value
        for depth, key in enumerate(path):
            if not isinstance(found, dict):
                name = ".".join(path[:depth])
                raise UsageError(
                    f"{self.label}: {name}: expected a table",
                    hint=f"write its keys under the header [{name}]",
                )
            if key not in found:
                return None
            found = found[key]
        return found

    def table(self, path: Path) -> Mapping[str, object]:
        """Return a table, an empty one where there is none."""
        found = self.get((*path, ""))  # raises where it is no table
        found = self.get(path)
        return found if isinstance(found, dict) else {}

    def items(self, path: Path) -> Sequence[object]:
        """Return an array, an empty one where there is none. Raises UsageError for anything else."""
        found = self.get(path)
        if found is not None and not isinstance(found, list):
            name = ".".join(path)
            raise UsageError(f"{self.label}: {name}: expected an array", hint=f'write {path[-1]} = ["NAME"]')
        return found or []

    def set(self, path: Path, value: object) -> None:
        """Give a key a value; a new one comes last in its table."""
        self._text = set_value(self._text, path, _toml(value))
        self._table_above(path)[path[-1]] = value

    def remove(self, path: Path) -> None:
        """Remove a key; it need not exist."""
        self._text = remove_value(self._text, path)
        self._table_above(path).pop(path[-1], None)

    def insert_item(self, path: Path, place: int, item: str) -> None:
        """Put a string into an array, which need not exist."""
        found = find_value(self._text, path)
        if found is None:
            array = new_array(toml_string(item), newline_of(self._text))
            self._text = set_value(self._text, path, array)
        else:
            text = quote_like(self._text, found.value, item)
            self._text = insert_item(self._text, found.value, place, text)
        above = self._table_above(path)
        above[path[-1]] = [*self.items(path)[:place], item, *self.items(path)[place:]]

    def replace_item(self, path: Path, index: int, item: str) -> None:
        """Put a string into the place of another one."""
        if found := find_value(self._text, path):
            text = quote_like(self._text, found.value, item, index=index)
            self._text = replace_item(self._text, found.value, index, text)
        self._table_above(path)[path[-1]] = [
            item if each == index else old for each, old in enumerate(self.items(path))
        ]

    def remove_item(self, path: Path, index: int, *, keep: bool = False) -> None:
        """Remove one item of an array; with its last item also the array, if `new_array` made it, unless `keep`."""
        found = find_value(self._text, path)
        if found is None or (is_emptied(self._text, found.value) and not keep):
            self.remove(path)
            return
        self._text = remove_item(self._text, found.value, index)
        self._table_above(path)[path[-1]] = [
            old for each, old in enumerate(self.items(path)) if each != index
        ]

    def _table_above(self, path: Path) -> dict[str, object]:
        table = self._value
        for key in path[:-1]:
            below = table.setdefault(key, {})
            if not isinstance(below, dict):  # such as `index = false` where `index.url` is looked for
                return {}
            table = below
        return table


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return toml_inline([f"{toml_key(key)} = {_toml(item)}" for key, item in value.items()])
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return toml_string(str(value))


def _comparable(value: object) -> object:
    """Return a value in which empty tables count as absent, and NaN equals itself."""
    if isinstance(value, dict):
        found = {key: _comparable(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item != {}}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return repr(value)
