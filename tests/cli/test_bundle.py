"""`pipper bundle`, with a backend that lies in the project itself: nothing is fetched."""

import json
import os
import shutil
import signal
import time
import zipfile
from pathlib import Path

import pytest

from pipper.system import seals
from pipper.system.moves import remove
from tests.commands import PATIENCE
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.wheelhouse import make_wheel

BACKEND = """\
import shutil
from pathlib import Path

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (wheel,) = Path("made").glob("*.whl")
    shutil.copyfile(wheel, Path(wheel_directory, wheel.name))
    return wheel.name

def get_requires_for_build_wheel(config_settings=None):
    return []
"""


def source(folder: Path, backend: str = BACKEND) -> Path:
    """A project whose backend hands out a wheel that was made before."""
    (folder / "backend").mkdir(parents=True)
    (folder / "backend" / "own.py").write_text(backend)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["backend"]\n'
    )
    make_wheel(folder / "made", "acme-models", "1.2.3")
    return folder


def test_a_bundle_is_told_on_stdout_and_can_be_published_locked_and_synced(empty: Workspace) -> None:
    project = source(empty.root / "source")
    (project / "pipper.json").write_text(json.dumps({"dependencies": ["other:>=1.0.0"]}))
    done = empty.run("bundle", project, "-o", "dist")
    bundle = Path(done.stdout.strip())
    assert bundle.parent == empty.app / "dist"
    assert f"To publish it: pipper publish {bundle.relative_to(empty.app)}" in done.stderr
    assert bundle.suffix == ".pipper"
    assert sorted(zipfile.ZipFile(bundle).namelist()) == ["package.meta", "package.whl"]
    first = bundle.read_bytes()
    empty.run("bundle", project, "-o", "dist")
    assert bundle.read_bytes() == first
    empty.publish(bundle, empty.wheel("other"))
    empty.write_manifest("acme-models")
    empty.run("lock")
    assert empty.locked() == {"acme-models": "1.2.3", "other": "1.0.0"}
    empty.run("sync", "-t", "out")
    assert "acme_models" in empty.installed(empty.app / "out")


@pytest.mark.parametrize(
    ("backend", "code"),
    [("raise SystemExit('no')\n", 8), (BACKEND.replace("shutil.copyfile(wheel, ", "Path.touch("), 4)],
)
def test_a_build_that_fails_or_lies_leaves_nothing(backend: str, code: int, empty: Workspace) -> None:
    project = source(empty.root / "source", backend)
    done = empty.run("bundle", project, "-o", "dist", code=code)
    assert done.stdout == ""
    empty.check_secrets(done)
    assert list((empty.app / "dist").iterdir()) == []
    assert list((empty.root / "tmp").iterdir()) == []


def test_an_old_manifest_that_is_broken_is_told_with_its_line(empty: Workspace) -> None:
    project = source(empty.root / "source")
    (project / "pipper.json").write_text('{"dependencies": [')
    empty.refused("bundle", project, code=2, subject="pipper.json")


PRIVATE_BACKEND = """\
import shutil
from pathlib import Path
import acme_naming

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (wheel,) = Path("made").glob("*.whl")
    shutil.copyfile(wheel, Path(wheel_directory, acme_naming.name_of(wheel)))
    return wheel.name
"""


def of_private_backend(workspace: Workspace, index: IndexDouble, *, requires: str = "acme-build>=1") -> Path:
    """A project whose backend is in the repository of the project around, with a dependency."""
    workspace.publish(
        workspace.wheel("acme-build", files={"acme_build.py": PRIVATE_BACKEND}, requires=["acme-naming"]),
        workspace.wheel("acme-naming", files={"acme_naming.py": "def name_of(path): return path.name\n"}),
    )
    workspace.manifest.write_text(
        f"dependencies = []\nindex = {{ url = '{index.url}' }}\n[repositories]\nacme = '{workspace.url}'\n"
        "[sources]\n'acme-*' = 'acme'\n"
    )
    folder = workspace.root / "source"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "acme_build"\n'
    )
    make_wheel(folder / "made", "acme-models", "1.2.3")
    return folder


def test_a_backend_comes_from_the_sources_of_the_project_and_the_index_hears_of_no_private_name(
    empty: Workspace,
) -> None:
    with IndexDouble() as index:
        source = of_private_backend(empty, index)
        empty.run("bundle", source, "-o", "dist")
        (environment,) = (empty.root / "cache" / "builds").glob("*/*")
        made = environment.stat().st_ctime_ns
        empty.run("bundle", source, "-o", "dist")
        assert [environment] == list((empty.root / "cache" / "builds").glob("*/*"))
        assert environment.stat().st_ctime_ns == made
        assert index.names() == set()
    assert not list(environment.glob("**/pip")), "no pip takes part"
    assert "builds" not in {path.name for path in (empty.root / "tmp").iterdir()}


