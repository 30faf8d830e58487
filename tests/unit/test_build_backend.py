"""Building wheels with any backend, and reading the manifests of pipper 0.x beside them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from pipper.build.backend import TIMEOUT, Builder, build_wheel
from pipper.build.hooks import Hooks
from pipper.build.member import MemberSource, build_member
from pipper.core.archive_limits import DEFAULT_LIMITS
from pipper.core.ports import BuildEnvironment
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, MachineError, PipperError, UsageError
from pipper.ops.build.environments import builder_for
from pipper.ops.context.settings import Settings
from pipper.system.process_group import run_in_group
from pipper.wheels.gate import open_wheel
from pipper.wheels.old_manifest import read_pipper_manifest
from tests.commands import PATIENCE, clean_environment
from tests.wheelhouse import make_wheel

SETUP_PY = (
    "from setuptools import setup\nsetup(name='tiny_thing', version='1.2.3', packages=['tiny_thing'])\n"
)
PROJECT = '[project]\nname = "tiny_thing"\nversion = "1.2.3"\ndescription = "x"\n'


def pyproject(requires: str, backend: str, more: str = PROJECT) -> dict[str, str]:
    return {
        "pyproject.toml": f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n{more}'
    }


BACKENDS = {
    "setup.py": {"setup.py": SETUP_PY},
    "setuptools": pyproject("setuptools>=61", "setuptools.build_meta"),
    "hatchling": pyproject("hatchling", "hatchling.build"),
    "flit": pyproject("flit_core>=3.4", "flit_core.buildapi"),
    "poetry": pyproject(
        "poetry-core",
        "poetry.core.masonry.api",
        '[tool.poetry]\nname = "tiny_thing"\nversion = "1.2.3"\ndescription = "x"\nauthors = []\n',
    ),
}


class Listener(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def detail(self, text: str) -> None:
        self.lines.append(text)


def project(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"tiny_thing/__init__.py": "x = 1\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Here:
    """Build environments that are the interpreter of the tests."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def make(self, requirements: Iterable[str], *, subject: str) -> BuildEnvironment:
        self.asked.append(tuple(requirements))
        return BuildEnvironment(python=Path(sys.executable), scripts=Path(sys.executable).parent)


def here(environ: Mapping[str, str] = {}, reporter: Reporter | None = None) -> Builder:
    return Builder(environments=Here(), environ={**os.environ, **environ}, reporter=reporter or Reporter())


def registry(source: Path) -> Builder:
    """The builder of the command, with the registry that pip is configured with."""
    env = clean_environment(source.parent, registry=True)
    return builder_for(Settings(directory=source.parent, home=Path(env["HOME"]), environ=env), source)


