"""Interpreters and environments: what they are, where things go, what is there."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipper.errors import MachineError, UsageError
from pipper.python.environment import (
    active_environment,
    environment_of,
    installed,
    refuse_unwritable,
    target_directory,
    user_environment,
)
from pipper.python.fingerprint import fingerprint
from pipper.python.interpreter import inspect_interpreter
from pipper.python.new_venv import make_venv, venv_python
from pipper.system.seals import sealed
from tests.workshop import this_interpreter

POSIX = pytest.mark.skipif(os.name == "nt", reason="uses POSIX scripts")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return make_venv(tmp_path / "venv", this_interpreter()).executable


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_interpreter_says_where_its_packages_go() -> None:
    found = this_interpreter()
    assert found.version == sys.version_info[:3]
    assert found.scheme.purelib == Path(sysconfig.get_path("purelib"))
    assert found.scheme.scripts == Path(sysconfig.get_path("scripts"))
    assert found.is_virtual == (sys.prefix != sys.base_prefix)


def change_facts(stored: Path, **changes: object) -> None:
    """Change what was remembered of an interpreter, with a right seal."""
    facts = json.loads(stored.read_bytes().partition(b"\n")[2])
    stored.write_bytes(sealed(json.dumps({**facts, **changes}).encode(), f"interpreter {stored.stem}"))


def test_facts_are_asked_once(tmp_path: Path, venv: Path) -> None:
    first = inspect_interpreter(venv, tmp_path / "facts")
    (memory,) = (tmp_path / "facts").iterdir()
    change_facts(memory, version=[3, 12, 99])
    assert inspect_interpreter(venv, tmp_path / "facts").version == (3, 12, 99)
    assert inspect_interpreter(venv, None) == first


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 0}'])
def test_damaged_facts_are_asked_again(tmp_path: Path, venv: Path, text: str) -> None:
    first = inspect_interpreter(venv, tmp_path / "facts")
    (memory,) = (tmp_path / "facts").iterdir()
    memory.write_text(text)
    assert inspect_interpreter(venv, tmp_path / "facts") == first


def test_a_fingerprint_tells_environments_of_one_python_apart(tmp_path: Path, venv: Path) -> None:
    other = make_venv(tmp_path / "other", this_interpreter()).executable
    before = fingerprint(venv)
    assert fingerprint(venv) == before
    assert fingerprint(other) != before
    config = tmp_path / "venv" / "pyvenv.cfg"
    config.write_text(config.read_text() + "include-system-site-packages = true\n")
    assert fingerprint(venv) != before


def test_a_python_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no Python interpreter at .*nowhere"):
        inspect_interpreter(tmp_path / "nowhere", None)


@POSIX
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("echo broken library >&2; exit 1", "broken library"),
        ("echo not json", "did not report its version and paths"),
        ("true", "did not report its version and paths"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_python_that_does_not_work_is_told_with_its_path(tmp_path: Path, text: str, cause: str) -> None:
    path = program(tmp_path / "python", text)
    with pytest.raises(MachineError, match=str(path)) as caught:
        inspect_interpreter(path, None)
    assert cause in caught.value.cause


@POSIX
@pytest.mark.parametrize(
    ("change", "cause"),
    [({"version": [3, 8, 0]}, "Python 3.8.0"), ({"implementation": "graalpy"}, "graalpy")],
)
def test_a_python_that_is_not_supported_is_told(
    tmp_path: Path, change: dict[str, object], cause: str
) -> None:
    probe = Path(inspect_interpreter.__code__.co_filename).with_name("probe.py")
    facts = {**json.loads(subprocess.check_output([sys.executable, "-I", "-B", probe])), **change}
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    path = program(tmp_path / "python", f"cat {tmp_path}/facts.json")
    with pytest.raises(MachineError) as caught:
        inspect_interpreter(path, None)
    assert cause in caught.value.cause


def test_a_new_environment_is_known_without_asking_its_python(tmp_path: Path, venv: Path) -> None:
    base = inspect_interpreter(Path(sys.executable), None)
    derived = make_venv(tmp_path / ".venv", base)
    assert derived == inspect_interpreter(derived.executable, None)


def test_a_new_environment_is_bare_and_ignored_by_git(tmp_path: Path) -> None:
    made = make_venv(tmp_path / ".venv", this_interpreter())
    assert (tmp_path / ".venv" / ".gitignore").read_text() == "*\n"
    assert installed(environment_of(made)) == ()
    assert venv_python(tmp_path / ".venv") == made.executable
    assert not (tmp_path / ".venv" / ".pipper-unfinished").exists()


@POSIX
def test_another_python_makes_its_own_environment(tmp_path: Path) -> None:
    log = tmp_path / "called"
    other = program(tmp_path / "other", f'echo "$@" > {log}; exec {this_interpreter().base_executable} "$@"')
    base = replace(this_interpreter(), base_executable=other)
    made = make_venv(tmp_path / "venv", base)
    assert "--without-pip" in log.read_text()
    assert inspect_interpreter(made.executable, None).prefix == tmp_path / "venv"


@POSIX
def test_an_environment_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    base = replace(
        this_interpreter(), base_executable=program(tmp_path / "python", "echo no ensurepip >&2; exit 1")
    )
    with pytest.raises(MachineError) as caught:
        make_venv(tmp_path / ".venv", base)
    assert caught.value.cause == "no ensurepip"
    assert not (tmp_path / ".venv").exists()


def test_what_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(MachineError, match="is not a virtual environment"):
        make_venv(tmp_path / "mine", this_interpreter())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_a_half_made_environment_is_made_anew(tmp_path: Path) -> None:
    made = make_venv(tmp_path / ".venv", this_interpreter())
    (tmp_path / ".venv" / ".pipper-unfinished").touch()
    assert venv_python(tmp_path / ".venv") is None
    assert make_venv(tmp_path / ".venv", this_interpreter()) == made
    assert venv_python(tmp_path / ".venv") == made.executable


@pytest.mark.parametrize("missing", ["python", "pyvenv.cfg"])
def test_an_environment_without_its_python_is_none(tmp_path: Path, venv: Path, missing: str) -> None:
    (venv if missing == "python" else tmp_path / "venv" / missing).unlink()
    assert venv_python(tmp_path / "venv") is None


def test_the_active_environment_is_the_one_that_the_shell_names() -> None:
    assert active_environment({}) is None
    assert active_environment({"VIRTUAL_ENV": ""}) is None
    both = active_environment({"VIRTUAL_ENV": "/v", "CONDA_PREFIX": "/c"})
    conda = active_environment({"CONDA_PREFIX": "/c"})
    assert both is not None
    assert conda is not None
    assert both.is_relative_to("/v")
    assert conda.is_relative_to("/c")


@POSIX
def test_a_python_managed_by_the_system_is_left_alone(tmp_path: Path) -> None:
    interpreter = replace(
        this_interpreter(), externally_managed="To install\npackages, use apt.\n\nMore.", prefix=tmp_path
    )
    with pytest.raises(MachineError, match="PEP 668") as caught:
        refuse_unwritable(environment_of(interpreter))
    assert caught.value.cause == "To install packages, use apt."
    assert "--python" in caught.value.hint
    refuse_unwritable(target_directory(tmp_path / "out", interpreter))


@POSIX
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[externally-managed]\nError=use apt\n", "use apt"),
        ("", "managed by the system"),
        ("[", "managed by the system"),
    ],
)
def test_the_mark_of_a_managed_python_is_read_anew_each_time(
    tmp_path: Path, venv: Path, text: str, said: str
) -> None:
    memory = tmp_path / "facts"
    inspect_interpreter(venv, memory)
    (stored,) = memory.iterdir()
    change_facts(stored, stdlib=str(tmp_path / "stdlib"), prefix="/same", base_prefix="/same")
    (tmp_path / "stdlib").mkdir()
    assert inspect_interpreter(venv, memory).externally_managed == ""
    (tmp_path / "stdlib" / "EXTERNALLY-MANAGED").write_text(text)
    assert said in inspect_interpreter(venv, memory).externally_managed


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_environment_is_refused(tmp_path: Path) -> None:
    environment = environment_of(make_venv(tmp_path / "venv", this_interpreter()))
    environment.scheme.purelib.chmod(0o555)
    try:
        with pytest.raises(MachineError, match="cannot be written to"):
            refuse_unwritable(environment)
    finally:
        environment.scheme.purelib.chmod(0o755)


def test_a_file_in_place_of_a_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="is not a directory"):
        refuse_unwritable(target_directory(tmp_path / "file", this_interpreter()))


def test_a_virtual_environment_has_no_user_packages(tmp_path: Path) -> None:
    interpreter = replace(this_interpreter(), prefix=tmp_path, base_prefix=Path("/usr"))
    with pytest.raises(MachineError, match="--user"):
        user_environment(interpreter)
    alone = replace(interpreter, base_prefix=tmp_path)
    assert user_environment(alone).scheme == alone.user_scheme


@pytest.mark.parametrize(
    ("folder", "files", "expected"),
    [
        ("foo-1.0.dist-info", {}, ("foo", "1.0")),
        ("Foo_Bar.baz-1.0.post1.dist-info", {}, ("foo-bar-baz", "1.0.post1")),
        ("foo-1.0+local.1.dist-info", {}, ("foo", "1.0+local.1")),
        ("foo-1.0_local.dist-info", {}, ("foo", "1.0+local")),
        ("foo-1.0.egg-info", {"PKG-INFO": "Name: foo\nVersion: 1.0\n"}, ("foo", "1.0")),
        ("foo-1.0-py3.11.egg-info", {"PKG-INFO": "Name: foo\nVersion: 1.0\n"}, ("foo", "1.0")),
        ("foo.egg-info", {"PKG-INFO": "Name: foo\nVersion: 1.0\n"}, ("foo", "1.0")),
        (
            "foo-bar-1.0.dist-info",
            {"METADATA": "Name: foo-bar\nVersion: 1.0\n\nName: no"},
            ("foo-bar", "1.0"),
        ),
        ("~oo-1.0.dist-info", {"METADATA": "Name: foo\nVersion: 1.0\n"}, None),
        ("nameless.dist-info", {}, None),
    ],
)
def test_a_distribution_is_named_by_its_folder_or_else_by_its_metadata(
    tmp_path: Path, folder: str, files: dict[str, str], expected: tuple[str, str] | None
) -> None:
    environment = target_directory(tmp_path, this_interpreter())
    (tmp_path / folder).mkdir()
    for name, text in files.items():
        (tmp_path / folder / name).write_text(text)
    assert [(each.name, each.version) for each in installed(environment)] == ([expected] if expected else [])


def test_an_old_egg_info_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "foo.egg-info").write_text("Name: foo\nVersion: 1.0\n")
    (found,) = installed(target_directory(tmp_path, this_interpreter()))
    assert (found.name, found.version, found.ours) == ("foo", "1.0", False)


@pytest.mark.parametrize("marks", ["", "{", "[]", '{"source": "acme"}'])
def test_damaged_marks_are_none(tmp_path: Path, marks: str) -> None:
    folder = tmp_path / "foo-1.0.dist-info"
    folder.mkdir()
    (folder / "INSTALLER").write_text("pipper\n")
    (folder / "pipper.json").write_text(marks)
    (found,) = installed(target_directory(tmp_path, this_interpreter()))
    assert found.installer == "pipper"
    assert not found.ours


def test_two_libraries_that_are_one_folder_are_read_once(tmp_path: Path) -> None:
    environment = environment_of(make_venv(tmp_path / "venv", this_interpreter()))
    (tmp_path / "link").symlink_to(environment.scheme.purelib)
    (environment.scheme.purelib / "foo-1.0.dist-info").mkdir()
    linked = replace(environment, scheme=replace(environment.scheme, platlib=tmp_path / "link"))
    assert len(installed(linked)) == 1


def test_a_library_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    environment = target_directory(tmp_path / "none", this_interpreter())
    assert installed(environment) == ()
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
