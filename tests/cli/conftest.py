"""A project that is locked and synced, made once and copied for each test that changes it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hostile import Arena, make_arena
from tests.invariants import CANARIES, Workspace
from tests.s3_double import S3Double


def fill(workspace: Workspace) -> None:
    """Publish a few packages and make a project that asks for them."""
    workspace.publish(
        workspace.wheel("alpha", "1.0.0", requires=["beta>=1"]),
        workspace.wheel(
            "alpha",
            "1.1.0",
            requires=["beta>=1"],
            extras={"fast": ["gamma"]},
            entry_points={"alpha": "alpha:main"},
            files={"alpha/__init__.py": "def main():\n    print('alpha runs')\n"},
        ),
        workspace.wheel("beta", "1.0.0"),
        workspace.wheel("gamma", "1.0.0"),
        workspace.wheel("delta", "1.0.0"),
    )
    workspace.write_manifest("alpha", more="[dependency-groups]\ndev = ['delta']\n")


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(root=tmp_path_factory.mktemp("template"))
    fill(workspace)
    workspace.run("lock")
    workspace.run("sync")
    return workspace


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a wait, unless a server names one: what is tried in this process is over sooner."""
    monkeypatch.setattr("pipper.system.retry.random.uniform", lambda low, high: 0.0)


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace without anything."""
    return Workspace(root=tmp_path / "w")


@pytest.fixture
def workspace(_template: Workspace, tmp_path: Path) -> Workspace:
    """A project with a lock and an environment that matches it: alpha 1.1.0, beta, and delta for dev."""
    return _template.copy(tmp_path / "w")


@pytest.fixture(scope="session")
def arena(_template: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    """A project for hostile wheels, each of which must leave it as it was."""
    return make_arena(_template, tmp_path_factory.mktemp("arena"))


def canary_server() -> S3Double:
    """A server whose one key is a canary."""
    server = S3Double()
    server.endpoint = replace(
        server.endpoint,
        access_key_id=CANARIES["AWS_ACCESS_KEY_ID"],
        secret_access_key=CANARIES["AWS_SECRET_ACCESS_KEY"],
    )
    return server


@pytest.fixture
def double() -> Iterator[S3Double]:
    """The server of `remote`, to script faults for."""
    with canary_server() as server:
        yield server


@pytest.fixture(scope="session")
def _remote_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with canary_server() as server:
        bucket = server.endpoint.fresh_bucket()
        workspace = Workspace(root=tmp_path_factory.mktemp("remote"), server=server, bucket=bucket)
        fill(workspace)
        workspace.write_manifest("alpha==1.0.0")
        workspace.run("lock")
        workspace.run("sync")
        workspace.write_manifest("alpha")
        workspace.run("lock", "-U")
        yield workspace


@pytest.fixture
def remote(_remote_template: Workspace, double: S3Double, tmp_path: Path) -> Workspace:
    """The same project in a bucket: published and locked, with an environment that is one version behind."""
    assert _remote_template.server
    double.adopt(_remote_template.server)
    return replace(_remote_template.copy(tmp_path / "w"), server=double)
