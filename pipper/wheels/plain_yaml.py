"""Reading the plain part of YAML that manifests of pipper 0.x are written in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipper.core.document import MANIFEST_LIMIT
from pipper.errors import PipperError

_MAX_DEPTH = 32
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class _Open:
    """A map or a list whose end has not come yet."""

    value: dict[str, object] | list[object]
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Puts values in their places without recursion: depth costs no stack, and nothing is expanded."""

    fail: Callable[[str], PipperError]
    open: list[_Open] = field(default_factory=list)
    root: object = None

    def begin(self, value: dict[str, object] | list[object], line: int) -> None:
        if len(self.open) == _MAX_DEPTH:
            raise self.fail(f"line {line}: it is nested more than {_MAX_DEPTH} deep")
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
            raise self.fail(f"line {line}: a key is no text")
        elif value in place.value:
            raise self.fail(f"line {line}: the key {value!r:.80} is there twice")
        else:
            place.key = value


def parse_yaml(raw: bytes, *, fail: Callable[[str], PipperError]) -> object:
    """Return the YAML document in `raw` as maps, lists, texts and None; every other scalar stays a text.

    UTF-8, at most 1 MiB, one document, 32 levels, no key twice, no anchor and no alias. An empty document is
    an empty map. `fail` makes the error to raise from a sentence with the line.
    """
    import yaml  # noqa: PLC0415 - a heavy import that only old manifests need

    if len(raw) > MANIFEST_LIMIT:
        raise fail(f"it has {len(raw):,} bytes, more than {MANIFEST_LIMIT:,}")
    builder = _Builder(fail)
    try:
        for event in yaml.parse(raw.decode("utf-8-sig"), Loader=yaml.BaseLoader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if getattr(event, "anchor", None):
                raise fail(f"line {line}: anchors and aliases are not read")
            match event:
                case yaml.DocumentStartEvent() if builder.root is not None:
                    raise fail(f"line {line}: it has a second document")
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
        raise fail(f"line {raw.count(bytes([10]), 0, error.start) + 1}: it is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise fail(f"{place}{error.problem or 'not valid YAML'}") from error
    except yaml.YAMLError as error:
        raise fail(f"it is not valid YAML: {str(error).splitlines()[0]}") from error
    return {} if builder.root is None else builder.root
