"""Reading a JSON object from bytes that nobody vouches for."""

import json
from collections.abc import Callable

from pipper.errors import PipperError

MAX_BYTES = 1 << 20
"""Of a document."""


def parse_object(raw: bytes, *, fail: Callable[[str], PipperError]) -> dict[str, object]:
    """Return the JSON object in `raw`: UTF-8, at most 1 MiB, no key twice, no `NaN`, bounded depth.

    A byte order mark is accepted. `fail` makes the error to raise from a sentence that says what is wrong,
    with the line where there is one.
    """
    if len(raw) > MAX_BYTES:
        raise fail(f"it has {len(raw):,} bytes, more than {MAX_BYTES:,}")
    try:
        value = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be written again
    except json.JSONDecodeError as error:
        raise fail(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise fail(f"line {_line_of(raw, error.start)}: it is not UTF-8") from error
    except RecursionError as error:
        raise fail("it is nested too deeply") from error
    except ValueError as error:  # the hooks below, and what int() says of a number of 10,000 digits
        raise fail(str(error).partition(";")[0]) from error
    if not isinstance(value, dict):
        raise fail("it is no JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r:.80} is there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _line_of(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1
