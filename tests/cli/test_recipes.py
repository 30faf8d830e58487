"""A sync that finds no environment makes the one that it made before, of links alone: by a recipe in the cache.

Nothing tells such an environment from one of the long way, and whatever is not as it was leads to the long way.
"""

import errno
import fcntl
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipper.apply import recipe as recipes
from pipper.ops.sync import steps
from pipper.system import seals
from tests.cli.test_restored_cache import (
    EVIL,
    cache_of,
    entry,
    forget,
    replace_bytes,
    require_locked,
    restore,
)
from tests.crash.worlds import package
from tests.invariants import Tree, Workspace, tree

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no recipes on Windows")

_numbers = itertools.count()


@pytest.fixture
def made(workspace: Workspace) -> Workspace:
    """A project whose environment a bare sync made, as the tests of this file find it."""
    away(workspace)
    workspace.bare("sync")
    assert recipe_of(workspace).is_file()
    return workspace


def away(workspace: Workspace) -> Path:
    """Move the environment aside, and return where it is."""
    place = workspace.root / f"aside-{next(_numbers)}"
    workspace.venv.rename(place)
    return place


def recipe_of(workspace: Workspace) -> Path:
    """The recipe of the project's environment."""
    return cache_of(workspace) / recipes.recipe_place(str(workspace.venv)) / "recipe"


def is_linked(workspace: Workspace, old: Path) -> bool:
    """Whether the RECORD of a package is that of an old environment: the long way writes another."""
    new = sorted(workspace.site.glob("*.dist-info/RECORD"))
    before = sorted(old.glob("lib/python*/site-packages/*.dist-info/RECORD"))
    same = {one.samefile(other) for one, other in zip(new, before, strict=True)}
    assert len(same) == 1, "all of them, or none"
    return True in same


def sync_again(workspace: Workspace, **options: object) -> bool:
    """Move the environment aside, sync, and return whether that was done by the recipe."""
    old = away(workspace)
    workspace.bare("sync", **options)  # type: ignore[arg-type] # as `Workspace.bare` takes them
    assert workspace.run("sync", "--check", "--verify").code == 0
    return is_linked(workspace, old)


def all_of(venv: Path) -> Tree:
    """Everything in an environment, but for the stamp, which has inodes and times."""
    return tree(venv, without=(".pipper/stamp",))


def times_of(venv: Path) -> dict[str, int]:
    """The times of the files of packages: they show what was written, and what was linked."""
    return {
        str(path.relative_to(venv)): path.stat().st_mtime_ns
        for path in venv.rglob("lib/**/*")
        if path.is_file()
    }


def rewrite(workspace: Workspace, change: Callable[[list[str]], None]) -> None:
    """Change the recipe and seal it again, which only its own user can."""
    path = recipe_of(workspace)
    fields = path.read_bytes().partition(b"\n")[2].decode().split("\0")
    change(fields)
    key = (workspace.root / "home" / ".pipper" / "cache-key").read_bytes()
    text = "\0".join(fields).encode()
    seal = seals.digest(f"recipe {workspace.venv}".encode(), text, key=key)
    path.write_bytes(seal.encode() + b"\n" + text)


@pytest.fixture
def varied(empty: Workspace) -> Workspace:
    """A project whose packages have scripts, data, headers and files in common."""
    empty.publish(*(empty.wheel(**package(n, number)) for n in range(5) for number in (1, 2)))
    empty.write_manifest(*(f"pack-{n:02}==1.0" for n in range(5)))
    empty.run("lock")
    return empty


def test_nothing_tells_an_environment_by_recipe_from_one_of_the_long_way(varied: Workspace) -> None:
    told = varied.bare("sync")
    long = away(varied)
    again = varied.bare("sync")
    assert all_of(varied.venv) == all_of(long)
    assert times_of(varied.venv) == times_of(long)
    assert (again.stdout, again.stderr) == (told.stdout, told.stderr)
    assert again.stderr.startswith(f"Creating {varied.venv} with Python ")
    assert again.stderr.endswith(f"Installed 5 packages in {varied.venv}\n")
    assert len(again.stderr.splitlines()) == 7
    (record,) = varied.site.glob("pack_00-*/RECORD")
    assert record.stat().st_nlink == 3, "two environments and the cache"
    for name in ("pyvenv.cfg", "bin/activate"):
        assert (varied.venv / name).stat().st_nlink == 1, "people edit it"
    assert varied.process("run", "--no-sync", "tool-00").stdout == "1\n"
    assert sorted(path.name for path in varied.app.iterdir()) == [".venv", "pipper.lock", "pipper.toml"]


