"""How long something holds, in the spellings of pipper 0.x: `18s`, `12mins`, `3hr`, `2 days`."""

import re

from pipper.errors import UsageError

DAY = 24 * 3600

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), DAY),
}
_DURATION = re.compile(r"\s*([0-9]{1,9})\s*([A-Za-z]+)\s*")


def parse_duration(text: str) -> int:
    """Return the seconds that `text` names: a positive number and a unit; raises UsageError."""
    found = _DURATION.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None or int(found[1]) == 0:
        raise UsageError(
            f"`{text}` is no length of time",
            cause="a positive number and a unit are needed: seconds, minutes, hours or days",
            hint="as in `18s`, `12mins`, `130m`, `3hr` or `2d`",
        )
    return int(found[1]) * unit


def spelled(seconds: int) -> str:
    """Return a length of time in words, in the largest unit that divides it."""
    for name, unit in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % unit == 0:
            return _counted(seconds // unit, name)
    return _counted(seconds, "second")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
