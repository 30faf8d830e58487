"""`-b` and `-r`: a path, an alias of the manifest, a named repository or a bucket."""

from pathlib import Path

import pytest

from pipper.core.bucket_options import BucketOptions
from tests.invariants import Workspace
from tests.s3_double import S3Double


@pytest.fixture
def two(empty: Workspace) -> Workspace:
    """A manifest with two repositories, `acme` and `other`, that hold alpha 1.0.0 and 2.0.0."""
    empty.publish(empty.wheel("alpha", "1.0.0"))
    empty.run("publish", empty.wheel("alpha", "2.0.0"), "-b", "../second")
    empty.write_manifest("alpha", more="other = 'file:../second'\n")
    return empty


@pytest.mark.parametrize("given", ["../second", "{}/second", "./../second", "~/../second"])
def test_U_a_path_is_a_repository(given: str, two: Workspace) -> None:
    """FIELD U: `-b /srv/x`, `-b ../repo` are not understood."""
    done = two.run("repository", "packages", "-b", given.format(two.root))
    assert done.stdout.split()[:2] == ["alpha", "2.0.0"]


def test_U_a_path_is_that_of_the_working_directory(two: Workspace) -> None:
    deeper = two.app / "a" / "b"
    deeper.mkdir(parents=True)
    assert "2.0.0" in two.run("repository", "packages", "-b", "../../../second", cwd=deeper).stdout
    assert "2.0.0" in two.run("info", "alpha", "-b", "../../../second", cwd=deeper).stdout


@pytest.mark.parametrize("option", ["-b", "-r"])
def test_U_an_alias_of_the_manifest_is_a_repository(option: str, two: Workspace) -> None:
    """FIELD U: `-r acme` takes aliases; `-b acme` that is an alias means it."""
    assert "2.0.0" in two.run("repository", "packages", option, "other").stdout
    two.run("yank", "alpha:2.0.0", option, "other")
    two.run("install", "alpha", "-t", two.root / "target", option, "acme")
    manifest = (two.root / "target" / ".pipper" / "pipper.toml").read_text()
    assert 'acme = "file:///' in manifest
    assert two.installed(two.root / "target") == {"alpha": "1.0.0"}


def test_a_name_that_nobody_knows_is_told_with_names_and_aliases(two: Workspace) -> None:
    two.run("repository", "add", "prod", "-b", "bucket", "-p", "work")
    done = two.refused("lock", "-r", "nobody", code=2, subject="there is no repository `nobody`")
    assert "known: `acme`, `other` and `prod`" in done.stderr


def test_a_named_repository_wins_over_an_alias_for_r_as_in_0_x(two: Workspace) -> None:
    two.run("repository", "add", "other", "-b", "bucket", "-p", "no-such-profile")
    done = two.run("repository", "packages", "-r", "other", code=5)
    assert "no-such-profile" in done.stderr


def test_U_a_copy_takes_paths(two: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    two.run("repository", "copy", "alpha", "--from", "../second", "--to", target)
    assert (target / "alpha" / "index.json").is_file()


def test_init_keeps_a_relative_path_relative(empty: Workspace) -> None:
    empty.run("init", "-R", "acme=../a b", "-R", f"far={empty.root}/far")
    text = empty.manifest.read_text()
    assert 'acme = "file:../a%20b"' in text
    assert f'far = "{(empty.root / "far").as_uri()}"' in text


def test_a_path_in_a_manifest_is_told_how_to_write_it(empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    empty.manifest.write_text("[repositories]\nacme = '../packages'\n")
    assert "file:../DIR" in empty.refused("lock", code=2, subject="not a repository URL").stderr


def test_a_variable_that_is_set_for_a_machine_never_means_an_alias_of_a_clone(
    remote: Workspace, double: S3Double
) -> None:
    evil = remote.root / "evil"
    remote.manifest.write_text(f"index = false\n[repositories]\n{remote.bucket} = 'file:../evil'\n")
    done = remote.run("lock", "-U", env={"PIPPER_REPOSITORY": remote.bucket}, code=2)
    assert "there is no repository" in done.stderr
    remote.run("publish", remote.wheel("omega"), env={"PIPPER_BUCKET": remote.bucket})
    assert not evil.exists()
    assert any("omega" in each.key for each in double.seen)


def test_what_the_users_own_file_denies_a_manifest_cannot_ask_for() -> None:
    own, manifest = BucketOptions(request_payer=False), BucketOptions(request_payer=True, acl="private")
    assert own.over(manifest) == BucketOptions(request_payer=False, acl="private")
    assert BucketOptions().over(manifest).request_payer
    assert own.document() == {"request-payer": False}


def test_a_version_of_python_is_no_profile_unless_there_is_one_of_that_name(workspace: Workspace) -> None:
    for command in ("sync", "lock", "add"):
        more = ["gamma"] if command == "add" else []
        for version in ("3.12", "python3.12"):
            done = workspace.refused(command, *more, "-p", version, code=2, subject="an AWS profile")
            assert f"write --python {version}" in done.stderr
    workspace.run("sync", "-p", "work")
    aws = workspace.root / "home" / ".aws"
    aws.mkdir(exist_ok=True)
    (aws / "config").write_text("[profile 3.12]\nregion = eu-west-1\n")
    workspace.run("sync", "-p", "3.12")
