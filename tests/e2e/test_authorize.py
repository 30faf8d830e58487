"""Presigned locks on a server that checks signatures and their expiry; pip, uv and pipper without credentials."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pip
import pytest
from packaging.version import Version

from pipper.wheels.bundle import write_bundle
from tests.commands import cache_directory, clean_environment, run_pipper
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel

pytestmark = pytest.mark.e2e

KNOWS_PYLOCK = Version("26.1")
"""The first pip that installs from `-r pylock.toml`."""


@pytest.fixture
def app(tmp_path: Path, ceph: S3Endpoint) -> Path:
    """A project that is locked to a bucket with two packages."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "acme-app", "1.4+local.1", requires=["acme-base>=2"])
    make_wheel(wheels, "acme-base", "2.0.0")
    app = tmp_path / "app"
    app.mkdir()
    bucket = ceph.fresh_bucket()
    (app / "pipper.toml").write_text(
        f'dependencies = ["acme-app"]\nindex = false\n[repositories]\nacme = "s3://{bucket}/pipper"\n'
    )
    run_pipper("publish", *sorted(wheels.iterdir()), cwd=app, env=ceph.environment)
    run_pipper("lock", cwd=app, env=ceph.environment)
    return app


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder on a host that knows nothing of AWS."""
    host = tmp_path / "host"
    host.mkdir()
    return host


class Environments:
    """Fresh virtual environments, and how each tool installs a lock into one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fresh(self, name: str) -> Path:
        folder = self.root / name
        venv.create(folder, symlinks=os.name != "nt")
        return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def by_pip(self, lock: Path, python: Path) -> "subprocess.CompletedProcess[str]":
        if Version(pip.__version__) < KNOWS_PYLOCK:
            pytest.skip(f"pip {KNOWS_PYLOCK} is needed beside this Python, it is {pip.__version__}")
        return self._run(
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-cache-dir"),
            *("--disable-pip-version-check", "--retries", "0", "-r", str(lock)),
        )

    def by_uv(self, lock: Path, python: Path) -> "subprocess.CompletedProcess[str]":
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        if uv is None:
            pytest.skip("no uv beside this Python")
        return self._run(
            *(uv, "pip", "sync", "--no-cache", "--no-config", "--preview-features", "pylock"),
            *("--python", str(python), str(lock)),
        )

    def _run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        env = {**clean_environment(self.root), "UV_HTTP_RETRIES": "0"}
        assert not any(name.startswith("AWS_A") or name.startswith("AWS_S") for name in env)
        return subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture
def environments(host: Path) -> Environments:
    return Environments(host)


def version_in(python: Path) -> str:
    """Of acme-app, as that interpreter sees it; empty where it is not there."""
    code = "import importlib.metadata as m; print(m.version('acme-app'))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def test_pip_uv_and_pipper_install_an_authorized_pylock_without_credentials(
    app: Path, ceph: S3Endpoint, host: Path, environments: Environments
) -> None:
    lock = host / "pylock.toml"
    run_pipper("authorize", "-o", lock, "-e", "5m", cwd=app, env=ceph.environment)
    ours, theirs, others = (environments.fresh(name) for name in ("ours", "theirs", "others"))

    run_pipper("sync", "--lock", lock, "--python", ours, cwd=host)
    by_uv = environments.by_uv(lock, others)
    by_pip = environments.by_pip(lock, theirs)

    assert by_uv.returncode == 0, by_uv.stderr
    assert by_pip.returncode == 0, by_pip.stderr
    assert [version_in(each) for each in (ours, theirs, others)] == ["1.4+local.1"] * 3


def test_pippers_own_format_needs_no_credentials_either(app: Path, ceph: S3Endpoint, host: Path) -> None:
    lock = host / "acme.lock"
    run_pipper("authorize", "-o", lock, "-e", "5m", cwd=app, env=ceph.environment)
    run_pipper("sync", "--lock", lock, "-t", "packages", cwd=host)
    assert (host / "packages" / "acme_base" / "__init__.py").is_file()


@pytest.mark.parametrize("name", ["pylock.toml", "acme.lock"])
def test_K9_after_two_seconds_everybody_is_refused_and_pipper_says_when_it_ended(
    app: Path, ceph: S3Endpoint, host: Path, environments: Environments, name: str
) -> None:
    lock = host / name
    run_pipper("authorize", "-o", lock, "-e", "2s", cwd=app, env=ceph.environment)
    text = lock.read_text()
    ours = environments.fresh("ours")
    wait_until_expired(lock)

    refused = run_pipper("sync", "--lock", lock, "--python", ours, cwd=host, ok=False)

    assert refused.code == 5
    assert re.search(
        r"authorization expired at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(local now ", refused.stderr
    )
    for signature in re.findall(r"X-Amz-Signature=([0-9a-f]+)", text):
        assert signature not in refused.stdout + refused.stderr
    assert "X-Amz" not in refused.stdout + refused.stderr
    assert version_in(ours) == ""
    if name == "pylock.toml":
        for run in (environments.by_uv, environments.by_pip):
            python = environments.fresh(run.__name__)
            assert run(lock, python).returncode != 0
            assert version_in(python) == ""


def wait_until_expired(lock: Path) -> None:
    urls = re.findall(r'url = "(http[^"]+)"', lock.read_text())
    deadline = time.monotonic() + 30
    while any(status_of(url) == 200 for url in urls):
        assert time.monotonic() < deadline, "the server never refused"
        time.sleep(0.2)


