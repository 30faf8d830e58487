"""`add`, `install`, `remove`, `uninstall`: the manifest, the lock and the environment change together or not at all."""

import errno
import json
import os
import shutil
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

from pipper.wheels.bundle import write_bundle
from tests.cli.conftest import fill
from tests.index_double import IndexDouble
from tests.invariants import Workspace, site_of, tree


@pytest.fixture
def outside(workspace: Workspace) -> Path:
    """A folder in no project, with an active environment beside it."""
    folder = workspace.root / "outside"
    folder.mkdir()
    venv.EnvBuilder(symlinks=True).create(workspace.root / "env")
    return folder


def active(workspace: Workspace) -> dict[str, str]:
    """Variables of a shell in which the environment is active."""
    return {"VIRTUAL_ENV": str(workspace.root / "env")}


def present(workspace: Workspace) -> dict[str, str]:
    """What the active environment holds."""
    return workspace.installed(site_of(workspace.root / "env"))


def state_of(workspace: Workspace) -> Path:
    """Where the active environment keeps its own manifest and lock."""
    return workspace.root / "env" / ".pipper"


def test_add_writes_the_requirement_locks_it_and_installs_it(workspace: Workspace) -> None:
    workspace.run("add", "gamma:>=1.0")
    assert "'gamma>=1.0'" in workspace.manifest.read_text()
    assert workspace.locked()["gamma"] == "1.0.0"
    assert workspace.installed()["gamma"] == "1.0.0"


def test_add_keeps_what_is_locked_unless_an_upgrade_is_asked_for(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("alpha", "1.2.0"), workspace.wheel("beta", "2.0.0"))
    workspace.run("add", "gamma")
    assert workspace.locked()["alpha"] == "1.1.0"
    workspace.run("add", "-u", "alpha")
    assert (workspace.locked()["alpha"], workspace.locked()["delta"]) == ("1.2.0", "1.0.0")


def test_add_to_a_group_leaves_the_others_alone(workspace: Workspace) -> None:
    workspace.run("add", "--dev", "gamma")
    text = workspace.manifest.read_text()
    assert "gamma" in text.partition("[dependency-groups]")[2]
    assert workspace.installed()["gamma"] == "1.0.0"


@pytest.mark.parametrize(
    ("asked", "code", "subject"),
    [("alpha>9", 3, "alpha"), ("nosuch", 3, "nosuch"), ("=>1", 2, "=>1"), ("./absent.whl", 2, "absent.whl")],
)
def test_a_failed_add_leaves_manifest_lock_and_environment_as_they_were(
    workspace: Workspace, asked: str, code: int, subject: str
) -> None:
    before = workspace.manifest.read_bytes()
    workspace.refused("add", asked, code=code, subject=subject)
    assert workspace.manifest.read_bytes() == before


def test_an_add_whose_file_is_gone_leaves_all_three_as_they_were(workspace: Workspace) -> None:
    before = workspace.manifest.read_bytes()
    for wheel in workspace.repository.rglob("gamma-*.whl"):
        wheel.unlink()
    workspace.refused("add", "gamma", code=4, subject="gone")
    assert workspace.manifest.read_bytes() == before


def test_remove_takes_out_what_nothing_else_needs(workspace: Workspace) -> None:
    workspace.run("remove", "alpha")
    assert workspace.installed() == {"delta": "1.0.0"}
    assert "alpha" not in workspace.manifest.read_text()


@pytest.mark.parametrize("given", ["alpha[fast]", "alpha>=1", "alpha [fast]"])
def test_remove_takes_names_and_says_how_to_take_away_an_extra(workspace: Workspace, given: str) -> None:
    told = workspace.refused("remove", given, code=2, subject=given).stderr
    assert "hint: give `alpha`, then add what should stay of it again" in told


def test_remove_of_what_is_not_required_tells_where_it_stands(workspace: Workspace) -> None:
    told = workspace.refused("remove", "delta", code=2, subject="delta").stderr
    assert "-g dev" in told


def test_a_dry_run_tells_and_changes_nothing(workspace: Workspace) -> None:
    before = (workspace.manifest.read_bytes(), workspace.lock.read_bytes(), tree(workspace.site))
    assert " + gamma 1.0.0" in workspace.run("add", "gamma", "--dry-run").stdout
    assert before == (workspace.manifest.read_bytes(), workspace.lock.read_bytes(), tree(workspace.site))


def test_no_sync_edits_manifest_and_lock_only(workspace: Workspace) -> None:
    workspace.run("add", "gamma", "--no-sync")
    assert "gamma" in workspace.locked()
    assert "gamma" not in workspace.installed()
    workspace.run("lock", "--check")


