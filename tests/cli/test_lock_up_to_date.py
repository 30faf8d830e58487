"""A lock that is up to date is left as it is, and nobody is asked; whatever could change it makes `lock` ask again."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from pipper.cache.cache import cache_root
from pipper.cache.parts import likely_root
from pipper.ops.context.project_files import likely_project
from pipper.ops.lock import lock, lock_stamp
from pipper.ops.lock.lock_stamp import stamp_name, stamped
from tests.commands import run_pipper_apart
from tests.invariants import Workspace
from tests.legacy import copy_legacy


@pytest.fixture
def closed(workspace: Workspace) -> Workspace:
    """A project whose repository cannot be asked: a command that does ends with 2."""
    workspace.repository.rename(workspace.root / "away")
    return workspace


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nobody_is_asked_and_the_file_stays(closed: Workspace) -> None:
    before = closed.lock.read_bytes(), closed.lock.stat().st_mtime_ns
    done = closed.run("lock", "-v")
    assert done.stdout == ""
    assert "up to date: no source is asked\nUnchanged: 3 packages for cp" in done.stderr
    assert "Would lock 3 packages" in closed.run("lock", "--dry-run").stderr
    document = json.loads(closed.run("lock", "--json").stdout)
    assert (document["written"], document["changes"], len(document["packages"])) == (False, [], 3)
    assert (closed.lock.read_bytes(), closed.lock.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "options",
    [
        ("-U",),
        ("-P", "alpha"),
        ("--as-of", "2026-01-01"),
        ("--resolution", "lowest-direct"),
        ("-b", "file:../elsewhere"),
        ("--endpoint-url", "http://127.0.0.1:9"),
    ],
    ids=lambda options: options[0],
)
def test_options_that_change_the_answer_make_it_ask(closed: Workspace, options: tuple[str, ...]) -> None:
    closed.refused("lock", *options, code=2, subject="is not a repository")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'alpha'", "'alpha>=1'"),
        ("index = false", "index = false\nprereleases = true"),
        ("index = false", "index = false\nrequires-python = '>=3.9'"),
        ("index = false", "index = false\ncool-down = '7 days'"),
        ("[repositories]", "[sources]\nbeta = 'acme'\n[repositories]"),
        ("[repositories]", "[repositories]\ndrop = 'file:../drop'"),
        ("['delta']", "['delta>=1']"),
    ],
)
def test_a_manifest_that_asks_for_something_else_makes_it_ask(closed: Workspace, old: str, new: str) -> None:
    edit(closed.manifest, old, new)
    closed.run("lock", "--check", code=1)
    closed.refused("lock", code=2, subject="is not a repository")


def test_another_spelling_of_the_same_manifest_is_up_to_date(closed: Workspace) -> None:
    edit(closed.manifest, "'alpha'", "'Alpha'  # the same project")
    assert "Unchanged" in closed.run("lock").stderr


def test_a_repository_that_moved_is_asked_and_its_new_url_is_locked(closed: Workspace) -> None:
    edit(closed.manifest, closed.url, "file:../away")
    closed.run("lock", "--check")
    closed.run("lock")
    assert tomllib.loads(closed.lock.read_text())["repositories"] == {"acme": "file:../away"}


def test_a_lock_that_pipper_did_not_write_so_is_written_anew(workspace: Workspace) -> None:
    before = workspace.lock.read_bytes()
    workspace.lock.write_bytes(before + b"# edited\n")
    workspace.run("lock")
    assert workspace.lock.read_bytes() == before


def test_an_environment_that_the_lock_lacks_makes_it_ask(closed: Workspace) -> None:
    parts = re.split(r"(?=\[\[environments\]\]|\[\[packages\]\])", closed.lock.read_text())
    without = [part for part in parts if "win_amd64" not in part]
    assert len(without) == len(parts) - 1
    closed.lock.write_text("".join(without))
    closed.run("lock", "--check")
    closed.refused("lock", code=2, subject="is not a repository")


def test_a_python_that_the_lock_is_not_for_makes_it_ask(closed: Workspace) -> None:
    edit(closed.lock, 'implementation_name = "cpython"', 'implementation_name = "pypy"')
    closed.run("lock", "--check")
    closed.refused("lock", code=2, subject="is not a repository")


def test_declared_environments_are_wanted_and_no_others(workspace: Workspace) -> None:
    declared = "[[environments]]\npython = '3.12'\nplatform = '{}'\n"
    with workspace.manifest.open("a") as stream:
        stream.write(declared.format("linux-x86_64") + declared.format("windows-x86_64"))
    workspace.run("lock")
    workspace.repository.rename(workspace.root / "away")
    assert "no source is asked" in workspace.run("lock", "-v").stderr
    edit(workspace.manifest, declared.format("windows-x86_64"), "")
    workspace.refused("lock", code=2, subject="is not a repository")


def failing(workspace: Workspace, which: str) -> None:
    """Let the lock say that there was no solution for the environments whose name matches."""
    parts = re.split(r"(?=\[\[environments\]\]|\[\[packages\]\])", workspace.lock.read_text())
    for at, part in enumerate(parts):
        if re.search(f'^name = "cp.*{which}', part, re.MULTILINE) and part.startswith("[[environments]]"):
            head = part.partition("packages = [")[0]
            parts[at] = f'{head}failure = "alpha has no wheel for it\\nand more"\n\n'
    workspace.lock.write_text("".join(parts))


def test_an_environment_without_a_solution_is_told_each_time_and_not_tried_again(closed: Workspace) -> None:
    failing(closed, "win_amd64")
    for option in ("-v", "-q"):
        done = closed.run("lock", option)
        assert re.search(
            r"^warning: no solution for cp\d+-win_amd64: alpha has no wheel for it$", done.stderr, re.M
        )
    quick = run_pipper_apart("lock", "-q", cwd=closed.app, env=closed.environment)
    assert quick.stderr == done.stderr
    assert stamped_in(closed)


def test_this_machine_is_tried_again_where_it_had_no_solution(closed: Workspace) -> None:
    failing(closed, "linux_.*_x86_64" if os.name == "posix" else "win_amd64")
    closed.run("lock", "--check")
    closed.refused("lock", code=2, subject="is not a repository")


def test_without_repositories_in_the_manifest_a_default_that_the_lock_does_not_know_is_asked(
    empty: Workspace,
) -> None:
    empty.write_manifest()
    edit(empty.manifest, f"[repositories]\nacme = '{empty.url}'\n", "")
    empty.run("lock")
    assert "Unchanged" in empty.run("lock").stderr
    assert stamped_in(empty)
    home = Path(empty.environment["HOME"]) / ".pipper"
    home.mkdir(exist_ok=True)
    named = {
        "bucket": "nowhere",
        "profile": "",
        "root_prefix": "",
        "access_key_id": "",
        "secret_access_key": "",
    }
    (home / "repositories.json").write_text(
        json.dumps({"repositories": {"acme": {**named, "session_token": ""}}, "default": "acme"})
    )
    (home / "repositories.json").chmod(0o600)
    assert not stamped_in(empty)
    assert "no source is asked" not in empty.run("lock", "-v").stderr
    assert not stamped_in(empty)


def test_a_file_that_vanished_is_found_by_sync_and_a_yanked_one_by_an_upgrade(workspace: Workspace) -> None:
    page = workspace.repository / "alpha" / "index.json"
    document = json.loads(page.read_text())
    document["files"][-1]["yanked"] = "breaks things"
    page.write_text(json.dumps(document))
    shutil.rmtree(workspace.venv)
    shutil.rmtree(workspace.root / "cache", ignore_errors=True)
    for wheel in workspace.repository.glob("beta/*/*.whl"):
        wheel.unlink()
    assert "yanked" not in workspace.run("lock").stderr
    assert "`pipper lock -P beta`" in workspace.run("sync", code=4).stderr
    workspace.run("lock", "-U")
    assert workspace.locked()["alpha"] == "1.0.0"


def test_a_lock_with_bundles_is_made_again_since_they_may_have_been_unpacked(empty: Workspace) -> None:
    copy_legacy(empty.repository)
    empty.write_manifest("acme-base")
    empty.run("lock")
    assert "bundle-sha256" in empty.lock.read_text()
    assert not stamped_in(empty)
    empty.run("repository", "repair")
    empty.run("lock")
    assert "bundle-sha256" not in empty.lock.read_text()
    assert stamped_in(empty)


def stamped_in(workspace: Workspace) -> list[str] | None:
    """What a bare `pipper lock` in a process of its own would say at once."""
    env = workspace.environment
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE", "PIPPER_CACHE_DIR"):
            patch.setenv(name, env[name])
        return stamped(likely_project(str(workspace.app)))


def stamp_of(workspace: Workspace) -> Path:
    return workspace.root / "cache" / stamp_name(str(workspace.manifest))


@pytest.mark.parametrize(
    "args", [(), ("-q",), ("-U",), ("--json",), ("--resolution", "lowest-direct")], ids=" ".join
)
def test_what_lock_leaves_behind_is_stamped(workspace: Workspace, args: tuple[str, ...]) -> None:
    workspace.run("lock", *args)
    told = stamped_in(workspace)
    assert told
    assert "\n".join(told) + "\n" == workspace.run("lock").stderr
    quick = run_pipper_apart("lock", cwd=workspace.app, env=workspace.environment)
    assert (quick.code, quick.stdout, quick.stderr) == (0, "", "\n".join(told) + "\n")


@pytest.mark.parametrize("args", [("--dry-run",), ("--check",), ("-b", "file:../repository")], ids=" ".join)
def test_what_a_bare_lock_would_not_leave_so_is_not_stamped(
    workspace: Workspace, args: tuple[str, ...]
) -> None:
    shutil.rmtree(workspace.root / "cache" / "stamps", ignore_errors=True)
    workspace.run("lock", *args)
    assert stamped_in(workspace) is None


@pytest.mark.parametrize(
    "change", ["manifest", "lock", "second manifest", "python", "named repositories", "version"]
)
def test_a_stamp_holds_only_while_nothing_changed(
    workspace: Workspace, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.run("lock")
    assert stamped_in(workspace)
    if change in ("manifest", "lock"):
        path = workspace.manifest if change == "manifest" else workspace.lock
        path.write_bytes(path.read_bytes() + b"\n")
    elif change == "second manifest":
        (workspace.app / "pyproject.toml").write_text("[tool.pipper]\n")
    elif change == "python":
        os.utime(workspace.venv / "pyvenv.cfg", ns=(1, 1))
    elif change == "named repositories":
        folder = Path(workspace.environment["HOME"]) / ".pipper"
        folder.mkdir(exist_ok=True)
        (folder / "repositories.json").write_text("not JSON")
    else:
        monkeypatch.setattr(lock_stamp, "__version__", "0")
    assert stamped_in(workspace) is None


_LAB = "[build-system]\nrequires = []\nbuild-backend = 'x'\n[project]\nname = 'lab'\nversion = '1'\n"


@pytest.fixture
def lab(workspace: Workspace) -> Path:
    """The folder of a member of the workspace, which is locked."""
    lab = workspace.app / "libs" / "lab"
    lab.mkdir(parents=True)
    (lab / "pyproject.toml").write_text(_LAB)
    edit(workspace.manifest, "[repositories]", "[workspace]\nmembers = ['libs/*']\n[repositories]")
    workspace.run("lock")
    return lab


def test_a_lock_with_members_is_stamped_and_their_modules_do_not_count(
    workspace: Workspace, lab: Path
) -> None:
    told = stamped_in(workspace)
    assert told
    (lab / "lab.py").write_text("VALUE = 2\n")
    quick = run_pipper_apart("lock", cwd=workspace.app, env=workspace.environment)
    assert quick.stderr == "\n".join(told) + "\n" == workspace.run("lock").stderr
    assert stamped_in(workspace) == told


@pytest.mark.parametrize(
    "change", ["requirement", "setup.py", "second manifest", "another member", "removed", "link out"]
)
def test_a_stamp_with_members_holds_only_while_none_changed(
    workspace: Workspace, lab: Path, change: str
) -> None:
    stated = lab / "pyproject.toml"
    if change == "requirement":
        stated.write_text(f"{_LAB}dependencies = ['beta']\n")
    elif change == "setup.py":
        (lab / "setup.py").write_text("")
    elif change == "second manifest":
        (lab / "pipper.toml").write_text("")
    elif change == "another member":
        shutil.copytree(lab, lab.parent / "other")
    elif change == "removed":
        shutil.rmtree(lab)
    else:
        lab.rename(workspace.root / "elsewhere")
        lab.symlink_to(workspace.root / "elsewhere")
    assert stamped_in(workspace) is None


@pytest.mark.parametrize("was", ["link", "file"])
def test_what_becomes_the_folder_of_a_member_is_seen(workspace: Workspace, lab: Path, was: str) -> None:
    place, vendor = lab.parent / "new", workspace.app / "vendor"
    if was == "link":
        place.symlink_to(vendor)
    else:
        place.write_text("")
    workspace.run("lock")
    assert stamped_in(workspace)
    if was == "file":
        place.unlink()
    shutil.copytree(lab, vendor if was == "link" else place)
    assert stamped_in(workspace) is None


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_files_of_setuptools_beside_a_pyproject_that_requires_nothing_are_seen(
    workspace: Workspace, name: str
) -> None:
    workspace.manifest.unlink()
    (workspace.app / "pyproject.toml").write_text("[tool.pipper]\n")
    workspace.run("lock")
    assert stamped_in(workspace)
    (workspace.app / name).write_text("[options]\ninstall_requires = six\n")
    assert stamped_in(workspace) is None
    assert name in workspace.run("lock", code=2).stderr


def test_a_member_that_changes_while_the_lock_is_looked_at_leaves_no_stamp(
    workspace: Workspace, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = lock.is_up_to_date

    def meddled(*args: object, **options: object) -> object:
        (lab / "pyproject.toml").write_text(f"{_LAB}dependencies = ['beta']\n")
        return looked(*args, **options)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(lock, "is_up_to_date", meddled)
    workspace.run("lock")
    assert stamped_in(workspace) is None


def test_a_stamp_that_is_cut_off_or_forged_is_void(workspace: Workspace) -> None:
    workspace.run("lock")
    stamp = stamp_of(workspace)
    whole = stamp.read_bytes()
    for end in range(len(whole)):
        stamp.write_bytes(whole[:end])
        assert stamped_in(workspace) is None, end
    for forged in (
        whole.replace(b"Unchanged", b"unchanged"),
        whole + b"\n",
        whole.replace(b"\n", b"\n\x1b[2J"),
        b"\xff" + whole,
        b"\n" * 100_000,
    ):
        stamp.write_bytes(forged)
        assert stamped_in(workspace) is None
    stamp.write_bytes(whole)
    assert stamped_in(workspace)
    stamp.unlink()
    stamp.mkdir()
    assert stamped_in(workspace) is None
    assert "Unchanged" in workspace.run("lock").stderr


def test_the_stamp_of_another_project_is_void(workspace: Workspace) -> None:
    workspace.run("lock")
    other = Workspace(root=workspace.root / "other")
    shutil.copytree(workspace.app, other.app, symlinks=True)
    there = other.root / "cache" / stamp_name(str(other.manifest))
    there.parent.mkdir(parents=True)
    shutil.copy(stamp_of(workspace), there)
    assert stamped_in(other) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_cache_that_others_can_write_to_has_no_valid_stamp(workspace: Workspace) -> None:
    workspace.run("lock")
    (workspace.root / "cache").chmod(0o777)
    assert stamped_in(workspace) is None
    done = run_pipper_apart("lock", cwd=workspace.app, env=workspace.environment, ok=False)
    assert done.code == 8


def test_a_cleaned_cache_has_no_stamp(workspace: Workspace) -> None:
    workspace.run("lock")
    workspace.run("cache", "clean")
    assert stamped_in(workspace) is None
    assert not stamp_of(workspace).parent.parent.exists()


def test_variables_that_are_options_lead_the_long_way(workspace: Workspace) -> None:
    workspace.run("lock")
    for name, value in {
        "PIPPER_BUCKET": "file:../elsewhere",
        "PIPPER_LOCK_UPGRADE": "nonsense",
        "PIPPER_LOCK_QUIET": "1",
        "PIPPER_PROJECT": "nowhere",
        "PIPPER_VERSION": "1.2",
    }.items():
        env = {**workspace.environment, name: value}
        quick, slow = (
            run_pipper_apart(*line, cwd=workspace.app, env=env, ok=False)
            for line in (("lock",), ("lock", "--resolution", "highest"))
        )
        assert (quick.code, quick.stdout, quick.stderr) == (slow.code, slow.stdout, slow.stderr), name


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"XDG_CACHE_HOME": "/var/cache/me"},
        {"XDG_CACHE_HOME": ""},
        {"PIPPER_CACHE_DIR": "/srv/cache"},
        {"PIPPER_CACHE_DIR": "relative"},
        {"PIPPER_CACHE_DIR": "~/cache"},
        {"PIPPER_CACHE_DIR": ""},
    ],
    ids=str,
)
def test_the_cache_of_the_quick_answer_is_the_cache_or_uncertain(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "PIPPER_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    likely = likely_root(os.environ)
    assert likely in (None, str(cache_root(os.environ)))
