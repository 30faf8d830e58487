"""An environment that was changed under pipper: what differs is told by `--check` and mended by `sync` (C11)."""

from pathlib import Path

import pytest

from tests.invariants import Workspace, tree


def delete(path: Path) -> None:
    """Take a file away."""
    path.unlink()


def lengthen(path: Path) -> None:
    """Write to a file in a way that changes its size, and the folder's time, as an editor does."""
    draft = path.with_name("draft")
    draft.write_bytes(path.read_bytes() + b"# edited\n")
    draft.replace(path)
    path.with_name("left-behind").touch()


@pytest.mark.parametrize("change", [delete, lengthen])
def test_C11_a_sync_mends_what_was_deleted_or_changed_by_hand(workspace: Workspace, change: object) -> None:
    assert callable(change)
    workspace.run("sync")
    before = tree(workspace.site)
    change(workspace.site / "beta" / "__init__.py")
    assert "beta" in workspace.run("sync", "--check", code=1).stdout
    assert "~ beta 1.0.0 (damaged)" in workspace.run("sync").stderr
    (workspace.site / "beta" / "left-behind").unlink(missing_ok=True)
    assert tree(workspace.site) == before
    workspace.run("sync", "--check")


def test_a_sync_right_after_a_sync_has_nothing_to_do_and_says_so_from_the_stamp(workspace: Workspace) -> None:
    workspace.run("sync", "--no-dev")
    assert (
        "Nothing to do: the environment has the packages of the lock"
        in workspace.run("sync", "--no-dev").stderr
    )


def test_a_reinstallation_replaces_what_is_as_locked_or_edited_within_its_size(workspace: Workspace) -> None:
    workspace.run("sync")
    module = workspace.site / "beta" / "__init__.py"
    before = module.read_bytes()
    module.unlink()  # it may be a link into the cache
    module.write_bytes(b"#" * len(before))
    assert workspace.run("sync", "--reinstall", "Beta", "--dry-run").stdout == " ~ beta 1.0.0 (reinstalled)\n"
    assert (
        " ~ beta 1.0.0 (reinstalled)\nReplaced 1 package in "
        in workspace.run("sync", "--reinstall", "beta").stderr
    )
    assert module.read_bytes() == before
    assert "Replaced 3 packages in " in workspace.run("sync", "--reinstall").stderr
    assert "Nothing to do" in workspace.run("sync").stderr
    for name in ("gamma", "nowhere"):
        workspace.refused("sync", "--reinstall", name, code=2, subject=f"cannot reinstall `{name}`")


def test_the_lock_before_the_last_change_can_be_gone_back_to(workspace: Workspace) -> None:
    workspace.run("sync")
    before = workspace.installed()
    workspace.run("add", "gamma")
    assert workspace.installed() != before
    previous = workspace.venv / ".pipper" / "previous.lock"
    assert "gamma" not in previous.read_text()
    workspace.run("sync", "--lock", previous)
    assert workspace.installed() == before


@pytest.mark.parametrize("same_size", [False, True], ids=["other size", "same size"])
def test_R10_a_check_that_found_an_edited_file_names_the_sync_that_mends_it(
    same_size: bool, workspace: Workspace
) -> None:
    workspace.run("sync")
    module = workspace.site / "beta" / "__init__.py"
    before = module.read_bytes()
    with module.open("r+b") as stream:  # in place: no folder changes
        stream.write(b"#" * (len(before) if same_size else len(before) + 9))
    looks = ["--check", "--verify"] if same_size else ["--check"]
    done = workspace.run("sync", *looks, code=1)
    assert "beta/__init__.py" in done.stdout
    assert "hint: `pipper sync --verify`" in done.stderr
    assert "matches the lock" not in workspace.run("sync").stderr
    assert "~ beta 1.0.0 (damaged)" in workspace.run("sync", "--verify").stderr
    assert module.read_bytes() == before
    assert "hint" not in workspace.run("sync", "--check", "--verify").stderr


def test_R10_looking_writes_nothing(workspace: Workspace) -> None:
    workspace.run("sync")
    (workspace.site / "beta" / "__init__.py").unlink()
    before = workspace.state()
    workspace.run("sync", "--check", code=1)
    workspace.run("sync", "--verify", "--dry-run")
    workspace.compare(before, but="")
