"""Errors that have one cause, told once: twenty missing files are one finding, not twenty."""

import copy
import re
from collections.abc import Iterable

from pipper.errors import PipperError

_SUBJECT = re.compile(r"`[^`]*`|-P \S+|\S+ \S+(?: from (?=\S)|(?=: expected ))|\S*[0-9./:_]\S*")
"""What differs between errors of one cause: commands, names with their version, paths, URLs, hosts and numbers."""


def once_each(
    errors: Iterable[PipperError], of: tuple[type[PipperError], ...] = (PipperError,)
) -> list[PipperError]:
    """Return the first error of each cause, in their order; its message says how many there are like it.

    Two errors have one cause if their classes and texts agree except in names, places and numbers. Only errors
    `of` these classes are counted together.
    """
    kinds: dict[tuple[object, ...], list[PipperError]] = {}
    for error in errors:
        if not isinstance(error, of):
            kinds[error,] = [error]
            continue
        texts = (_SUBJECT.sub("", text).split() for text in (error.message, error.cause, error.hint))
        kinds.setdefault((type(error), *map(tuple, texts)), []).append(error)
    return [_counted(alike[0], len(alike)) for alike in kinds.values()]


def _counted(error: PipperError, number: int) -> PipperError:
    if number == 1:
        return error
    told = copy.copy(error)
    told.message = f"{error.message} (and {number - 1:,} more like this)"
    told.args = (told.message,)
    return told
