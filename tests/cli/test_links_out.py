"""No command writes through a link out of a clone: a sample of `tests.canaries`, and that it knows every command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipper.cli.app import app
from tests.canaries import before
from tests.canaries.scenes import ENDLESS, OF_THE_USER, READERS, SCENES, command_of, commands
from tests.commands import CHECKOUT, PATIENCE, clean_environment
from tests.invariants import Workspace, tree

KNOWN = frozenset(commands(app))


@pytest.mark.parametrize(
    "scenes",
    [
        ("lock", "sync-changes", "sync-remade", "edit-finishes"),
        ("target-upgrade", "export", "sync-members", "site", "copy", "cache-prune"),
    ],
    ids=["the project", "what is around it"],
)
def test_T05_no_canary_behind_a_link_is_touched(scenes: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.canaries", *scenes, "--sample", "4"],
        cwd=CHECKOUT,
        env={**clean_environment(tmp_path), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " trials, 0 failed" in done.stdout
    for scene in scenes:
        assert re.search(rf"^{scene}: [1-9]\d* of ", done.stdout, re.MULTILINE)


def test_T05_every_command_that_writes_is_tried_with_links() -> None:
    tried = {command_of(scene, KNOWN) for scene in SCENES.values()}
    assert sorted(KNOWN - tried - READERS.keys() - OF_THE_USER - ENDLESS) == []
    assert sorted({*READERS, *OF_THE_USER, *ENDLESS} - KNOWN) == []


@pytest.mark.parametrize(("name", "args"), READERS.items(), ids=list(READERS))
def test_T05_a_command_that_is_not_tried_writes_nothing(
    name: str, args: tuple[str, ...], workspace: Workspace
) -> None:
    before.with_a_repository(workspace)
    workspace.run("repository", "add", "acme", "-b", "acme-packages")
    whole = tree(workspace.root)
    workspace.run(*name.split(), *args)
    assert tree(workspace.root) == whole
