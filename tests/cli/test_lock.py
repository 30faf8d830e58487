"""`pipper lock`: what is locked, what is told, and when the file is left alone."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path
from unittest import mock

import pytest

from pipper.system.seals import sealed
from tests.invariants import Workspace


def test_a_first_lock_tells_each_package_and_keeps_stdout_empty(workspace: Workspace) -> None:
    workspace.lock.unlink()
    done = workspace.run("lock")
    assert done.stdout == ""
    assert (
        " + alpha 1.1.0 (acme)\n + beta 1.0.0 (acme)\n + delta 1.0.0 (acme)\nLocked 3 packages for cp"
        in done.stderr
    )


def test_the_same_project_is_locked_to_the_same_bytes(workspace: Workspace) -> None:
    before = workspace.lock.read_bytes()
    workspace.lock.unlink()
    workspace.run("lock")
    assert workspace.lock.read_bytes() == before


def test_an_unchanged_lock_is_not_rewritten(workspace: Workspace) -> None:
    os.utime(workspace.lock, ns=(1, 1))
    inode = workspace.lock.stat().st_ino
    done = workspace.run("lock")
    assert "Unchanged: 3 packages" in done.stderr
    assert (workspace.lock.stat().st_mtime_ns, workspace.lock.stat().st_ino) == (1, inode)


def test_a_lock_that_is_up_to_date_passes_the_check(workspace: Workspace) -> None:
    before = workspace.state()
    done = workspace.run("lock", "--check")
    assert (done.stdout, done.stderr) == ("", "pipper.lock is up to date\n")
    workspace.compare(before)


def test_a_stale_lock_fails_the_check_with_the_first_difference(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", "gamma>=1", more="[dependency-groups]\ndev = ['delta']\n")
    before = workspace.state()
    done = workspace.run("lock", "--check", code=1)
    assert done.stdout == "pipper.lock is out of date: the manifest asks for `gamma>=1`, the lock does not\n"
    assert done.stderr == "hint: pipper lock\n"
    workspace.compare(before)


def test_a_missing_lock_fails_the_check(workspace: Workspace) -> None:
    workspace.lock.unlink()
    done = workspace.run("lock", "--check", "--json", code=1)
    assert json.loads(done.stdout) == {"fresh": False, "difference": "there is no pipper.lock"}


def test_the_check_needs_no_repository_and_not_the_locked_python(workspace: Workspace) -> None:
    (workspace.repository).rename(workspace.root / "away")
    workspace.lock.write_text(re.sub(r'name = "cp\d+-', 'name = "cp39-', workspace.lock.read_text()))
    workspace.run("lock", "--check")


def test_a_dry_run_writes_nothing_and_tells_the_changes_on_stdout(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0")
    before = workspace.state()
    done = workspace.run("lock", "--dry-run")
    assert done.stdout == " ~ alpha 1.1.0 -> 1.0.0 (acme)\n - delta 1.0.0\n"
    workspace.compare(before)


def test_json_tells_packages_and_changes(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0")
    document = json.loads(workspace.run("lock", "--json").stdout)
    assert document["written"] is True
    assert document["packages"] == [
        {"name": "alpha", "version": "1.0.0", "source": "acme"},
        {"name": "beta", "version": "1.0.0", "source": "acme"},
    ]
    assert document["changes"][0] == {"name": "alpha", "before": ["1.1.0"], "after": ["1.0.0"]}


def test_locked_versions_stay_until_an_upgrade_is_asked_for(workspace: Workspace) -> None:
    workspace.publish(
        workspace.wheel("alpha", "1.2.0", requires=["beta>=1"]), workspace.wheel("beta", "1.5.0")
    )
    before = workspace.lock.read_bytes()
    workspace.run("lock")
    assert workspace.lock.read_bytes() == before
    workspace.run("lock", "-P", "Beta")
    assert workspace.locked() == {"alpha": "1.1.0", "beta": "1.5.0", "delta": "1.0.0"}
    workspace.run("lock", "-U")
    assert workspace.locked() == {"alpha": "1.2.0", "beta": "1.5.0", "delta": "1.0.0"}


def test_a_new_requirement_leaves_unrelated_pins_as_they_are(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "1.5.0"))
    before = workspace.lock.read_text()
    workspace.write_manifest("alpha", "gamma", more="[dependency-groups]\ndev = ['delta']\n")
    workspace.run("lock")
    after = workspace.lock.read_text()
    removed = set(before.splitlines()) - set(after.splitlines())
    assert removed == {'requirements = ["alpha"]'}


def test_upgrading_what_is_not_locked_is_a_mistake(workspace: Workspace) -> None:
    workspace.refused("lock", "-P", "nobody", code=2, subject="`nobody`")


def test_an_upgrade_to_a_version_takes_that_one_and_the_next_lock_keeps_it(workspace: Workspace) -> None:
    workspace.publish(*(workspace.wheel("beta", version) for version in ("1.5.0", "1.6.0rc1", "2.0.0")))
    for asked, found in (
        ("beta==1.5.0", "1.5.0"),
        ("Beta:<2", "1.5.0"),
        ("beta==1.6.0rc1", "1.6.0rc1"),
        ("beta==1.0.0", "1.0.0"),
    ):
        workspace.run("lock", "-P", asked)
        assert workspace.locked() == {"alpha": "1.1.0", "beta": found, "delta": "1.0.0"}
        before = workspace.lock.read_bytes()
        workspace.run("lock")
        assert workspace.lock.read_bytes() == before
    workspace.run("lock", "-P", "beta")
    assert workspace.locked()["beta"] == "2.0.0"


def test_an_upgrade_to_a_version_that_does_not_fit_says_so(workspace: Workspace) -> None:
    done = workspace.refused("lock", "-P", "alpha==0.9", code=3, subject="`alpha` satisfies alpha==0.9")
    assert "this command asks for alpha==0.9" in done.stderr
    workspace.write_manifest("alpha>=1.1")
    workspace.run("lock")
    done = workspace.refused("lock", "-P", "alpha==1.0.0", code=3, subject="`alpha`")
    assert "loosen `alpha>=1.1` or `-P alpha==1.0.0`" in done.stderr
    for text in ("alpha=", "alpha[x]==1", "alpha==1; python_version>'3'", "alpha @ https://x.example/a.whl"):
        workspace.refused("lock", "-P", text, code=2, subject="-P")


def test_R11_what_is_excluded_is_neither_locked_nor_missed(workspace: Workspace) -> None:
    manifest = workspace.manifest
    manifest.write_text('exclude = ["Beta"]\n' + manifest.read_text())
    assert "out of date" in workspace.run("lock", "--check", code=1).stdout
    workspace.run("lock")
    assert workspace.locked().keys() == {"alpha", "delta"}
    workspace.run("sync")
    assert workspace.installed().keys() == {"alpha", "delta"}
    workspace.run("sync", "--check", "--verify")
    manifest.write_text(manifest.read_text().replace('"Beta"', '"no name"'))
    workspace.refused("lock", code=2, subject="pipper.toml: exclude[0]: not the name of a project")


def test_R11_an_override_with_a_marker_applies_where_it_holds(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "0.5.0"), workspace.wheel("gamma", "0.5.0"))
    text = workspace.manifest.read_text()
    here, nowhere = "python_version > '3'", "python_version < '3'"
    overrides = [f"beta==0.5.0; {here}", f"beta==0.1; {nowhere}", f"gamma==7; {nowhere}"]
    workspace.manifest.write_text(f"overrides = {json.dumps(overrides)}\n{text}")
    workspace.run("lock")
    assert workspace.locked() == {"alpha": "1.1.0", "beta": "0.5.0", "delta": "1.0.0"}
    workspace.run("sync")
    assert workspace.installed()["beta"] == "0.5.0"
    workspace.manifest.write_text('overrides = ["beta==1", "beta==2; python_version > \'3\'"]\n' + text)
    workspace.refused("lock", code=2, subject="`beta` has two overrides")


def test_extras_groups_and_markers_each_take_their_part(workspace: Workspace) -> None:
    workspace.write_manifest(
        "alpha[fast]",
        "nowhere; sys_platform == 'nowhere'",
        more="[dependency-groups]\ndev = [{include-group = 'docs'}]\ndocs = ['delta']\n",
    )
    workspace.run("lock")
    assert workspace.locked() == {"alpha": "1.1.0", "beta": "1.0.0", "delta": "1.0.0", "gamma": "1.0.0"}
    for environment in tomllib.loads(workspace.lock.read_text())["environments"]:
        assert environment["groups"] == {"dev": ["delta==1.0.0"], "docs": ["delta==1.0.0"]}
        assert environment["packages"] == ["alpha==1.1.0", "beta==1.0.0", "gamma==1.0.0"]


def test_an_extra_that_a_package_does_not_have_is_told(workspace: Workspace) -> None:
    workspace.write_manifest("alpha[slow]")
    assert "slow" in workspace.run("lock").stderr


def test_a_release_for_another_python_is_left_out(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "9.0.0", requires_python=">=99"))
    workspace.lock.unlink()
    workspace.run("lock")
    assert workspace.locked()["beta"] == "1.0.0"


def test_a_pre_release_is_taken_only_where_it_is_admitted(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "2.0.0rc1"))
    workspace.lock.unlink()
    workspace.run("lock")
    assert workspace.locked()["beta"] == "1.0.0"
    text = workspace.manifest.read_text()
    workspace.manifest.write_text("prereleases = ['Beta']\n" + text)
    workspace.run("lock", "-U")
    assert workspace.locked()["beta"] == "2.0.0rc1"


def test_a_yanked_version_is_taken_only_by_its_exact_number(workspace: Workspace) -> None:
    page = workspace.repository / "alpha" / "index.json"
    document = json.loads(page.read_text())
    document["files"][-1]["yanked"] = "breaks things"
    page.write_text(json.dumps(document))
    workspace.lock.unlink()
    workspace.run("lock")
    assert workspace.locked()["alpha"] == "1.0.0"
    workspace.write_manifest("alpha==1.1.0")
    assert "breaks things" in workspace.run("lock").stderr
    assert workspace.locked()["alpha"] == "1.1.0"


def test_the_first_repository_that_holds_a_name_wins_unless_it_is_pinned(workspace: Workspace) -> None:
    other = (workspace.root / "other").as_uri()
    workspace.run("publish", workspace.wheel("beta", "9.0.0"), "-b", other)
    workspace.write_manifest("alpha", more=f"drop = '{other}'\n")
    workspace.run("lock")
    assert workspace.locked()["beta"] == "1.0.0"
    workspace.write_manifest("alpha", more=f"drop = '{other}'\n[sources]\n'bet*' = 'drop'\n")
    workspace.run("lock", "-U")
    packages = tomllib.loads(workspace.lock.read_text())["packages"]
    assert [(each["name"], each["version"], each["source"]) for each in packages] == [
        ("alpha", "1.1.0", "acme"),
        ("beta", "9.0.0", "drop"),
    ]


def test_every_wheel_of_a_version_that_fits_is_locked(workspace: Workspace) -> None:
    major, minor = sys.version_info[:2]
    workspace.publish(
        workspace.wheel("native", tag="py3-none-any"),
        workspace.wheel("native", tag=f"cp{major}{minor}-abi3-win_arm64", purelib=False),
    )
    workspace.write_manifest("native")
    workspace.run("lock")
    (package,) = tomllib.loads(workspace.lock.read_text())["packages"]
    assert [Path(wheel["key"]).name for wheel in package["wheels"]] == ["native-1.0.0-py3-none-any.whl"]


def test_a_lock_keeps_the_environments_it_has(workspace: Workspace) -> None:
    text = workspace.lock.read_text()
    name = tomllib.loads(text)["environments"][0]["name"]
    before, _, after = text.partition("[[environments]]")
    environment, _, packages = after.partition("[[packages]]")
    foreign = environment.replace(name, "cp39-win_arm64").replace('"linux"', '"win32"')
    workspace.lock.write_text(
        f"{before}[[environments]]{environment}[[environments]]{foreign}[[packages]]{packages}"
    )
    workspace.run("lock")
    names = [each["name"] for each in tomllib.loads(workspace.lock.read_text())["environments"]]
    assert {name, "cp39-win_arm64"} <= set(names)


def test_a_python_that_the_project_does_not_allow_is_refused(workspace: Workspace) -> None:
    workspace.manifest.write_text("requires-python = '<3'\n" + workspace.manifest.read_text())
    done = workspace.refused("lock", code=2, subject="the project requires Python <3")
    assert "--python" in done.stderr


def test_without_a_project_the_way_to_begin_one_is_told(empty: Workspace) -> None:
    done = empty.refused("lock", code=2, subject="no project at")
    assert "hint: run `pipper init`" in done.stderr


def test_two_manifests_in_one_folder_are_refused(workspace: Workspace) -> None:
    (workspace.app / "pyproject.toml").write_text("[tool.pipper]\n")
    workspace.refused("lock", code=2, subject="two manifests")


def test_a_pyproject_is_a_manifest_too(workspace: Workspace) -> None:
    workspace.manifest.unlink()
    (workspace.app / "pyproject.toml").write_text(
        "[project]\nname = 'app'\nversion = '1'\ndependencies = ['alpha']\n"
        "[dependency-groups]\ndev = ['delta']\n"
        f"[tool.pipper]\nindex = false\n[tool.pipper.repositories]\nacme = '{workspace.url}'\n"
    )
    assert "Unchanged" in workspace.run("lock").stderr


def test_a_project_is_found_from_a_folder_below_it(workspace: Workspace) -> None:
    below = workspace.app / "src" / "deep"
    below.mkdir(parents=True)
    assert "up to date" in workspace.run("lock", "--check", cwd=below).stderr
    assert "up to date" in workspace.run("lock", "--check", "--project", below, cwd=workspace.root).stderr


def test_a_folder_beside_the_project_is_not_in_it(workspace: Workspace) -> None:
    (workspace.root / "elsewhere").mkdir()
    workspace.refused("lock", "--project", "../elsewhere", code=2, subject="no project")


def test_an_empty_root_is_no_repository(workspace: Workspace) -> None:
    workspace.refused("lock", "-b", "file:../elsewhere", code=2, subject="is not a repository")


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_says_nothing(option: str, workspace: Workspace) -> None:
    done = workspace.run("lock", option)
    assert (done.stdout, done.stderr) == ("", "")


VOLATILE = ("implementation_version", "platform_release", "platform_version")


def move_to(workspace: Workspace, **facts: str) -> None:
    """Let the workspace be on another machine: what its interpreters said of themselves differs in these facts."""
    remembered = list((workspace.root / "cache" / "interpreters").glob("*.json"))
    assert remembered
    for path in remembered:
        said = json.loads(path.read_text().partition("\n")[2])
        said["markers"] |= facts
        with mock.patch.dict(os.environ, workspace.environment):
            path.write_bytes(sealed(json.dumps(said).encode(), f"interpreter {path.stem}"))


def markers(workspace: Workspace) -> list[dict[str, str]]:
    """The variables of each environment in the lock, without what every machine of its kind has."""
    environments = tomllib.loads(workspace.lock.read_text())["environments"]
    return [
        {name: value for name, value in each["markers"].items() if name in VOLATILE} for each in environments
    ]


def locked_anew(workspace: Workspace) -> bytes:
    """The bytes of a lock that is made without an older one."""
    workspace.lock.unlink()
    workspace.run("lock")
    return workspace.lock.read_bytes()


def test_R12_two_machines_of_one_kind_write_the_same_bytes(workspace: Workspace) -> None:
    before = locked_anew(workspace)
    assert not any(markers(workspace))
    move_to(
        workspace, platform_release="9.9.9-other", platform_version="#9 other", implementation_version="0"
    )
    assert locked_anew(workspace) == before
    workspace.run("lock", "-U")
    assert workspace.lock.read_bytes() == before
    workspace.run("lock", "--check")
    workspace.run("sync", "--check")


@pytest.mark.parametrize("kind", ["requirement", "metadata", "constraint"])
def test_R12_a_fact_of_the_machine_is_in_the_lock_where_a_marker_uses_it(
    kind: str, workspace: Workspace
) -> None:
    locked_anew(workspace)
    condition = "platform_release == '9.9.9'"
    if kind == "requirement":
        workspace.write_manifest("alpha", f"gamma; {condition}")
    elif kind == "metadata":
        workspace.publish(workspace.wheel("alpha", "2.0.0", requires=[f"gamma; {condition}"]))
        workspace.write_manifest("alpha>=2")
    else:
        workspace.write_manifest("gamma")
        limits = f'constraints = ["gamma<2; {condition}"]\n'
        workspace.manifest.write_text(limits + workspace.manifest.read_text())
    move_to(workspace, platform_release="9.9.9", platform_version="#1")
    before = locked_anew(workspace)
    assert {"platform_release": "9.9.9"} in markers(workspace)
    assert not any("platform_version" in each for each in markers(workspace))
    assert "gamma" in workspace.locked()
    move_to(workspace, platform_version="#2")
    assert locked_anew(workspace) == before
    move_to(workspace, platform_release="1.0")
    workspace.run("lock")
    workspace.run("sync")
    assert ("gamma" in workspace.installed()) is (kind == "constraint")


def test_R12_a_lock_that_has_all_facts_is_fresh_and_the_next_one_drops_them(workspace: Workspace) -> None:
    locked_anew(workspace)
    bare = workspace.lock.read_bytes()
    facts = "".join(f', {name} = "of another machine"' for name in VOLATILE)
    old = re.sub(r"^(markers = \{.*?) \}$", rf"\1{facts} }}", bare.decode(), flags=re.MULTILINE)
    workspace.lock.write_text(old)
    assert markers(workspace) == [dict.fromkeys(VOLATILE, "of another machine")] * len(markers(workspace))
    workspace.run("lock", "--check")
    workspace.run("sync")
    workspace.run("lock")
    assert workspace.lock.read_bytes() == bare


def test_an_upgrade_of_what_is_required_and_not_yet_locked_names_the_plain_command(empty: Workspace) -> None:
    empty.publish(empty.wheel("models", "1.0"), empty.wheel("plots", "1.0"))
    empty.write_manifest("models")
    told = empty.run("lock", "-P", "models", code=2).stderr
    assert "cannot upgrade `models`: there is no pipper.lock" in told
    assert "hint: run `pipper lock`: " in told
    empty.run("lock")
    empty.write_manifest("models", more="[dependency-groups]\ndev = ['plots']\n")
    assert "hint: run `pipper lock`, which adds it" in empty.run("lock", "-P", "plots", code=2).stderr
    assert "hint: run `pipper add other` to require it" in empty.run("lock", "-P", "other", code=2).stderr


def test_a_group_that_conflicts_now_is_told_with_what_conflicts(empty: Workspace) -> None:
    """The lock would forget that `plots` is private; `plots` itself is published and in no conflict."""
    empty.publish(*(empty.wheel("models", version) for version in ("1.4.0", "1.4.2")), empty.wheel("plots"))
    empty.write_manifest("models==1.4.0", more="[dependency-groups]\ndev = ['plots']\n")
    empty.run("lock")
    empty.write_manifest("models==1.4.0", more="[dependency-groups]\ndev = ['plots', 'models==1.4.2']\n")
    told = empty.run("lock", code=3).stderr
    assert "no solution for the group `dev`" in told
    assert "publish `plots` again" not in told
    assert "loosen what conflicts, or remove the group `dev`" in told
