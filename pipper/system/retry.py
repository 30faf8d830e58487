"""Retry work that may succeed later."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipper.errors import IntegrityError, ObjectAbsentError, PipperError, StoreError

T = TypeVar("T")


def retry(
    work: Callable[[], T],
    *,
    attempts: int,
    pause: Callable[[PipperError], float | None],
    first: float = 0.0,
    longest: float = 10.0,
    sleep: Callable[[float], object] | None = None,
) -> T:
    """Return the result of `work`, called at most `attempts` times; raises its last error.

    `pause` takes an error and returns the minimum seconds to wait before the next attempt, or None to give up.
    The wait doubles from about `first` to `longest` seconds, with a random part, so that processes that failed
    together do not retry together. `sleep` replaces `time.sleep`.
    """
    for attempt in range(attempts - 1):
        try:
            return work()
        except PipperError as error:
            least = pause(error)
            if least is None:
                raise
            growing = first * 2.0**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
            (sleep or time.sleep)(min(longest, max(growing, least)))
    return work()


def pause_if_broken(error: PipperError) -> float | None:
    """Return 0 for a StoreError that may pass, None for any other error: the `pause` of a download."""
    return 0.0 if isinstance(error, StoreError) and not isinstance(error, ObjectAbsentError) else None


def pause_if_damaged(error: PipperError) -> float | None:
    """Return 0 for an IntegrityError, None for any other error: bytes may have been damaged on the way."""
    return 0.0 if isinstance(error, IntegrityError) else None
