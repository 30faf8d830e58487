"""N7 and N8: publish, lock, sync, upgrade, remove and prune on file systems that refuse what others do."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import CHECKOUT
from tests.filesystems.place import Place, preloadable
from tests.wheelhouse import make_wheel
from tests.workshop import second_python

_IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform == "linux"


_GROUP = 42_424


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preloadable("shim.c", tmp_path_factory.mktemp("shim"))


def _shimmed(shim: Path, tmp_path: Path, *refused: str) -> Place:
    root, outside = tmp_path / "odd", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    variables = {"LD_PRELOAD": str(shim), "SHIM_BELOW": str(root), "SHIM_REFUSES": " ".join(refused)}
    return Place(root=root, outside=outside, variables=variables)


@pytest.mark.parametrize(
    "refused",
    [("sync",), ("link",), ("mode",), ("sync", "link", "mode")],
    ids=["fsync of a folder", "link", "chmod", "all, as on CIFS"],
)
def test_N07_a_file_system_that_refuses_is_used_without(
    shim: Path, tmp_path: Path, refused: tuple[str, ...]
) -> None:
    _shimmed(shim, tmp_path, *refused).life()


def test_N07_an_environment_without_flock_is_locked_on_this_machine(shim: Path, tmp_path: Path) -> None:
    place = _shimmed(shim, tmp_path, "lock")
    repository = place.outside / "repository"
    (place.root / "repository").symlink_to(repository)  # the store is elsewhere: it needs real locks
    repository.mkdir()
    place.variables = {**place.variables, "TMPDIR": str(place.outside)}
    place.life()


def test_N07_a_quota_that_is_used_up_is_told_and_nothing_changes(shim: Path, tmp_path: Path) -> None:
    place = _shimmed(shim, tmp_path, "quota")
    place.begin()
    before = sorted((place.root / "repository").rglob("*"))
    noise = {"foo/large.bin": os.urandom(1 << 20).hex()}
    large = make_wheel(place.outside / "dist", "foo", "2.0.0", files=noise)
    done = place.run("publish", large, "-b", (place.root / "repository").as_uri(), ok=False)
    assert (done.code, "Disk quota exceeded" in done.stderr) == (8, True)
    assert "free some space there and run the command again" in done.stderr
    assert sorted((place.root / "repository").rglob("*")) == before


def test_N07_a_store_without_flock_is_refused_in_words(shim: Path, tmp_path: Path) -> None:
    place = _shimmed(shim, tmp_path, "lock")
    repository = (place.root / "repository").as_uri()
    done = place.run("publish", place.wheel("foo", "1.0.0"), "-b", repository, ok=False)
    assert done.code == 8
    assert "a file system that supports locks (flock)" in done.stderr


def test_N08_folders_that_cannot_be_renamed_are_moved_file_by_file(shim: Path, tmp_path: Path) -> None:
    _shimmed(shim, tmp_path, "move").life()


@contextmanager
def _mounted(kind: str, options: str, target: Path) -> Iterator[None]:
    done = subprocess.run(
        ["mount", "-t", kind, "-o", options, kind, target], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this machine does not mount {kind}: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.mark.skipif(not _IS_ROOT, reason="only root mounts")
def test_N08_what_a_lower_layer_of_an_image_has_is_upgraded_and_removed(tmp_path: Path) -> None:
    lower, merged, outside = tmp_path / "lower", tmp_path / "merged", tmp_path / "outside"
    for folder in (lower, merged, outside, tmp_path / "upper", tmp_path / "work"):
        folder.mkdir()
    with _mounted("overlay", f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work", merged):
        image = Place(root=merged, outside=outside)
        image.begin()
        image.run("lock")
        image.run("sync")
    (tmp_path / "upper").rename(tmp_path / "first")  # what the first container wrote is a layer now
    for name in ("upper", "work"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / name).mkdir()
    layers = f"lowerdir={tmp_path}/first:{lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    with _mounted("overlay", layers, merged):
        assert image.versions() == {"foo": "1.0.0", "bar": "1.0.0"}
        image.upgrade()
        image.run("sync", "--python", second_python(outside / "second"))
        assert image.versions() == {"foo": "2.0.0"}
        assert [each.name for each in (merged / "app").glob(".venv*")] == [".venv"]


@pytest.mark.skipif(not _IS_ROOT, reason="only root mounts")
def test_N08_an_environment_in_a_mounted_folder_is_replaced_when_that_is_empty(tmp_path: Path) -> None:
    root, outside = tmp_path / "usual", tmp_path / "outside"
    venv = root / "app" / ".venv"
    for folder in (venv, outside):
        folder.mkdir(parents=True)
    with _mounted("tmpfs", "size=100m", venv):
        place = Place(root=root, outside=outside)
        place.begin()
        place.run("lock")
        place.run("sync")
        python = second_python(outside / "second")
        done = place.run("sync", "--python", python, ok=False)
        assert (done.code, "it is mounted" in done.stderr) == (8, True)
        assert place.versions() == {"foo": "1.0.0", "bar": "1.0.0"}
        for entry in venv.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        place.run("sync", "--python", python)
        assert place.versions() == {"foo": "1.0.0", "bar": "1.0.0"}


@pytest.mark.skipif(not _IS_ROOT, reason="only root mounts")
def test_N08_a_full_or_read_only_disk_is_told_and_nothing_changes(tmp_path: Path) -> None:
    root, outside = tmp_path / "small", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    with _mounted("tmpfs", "size=12m", root):
        place = Place(root=root, outside=outside)
        place.begin()
        place.run("lock")
        place.run("sync")
        large = make_wheel(
            outside / "dist", "foo", "2.0.0", files={"foo/large.bin": os.urandom(15 << 20).hex()[: 15 << 20]}
        )
        full = place.run("publish", large, "-b", (root / "repository").as_uri(), ok=False)
        assert (full.code, "No space left on device" in full.stderr) == (8, True)
        place.run("sync", "--check", "--verify")
        subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        for args in (("remove", "bar"), ("lock", "-U"), ("sync", "--reinstall")):
            assert place.run(*args, ok=False).code in (0, 8)
        assert place.versions() == {"foo": "1.0.0", "bar": "1.0.0"}
        place.run("list")


@pytest.mark.skipif(not _IS_ROOT, reason="only root mounts")
def test_N08_a_disk_that_runs_no_programs_is_told(tmp_path: Path) -> None:
    root, outside = tmp_path / "noexec", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    with _mounted("tmpfs", "size=200m,noexec", root):
        place = Place(root=root, outside=outside)
        place.begin()
        place.run("lock")
        place.run("sync")
        place.run("remove", "bar")
        done = place.run("run", "--no-sync", "true", ok=False)
        assert done.code in (0, 8)


def test_N07_names_of_255_bytes_are_stored_and_installed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    place = Place(root=tmp_path, outside=tmp_path / "outside")
    place.begin()
    longest = "m" * (255 - len(".py")) + ".py"
    wheel = make_wheel(tmp_path / "dist", "foo", "3.0.0", files={f"foo/{longest}": "x = 1\n"})
    place.run("publish", wheel, "-b", (tmp_path / "repository").as_uri())
    place.run("lock")
    place.run("sync")
    assert (place.site / "foo" / longest).is_file()
    place.run("remove", "foo")
    assert not (place.site / "foo").exists()


def _python_of_everybody() -> str:
    """Return an interpreter of this version that other users can run; skip the test if there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}"):
        code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import pipper"
        with contextlib.suppress(OSError):
            if not subprocess.run(
                [python, "-c", code], user=40_001, check=False, capture_output=True
            ).returncode:
                return python
    pytest.skip("no interpreter here that other users can run")


