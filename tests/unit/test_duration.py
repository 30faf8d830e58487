"""Durations: how long an authorization holds, how old a file must be; in every spelling of pipper 0.x."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipper.core.duration import format_duration, parse_duration
from pipper.core.manifest.reader import parse_manifest
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
        ("1w", 604800),
        ("2 weeks", 1209600),
        ("1WK", 604800),
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
        "100000w",
        "1 month",
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
    [(0, "0s"), (1, "1s"), (90, "90s"), (600, "10m"), (3600, "1h"), (129600, "36h"), (1209600, "14d")],
)
def test_a_duration_is_written_in_the_largest_unit_that_divides_it(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=1, max_value=10**9 - 1))
def test_what_is_written_is_read_again(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "written"),
    [("7 days", "7d"), ("36h", "36h"), ("2w", "14d"), ("30m", "30m"), ("90 secs", "90s"), ("48hrs", "2d")],
)
def test_a_cool_down_takes_every_duration_and_a_lock_has_one_spelling(text: str, written: str) -> None:
    manifest = parse_manifest(f'cool-down = "{text}"\n'.encode(), label="pipper.toml")
    assert manifest.inputs().cool_down == written


@pytest.mark.parametrize("text", ["0 days", "0s"])
def test_a_cool_down_of_nothing_is_none(text: str) -> None:
    manifest = parse_manifest(f'cool-down = "{text}"\n'.encode(), label="pipper.toml")
    assert manifest.inputs().cool_down == ""


def test_a_cool_down_that_is_not_a_duration_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError) as refused:
        parse_manifest(b'cool-down = "a while"\n', label="pipper.toml")
    assert refused.value.message == "pipper.toml: cool-down: `a while` is not a duration"