def test_what_is_done_next_does_not_depend_on_how_an_environment_was_made(varied: Workspace) -> None:
    varied.bare("sync")
    first, ways = away(varied), []
    for by_recipe in (False, True):
        varied.bare("sync") if by_recipe else varied.run("sync")
        assert is_linked(varied, first) == by_recipe
        assert varied.bare("sync").stderr == "Nothing to do: the environment has the packages of the lock\n"
        trees, old = [all_of(varied.venv)], (varied.manifest.read_bytes(), varied.lock.read_bytes())
        varied.write_manifest(*(f"pack-{n:02}==2.0" for n in range(1, 5)))
        for arguments in (("lock",), ("sync",), ("sync", "--lock", ".venv/.pipper/previous.lock"), ("sync",)):
            varied.run(*arguments)
            trees.append(packages_of(varied))
        assert varied.run("sync", "--check", "--verify").code == 0
        varied.manifest.write_bytes(old[0])
        varied.lock.write_bytes(old[1])
        ways.append(trees)
        away(varied)
    assert ways[0] == ways[1]
    assert len(ways[0]) == 5


def packages_of(workspace: Workspace) -> Tree:
    return tree(workspace.venv, without=(".pipper/stamp", ".pipper/unsettled.json"))


def test_an_edit_in_an_environment_by_recipe_does_not_get_into_the_next(made: Workspace) -> None:
    assert sync_again(made)
    (record,) = made.site.glob("beta-*/RECORD")
    record.write_text("nothing\n")
    assert not sync_again(made), "an edit in place reaches the cache, and is noticed there"
    assert sync_again(made)


def test_quiet_is_quiet(made: Workspace) -> None:
    old = away(made)
    done = made.bare("sync", "-q")
    assert (done.stdout, done.stderr) == ("", "")
    assert is_linked(made, old)


def test_a_run_of_the_project_and_a_sync_with_options_take_the_long_way(made: Workspace) -> None:
    old = away(made)
    made.run("sync", "--exact")
    assert not is_linked(made, old)


def edit_manifest(workspace: Workspace) -> None:
    workspace.manifest.write_text(workspace.manifest.read_text() + "# more\n")


def edit_lock(workspace: Workspace) -> None:
    workspace.lock.write_text("# more\n" + workspace.lock.read_text())


def name_python(workspace: Workspace) -> None:
    (workspace.app / ".python-version").write_text("3\n")


def older_run(workspace: Workspace) -> None:
    rewrite(workspace, lambda fields: fields.__setitem__(2, "another boot"))


def other_format(workspace: Workspace) -> None:
    rewrite(workspace, lambda fields: fields.__setitem__(0, "0"))


def yesterday(workspace: Workspace) -> None:
    os.utime(recipe_of(workspace), (1, 1))


def other_home(workspace: Workspace) -> None:
    forget(workspace)


@pytest.mark.parametrize(
    "change", [edit_manifest, edit_lock, name_python, older_run, other_format, yesterday, other_home]
)
def test_a_recipe_is_for_what_it_was_made_of(change: Callable[[Workspace], None], made: Workspace) -> None:
    change(made)
    assert not sync_again(made)
    assert sync_again(made), "and the long way made a new one"


def test_a_recipe_is_for_one_umask_and_one_place(made: Workspace) -> None:
    old = away(made)
    before = os.umask(0o027)
    try:
        made.bare("sync")
    finally:
        os.umask(before)
    assert not is_linked(made, old)
    assert (made.venv / "pyvenv.cfg").stat().st_mode & 0o777 == 0o640
    away(made)
    moved = made.root / "moved"
    made.app.rename(moved)
    made.app.symlink_to(moved)
    made.bare("sync")
    assert not is_linked(made, old)


def test_another_active_environment_is_told_as_ever(made: Workspace) -> None:
    old = away(made)
    told = made.bare("sync", env={"VIRTUAL_ENV": str(made.root / "other")}).stderr
    assert f"is active, but pipper uses the project's {made.venv}" in told
    assert not is_linked(made, old)
    old = away(made)
    told = made.bare("sync", env={"VIRTUAL_ENV": str(made.venv)}).stderr
    assert "is active" not in told
    assert is_linked(made, old), "its own one, which is gone, may be active"


def test_without_a_change_the_rewriting_of_this_test_changes_nothing(made: Workspace) -> None:
    rewrite(made, lambda fields: None)
    assert sync_again(made)


def other_module(workspace: Workspace) -> None:
    module = entry(workspace, "beta") / "tree" / "beta" / "__init__.py"
    module.write_text(EVIL)