@pytest.mark.skipif(not _IS_ROOT, reason="only root can be two members of a group")
def test_N07_the_second_member_of_a_group_changes_its_environment(tmp_path: Path) -> None:
    root, outside = tmp_path / "shared", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    for folder in (*tmp_path.parents[:3], tmp_path, outside):
        folder.chmod(0o755)
    python = _python_of_everybody()
    os.chown(root, 0, _GROUP)
    root.chmod(0o2775)
    (root / "app").mkdir()
    (root / "app").chmod(0o2775)
    first, second = (
        Place(
            root=root,
            outside=outside,
            umask=0o002,
            user=user,
            groups=[_GROUP],
            python=python,
            variables={
                "PIPPER_CACHE_DIR": str(root / f"cache-{user}"),
                "PIPPER_TRUSTED_FOLDERS": str(root),
                "HOME": str(root / f"home-{user}"),
            },
        )
        for user in (40_001, 40_002)
    )
    for wheel in (first.wheel("foo", "1.0.0"), first.wheel("foo", "2.0.0"), first.wheel("bar", "1.0.0")):
        wheel.chmod(0o644)
    first.life()
    lock = root / "app" / ".venv" / ".pipper" / "lock"
    assert not lock.exists() or lock.stat().st_mode & 0o777 == 0o664
    second.run("add", "bar")
    assert first.versions() == {"foo": "2.0.0", "bar": "1.0.0"}
    first.run("remove", "bar")
    second.run("sync", "--check")
