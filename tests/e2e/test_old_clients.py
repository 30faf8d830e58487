"""pipper 0.11.1 and this one on the same bucket: each reads what the other wrote."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipper.system.locks import os_lock
from pipper.wheels.bundle import write_bundle
from tests.commands import cache_directory, clean_environment, run_pipper
from tests.legacy import upload_legacy
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel

pytestmark = [pytest.mark.e2e, pytest.mark.registry]

WANTED = ("pipper==0.11.1", "pip", "build", "setuptools", "wheel")
OLD_PROJECTS = {
    ("Acme_Text", "1.2.3"): [],
    ("Acme_Text", "1.2.4"): [],
    ("Acme_Text", "1.3.0"): [],
    ("Acme_Text", "2.0.0"): [],
    ("acme-app", "1.0.0"): ["Acme_Text:<2.0.0", "Acme_Base"],
}
"""What 0.11.1 builds and publishes, and the dependencies in each pipper.json."""
_MAIN = "from pipper.command import run; run()"


class OldClient:
    """pipper 0.11.1, as the packages of one environment and run by the interpreter of another."""

    def __init__(self, python: Path, home: Path) -> None:
        self.python = python
        self.home = home

    def run(self, *args: str | Path, env: Mapping[str, str], registry: bool = False) -> str:
        """Run `pipper ARGS` and return what it wrote; it must succeed."""
        self.home.mkdir(parents=True, exist_ok=True)
        given = {**outer(self.home, registry=registry), **env}
        # 0.11 calls `python` to build
        given["PATH"] = f"{self.python.parent}{os.pathsep}{given['PATH']}"
        done = subprocess.run(
            [str(self.python), "-c", _MAIN, *map(str, args)],
            cwd=self.home,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def outer(home: Path, *, registry: bool = False) -> dict[str, str]:
    """Variables for programs that must not see this checkout."""
    env = clean_environment(home, registry=registry)
    env.pop("PYTHONPATH", None)
    return {**env, "HOME": str(home), "USERPROFILE": str(home)}


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_of(environment: Path) -> Path:
    (site,) = {path.resolve() for path in environment.glob("[Ll]ib*/**/site-packages")}
    return site


@pytest.fixture(scope="session")
def kept(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 0.11.1 in `venv` and the bundles it made in `bundles`; made once, kept in pytest's cache."""
    recipe = repr((WANTED, OLD_PROJECTS, sys.version, sys.base_prefix))
    folder = Path(pytestconfig.cache.mkdir(f"pipper-0.11-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"))
    with os_lock(folder / "lock"):  # another process of this run may be at it
        if not (folder / "complete").exists():
            work = tmp_path_factory.mktemp("old")
            install_old(folder / "venv", work)
            shutil.rmtree(folder / "bundles", ignore_errors=True)
            (folder / "bundles").mkdir()
            client = OldClient(python_of(folder / "venv"), work)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda one: bundle_old(client, *one, folder / "bundles"), OLD_PROJECTS))
            (folder / "complete").touch()
    return folder


