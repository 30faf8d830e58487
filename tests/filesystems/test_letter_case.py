"""N8: a file system that does not tell names apart by the case of their letters, as on macOS and Windows."""

import shutil
from pathlib import Path

import pytest

from tests.commands import CHECKOUT
from tests.filesystems.place import Place, preloadable
from tests.legacy import copy_legacy
from tests.wheelhouse import dist_info_of, make_wheel, wheel_filename, wheel_members, write_wheel


@pytest.fixture(scope="session")
def folding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preloadable("folding.c", tmp_path_factory.mktemp("folding"))


@pytest.fixture
def place(folding: Path, tmp_path: Path) -> Place:
    root, outside = tmp_path / "odd", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    variables = {"LD_PRELOAD": str(folding), "SHIM_BELOW": str(root)}
    return Place(root=root, outside=outside, variables=variables)


@pytest.fixture(params=["the new name", "the old name"])
def either(request: pytest.FixtureRequest, place: Place) -> Place:
    """Return a place where what replaces a file has its new name, or keeps the old one."""
    if request.param == "the old name":
        place.variables = {**place.variables, "SHIM_KEEPS": "1"}
    return place


def test_N08_the_shim_folds(place: Place) -> None:
    place.begin()
    assert place.run("lock", "--project", place.root / "APP").code == 0
    assert sorted(path.name for path in place.root.iterdir()) == ["app", "cache", "repository"]
    assert (place.root / "app" / "pipper.lock").is_file()


def test_N08_names_that_ignore_case_are_used_as_any(either: Place) -> None:
    either.life()


def _wheel(place: Place, name: str, version: str, files: dict[str, str], *, spelled: str = "") -> Path:
    """Make a wheel whose `.dist-info` spells the name as `spelled`."""
    members = wheel_members(name, version, files=files)
    info = dist_info_of(members)
    own = info.replace(name, spelled or name)
    members = {path.replace(info, own, 1): body for path, body in members.items()}
    folder = place.outside / "dist" / version
    folder.mkdir(parents=True, exist_ok=True)
    return write_wheel(folder / wheel_filename(name, version), members)


def _given(place: Place, *wheels: Path, requires: str = '"foo"') -> None:
    """Write a manifest and publish wheels."""
    repository = (place.root / "repository").as_uri()
    app = place.root / "app"
    app.mkdir(exist_ok=True)
    app.joinpath("pipper.toml").write_text(
        f'index = false\ndependencies = [{requires}]\n[repositories]\nacme = "{repository}"\n'
    )
    place.run("publish", *wheels, "-b", repository)


def _listed(place: Place, below: str = "") -> list[str]:
    """Return the names in a folder of the library, without bytecode and pipper's own files."""
    found = (place.site / below).iterdir()
    return sorted(path.name for path in found if not path.name.startswith(("_", ".")))


def test_N08_a_wheel_with_two_names_that_differ_in_case_is_refused(place: Place) -> None:
    wheel = _wheel(place, "foo", "1.0", {"foo/A.py": "x = 1\n", "foo/a.py": "x = 2\n"})
    done = place.run("publish", wheel, "-b", (place.root / "repository").as_uri(), ok=False)
    assert done.code == 4
    assert "member 'foo/a.py': is the same file as 'foo/A.py' on some systems" in done.stderr


def test_N08_an_upgrade_changes_the_case_of_a_module_and_of_a_folder(place: Place) -> None:
    old = _wheel(place, "foo", "1.0", {"Foo.py": "V = 1\n", "Bar/__init__.py": "", "Bar/Old.py": "V = 1\n"})
    new = _wheel(place, "foo", "2.0", {"foo.py": "V = 2\n", "bar/__init__.py": "", "bar/old.py": "V = 2\n"})
    _given(place, old)
    place.run("install")
    assert _listed(place) == ["Bar", "Foo.py", "foo-1.0.dist-info"]
    place.run("publish", new, "-b", (place.root / "repository").as_uri())
    place.run("install", "-u")
    assert _listed(place) == ["bar", "foo-2.0.dist-info", "foo.py"]
    assert _listed(place, "bar") == ["old.py"]
    assert (place.site / "foo.py").read_text() == "V = 2\n"
    place.run("sync", "--check", "--verify")
    place.run("remove", "foo")
    assert _listed(place) == []


def test_N08_a_distribution_changes_the_case_of_its_dist_info(place: Place) -> None:
    _given(place, _wheel(place, "foo", "1.0", {"foo.py": "V = 1\n"}, spelled="Foo"))
    place.run("install")
    assert _listed(place) == ["Foo-1.0.dist-info", "foo.py"]
    repository = (place.root / "repository").as_uri()
    place.run("publish", _wheel(place, "foo", "1.0", {"foo.py": "V = 2\n"}), "-b", repository, "--force")
    place.run("install", "-u")
    assert _listed(place) == ["foo-1.0.dist-info", "foo.py"]
    assert place.versions() == {"foo": "1.0"}
    place.run("remove", "foo")
    assert _listed(place) == []