def test_add_outside_a_project_tells_how_to_begin_one(workspace: Workspace, outside: Path) -> None:
    done = workspace.run("add", "alpha", cwd=outside, env=active(workspace), code=2)
    assert "pipper init" in done.stderr


def test_outside_a_project_the_environment_is_its_own_project(workspace: Workspace, outside: Path) -> None:
    repository = workspace.repository.as_uri()
    workspace.run("install", "alpha:1.0.0", "-b", repository, cwd=outside, env=active(workspace))
    assert present(workspace) == {"alpha": "1.0.0", "beta": "1.0.0"}
    workspace.run("install", "gamma", cwd=outside, env=active(workspace))
    assert present(workspace) == {"alpha": "1.0.0", "beta": "1.0.0", "gamma": "1.0.0"}
    workspace.run("install", "-u", "alpha", cwd=outside, env=active(workspace))
    assert present(workspace)["alpha"] == "1.1.0"
    workspace.run("uninstall", "alpha", cwd=outside, env=active(workspace))
    assert present(workspace) == {"gamma": "1.0.0"}
    assert sorted(path.name for path in state_of(workspace).glob("pipper.*")) == [
        "pipper.lock",
        "pipper.toml",
    ]


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("many", "2.0.0"),
        ("many:1.2.3", "1.2.3"),
        ("many:=1.2.3", "1.2.3"),
        ("many:==1.2.3", "1.2.3"),
        ("many:1.2.*", "1.2.4"),
        ("many:1.*.*", "1.3.0"),
        ("many:<1.2.4", "1.2.3"),
        ("many:<=1.2.4", "1.2.4"),
        ("many:>1.2.4", "2.0.0"),
        ("many:>=1.2.4,<2", "1.3.0"),
        ("many~=1.2.3", "1.2.4"),
        ("many>=1,!=2.0.0 ; python_version >= '3.8'", "1.3.0"),
    ],
)
def test_every_version_form_of_0_x_and_of_pep_508_is_understood(
    workspace: Workspace, tmp_path: Path, asked: str, version: str
) -> None:
    wheels = [workspace.wheel("many", each) for each in ("1.2.3", "1.2.4", "1.3.0", "2.0.0")]
    workspace.publish(*wheels)
    target = tmp_path / "target"
    workspace.run("install", asked, "-t", target, "-b", workspace.repository.as_uri())
    assert workspace.installed(target)["many"] == version


def test_a_target_directory_is_its_own_project_even_inside_one(workspace: Workspace, tmp_path: Path) -> None:
    before = workspace.manifest.read_bytes()
    target = tmp_path / "target"
    workspace.run("install", "gamma", "-t", target, "-b", workspace.repository.as_uri())
    assert workspace.installed(target) == {"gamma": "1.0.0"}
    assert workspace.manifest.read_bytes() == before


@pytest.mark.parametrize("kind", ["wheel", "bundle"])
def test_a_file_is_installed_and_can_be_installed_again_without_it(
    workspace: Workspace, outside: Path, kind: str
) -> None:
    wheel = workspace.wheel("local", "1.0.0", requires=["beta"])
    path = wheel if kind == "wheel" else write_bundle(wheel, filename=wheel.name, output=outside)
    repository = workspace.repository.as_uri()
    workspace.run("install", path, "-b", repository, cwd=outside, env=active(workspace))
    assert present(workspace) == {"local": "1.0.0", "beta": "1.0.0"}
    path.unlink()
    workspace.run("uninstall", "beta", cwd=outside, env=active(workspace), code=2)
    workspace.run("install", "gamma", cwd=outside, env=active(workspace))
    assert present(workspace) == {"local": "1.0.0", "beta": "1.0.0", "gamma": "1.0.0"}
    assert str(path.parent) not in (state_of(workspace) / "pipper.lock").read_text()


def test_input_reads_a_0_x_manifest_and_dev_its_other_list(workspace: Workspace, outside: Path) -> None:
    old = {"dependencies": ["alpha:1.0.0"], "dev_dependencies": ["gamma"]}
    (outside / "pipper.json").write_text(json.dumps(old))
    repository = workspace.repository.as_uri()
    workspace.run("install", "-b", repository, cwd=outside, env=active(workspace))
    assert present(workspace)["alpha"] == "1.0.0"
    workspace.run("install", "--dev", "-i", "pipper.json", cwd=outside, env=active(workspace))
    assert present(workspace)["gamma"] == "1.0.0"