def own_file(workspace: Workspace) -> Path:
    """What a recipe calls `bin/alpha`."""
    for file in (recipe_of(workspace).parent / "files").iterdir():
        if file.read_bytes().startswith(b"#!"):
            return file
    raise AssertionError


def other_script(workspace: Workspace) -> None:
    own_file(workspace).write_text(EVIL)


def other_file_of_the_same_size_and_time(workspace: Workspace) -> None:
    file = own_file(workspace)
    beside = file.with_name("beside")
    shutil.copy2(file, beside)
    replace_bytes(beside, b"#" * file.stat().st_size)
    beside.rename(file)


def linked_script(workspace: Workspace) -> None:
    file = own_file(workspace)
    shutil.copy2(file, workspace.root / "script")
    file.unlink()
    file.symlink_to(workspace.root / "script")


def linked_files(workspace: Workspace) -> None:
    files = recipe_of(workspace).parent / "files"
    shutil.move(files, workspace.root / "files")
    files.symlink_to(workspace.root / "files")


def linked_part(workspace: Workspace) -> None:
    part = recipe_of(workspace).parents[1]
    shutil.move(part, workspace.root / "part")
    part.symlink_to(workspace.root / "part")
    (workspace.root / "part" / recipe_of(workspace).parent.name / "recipe").write_text("forged")


def other_mode(workspace: Workspace) -> None:
    own_file(workspace).chmod(0o4755)


def cut_off(workspace: Workspace) -> None:
    path = recipe_of(workspace)
    path.write_bytes(path.read_bytes()[:-100])


def nonsense(workspace: Workspace) -> None:
    recipe_of(workspace).write_bytes(b"\xff" * 100)


def fifo(workspace: Workspace) -> None:
    recipe_of(workspace).unlink()
    os.mkfifo(recipe_of(workspace))


def forged(workspace: Workspace) -> None:
    """A recipe of somebody who knows the format and the key of this environment, but not the secret of the user."""
    path = recipe_of(workspace)
    text = path.read_bytes().partition(b"\n")[2]
    outside = str(workspace.root / "outside" / "evil.pth").encode()
    text = text.replace(b"lib/python", b"../../outside/", 1).replace(b"pyvenv.cfg\0", outside + b"\0", 1)
    path.write_bytes(
        seals.digest(f"recipe {workspace.venv}".encode(), text, key=b"0" * 64).encode() + b"\n" + text
    )


def missing_wheel(workspace: Workspace) -> None:
    shutil.rmtree(entry(workspace, "beta"))


def another_project(workspace: Workspace) -> None:
    """The recipe of another project of the same user, at the place of this one."""
    other = Workspace(root=workspace.root / "other")
    own = {"PIPPER_CACHE_DIR": str(cache_of(workspace)), "HOME": str(workspace.root / "home")}
    other.app.mkdir(parents=True)
    other.manifest.write_text(
        f"dependencies = ['beta']\nindex = false\n[repositories]\nacme = '{workspace.repository.as_uri()}'\n"
    )
    other.run("lock", env=own)
    other.bare("sync", env=own)
    shutil.rmtree(recipe_of(workspace).parent)
    stolen = cache_of(workspace) / recipes.recipe_place(str(other.venv))
    shutil.copytree(stolen, recipe_of(workspace).parent)


