"""Commands that need little start fast: heavy libraries are imported by those that use them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipper.ops.context.project_files import likely_project
from pipper.ops.sync.freshness import is_fresh
from tests.commands import clean_environment, run_pipper, run_pipper_apart
from tests.index_double import IndexDouble
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel

HEAVY = {"boto3", "botocore", "build", "resolvelib", "rich", "yaml"}
OF_OTHER_COMMANDS = {
    "click",
    "datetime",
    "hashlib",
    "json",
    "typing",
    "ipaddress",
    "msgspec",
    "packaging",
    "tomllib",
    "urllib",
    "urllib3",
}


def imported(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> set[str]:
    """The top-level modules that `pipper ARGS` imports."""
    told = run_pipper_apart(*args, cwd=cwd, env=env, python_options=("-X", "importtime")).stderr
    lines = (line for line in told.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("sync", "--help")])
def test_help_imports_nothing_heavy(args: tuple[str, ...], tmp_path: Path) -> None:
    modules = imported(*args, cwd=tmp_path)
    assert "pipper" in modules
    assert modules & HEAVY == set()


def test_a_sync_or_a_lock_with_nothing_to_do_and_a_list_import_nothing_heavy(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "alpha", "1.0", requires=["beta"])
    make_wheel(tmp_path / "wheels", "beta", "1.0")
    app = tmp_path / "app"
    app.mkdir()
    repository = (tmp_path / "repository").as_uri()
    (app / "pipper.toml").write_text(
        f'dependencies = ["alpha"]\nindex = false\n[repositories]\nacme = "{repository}"\n'
    )
    run_pipper("publish", *sorted((tmp_path / "wheels").iterdir()), "-b", repository, cwd=app)
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    run_pipper("lock", cwd=app)  # now for the Python of `.venv`
    for command in ("sync", "lock", "list"):
        modules = imported(command, cwd=app)
        assert "pipper" in modules
        assert modules & (HEAVY | OF_OTHER_COMMANDS) == set(), "it costs little more than a start of Python"
    assert "click" in imported("sync", "--exact", cwd=app)


def test_a_lock_that_is_up_to_date_imports_neither_solver_nor_sources(tmp_path: Path) -> None:
    app = synced(tmp_path / "app")
    for option in ("-v", "--check"):
        told = run_pipper_apart("lock", option, cwd=app, python_options=("-X", "importtime")).stderr
        assert "pipper.ops.lock.up_to_date" in told
        for each in ("solve", "storage", "index", "http", "wheels.gate"):
            assert f"pipper.{each}" not in told
        assert imported("lock", option, cwd=app) & (HEAVY | {"ssl", "urllib3"}) == set()


def test_a_lock_that_is_remembered_imports_neither_solver_nor_parsers(tmp_path: Path) -> None:
    app = with_alpha(tmp_path)
    run_pipper("lock", cwd=app)
    locked = (app / "pipper.lock").read_bytes()
    (app / "pipper.lock").unlink()
    modules = imported("lock", cwd=app)
    assert (app / "pipper.lock").read_bytes() == locked
    assert modules & (HEAVY | OF_OTHER_COMMANDS) <= {"urllib", "ipaddress"}, "those come with pathlib"


def test_a_lock_that_is_remembered_of_an_index_parses_neither_page_nor_manifest(tmp_path: Path) -> None:
    with IndexDouble() as index:
        index.add(make_wheel(tmp_path / "wheels", "alpha", "1.0"))
        (tmp_path / "pipper.toml").write_text(f'dependencies = ["alpha"]\n[index]\nurl = "{index.url}"\n')
        run_pipper("lock", cwd=tmp_path)
        locked = (tmp_path / "pipper.lock").read_bytes()
        (tmp_path / "pipper.lock").unlink()
        modules = imported("lock", cwd=tmp_path)
    assert (tmp_path / "pipper.lock").read_bytes() == locked
    assert "urllib3" in modules
    assert modules & {"packaging", "resolvelib", "tomllib"} == set()


def test_a_lock_from_a_directory_imports_nothing_of_indexes_builds_and_environments(tmp_path: Path) -> None:
    app = with_alpha(tmp_path)
    told = run_pipper_apart("lock", cwd=app, python_options=("-X", "importtime")).stderr
    assert "pipper.solve.solver" in told
    for each in ("apply", "index", "http", "storage.s3", "wheels.gate", "wheels.bundle", "ops.sync.fetch"):
        assert f"pipper.{each}" not in told


def test_a_sync_from_the_cache_imports_nothing_that_fetches_solves_and_compiles(tmp_path: Path) -> None:
    app = with_alpha(tmp_path)
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    (app / ".venv").rename(tmp_path / "old")
    told = run_pipper_apart("sync", cwd=app, python_options=("-X", "importtime")).stderr
    assert "pipper.apply.transaction" in told
    assert list(app.glob(".venv/lib*/**/alpha-1.0.dist-info"))
    for each in ("solve.catalogue", "solve.candidates", "apply.bytecode", "wheels.gate", "storage", "http"):
        assert f"pipper.{each}" not in told
    assert "click" not in told, "a sync without options is not parsed"
    (app / ".venv").rename(tmp_path / "older")
    modules = imported("sync", cwd=app)
    assert list(app.glob(".venv/lib*/**/alpha-1.0.dist-info"))
    assert modules & (HEAVY | OF_OTHER_COMMANDS) == set(), (
        "links are made, and nothing is read but the recipe"
    )


def test_a_sync_without_options_does_and_tells_what_one_with_options_does(tmp_path: Path) -> None:
    app = with_alpha(tmp_path)
    bare, parsed = ("sync",), ("sync", "--link-mode", "auto")
    for prepare in ("no lock", "new", "damaged lock"):
        told = []
        for line in (bare, parsed):
            if prepare == "new":
                run_pipper("lock", cwd=app)
                shutil.rmtree(app / ".venv", ignore_errors=True)
            elif prepare == "damaged lock":
                (app / "pipper.lock").write_text("lock-version = 1\n[[[")
            done = run_pipper_apart(*line, cwd=app, ok=False)
            told.append((done.code, done.stdout, done.stderr))
        assert told[0] == told[1]
        assert told[0][0] == (0 if prepare == "new" else 2)
    option = {"PIPPER_BUCKET": "other"}
    told_by_click = run_pipper_apart(
        "sync", cwd=app, env=option, ok=False, python_options=("-X", "importtime")
    )
    assert "click" in told_by_click.stderr, "a variable is an option too"


def test_a_run_with_nothing_to_sync_imports_neither_solver_nor_sources(tmp_path: Path) -> None:
    app = synced(tmp_path / "app")
    line = ("run", "--no-sync", "true")  # has no quick answer
    told = run_pipper_apart(*line, cwd=app, python_options=("-X", "importtime")).stderr
    assert "pipper.cli.options.selection" in told
    for each in ("solve", "storage", "index", "http", "build", "wheels.gate", "ops.share"):
        assert f"pipper.{each}" not in told


def test_a_list_imports_nothing_of_locks_wheels_and_transactions(tmp_path: Path) -> None:
    told = run_pipper_apart("list", cwd=tmp_path, python_options=("-X", "importtime")).stderr
    assert "pipper.ops.query.installed" in told
    for each in ("core.lock.graph", "core.lock.reader", "apply.recovery", "apply.journal", "wheels", "http"):
        assert f"pipper.{each}" not in told
    assert (
        imported("list", cwd=tmp_path) & (HEAVY | {"csv", "installer", "tomllib", "urllib3", "zipfile"})
        == set()
    )


def test_a_list_without_options_shows_what_one_with_options_shows(tmp_path: Path) -> None:
    app = with_alpha(tmp_path)
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    (library,) = app.glob(".venv/lib/python*/site-packages")
    quick, parsed = ("list",), ("list", "--project", ".")
    for foreign in (
        "",
        "Zeta_Two-1.0_local.1.dist-info",
        "old-2.0.egg-info",
        "~lpha-1.0.dist-info",
        "nameless.dist-info",
        "gamma-3.0\n.dist-info",
        "delta-4.0-1.dist-info",
        "érable-1.0.dist-info",
    ):
        folder = library / foreign
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: By_Metadata\nVersion: 9.0\n")
        if not foreign:
            (folder / "METADATA").unlink()
        run_pipper("sync", cwd=app)
        run_pipper("sync", cwd=app)  # notes that there is nothing to do
        told = [run_pipper_apart(*line, cwd=app) for line in (quick, parsed)]
        assert (told[0].stdout, told[0].stderr) == (told[1].stdout, told[1].stderr), foreign
        assert "alpha 1.0\n" in told[0].stdout
        if foreign:
            shutil.rmtree(folder)
    other = {"VIRTUAL_ENV": str(tmp_path / "other")}
    told = [run_pipper_apart(*line, cwd=app, env=other) for line in (quick, parsed)]
    assert (told[0].stdout, told[0].stderr) == (told[1].stdout, told[1].stderr)
    assert run_pipper_apart("list", cwd=app, env={"PIPPER_LIST_AS_JSON": "1"}).stdout.startswith("{")


def test_lock_and_sync_from_s3_do_without_boto3_where_keys_and_address_are_plain(
    tmp_path: Path, s3_server: S3Endpoint, bucket: str
) -> None:
    wheel = make_wheel(tmp_path / "wheels", "alpha", "1.0")
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        f'dependencies = ["alpha"]\nindex = false\n[repositories]\nacme = "s3://{bucket}"\n'
    )
    account = {**s3_server.environment, "PIPPER_CACHE_DIR": str(tmp_path / "cache")}
    run_pipper("publish", wheel, "-b", f"s3://{bucket}", cwd=app, env=account)
    assert "boto3" not in imported("lock", cwd=app, env=account)
    assert "boto3" not in imported("sync", cwd=app, env=account)
    assert list(app.glob(".venv/lib*/**/alpha-1.0.dist-info"))


def with_alpha(folder: Path) -> Path:
    """A project that requires `alpha`, which its repository, a directory, has."""
    app, repository = folder / "app", (folder / "repository").as_uri()
    app.mkdir()
    run_pipper("publish", make_wheel(folder / "wheels", "alpha", "1.0"), "-b", repository, cwd=app)
    (app / "pipper.toml").write_text(
        f'dependencies = ["alpha"]\nindex = false\n[repositories]\nacme = "{repository}"\n'
    )
    return app


def synced(folder: Path) -> Path:
    """A project in sync, for which the quick answer holds."""
    folder.mkdir()
    (folder / "pipper.toml").write_text("dependencies = []\nindex = false\n")
    run_pipper("lock", cwd=folder)
    run_pipper("sync", cwd=folder)
    assert "Nothing to do" in run_pipper_apart("sync", cwd=folder).stderr
    return folder


def test_the_quick_answer_is_given_only_where_the_long_way_would_give_it(tmp_path: Path) -> None:
    app = synced(tmp_path / "app")
    usual = ("sync", "--link-mode", "auto")  # says no more than a bare sync, and goes the long way
    for name, value in {
        "PIPPER_LIMIT": "nonsense",
        "PIPPER_VERSION": "1.2",
        "PIPPER_SYNC_QUIET": "1",
    }.items():
        quick, slow = (
            run_pipper_apart(*line, cwd=app, env={name: value}, ok=False) for line in (("sync",), usual)
        )
        assert (quick.code, quick.stdout, quick.stderr) == (slow.code, slow.stdout, slow.stderr), name
    (app / "pyproject.toml").write_text("[tool.pipper]\n")
    assert "two manifests" in run_pipper_apart("sync", cwd=app, ok=False).stderr


def test_a_folder_that_cannot_be_looked_into_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = synced(tmp_path / "app")
    monkeypatch.setenv("HOME", clean_environment(app)["HOME"])  # a stamp is for one home
    inner = app / "inner"
    inner.mkdir()
    assert is_fresh(likely_project(str(inner)))
    # whatever stat refuses with: root, as whom tests may run, can look into everything
    (inner / "pipper.toml").symlink_to("pipper.toml")
    assert not is_fresh(likely_project(str(inner)))