def test_input_takes_a_lock_as_it_is(workspace: Workspace, outside: Path) -> None:
    workspace.publish(workspace.wheel("alpha", "9.0.0"))
    workspace.run(
        "install",
        "-i",
        workspace.lock,
        "-b",
        workspace.repository.as_uri(),
        cwd=outside,
        env=active(workspace),
    )
    assert present(workspace)["alpha"] == "1.1.0"


def test_what_other_tools_installed_limits_the_solve(workspace: Workspace, outside: Path) -> None:
    workspace.publish(workspace.wheel("beta", "2.0.0"))
    foreign = site_of(workspace.root / "env") / "other-1.0.dist-info"
    foreign.mkdir()
    (foreign / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other\nVersion: 1.0\nRequires-Dist: beta<2\n"
    )
    (foreign / "RECORD").write_text("other-1.0.dist-info/METADATA,,\nother-1.0.dist-info/RECORD,,\n")
    repository = workspace.repository.as_uri()
    workspace.run("install", "beta", "-b", repository, cwd=outside, env=active(workspace))
    assert present(workspace)["beta"] == "1.0.0"


def test_install_without_anything_to_install_says_so(workspace: Workspace, outside: Path) -> None:
    done = workspace.run("install", cwd=outside, env=active(workspace), code=2)
    assert "pipper init" in done.stderr


@pytest.mark.parametrize("command", ["install", "download"])
def test_input_of_another_kind_is_told_what_it_takes(workspace: Workspace, command: str) -> None:
    (workspace.app / "requirements.txt").write_text("alpha==1.0.0\n")
    told = workspace.refused(command, "-i", "requirements.txt", code=2, subject="requirements.txt")
    assert "-i accepts pipper.json, pipper.yaml, pipper.toml or a lock" in told.stderr


@pytest.mark.parametrize(
    "asked", ["foo @ https://example.com/foo-1-py3-none-any.whl", "foo[x]@https://a.b/f.whl"]
)
def test_a_requirement_with_a_url_is_refused_as_in_a_manifest(workspace: Workspace, asked: str) -> None:
    told = workspace.refused("install", asked, code=2, subject="foo")
    assert "pipper install" in told.stderr


@pytest.mark.parametrize("asked", ["./foo", "../foo", ".", "/foo"])
def test_a_folder_is_told_how_it_becomes_a_file(workspace: Workspace, asked: str) -> None:
    assert f"`pipper bundle {asked}`" in workspace.refused("install", asked, code=2, subject=asked).stderr


def test_uninstall_from_a_target_that_is_not_there_says_so(workspace: Workspace, tmp_path: Path) -> None:
    told = workspace.refused(
        "uninstall", "foo", "-t", tmp_path / "absent", code=2, subject=str(tmp_path / "absent")
    )
    assert "pipper.toml" not in told.stderr
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_target_and_the_user_site_are_two_environments(workspace: Workspace, command: str) -> None:
    workspace.refused(command, "-t", "packages", "--user", "beta", code=2, subject="-t and --user")
    assert not (workspace.app / "packages").exists()


def test_the_hint_for_a_manifest_that_cannot_be_written_names_its_directory(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: str, *args: Any, **more: Any) -> int:
        if str(path).startswith(f"{workspace.app}{os.sep}.pipper-"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **more)

    monkeypatch.setattr(os, "open", refuse)
    done = workspace.refused("add", "gamma", code=8, subject=f"cannot write {workspace.app}{os.sep}.pipper-")
    assert f"fix permissions in {workspace.app}, then" in done.stderr


