"""Trying again: how often, after which wait, and after which errors."""

from collections.abc import Callable

import pytest

from pipper.errors import AccessError, ObjectAbsentError, PipperError, StoreError
from pipper.system.retry import pause_if_broken, retry


def failing(*errors: PipperError) -> Callable[[], str]:
    left = list(errors)

    def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


def test_the_wait_doubles_and_is_never_longer_than_allowed_nor_shorter_than_asked() -> None:
    waits: list[float] = []
    errors = [StoreError(str(number)) for number in range(5)]
    least = iter((0.0, 0.0, 0.0, 0.0, 7.0))
    done = retry(
        failing(*errors), attempts=6, pause=lambda _: next(least), first=1.0, longest=5.0, sleep=waits.append
    )
    assert done == "done"
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, (1.0, 2.0, 4.0), strict=False))
    assert 4.0 <= waits[3] <= 5.0
    assert waits[4] == 5.0


def test_the_last_error_is_raised_and_no_wait_follows_it() -> None:
    waits: list[float] = []
    with pytest.raises(StoreError, match="second"):
        retry(
            failing(StoreError("first"), StoreError("second")),
            attempts=2,
            pause=pause_if_broken,
            sleep=waits.append,
        )
    assert len(waits) == 1


@pytest.mark.parametrize("error", [ObjectAbsentError("gone"), AccessError("refused")])
def test_what_no_attempt_can_change_is_raised_at_once(error: PipperError) -> None:
    with pytest.raises(type(error)):
        retry(failing(error), attempts=5, pause=pause_if_broken)
