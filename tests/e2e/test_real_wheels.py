"""About 80 wheels as real projects publish them: locked twice alike, installed as uv installs them."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run_pipper
from tests.s3_endpoint import S3Endpoint

WANTED = (
    "django", "flask", "pandas", "scikit-learn", "cryptography", "boto3", "celery", "mypy",
    "aiohttp", "alembic", "fastapi", "matplotlib", "pytest", "requests", "sphinx",
)  # fmt: skip
OWN_MARKS = {
    "INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "pipper.json", "uv_build.json", "uv_cache.json",
}  # fmt: skip
"""What an installer writes of itself into a dist-info folder."""
LAUNCHER = re.compile(rb"^from ([\w.]+) import (\w+)$.*sys\.exit\(([\w.]+)\(\)\)", re.MULTILINE | re.DOTALL)
"""The short script that an installer writes for an entry point, each in its own words."""

pytestmark = pytest.mark.registry


@pytest.fixture(scope="session")
def wheels(pytestconfig: pytest.Config) -> Path:
    """A folder of the wheels, fetched once and kept in pytest's cache."""
    recipe = hashlib.sha256("\n".join((*WANTED, sys.version)).encode()).hexdigest()[:12]
    folder = Path(pytestconfig.cache.mkdir(f"real-wheels-{recipe}"))
    if not (folder / "complete").exists():
        fetch(folder)
        (folder / "complete").touch()
    return folder


def fetch(folder: Path) -> None:
    """Let pip choose and fetch, as it is configured on this machine."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--only-binary", ":all:", "-d", str(folder), *WANTED],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"pip could not fetch the wheels (it needs a registry):\n{done.stderr[-2000:]}"
    )


@pytest.fixture(scope="session")
def by_uv(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment into which uv installed the same."""
    place = tmp_path_factory.mktemp("uv")
    environment = place / "environment"
    venv.create(environment, symlinks=os.name != "nt")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    assert uv, "no uv beside this Python: `python3 -m tests` installs it"
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-config",
        "--no-index",
        "--find-links",
        str(wheels),
    ]
    command += ["--cache-dir", str(place / "cache"), "--python", str(python_of(environment)), *WANTED]
    subprocess.run(command, check=True)
    return environment


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def project(app: Path, url: str) -> None:
    app.mkdir()
    wanted = "".join(f'    "{name}",\n' for name in WANTED)
    (app / "pipper.toml").write_text(
        f'dependencies = [\n{wanted}]\nindex = false\n\n[repositories]\nacme = "{url}"\n'
    )


def check_lock_and_sync(app: Path, wheels: Path, by_uv: Path, env: dict[str, str]) -> None:
    """Publish, lock twice, sync, and hold the environment against uv's."""
    run_pipper("publish", *sorted(wheels.glob("*.whl")), cwd=app, env=env)
    run_pipper("lock", cwd=app, env=env)
    lock = app / "pipper.lock"
    first = lock.read_bytes()
    lock.unlink()
    run_pipper("lock", cwd=app, env=env)
    assert lock.read_bytes() == first
    run_pipper("lock", cwd=app, env=env)
    assert lock.read_bytes() == first
    run_pipper("sync", cwd=app, env=env)
    run_pipper("sync", "--check", "--verify", cwd=app, env=env)

    ours = app / ".venv"
    locked = {package["name"]: package["version"] for package in tomllib.loads(first.decode())["packages"]}
    assert len(locked) >= 75
    assert versions(ours) == versions(by_uv) == locked
    assert len(files(by_uv)) > 10_000
    assert len(scripts(by_uv)) > 30
    assert differences(files(ours), files(by_uv)) == []
    assert differences(scripts(ours), scripts(by_uv)) == []


def versions(environment: Path) -> dict[str, str]:
    """Name and version by the names of dist-info folders."""
    folders = (path.name.removesuffix(".dist-info") for path in site_of(environment).glob("*.dist-info"))
    pairs = (folder.split("-") for folder in folders)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def site_of(environment: Path) -> Path:
    (site,) = {path.resolve() for path in environment.glob("[Ll]ib*/**/site-packages")}
    return site


def files(environment: Path) -> dict[str, Any]:
    """Hash and executable bit of every file outside the folder of scripts; what `venv` makes is left out."""
    found: dict[str, Any] = {}
    for path in walk(environment):
        name = path.relative_to(environment).as_posix()
        of_installer = path.parent.suffix == ".dist-info" and path.name in OWN_MARKS
        if of_installer or name.split("/")[0] in (".pipper", "bin", "Scripts") or path.parent == environment:
            continue
        found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), bool(path.stat().st_mode & 0o111))
    return found


def scripts(environment: Path) -> dict[str, Any]:
    """What each script is: the object a launcher calls, else the bytes below the interpreter line."""
    found: dict[str, Any] = {}
    own = {path.name for path in bare_environment_scripts(environment)}
    for path in walk(python_of(environment).parent):
        if path.name in own:
            continue
        body = path.read_bytes()
        interpreter, _, rest = body.partition(b"\n")
        if interpreter.startswith(b"#!"):
            assert str(python_of(environment).parent).encode() in interpreter or b"/env " in interpreter, path
        launcher = LAUNCHER.search(body) if len(body) < 1000 else None
        told = launcher.groups() if launcher else rest if interpreter.startswith(b"#!") else body
        found[path.name] = (told, bool(path.stat().st_mode & 0o111))
    return found


def bare_environment_scripts(environment: Path) -> Iterator[Path]:
    folder = python_of(environment).parent
    for pattern in ("python*", "activate*", "Activate*", "deactivate*"):
        yield from folder.glob(pattern)


def walk(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What only one side has, and what differs."""
    names = sorted(ours.keys() | theirs.keys())
    return [
        f"{name}: ours {ours.get(name)}, uv's {theirs.get(name)}"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]


def test_real_wheels_in_a_directory_are_installed_as_uv_installs_them(
    wheels: Path, by_uv: Path, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    project(app, (tmp_path / "repository").as_uri())
    check_lock_and_sync(app, wheels, by_uv, {})


@pytest.mark.e2e
def test_real_wheels_in_a_bucket_are_installed_as_uv_installs_them(
    wheels: Path, by_uv: Path, ceph: S3Endpoint, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    project(app, f"s3://{ceph.fresh_bucket()}/packages")
    check_lock_and_sync(app, wheels, by_uv, ceph.environment)