CHANGES = (
    *(other_module, other_script, other_file_of_the_same_size_and_time, linked_script, linked_files),
    *(other_mode, cut_off, nonsense, fifo, forged, missing_wheel, another_project),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", ["in place", "restored"])
def test_T11_a_recipe_that_was_changed_is_not_what_is_installed(
    where: str, change: Callable[[Workspace], None], made: Workspace
) -> None:
    outside = made.root / "outside"
    outside.mkdir()
    old = away(made)
    if where == "restored":
        restore(made)
    change(made)
    made.bare("sync")
    assert not is_linked(made, old)
    assert list(outside.iterdir()) == []
    assert sorted(path.name for path in made.app.iterdir()) == [".venv", "pipper.lock", "pipper.toml"]
    assert not (made.venv / "bin" / "alpha").is_symlink()
    require_locked(made)


@pytest.mark.parametrize("home", ["the same home", "a new home"])
def test_T11_a_restored_recipe_is_made_anew(home: str, made: Workspace) -> None:
    restore(made)
    if home == "a new home":
        forget(made)
    assert not sync_again(made)
    assert sync_again(made)


def test_T11_a_link_for_the_recipes_is_refused(made: Workspace) -> None:
    away(made)
    place, outside = cache_of(made) / "recipes", made.root / "outside"
    shutil.move(place, outside)
    place.symlink_to(outside)
    before = tree(outside)
    done = made.bare("sync", code=8)
    made.check_told(done, f"`{place}` in the cache is a symbolic link")
    assert tree(outside) == before
    assert not made.venv.exists()


@pytest.mark.parametrize("above", [1, 0])
def test_T11_a_link_for_a_part_of_the_recipes_leads_nothing_elsewhere(above: int, made: Workspace) -> None:
    old = away(made)
    place, outside = recipe_of(made).parents[above], made.root / "outside"
    shutil.move(place, outside)
    place.symlink_to(outside)
    next(outside.rglob("recipe")).write_text("forged")
    before = tree(outside)
    made.bare("sync")
    assert not is_linked(made, old)
    assert tree(outside) == before


def test_T11_a_link_in_place_of_a_new_recipe_leads_nothing_elsewhere(made: Workspace) -> None:
    away(made)
    place, outside = recipe_of(made).parent, made.root / "outside"
    shutil.rmtree(place)
    outside.mkdir()
    place.symlink_to(outside)
    made.bare("sync")
    assert list(outside.iterdir()) == []


def test_a_cache_that_others_can_write_to_is_refused(made: Workspace) -> None:
    away(made)
    cache_of(made).chmod(0o777)
    done = made.bare("sync", code=8)
    made.check_told(done, "others can write to the cache")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_linked(made: Workspace) -> None:
    old = away(made)
    os.chown(own_file(made), 12345, -1)
    made.bare("sync")
    assert not is_linked(made, old)


def test_cleaning_the_cache_removes_recipes(made: Workspace) -> None:
    made.run("cache", "prune")
    assert recipe_of(made).exists()
    os.utime(recipe_of(made), (1, 1))
    made.run("cache", "prune")
    assert not recipe_of(made).parent.exists()
    assert not sync_again(made)
    made.run("cache", "clean")
    assert not (cache_of(made) / "recipes").exists()
    assert not sync_again(made)
    assert sync_again(made)


def test_while_the_cache_is_cleaned_a_sync_waits_as_ever(made: Workspace) -> None:
    old = away(made)
    with (cache_of(made) / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = made.begin("sync")
        assert began.poll() is None
        shutil.rmtree(cache_of(made) / "wheels")
        shutil.rmtree(cache_of(made) / "recipes")
    _, err = began.communicate(timeout=300)
    assert began.returncode == 0, err
    assert not is_linked(made, old)


@pytest.mark.parametrize("number", [1, 2, 10])
def test_a_cache_that_vanishes_meanwhile_leads_to_the_long_way(
    number: int, made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, calls = os.link, itertools.count(1)

    def linked(*args: object, **options: object) -> None:
        if next(calls) == number:
            for part in ("wheels", "recipes"):
                shutil.rmtree(cache_of(made) / part)
        link(*args, **options)  # type: ignore[arg-type] # as `os.link` takes them

    old = away(made)
    monkeypatch.setattr(os, "link", linked)
    made.bare("sync")
    assert not is_linked(made, old)
    assert sorted(path.name for path in made.app.iterdir()) == [".venv", "pipper.lock", "pipper.toml"]


@pytest.mark.parametrize("way", ["recipe", "long"])
def test_the_next_sync_removes_what_a_killed_one_left(way: str, made: Workspace) -> None:
    names = [f"{made.venv}-new-{digit * 16}" for digit in "abcd"]
    left, used, linked, empty = map(Path, names)
    other = Path(f"{made.venv}-new-one")
    for folder in (left, used, other):
        (folder / "lib").mkdir(parents=True)
        (folder / "lib" / "module.py").write_text("")
    empty.mkdir()
    outside = made.root / "outside"
    outside.mkdir()
    linked.symlink_to(outside)
    away(made)
    descriptor = os.open(used, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    made.bare("sync") if way == "recipe" else made.run("sync")
    os.close(descriptor)
    assert [path.exists() for path in (left, used, linked, empty, other, outside)] == [
        *(False, True, True, False, True, True)
    ]


def test_nothing_is_left_in_the_cache_when_the_environment_gets_its_stamp(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, seen, stamp = cache_of(made) / "tmp", [], steps.write_stamp

    def stamped(*args: Any) -> None:
        seen.append(list(temporary.iterdir()))
        stamp(*args)

    monkeypatch.setattr(steps, "write_stamp", stamped)
    for option in ((), ("--link-mode", "copy")):
        recipe_of(made).unlink(missing_ok=True)
        away(made)
        made.bare("sync", *option)
    assert seen == [[], []]


def test_a_sync_that_finds_all_done_but_the_stamp_removes_what_a_killed_one_left(made: Workspace) -> None:
    left = cache_of(made) / "tmp" / "0123456789abcdef0123456789abcdef"
    (left / "files").mkdir(parents=True)
    (left / "files" / "1").write_text("")
    (made.venv / ".pipper" / "stamp").unlink()
    assert made.bare("sync").stderr.startswith("Nothing to do: ")
    assert not left.exists()


def test_a_python_that_is_named_during_a_sync_counts_for_the_next(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, make = made.app / ".python-version", steps.put_together
    recipe_of(made).unlink()
    away(made)

    def meddled(*args: Any) -> Any:
        version.write_text("3.99\n")
        return make(*args)

    with monkeypatch.context() as patched:
        patched.setattr(steps, "put_together", meddled)
        made.bare("sync")
    assert recipe_of(made).exists()
    assert "3.99" in made.bare("sync", code=8).stderr
    away(made)
    assert "3.99" in made.bare("sync", code=8).stderr
    version.unlink()
    assert made.bare("sync").code == 0


def test_an_environment_that_appears_meanwhile_is_left_alone(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def renamed(source: str, destination: str) -> None:
        if destination == str(made.venv):
            made.venv.mkdir()
            (made.venv / "mine.txt").write_text("mine")
        rename(source, destination)

    away(made)
    monkeypatch.setattr(os, "rename", renamed)
    done = made.bare("sync", code=8)
    made.check_told(done, "exists and is not a virtual environment")
    assert [path.name for path in made.venv.iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in made.app.iterdir()) == [".venv", "pipper.lock", "pipper.toml"]


def test_a_file_that_was_copied_leaves_no_recipe(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def linked(source: str, *args: object, **options: object) -> None:
        if str(source).endswith("beta/__init__.py"):
            raise OSError(errno.EMLINK, os.strerror(errno.EMLINK), source)
        link(source, *args, **options)  # type: ignore[arg-type] # as `os.link` takes them

    recipe_of(made).unlink()
    away(made)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", linked)
        made.bare("sync")
    assert not recipe_of(made).exists()
    assert not sync_again(made)
    assert sync_again(made)


def test_what_another_program_puts_into_an_environment_is_not_remembered(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(made)
    shutil.rmtree(recipe_of(made).parent)
    stamp = steps.write_stamp

    def stamped(*args: Any) -> None:
        (made.site / "beta" / "evil.py").write_text(EVIL)
        (made.venv / "bin" / "evil").write_text(EVIL)
        stamp(*args)

    monkeypatch.setattr(steps, "write_stamp", stamped)
    made.bare("sync")
    monkeypatch.undo()
    assert not recipe_of(made).exists(), "nor is there a stamp of what the sync did not make"
    assert not sync_again(made)
    assert not list(made.venv.rglob("evil*"))
    assert made.bare("sync").stderr.startswith("Nothing to do: ")


@pytest.mark.parametrize("arguments", [("--link-mode", "copy"), ("--exact",), ("--no-dev",), ("--offline",)])
def test_only_a_sync_without_options_is_remembered(arguments: tuple[str, ...], made: Workspace) -> None:
    shutil.rmtree(cache_of(made) / "recipes")
    away(made)
    made.bare("sync", *arguments)
    assert not recipe_of(made).exists()


def test_a_python_version_that_is_none_is_told_each_time(made: Workspace) -> None:
    (made.app / ".python-version").write_text("nonsense\n")
    for _ in range(2):
        old = away(made)
        assert "warning: .python-version is not used" in made.bare("sync").stderr
        assert not is_linked(made, old)


def test_a_cache_in_another_place_has_recipes_of_its_own(made: Workspace) -> None:
    for number, cache in enumerate(("other-cache", "other-cache", "cache")):
        old = away(made)
        made.bare("sync", env={"PIPPER_CACHE_DIR": str(made.root / cache)})
        assert is_linked(made, old) == (number == 1)


def test_a_project_with_members_is_not_remembered(made: Workspace) -> None:
    shutil.rmtree(cache_of(made) / "recipes")
    away(made)
    member = made.app / "packages" / "own"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text("[project]\nname = 'own'\nversion = '1'\n")
    made.manifest.write_text(made.manifest.read_text() + "[workspace]\nmembers = ['packages/*']\n")
    made.run("lock")
    made.bare("sync", code=0)
    assert not recipe_of(made).exists()