def install_old(environment: Path, work: Path) -> None:
    venv.create(environment, clear=True, with_pip=True, symlinks=os.name != "nt")
    pip = [str(python_of(environment)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, *WANTED], env=outer(work, registry=True), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"pip could not install 0.11.1 (it needs a registry):\n{done.stderr[-2000:]}"


def bundle_old(client: OldClient, name: str, version: str, into: Path) -> None:
    source = write_project(client.home / f"{name}-{version}", name, version, OLD_PROJECTS[name, version])
    # 0.11 needs some credentials even to bundle
    nobody = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    client.run("bundle", source, "-o", into, env=nobody, registry=True)


def write_project(folder: Path, name: str, version: str, dependencies: list[str]) -> Path:
    module = name.lower().replace("-", "_")
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(f"version = {version!r}\n")
    (folder / "setup.py").write_text(
        f"from setuptools import setup\nsetup(name={name!r}, version={version!r}, packages=[{module!r}])\n"
    )
    (folder / "pipper.json").write_text(json.dumps({"dependencies": dependencies}))
    return folder


@pytest.fixture(scope="session")
def old_bucket(kept: Path, ceph: S3Endpoint, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bucket that 0.11.1 published into; nobody may change it."""
    bucket = ceph.fresh_bucket()
    client = OldClient(python_of(kept / "venv"), tmp_path_factory.mktemp("publisher"))
    for bundle in sorted((kept / "bundles").iterdir()):
        client.run("publish", bundle, "-b", bucket, env=ceph.environment)
    # its builds of versions with __pre_ and __build_ keys need uv: they are in the fixture
    upload_legacy(ceph, bucket)
    keys = set(ceph.contents(bucket))
    assert {"pipper/Acme_Text/v2-0-0.pipper", "pipper/Acme_Base/v2-0-0__pre_rc_1.pipper"} < keys
    assert {"pipper/acme-app/v1-0-0.pipper", "pipper/acme-top/v1-0-0__build_build_5.pipper"} < keys
    assert all(key.endswith(".pipper") for key in keys)
    return bucket


def copy_of(bucket: str, ceph: S3Endpoint) -> str:
    """A fresh bucket with the same objects and their metadata."""
    copy = ceph.fresh_bucket()
    for key in ceph.contents(bucket):
        ceph.client.copy_object(Bucket=copy, Key=key, CopySource={"Bucket": bucket, "Key": key})
    return copy


@pytest.fixture
def old_client(kept: Path, tmp_path: Path) -> OldClient:
    """0.11.1 in an environment of its own that it may install into."""
    environment = tmp_path / "old"
    venv.create(environment, symlinks=os.name != "nt")
    (site_of(environment) / "old.pth").write_text(f"{site_of(kept / 'venv')}\n")
    return OldClient(python_of(environment), tmp_path / "old-home")


@pytest.fixture
def app(tmp_path: Path, old_bucket: str) -> Path:
    """A project that asks for what 0.11.1 published."""
    return write_app(tmp_path / "app", old_bucket)


def write_app(folder: Path, bucket: str) -> Path:
    folder.mkdir()
    (folder / "pipper.toml").write_text(
        'dependencies = ["acme-app", "acme-top"]\nindex = false\n'
        f'[repositories]\nacme = "s3://{bucket}/pipper"\n'
    )
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder on a host that knows nothing of AWS."""
    host = tmp_path / "host"
    host.mkdir()
    return host


def installed(site: Path) -> dict[str, str]:
    """Versions by names, as the folders of distributions say; what `venv` brings is left out."""
    pairs = (path.name.removesuffix(".dist-info").split("-", 1) for path in site.glob("*.dist-info"))
    return {name.lower().replace("_", "-"): version for name, version in pairs}


CLOSURE = {"acme-app": "1.0.0", "acme-base": "1.1.0", "acme-text": "1.3.0", "acme-top": "1.2.0"}
"""The newest of everything that fits: `Acme_Text:<2.0.0` counts, and a pre-release is not chosen."""


def test_an_old_bucket_is_locked_and_synced_with_the_versions_of_dependencies(
    app: Path, ceph: S3Endpoint
) -> None:
    run_pipper("lock", cwd=app, env=ceph.environment)
    run_pipper("sync", cwd=app, env=ceph.environment)
    assert installed(site_of(app / ".venv")) == CLOSURE
    run_pipper("sync", "--check", "--verify", cwd=app, env=ceph.environment)
    code = "import acme_app, acme_base, acme_text, acme_top; print(acme_text.version)"
    done = subprocess.run([python_of(app / ".venv"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.3.0"


FORMS = {
    "acme-text": "2.0.0",
    "Acme_Text:1.2.3": "1.2.3",
    "acme-text:=1.2.3": "1.2.3",
    "acme-text:==1.2.3": "1.2.3",
    "acme-text:1.2.*": "1.2.4",
    "acme-text:1.*.*": "1.3.0",
    "acme-text:<1.2.4": "1.2.3",
    "acme-text:<=1.2.4": "1.2.4",
    "acme-text:>1.2.4": "2.0.0",
    "acme-text:>=1.2.4,<2": "1.3.0",
    "acme-base:2.0.0-rc.1": "2.0.0rc1",
    "acme-top:1.0.0+build.5": "1.0.0+build.5",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_version_form_installs_from_an_old_bucket(
    form: str, old_bucket: str, ceph: S3Endpoint, host: Path
) -> None:
    run_pipper("install", form, "-t", "packages", "-b", old_bucket, cwd=host, env=ceph.environment)
    name = form.partition(":")[0].lower().replace("_", "-")
    assert installed(host / "packages")[name] == FORMS[form]


def test_info_tells_what_an_old_bucket_holds(old_bucket: str, ceph: S3Endpoint, host: Path) -> None:
    def told(name: str) -> Any:
        done = run_pipper("info", name, "--json", "-b", old_bucket, cwd=host, env=ceph.environment)
        return json.loads(done.stdout)

    text, base, app = told("Acme_Text"), told("acme-base"), told("acme-app")
    assert text["status"] == "missing"
    assert [each["version"] for each in text["versions"]] == ["2.0.0", "1.3.0", "1.2.4", "1.2.3"]
    assert all(each["size"] and each["uploaded"] for each in text["versions"])
    assert [each["version"] for each in base["versions"]] == ["2.0.0rc1", "1.1.0", "1.0.0"]
    assert base["newest"]["version"] == "1.1.0"
    assert app["newest"]["dependencies"] == ["Acme_Text<2.0.0", "Acme_Base"]


def test_download_saves_wheels_bundles_and_metadata_of_an_old_bucket(
    old_bucket: str, ceph: S3Endpoint, host: Path
) -> None:
    plain = ("download", "acme-app", "-b", old_bucket, "-d")
    run_pipper(*plain, "wheels", cwd=host, env=ceph.environment)
    run_pipper(*plain, "all", "-e", "--bundles", cwd=host, env=ceph.environment)
    wheels = sorted(path.name for path in (host / "wheels").iterdir())
    assert [re.sub("-py.*", "", name).lower() for name in wheels] == [
        "acme_app-1.0.0",
        "acme_base-1.1.0",
        "acme_text-1.3.0",
    ]
    every = {path.name for path in (host / "all").iterdir()}
    bundles = {name for name in every if name.endswith(".pipper")}
    assert every == {*wheels, *(f"{name}.meta.json" for name in wheels), *bundles}
    assert {name.lower().replace("_", "-") for name in bundles} == {
        "acme-app-1.0.0.pipper",
        "acme-base-1.1.0.pipper",
        "acme-text-1.3.0.pipper",
    }
    published = {digest.strip('"') for digest in ceph.contents(old_bucket).values()}
    for name in bundles:
        assert hashlib.md5((host / "all" / name).read_bytes()).hexdigest() in published
    (app,) = (host / "all").glob("acme_app*.meta.json")
    assert json.loads(app.read_text())["dependencies"] == ["Acme_Text:<2.0.0", "Acme_Base"]


def test_an_old_bucket_is_authorized_in_pippers_own_format_and_synced_without_credentials(
    app: Path, ceph: S3Endpoint, host: Path
) -> None:
    run_pipper("lock", cwd=app, env=ceph.environment)
    run_pipper("authorize", "-o", host / "acme.lock", "-e", "5m", cwd=app, env=ceph.environment)
    run_pipper("sync", "--lock", "acme.lock", "-t", "packages", cwd=host)
    assert installed(host / "packages") == CLOSURE


def test_a_pylock_of_an_old_bucket_is_refused_until_it_is_repaired(
    tmp_path: Path, old_bucket: str, ceph: S3Endpoint, host: Path
) -> None:
    app = write_app(tmp_path / "app", copy_of(old_bucket, ceph))
    run_pipper("lock", cwd=app, env=ceph.environment)
    authorize = ("authorize", "-o", host / "pylock.toml")

    refused = run_pipper(*authorize, cwd=app, env=ceph.environment, ok=False)
    assert refused.code == 2
    assert "run `pipper repository repair` to unpack it, then `pipper lock`" in refused.stderr
    assert not (host / "pylock.toml").exists()

    run_pipper("repository", "repair", cwd=app, env=ceph.environment)
    run_pipper("lock", cwd=app, env=ceph.environment)
    run_pipper(*authorize, cwd=app, env=ceph.environment)
    run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host)
    assert installed(host / "packages") == CLOSURE


def test_what_0_11_authorized_is_installed_and_downloaded_without_credentials(
    old_bucket: str, old_client: OldClient, ceph: S3Endpoint, host: Path
) -> None:
    authorized = host / "authorized.json"
    old_client.run(
        *("authorize", "Acme_Text:1.2.*", "Acme_Base", "-b", old_bucket, "-e", "5m", "-o", authorized),
        env=ceph.environment,
    )
    run_pipper("install", "-i", "authorized.json", "-t", "packages", cwd=host)
    assert installed(host / "packages") == {"acme-text": "1.2.4", "acme-base": "1.1.0"}
    shutil.rmtree(cache_directory(host))
    run_pipper("download", "-i", "authorized.json", "-d", "wheels", cwd=host)
    assert len(list((host / "wheels").glob("*.whl"))) == 2


def test_0_11_reads_the_repositories_that_are_named_now(
    old_bucket: str, old_client: OldClient, ceph: S3Endpoint
) -> None:
    home = {"HOME": str(old_client.home), "USERPROFILE": str(old_client.home)}
    old_client.home.mkdir()
    keys = ("-c", ceph.access_key_id, ceph.secret_access_key)
    run_pipper(
        *("repository", "add", "acme", "-b", old_bucket, "--default", *keys), cwd=old_client.home, env=home
    )
    where = {name: ceph.environment[name] for name in ("AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")}
    for named in (("-r", "acme"), ()):
        assert "Latest version: 2.0.0" in old_client.run("info", "Acme_Text", *named, env=where)


@pytest.fixture(scope="session")
def shared_bucket(old_bucket: str, ceph: S3Endpoint, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The old bucket with a site, after we published: into a folder that 0.11.1 made, a new one, and odd versions."""
    bucket = copy_of(old_bucket, ceph)
    work = tmp_path_factory.mktemp("publisher")
    source = write_project(work / "text", "Acme_Text", "2.1.0", [])
    run_pipper("bundle", source, "-o", work, cwd=work, registry=True)
    (bundle,) = work.glob("*.pipper")
    fresh = make_wheel(work / "wheels", "Acme_Fresh", "1.0.0")
    needy = write_bundle(fresh, filename=fresh.name, output=work, manifest={"dependencies": ["Acme_Text"]})
    odd = [
        make_wheel(work / "wheels", name, version)
        for name, version in (
            ("Acme_Text", "2.1.0.post1"),
            ("Acme_Text", "3.0"),
            ("Acme_Fresh", "1.0.post1"),
            ("acme-plain", "0.1.0"),
            ("acme-plain", "1.0.post1"),
        )
    ]
    run_pipper("repository", "site", "-b", bucket, cwd=work, env=ceph.environment)
    run_pipper("publish", bundle, needy, *odd, "-b", bucket, cwd=work, env=ceph.environment)
    assert {"pipper/index.html", "pipper/acme-fresh/index.html"} <= set(ceph.contents(bucket))
    return bucket


def test_0_11_installs_what_is_published_now_into_its_folder_and_a_new_one(
    shared_bucket: str, old_client: OldClient, ceph: S3Endpoint, host: Path
) -> None:
    for name in ("Acme_Fresh", "acme-plain"):
        target = host / name
        old_client.run("install", name, "-t", target, "-b", shared_bucket, env=ceph.environment)
    assert installed(host / "Acme_Fresh") == {"acme-fresh": "1.0.0", "acme-text": "2.1.0"}
    assert installed(host / "acme-plain") == {"acme-plain": "0.1.0"}
    assert "2.1.0" in (host / "Acme_Fresh" / "acme_text" / "__init__.py").read_text()


def test_0_11_upgrades_to_what_is_published_now_and_its_info_tells_so(
    shared_bucket: str, old_client: OldClient, ceph: S3Endpoint
) -> None:
    site = site_of(old_client.python.parent.parent)

    def old(command: str, *args: str) -> str:
        return old_client.run(command, *args, "-b", shared_bucket, env=ceph.environment)

    told = old("info", "Acme_Text")
    assert "Latest version: 2.1.0\n" in told
    assert "[MISSING]" in told
    old("install", "Acme_Text:1.2.3")
    assert installed(site)["acme-text"] == "1.2.3"
    assert "[BEHIND]: local 1.2.3 version is older than 2.1.0" in old("info", "Acme_Text")
    old("install", "-u", "Acme_Text")
    assert installed(site)["acme-text"] == "2.1.0"
    told = old("info", "Acme_Text")
    assert "[CURRENT]" in told
    assert re.search(r"Uploaded at: \d{4}-\d\d-\d\dT", told)
    assert "Latest version: 1.0.0\n" in old("info", "Acme_Fresh")


def test_now_everything_is_seen_what_0_11_cannot_read_too(
    shared_bucket: str, ceph: S3Endpoint, host: Path
) -> None:
    done = run_pipper("info", "acme-text", "--json", "-b", shared_bucket, cwd=host, env=ceph.environment)
    assert [each["version"] for each in json.loads(done.stdout)["versions"]] == [
        *("3.0", "2.1.0.post1", "2.1.0", "2.0.0", "1.3.0", "1.2.4", "1.2.3"),
    ]
