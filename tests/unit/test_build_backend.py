"""Building wheels with any backend, and reading the manifests of pipper 0.x beside them."""

import hashlib
import json
from pathlib import Path

import pytest

from pipper.build.backend import build_wheel
from pipper.core.reporter import Reporter
from pipper.errors import MachineError, PipperError, UsageError
from pipper.wheels.gate import open_wheel
from pipper.wheels.old_manifest import read_pipper_manifest

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
    wheel = build_wheel(source, tmp_path / "out", Reporter())
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
    bodies = [build_wheel(source, tmp_path / name, Reporter()).read_bytes() for name in ("a", "b")]
    assert len({hashlib.sha256(body).hexdigest() for body in bodies}) == 1


@pytest.mark.registry
def test_a_failing_backend_is_told_with_its_last_lines(tmp_path: Path) -> None:
    source = project(tmp_path / "source", {"setup.py": "raise SystemExit('no such thing as a tiny thing')\n"})
    reporter = Listener()
    with pytest.raises(UsageError, match=r"the build of .* failed") as caught:
        build_wheel(source, tmp_path / "out", reporter)
    assert "no such thing as a tiny thing" in caught.value.cause
    assert "no such thing as a tiny thing" in reporter.lines
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[build-system]\nrequires = 3\n",
        "not toml",
        '[build-system]\nrequires = ["=>1"]\nbuild-backend = "x"\n',
    ],
)
def test_a_build_system_table_that_cannot_be_used_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="failed"):
        build_wheel(project(tmp_path / "source", {"pyproject.toml": text}), tmp_path / "out", Reporter())


def test_a_folder_that_is_no_project_is_a_usage_error(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="is not a Python project"):
            build_wheel(source, tmp_path / "out", Reporter())


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
