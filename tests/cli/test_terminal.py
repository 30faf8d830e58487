"""A sample of `python -m tests.terminal`: what a new user sees on a wide and on a narrow terminal."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pty")

from tests.terminal.journeys import BUCKET, JOURNEYS, LONG, Desk, desk
from tests.terminal.screen import Shown

NARROW = 46
BAR = re.compile(r"[━╸╺⠀-⣿]")
"""What bars and spinners are drawn with."""


@pytest.fixture(params=[80, NARROW])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, request.param) as one:
        yield one


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, NARROW) as one:
        yield one


def require_readable(shown: Shown) -> None:
    """No line is cut, no bar is left, and the cursor is there.

    A line is longer than a row only where it is a single word, or a command in backticks.
    """
    for line in shown.lines:
        words = re.sub(r"`[^`]*`", "`", line).split()
        assert len(line) <= shown.columns or len(words) <= 2, line
    assert not BAR.search("\n".join(shown.lines))
    assert shown.has_cursor
    for frame in shown.frames:
        for row in frame:
            assert len(row) <= shown.columns


@pytest.mark.parametrize("journey", ["cold-add", "tree"])
def test_a_journey_can_be_read(journey: str, made: Desk) -> None:
    JOURNEYS[journey](made)
    assert len(made.typed) > 3
    for _, shown in made.typed:
        require_readable(shown)


def test_help_fits_and_its_examples_stay_whole(made: Desk) -> None:
    JOURNEYS["help"](made)
    for _, shown in made.typed:
        text = [line for line in shown.lines if not line.startswith(("  pipper ", "  eval ", "  _PIPPER_"))]
        assert max(map(len, text)) <= made.columns
    _, (_, published), _ = made.typed
    assert "  pipper publish dist/*.whl -b s3://acme-packages/pipper" in published.lines
    assert any("# fail if a file is published already" in line for line in published.lines)


def test_bars_show_what_has_arrived_and_leave_nothing(narrow: Desk) -> None:
    JOURNEYS["slow-sync"](narrow)
    (_, first), (_, second) = narrow.typed
    amounts = [float(found) for found in re.findall(r"(\d\.\d)/1\.2 MB", first.text)]
    assert amounts == sorted(amounts)
    assert amounts[0] < amounts[-1]
    assert "Unpacking" in first.text
    require_readable(first)
    assert "Installed 7 packages in" in first.lines
    assert second.rows == ("Nothing to do: the environment has the", "  packages of the lock")


def test_ctrl_c_leaves_no_bar_and_nothing_half_done(made: Desk) -> None:
    workspace = made.workspace
    workspace.write_manifest("acme-report", LONG)
    made.prepare("lock")
    made.slow(pieces=10_000, pause=0.5)
    before = workspace.state()
    shown = made.type("sync", interrupt=lambda rows: any("Downloading" in row for row in rows))
    assert "^C" in shown.text
    require_readable(shown)
    assert shown.code == 130
    assert [row for row in shown.rows if row] == ["error: interrupted"]
    workspace.compare(before)
    made.server.forget()
    assert made.type("sync").code == 0


def test_a_hint_is_copied_in_one_piece(narrow: Desk) -> None:
    narrow.workspace.write_manifest("acme-report", f"{LONG}>=12", "acme-base>=1.2")
    shown = narrow.type("lock")
    assert shown.code == 3
    require_readable(shown)
    assert f"`{LONG}>=12`" in shown.lines
    assert shown.lines[:2] == ("error: the requirements on `acme-base`", "       conflict")


def test_names_and_versions_of_a_table_stay_whole(narrow: Desk) -> None:
    JOURNEYS["outdated"](narrow)
    for _, shown in narrow.typed:
        require_readable(shown)
    _, table = narrow.typed[1]
    at = table.rows.index(LONG)
    assert table.rows[at + 1].split() == ["12.4.1", "12.5.0", "12.5.0"]
    assert table.rows[at + 1].index("12.4.1") == table.rows[0].index("Locked")


def test_a_conflict_among_five_files_is_the_last_that_is_told(made: Desk) -> None:
    JOURNEYS["publish"](made)
    for _, shown in made.typed:
        require_readable(shown)
    _, published = made.typed[1]
    assert published.code == 7
    told = published.text
    assert told.count("\x1b[31merror\x1b[0m: ") == 1
    assert told.rindex("published acme_") < told.index("error")


def test_documents_are_not_broken_for_a_terminal(narrow: Desk) -> None:
    shown = narrow.type(f"repository check -b s3://{BUCKET} --json")
    assert json.loads("\n".join(shown.lines))["projects"] == 8
    assert any(len(line) > NARROW for line in shown.lines)


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_nobody_wants_it(setting: dict[str, str], narrow: Desk) -> None:
    assert narrow.type("info acme-text").has_colours
    assert not narrow.type("info acme-text", env=setting).has_colours
