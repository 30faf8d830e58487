"""Errors and the gravest of several."""

import pytest

from pipper import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PipperError, 70),
        (errors.UsageError, 2),
        (errors.NoSolutionError, 3),
        (errors.IntegrityError, 4),
        (errors.AccessError, 5),
        (errors.StoreError, 6),
        (errors.ObjectAbsentError, 6),
        (errors.ConflictError, 7),
        (errors.ObjectExistsError, 7),
        (errors.ObjectChangedError, 7),
        (errors.MachineError, 8),
    ],
)
def test_the_class_decides_the_exit_code(error: type[errors.PipperError], code: int) -> None:
    made = error("what", cause="why", hint="mend")
    assert (made.exit_code, made.message, made.cause, made.hint, str(made)) == (
        code,
        "what",
        "why",
        "mend",
        "what",
    )


def test_the_gravest_code_is_that_of_the_documented_order() -> None:
    order = [70, 4, 7, 5, 6, 8, 2]
    for place, code in enumerate(order):
        assert errors.gravest([0, *reversed(order[place:])]) == code


def test_codes_outside_the_order_count_less_and_nothing_is_zero() -> None:
    assert errors.gravest([3, 2]) == 2
    assert errors.gravest([3, 0]) == 3
    assert errors.gravest([0, 0]) == errors.gravest([]) == 0
