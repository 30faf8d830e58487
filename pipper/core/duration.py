"""The grammar of durations: `18s`, `12mins`, `3hr`, `2 days`, `1 week`, with the spellings of pipper 0.x."""

import re

from pipper.errors import UsageError

DAY = 24 * 3600

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7 * DAY),
}
_DURATION = re.compile(r"\s*([0-9]{1,9})\s*([A-Za-z]+)\s*")
_LONGEST = 99_999 * 7 * DAY
"""Seconds; a date so long before today is still in the range of `datetime`."""


def parse_duration(text: str, *, least: int = 1) -> int:
    """Return the seconds of `text`, a number and a unit; raises UsageError, also for fewer than `least` seconds."""
    found = _DURATION.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None or not least <= int(found[1]) * unit <= _LONGEST:
        raise UsageError(
            f"`{text[:40]}` is not a duration",
            cause="a duration is a positive number and a unit: seconds, minutes, hours, days or weeks",
            hint="write it as `18s`, `12mins`, `3hr`, `2d` or `1 week`",
        )
    return int(found[1]) * unit


def format_duration(seconds: int) -> str:
    """Return a duration as a number and the largest unit, up to days, that divides it: `90s`, `36h`, `14d`."""
    for unit, size in (("d", DAY), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