def test_N08_files_of_two_distributions_that_differ_in_case_are_refused(place: Place) -> None:
    foo = _wheel(place, "foo", "1.0", {"Tool.py": "V = 'foo'\n"})
    bar = _wheel(place, "bar", "1.0", {"tool.py": "V = 'bar'\n"})
    _given(place, foo, bar, requires='"foo", "bar"')
    together = place.run("install", ok=False)
    assert together.code == 4, together.stderr
    assert "differ only in the case of letters" in together.stderr
    place.run("lock")
    together = place.run("sync", "--link-mode", "copy", ok=False)
    assert together.code == 4, together.stderr
    assert "differ only in the case of letters" in together.stderr
    _given(place, foo, requires='"foo"')
    place.run("install")
    later = place.run("add", "bar", ok=False)
    assert later.code == 4, later.stderr
    assert "differ only in the case of letters" in later.stderr
    assert _listed(place) == ["Tool.py", "foo-1.0.dist-info"]
    place.run("sync", "--check", "--verify")


def test_N08_an_uninstallation_keeps_the_file_that_another_has_in_another_case(place: Place) -> None:
    foo = _wheel(place, "foo", "1.0", {"Shared/__init__.py": "", "Shared/foo.py": "V = 1\n"})
    bar = _wheel(place, "bar", "1.0", {"shared/__init__.py": "", "shared/bar.py": "V = 1\n"})
    _given(place, foo, bar, requires='"foo"')
    place.run("install")
    place.run("add", "bar")
    place.run("remove", "foo")
    assert sorted(path.name.lower() for path in (place.site / "Shared").glob("[!_]*")) == ["bar.py"]
    assert (place.site / "Shared" / "__init__.py").is_file()
    place.run("sync", "--check", "--verify")
    place.run("remove", "bar")
    assert _listed(place) == []


def test_N08_a_failed_upgrade_puts_back_the_names_as_they_were(place: Place) -> None:
    old = _wheel(place, "foo", "1.0", {"Foo.py": "V = 1\n", "Bar/Old.py": "V = 1\n"})
    new = _wheel(place, "foo", "2.0", {"foo.py": "V = 2\n", "bar/old.py": "V = 2\n"})
    _given(place, old)
    place.run("install")
    place.run("publish", new, "-b", (place.root / "repository").as_uri())
    place.variables = {**place.variables, "SHIM_FAILS": "foo-2.0.dist-info"}
    done = place.run("install", "-u", ok=False)
    assert (done.code, "Input/output error" in done.stderr) == (8, True), done.stderr
    assert _listed(place) == ["Bar", "Foo.py", "foo-1.0.dist-info"]
    assert _listed(place, "Bar") == ["Old.py"]
    assert (place.site / "Foo.py").read_text() == "V = 1\n"


def test_N08_an_upgrade_that_was_killed_is_finished(place: Place) -> None:
    old = _wheel(place, "foo", "1.0", {"Foo.py": "V = 1\n", "Bar/Old.py": "V = 1\n"})
    new = _wheel(place, "foo", "2.0", {"foo.py": "V = 2\n", "bar/old.py": "V = 2\n"})
    _given(place, old)
    place.run("install")
    place.run("publish", new, "-b", (place.root / "repository").as_uri())
    plain = place.variables
    for kills in ("site-packages/bar", "site-packages/foo.py", "foo-2.0.dist-info"):
        place.variables = {**plain, "SHIM_KILLS": kills}
        assert place.run("install", "-u", ok=False).code == 137
    place.variables = plain
    told = place.run("sync", "--project", place.root / "APP").stderr
    assert "Finishing the interrupted change" in told
    assert _listed(place) == ["bar", "foo-2.0.dist-info", "foo.py"]
    assert _listed(place, "bar") == ["old.py"]
    place.run("sync", "--check", "--verify")


def test_N08_files_decides_between_names_that_differ_in_case(place: Place) -> None:
    foo = _wheel(place, "foo", "1.0", {"Tests/A.py": "V = 'foo'\n"})
    bar = _wheel(place, "bar", "1.0", {"tests/a.py": "V = 'bar'\n"})
    _given(place, foo, bar, requires='"foo", "bar"')
    manifest = place.root / "app" / "pipper.toml"
    manifest.write_text(manifest.read_text() + '[files]\n"Tests/*" = "foo"\n')
    place.run("install")
    assert [path.read_text() for path in place.site.glob("[Tt]ests/*.py")] == ["V = 'foo'\n"]
    place.run("sync", "--check", "--verify")
    place.run("remove", "foo")
    assert [path.read_text() for path in place.site.glob("[Tt]ests/*.py")] == ["V = 'bar'\n"]
    place.run("remove", "bar")
    assert _listed(place) == []


