"""A project with groups, extras and a cycle, locked before newer versions were published."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.invariants import Workspace

if TYPE_CHECKING:
    from tests.terminal.screen import Shown

ASKS = """\
[dependency-groups]
dev = ['tester']
[optional-dependencies]
plots = ['plots[fast]']
"""


def stock(workspace: Workspace) -> Workspace:
    """Publish packages, lock a project that asks for them, then publish newer ones.

    `models` needs `base` and `loop`, `loop` needs `models`; `tester` (group) needs `base`; `plots` (extra) needs
    `models` and, for its own extra, `nums`. Locked is everything at 1.0. `base` has 1.1, a pre-release 2.0rc1 and
    a 3.0 for no Python yet; `models` has 1.5 and 2.0.
    """
    wheel = workspace.wheel
    workspace.publish(
        wheel("base", "1.0"),
        wheel("models", "1.0", requires=["base>=1", "loop"]),
        wheel("loop", "1.0", requires=["models"]),
        wheel("tester", "1.0", requires=["base"]),
        wheel("plots", "1.0", requires=["models"], extras={"fast": ["nums"]}),
        wheel("nums", "1.0"),
    )
    workspace.write_manifest("models<2", "base", more=ASKS)
    workspace.run("lock")
    workspace.publish(
        wheel("base", "1.1", requires=["nums<9", "loop; sys_platform == 'none'"], requires_python=">=3.9"),
        wheel("base", "2.0rc1"),
        wheel("base", "3.0", requires_python=">=3.99"),
        wheel("models", "1.5", requires=["base>=1", "loop"]),
        wheel("models", "2.0", requires=["base>=1", "loop"]),
    )
    return workspace


def yank(workspace: Workspace, name: str, version: str, reason: str | bool) -> None:
    """Mark a version on its page."""
    page = workspace.repository / name / "index.json"
    document = json.loads(page.read_text())
    for file in document["files"]:
        if file["filename"].split("-")[1] == version:
            file["yanked"] = reason
    page.write_text(json.dumps(document))


def place(directory: Path, name: str, version: str, **files: str) -> Path:
    """Put a distribution that some other tool installed into a plain directory; return the directory."""
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    for file, text in files.items():
        (info / file).write_text(text)
    return directory


def on_terminal(
    workspace: Workspace, *args: str, columns: int = 100, env: dict[str, str] | None = None, code: int = 0
) -> "Shown":
    """Return what `pipper ARGS` shows on a terminal."""
    pytest.importorskip("pty")
    from tests.terminal.screen import watch

    shown = watch(
        [sys.executable, "-m", "pipper", *args],
        cwd=workspace.app,
        env={**workspace.environment, **(env or {})},
        columns=columns,
    )
    assert shown.code == code, shown.text
    return shown
