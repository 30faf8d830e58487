"""Size limits of archives, against decompression bombs, and the option with which a user raises them."""

import re
from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct

from pipper.core.wording import quoted
from pipper.errors import UsageError

LimitName = Literal["unpacked", "ratio", "members", "directory", "comment", "record", "text"]
"""The limits that `--limit NAME=VALUE` sets."""

_NAMES: tuple[LimitName, ...] = get_args(LimitName)
_VALUE = re.compile(r"(?P<count>[0-9]{1,18})(?P<unit>[KMG]?)")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of an archive; sizes in bytes."""

    unpacked: int = 16 << 30
    """All members together."""
    ratio: int = 50
    """Unpacked bytes for each byte of the file; checked above `ratio_from` unpacked bytes."""
    ratio_from: int = 64 << 20
    members: int = 65_535
    """The most that a zip without the Zip64 extension can have."""
    directory: int = 16 << 20
    comment: int = 1024
    """The comment of the archive or of a member."""
    record: int = 16 << 20
    """METADATA or RECORD, which are read whole into memory."""
    text: int = 1 << 20
    """Any other file that is read whole into memory."""
    raisable: bool = True
    """Whether a user may raise them; False for limits that a format sets."""


DEFAULT_LIMITS = Limits()


def parse_limits(texts: Iterable[str]) -> Limits:
    """Return the limits that `texts` set, each as `NAME=VALUE` (a number, or `32K`, `32M`, `32G`: 1,024s).

    The other limits keep their defaults. Raises UsageError.
    """
    given: dict[str, int] = {}
    for text in texts:
        name, _, value = text.partition("=")
        found = _VALUE.fullmatch(value)
        if name not in _NAMES:
            raise UsageError(f"--limit: unknown limit `{name[:40]}`", hint=f"known limits: {quoted(_NAMES)}")
        if found is None:
            raise UsageError(
                f"--limit: `{text[:60]}` does not set a number",
                hint=f"write `--limit {name}=1000`; a number of bytes may end in K, M or G",
            )
        given[name] = int(found["count"]) << _UNITS[found["unit"]]
    return Limits(**given)  # type: ignore[arg-type]  # the keys are names of limits, whose values are numbers
