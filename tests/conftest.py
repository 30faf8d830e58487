"""Fixtures that several suites share. No test touches the account or the configuration of its user."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.ceph import HOW_TO_GET, missing_programs, running_ceph
from tests.s3_double import S3Double
from tests.s3_endpoint import S3Endpoint


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "PIPPER_")) and name != "PIPPER_REQUIRE_E2E":
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        file = home / name
        file.touch()
        monkeypatch.setenv(name, str(file))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


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
        if os.environ.get("PIPPER_REQUIRE_E2E") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with running_ceph() as endpoint:
        yield endpoint