def own_backend(root: Path, code: str) -> Path:
    """A project whose backend lies in it: `code` is the body of `build_wheel`, in a folder with a wheel."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n',
        "own.py": "import os, shutil, subprocess, sys, time\nfrom pathlib import Path\n"
        "def build_wheel(out, config_settings=None, metadata_directory=None):\n"
        "    made = next(Path('made').glob('*.whl'))\n" + code + "    return made.name\n",
    }
    make_wheel(root / "made", "tiny-thing", "1.2.3")
    return project(root, files)


COPY = "    shutil.copy(made, out)\n"


@pytest.mark.registry
@pytest.mark.parametrize("files", BACKENDS.values(), ids=BACKENDS.keys())
def test_every_backend_builds_a_wheel_that_passes_and_leaves_the_tree_clean(
    tmp_path: Path, files: dict[str, str]
) -> None:
    source = project(tmp_path / "source", files)
    stale = {
        "build/lib/tiny_thing/stale.py": "",
        "tiny_thing.egg-info/SOURCES.txt": "",
        ".venv/pyvenv.cfg": "",
    }
    project(source, stale)
    before = tree(source)
    wheel = build_wheel(source, tmp_path / "out", registry(source))
    assert tree(source) == before
    assert wheel.parent == tmp_path / "out"
    with open_wheel(wheel, filename=wheel.name) as opened:
        opened.verify()
        assert (opened.name, str(opened.version)) == ("tiny-thing", "1.2.3")
        modules = [member.path for member in opened.members if member.path.endswith(".py")]
    assert modules == ["tiny_thing/__init__.py"]


@pytest.mark.registry
def test_K11_two_builds_of_one_tree_are_equal_and_name_no_path(tmp_path: Path) -> None:
    source = project(tmp_path / "source", BACKENDS["setuptools"])
    bodies = [build_wheel(source, tmp_path / name, registry(source)).read_bytes() for name in ("a", "b")]
    assert len({hashlib.sha256(body).hexdigest() for body in bodies}) == 1


def test_a_failing_backend_is_told_with_its_output_and_the_command_to_see_it_again(tmp_path: Path) -> None:
    source = own_backend(tmp_path / "source", "    print('on the way')\n    sys.exit('no such tiny thing')\n")
    reporter = Listener()
    with pytest.raises(MachineError, match=r"the build of .* failed") as caught:
        build_wheel(source, tmp_path / "out", here(reporter=reporter))
    assert caught.value.cause.splitlines()[-2:] == ["on the way", "no such tiny thing"]
    assert f"`pipper bundle {source} -v`" in caught.value.hint
    assert "no such tiny thing" in reporter.lines
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[build-system]\nrequires = 3\n",
        '[build-system]\nrequires = []\nbuild-backend = "x"\nbackend-path = ["absent"]\n',
        "[build-system]\nrequires = []\nunknown = 1\n",
    ],
)
def test_a_build_system_table_that_cannot_be_used_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="failed"):
        build_wheel(project(tmp_path / "source", {"pyproject.toml": text}), tmp_path / "out", here())


def test_a_build_system_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    source = project(tmp_path / "source", {"pyproject.toml": "a = 1\nnot toml"})
    with pytest.raises(UsageError, match=r"pyproject\.toml") as caught:
        build_wheel(source, tmp_path / "out", here())
    assert "line 2" in caught.value.cause + caught.value.message


def test_a_folder_that_is_no_project_is_a_usage_error(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="is not a Python project"):
            build_wheel(source, tmp_path / "out", here())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", "no such file"),
        (COPY + "    return 'other-1-py3-none-any.whl'\n", "no such file"),
        (COPY + "    return '../made/' + made.name + '.zip'\n", "no such file"),
        (COPY + "    shutil.copy(made, Path(out, 'a-1-py3-none-any.whl'))\n", "a-1-py3-none-any.whl` too"),
        (
            f"{COPY}    Path(out, made.name).unlink()\n    Path(out, made.name).symlink_to(made.absolute())\n",
            "no",
        ),
    ],
    ids=["none", "another", "outside", "two", "a link"],
)
def test_a_backend_that_does_not_give_one_wheel_is_refused(tmp_path: Path, code: str, told: str) -> None:
    source = own_backend(tmp_path / "source", code)
    with pytest.raises(IntegrityError, match="breaks PEP 517") as caught:
        build_wheel(source, tmp_path / "out", here())
    assert told in caught.value.message
    assert not (tmp_path / "out").exists()


def test_a_backend_gets_what_it_asks_for_in_addition(tmp_path: Path) -> None:
    source = own_backend(tmp_path / "source", COPY)
    with (source / "own.py").open("a") as file:
        file.write("def get_requires_for_build_wheel(config_settings=None):\n    return ['extra>=2']\n")
    builder = here()
    build_wheel(source, tmp_path / "out", builder)
    assert isinstance(builder.environments, Here)
    assert builder.environments.asked == [(), ("extra>=2",)]


@pytest.mark.registry
@pytest.mark.parametrize("backend", ["setuptools", "hatchling", "flit", "poetry"])
def test_every_backend_builds_a_member_as_its_manifest_is_edited_before_that_is_written(
    tmp_path: Path, backend: str
) -> None:
    table = {**BACKENDS, "poetry": pyproject("poetry-core>=2", "poetry.core.masonry.api")}[backend]
    old = f"{table['pyproject.toml']}dependencies = ['old']\n"
    source = project(tmp_path / "source", {"pyproject.toml": old})
    new = old.replace("'old'", "'new>=2', 'other; python_version > \"3\"'").encode()
    member = MemberSource(folder=source, subject="it", editable=True, edited={"pyproject.toml": new})
    (tmp_path / "out").mkdir()
    wheel = build_member(member, tmp_path / "out", registry(source), limits=DEFAULT_LIMITS)
    assert (source / "pyproject.toml").read_text() == old
    with open_wheel(wheel, filename=wheel.name) as opened:
        opened.verify()
        assert [each[:3] for each in opened.metadata.requires_dist] == ["new", "oth"]
        opened.unpack(tmp_path / "unpacked")
    code = f"import site; site.addsitedir({str(tmp_path / 'unpacked')!r})\nprint(__import__('tiny_thing').__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(source / "tiny_thing" / "__init__.py")


def test_an_editable_wheel_is_built_by_the_hooks_of_pep_660(tmp_path: Path) -> None:
    source = own_backend(tmp_path / "source", COPY)
    with (source / "own.py").open("a") as file:
        file.write(
            "def get_requires_for_build_editable(config_settings=None):\n    return ['editables']\n"
            "def build_editable(out, config_settings=None, metadata_directory=None):\n"
            "    print('editable')\n    return build_wheel(out)\n"
        )
    reporter = Listener()
    builder = here(reporter=reporter)
    hooks = Hooks(source, builder.rules("tiny", again="", source_date=0))
    environment = builder.environments.make((), subject="tiny")
    assert hooks.requires_for(environment, editable=True) == ("editables",)
    assert hooks.wheel(environment, tmp_path / "out", editable=True).name.startswith("tiny_thing-1.2.3")
    assert "editable" in reporter.lines
    assert hooks.metadata(environment, tmp_path / "metadata") is None


def test_T09_a_backend_gets_no_credentials_and_no_way_to_an_index(tmp_path: Path) -> None:
    source = own_backend(tmp_path / "source", "    print('\\n'.join(sorted(os.environ)))\n" + COPY)
    secret = dict.fromkeys(
        ("AWS_SECRET_ACCESS_KEY", "PIPPER_PROFILE", "PIP_INDEX_URL", "PYTHONPATH", "aws_profile"), "canary"
    )
    reporter = Listener()
    build_wheel(source, tmp_path / "out", here({**secret, "CFLAGS": "-O1"}, reporter))
    assert not set(secret) & set(reporter.lines)
    assert {"CFLAGS", "PATH", "SOURCE_DATE_EPOCH", "PIP_NO_INDEX"} <= set(reporter.lines)


def test_a_warning_of_a_backend_is_a_detail(tmp_path: Path) -> None:
    warn = "    import warnings\n    warnings.warn('an old way')\n"
    reporter = Listener()
    build_wheel(own_backend(tmp_path / "source", warn + COPY), tmp_path / "out", here(reporter=reporter))
    assert [line for line in reporter.lines if "an old way" in line]


def test_a_backend_that_prints_without_end_of_line_or_measure_costs_no_memory(tmp_path: Path) -> None:
    talk = "    for _ in range(2000):\n        sys.stdout.write('x' * 65536)\n    sys.stdout.flush()\n"
    source = own_backend(tmp_path / "source", talk + COPY)
    reporter = Listener()
    build_wheel(source, tmp_path / "out", here(reporter=reporter))
    assert max(map(len, reporter.lines)) == 4096


def test_a_backend_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    sleeper = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    hang = f"    Path({str(note)!r}).write_text(str({sleeper}.pid))\n    print('still here')\n    time.sleep(600)\n"
    source = own_backend(tmp_path / "source", hang)
    with pytest.raises(MachineError, match="did not finish in 3s") as caught:
        build_wheel(source, tmp_path / "out", here({TIMEOUT: "3s"}))
    assert TIMEOUT in caught.value.hint
    assert ends(int(note.read_text()))


def test_a_limit_that_is_no_duration_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{TIMEOUT}: `soon`"):
        build_wheel(own_backend(tmp_path / "source", COPY), tmp_path / "out", here({TIMEOUT: "soon"}))


def test_what_a_backend_leaves_running_is_ended_and_does_not_hold_the_build(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    fork = f"    Path({str(note)!r}).write_text(str(subprocess.Popen(['sleep', '600']).pid))\n"
    build_wheel(own_backend(tmp_path / "source", fork + COPY), tmp_path / "out", here())
    assert ends(int(note.read_text()))


def ends(pid: int) -> bool:
    """Whether a process ends: it is killed, but not ours to wait for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_a_program_that_a_signal_ends_is_told_from_one_that_fails() -> None:
    def run(code: str) -> int | None:
        ended = run_in_group(
            [sys.executable, "-c", code],
            cwd=None,
            environ=os.environ,
            seconds=PATIENCE,
            told=lambda _: None,
            kept_lines=1,
        )
        return ended.code

    assert run("raise SystemExit(3)") == 3
    assert run(f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})") == -signal.SIGTERM


