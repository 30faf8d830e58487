"""Poetry and PDM use a site and `serve` as their index. On demand: `PIPPER_PEERS=1`; each is installed once."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipper.system.locks import os_lock
from tests.cli.test_repository_serve import served
from tests.cli.test_repository_site import static
from tests.commands import clean_environment
from tests.invariants import Workspace

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(os.environ.get("PIPPER_PEERS") != "1", reason="on demand: PIPPER_PEERS=1"),
]

PEERS = {"poetry": "poetry>=2", "pdm": "pdm[locked]>=2.20"}
POETRY = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.11,<4"
dependencies = ["alpha>=1"]
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "acme"
url = "URL"
priority = "primary"
"""
PDM = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["alpha>=1"]
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "pypi"
url = "URL"
"""
"""PDM's own name for the first index is `pypi`: so no other one is asked."""


@pytest.fixture(scope="session")
def peers(pytestconfig: pytest.Config) -> Path:
    """A folder with an environment for each peer, kept in pytest's cache."""
    folder = Path(pytestconfig.cache.mkdir(f"pipper-peers-{sys.version_info[0]}.{sys.version_info[1]}"))
    with os_lock(folder / "lock"):
        for name, wanted in PEERS.items():
            place = folder / name
            if (place / "complete").exists():
                continue
            venv.create(place, clear=True, with_pip=True)
            subprocess.run(
                [place / "bin" / "python", "-m", "pip", "install", "-q", wanted],
                check=True,
                env=clean_environment(folder, registry=True),
            )
            (place / "complete").touch()
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace without anything."""
    return Workspace(root=tmp_path / "w")


@pytest.fixture(params=["site", "serve"])
def index(request: pytest.FixtureRequest, empty: Workspace) -> Iterator[str]:
    """The URL of an index with alpha 1.0.0, a yanked 2.0.0, and beta."""
    empty.publish(
        empty.wheel("alpha", "1.0.0", requires=["beta>=1"]),
        empty.wheel("alpha", "2.0.0"),
        empty.wheel("beta"),
    )
    empty.run("yank", "alpha:2.0.0", "-b", empty.url)
    with ExitStack() as stack:
        if request.param == "serve":
            yield stack.enter_context(served(empty, "-b", empty.url))
        else:
            empty.run("repository", "site", "-b", empty.url)
            yield stack.enter_context(static(empty.repository))


@pytest.mark.parametrize(
    ("peer", "manifest", "commands"),
    [
        ("poetry", POETRY, (["lock"], ["install", "--no-interaction"])),
        ("pdm", PDM, (["lock"], ["sync", "--no-self"])),
    ],
)
def test_another_installer_locks_with_hashes_and_installs(
    peers: Path, index: str, empty: Workspace, peer: str, manifest: str, commands: tuple[list[str], ...]
) -> None:
    project = empty.root / peer
    project.mkdir()
    (project / "pyproject.toml").write_text(manifest.replace("URL", index))
    env = {
        **clean_environment(project),
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_KEYRING_ENABLED": "false",
    }
    env |= {"PDM_CHECK_UPDATE": "false", "PDM_IGNORE_ACTIVE_VENV": "1"}
    del env["PIP_NO_INDEX"]
    for command in commands:
        done = subprocess.run(
            [peers / peer / "bin" / peer, *command],
            cwd=project, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    lock = (project / f"{peer}.lock").read_text()
    for wheel in ("alpha-1.0.0", "beta-1.0.0"):
        (path,) = (empty.root / "wheels").glob(f"{wheel}*")
        assert f'file = "{path.name}", hash = "sha256:' in lock
    found = {each.name.removesuffix(".dist-info") for each in (project / ".venv").rglob("*.dist-info")}
    assert {"alpha-1.0.0", "beta-1.0.0"} <= found
