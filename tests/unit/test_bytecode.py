"""Compiling what is installed: by the environment's own Python, in parallel, and never in the way."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipper.apply import bytecode
from pipper.apply.bytecode import compile_modules
from pipper.core.reporter import Reporter
from pipper.python.environment import Environment, installed
from tests.workshop import Workshop, tree

POSIX = pytest.mark.skipif(os.name == "nt", reason="uses POSIX scripts")


class Heard(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.details: list[str] = []

    def info(self, text: str) -> None:
        self.infos.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def compiled(environment: Environment) -> set[str]:
    """The modules that have byte code, by their names."""
    return {path.name.partition(".")[0] for path in environment.root.rglob("*.pyc")}


def do_compile(environment: Environment) -> Heard:
    heard = Heard()
    compile_modules(environment, installed(environment), heard)
    return heard


def test_compiled_modules_go_with_their_modules(workshop: Workshop) -> None:
    before = tree(workshop.environment.root)
    workshop.sync(workshop.wheel("foo", files={"foo/a.py": "x = 1", "foo/b.py": "", "single.py": ""}))
    do_compile(workshop.environment)
    assert compiled(workshop.environment) == {"a", "b", "single"}
    left = workshop.library / "foo" / "__pycache__" / "a.cpython-311.pyc.140234"
    left.touch()  # by a Python that was killed while it wrote
    workshop.sync()
    assert tree(workshop.environment.root) == before


def test_what_does_not_compile_is_told_and_stops_nothing(workshop: Workshop) -> None:
    files: dict[str, str | bytes] = {
        "foo/a.py": "x = 1",
        "foo/template.py": "print 'Python 2'",
        "foo/latin.py": b"x = '\xff'\n",
        "foo/z.py": "x = '\\d'",
    }
    workshop.sync(workshop.wheel("foo", files=files))
    heard = do_compile(workshop.environment)
    assert compiled(workshop.environment) == {"a", "z"}
    assert heard.infos == ["cannot compile 2 modules (-v names them)"]
    assert [Path(text.partition(" does ")[0]).name for text in heard.details] == ["latin.py", "template.py"]


def test_only_what_can_be_imported_is_compiled(workshop: Workshop) -> None:
    data = {
        f"foo-1.0.data/{scheme}/of_{scheme}.py": "#!python\n"
        for scheme in ("data", "scripts", "purelib", "platlib")
    }
    workshop.sync(workshop.wheel("foo", files={"foo.py": "", **data}))
    do_compile(workshop.environment)
    assert compiled(workshop.environment) == {"foo", "of_purelib", "of_platlib"}


def test_byte_code_that_is_up_to_date_is_left_as_it_is(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo"))
    do_compile(workshop.environment)
    (file,) = workshop.library.glob("foo/__pycache__/*.pyc")
    seen = file.stat()
    do_compile(workshop.environment)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (seen.st_mtime_ns, seen.st_ino)


def test_nothing_to_compile_starts_no_interpreter(workshop: Workshop) -> None:
    gone = replace(workshop.environment.interpreter, executable=workshop.root / "nowhere")
    assert do_compile(replace(workshop.environment, interpreter=gone)).infos == []


@POSIX
def test_many_modules_are_compiled_by_many_processes_each_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"foo/m{number}.py": f"x = {number}\n" * number for number in range(100)}
    workshop.sync(workshop.wheel("foo", files=files))
    python = workshop.root / "python"
    own = workshop.environment.interpreter.executable
    python.write_text(f'#!/bin/sh\ntee "{workshop.root}/share.$$" | "{own}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(bytecode, "_processors", lambda: 8)
    interpreter = replace(workshop.environment.interpreter, executable=python)
    do_compile(replace(workshop.environment, interpreter=interpreter))
    shares = [share.read_bytes().split(b"\0")[:-1] for share in workshop.root.glob("share.*")]
    assert sorted(len(share) for share in shares) == [33, 33, 34]
    assert len({path for share in shares for path in share}) == 100
    assert len(compiled(workshop.environment)) == 100


@POSIX
def test_an_interpreter_that_breaks_off_is_told(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo"))
    python = workshop.root / "python"
    python.write_text("#!/bin/sh\nkill -9 $$\n")
    python.chmod(0o755)
    interpreter = replace(workshop.environment.interpreter, executable=python)
    heard = do_compile(replace(workshop.environment, interpreter=interpreter))
    assert heard.infos == ["cannot compile 1 module (-v names them)"]
