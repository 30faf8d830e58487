"""Fixtures that several suites share. No test touches the account or the configuration of its user."""

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from tests.commands import KEPT, default_signals, kill_started
from tests.e2e.ceph import HOW_TO_GET, missing_programs, running_ceph
from tests.s3_double import S3Double
from tests.s3_endpoint import S3Endpoint

settings.register_profile("pipper", deadline=None)  # a slow machine must not fail a test
settings.load_profile("pipper")

_numbers = itertools.count()
_IS_E2E_REQUIRED = os.environ.get("PIPPER_REQUIRE_E2E") == "1"


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> Iterator[None]:
    with default_signals():
        yield


@pytest.fixture(scope="session", autouse=True)
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's settings from fixtures of the session, too; yield a folder for the homes of tests."""
    mask = os.umask(0o022)
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("PYTEST_")}
    with mock.patch.dict(os.environ, kept, clear=True):
        homes = tmp_path_factory.mktemp("homes")
        _move_in(homes / "session")
        yield homes
    os.umask(mask)


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_once() -> Iterator[None]:
    """Keep botocore's description of S3 between clients: to parse it is most of what a client costs."""
    read = JSONFileLoader.load_file
    held: dict[str, Any] = {}

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in held:
            found = read(self, file_path)
            if found is None:
                return None
            held[file_path] = found
        return held[file_path]

    with mock.patch.object(JSONFileLoader, "load_file", load_file):
        yield


@pytest.fixture(autouse=True)
def _own_home(_homes: Path) -> Iterator[None]:
    with mock.patch.dict(os.environ):
        _move_in(_homes / str(next(_numbers)))
        yield


def _move_in(home: Path) -> None:
    home.mkdir()
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        file = home / name
        file.touch()
        os.environ[name] = str(file)
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(home), "USERPROFILE": str(home)}


@pytest.fixture(autouse=True)
def _no_other_host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer here that a name is unknown: a resolver out of reach takes its time."""
    if request.node.get_closest_marker("registry"):
        return
    resolve = socket.getaddrinfo

    def known(host: str | None, *rest: Any, **options: Any) -> Any:
        if host in (None, "", "127.0.0.1", "::1", "localhost"):
            return resolve(host, *rest, **options)
        raise socket.gaierror(socket.EAI_NONAME, f"tests do not look up {host}")

    monkeypatch.setattr(socket, "getaddrinfo", known)


@pytest.fixture(autouse=True)
def _no_program_left() -> Iterator[None]:
    yield
    kill_started()


@pytest.fixture
def s3_double() -> Iterator[S3Double]:
    """A server of this test's own, to script faults for."""
    with S3Double() as double:
        yield double


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Endpoint]:
    """A server without faults for all tests; each takes a fresh bucket."""
    with S3Double() as double:
        yield double.endpoint


@pytest.fixture
def bucket(s3_server: S3Endpoint) -> str:
    """The name of a fresh bucket on `s3_server`."""
    return s3_server.fresh_bucket()


@pytest.fixture(scope="session")
def ceph() -> Iterator[S3Endpoint]:
    """A real S3 server: it checks signatures, expiry and conditions. Tests with it are marked `e2e`."""
    if missing := missing_programs():
        reason = f"not installed: {', '.join(missing)} ({HOW_TO_GET})"
        if _IS_E2E_REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    with running_ceph() as endpoint:
        yield endpoint
