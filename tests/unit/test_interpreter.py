"""Interpreters that are none, that stand in for others, and what is remembered of them."""

import functools
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pipper.errors import MachineError, UsageError
from pipper.python import interpreter, probe
from pipper.python.interpreter import inspect_interpreter

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses POSIX scripts")


@functools.cache
def _facts() -> bytes:
    return subprocess.check_output([sys.executable, "-I", "-B", probe.__file__])


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def double(path: Path, **changes: object) -> Path:
    """A program that says of itself what this Python says, with changes, and notes that it was asked."""
    said = path.with_suffix(".json")
    facts = {**json.loads(_facts()), "executable": str(path), **changes}
    said.write_text(json.dumps({name: value for name, value in facts.items() if value is not ...}))
    return program(path, f'echo asked >> "{path}.log"; cat "{said}"')


def times_asked(path: Path) -> int:
    return len(Path(f"{path}.log").read_text().splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "echo '{}'",
        "echo '[1]'",
        "echo 3",
        """echo '{"version": "x", "implementation": 3}'""",
        r"printf '\377\376\000'",
        "echo '{\"version\": [3,11'",
    ],
)
def test_an_answer_that_makes_no_sense_is_told_each_time(tmp_path: Path, text: str) -> None:
    path = program(tmp_path / "python", text)
    for _ in range(2):
        with pytest.raises(MachineError, match=str(path)) as caught:
            inspect_interpreter(path, tmp_path / "facts")
        assert caught.value.cause == "it did not report its version and paths"
    assert not (tmp_path / "facts").exists()


@pytest.mark.parametrize("missing", ["version", "paths", "markers", "platform", "prefix", "executable"])
def test_an_answer_with_something_missing_is_none(tmp_path: Path, missing: str) -> None:
    with pytest.raises(MachineError) as caught:
        inspect_interpreter(double(tmp_path / "python", **{missing: ...}), None)
    assert caught.value.cause == "it did not report its version and paths"


def test_what_is_printed_before_the_answer_does_not_matter(tmp_path: Path) -> None:
    path = double(tmp_path / "python")
    path.write_text(path.read_text().replace("cat", "echo 'sitecustomize was here'; cat"))
    assert inspect_interpreter(path, None).version == sys.version_info[:3]


def test_a_python_that_does_not_end_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_SECONDS", 0.2)
    monkeypatch.setattr(interpreter, "_FEW_SECONDS", 0.2)
    with pytest.raises(MachineError) as caught:
        inspect_interpreter(program(tmp_path / "python", "exec sleep 600"), None)
    assert caught.value.cause == "it did not finish in 0.2 s"


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.8.20"])
def test_a_python_that_is_too_old_to_understand_the_question_says_its_version(
    tmp_path: Path, version: str
) -> None:
    # Python 2 does not know -I, 3.6 not the syntax of what it is to run.
    answer = f'case "$1" in -E) printf {version};; *) echo "Try `python -h`" >&2; exit 2;; esac'
    with pytest.raises(MachineError) as caught:
        inspect_interpreter(program(tmp_path / "python", answer.replace("`", "'")), None)
    assert caught.value.cause == f"it is Python {version}"


def test_a_folder_is_no_interpreter_but_may_hold_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory") as caught:
        inspect_interpreter(tmp_path, None)
    assert caught.value.hint == "name one with `--python EXE`"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    with pytest.raises(UsageError, match="is a directory") as caught:
        inspect_interpreter(tmp_path, None)
    assert f"`--python {tmp_path / 'bin' / 'python'}`" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"no program", b"\x7fELF and no more"])
@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_file_that_is_no_program_is_told(tmp_path: Path, content: bytes, mode: int) -> None:
    path = tmp_path / "python"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(MachineError, match="cannot be used"):
        inspect_interpreter(path, None)


def test_facts_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = double(tmp_path / "python", version=[3, 12, 1])
    for _ in range(3):
        assert inspect_interpreter(path, tmp_path / "facts").version == (3, 12, 1)
    assert times_asked(path) == 1
    double(path, version=[3, 12, 2])  # another one under the same path
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000))
    assert inspect_interpreter(path, tmp_path / "facts").version == (3, 12, 2)
    assert times_asked(path) == 2


def test_a_link_that_leads_elsewhere_now_is_asked_anew(tmp_path: Path) -> None:
    one, two = (double(tmp_path / name, executable=str(tmp_path / "python")) for name in ("one", "two"))
    link = tmp_path / "python"
    for target in (one, two):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        inspect_interpreter(link, tmp_path / "facts")
    assert (times_asked(one), times_asked(two)) == (1, 1)


def test_the_shim_of_a_version_manager_is_asked_each_time_who_answers(tmp_path: Path) -> None:
    one, two = (
        double(tmp_path / name, version=version) for name, version in (("a", [3, 12, 1]), ("b", [3, 13, 0]))
    )
    shim = program(tmp_path / "shim", f'exec "$(cat {tmp_path}/current)" "$@"')
    for chosen in (one, two):
        (tmp_path / "current").write_text(str(chosen))  # outside of anything that a time stamp shows
        assert inspect_interpreter(shim, tmp_path / "facts").executable == chosen
    assert inspect_interpreter(shim, tmp_path / "facts").version == (3, 13, 0)


def test_facts_that_cannot_be_remembered_are_still_told(tmp_path: Path) -> None:
    (tmp_path / "facts").write_text("a file in the way")
    found = inspect_interpreter(double(tmp_path / "python"), tmp_path / "facts")
    assert found.version == sys.version_info[:3]


@pytest.mark.parametrize("text", ['{"format": 2}', '{"format": 2, "version": [3, 11, 0]}', "null", "3"])
def test_facts_that_make_no_sense_are_asked_again(tmp_path: Path, text: str) -> None:
    path = double(tmp_path / "python")
    first = inspect_interpreter(path, tmp_path / "facts")
    (memory,) = (tmp_path / "facts").iterdir()
    memory.write_text(text)
    assert inspect_interpreter(path, tmp_path / "facts") == first
    assert times_asked(path) == 2


@pytest.mark.skipif(os.name == "nt", reason="the schemes of POSIX")
def test_an_old_python_tells_where_its_virtual_environments_keep_their_packages() -> None:
    assert probe.venv_scheme(("nt", "posix_prefix", "posix_user")) == "posix_prefix"
    assert probe.venv_scheme(("posix_prefix", "venv")) == "venv"
    for key in ("purelib", "platlib", "scripts", "data"):
        paths = (
            sysconfig.get_path(key, scheme, {"base": "b", "platbase": "b"})
            for scheme in ("posix_prefix", "venv")
        )
        assert len(set(paths)) == 1
