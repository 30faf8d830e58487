"""`pipper download`: a folder that pip, uv and `pipper sync --offline --from` accept."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from pipper.wheels.bundle import read_bundle, write_bundle
from tests.commands import cache_directory, clean_environment, run_pipper
from tests.wheelhouse import make_wheel

ALPHA, BETA = "alpha-1.0.0-py3-none-any.whl", "beta-2.0.0-py3-none-any.whl"


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """Alpha 1.0.0 and 0.9.0, beta 2.0.0 that alpha needs."""
    wheels = tmp_path / "published"
    make_wheel(wheels, "alpha", "0.9.0")
    make_wheel(wheels, "alpha", "1.0.0", requires=["beta"])
    make_wheel(wheels, "beta", "2.0.0")
    url = (tmp_path / "repository").as_uri()
    run_pipper("publish", *sorted(wheels.iterdir()), "-b", url, cwd=tmp_path)
    return url


@pytest.fixture
def app(tmp_path: Path, repository: str) -> Path:
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        'dependencies = ["alpha"]\nindex = false\n'
        f'[dependency-groups]\ndev = ["beta"]\n[repositories]\nacme = "{repository}"\n'
    )
    run_pipper("lock", cwd=app)
    return app


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python_of(folder: Path) -> Path:
    venv.create(folder, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def test_wheels_of_the_lock_are_saved_under_their_own_names(app: Path, tmp_path: Path) -> None:
    done = run_pipper("download", "-d", "wheels", cwd=app)
    assert names(app / "wheels") == [ALPHA, BETA]
    assert done.stdout.split() == [str(app / "wheels" / name) for name in (ALPHA, BETA)]
    for name in (ALPHA, BETA):
        assert (app / "wheels" / name).read_bytes() == (tmp_path / "published" / name).read_bytes()


def test_pip_installs_from_the_folder(app: Path) -> None:
    run_pipper("download", "-d", "wheels", cwd=app)
    python = python_of(app / "other")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check"]
    command += ["--no-index", "--find-links", "wheels", "alpha"]
    subprocess.run(command, cwd=app, env=clean_environment(app), check=True, capture_output=True)
    subprocess.run([str(python), "-c", "import alpha, beta"], check=True)


def test_uv_installs_from_the_folder(app: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("no uv beside this Python")
    run_pipper("download", "-d", "wheels", cwd=app)
    python = python_of(app / "other")
    command = [uv, "pip", "install", "--no-config", "--no-cache", "--python", str(python)]
    command += ["--no-index", "--find-links", "wheels", "alpha"]
    subprocess.run(command, cwd=app, env=clean_environment(app), check=True, capture_output=True)
    subprocess.run([str(python), "-c", "import alpha, beta"], check=True)


def test_pipper_syncs_offline_from_the_folder_with_nothing_else(app: Path, tmp_path: Path) -> None:
    run_pipper("download", "-d", "wheels", cwd=app)
    shutil.rmtree(cache_directory(app))
    shutil.rmtree(tmp_path / "repository")
    run_pipper("sync", "--offline", "--from", "wheels", "-t", "packages", cwd=app)
    assert (app / "packages" / "beta" / "__init__.py").is_file()


def test_the_folder_is_looked_into_before_anything_is_fetched(app: Path, tmp_path: Path) -> None:
    run_pipper("download", "-d", "wheels", cwd=app)
    shutil.rmtree(cache_directory(app))
    shutil.rmtree(tmp_path / "repository")
    run_pipper("sync", "--from", "wheels", "-t", "packages", cwd=app)
    assert (app / "packages" / "alpha" / "__init__.py").is_file()


def test_a_wheel_is_found_under_any_name_and_inside_a_bundle(app: Path) -> None:
    run_pipper("download", "-d", "wheels", "--bundles", cwd=app)
    shutil.rmtree(cache_directory(app))
    (app / "wheels" / ALPHA).rename(app / "wheels" / "renamed.whl")
    (app / "wheels" / BETA).unlink()
    assert names(app / "wheels") == ["alpha-1.0.0.pipper", "beta-2.0.0.pipper", "renamed.whl"]
    run_pipper("sync", "--offline", "--from", "wheels", "-t", "packages", cwd=app)
    assert (app / "packages" / "beta" / "__init__.py").is_file()


def test_offline_everything_missing_is_told_at_once_and_nothing_is_touched(app: Path) -> None:
    shutil.rmtree(cache_directory(app))
    (app / "wheels").mkdir()
    (app / "wheels" / ALPHA).write_bytes(b"something else")
    (app / "wheels" / "damaged.pipper").write_bytes(b"PK")
    refused = run_pipper("sync", "--offline", "--from", "wheels", "-t", "packages", cwd=app, ok=False)
    assert refused.code == 6
    assert ALPHA in refused.stderr
    assert BETA in refused.stderr
    assert not (app / "packages").exists()


def test_offline_the_cache_is_enough(app: Path, tmp_path: Path) -> None:
    run_pipper("sync", cwd=app)
    shutil.rmtree(tmp_path / "repository")
    run_pipper("sync", "--offline", "-t", "packages", cwd=app)
    assert (app / "packages" / "alpha" / "__init__.py").is_file()


def test_a_folder_that_is_not_there_is_told(app: Path) -> None:
    refused = run_pipper("sync", "--from", "nowhere", "-t", "packages", cwd=app, ok=False)
    assert refused.code == 2
    assert "nowhere" in refused.stderr


def test_bundles_and_their_metadata_are_added(app: Path) -> None:
    run_pipper("download", "-d", "wheels", "--bundles", "-e", cwd=app)
    assert names(app / "wheels") == [
        "alpha-1.0.0-py3-none-any.whl",
        "alpha-1.0.0-py3-none-any.whl.meta.json",
        "alpha-1.0.0.pipper",
        "beta-2.0.0-py3-none-any.whl",
        "beta-2.0.0-py3-none-any.whl.meta.json",
        "beta-2.0.0.pipper",
    ]
    meta = json.loads((app / "wheels" / f"{ALPHA}.meta.json").read_text())
    assert (meta["name"], meta["version"], meta["wheel_name"]) == ("alpha", "1.0.0", ALPHA)
    assert read_bundle(app / "wheels" / "alpha-1.0.0.pipper").wheel_name == ALPHA


def test_a_bundle_that_was_locked_is_saved_as_it_was_published(tmp_path: Path) -> None:
    folder = tmp_path / "old" / "Acme_Old"
    folder.mkdir(parents=True)
    wheel = make_wheel(tmp_path, "Acme_Old", "1.2.3")
    bundle = write_bundle(wheel, filename=wheel.name, output=tmp_path, manifest={"note": "as published"})
    shutil.copy(bundle, folder / "v1-2-3.pipper")
    given = ("acme-old:1.*", "-b", (tmp_path / "old").as_uri(), "-d", "wheels", "--bundles", "-e")
    run_pipper("download", *given, cwd=tmp_path)
    saved = tmp_path / "wheels" / "Acme_Old-1.2.3.pipper"
    assert saved.read_bytes() == bundle.read_bytes()
    meta = json.loads((tmp_path / "wheels" / f"{wheel.name}.meta.json").read_text())
    assert meta["note"] == "as published"


def test_requirements_are_solved_without_a_project(tmp_path: Path, repository: str) -> None:
    run_pipper("download", "alpha:<1.0.0", "-b", repository, "-d", "wheels", cwd=tmp_path)
    assert names(tmp_path / "wheels") == ["alpha-0.9.0-py3-none-any.whl"]


def test_a_second_download_changes_nothing_and_mends_what_was_changed(app: Path) -> None:
    run_pipper("download", "-d", "wheels", cwd=app)
    alpha, beta = app / "wheels" / ALPHA, app / "wheels" / BETA
    before = alpha.stat().st_mtime_ns
    beta.write_bytes(b"edited")
    done = run_pipper("download", "-d", "wheels", cwd=app)
    assert done.stderr.startswith("Saved 1 file in ")
    assert done.stderr.endswith(", 1 already there\n")
    assert alpha.stat().st_mtime_ns == before
    assert hashlib.sha256(beta.read_bytes()).hexdigest() in (app / "pipper.lock").read_text()


def test_editing_a_saved_wheel_does_not_reach_the_cache(app: Path) -> None:
    run_pipper("download", "-d", "wheels", cwd=app)
    with (app / "wheels" / ALPHA).open("r+b") as file:
        file.write(b"hostile")
    run_pipper("sync", "-t", "packages", cwd=app)
    assert (app / "packages" / "alpha" / "__init__.py").is_file()


def test_an_old_manifest_is_read(tmp_path: Path, repository: str) -> None:
    old = {"dependencies": ["alpha:0.9.*"], "dev_dependencies": ["beta"], "conda": ["numpy"]}
    (tmp_path / "pipper.json").write_text(json.dumps(old))
    done = run_pipper("download", "-i", "pipper.json", "-b", repository, "-d", "wheels", cwd=tmp_path)
    assert names(tmp_path / "wheels") == ["alpha-0.9.0-py3-none-any.whl"]
    assert "ignored 1 entry of `conda`" in done.stderr
    run_pipper("download", "-i", "pipper.json", "--dev", "-b", repository, "-d", "more", cwd=tmp_path)
    assert names(tmp_path / "more") == [BETA]


def test_a_manifest_and_a_lock_are_read_from_elsewhere(app: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run_pipper("download", "-i", app / "pipper.toml", "-d", "one", cwd=elsewhere)
    run_pipper("download", "-i", app / "pipper.lock", "-d", "two", cwd=elsewhere)
    run_pipper("download", "--lock", app / "pipper.lock", "--no-dev", "-d", "three", cwd=elsewhere)
    for name in ("one", "two", "three"):
        assert names(elsewhere / name) == [ALPHA, BETA]


def test_two_ways_of_asking_exclude_each_other(app: Path) -> None:
    refused = run_pipper("download", "alpha", "--lock", "pipper.lock", "-d", "wheels", cwd=app, ok=False)
    assert refused.code == 2
    assert not (app / "wheels").exists()


def test_an_exported_pylock_is_downloaded_for_every_environment(app: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    run_pipper("download", "--lock", "pylock.toml", "--all-environments", "-d", "wheels", cwd=app)
    assert names(app / "wheels") == [ALPHA, BETA]


def test_H4_a_lock_cannot_name_a_file_outside_the_folder(app: Path) -> None:
    run_pipper("export", "-f", "pylock", "-o", "pylock.toml", cwd=app)
    text = (app / "pylock.toml").read_text()
    (app / "pylock.toml").write_text(
        text.replace(f'name = "{ALPHA}"', 'name = "alpha-1.0.0-py3-none-any/../../x.whl"')
    )
    refused = run_pipper("download", "--lock", "pylock.toml", "-d", "wheels", cwd=app, ok=False)
    assert refused.code in (2, 4)
    assert not (app / "x.whl").exists()
