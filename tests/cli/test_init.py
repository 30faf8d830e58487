"""`pipper init`."""

import pytest

from tests.invariants import Workspace


def test_a_new_project_can_be_locked_and_synced_at_once(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.run("init", "-R", "acme=file:../repository")
    assert done.stdout == ""
    assert (
        done.stderr == f"Wrote {empty.manifest}. Name what you need in it, then: pipper lock && pipper sync\n"
    )
    assert 'acme = "file:../repository"' in empty.manifest.read_text()
    empty.run("lock")
    empty.run("sync", "--dry-run")


def test_a_project_is_never_overwritten(workspace: Workspace) -> None:
    workspace.refused("init", code=2, subject="is a project already")


def test_a_pyproject_with_our_table_is_a_project_already(empty: Workspace) -> None:
    assert empty.environment
    (empty.app / "pyproject.toml").write_text("[tool.pipper]\n")
    empty.refused("init", code=2, subject="is a project already")


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ("acme", "is not ALIAS=URL"),
        ("ac me=file:///srv", "repositories.ac me: `ac me` cannot be an alias"),
        ("index=file:///srv", "`index` cannot be an alias"),
        ('acme=file:///a"b\nx=1', ""),
        ("acme=s3://me:secret@bucket", "credentials never stand in a manifest"),
        ("acme=https://example.com", "`https://example.com` is no repository"),
    ],
)
def test_a_repository_that_cannot_stand_in_a_manifest_is_refused(
    given: str, subject: str, empty: Workspace
) -> None:
    if not subject:
        empty.run("init", "-R", given)
        empty.run("lock", "--check", code=1)
        return
    empty.refused("init", "-R", given, code=2, subject=subject)
