"""What other hosts and other tools get of packages that exist as source only."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.index_double import IndexDouble
from tests.s3_endpoint import S3Endpoint
from tests.sdists import make_backend, make_sdist
from tests.wheelhouse import make_wheel


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


@pytest.fixture
def sdist(tmp_path: Path, index: IndexDouble) -> Path:
    """The source distribution of `promise` in the index, which has `six` and all that builds `promise` too."""
    files = tmp_path / "files"
    for each in (
        make_backend(files, requires=["tiny-part"]),
        make_wheel(files, "tiny-part", "1.0"),
        make_wheel(files, "six", "1.0"),
    ):
        index.add(each)
    path = make_sdist(files, "promise", "2.0", requires=["six"])
    index.add_sdist(path)
    return path


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder on a host without credentials, and with a cache of its own."""
    host = tmp_path / "host"
    host.mkdir()
    return host


def project(tmp_path: Path, index: IndexDouble, more: str = "") -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        f"dependencies = ['promise']\n[index]\nurl = '{index.url}'\n[build]\nallow = ['promise']\n{more}"
    )
    return app


@pytest.fixture
def signed(
    tmp_path: Path, index: IndexDouble, sdist: Path, bucket: str, s3_server: S3Endpoint, host: Path
) -> Path:
    """An authorized lock of `promise` on that host; the backend is in the bucket."""
    app = project(tmp_path, index, f"[repositories]\nacme = 's3://{bucket}/pipper'\n")
    env = s3_server.environment
    run_pipper("publish", sdist.parent / "tiny_build-1.0-py3-none-any.whl", cwd=app, env=env)
    run_pipper("lock", cwd=app, env=env)
    run_pipper("authorize", "-o", host / "acme.lock", cwd=app, env=env)
    return host / "acme.lock"


def test_R01_a_host_without_credentials_builds_from_an_authorized_lock(signed: Path, host: Path) -> None:
    packages = {each["name"]: each for each in tomllib.loads(signed.read_text())["packages"]}
    assert packages["promise"]["sdist"]["url"].endswith("/promise-2.0.tar.gz")
    assert "X-Amz-Signature" in packages["tiny-build"]["wheels"][0]["url"]
    done = run_pipper("sync", "--lock", signed, "-t", "packages", cwd=host)
    assert "Building promise 2.0" in done.stderr
    assert (host / "packages" / "promise.py").exists()
    assert (host / "packages" / "six-1.0.dist-info").is_dir()


def test_R01_a_changed_byte_behind_an_authorized_lock_is_an_integrity_error(
    signed: Path, host: Path, sdist: Path
) -> None:
    body = bytearray(sdist.read_bytes())
    body[-1] ^= 1
    sdist.write_bytes(body)
    done = run_pipper("sync", "--lock", signed, "-t", "packages", cwd=host, ok=False)
    assert done.code == 4
    assert "promise 2.0" in done.stderr
    assert not (host / "packages" / "promise.py").exists()


def test_R01_an_authorized_lock_with_a_source_says_that_it_expired(signed: Path, host: Path) -> None:
    text = re.sub(r"expires-at = \S+", "expires-at = 2026-01-02T03:04:05Z", signed.read_text())
    signed.write_text(text)
    done = run_pipper("sync", "--lock", signed, "-t", "packages", cwd=host, ok=False)
    assert done.code == 5
    assert "expired at 2026-01-02 03:04:05 UTC" in done.stderr


def test_R01_download_reads_an_authorized_lock_with_a_source(signed: Path, host: Path) -> None:
    run_pipper("download", "--lock", signed, "-d", "saved", "--build", cwd=host)
    assert (host / "saved" / "promise-2.0-py3-none-any.whl").exists()


TOOLS = {
    "pip": (sys.executable, "-m", "pip", "install"),
    "uv": (str(Path(sys.executable).with_name("uv")), "pip", "install", "--preview-features", "pylock"),
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", ["pylock.toml", "requirements.txt"])
def test_R01_pip_and_uv_build_what_an_exported_lock_has_as_source(
    tool: str, name: str, tmp_path: Path, index: IndexDouble, sdist: Path, host: Path
) -> None:
    app = project(tmp_path, index)
    run_pipper("lock", cwd=app)
    run_pipper("export", "-o", host / name, cwd=app)
    target = host / "packages"
    subprocess.run(
        [*TOOLS[tool], "-r", name, "--index-url", index.url, "--target", target],
        check=True,
        cwd=host,
        env={
            **os.environ,
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(host / "uv"),
        },
    )
    assert (target / "promise.py").exists()
    assert (target / "six-1.0.dist-info").is_dir()


def test_R01_a_pylock_does_not_hold_what_a_build_requires_so_pipper_names_the_lock_that_does(
    tmp_path: Path, index: IndexDouble, sdist: Path, host: Path
) -> None:
    app = project(tmp_path, index)
    run_pipper("lock", cwd=app)
    run_pipper("export", "-o", host / "pylock.toml", cwd=app)
    done = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert done.code == 2
    assert "promise has no wheel for this environment" in done.stderr
    assert "`pipper authorize -o FILE.lock`" in done.stderr
    shutil.copy(app / "pipper.lock", host / "other.lock")
    run_pipper("sync", "--lock", "other.lock", "-t", "packages", cwd=host)
    assert (host / "packages" / "promise.py").exists()
