"""Private packages over a real registry of Python packages, the one pip is configured with; uv is the witness."""

import os
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipper.index.config import Surroundings, find_index
from tests.commands import clean_environment, run_pipper
from tests.wheelhouse import make_wheel

pytestmark = pytest.mark.registry

PRIVATE = {"acme-web": ["django>=5", "fastapi", "acme-data"], "acme-data": ["pandas>=2"]}
PUBLIC = ["django>=5", "fastapi", "pandas>=2"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A locked project of private packages that need well-known public ones."""
    place = tmp_path_factory.mktemp("registry")
    app = place / "app"
    app.mkdir()
    wheels = [
        make_wheel(place / "wheels", name, "1.0", requires=requires) for name, requires in PRIVATE.items()
    ]
    repository = (place / "repository").as_uri()
    run_pipper("publish", *wheels, "-b", repository, cwd=app)
    # For both tools, so that nothing published between their two runs counts; after our own publishing.
    as_of = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="seconds")
    (app / "pipper.toml").write_text(
        f'dependencies = ["acme-web"]\nas-of = "{as_of}"\n\n[repositories]\nacme = "{repository}"\n'
    )
    run_pipper("lock", cwd=app, registry=True)
    return app


def locked(app: Path) -> dict[str, str]:
    """What the environment at hand gets, less what is private."""
    from pipper.core.lock.reader import parse_lock
    from pipper.ops.context.environments import part_for
    from pipper.python.interpreter import inspect_interpreter

    lock = parse_lock((app / "pipper.lock").read_bytes(), label="pipper.lock")
    part = part_for(lock, inspect_interpreter(Path(sys.executable), None), label="pipper.lock")
    return {pin.name: pin.version for pin in part.packages if pin.name not in PRIVATE}


def test_every_version_is_what_uv_chooses_at_the_same_time(project: Path, tmp_path: Path) -> None:
    as_of = tomllib.loads((project / "pipper.toml").read_text())["as-of"]
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed")
    env = clean_environment(tmp_path, registry=True)
    home = Path(env["HOME"])
    index = find_index("", Surroundings(environ=env, home=home, pythons=(Path(sys.executable),)))
    (tmp_path / "wanted.in").write_text("\n".join(PUBLIC))
    certificates = {"SSL_CERT_FILE": str(index.ca_file)} if index.ca_file else {}
    command = [uv, "--no-config", "pip", "compile", "wanted.in", "--only-binary", ":all:", "--no-header"]
    done = subprocess.run(
        [*command, "--no-annotate", "--exclude-newer", as_of, "--python", sys.executable, "-q"],
        cwd=tmp_path,
        env={**env, **certificates, "UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / "uv")},
        capture_output=True,
        text=True,
        check=True,
    )
    chosen = dict(line.strip().split("==") for line in done.stdout.splitlines() if "==" in line)
    assert locked(project) == chosen


def test_what_was_locked_installs_and_pip_finds_nothing_broken(project: Path) -> None:
    run_pipper("sync", cwd=project, registry=True)
    venv = project / ".venv"
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-c", "import django, fastapi, pandas"], check=True)
    checked = [sys.executable, "-m", "pip", "--python", str(python), "check"]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_serves_other_platforms_too(project: Path) -> None:
    text = (project / "pipper.lock").read_text()
    assert "failure" not in text
    for platform in ("win_amd64", "macosx_", "aarch64", "x86_64"):
        assert f"{platform}" in text
