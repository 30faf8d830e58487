"""How long an authorization holds, in every spelling of pipper 0.x."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipper.core.duration import parse_duration, spelled
from pipper.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("18s", 18),
        ("1sec", 1),
        ("30secs", 30),
        ("2 seconds", 2),
        ("12mins", 720),
        ("130m", 7800),
        ("1min", 60),
        ("5 minutes", 300),
        ("3hr", 10800),
        ("3hours", 10800),
        ("12h", 43200),
        ("2HRS", 7200),
        ("7d", 604800),
        ("1day", 86400),
        (" 2 days ", 172800),
    ],
)
def test_the_old_spellings_are_understood(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "600",
        "m",
        "0s",
        "-5m",
        "+5m",
        "1.5h",
        "1h30m",
        "5 fortnights",
        "5 mi",
        "5mo",
        "٣h",
        "1e3s",
        "99999999999s",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_positive_number_of_seconds_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_duration(text) > 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (90, "90 seconds"), (600, "10 minutes"), (3600, "1 hour"), (2592000, "30 days")],
)
def test_a_length_is_spelled_in_its_largest_unit(seconds: int, text: str) -> None:
    assert spelled(seconds) == text
