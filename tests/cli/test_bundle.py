"""`pipper bundle`, with a backend that lies in the project itself: nothing is fetched."""

import json
import zipfile
from pathlib import Path

import pytest

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
    [("raise RuntimeError('no')\n", 2), (BACKEND.replace("shutil.copyfile(wheel, ", "Path.touch("), 4)],
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
