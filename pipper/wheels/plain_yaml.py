"""Parse the subset of YAML that manifests of pipper 0.x use. A heavy import, so import it where it is needed."""

from collections.abc import Callable, Iterator
from itertools import takewhile

import yaml

from pipper.core.document import CORRECT, MANIFEST_LIMIT
from pipper.errors import PipperError

_MAX_DEPTH = 32
_NULLS = ("", "~", "null", "Null", "NULL")

_Fail = Callable[[str, str], PipperError]
_Events = Iterator[tuple[yaml.Event, int]]
"""Events with their line numbers."""


def parse_yaml(raw: bytes, *, fail: _Fail) -> object:
    """Return the YAML document in `raw` as maps, lists, strings and None; every other scalar is a string.

    Accepts UTF-8, at most 1 MiB, one document, 32 levels, no duplicate key, no anchor and no alias. An empty
    document is an empty map. Raises the error that `fail` returns for a message with the line and a hint.
    """
    if len(raw) > MANIFEST_LIMIT:
        raise fail(
            f"has {len(raw):,} bytes, more than {MANIFEST_LIMIT:,}",
            "remove all that is not for pipper from it",
        )
    root: object = None
    try:
        events = _events(raw.decode("utf-8-sig"), fail)
        for event, line in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise fail(f"line {line}: expected one document", "remove this `---`")
                root = _value(*next(events), events, fail)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fail(f"line {line}: it is not UTF-8", "save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise fail(f"{place}{error.problem or 'invalid YAML'}", CORRECT) from error
    except yaml.YAMLError as error:
        raise fail(f"invalid YAML: {str(error).splitlines()[0]}", CORRECT) from error
    return {} if root is None else root


def _events(text: str, fail: _Fail) -> _Events:
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if getattr(event, "anchor", None):
            raise fail(f"line {line}: anchors and aliases are not supported", "repeat the value itself")
        yield event, line


def _value(event: yaml.Event, line: int, events: _Events, fail: _Fail, depth: int = 0) -> object:
    """Return the value that begins with `event`, and take its other events."""
    if isinstance(event, yaml.ScalarEvent):
        return None if event.implicit[0] and event.value in _NULLS else event.value
    if depth == _MAX_DEPTH:
        raise fail(f"line {line}: nested more than {_MAX_DEPTH} deep", "remove the nested values")
    parts = takewhile(lambda each: not isinstance(each[0], yaml.CollectionEndEvent), events)
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(*part, events, fail, depth + 1) for part in parts]
    found: dict[str, object] = {}
    for part in parts:
        key = _value(*part, events, fail, depth + 1)
        if not isinstance(key, str):
            raise fail(f"line {part[1]}: expected a string as the key", "quote the key")
        if key in found:
            raise fail(f"line {part[1]}: duplicate key {key!r:.80}", "remove one of the two")
        found[key] = _value(*next(events), events, fail, depth + 1)
    return found