def test_N08_a_record_does_not_reach_the_environments_own_files_in_another_case(place: Place) -> None:
    _given(place, _wheel(place, "foo", "1.0", {"foo.py": "V = 1\n"}))
    place.run("install")
    with (place.site / "foo-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("../../../PYVENV.CFG,,\n../../../.PIPPER/applied.lock,,\n../../../bin/Python,,\n")
    place.run("remove", "foo")
    assert _listed(place) == []
    kept = place.root / "app" / ".venv"
    for name in ("pyvenv.cfg", ".pipper/applied.lock", "bin/python"):
        assert (kept / name).exists(), name


def test_N08_the_environment_is_the_same_in_another_case(place: Place) -> None:
    _given(place, _wheel(place, "foo", "1.0", {"foo.py": "V = 1\n"}))
    place.run("install")
    other = place.root / "app" / ".VENV"
    for args in (
        ("sync", "--python", other / "bin" / "python"),
        ("sync", "-t", other.with_name("VENDOR")),
        ("sync", "-t", other.with_name("vendor"), "--check"),
        ("sync", "--project", place.root / "App"),
        ("list", "--python", other / "bin" / "python"),
    ):
        place.run(*args)
    place.variables = {**place.variables, "VIRTUAL_ENV": str(other)}
    assert "another" not in place.run("sync").stderr
    assert "matches" in place.run("sync", "--active").stderr
    place.run("remove", "foo")
    assert _listed(place) == []


def test_N08_a_repository_is_the_same_in_another_case(place: Place) -> None:
    _given(place, _wheel(place, "foo", "1.0", {"foo.py": "V = 1\n"}))
    place.run("lock")
    manifest = place.root / "app" / "pipper.toml"
    manifest.write_text(manifest.read_text().replace("/repository", "/Repository"))
    place.run("lock", "--check")
    repository = (place.root / "REPOSITORY").as_uri()
    place.run("publish", _wheel(place, "foo", "2.0", {"foo.py": "V = 2\n"}), "-b", repository)
    place.run("install", "-u")
    place.run("repository", "check", "-b", repository)
    assert place.versions() == {"foo": "2.0"}


def test_N08_a_member_that_is_named_in_another_case_is_the_same_member(place: Place) -> None:
    lab = place.root / "app" / "libs" / "lab"
    lab.mkdir(parents=True)
    (lab / "tiny_backend.py").write_bytes((CHECKOUT / "tests" / "tiny_backend.py").read_bytes())
    (lab / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "lab"\nversion = "1.0.0"\n'
    )
    (place.root / "app" / "pipper.toml").write_text(
        'index = false\ndependencies = ["lab"]\n[workspace]\nmembers = ["libs/*"]\n'
        '[sources]\nlab = { path = "LIBS/Lab", editable = false }\n'
    )
    place.run("lock")
    place.run("sync")
    assert "LIBS" not in (place.root / "app" / "pipper.lock").read_text()
    assert place.versions() == {"lab": "1.0.0"}


def test_N08_a_folder_of_pipper_0_x_and_the_one_of_the_project_may_be_one(place: Place) -> None:
    root = copy_legacy(place.root / "repository")
    (root / "acme-top").rename(root / "Acme-Top")
    (root / "Acme_Base" / "latest.pipper").unlink()
    repository = root.as_uri()
    wheel = make_wheel(place.outside / "dist", "acme-top", "9.0.0")
    place.run("publish", wheel, "-b", repository)
    place.run("repository", "repair", "-b", repository)
    assert "no differences" in place.run("repository", "check", "-b", repository).stdout
    assert "9.0.0, 1.2.0" in place.run("info", "Acme-Top", "-b", repository).stdout
    place.run("repository", "prune", "acme-top:9.0.0", "-b", repository)
    assert "no differences" in place.run("repository", "check", "-b", repository).stdout
    assert [path.name for path in root.rglob("*9.0.0*")] == []
    assert sorted(path.name for path in root.glob("[Aa]cme-[Tt]op")) == ["Acme-Top"]


def test_N08_a_copy_of_a_repository_with_folders_in_two_cases_is_that_repository(place: Place) -> None:
    here = Place(root=place.outside, outside=place.outside)
    root = copy_legacy(place.outside / "repository")
    (root / "acme-top").rename(root / "Acme-Top")
    (root / "Acme_Base" / "latest.pipper").unlink()
    here.run("publish", make_wheel(place.outside / "dist", "acme-top", "9.0.0"), "-b", root.as_uri())
    here.run("repository", "repair", "--format", "2", "-b", root.as_uri())
    assert {path.name for path in root.iterdir()} >= {"acme-top", "Acme-Top"}
    copy = place.root / "repository"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("Acme-Top", ".pipper-store"))
    shutil.copytree(root / "Acme-Top", copy / "acme-top", dirs_exist_ok=True)
    place.run("repository", "check", "-b", copy.as_uri())
    place.run("repository", "prune", "acme-top:9.0.0", "-b", copy.as_uri())
    place.run("repository", "check", "-b", copy.as_uri())
    assert [path.name for path in copy.rglob("v9-0-0.pipper")] == []