def test_user_packages_go_below_the_home_and_come_out_again(workspace: Workspace, tmp_path: Path) -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    home = workspace.root / "home" / ".local"
    where = ("--user", "--python", base, "-b", workspace.repository.as_uri())
    if (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists():
        workspace.run("install", *where, "gamma", cwd=folder, code=8)
        return
    workspace.run("install", *where, "gamma", cwd=folder)
    (module,) = home.rglob("gamma/__init__.py")
    workspace.run("uninstall", "--user", "--python", base, "gamma", cwd=folder)
    assert not module.exists()


def test_an_install_without_a_project_does_not_speak_of_one(empty: Workspace) -> None:
    with IndexDouble() as index:
        told = empty.run(
            "install", "-t", "there", "gamma", cwd=empty.root, env={"PIPPER_INDEX_URL": index.url}, code=3
        ).stderr
    assert "this environment requires gamma" in told
    assert "or name its repository with -b" in told
    assert "project" not in told


def test_a_repository_that_add_names_is_in_the_manifest_as_it_was_typed(empty: Workspace) -> None:
    fill(empty)
    empty.manifest.write_text("dependencies = []\n")
    said = empty.run("add", "gamma", "-b", "../repository").stderr
    assert 'default = "file:../repository"' in empty.manifest.read_text()
    assert "pipper.toml names the repository file:../repository `default` from now on" in said
    assert str(empty.repository) not in empty.lock.read_text()
    moved = empty.root / "moved"
    moved.mkdir()
    shutil.copytree(empty.repository, moved / "repository")
    shutil.copytree(empty.app, moved / "app", ignore=shutil.ignore_patterns(".venv"))
    shutil.rmtree(empty.repository)
    empty.run("sync", cwd=moved / "app")
    empty.run("lock", "-U", cwd=moved / "app")


@pytest.mark.parametrize(("args", "code"), [(("gamma", "--dry-run"), 0), (("gamma>99",), 3)])
def test_an_add_that_writes_nothing_does_not_say_that_the_manifest_names_a_repository(
    empty: Workspace, args: tuple[str, ...], code: int
) -> None:
    fill(empty)
    empty.manifest.write_text("dependencies = []\n")
    said = empty.run("add", *args, "-b", "../repository", code=code).stderr
    assert "pipper.toml names" not in said
    assert ("pipper.toml would name the repository file:../repository" in said) == (code == 0)
    assert empty.manifest.read_text() == "dependencies = []\n"


def test_what_is_removed_and_still_required_is_told_with_the_place(empty: Workspace) -> None:
    fill(empty)
    empty.write_manifest("gamma", more="[dependency-groups]\ndev = ['gamma', 'alpha']\n")
    told = empty.run("remove", "alpha", code=2).stderr
    assert "`alpha` is not a requirement in the dependencies of pipper.toml" in told
    assert "hint: it is in the group `dev`: use `-g dev`" in told
    told = empty.run("remove", "--dev", "gamma").stderr
    assert "`gamma` is still required by the dependencies of pipper.toml: run `pipper remove gamma`" in told


def test_a_repository_beside_those_of_the_manifest_keeps_what_was_added_from_it(workspace: Workspace) -> None:
    more = workspace.root / "more"
    newer = workspace.wheel("gamma", "3.0.0")
    workspace.run("publish", newer, "-b", more.as_uri())
    workspace.publish(workspace.wheel("gamma", "2.0.0"))
    workspace.run("add", "gamma", "-b", more.as_uri())
    manifest = tomllib.loads(workspace.manifest.read_text())
    assert manifest["repositories"]["default"] == more.as_uri()
    assert manifest["sources"] == {"gamma": "default"}
    workspace.run("lock", "-U")
    assert workspace.locked()["gamma"] == "3.0.0"
    before = workspace.manifest.read_bytes()
    workspace.run("add", "gamma", "-b", "../more")
    assert workspace.manifest.read_bytes() == before
    assert workspace.locked()["alpha"] == "1.1.0"


def test_a_lock_of_a_repository_that_no_manifest_names_is_warned_of(empty: Workspace) -> None:
    fill(empty)
    empty.manifest.write_text('dependencies = ["gamma"]\n')
    for command in ("lock", "lock", "sync"):
        said = empty.run(command, "-b", "../repository").stderr
        assert "warning: the lock names the repository `default`" in said
        assert "add it to [repositories]" in said


def test_a_dry_run_says_what_changes_in_a_lock_with_the_same_versions(workspace: Workspace) -> None:
    said = workspace.run("add", "beta", "--dry-run").stderr
    assert "No version changes in the lock, but the manifest asks for `beta`, the lock does not" in said
    workspace.run("lock", "-b", workspace.repository.as_uri())
    said = workspace.run("install", "-u", "--dry-run").stderr
    assert "No version changes in the lock, but the repository `acme` is file:../repository" in said


def test_an_empty_manifest_of_a_project_gets_no_word_of_an_environment(empty: Workspace) -> None:
    fill(empty)
    empty.manifest.write_bytes(b"")
    empty.run("add", "gamma", "-b", "../repository", "--no-sync")
    assert "#" not in empty.manifest.read_text()


def test_a_folder_in_the_place_of_the_lock_is_told_with_what_to_do(workspace: Workspace) -> None:
    workspace.lock.unlink()
    workspace.lock.mkdir()
    for command in ("lock", "sync", "tree"):
        said = workspace.run(command, code=8).stderr
        assert "pipper.lock" in said
        assert "hint: that path is a directory: move it away" in said
