"""Writing TOML 1.0 in one fixed format. `core.document` reads it."""

import re
from collections.abc import Iterable

_WIDEST = 110
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def toml_string(text: str) -> str:
    """Return a basic string."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'  # fast path: a lock has thousands of such strings
    escaped = (_ESCAPES.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in text)
    return f'"{"".join(escaped)}"'


def toml_key(text: str) -> str:
    """Return a key, without quotes where TOML allows it."""
    return text if _BARE.fullmatch(text) else toml_string(text)


def toml_strings(texts: Iterable[str], *, taken: int) -> str:
    """Return an array; on several lines where it does not fit after the `taken` columns of the line."""
    quoted = [toml_string(text) for text in texts]
    line = f"[{', '.join(quoted)}]"
    if len(line) + taken <= _WIDEST:
        return line
    return "[\n" + "".join(f"    {text},\n" for text in quoted) + "]"


def toml_inline(pairs: list[str]) -> str:
    """Return an inline table of `KEY = VALUE` pairs."""
    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
