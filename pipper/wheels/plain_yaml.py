"""Parse the subset of YAML that manifests of pipper 0.x use."""

from collections.abc import Callable

from msgspec import Struct, field

from pipper.core.document import MANIFEST_LIMIT
from pipper.errors import PipperError

_MAX_DEPTH = 32
_NULLS = ("", "~", "null", "Null", "NULL")


class _Open(Struct):
    """A map or a list whose end event is still to come."""

    value: dict[str, object] | list[object]
    key: str | None = None


class _Builder(Struct):
    """Builds nested values from events without recursion: depth takes no stack."""

    fail: Callable[[str, str], PipperError]
    open: list[_Open] = field(default_factory=list)
    root: object = None

    def begin(self, value: dict[str, object] | list[object], line: int) -> None:
        if len(self.open) == _MAX_DEPTH:
            raise self.fail(f"line {line}: nested more than {_MAX_DEPTH} deep", "remove the nested values")
        self.open.append(_Open(value))

    def end(self, line: int) -> None:
        self.put(self.open.pop().value, line)

    def put(self, value: object, line: int) -> None:
        if not self.open:
            self.root = value
            return
        place = self.open[-1]
        if isinstance(place.value, list):
            place.value.append(value)
        elif place.key is not None:
            place.value[place.key] = value
            place.key = None
        elif not isinstance(value, str):
            raise self.fail(f"line {line}: expected a string as the key", "quote the key")
        elif value in place.value:
            raise self.fail(f"line {line}: duplicate key {value!r:.80}", "remove one of the two")
        else:
            place.key = value


def parse_yaml(raw: bytes, *, fail: Callable[[str, str], PipperError]) -> object:
    """Return the YAML document in `raw` as maps, lists, strings and None; every other scalar is a string.

    Accepts UTF-8, at most 1 MiB, one document, 32 levels, no duplicate key, no anchor and no alias. An empty
    document is an empty map. Raises the error that `fail` returns for a message with the line and a hint.
    """
    import yaml  # noqa: PLC0415 - a heavy import that only old manifests need

    if len(raw) > MANIFEST_LIMIT:
        raise fail(
            f"has {len(raw):,} bytes, more than {MANIFEST_LIMIT:,}",
            "remove all that is not for pipper from it",
        )
    builder = _Builder(fail)
    try:
        for event in yaml.parse(raw.decode("utf-8-sig"), Loader=yaml.BaseLoader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if getattr(event, "anchor", None):
                raise fail(f"line {line}: anchors and aliases are not supported", "repeat the value itself")
            match event:
                case yaml.DocumentStartEvent() if builder.root is not None:
                    raise fail(f"line {line}: expected one document", "remove this `---`")
                case yaml.ScalarEvent():
                    builder.put(None if event.implicit[0] and event.value in _NULLS else event.value, line)
                case yaml.MappingStartEvent():
                    builder.begin({}, line)
                case yaml.SequenceStartEvent():
                    builder.begin([], line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    builder.end(line)
                case _:
                    pass
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fail(f"line {line}: it is not UTF-8", "save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise fail(f"{place}{error.problem or 'invalid YAML'}", "") from error
    except yaml.YAMLError as error:
        raise fail(f"invalid YAML: {str(error).splitlines()[0]}", "") from error
    return {} if builder.root is None else builder.root
