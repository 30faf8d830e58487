"""JSON of programs, from text that nobody has checked. Imports little: every command begins with it."""

import json
from typing import Any

_MOST_VALUES = 6_000_000
"""Values of a JSON document: the smallest has two bytes, and takes up to 100 bytes of memory."""
_MOST_CONTAINERS = 2_000_000


def load_json(data: bytes | str) -> Any:
    """Return a JSON document of a program, without a place for errors; raises ValueError for whatever is wrong.

    Use `core.document.read_json` for a document whose faults a user has to find.
    """
    if why := excess(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")):
        raise ValueError(why)
    try:
        return json.loads(data)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def excess(data: bytes) -> str:
    """Return why a JSON document would take far more memory than it is long, or an empty text."""
    if len(data) <= _MOST_CONTAINERS:
        return ""
    containers = data.count(b"[") + data.count(b"{")
    return "too many values" if containers > _MOST_CONTAINERS or data.count(b",") > _MOST_VALUES else ""
