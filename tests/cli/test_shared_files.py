"""`[files]`: which package wins a path that several packages bring with other bytes."""

import json
from pathlib import Path

import pytest

from tests.invariants import Workspace

LEFT, RIGHT = "x = 'left'\n", "x = 'right'\n"


@pytest.fixture
def pair(workspace: Workspace) -> Workspace:
    """A project with two packages that bring `shared/__init__.py`, and `bin/run`, with other bytes."""
    workspace.publish(
        *(
            workspace.wheel(
                name,
                files={"shared/__init__.py": body, f"{name}.py": ""},
                entry_points={"run": f"{name}:main"},
            )
            for name, body in (("left", LEFT), ("right", RIGHT))
        )
    )
    return workspace


def ruled(workspace: Workspace, *names: str, **rules: str) -> None:
    lines = "".join(f"{json.dumps(path)} = {json.dumps(winner)}\n" for path, winner in rules.items())
    workspace.write_manifest(*names, more=f"[files]\n{lines}")
    workspace.run("lock")


def shared(workspace: Workspace) -> Path:
    return workspace.site / "shared" / "__init__.py"


def test_R08_without_a_rule_the_hint_names_the_line_that_decides(pair: Workspace) -> None:
    pair.write_manifest("left", "right")
    pair.run("lock")
    done = pair.refused("sync", code=4, subject="shared/__init__.py")
    assert (
        'write "shared/*" = "left" (the package that wins, or "first") under [files] in pipper.toml'
        in done.stderr
    )
    ruled(pair, "left")
    pair.run("sync")
    ruled(pair, "left", "right", **{"shared/*": "first"})
    assert 'write "bin/*" = "left"' in pair.refused("sync", code=4, subject="bin/run").stderr


@pytest.mark.parametrize(
    ("winner", "body"), [("first", LEFT), ("left", LEFT), ("right", RIGHT), ("Right", RIGHT)]
)
def test_R08_the_package_that_files_names_wins_the_path(winner: str, body: str, pair: Workspace) -> None:
    ruled(pair, "left", "right", **{"shared/*": winner, "bin/*": winner})
    pair.run("sync")
    assert shared(pair).read_text() == body
    name = "right" if body == RIGHT else "left"
    assert f"from {name} import main" in (pair.venv / "bin" / "run").read_text()
    pair.run("sync", "--check", "--verify")
    assert "Nothing to do" in pair.run("sync", "--dry-run").stderr


def test_R08_the_loser_gets_its_file_back_when_the_winner_goes(pair: Workspace) -> None:
    ruled(pair, "left", "right", **{"shared/*": "right", "bin/*": "right"})
    pair.run("sync")
    ruled(pair, "left", **{"shared/*": "right"})
    assert " ~ left 1.0.0 (for shared files)\n" in pair.run("sync").stderr
    assert shared(pair).read_text() == LEFT
    pair.run("sync", "--check", "--verify")
    ruled(pair)
    pair.run("sync")
    assert not shared(pair).parent.exists()


def test_R08_a_winner_that_comes_later_takes_the_path(pair: Workspace) -> None:
    ruled(pair, "left")
    pair.run("sync")
    ruled(pair, "left", "right", **{"shared/*": "right", "bin/*": "right"})
    pair.run("sync")
    assert shared(pair).read_text() == RIGHT
    pair.run("sync", "--check", "--verify")
    pair.publish(pair.wheel("left", "2.0", files={"shared/__init__.py": "x = 2\n"}))
    pair.run("lock", "-U")
    pair.run("sync")
    assert shared(pair).read_text() == RIGHT, "an upgrade of the loser changes nothing"
    pair.run("sync", "--check", "--verify")


def test_R08_another_rule_changes_the_winner_with_the_next_lock(pair: Workspace) -> None:
    ruled(pair, "left", "right", **{"shared/*": "left", "bin/*": "left"})
    pair.run("sync")
    ruled(pair, "left", "right", **{"shared/*": "left", "bin/*": "left", "shared/__init__.py": "right"})
    pair.run("sync")
    assert shared(pair).read_text() == RIGHT, "the longer pattern counts"
    pair.run("sync", "--check", "--verify")


def test_R08_a_package_cannot_be_stripped_of_a_file_by_its_marks(pair: Workspace) -> None:
    ruled(pair, "left")
    pair.run("sync")
    info = pair.site / "left-1.0.0.dist-info"
    marks = json.loads((info / "pipper.json").read_text())
    (info / "pipper.json").write_text(json.dumps({**marks, "yields": "left.py"}))
    (pair.site / "left.py").unlink()
    assert "left.py" in pair.run("sync", "--check", "--verify", code=1).stdout
    pair.run("sync")
    pair.run("sync", "--check", "--verify")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"tests/*" = 3', "files.tests/*: expected a string, found a number"),
        ('"/etc/*" = "first"', "files./etc/*: not a path below site-packages"),
        ('"tests/*" = "not a name"', "files.tests/*: not the name of a package"),
    ],
)
def test_R08_a_rule_that_cannot_be_one_is_told_with_its_place(
    line: str, told: str, workspace: Workspace
) -> None:
    workspace.write_manifest("alpha", more=f"[files]\n{line}\n")
    assert told in workspace.run("lock", code=2).stderr
