"""Lines for people: where they are broken on a narrow terminal, and where never."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipper.cli.wrap import MARGIN, fitted

COLUMNS = 46
LONG = "acme-warehouse-connectors-for-postgresql"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal; COLUMNS says how wide."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("Locked 3 packages", ["Locked 3 packages"]),
        (
            "Locked 5 packages for cp311-manylinux_2_28_x86_64 and 4 others",
            ["Locked 5 packages for", "  cp311-manylinux_2_28_x86_64 and 4 others"],
        ),
        (
            "error: the requirements on `acme-models` conflict with others",
            ["error: the requirements on `acme-models`", "       conflict with others"],
        ),
        (
            "  because the project requires acme-dashboard and more",
            ["  because the project requires", "    acme-dashboard and more"],
        ),
        (
            "hint: write the locks of both, then run `pipper lock -P acme-text` again",
            ["hint: write the locks of both, then run", "      `pipper lock -P acme-text` again"],
        ),
        (
            "hint: for a file of requirements: pipper init --from requirements/dev.in",
            ["hint: for a file of requirements:", "      pipper init --from requirements/dev.in"],
        ),
        (
            f" ~ {LONG} 12.4.1 -> 12.5.0 (acme)",
            [f" ~ {LONG}", "   12.4.1 -> 12.5.0 (acme)"],
        ),
        (
            f"│   ├── {LONG} 12.4.1",
            [f"│   ├── {LONG}", "│   │   12.4.1"],
        ),
        (
            "  copied from   staging (s3://acme-staging/pipper), today",
            [
                "  copied from   staging",
                "                (s3://acme-staging/pipper),",
                "                today",
            ],
        ),
        (
            "dependencies: acme-report -> acme-report 1.0 -> acme-models 1.4.2",
            ["dependencies: acme-report -> acme-report", "  1.0 -> acme-models 1.4.2"],
        ),
        ("one line that is far too long for a terminal\nand one", None),
        ("\t" * 100, [""]),
    ],
)
def test_a_line_is_broken_between_words_and_goes_on_below_its_text(line: str, rows: list[str] | None) -> None:
    told = fitted(line, Terminal()).split("\n")
    assert told == (rows or ["one line that is far too long for a terminal", "and one"])


def test_a_word_or_a_command_that_is_too_long_stays_whole() -> None:
    command = f"`pipper add {LONG}==12.4.1 --group dev`"
    assert f"{command}," in fitted(f"hint: run {command}, or wait", Terminal()).split("\n")
    url = "s3://acme-packages/pipper/acme-text/eb1f7bac0316a1df/acme_text-2.2-py3-none-any.whl"
    assert url in fitted(f"error: there is no {url} in the bucket", Terminal()).split("\n")


def test_nothing_is_broken_where_no_terminal_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "word " * 40
    assert fitted(line, io.StringIO()) == line
    monkeypatch.setenv("TERM", "dumb")
    assert fitted(line, Terminal()) == line


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp"), include_characters=" `"),
        max_size=200,
    )
)
def test_no_word_is_lost_or_cut(line: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(COLUMNS))
        told = fitted(line, Terminal())
    without = re.compile(r"[\s│├└─]+")
    assert without.sub("", told) == without.sub("", line)
    for row in told.split("\n"):
        assert len(row) <= COLUMNS - MARGIN or len(re.sub(r"`[^`]*`|-> ", "`", row).split()) <= 2, row