def status_of(url: str) -> int:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:  # its socket is open
            return error.code


def test_K9_an_edited_signature_is_a_refusal_and_not_a_missing_package(
    app: Path, ceph: S3Endpoint, host: Path
) -> None:
    lock = host / "pylock.toml"
    run_pipper("authorize", "-o", lock, "-e", "5m", cwd=app, env=ceph.environment)
    text = lock.read_text()
    lock.write_text(re.sub(r"(X-Amz-Signature=)[0-9a-f]{4}", r"\g<1>0000", text))
    refused = run_pipper("sync", "--lock", lock, "-t", "packages", cwd=host, ok=False)
    assert refused.code == 5
    assert "X-Amz" not in refused.stderr
    assert not (host / "packages").exists()


def test_K6_thirty_days_are_refused_and_nothing_is_written(app: Path, ceph: S3Endpoint) -> None:
    refused = run_pipper(
        "authorize", "-o", "pylock.toml", "-e", "30d", cwd=app, env=ceph.environment, ok=False
    )
    assert refused.code == 2
    assert "7 days" in refused.stderr
    assert not (app / "pylock.toml").exists()


def test_K8_urls_are_signed_with_sigv4_for_one_key_each(app: Path, ceph: S3Endpoint) -> None:
    given = run_pipper("authorize", "-e", "12mins", cwd=app, env=ceph.environment).stdout
    urls = given.split()
    assert len(urls) == 2
    for url in urls:
        query = parse_qs(urlsplit(url).query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert query["X-Amz-Expires"] == ["720"]
        assert query["X-Amz-SignedHeaders"] == ["host"]
        assert status_of(url) == 200
    assert {urlsplit(url).path.rpartition("/")[2] for url in urls} == {
        "acme_app-1.4%2Blocal.1-py3-none-any.whl",
        "acme_base-2.0.0-py3-none-any.whl",
    }


def test_names_are_solved_without_a_project(app: Path, ceph: S3Endpoint, host: Path) -> None:
    bucket = tomllib.loads((app / "pipper.toml").read_text())["repositories"]["acme"]
    told = run_pipper(
        "authorize", "acme-base:2.*", "--json", "-b", bucket, cwd=host, env=ceph.environment
    ).stdout
    (package,) = json.loads(told)["packages"]
    assert (package["name"], package["version"]) == ("acme-base", "2.0.0")
    assert status_of(package["files"][0]["url"]) == 200


def test_download_takes_an_authorized_lock(app: Path, ceph: S3Endpoint, host: Path) -> None:
    lock = host / "acme.lock"
    run_pipper("authorize", "-o", lock, cwd=app, env=ceph.environment)
    run_pipper("download", "-i", lock, "-d", "wheels", cwd=host)
    assert sorted(path.name for path in (host / "wheels").iterdir()) == [
        "acme_app-1.4+local.1-py3-none-any.whl",
        "acme_base-2.0.0-py3-none-any.whl",
    ]


def test_a_bundle_at_a_url_of_0x_is_downloaded(app: Path, ceph: S3Endpoint, host: Path) -> None:
    bucket = tomllib.loads((app / "pipper.toml").read_text())["repositories"]["acme"].split("/")[2]
    key = next(key for key in ceph.contents(bucket) if key.endswith("v2-0-0.pipper"))
    url = ceph.client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600
    )
    (host / "authorized.json").write_text(json.dumps({"dependencies": [url]}))
    run_pipper("download", "-i", "authorized.json", "-d", "wheels", "--bundles", cwd=host)
    assert sorted(path.name for path in (host / "wheels").iterdir()) == [
        "acme-base-2.0.0.pipper",
        "acme_base-2.0.0-py3-none-any.whl",
    ]


@pytest.fixture
def old_bucket(ceph: S3Endpoint, tmp_path: Path) -> str:
    """A bucket as 0.x fills it: a bundle, and nothing else."""
    wheel = make_wheel(tmp_path / "old", "Acme_Old", "1.2.3")
    bundle = write_bundle(wheel, filename=wheel.name, output=tmp_path / "old")
    bucket = ceph.fresh_bucket()
    ceph.client.put_object(Bucket=bucket, Key="pipper/Acme_Old/v1-2-3.pipper", Body=bundle.read_bytes())
    return bucket


def test_a_bundle_of_0x_goes_into_pippers_own_format(old_bucket: str, ceph: S3Endpoint, host: Path) -> None:
    given = ("acme-old", "-b", old_bucket, "-o", "old.lock")
    run_pipper("authorize", *given, cwd=host, env=ceph.environment)
    shutil.rmtree(cache_directory(host))
    run_pipper("sync", "--lock", "old.lock", "-t", "packages", cwd=host)
    assert (host / "packages" / "acme_old" / "__init__.py").is_file()


def test_a_bundle_of_0x_cannot_go_into_a_pylock(old_bucket: str, ceph: S3Endpoint, host: Path) -> None:
    given = ("acme-old", "-b", old_bucket, "-o", "pylock.toml")
    refused = run_pipper("authorize", *given, cwd=host, env=ceph.environment, ok=False)
    assert refused.code == 2
    assert "acme-old==1.2.3" in refused.stderr
    assert "repair" in refused.stderr
    assert not (host / "pylock.toml").exists()
