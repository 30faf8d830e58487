"""`sync --json`, `--check` and `--dry-run`: one plan, told in a form that programs rely on, and nothing written."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipper.apply import bytecode
from tests.invariants import Workspace, tree

TOP = ["environment", "actions", "drift", "unproven"]
COMES = ["action", "name", "version", "before", "source", "sha256"]
STAYS_OR_GOES = ["action", "name", "version"]
KEYS = {"install": COMES, "replace": COMES, "keep": STAYS_OR_GOES, "remove": STAYS_OR_GOES}
DRIFT = ["name", "path", "problem"]


def document(workspace: Workspace, *options: str, code: int = 0) -> dict[str, Any]:
    """What `sync --json` gives, with every key that the pages name in its place and no other."""
    found = json.loads(workspace.run("sync", "--json", *options, code=code).stdout)
    assert list(found) == TOP
    for action in found["actions"]:
        assert list(action) == KEYS[action["action"]], action
    for drift in found["drift"]:
        assert list(drift) == DRIFT, drift
    assert isinstance(found, dict)
    return found


def told(found: dict[str, Any]) -> list[str]:
    return [f"{each['action']} {each['name']} {each['version']}" for each in found["actions"]]


def changed(workspace: Workspace) -> None:
    """Something to install, to replace, to keep and to remove."""
    workspace.write_manifest("alpha==1.0.0", "gamma")
    workspace.run("lock")


def test_json_tells_each_kind_of_action_in_the_order_of_names(workspace: Workspace) -> None:
    changed(workspace)
    found = document(workspace, "--dry-run")
    assert found["environment"] == str(workspace.venv)
    assert told(found) == [
        "replace alpha 1.0.0",
        "keep beta 1.0.0",
        "remove delta 1.0.0",
        "install gamma 1.0.0",
    ]
    alpha, _, _, gamma = found["actions"]
    assert (alpha["before"], gamma["before"]) == (["1.1.0"], [])
    assert alpha["source"] == gamma["source"] == "acme"
    wheels = {path.parent.name: path.name for path in workspace.repository.rglob("*.whl")}
    assert wheels[gamma["sha256"][:16]] == "gamma-1.0.0-py3-none-any.whl"
    assert found["drift"] == []


def test_dry_run_check_and_sync_tell_the_same_plan(workspace: Workspace) -> None:
    changed(workspace)
    found = document(workspace, "--dry-run")
    assert document(workspace, "--check", code=1) == found
    assert document(workspace, "--check", "--dry-run", code=1) == found
    assert document(workspace) == found


def test_json_of_a_sync_with_nothing_to_do_lists_what_is_kept(workspace: Workspace) -> None:
    workspace.run("sync")
    for options in ((), ("--check",), ("--check", "--verify"), ("--dry-run",)):
        found = document(workspace, *options)
        assert told(found) == ["keep alpha 1.1.0", "keep beta 1.0.0", "keep delta 1.0.0"]
        assert found["drift"] == []


def test_json_of_a_sync_that_makes_the_environment_is_all_there_is_on_stdout(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    assert [line.split()[0] for line in told(document(workspace))] == ["install"] * 3


def test_json_of_an_empty_environment_has_every_key(workspace: Workspace) -> None:
    workspace.write_manifest()
    workspace.run("lock")
    workspace.run("sync")
    nothing = {"actions": [], "drift": [], "unproven": None}
    assert document(workspace, "--check") == {"environment": str(workspace.venv), **nothing}


def test_a_check_tells_drift_and_a_sync_mends_it(workspace: Workspace) -> None:
    (workspace.site / "beta" / "__init__.py").unlink()
    found = document(workspace, "--check", code=1)
    assert told(found) == ["keep alpha 1.1.0", "keep beta 1.0.0", "keep delta 1.0.0"]
    place = str(workspace.site / "beta" / "__init__.py")
    assert [{**each, "path": str(Path(each["path"]))} for each in found["drift"]] == [
        {"name": "beta", "path": place, "problem": "missing"}
    ]
    assert told(document(workspace, "--dry-run"))[1] == "replace beta 1.0.0"
    mended = document(workspace)
    assert told(mended)[1] == "replace beta 1.0.0"
    assert mended["drift"] == []
    assert document(workspace, "--check")["drift"] == []


def test_a_failed_sync_gives_no_json(workspace: Workspace) -> None:
    workspace.write_manifest("gamma")
    assert workspace.refused("sync", "--json", code=2, subject="pipper.lock").stdout == ""
    assert workspace.refused("sync", "--json", "--check", code=2, subject="pipper.lock").stdout == ""


@pytest.mark.parametrize("option", ["--check", "--dry-run"])
@pytest.mark.parametrize("state", ["matching", "behind", "damaged", "absent", "unmarked"])
def test_looking_writes_nothing(state: str, option: str, workspace: Workspace) -> None:
    if state == "behind":
        changed(workspace)
    elif state == "damaged":
        (workspace.site / "alpha" / "__init__.py").write_text("changed by hand\n")
    elif state == "absent":
        shutil.rmtree(workspace.venv)
    elif state == "unmarked":
        shutil.rmtree(workspace.venv / ".pipper")
    before = workspace.state()
    code = 1 if option == "--check" and state in ("behind", "damaged", "absent") else 0
    for more in ([], ["--json"], ["-t", "nowhere"]):
        workspace.run("sync", option, *more, code=int(option == "--check") if "-t" in more else code)
    workspace.compare(before)
    made = {path.name for path in (workspace.root / "cache").iterdir()} - {"stamps", "memos"}  # of `lock`
    assert made == {"CACHEDIR.TAG", "interpreters"}
    assert not (workspace.app / "nowhere").exists()


def test_compile_is_off_unless_asked_for_and_what_it_made_stays(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    workspace.run("sync")
    assert not list(workspace.venv.rglob("*.pyc"))
    workspace.run("sync", "--compile")  # also what is there already
    compiled = {path: seen for path, seen in tree(workspace.venv).items() if path.endswith(".pyc")}
    assert {path.split("/")[-3] for path in compiled} == {"alpha", "beta", "delta"}
    for options in (["--compile"], [], ["--check"], ["--check", "--verify"]):
        assert "Nothing to do" in workspace.run("sync", *options).stderr
        assert {
            path: seen for path, seen in tree(workspace.venv).items() if path.endswith(".pyc")
        } == compiled
    changed(workspace)
    workspace.run("sync", "--compile")
    assert {path.parts[-3] for path in workspace.venv.rglob("*.pyc")} == {"alpha", "beta", "gamma"}


def test_a_package_that_goes_while_modules_are_compiled_is_missed_by_the_next_sync(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_modules = bytecode.compile_modules

    def meddled(*args: Any) -> None:
        compile_modules(*args)
        shutil.rmtree(next(workspace.site.glob("alpha-*.dist-info")))

    with monkeypatch.context() as patched:
        patched.setattr(bytecode, "compile_modules", meddled)
        workspace.run("sync", "--compile")
    assert "Nothing to do" not in workspace.run("sync", "--compile").stderr
    assert "alpha" in workspace.installed()


def test_bytecode_of_a_module_at_the_top_leaves_nothing_to_do(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("top", files={"top.py": "VALUE = 1\n"}))
    workspace.write_manifest("top")
    workspace.run("lock")
    workspace.run("sync", "--compile")
    assert list(workspace.site.glob("__pycache__/top.*.pyc"))
    assert "Nothing to do" in workspace.run("sync", "--compile").stderr
