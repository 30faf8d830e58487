"""A cache that was away, as a CI keeps it between jobs, and that somebody changed there (T11).

What is installed is what the lock hashes. Each test fills a cache, lets it be restored as `tar` does (every file and
folder is new, its time and mode are as before), changes it, and syncs a new environment from it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipper.ops.lock.lock_stamp import stamp_name
from pipper.system import seals
from tests.index_double import IndexDouble
from tests.invariants import Workspace, tree

EVIL = "raise SystemExit('evil')\n"


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """A project whose cache has all of its packages, with an environment of which nothing is installed yet."""
    shutil.rmtree(workspace.venv)
    workspace.run("sync")
    shutil.rmtree(workspace.venv)
    return workspace


@pytest.fixture(params=["the same home", "a new home"])
def restored(request: pytest.FixtureRequest, filled: Workspace) -> Workspace:
    """The same, restored: on the machine that filled the cache, or on a fresh one."""
    restore(filled)
    if request.param == "a new home":
        forget(filled)
    return filled


def cache_of(workspace: Workspace) -> Path:
    return workspace.root / "cache"


def restore(workspace: Workspace) -> None:
    """Let the cache be away and come back: times and modes are kept, inodes and change times are new."""
    away = workspace.root / "away"
    shutil.copytree(cache_of(workspace), away, symlinks=True)
    shutil.rmtree(cache_of(workspace))
    away.rename(cache_of(workspace))


def forget(workspace: Workspace) -> None:
    """Let the home be a fresh one."""
    shutil.rmtree(workspace.root / "home")
    seals._keys.clear()


def entry(workspace: Workspace, name: str, part: str = "wheels") -> Path:
    """The cache's entry of a package."""
    for index in cache_of(workspace).glob("wheels/*/*/index.json"):
        if index_of(index)["name"] == name:
            sha256 = index.parent.name
            return cache_of(workspace) / part / sha256[:2] / sha256
    raise AssertionError(name)


