"""How big an archive may be before it is taken for a bomb, and how a user takes a bigger one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from pipper.errors import UsageError

LimitName = Literal["unpacked", "ratio", "members", "directory", "comment", "record", "text"]
"""The limits that `--limit NAME=VALUE` sets."""

_NAMES: tuple[LimitName, ...] = get_args(LimitName)
_VALUE = re.compile(r"(?P<count>[0-9]{1,18})(?P<unit>[KMG]?)")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How big an archive may be; sizes in bytes."""

    unpacked: int = 16 << 30
    """All members together."""
    ratio: int = 50
    """Unpacked bytes for each byte of the file, once `ratio_from` bytes are exceeded."""
    ratio_from: int = 64 << 20
    members: int = 65_535
    """As many as a zip without its 64-bit form can count."""
    directory: int = 16 << 20
    comment: int = 1024
    """A comment of the archive or of a member."""
    record: int = 16 << 20
    """METADATA or RECORD, which are read into memory as a whole."""
    text: int = 1 << 20
    """Any other file that is read into memory as a whole."""
    raisable: bool = True
    """Whether a user may set them: not those that a format has."""

    def __getitem__(self, name: LimitName) -> int:
        """Return the limit of this name."""
        return int(getattr(self, name))


def parse_limits(texts: Iterable[str]) -> Limits:
    """Return the limits that `texts` set, each as `NAME=VALUE` (a number, or `32K`, `32M`, `32G`: 1,024s).

    The others are as they are by default. Raises UsageError.
    """
    given: dict[str, int] = {}
    for text in texts:
        name, _, value = text.partition("=")
        found = _VALUE.fullmatch(value)
        if name not in _NAMES:
            raise UsageError(f"--limit: `{name[:40]}` is no limit", hint=f"there are {', '.join(_NAMES)}")
        if found is None:
            raise UsageError(
                f"--limit: `{text[:60]}` sets no number",
                hint=f"as in {name}=1000; a number of bytes may end in K, M or G",
            )
        given[name] = int(found["count"]) << _UNITS[found["unit"]]
    return Limits(**given)  # type: ignore[arg-type]  # names of limits, whose values are numbers


def raising(name: LimitName, needed: int) -> str:
    """Return the hint for a file that would pass if the limit `name` were `needed`."""
    return f"if you trust whoever made this file, `--limit {name}={needed}` takes it"