JSON = json.dumps(
    {
        "dependencies": ["foo", "bar:>=1.0.0"],
        "dev_dependencies": ["baz"],
        "pypi": ["requests"],
        "conda": ["numpy", {"name": "mkl", "channel": "main"}],
        "other": {"a": 1},
    }
)
YAML = """\
# a comment
dependencies:
  - foo
  - "bar:>=1.0.0"
dev_dependencies: [baz]
pypi:
- requests
conda: [numpy, {name: mkl, channel: main}]
other: {a: 1}
"""


@pytest.mark.parametrize(("name", "text"), [("pipper.json", JSON), ("pipper.yaml", YAML)])
@pytest.mark.parametrize(
    "habit", [lambda text: text, lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")]
)
def test_a_manifest_of_0_x_is_read_from_either_format(
    tmp_path: Path, name: str, text: str, habit: object
) -> None:
    assert callable(habit)
    (tmp_path / name).write_bytes(habit(text).encode())
    manifest = read_pipper_manifest(tmp_path)
    assert manifest.path == tmp_path / name
    assert manifest.dependencies == ("foo", "bar:>=1.0.0")
    assert manifest.dev_dependencies == ("baz",)
    assert manifest.pypi == ("requests",)
    assert manifest.conda == ("numpy", "mkl")
    assert set(manifest.values) == {"dependencies", "dev_dependencies", "pypi", "conda", "other"}
    assert read_pipper_manifest(tmp_path / name) == manifest


def test_json_is_taken_before_yaml_and_nothing_is_an_empty_manifest(tmp_path: Path) -> None:
    assert read_pipper_manifest(tmp_path).values == {}
    (tmp_path / "pipper.yaml").write_text("dependencies: [yaml]\n", encoding="utf-8")
    (tmp_path / "pipper.json").write_text('{"dependencies": null}', encoding="utf-8")
    assert read_pipper_manifest(tmp_path).dependencies == ()


def test_an_empty_yaml_is_an_empty_manifest(tmp_path: Path) -> None:
    (tmp_path / "pipper.yaml").write_text("# nothing\ndependencies:\n", encoding="utf-8")
    assert read_pipper_manifest(tmp_path).dependencies == ()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pipper.json", '{\n "dependencies": [}', "line 2"),
        ("pipper.json", "", "line 1"),
        ("pipper.json", "[]", "expected a table, found an array"),
        ("pipper.json", '{"dependencies": 3}', "dependencies: expected an array"),
        ("pipper.json", '{"dependencies": ["a", 3]}', "dependencies[1]: expected a string"),
        ("pipper.json", '{"conda": [{"channel": "a"}]}', "conda[0]: `name` is missing"),
        ("pipper.json", '{"dependencies": [], "dependencies": []}', "duplicate key"),
        ("pipper.json", "[" * 100_000, "nested"),
        ("pipper.json", '{"a": ' + "9" * 100_000 + "}", "pipper.json: "),
        ("pipper.yaml", "a: [1\nb: 2\n", "line 2"),
        ("pipper.yaml", "a: &x [1]\nb: *x\n", "line 1: anchors"),
        ("pipper.yaml", "- a\n", "expected a table"),
        ("pipper.yaml", "a: 1\na: 2\n", "line 2: duplicate key 'a'"),
        ("pipper.yaml", "? [a]\n: 1\n", "line 1: expected a string as the key"),
        ("pipper.yaml", "a: 1\n--- \nb: 2\n", "line 2: expected one document"),
        ("pipper.yaml", "[" * 100_000, "nested"),
        ("pipper.yaml", "a:\n" * 40 and "".join("  " * depth + "a:\n" for depth in range(40)), "nested"),
        ("pipper.yaml", "dependencies: foo\n", "expected an array"),
        ("pipper.yaml", "a: \x07\n", "pipper.yaml: "),
        ("pipper.yaml", "a: '" + "x" * (1 << 20) + "'", "more than"),
    ],
    ids=lambda text: text[:16],
)
def test_M05_a_broken_manifest_of_0_x_is_a_usage_error_with_its_place(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_pipper_manifest(tmp_path)
    assert caught.value.message.startswith("pipper.")
    assert told in caught.value.message


def test_bytes_that_are_not_utf_8_are_told_with_their_line(tmp_path: Path) -> None:
    for name in ("pipper.json", "pipper.yaml"):
        path = tmp_path / name
        path.write_bytes(b"a: 1\nb: \xe9\n")
        with pytest.raises(PipperError, match="line 2"):
            read_pipper_manifest(path)


def test_a_manifest_that_cannot_be_opened_is_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineError):
        read_pipper_manifest(tmp_path / "absent.json")


@pytest.mark.parametrize("key", ["dependencys", "devDependencies", "dev-dependencies"])
def test_an_old_manifest_of_nothing_but_a_misspelt_key_names_the_nearest(tmp_path: Path, key: str) -> None:
    path = tmp_path / "pipper.json"
    path.write_text(json.dumps({key: ["foo"]}))
    with pytest.raises(UsageError, match=key) as caught:
        read_pipper_manifest(path)
    assert "dependencies`?" in caught.value.hint
    path.write_text(json.dumps({key: ["foo"], "dependencies": ["bar"], "name": "x"}))
    assert read_pipper_manifest(path).dependencies == ("bar",)
    path.write_text('{"name": "x", "description": "y"}')
    assert read_pipper_manifest(path).dependencies == ()