def index_of(index: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(index.read_bytes().partition(b"\n")[2])
    return said


def write_index(index: Path, said: dict[str, Any]) -> None:
    """Write an index as somebody does who knows the format and has another key."""
    text = json.dumps(said).encode()
    seal = seals.digest(f"wheel {said['sha256']}".encode(), text, key=b"0" * 64)
    index.write_bytes(seal.encode() + b"\n" + text)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write other bytes, with the time of the old ones."""
    found = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def other_bytes(place: Path, outside: Path) -> None:
    module = place / "tree" / "beta" / "__init__.py"
    size = module.stat().st_size
    replace_bytes(module, b"#" * (size - 1) + b"\n")


def other_size(place: Path, outside: Path) -> None:
    replace_bytes(place / "tree" / "beta" / "__init__.py", EVIL.encode())


def other_bytes_and_index(place: Path, outside: Path) -> None:
    module = place / "tree" / "beta" / "__init__.py"
    replace_bytes(module, EVIL.encode())
    said = index_of(place / "index.json")
    for member in said["members"]:
        if member[0] == "beta/__init__.py":
            member[3] = len(EVIL)
    said["folders"] = [[path, (place / "tree" / path).stat().st_ctime_ns] for path, _ in said["folders"]]
    write_index(place / "index.json", said)


def targets(target: str) -> Callable[[Path, Path], None]:
    def change(place: Path, outside: Path) -> None:
        said = index_of(place / "index.json")
        for member in said["members"]:
            if member[0] == "beta/__init__.py":
                member[2] = target.format(outside=outside)
        write_index(place / "index.json", said)

    return change


def sources(path: str) -> Callable[[Path, Path], None]:
    def change(place: Path, outside: Path) -> None:
        said = index_of(place / "index.json")
        said["members"] = [
            [path.format(outside=outside), *each[1:]] if each[0] == "beta/__init__.py" else each
            for each in said["members"]
        ]
        write_index(place / "index.json", said)

    return change


def extra_file(place: Path, outside: Path) -> None:
    (place / "tree" / "evil.pth").write_text("import evil\n")


def missing_file(place: Path, outside: Path) -> None:
    (place / "tree" / "beta" / "__init__.py").unlink()


def linked_file(place: Path, outside: Path) -> None:
    module = place / "tree" / "beta" / "__init__.py"
    shutil.copy2(module, outside / "module.py")
    module.unlink()
    module.symlink_to(outside / "module.py")


def linked_folder(place: Path, outside: Path) -> None:
    shutil.move(place / "tree" / "beta", outside / "beta")
    (place / "tree" / "beta").symlink_to(outside / "beta")


def linked_tree(place: Path, outside: Path) -> None:
    shutil.move(place / "tree", outside / "tree")
    (place / "tree").symlink_to(outside / "tree")


def linked_entry(place: Path, outside: Path) -> None:
    shutil.move(place, outside / "entry")
    place.symlink_to(outside / "entry")


def index_of_another(place: Path, outside: Path) -> None:
    shutil.copy2(entry_of_delta(place) / "index.json", place / "index.json")


def whole_entry_of_another(place: Path, outside: Path) -> None:
    other = entry_of_delta(place)
    shutil.rmtree(place)
    shutil.copytree(other, place)


def entry_of_delta(place: Path) -> Path:
    found = place.parents[1].glob("*/*/index.json")
    return next(index.parent for index in found if index_of(index)["name"] == "delta")


def fifo_for_an_index(place: Path, outside: Path) -> None:
    (place / "index.json").unlink()
    os.mkfifo(place / "index.json")


def nonsense_for_an_index(place: Path, outside: Path) -> None:
    (place / "index.json").write_bytes(b"\xff" * 100)


CHANGES = {
    "other bytes": other_bytes,
    "other size": other_size,
    "other bytes, and an index for them": other_bytes_and_index,
    "a target above the library": targets("../../../../../outside/target.py"),
    "an absolute target": targets("{outside}/target.py"),
    "a source above the tree": sources("../../../../../../outside/source.py"),
    "an absolute source": sources("{outside}/source.py"),
    "an extra file": extra_file,
    "a missing file": missing_file,
    "a link for a file": linked_file,
    "a link for a folder": linked_folder,
    "a link for the tree": linked_tree,
    "a link for the entry": linked_entry,
    "the index of another wheel": index_of_another,
    "the entry of another wheel": whole_entry_of_another,
    "a FIFO for an index": fifo_for_an_index,
    "nonsense for an index": nonsense_for_an_index,
}


def require_locked(workspace: Workspace) -> None:
    """Require that the environment has exactly what was published, as another cache gives it."""
    found = tree(workspace.site)
    shutil.rmtree(workspace.venv)
    workspace.run("sync", env={"PIPPER_CACHE_DIR": str(workspace.root / "other-cache")})
    assert found == tree(workspace.site)
    assert not any(path.is_symlink() for path in workspace.site.rglob("*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the changes are those that POSIX allows")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_T11_an_unpacked_wheel_that_was_changed_is_not_what_is_installed(
    change: Callable[[Path, Path], None], restored: Workspace
) -> None:
    outside = restored.root / "outside"
    outside.mkdir()
    (outside / "source.py").write_text(EVIL)
    change(entry(restored, "beta"), outside)
    before = tree(outside)
    restored.run("sync")
    assert tree(outside) == before
    require_locked(restored)


def test_T11_a_changed_tree_is_told(restored: Workspace) -> None:
    other_bytes(entry(restored, "beta"), restored.root)
    told = restored.run("sync").stderr
    assert "in the cache was changed: beta-1.0.0-py3-none-any.whl is unpacked again" in told
    shutil.rmtree(restored.venv)
    assert "warning" not in restored.run("sync").stderr


@pytest.mark.parametrize("unpacked", [True, False])
@pytest.mark.parametrize("swap", ["other bytes", "another wheel", "cut", "link", "folder"])
def test_T11_a_wheel_that_was_swapped_is_fetched_again(
    swap: str, unpacked: bool, restored: Workspace
) -> None:
    file = entry(restored, "beta", "files")
    evil = restored.wheel("beta", "1.0.0", files={"beta/__init__.py": EVIL}).read_bytes()
    if not unpacked:
        shutil.rmtree(cache_of(restored) / "wheels")
    match swap:
        case "other bytes":
            replace_bytes(file, evil)
        case "another wheel":
            replace_bytes(file, restored.wheel("gamma").read_bytes())
        case "cut":
            replace_bytes(file, file.read_bytes()[:-1])
        case "link":
            file.rename(restored.root / "elsewhere.whl")
            file.symlink_to(restored.root / "elsewhere.whl")
        case _:
            file.unlink()
            (file / "below").mkdir(parents=True)
    told = restored.run("sync").stderr
    assert f"warning: `{file}` in the cache was damaged or replaced" in told
    require_locked(restored)


def test_T11_offline_a_swapped_wheel_is_missing(restored: Workspace) -> None:
    shutil.rmtree(cache_of(restored) / "wheels")
    for file in cache_of(restored).glob("files/*/*"):
        replace_bytes(file, restored.wheel("beta", files={"beta/__init__.py": EVIL}).read_bytes())
    done = restored.refused("sync", "--offline", code=6, subject="cannot fetch 3 files with --offline")
    assert "the cache does not contain beta-1.0.0-py3-none-any.whl" in done.stderr
    assert not restored.venv.exists()


def test_T11_a_swapped_wheel_is_not_what_download_saves(restored: Workspace) -> None:
    right = entry(restored, "beta", "files").read_bytes()
    replace_bytes(entry(restored, "beta", "files"), restored.wheel("gamma").read_bytes())
    restored.run("download", "-d", "out")
    assert (restored.app / "out" / "beta-1.0.0-py3-none-any.whl").read_bytes() == right


def test_a_restored_cache_that_nobody_changed_needs_no_repository_and_is_not_unpacked_again(
    restored: Workspace,
) -> None:
    module = entry(restored, "beta") / "tree" / "beta" / "__init__.py"
    before = module.stat().st_ino
    restored.repository.rename(restored.root / "closed")
    assert "warning" not in restored.run("sync").stderr
    assert module.stat().st_ino == before == (restored.site / "beta" / "__init__.py").stat().st_ino


def test_a_restored_cache_is_compared_once(restored: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    restored.run("sync")
    shutil.rmtree(restored.venv)
    monkeypatch.setattr("pipper.wheels.gate.open_wheel", None)
    restored.run("sync")


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="needs modes of POSIX")
def test_where_no_key_can_be_made_every_sync_compares_the_bytes(filled: Workspace) -> None:
    folder = filled.root / "home" / ".pipper"
    (folder / "cache-key").unlink()
    folder.chmod(0o777)  # others could put a key there
    seals._keys.clear()
    for _ in range(2):
        other_bytes(entry(filled, "beta"), filled.root)
        assert "beta-1.0.0-py3-none-any.whl is unpacked again" in filled.run("sync").stderr
        shutil.rmtree(filled.venv)
    assert not (folder / "cache-key").exists()


PARTS = ("files", "wheels", "index", "interpreters", "stamps", "recipes", ".lock", "CACHEDIR.TAG")
COMMANDS = (("sync",), ("lock", "-U"), ("cache", "prune"), ("cache", "clean"), ("list",))


@pytest.mark.parametrize(
    ("part", "command"),
    [*((part, ("sync",)) for part in PARTS), *(("tmp", command) for command in COMMANDS)],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_T11_a_link_in_a_cache_leads_nothing_elsewhere(
    part: str, command: tuple[str, ...], filled: Workspace
) -> None:
    outside = filled.root / "outside"
    (outside / "ab" / "thesis").mkdir(parents=True)
    (outside / "ab" / "thesis" / "text").write_text("mine")
    os.utime(outside / "ab" / "thesis", (1, 1))
    place = cache_of(filled) / part
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(outside)
    done = filled.run(*command, code=8)
    filled.check_told(done, f"`{place}` in the cache is a symbolic link")
    assert "hint: remove it" in done.stderr
    assert (outside / "ab" / "thesis" / "text").read_text() == "mine"


def test_T11_pruning_does_not_follow_a_link_either(filled: Workspace) -> None:
    outside = filled.root / "outside"
    outside.mkdir()
    (outside / "thesis").write_text("mine")
    os.utime(outside / "thesis", (1, 1))
    for part in ("files", "wheels", "index", "stamps", "recipes"):
        link, folder = (
            cache_of(filled) / part / (each * (8 if part == "index" else 1)) for each in ("cd", "ab")
        )
        folder.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside)
        (folder / "entry").symlink_to(outside / "thesis")
        os.utime(folder / "entry", (1, 1), follow_symlinks=False)
    filled.run("cache", "prune")
    assert (outside / "thesis").read_text() == "mine"
    assert not list(cache_of(filled).glob("*/ab*/entry"))
    filled.run("cache", "clean")
    assert (outside / "thesis").read_text() == "mine"


def test_T11_a_folder_of_files_that_is_a_link_is_refused(filled: Workspace) -> None:
    shelf = entry(filled, "beta", "files").parent
    shutil.move(shelf, filled.root / "shelf")
    shelf.symlink_to(filled.root / "shelf")
    shutil.rmtree(cache_of(filled) / "wheels")
    filled.refused("sync", code=8, subject=f"`{shelf}` in the cache is a symbolic link")


def test_T11_what_an_interpreter_said_of_itself_is_not_believed_from_elsewhere(restored: Workspace) -> None:
    outside = restored.root / "outside"
    for facts in cache_of(restored).glob("interpreters/*"):
        seal, _, text = facts.read_bytes().partition(b"\n")
        said = json.loads(text)
        said["venv_paths"] = {name: f"{outside}/{name}" for name in said["venv_paths"]}
        facts.write_bytes(seal + b"\n" + json.dumps(said).encode())
    restored.run("sync")
    assert not outside.exists()
    assert restored.installed() == {"alpha": "1.1.0", "beta": "1.0.0", "delta": "1.0.0"}


def test_T11_a_stamp_from_elsewhere_does_not_say_that_a_lock_is_up_to_date(filled: Workspace) -> None:
    filled.run("lock")
    stamp = cache_of(filled) / stamp_name(str(filled.manifest))
    seal, _, text = stamp.read_text().partition("\n")
    stamp.write_text(f"{seal}\n{text}")
    forget(filled)
    stamp.write_text(f"{seal}\nEverything is fine")
    assert "Everything is fine" not in filled.run("lock").stderr


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


@pytest.mark.parametrize("is_known", [True, False], ids=["the same home", "a new home"])
@pytest.mark.parametrize("offline", [False, True])
def test_T11_a_page_of_the_index_that_was_changed_is_asked_again(
    offline: bool, is_known: bool, empty: Workspace, index: IndexDouble
) -> None:
    public = empty.wheel("public", "1.0", requires=["helper"])
    index.add(public)
    index.add(empty.wheel("helper", "1.0"))
    empty.app.mkdir(parents=True)
    empty.manifest.write_text(f"dependencies = ['public']\n[index]\nurl = '{index.url}'\n")
    empty.run("lock")
    right = empty.lock.read_bytes()
    empty.lock.unlink()
    (page,) = cache_of(empty).glob("index/*/public.page")
    sha256 = hashlib.sha256(public.read_bytes()).hexdigest().encode()
    assert sha256 in page.read_bytes()
    page.write_bytes(page.read_bytes().replace(sha256, b"0" * 64))
    for metadata in cache_of(empty).glob("index/*/*.metadata"):
        metadata.write_bytes(metadata.read_bytes().replace(b"Requires-Dist: helper\n", b""))
    if not is_known:
        forget(empty)
    if offline:
        empty.refused("lock", "--offline", code=6, subject="is not in the cache")
        return
    empty.run("lock")
    assert empty.lock.read_bytes() == right


def test_T11_the_page_of_one_project_does_not_serve_for_another(empty: Workspace, index: IndexDouble) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.add(empty.wheel("helper", "1.0"))
    empty.app.mkdir(parents=True)
    empty.manifest.write_text(f"dependencies = ['public', 'helper']\n[index]\nurl = '{index.url}'\n")
    empty.run("lock")
    right = empty.lock.read_bytes()
    empty.lock.unlink()
    (page,) = cache_of(empty).glob("index/*/public.page")
    (other,) = cache_of(empty).glob("index/*/helper.page")
    shutil.copy2(other, page)
    empty.run("lock")
    assert empty.lock.read_bytes() == right


def test_the_key_is_its_users_alone_and_outside_the_cache(filled: Workspace) -> None:
    key = filled.root / "home" / ".pipper" / "cache-key"
    assert key.stat().st_mode & 0o777 == 0o600
    written = key.read_bytes()
    assert len(written) == 64
    assert not [
        path for path in cache_of(filled).rglob("*") if path.is_file() and written in path.read_bytes()
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("fault", ["readable", "short"])
def test_a_key_that_others_may_know_is_made_anew(fault: str, filled: Workspace) -> None:
    key = filled.root / "home" / ".pipper" / "cache-key"
    before = key.read_bytes()
    if fault == "readable":
        key.chmod(0o644)
    else:
        key.write_bytes(b"")
    seals._keys.clear()
    filled.run("sync")
    assert seals._read(str(key)) not in (b"", before)
