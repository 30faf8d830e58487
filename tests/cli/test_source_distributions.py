"""Packages that exist as source only: allowed, locked with what builds them, built once, installed everywhere."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipper.ops.lock import make_lock
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.sdists import BACKEND, make_backend, make_sdist
from tests.wheelhouse import make_wheel
from tests.workshop import this_interpreter


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


class Shop:
    """A workspace whose index has a source distribution `promise`, its backend, and what it requires."""

    def __init__(self, workspace: Workspace, index: IndexDouble) -> None:
        self.workspace = workspace
        self.index = index
        self.folder = workspace.root / "files"
        index.add(make_backend(self.folder, requires=["tiny-part"]))
        index.add(make_wheel(self.folder, "tiny-part", "1.0"))
        index.add(make_wheel(self.folder, "six", "1.0"))
        self.add("promise", "2.0", requires=["six"])

    def add(self, name: str, version: str, **parts: Any) -> Path:
        path = make_sdist(self.folder, name, version, **parts)
        self.index.add_sdist(path)
        return path

    def ask(self, *requirements: str, more: str = "") -> None:
        listed = "".join(f"    {each!r},\n" for each in requirements)
        self.workspace.app.mkdir(parents=True, exist_ok=True)
        self.workspace.manifest.write_text(
            f"dependencies = [\n{listed}]\n\n[index]\nurl = '{self.index.url}'\n{more}"
        )

    @contextlib.contextmanager
    def index_is_quiet(self) -> Iterator[None]:
        seen = len(self.index.seen)
        yield
        assert self.index.seen[seen:] == []

    @property
    def lock(self) -> dict[str, Any]:
        return tomllib.loads(self.workspace.lock.read_text())

    def package(self, name: str) -> dict[str, Any]:
        (found,) = (each for each in self.lock["packages"] if each["name"] == name)
        return found


@pytest.fixture
def shop(empty: Workspace, index: IndexDouble) -> Shop:
    return Shop(empty, index)


ALLOWED = "[build]\nallow = ['promise']\n"


def test_R01_a_package_that_exists_as_source_only_needs_permission_and_the_hint_gives_it(shop: Shop) -> None:
    shop.ask("promise")
    done = shop.workspace.refused("lock", code=3, subject="promise")
    assert "building its source distribution is not allowed" in done.stderr
    assert "`--build promise`" in done.stderr
    shop.workspace.run("lock", "--build", "promise")
    assert tomllib.loads(shop.workspace.manifest.read_text())["build"] == {"allow": ["promise"]}
    shop.workspace.run("lock", "--check")
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"promise": "2.0", "six": "1.0"}


def test_R01_a_permission_that_was_taken_back_is_given_again(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.ask("promise")
    shop.workspace.run("lock", "--build", "promise", "--dry-run")
    assert "build" not in shop.workspace.manifest.read_text()
    shop.workspace.run("lock", "--build", "promise")
    assert "promise" in tomllib.loads(shop.workspace.manifest.read_text())["build"]["allow"]
    shop.workspace.run("lock", "--check")


def test_T14_what_the_user_writes_into_the_manifest_during_a_lock_is_not_overwritten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = make_lock.make_lock

    def meddled(*args: Any, **options: Any) -> Any:
        found = solve(*args, **options)
        manifest = shop.workspace.manifest
        manifest.write_text(f"{manifest.read_text()}# mine\n")
        return found

    shop.ask("promise")
    with monkeypatch.context() as patched:
        patched.setattr(make_lock, "make_lock", meddled)
        done = shop.workspace.run("lock", "--build", "promise", code=7)
    assert "was edited during the command" in done.stderr
    assert shop.workspace.manifest.read_text().endswith("# mine\n")
    assert not shop.workspace.lock.exists()


def test_T14_where_the_lock_cannot_be_written_the_manifest_stays_too(shop: Shop) -> None:
    shop.ask("promise")
    before = shop.workspace.manifest.read_bytes()
    shop.workspace.lock.symlink_to(shop.workspace.root / "elsewhere.lock")
    shop.workspace.run("lock", "--build", "promise", code=4)
    assert shop.workspace.manifest.read_bytes() == before


def test_R01_the_lock_holds_the_source_and_all_that_builds_it_with_hashes(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    promise = shop.package("promise")
    assert "wheels" not in promise
    assert promise["sdist"]["url"].endswith("/promise-2.0.tar.gz")
    assert len(promise["sdist"]["sha256"]) == 64
    assert promise["build-requires"] == ["tiny-build==1.0"]
    assert promise["dependencies"] == ["six"]
    for environment in shop.lock["environments"]:
        assert environment["builds"] == {"promise": ["tiny-build==1.0", "tiny-part==1.0"]}
        assert environment["packages"] == ["promise==2.0", "six==1.0"]
    assert shop.package("tiny-build")["wheels"][0]["sha256"]
    first = shop.workspace.lock.read_bytes()
    shop.workspace.lock.unlink()
    shop.workspace.run("lock")
    assert shop.workspace.lock.read_bytes() == first
    shop.workspace.run("lock", "-U")
    assert shop.workspace.lock.read_bytes() == first


def test_R01_a_lock_without_source_distributions_says_nothing_of_builds(shop: Shop) -> None:
    shop.ask("six", more=ALLOWED)
    shop.workspace.run("lock")
    text = shop.workspace.lock.read_text()
    assert 'build-allow = ["promise"]' in text
    shop.ask("six")
    shop.workspace.run("lock")
    assert not [word for word in ("build", "sdist", "failed") if word in shop.workspace.lock.read_text()]


def test_R01_static_metadata_is_read_and_other_metadata_is_asked_of_the_backend(shop: Shop) -> None:
    shop.add("quiet", "1.0", static=False, requires=["six"])
    shop.ask("quiet", more="[build]\nallow = true\n")
    shop.workspace.run("lock")
    assert shop.package("quiet")["dependencies"] == ["six"]


def test_R01_a_build_happens_once_a_machine_and_the_second_sync_is_offline(shop: Shop) -> None:
    log = shop.workspace.root / "built"
    note = (
        "_plain = build_wheel\ndef build_wheel(*a, **k):\n"
        f"    open({str(log)!r}, 'a').write('x')\n    return _plain(*a, **k)\n"
    )
    shop.index.add(make_backend(shop.folder, "1.1", more=note))
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    assert not log.exists(), "static metadata needs no build"
    shop.workspace.run("sync")
    first = (shop.workspace.site / "promise-2.0.dist-info" / "RECORD").read_bytes()
    assert "Nothing to do" in shop.workspace.run("sync").stderr
    shutil.rmtree(shop.workspace.venv)
    seen = len(shop.index.seen)
    shop.workspace.run("sync", "--offline", "--no-build")
    assert len(shop.index.seen) == seen
    assert log.read_text() == "x"
    assert (shop.workspace.site / "promise-2.0.dist-info" / "RECORD").read_bytes() == first
    shop.workspace.run("sync", "--check", "--verify")


def test_R01_no_build_refuses_what_is_not_built_yet(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    done = shop.workspace.refused("sync", "--no-build", code=2, subject="promise-2.0.tar.gz")
    assert "--no-build is set" in done.stderr


def test_R01_a_changed_byte_in_the_source_is_an_integrity_error(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    path = shop.folder / "promise-2.0.tar.gz"
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    shutil.rmtree(shop.workspace.root / "cache")
    done = shop.workspace.refused("sync", code=4, subject="promise")
    assert "hash mismatch" in done.stderr


def test_R01_build_tools_stay_until_an_upgrade_is_asked_for_and_then_the_package_is_built_again(
    shop: Shop,
) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.workspace.run("sync")
    shop.index.add(make_backend(shop.folder, "2.0"))
    shop.ask("promise", "tiny-part", more=ALLOWED)
    shop.workspace.run("lock")
    assert shop.package("promise")["build-requires"] == ["tiny-build==1.0"]
    shop.workspace.run("lock", "-P", "tiny-build")
    assert shop.package("promise")["build-requires"] == ["tiny-build==2.0"]
    done = shop.workspace.run("sync", "--dry-run")
    assert "promise" in done.stdout


def test_R01_a_build_requirement_and_a_requirement_may_have_two_versions(shop: Shop) -> None:
    shop.index.add(make_backend(shop.folder, "2.0"))
    shop.add("older", "1.0", build_requires=["tiny-build<2"])
    shop.ask("older", "tiny-build>=2", more="[build]\nallow = ['older']\n")
    shop.workspace.run("lock")
    assert shop.package("older")["build-requires"] == ["tiny-build==1.0"]
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"older": "1.0", "tiny_build": "2.0"}


def test_R01_a_wheel_that_fits_is_taken_before_the_source(shop: Shop) -> None:
    shop.index.add(make_wheel(shop.folder, "promise", "2.0", requires=["six"]))
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    assert "sdist" not in shop.package("promise")


def test_R01_zip_sources_are_built_too(shop: Shop) -> None:
    shop.add("zipped", "1.0", suffix=".zip")
    shop.ask("zipped", more="[build]\nallow = ['zipped']\n")
    shop.workspace.run("lock")
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"zipped": "1.0"}


def test_R01_add_and_install_write_the_permission(shop: Shop) -> None:
    shop.ask()
    shop.workspace.run("add", "promise", "--build", "promise")
    found = tomllib.loads(shop.workspace.manifest.read_text())
    assert (found["dependencies"], found["build"]) == (["promise"], {"allow": ["promise"]})
    shop.workspace.run("install", "promise", "--build", "Promise", "-t", "out")
    assert (shop.workspace.app / "out" / "promise.py").exists()
    shop.workspace.run("uninstall", "promise", "-t", "out")
    assert not (shop.workspace.app / "out" / "promise.py").exists()


def test_R01_download_saves_the_source_and_what_builds_it_for_a_host_without_network(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.workspace.run("download", "-d", "saved")
    assert {path.name for path in (shop.workspace.app / "saved").iterdir()} == {
        "promise-2.0.tar.gz",
        "six-1.0-py3-none-any.whl",
        "tiny_build-1.0-py3-none-any.whl",
        "tiny_part-1.0-py3-none-any.whl",
    }
    shutil.rmtree(shop.workspace.root / "cache")
    seen = len(shop.index.seen)
    shop.workspace.run("sync", "--offline", "--from", "saved")
    assert len(shop.index.seen) == seen
    assert shop.workspace.installed() == {"promise": "2.0", "six": "1.0"}


BUILT = "promise-2.0-py3-none-any.whl"


@pytest.fixture
def saved(shop: Shop) -> Path:
    """A folder with the wheels of a lock, the built one among them; the cache is that of another machine."""
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.workspace.run("download", "--build", "-d", "saved")
    shutil.rmtree(shop.workspace.root / "cache")
    return shop.workspace.app / "saved"


def test_R01_download_builds_for_a_host_without_a_compiler(shop: Shop, saved: Path) -> None:
    names = {path.name for path in saved.iterdir()}
    assert names == {BUILT, f"{BUILT}.built.json", "six-1.0-py3-none-any.whl"}
    with shop.index_is_quiet():
        done = shop.workspace.refused("sync", "--offline", "--from", "saved", code=6, subject="1 file")
        assert "promise-2.0.tar.gz" in done.stderr
        assert "add --no-build" in done.stderr
        done = shop.workspace.run("sync", "--offline", "--no-build", "--from", "saved")
        assert "uilding" not in done.stderr
        assert shop.workspace.installed() == {"promise": "2.0", "six": "1.0"}
        assert "Nothing to do" in shop.workspace.run("sync").stderr
        shutil.rmtree(shop.workspace.venv)
        shutil.rmtree(saved)
        shop.workspace.run("sync", "--offline", "--no-build")
    shop.workspace.run("sync", "--check", "--verify", "--offline")


def test_R01_download_compares_a_built_wheel_with_the_chosen_extra_alone(shop: Shop) -> None:
    """The other extra has another version of what the wheel requires."""
    shop.index.add(make_wheel(shop.folder, "six", "2.0"))
    shop.add("promise", "3.0", requires=["six<2"])
    shop.ask(more=f"{ALLOWED}[optional-dependencies]\na = ['promise']\nb = ['six==2.0']\n")
    manifest = shop.workspace.manifest
    manifest.write_text(f"conflicts = [['a', 'b']]\n{manifest.read_text()}")
    shop.workspace.run("lock")
    for seed in "01234":  # which one it met depended on the order of a set
        env = {"PYTHONHASHSEED": seed}
        shop.workspace.process("download", "--build", "--extra", "a", "-d", f"saved-{seed}", env=env)
        assert (shop.workspace.app / f"saved-{seed}" / "promise-3.0-py3-none-any.whl").is_file()


def test_R01_pip_installs_the_wheels_that_download_built(shop: Shop, saved: Path) -> None:
    target = shop.workspace.root / "by-pip"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-index", "--only-binary", ":all:"),
            *("--find-links", saved, "--target", target, "promise"),
        ],
        check=True,
        cwd=shop.workspace.root,
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull},
    )
    assert (target / "promise.py").exists()


def test_R01_without_the_option_the_wheels_that_download_built_are_not_trusted(
    shop: Shop, saved: Path
) -> None:
    done = shop.workspace.run("sync", "--from", "saved")
    assert "Building promise 2.0" in done.stderr


def test_R01_a_wheel_that_download_built_is_checked(shop: Shop, saved: Path) -> None:
    sync = ("sync", "--offline", "--no-build", "--from", "saved")
    wheel, note = saved / BUILT, saved / f"{BUILT}.built.json"
    whole, said = wheel.read_bytes(), note.read_text()
    wheel.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    shop.workspace.refused(*sync, code=4, subject=BUILT)
    wheel.write_bytes(whole)
    sha256 = tomllib.loads(shop.workspace.lock.read_text())["packages"][0]["sdist"]["sha256"]
    for text in (said.replace(sha256, "0" * 64), said.replace('"sha256": "', '"sha256": "../'), "{", ""):
        note.write_text(text)
        done = shop.workspace.refused(*sync, code=2, subject="promise-2.0.tar.gz")
        assert "download --build" in done.stderr
    other = make_wheel(saved, "promise", "3.0")
    for suffix in ("", ".built.json"):
        (saved / f"{BUILT}{suffix}").unlink()
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    own = hashlib.sha256(whole).hexdigest()
    (saved / f"{other.name}.built.json").write_text(said.replace(own, digest))
    shop.workspace.refused(*sync, code=4, subject="promise-3.0")


def test_R01_download_builds_for_the_python_at_hand_only(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.workspace.refused("download", "--build", "--all-environments", code=2, subject="--all-environments")


def test_R01_export_carries_the_source(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    pylock = tomllib.loads(shop.workspace.run("export", "-f", "pylock").stdout)
    promise = next(each for each in pylock["packages"] if each["name"] == "promise")
    sdist = shop.package("promise")["sdist"]
    assert promise["sdist"]["hashes"] == {"sha256": sdist["sha256"]}
    assert promise["sdist"]["url"] == sdist["url"]
    assert "wheels" not in promise
    assert {each["name"] for each in pylock["packages"]} == {"promise", "six"}
    assert sdist["sha256"] in shop.workspace.run("export", "-f", "requirements").stdout


NAME = "promise-2.0-py3-none-any.whl"
RENAME = "n = _plain(d); m = n.replace('py3', 'cp27'); os.rename(f'{d}/{n}', f'{d}/{m}')"
FAULTS = {
    "fails": ("    raise SystemExit('no compiler here')\n", 8, "no compiler here"),
    "another version": ("    return _plain(d, version='9.9')\n", 4, "gave promise-9.9"),
    "two wheels": ("    open(d + '/a-1-py3-none-any.whl', 'w')\n    return _plain(d)\n", 4, "breaks PEP 517"),
    "no wheel": (f"    return '{NAME}'\n", 4, "no such file"),
    "damaged": (f"    open(d + '/{NAME}', 'w')\n    return '{NAME}'\n", 4, "damaged zip"),
    "does not fit": (f"    import os; {RENAME}\n    return m\n", 4, "does not fit"),
    "writes outside": ("    return '../../../../../etc/x.whl'\n", 4, "no such file"),
}


@pytest.mark.parametrize(("code", "exit_code", "told"), FAULTS.values(), ids=FAULTS)
def test_R01_a_build_that_fails_or_lies_changes_nothing(
    shop: Shop, code: str, exit_code: int, told: str
) -> None:
    wrapped = (
        f"_plain = build_wheel\ndef build_wheel(d, config_settings=None, metadata_directory=None):\n{code}"
    )
    shop.index.add(make_backend(shop.folder, "1.1", more=wrapped))
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    done = shop.workspace.refused("sync", code=exit_code, subject="promise")
    assert told in done.stderr
    assert exit_code == 4 or "the same command with `-v` shows all of it again" in done.stderr
    assert list((shop.workspace.root / "tmp").iterdir()) == []


def test_R01_an_extra_or_group_without_a_solution_does_not_stop_the_rest(shop: Shop) -> None:
    shop.ask(
        "six",
        more="[optional-dependencies]\nlater = ['promise']\n"
        "[dependency-groups]\nodd = ['absent-thing']\ndev = ['tiny-part']\n",
    )
    done = shop.workspace.run("lock")
    assert "no solution for the extra `later`" in done.stderr
    assert "no solution for the group `odd`" in done.stderr
    (environment, *_) = shop.lock["environments"]
    assert "not allowed" in environment["failed-extras"]["later"]
    assert environment["groups"] == {"dev": ["tiny-part==1.0"]}
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"six": "1.0", "tiny_part": "1.0"}
    for option in (("--extra", "later"), ("--all-extras",)):
        done = shop.workspace.refused("sync", *option, code=3, subject="extra `later`")
        assert "not allowed" in done.stderr
    shop.workspace.refused("sync", "--only-group", "odd", code=3, subject="group `odd`")
    assert "no solution for the group `odd`" in shop.workspace.run("lock").stderr
    shop.workspace.run("lock", "--check")
    shop.workspace.refused("add", "-g", "more", "absent-too", code=3, subject="absent-too")


def test_R01_two_extras_that_exclude_each_other_are_told_as_before(shop: Shop) -> None:
    shop.index.add(make_wheel(shop.folder, "six", "2.0"))
    shop.ask(more="[optional-dependencies]\na = ['six<2']\nb = ['six>=2']\n")
    shop.workspace.refused("lock", code=3, subject="six")


def test_R01_a_build_without_a_solution_on_another_platform_does_not_stop_this_one(shop: Shop) -> None:
    target = this_interpreter().target
    own = f"py3-none-{target.name.partition('-')[2]}"
    shop.index.add(make_wheel(shop.folder, "native-part", "1.0", tag=own))
    shop.add("native", "1.0", build_requires=["tiny-build", "native-part"])
    shop.ask("native", more="[build]\nallow = ['native']\n")
    done = shop.workspace.run("lock")
    assert "no solution for cp3" in done.stderr
    failures = [each["failure"] for each in shop.lock["environments"] if "failure" in each]
    assert failures
    assert all(each.startswith("no environment for the build of native 1.0") for each in failures)
    assert shop.package("native")["build-requires"] == ["native-part==1.0", "tiny-build==1.0"]
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"native": "1.0"}


def add_stacked(shop: Shop) -> None:
    """Put `stacked` into the index, whose build requires `tool-source`, which exists as source only too."""
    shop.add("tool-source", "1.0")
    shop.add("stacked", "1.0", build_requires=["tool-source", "tiny-build"])


def test_R01_what_a_build_requires_may_be_built_too(shop: Shop) -> None:
    add_stacked(shop)
    shop.ask("stacked", more="[build]\nallow = ['stacked']\n")
    done = shop.workspace.refused("lock", code=3, subject="the build of stacked 1.0")
    assert "tool-source 1.0 is skipped" in done.stderr
    assert "`--build tool-source`" in done.stderr
    shop.workspace.run("lock", "--build", "tool-source")
    (environment, *_) = shop.lock["environments"]
    assert environment["builds"] == {
        "stacked": ["tiny-build==1.0", "tiny-part==1.0", "tool-source==1.0"],
        "tool-source==1.0": ["tiny-build==1.0", "tiny-part==1.0"],
    }
    assert shop.package("tool-source")["build-requires"] == ["tiny-build==1.0"]
    lock = shop.workspace.lock.read_bytes()
    shop.workspace.run("lock", "-U")
    assert shop.workspace.lock.read_bytes() == lock
    shutil.rmtree(shop.workspace.root / "cache")
    done = shop.workspace.run("sync")
    assert done.stderr.index("Building tool-source 1.0") < done.stderr.index("Building stacked 1.0")
    assert shop.workspace.installed() == {"stacked": "1.0"}
    shutil.rmtree(shop.workspace.venv)
    shop.workspace.run("sync", "--offline", "--no-build")
    shop.workspace.run("download", "-d", "saved")
    shutil.rmtree(shop.workspace.root / "cache")
    shutil.rmtree(shop.workspace.venv)
    with shop.index_is_quiet():
        shop.workspace.run("sync", "--offline", "--from", "saved")


def test_R01_a_changed_byte_in_the_source_of_a_build_tool_is_an_integrity_error(shop: Shop) -> None:
    add_stacked(shop)
    shop.ask("stacked", more="[build]\nallow = true\n")
    shop.workspace.run("lock")
    path = shop.folder / "tool_source-1.0.tar.gz"
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    shutil.rmtree(shop.workspace.root / "cache")
    shop.workspace.refused("sync", code=4, subject="tool-source 1.0")


def test_R01_members_and_bundles_may_be_built_with_tools_that_are_built(shop: Shop) -> None:
    shop.add("tool-source", "1.0")
    lab = shop.workspace.root / "lab"
    lab.mkdir()
    (lab / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['tool-source', 'tiny-build']\nbuild-backend = 'tiny_backend'\n"
        "[project]\nname = 'lab'\nversion = '1.0'\n"
    )
    shop.ask("lab", more="[sources]\nlab = { path = '../lab' }\n")
    shop.workspace.run("lock")
    for command in (("sync",), ("bundle", "../lab", "-o", "dist")):
        done = shop.workspace.refused(*command, code=3, subject="no environment for the build of")
        assert "`--build tool-source` of `pipper add`, `pipper install` and `pipper lock`" in done.stderr
    shop.workspace.run("lock", "--build", "tool-source")
    done = shop.workspace.run("sync")
    assert "Building tool-source 1.0" in done.stderr
    assert shop.workspace.installed() == {"lab": "1.0"}
    shop.workspace.run("bundle", "../lab", "-o", "dist")
    assert list((shop.workspace.app / "dist").glob("lab-*.pipper"))


def test_R01_builds_that_require_each_other_are_named(shop: Shop) -> None:
    shop.add("egg", "1.0", build_requires=["hen", "tiny-build"])
    shop.add("hen", "1.0", build_requires=["egg", "tiny-build"])
    shop.ask("egg", more="[build]\nallow = true\n")
    done = shop.workspace.refused("lock", code=3, subject="egg 1.0")
    assert "the build of egg 1.0 requires hen 1.0 requires egg 1.0" in done.stderr
    assert "publish a wheel" in done.stderr
    shop.index.add(make_wheel(shop.folder, "hen", "0.9"))
    shop.workspace.manifest.write_text("constraints = ['hen<1']\n" + shop.workspace.manifest.read_text())
    shop.workspace.run("lock")
    shop.workspace.run("sync")


def test_R01_builds_are_nested_to_a_bound(shop: Shop) -> None:
    for number in range(12):
        shop.add(f"layer{number}", "1.0", build_requires=[f"layer{number + 1}", "tiny-build"])
    shop.index.add(make_wheel(shop.folder, "layer12", "1.0"))
    shop.ask("layer0", more="[build]\nallow = true\n")
    done = shop.workspace.refused("lock", code=3, subject="layer0 1.0")
    assert "nested more than 8 deep" in done.stderr
    shop.ask("layer8", more="[build]\nallow = true\n")
    shop.workspace.run("lock")


def test_R01_an_environment_and_a_build_may_need_two_versions_that_are_built(shop: Shop) -> None:
    shop.add("tool-source", "2.0")
    shop.add("tool-source", "1.0")
    shop.add("stacked", "1.0", build_requires=["tool-source<2", "tiny-build"])
    shop.ask("stacked", "tool-source", more="[build]\nallow = true\n")
    shop.workspace.run("lock")
    (environment, *_) = shop.lock["environments"]
    assert sorted(environment["builds"]) == ["stacked", "tool-source", "tool-source==1.0"]
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"stacked": "1.0", "tool_source": "2.0"}


def test_R01_names_of_builds_stay_private_too(shop: Shop) -> None:
    shop.add("careful", "1.0", build_requires=["acme-build"])
    shop.ask("careful", more="[build]\nallow = ['careful']\n[repositories]\nacme = 'file:../repository'\n")
    shop.workspace.publish(shop.workspace.wheel("other"))
    with shop.workspace.manifest.open("a") as file:
        file.write("[sources]\n'acme-*' = 'acme'\n")
    shop.workspace.refused("lock", code=3, subject="careful")
    assert "acme-build" not in shop.index.names()
    backend = make_wheel(shop.folder, "acme-build", "1.0", files={"tiny_backend.py": BACKEND})
    shop.workspace.publish(backend)
    shop.workspace.run("lock")
    assert shop.package("acme-build")["source"] == "acme"
    shop.workspace.run("sync")
    assert "acme-build" not in shop.index.names()


def test_R01_queries_know_packages_that_are_built(shop: Shop) -> None:
    shop.ask("promise", more=ALLOWED)
    shop.workspace.run("lock")
    shop.workspace.run("sync")
    done = shop.workspace.run("outdated")
    assert "not published" not in done.stderr
    shop.add("promise", "2.1", requires=["six"])
    assert "2.1" in shop.workspace.run("outdated").stdout
    told = shop.workspace.run("info", "promise").stdout
    assert "only a source distribution" in told
    assert "six" in shop.workspace.run("tree").stdout


def test_R01_a_lock_offline_asks_nobody_for_sources_and_build_tools(shop: Shop) -> None:
    shop.ask("six", more="[build]\nallow = true\n")
    shop.workspace.run("lock")
    shop.ask("promise", more="[build]\nallow = true\n")
    with shop.index_is_quiet():
        shop.workspace.refused("lock", "--offline", code=6, subject="not in the cache")
    shop.workspace.run("lock")
    first = shop.workspace.lock.read_bytes()
    shop.workspace.lock.unlink()
    with shop.index_is_quiet():
        shop.workspace.run("lock", "--offline")
    assert shop.workspace.lock.read_bytes() == first


APART = """
[optional-dependencies]
a = ["zz==1.0"]
b = ["zz==2.0"]
[build]
allow = true
"""
SEEDS = ("0", "1", "2", "3")


def ask_apart(shop: Shop, more: str = APART) -> None:
    """Ask for two extras that conflict, with another version of `zz` each."""
    shop.ask(more=more)
    manifest = shop.workspace.manifest
    manifest.write_text(f"conflicts = [['a', 'b']]\n{manifest.read_text()}")


@pytest.mark.parametrize("seed", SEEDS)
def test_R11_one_of_two_versions_in_parts_that_conflict_is_built(seed: str, shop: Shop) -> None:
    shop.add("zz", "1.0")
    shop.index.add(make_wheel(shop.folder, "zz", "2.0"))
    ask_apart(shop)
    env = {"PYTHONHASHSEED": seed}
    shop.workspace.process("lock", env=env)
    (environment, *_) = shop.lock["environments"]
    assert environment["builds"] == {"zz==1.0": ["tiny-build==1.0", "tiny-part==1.0"]}
    shop.workspace.process("tree", env=env)
    for extra, version in (("a", "1.0"), ("b", "2.0")):
        shop.workspace.run("sync", "--extra", extra)
        assert shop.workspace.installed() == {"zz": version}


def test_R11_two_versions_in_parts_that_conflict_are_built_with_tools_of_their_own(shop: Shop) -> None:
    for version, tool in (("1.0", "tool"), ("2.0", "tul")):
        backend = f"{tool}_backend"
        shop.index.add(make_wheel(shop.folder, tool, "1.0", files={f"{backend}.py": BACKEND}))
        shop.add("zz", version, build_requires=[tool], backend=backend)
    ask_apart(shop)
    shop.workspace.run("lock")
    (environment, *_) = shop.lock["environments"]
    assert environment["builds"] == {"zz==1.0": ["tool==1.0"], "zz==2.0": ["tul==1.0"]}
    requires = {each["version"]: each["build-requires"] for each in shop.lock["packages"] if "sdist" in each}
    assert requires == {"1.0": ["tool==1.0"], "2.0": ["tul==1.0"]}
    text = shop.workspace.lock.read_bytes()
    shop.workspace.run("lock", "-U")
    assert shop.workspace.lock.read_bytes() == text
    for extra, version in (("a", "1.0"), ("b", "2.0")):
        shop.workspace.run("download", "--extra", extra, "-d", extra)
        shutil.rmtree(shop.workspace.root / "cache")
        with shop.index_is_quiet():
            shop.workspace.run("sync", "--extra", extra, "--offline", "--from", extra)
        assert shop.workspace.installed() == {"zz": version}


def test_R11_one_of_two_versions_in_parts_that_conflict_may_also_take_part_in_a_build(shop: Shop) -> None:
    shop.add("zz", "1.0")
    shop.add("zz", "2.0")
    shop.add("stacked", "1.0", build_requires=["zz<2", "tiny-build"])
    ask_apart(shop, APART.replace("zz==2.0", 'zz==2.0", "stacked'))
    shop.workspace.run("lock")
    (environment, *_) = shop.lock["environments"]
    assert list(environment["builds"]) == ["stacked", "zz==1.0", "zz==2.0"]
    shop.workspace.run("sync", "--extra", "b")
    assert shop.workspace.installed() == {"stacked": "1.0", "zz": "2.0"}
    shop.workspace.run("sync", "--extra", "a")
    assert shop.workspace.installed() == {"zz": "1.0"}


@pytest.mark.parametrize("nested", [False, True])
def test_R01_a_build_takes_no_wheel_of_a_tool_that_is_meant_for_another_environment(
    nested: bool, shop: Shop
) -> None:
    stem, _, platform = this_interpreter().target.name.partition("-")
    own, later = (f"3.{int(stem.removeprefix('cp3')) + more}" for more in (0, 1))
    shop.index.add(make_wheel(shop.folder, "tool", "1.0", files={"tool_backend.py": BACKEND}))
    newer = {"requires-python": f">={later}"}
    shop.index.add(make_wheel(shop.folder, "tool", "1.0", build="1", requires_python=f">={later}"), **newer)
    needs, backend = ["tool"], "tool_backend"
    for name in ("below-xx", "below-yy") if nested else ():
        shop.add(name, "1.0", build_requires=needs, backend=backend)
    for name in ("xx", "yy"):
        below = [f"below-{name}", "tiny-build"] if nested else needs
        shop.add(name, "1.0", build_requires=below, backend="tiny_backend" if nested else backend)
    declared = "".join(
        f"[[environments]]\npython = '{python}'\nplatform = '{platform}'\n" for python in (own, later)
    )
    asked = (f'xx; python_version == "{own}"', f'yy; python_version == "{later}"')
    shop.ask(*asked, more=f"{declared}[build]\nallow = true\n")
    shop.workspace.run("lock")
    assert [file["url"].rpartition("/")[2] for file in shop.package("tool")["wheels"]] == [
        "tool-1.0-py3-none-any.whl"
    ]
    shutil.rmtree(shop.workspace.root / "cache")
    shop.workspace.run("sync")
    assert shop.workspace.installed() == {"xx": "1.0"}


def test_R01_builds_that_were_locked_with_two_versions_of_a_tool_keep_them(shop: Shop) -> None:
    for version in ("1.0", "2.0"):
        shop.index.add(make_wheel(shop.folder, "tool", version))
    shop.add("careful", "1.0", build_requires=["tiny-build", "tool<2"])
    shop.add("bold", "1.0", build_requires=["tiny-build", "tool"])
    shop.ask("bold", "careful", more="[build]\nallow = true\n")
    shop.workspace.run("lock")
    before = shop.lock["environments"][0]["builds"]
    assert ("tool==2.0" in before["bold"], "tool==1.0" in before["careful"]) == (True, True)
    shop.index.add(make_wheel(shop.folder, "tool", "1.5"))
    shop.workspace.run("add", "six")
    assert shop.lock["environments"][0]["builds"] == before
    shop.workspace.run("lock", "-P", "tool")
    assert "tool==1.5" in shop.lock["environments"][0]["builds"]["careful"]
