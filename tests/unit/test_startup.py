"""Commands that need little start fast: heavy libraries are imported by those that use them."""

from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.wheelhouse import make_wheel

HEAVY = {"boto3", "botocore", "build", "resolvelib", "rich", "tomlkit", "yaml"}


def imported(*args: str, cwd: Path) -> set[str]:
    """The top-level modules that `pipper ARGS` imports."""
    told = run_pipper(*args, cwd=cwd, python_options=("-X", "importtime")).stderr
    lines = (line for line in told.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("sync", "--help")])
def test_help_imports_nothing_heavy(args: tuple[str, ...], tmp_path: Path) -> None:
    modules = imported(*args, cwd=tmp_path)
    assert "pipper" in modules
    assert modules & HEAVY == set()


def test_a_sync_with_nothing_to_do_imports_nothing_heavy(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "alpha", "1.0", requires=["beta"])
    make_wheel(tmp_path / "wheels", "beta", "1.0")
    app = tmp_path / "app"
    app.mkdir()
    repository = (tmp_path / "repository").as_uri()
    (app / "pipper.toml").write_text(
        f'dependencies = ["alpha"]\nindex = false\n[repositories]\nacme = "{repository}"\n'
    )
    run_pipper("publish", *sorted((tmp_path / "wheels").iterdir()), "-b", repository, cwd=app)
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    assert imported("sync", cwd=app) & HEAVY == set()
