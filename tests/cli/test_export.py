"""`pipper export`: pylock.toml and a hashed requirements.txt."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.pylock import Pylock

from tests.commands import cache_directory, clean_environment, run_pipper
from tests.index_double import IndexDouble, built_into_pip
from tests.invariants import Workspace
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel


def project(tmp_path: Path, repository: str, env: dict[str, str] | None = None) -> Path:
    """A project locked to alpha, with beta in the group dev."""
    wheels = tmp_path / "published"
    make_wheel(wheels, "alpha", "1.0.0")
    make_wheel(wheels, "beta", "2.0.0")
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        'requires-python = ">=3.11"\ndependencies = ["alpha"]\nindex = false\n'
        f'[dependency-groups]\ndev = ["beta"]\n[repositories]\nacme = "{repository}"\n'
    )
    run_pipper("publish", *sorted(wheels.iterdir()), cwd=app, env=env)
    run_pipper("lock", cwd=app, env=env)
    return app


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return project(tmp_path, (tmp_path / "repository").as_uri())


def names(text: str) -> list[str]:
    return [package["name"] for package in tomllib.loads(text)["packages"]]


def test_the_selection_decides_what_is_in_it(app: Path) -> None:
    assert names(run_pipper("export", "-f", "pylock", cwd=app).stdout) == ["alpha", "beta"]
    assert names(run_pipper("export", "-f", "pylock", "--no-dev", cwd=app).stdout) == ["alpha"]
    assert names(run_pipper("export", "-f", "pylock", "--only-group", "dev", cwd=app).stdout) == ["beta"]
    refused = run_pipper("export", "-f", "pylock", "--group", "docs", cwd=app, ok=False)
    assert refused.code == 2
    assert "docs" in refused.stderr


def test_the_pylock_is_valid_and_says_what_it_is_for(app: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    written = Pylock.from_dict(tomllib.loads((app / "pylock.toml").read_text()))
    assert str(written.requires_python) == ">=3.11"
    assert written.environments
    assert written.created_by == "pipper"


def test_a_file_of_a_directory_stands_with_its_path_and_pipper_syncs_it(app: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    assert 'path = "../repository/alpha/' in (app / "pylock.toml").read_text()
    shutil.rmtree(cache_directory(app))
    run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=app)
    assert (app / "packages" / "beta" / "__init__.py").is_file()
    again = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=app)
    assert "Nothing to do" in again.stderr


def test_M12_a_wrong_hash_is_told_and_nothing_is_installed(app: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    text = (app / "pylock.toml").read_text()
    sha256 = tomllib.loads(text)["packages"][0]["wheels"][0]["hashes"]["sha256"]
    (app / "pylock.toml").write_text(text.replace(f'sha256 = "{sha256}"', f'sha256 = "{"0" * 64}"'))
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=app, ok=False)
    assert refused.code == 4
    assert "hash mismatch for alpha 1.0.0" in refused.stderr
    assert not (app / "packages").exists()


def test_S8_a_path_that_is_gone_is_told(app: Path, tmp_path: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    shutil.rmtree(tmp_path / "repository")
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=app, ok=False)
    assert refused.code == 4
    assert "locked file is missing" in refused.stderr


def test_a_file_of_a_bucket_stands_with_its_plain_url(
    tmp_path: Path, s3_server: S3Endpoint, bucket: str
) -> None:
    app = project(tmp_path, f"s3://{bucket}/pipper", s3_server.environment)
    env = {**s3_server.environment, "AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_SECRET_ACCESS_KEY": "canary"}
    text = run_pipper("export", "-f", "pylock", cwd=app, env=env).stdout
    assert f'url = "{s3_server.url}/{bucket}/pipper/alpha/' in text
    assert "?" not in text
    assert "canary" not in text.lower()


def test_pip_installs_the_requirements_with_their_hashes(app: Path) -> None:
    run_pipper("export", "-f", "requirements", "-o", "requirements.txt", cwd=app)
    run_pipper("download", "-d", "wheels", cwd=app)
    venv.create(app / "other", symlinks=os.name != "nt")
    python = app / "other" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check"]
    command += ["--no-index", "--require-hashes", "--find-links", "wheels", "-r", "requirements.txt"]
    subprocess.run(command, cwd=app, env=clean_environment(app), check=True, capture_output=True)
    subprocess.run([str(python), "-c", "import alpha, beta"], check=True)


def test_a_stale_lock_is_not_exported(app: Path) -> None:
    manifest = app / "pipper.toml"
    manifest.write_text(manifest.read_text().replace('["alpha"]', '["alpha>=1"]'))
    refused = run_pipper("export", "-f", "requirements", "-o", "requirements.txt", cwd=app, ok=False)
    assert refused.code == 2
    assert not (app / "requirements.txt").exists()


def test_the_projects_own_lock_is_not_replaced(app: Path) -> None:
    before = (app / "pipper.lock").read_bytes()
    assert run_pipper("export", "-f", "pylock", "-o", "pipper.lock", cwd=app, ok=False).code == 2
    assert (app / "pipper.lock").read_bytes() == before


def test_the_bill_of_another_tool_is_not_replaced(app: Path) -> None:
    run_pipper("export", "-o", "sbom.json", cwd=app)
    bill = (app / "sbom.json").read_text().replace('"name": "pipper"', '"name": "another"')
    (app / "sbom.json").write_text(bill)
    assert run_pipper("export", "-o", "sbom.json", cwd=app, ok=False).code == 2
    assert (app / "sbom.json").read_text() == bill


@pytest.mark.parametrize("name", ["pipper.toml", "pyproject.toml", "settings.toml", "notes.txt", "uv.lock"])
@pytest.mark.parametrize("kind", ["pylock", "requirements"])
def test_a_file_that_export_did_not_write_is_not_replaced(app: Path, kind: str, name: str) -> None:
    path = app / name
    before = path.read_bytes() if path.exists() else b"[tool.other]\nmine = true\n"
    path.write_bytes(before)
    refused = run_pipper("export", "-f", kind, "-o", name, cwd=app, ok=False)
    assert (refused.code, path.read_bytes()) == (2, before)
    assert name in refused.stderr


@pytest.mark.parametrize(
    ("kind", "name"),
    [("pylock", "pylock.toml"), ("requirements", "requirements.txt"), ("cyclonedx", "sbom.json")],
)
def test_what_export_wrote_and_an_empty_file_are_replaced(app: Path, kind: str, name: str) -> None:
    (app / name).touch()
    run_pipper("export", "-f", kind, "-o", name, cwd=app)
    run_pipper("export", "-f", kind, "-o", name, "--no-dev", cwd=app)
    assert "beta" not in (app / name).read_text()


def test_an_old_manifest_with_only_urls_has_nothing_to_export(tmp_path: Path) -> None:
    (tmp_path / "pipper.json").write_text(
        '{"dependencies": ["https://index.example.com/a-1-py3-none-any.whl"]}'
    )
    refused = run_pipper("export", "-f", "requirements", cwd=tmp_path, ok=False)
    assert refused.code == 2
    assert refused.stderr.startswith("error: there is nothing to export\n")
    assert "hint: " in refused.stderr


def sbom(app: Path, *args: str) -> dict[str, Any]:
    """The bill of materials, which the library's own validator accepts."""
    text = run_pipper("export", "-f", "cyclonedx", *args, cwd=app).stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert run_pipper("export", "-f", "cyclonedx", *args, cwd=app).stdout == text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_bill_of_materials_has_files_hashes_licences_and_the_graph(tmp_path: Path) -> None:
    wheels = tmp_path / "published"
    make_wheel(wheels, "alpha", "1.0.0", requires=["beta"], metadata="License-Expression: MIT OR Apache-2.0")
    make_wheel(wheels, "beta", "2.0.0", metadata="Classifier: License :: OSI Approved :: BSD License")
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        'dependencies = ["alpha"]\nindex = false\n[repositories]\nacme = "file:../repository"\n'
    )
    run_pipper("publish", *sorted(wheels.iterdir()), "-b", (tmp_path / "repository").as_uri(), cwd=app)
    run_pipper("lock", cwd=app)
    alpha, beta = sbom(app)["components"]
    assert "licenses" not in alpha
    run_pipper("sync", cwd=app)
    bill = sbom(app)
    alpha, beta = bill["components"]
    assert bill["metadata"]["component"]["name"] == "app"
    assert (alpha["name"], alpha["version"]) == ("alpha", "1.0.0")
    assert alpha["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert beta["licenses"] == [{"license": {"name": "BSD License"}}]
    (file,) = alpha["externalReferences"]
    body = (wheels / "alpha-1.0.0-py3-none-any.whl").read_bytes()
    assert file["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(body).hexdigest()}]
    assert file["url"].startswith("../repository/alpha/")
    assert {"name": "pipper:source", "value": "acme"} in alpha["properties"]
    assert "purl" not in alpha  # it would name a public package
    graph = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert graph == {"project": ["alpha==1.0.0"], "alpha==1.0.0": ["beta==2.0.0"], "beta==2.0.0": []}


def test_a_package_of_a_bucket_names_its_repository_and_one_of_the_index_does_not(
    tmp_path: Path, s3_server: S3Endpoint, bucket: str
) -> None:
    env = s3_server.environment
    app = project(tmp_path, f"s3://{bucket}/pipper", env)
    text = run_pipper("export", "-f", "cyclonedx", cwd=app, env=env).stdout
    purls = [each["purl"] for each in json.loads(text)["components"]]
    assert purls[0].startswith("pkg:pypi/alpha@1.0.0?repository_url=s3:")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_a_package_of_an_index_names_it_unless_it_is_the_public_one(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner would take one of a private index for the public package of that name."""
    with IndexDouble() as private, IndexDouble() as further, IndexDouble() as public:
        built_into_pip(public, monkeypatch)
        for index in (private, public):
            index.add(empty.wheel("beta", "1.0"))
        further.add(empty.wheel("alpha", "1.0"))
        folder = empty.root / "simple" / "beta"
        folder.mkdir(parents=True)
        wheel = Path(shutil.copy(empty.wheel("beta", "1.0"), folder))
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={sha256}">{wheel.name}</a>')

        def purls(url: str, env: dict[str, str] | None = None) -> list[str | None]:
            table = f"[index]\nurl = '{url}'\n" if url else ""
            empty.manifest.write_text(
                f"dependencies = ['alpha', 'beta']\n{table}"
                f"[indexes]\nmore = '{further.url}'\n[sources]\nalpha = 'more'\n"
            )
            empty.run("lock", env=env)
            text = empty.run("export", "-f", "cyclonedx", env=env).stdout
            assert "secret" not in text
            found = (each.get("purl") for each in json.loads(text)["components"])
            return [each and unquote(each) for each in found]

        empty.app.mkdir(exist_ok=True)
        alpha = f"pkg:pypi/alpha@1.0?repository_url={further.url}"
        of_private = f"pkg:pypi/beta@1.0?repository_url={private.url}"
        assert purls(public.url) == [alpha, "pkg:pypi/beta@1.0"]
        assert purls(private.url) == [alpha, of_private]
        assert purls(folder.parent.as_uri()) == [alpha, None]
        with_account = private.url.replace("://", "://user:secret@")
        assert purls("", {"PIPPER_INDEX_URL": with_account}) == [alpha, of_private]


@pytest.mark.parametrize("made_by", ["pip", "pipx", "uv"])
def test_U_without_the_library_the_command_that_installs_it_beside_pipper_is_named(
    made_by: str, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.model.bom", None)
    if made_by == "pipx":
        (tmp_path / "my-pipper").mkdir()
        (tmp_path / "my-pipper" / "pipx_metadata.json").write_text("{}")
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "my-pipper"))
    if made_by == "uv":
        monkeypatch.setattr("pipper.ops.share.sbom.find_spec", lambda name: None)
    refused = run_pipper("export", "-o", "sbom.json", "-f", "cyclonedx", cwd=app, ok=False)
    assert refused.code == 2
    assert "pipper[sbom]" in refused.stderr
    (command,) = re.findall(r"hint: run `(.*)`", refused.stderr)
    assert (
        shlex.split(command)
        == {
            "pip": [sys.executable, "-m", "pip", "install", "cyclonedx-python-lib"],
            "pipx": ["pipx", "inject", "my-pipper", "cyclonedx-python-lib"],
            "uv": ["uv", "pip", "install", "--python", sys.executable, "cyclonedx-python-lib"],
        }[made_by]
    )
    assert not (app / "sbom.json").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pylock.toml", 'lock-version = "1.0"'),
        ("pylock.dev.toml", 'lock-version = "1.0"'),
        ("requirements.txt", "\nalpha==1.1.0 "),
        ("sbom.json", '"bomFormat": "CycloneDX"'),
    ],
)
def test_the_name_of_the_output_tells_the_format(name: str, text: str, workspace: Workspace) -> None:
    workspace.run("export", "-o", name)
    assert text in (workspace.app / name).read_text()


@pytest.mark.parametrize("more", [(), ("-o", "lock.toml")])
def test_without_such_a_name_the_format_is_asked_for(more: tuple[str, ...], workspace: Workspace) -> None:
    workspace.refused(
        "export",
        *more,
        code=2,
        subject="format is given" if not more else "the name lock.toml does not tell a format",
    )


def test_every_group_and_extra_is_exported_and_saved_if_asked_for(workspace: Workspace) -> None:
    workspace.write_manifest(
        "beta",
        more="[dependency-groups]\ndocs = ['delta']\n[optional-dependencies]\nfast = ['gamma']\n",
    )
    workspace.run("lock")
    every = ("--all-groups", "--all-extras")
    found = [names(workspace.run("export", "-f", "pylock", *more).stdout) for more in ((), every[:1], every)]
    assert found == [["beta"], ["beta", "delta"], ["beta", "delta", "gamma"]]
    workspace.run("download", "-d", "wheels", *every)
    saved = sorted(path.name.partition("-")[0] for path in (workspace.app / "wheels").glob("*.whl"))
    assert saved == ["beta", "delta", "gamma"]
    assert "delta==1.0.0" in workspace.run("export", "-f", "requirements", *every).stdout
    workspace.process("run", *every, "true")
    assert {"beta", "delta", "gamma"} <= workspace.installed().keys()
