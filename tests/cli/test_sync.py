"""`pipper sync`: what it brings, takes and leaves, what it tells, and when it touches nothing."""

import json
import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
from packaging.tags import sys_tags

from tests.invariants import Workspace, site_of

GROUPS = """\
[dependency-groups]
dev = ['delta']
docs = ['gamma', {include-group = 'only-windows'}]
only-windows = ["beta; sys_platform == 'win32'"]
[optional-dependencies]
fast = ['alpha[fast]']
"""


@pytest.fixture
def grouped(workspace: Workspace) -> Workspace:
    """alpha for all, gamma for `docs` and for the extra `fast`, delta for `dev`."""
    workspace.write_manifest("alpha", more=GROUPS)
    workspace.run("lock")
    return workspace


def test_a_first_sync_makes_the_environment_and_its_commands_run(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    done = workspace.run("sync")
    assert done.stdout == ""
    assert done.stderr.startswith(f"Creating {workspace.venv} with Python 3.")
    assert done.stderr.endswith(f" + delta 1.0.0 (acme)\nInstalled 3 packages in {workspace.venv}\n")
    assert workspace.installed() == {"alpha": "1.1.0", "beta": "1.0.0", "delta": "1.0.0"}
    (command,) = (workspace.venv / ("Scripts" if os.name == "nt" else "bin")).glob("alpha*")
    assert subprocess.run([command], capture_output=True, text=True, check=True).stdout == "alpha runs\n"


def test_a_second_sync_has_nothing_to_do(workspace: Workspace) -> None:
    workspace.run("sync")
    before = workspace.state()
    assert workspace.run("sync").stderr.startswith("Nothing to do: ")
    workspace.compare(before, but="V" if not (workspace.venv / ".pipper").exists() else "")


def test_a_check_of_a_matching_environment_is_silent_on_stdout(workspace: Workspace) -> None:
    before = workspace.state()
    assert workspace.run("sync", "--check").stdout == ""
    workspace.compare(before)


def test_a_check_names_what_is_missing_changed_and_too_much(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0", "gamma")
    workspace.run("lock")
    before = workspace.state()
    done = workspace.run("sync", "--check", code=1)
    assert done.stdout == " ~ alpha 1.1.0 -> 1.0.0 (acme)\n - delta 1.0.0\n + gamma 1.0.0 (acme)\n"
    assert done.stderr == f"Would install 1 package, replace 1 and remove 1 in {workspace.venv}\n"
    workspace.compare(before)


def test_a_check_names_each_file_that_somebody_changed(workspace: Workspace) -> None:
    (workspace.site / "alpha" / "__init__.py").write_text("changed\n")
    (workspace.site / "beta" / "__init__.py").unlink()
    done = workspace.run("sync", "--check", code=1)
    assert " ! alpha: " in done.stdout
    assert " ! beta: " in done.stdout
    assert str(Path("beta", "__init__.py")) in done.stdout


def test_only_verify_sees_a_file_that_kept_its_size(workspace: Workspace) -> None:
    module = workspace.site / "beta" / "__init__.py"
    seen = module.stat()
    module.unlink()  # it may be a link into the cache
    module.write_text('__version__ = "6.6.6"\n')
    os.utime(module, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    workspace.run("sync", "--check")
    assert " ! beta: " in workspace.run("sync", "--check", "--verify", code=1).stdout


def test_a_dry_run_tells_the_plan_and_changes_nothing(workspace: Workspace) -> None:
    workspace.write_manifest("gamma")
    workspace.run("lock")
    before = workspace.state()
    done = workspace.run("sync", "--dry-run")
    assert done.stdout == " - alpha 1.1.0\n - beta 1.0.0\n - delta 1.0.0\n + gamma 1.0.0 (acme)\n"
    workspace.compare(before)


def test_a_dry_run_does_not_make_the_environment(workspace: Workspace) -> None:
    workspace.venv.rename(workspace.root / "elsewhere")
    assert " + alpha 1.1.0 (acme)\n" in workspace.run("sync", "--dry-run").stdout
    assert not workspace.venv.exists()


def test_json_tells_every_action(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0")
    workspace.run("lock")
    document = json.loads(workspace.run("sync", "--json").stdout)
    told = [(each["action"], each["name"], each["version"]) for each in document["actions"]]
    assert told == [("replace", "alpha", "1.0.0"), ("keep", "beta", "1.0.0"), ("remove", "delta", "1.0.0")]
    assert document["environment"] == str(workspace.venv)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "alpha beta delta"),
        (("--no-dev",), "alpha beta"),
        (("--group", "Docs"), "alpha beta delta gamma"),
        (("--no-dev", "--group", "docs"), "alpha beta gamma"),
        (("--only-group", "docs"), "gamma"),
        (("--only-group", "docs", "--only-group", "dev"), "delta gamma"),
        (("--all-groups",), "alpha beta delta gamma"),
        (("--extra", "fast", "--no-dev"), "alpha beta gamma"),
        (("--all-extras", "--no-dev"), "alpha beta gamma"),
    ],
)
def test_groups_and_extras_pick_their_part(
    options: tuple[str, ...], expected: str, grouped: Workspace
) -> None:
    grouped.run("sync", "-t", "out", *options)
    assert " ".join(sorted(grouped.installed(grouped.app / "out"))) == expected


@pytest.mark.parametrize(
    ("option", "kind"), [("--group", "group"), ("--only-group", "group"), ("--extra", "extra")]
)
def test_an_unknown_group_or_extra_names_those_there_are(option: str, kind: str, grouped: Workspace) -> None:
    done = grouped.refused("sync", option, "nope", code=2, subject=f"there is no {kind} `nope`")
    assert "`fast`" in done.stderr or "`dev`, `docs`" in done.stderr


def test_what_another_tool_installed_stays_without_exact(workspace: Workspace) -> None:
    foreign = workspace.site / "foreign-1.0.dist-info"
    foreign.mkdir()
    (foreign / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (foreign / "INSTALLER").write_text("pip\n")
    (foreign / "RECORD").write_text(
        "foreign-1.0.dist-info/METADATA,,\nforeign-1.0.dist-info/INSTALLER,,\nforeign-1.0.dist-info/RECORD,,\n"
    )
    workspace.run("sync")
    assert "foreign" in workspace.installed()
    workspace.run("sync", "--exact")
    assert workspace.installed() == {"alpha": "1.1.0", "beta": "1.0.0", "delta": "1.0.0"}
    assert not foreign.exists()


def test_a_target_directory_is_an_environment_of_its_own(workspace: Workspace) -> None:
    before = workspace.state()
    workspace.run("sync", "-t", "build/packages", "--no-dev")
    target = workspace.app / "build" / "packages"
    assert workspace.installed(target) == {"alpha": "1.1.0", "beta": "1.0.0"}
    assert (target / "alpha" / "__init__.py").is_file()
    workspace.compare(before, but="O")


def test_another_environment_is_synced_through_its_python(workspace: Workspace) -> None:
    other = workspace.root / "other"
    venv.EnvBuilder(symlinks=os.name != "nt").create(other)
    before = workspace.state()
    python = other / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    workspace.run("sync", "--python", python, "--no-dev")
    site = site_of(other)
    assert workspace.installed(site) == {"alpha": "1.1.0", "beta": "1.0.0"}
    workspace.compare(before, but="O")


def test_an_active_environment_is_left_alone_unless_it_is_asked_for(workspace: Workspace) -> None:
    other = workspace.root / "other"
    venv.EnvBuilder(symlinks=os.name != "nt").create(other)
    active = {"VIRTUAL_ENV": str(other)}
    site = site_of(other)
    workspace.write_manifest("alpha==1.0.0")
    workspace.run("lock")
    told = workspace.run("sync", env=active).stderr
    assert told.count(f"{other} is active, but pipper uses") == 1
    assert workspace.installed(site) == {}
    workspace.run("sync", "--active", env=active)
    assert workspace.installed(site) == {"alpha": "1.0.0", "beta": "1.0.0"}


def test_active_without_an_active_environment_is_a_mistake(workspace: Workspace) -> None:
    workspace.refused("sync", "--active", code=2, subject="no environment is active")


def test_an_environment_the_lock_does_not_list_is_refused_naming_those_it_does(workspace: Workspace) -> None:
    workspace.lock.write_text(re.sub(r'name = "cp\d+-', 'name = "cp39-', workspace.lock.read_text()))
    done = workspace.refused("sync", code=2, subject="pipper.lock is not for this environment, cp3")
    assert "it lists cp39-" in done.stderr


def test_a_failed_first_sync_leaves_no_environment_behind(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    (wheel,) = workspace.repository.glob("beta/*/beta-1.0.0-py3-none-any.whl")
    wheel.unlink()
    workspace.refused("sync", code=4, subject="locked object is missing")
    workspace.refused("sync", "-t", "out/there", code=4, subject="locked object is missing")
    assert not (workspace.app / "out").exists()


@pytest.mark.parametrize(
    "command",
    [("sync", "-t", "elsewhere"), ("outdated",), ("info", "alpha"), ("lock", "-U")],
    ids=lambda each: each[0],
)
def test_a_repository_whose_directory_is_gone_is_named_as_such_by_every_command(
    command: tuple[str, ...], workspace: Workspace
) -> None:
    workspace.repository.rename(workspace.root / "moved")
    shutil.rmtree(workspace.root / "cache", ignore_errors=True)
    done = workspace.refused(
        *command,
        code=2,
        subject=f"{workspace.repository.as_uri()} is not a repository: there is no directory `{workspace.repository}`",
    )
    assert "hint: restore or mount it, or correct the path in [repositories]" in done.stderr
    assert "pipper publish" not in done.stderr


def test_what_is_in_the_way_of_the_environment_is_told_before_anything_is_fetched(
    workspace: Workspace,
) -> None:
    shutil.rmtree(workspace.venv)
    (workspace.venv / "mine").mkdir(parents=True)
    shutil.rmtree(workspace.repository)
    workspace.refused("sync", "--dry-run", code=8, subject="exists and is not a virtual environment")
    workspace.refused("sync", code=8, subject="exists and is not a virtual environment")


def test_a_failed_first_sync_leaves_an_empty_folder_empty(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    workspace.venv.mkdir()
    (wheel,) = workspace.repository.glob("beta/*/beta-1.0.0-py3-none-any.whl")
    wheel.unlink()
    workspace.refused("sync", code=4, subject="locked object is missing")
    assert list(workspace.venv.iterdir()) == []


def test_a_lock_elsewhere_can_be_synced_without_a_project(workspace: Workspace) -> None:
    place = workspace.root / "place"
    place.mkdir()
    workspace.lock.rename(place / "my.lock")
    text = (place / "my.lock").read_text()
    (place / "my.lock").write_text(text.replace("file:../repository", workspace.repository.as_uri()))
    workspace.run("sync", "--lock", "my.lock", "-t", "out", cwd=place)
    assert "alpha" in workspace.installed(place / "out")
    workspace.run("sync", "--lock", "nowhere.lock", "-t", "out", cwd=place, code=2)


def test_a_lock_of_one_repository_syncs_from_a_copy_of_it(workspace: Workspace) -> None:
    workspace.repository.rename(workspace.root / "mirror")
    workspace.run("sync", "-t", "out", "-b", "file:../mirror")
    assert "alpha" in workspace.installed(workspace.app / "out")


def test_a_downgrade_takes_out_what_only_the_newer_one_had(workspace: Workspace) -> None:
    scripts = workspace.venv / ("Scripts" if os.name == "nt" else "bin")
    assert list(scripts.glob("alpha*"))
    workspace.write_manifest("alpha==1.0.0")
    workspace.run("lock")
    done = workspace.run("sync")
    assert " ~ alpha 1.1.0 -> 1.0.0" in done.stderr
    assert list(scripts.glob("alpha*")) == []


def test_another_wheel_of_the_same_version_is_told_apart(workspace: Workspace) -> None:
    changed = workspace.wheel("beta", "1.0.0", files={"beta/__init__.py": "new = True\n"})
    workspace.run("publish", "--force", changed, "-b", workspace.url)
    workspace.run("lock", "-P", "beta")
    assert " ~ beta 1.0.0 (another wheel)" in workspace.run("sync").stderr
    assert (workspace.site / "beta" / "__init__.py").read_text() == "new = True\n"


def test_the_best_wheel_for_the_environment_is_installed(workspace: Workspace) -> None:
    workspace.publish(
        workspace.wheel("native", files={"native.py": "plain = True\n"}),
        workspace.wheel(
            "native", tag=str(next(sys_tags())), files={"native.py": "plain = False\n"}, purelib=False
        ),
    )
    workspace.write_manifest("native")
    workspace.run("lock")
    workspace.run("sync")
    assert (workspace.site / "native.py").read_text() == "plain = False\n"


def test_compile_makes_bytecode_that_goes_with_the_package(workspace: Workspace) -> None:
    workspace.run("sync", "--compile", "-t", "out")
    compiled = list((workspace.app / "out" / "alpha" / "__pycache__").glob("*.pyc"))
    assert len(compiled) == 1
    workspace.write_manifest("gamma")
    workspace.run("lock")
    workspace.run("sync", "-t", "out")
    assert not (workspace.app / "out" / "alpha").exists()


@pytest.mark.parametrize("mode", ["copy", "hardlink", "auto"])
def test_every_way_of_placing_files_gives_the_same_files(mode: str, workspace: Workspace) -> None:
    workspace.run("sync", "--link-mode", mode, "-t", "out")
    workspace.run("sync", "--check", "--verify", "-t", "out")


def test_a_manifest_in_place_of_a_lock_is_called_one(workspace: Workspace) -> None:
    told = workspace.refused("sync", "--lock", "pipper.toml", code=2, subject="is a manifest, not a lock")
    assert "unknown key" not in told.stderr


@pytest.mark.parametrize("name", ["alpha.pipper", "alpha.whl", "alpha.bin", "notes.txt"])
def test_a_file_that_is_no_lock_is_not_to_be_removed(workspace: Workspace, name: str) -> None:
    (workspace.app / name).write_bytes(b"PK\x03\x04\x00\xff")
    told = workspace.refused("sync", "--lock", name, code=2, subject=f"{name} is not a lock")
    assert "remove" not in told.stderr