def test_the_first_package_of_a_repository_is_built_before_it_is_published(empty: Workspace) -> None:
    with IndexDouble() as index:
        index.add(make_wheel(empty.root / "public", "public-build", "1.0", files={"own.py": BACKEND}))
        project = source(empty.root / "source")
        (project / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["public-build"]\nbuild-backend = "own"\n'
            f"[tool.pipper.index]\nurl = '{index.url}'\n[tool.pipper.repositories]\nacme = '{empty.url}'\n"
        )
        empty.run("bundle", project, "-o", "dist")
    (bundle,) = (empty.app / "dist").iterdir()
    empty.run("publish", bundle, "-b", empty.url)


def test_a_file_of_a_build_environment_that_is_gone_comes_back(empty: Workspace) -> None:
    with IndexDouble() as index:
        source = of_private_backend(empty, index)
        empty.run("bundle", source, "-o", "dist")
        (module,) = (empty.root / "cache" / "builds").glob("*/*/lib/*/site-packages/acme_naming.py")
        module.unlink()
        empty.run("bundle", source, "-o", "dist")
        assert module.exists()


@pytest.mark.parametrize("where", ["the same home", "a new home"])
def test_T11_a_build_environment_of_a_restored_cache_is_made_anew(empty: Workspace, where: str) -> None:
    cache = empty.root / "cache"
    with IndexDouble() as index:
        source = of_private_backend(empty, index)
        empty.run("bundle", source, "-o", "dist")
        shutil.copytree(cache, empty.root / "away", symlinks=True)
        shutil.rmtree(cache)
        (empty.root / "away").rename(cache)
        (module,) = cache.glob("builds/*/*/lib/*/site-packages/acme_naming.py")
        (module.parent / "evil.pth").write_text("import sys; sys.exit('evil')\n")
        if where == "a new home":
            shutil.rmtree(empty.root / "home")
            seals._keys.clear()
        empty.run("bundle", source, "-o", "dist")
        assert module.exists()
        assert not (module.parent / "evil.pth").exists()


@pytest.mark.parametrize("left", ["pyvenv.cfg", "lib", ".pipper-used"])
def test_a_part_of_a_build_environment_is_replaced(empty: Workspace, left: str) -> None:
    with IndexDouble() as index:
        source = of_private_backend(empty, index)
        empty.run("bundle", source, "-o", "dist")
        (environment,) = (empty.root / "cache" / "builds").glob("*/*")
        for path in environment.iterdir():
            if path.name != left:
                remove(path)
        empty.run("bundle", source, "-o", "dist")
        assert (environment / "bin" / "python").exists() or os.name == "nt"


def test_cache_commands_know_build_environments(empty: Workspace) -> None:
    with IndexDouble() as index:
        empty.run("bundle", of_private_backend(empty, index), "-o", "dist")
    (environment,) = (empty.root / "cache" / "builds").glob("*/*")
    empty.run("cache", "prune", "--days", "1")
    assert environment.exists()
    used = environment / ".pipper-used"
    os.utime(used, (0, 0))
    empty.run("cache", "prune", "--days", "1")
    assert not environment.exists()


@pytest.mark.parametrize(
    ("requires", "code", "told"),
    [
        ("acme-unknown", 3, "no source has `acme-unknown`"),
        ("=>1", 2, "is not a requirement"),
        ("acme-build @ https://index.example.com/a-1-py3-none-any.whl", 2, "from a URL"),
    ],
)
def test_a_requirement_of_a_build_that_cannot_be_met_is_told(
    requires: str, code: int, told: str, empty: Workspace
) -> None:
    with IndexDouble() as index:
        source = of_private_backend(empty, index, requires=requires)
        done = empty.refused("bundle", source, code=code, subject=str(source))
    assert told in done.stderr


def test_U_the_build_and_not_the_project_requires_what_a_build_needs(empty: Workspace) -> None:
    with IndexDouble() as index:
        project = of_private_backend(empty, index, requires="acme-build>=5")
        told = empty.run("bundle", project, code=3).stderr
    assert "because the build requires acme-build>=5\n" in told
    assert "the project requires" not in told
    assert "hint: in its build-system.requires, loosen `acme-build>=5`" in told


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_ends_the_backend_and_leaves_nothing(empty: Workspace) -> None:
    note = empty.root / "pid"
    wait = f"    import os, time; Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(600)\n"
    project = source(empty.root / "source", BACKEND.replace("    (wheel,)", wait + "    (wheel,)"))
    process = empty.begin("bundle", project, "-o", "dist")
    deadline = time.monotonic() + PATIENCE
    while not (note.exists() and note.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "error: interrupted")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    assert list((empty.root / "tmp").iterdir()) == []
    assert list((empty.app / "dist").iterdir()) == []
