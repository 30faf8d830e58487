"""Projects of other tools: what is brought over, what is said to be left behind."""

import pytest

from pipper.core.manifest.imports.imported import ImportedManifest, manifest_text
from pipper.core.manifest.imports.projects import from_pyproject, from_requirements
from pipper.core.manifest.model import parse_manifest
from pipper.errors import UsageError


def pyproject(text: str) -> ImportedManifest:
    return from_pyproject(text.encode(), label="pyproject.toml")


def poetry(dependencies: str) -> ImportedManifest:
    return pyproject(f"[tool.poetry.dependencies]\n{dependencies}\n")


def requirements(**files: str) -> ImportedManifest:
    texts = {name.replace("_", "/") + ".txt": text for name, text in files.items()}
    return from_requirements("main.txt", texts.__getitem__)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("^1.2.3", ">=1.2.3,<2.0.0"), ("^1.2", ">=1.2,<2.0"), ("^1", ">=1,<2"), ("^0.2.3", ">=0.2.3,<0.3.0"),
        ("^0.0.3", ">=0.0.3,<0.0.4"), ("^0.0", ">=0.0,<0.1"), ("^0", ">=0,<1"), ("~1.2.3", ">=1.2.3,<1.3.0"),
        ("~1.2", ">=1.2,<1.3"), ("~1", ">=1,<2"), ("*", ""), ("1.2.*", "==1.2.*"), ("1.2.3", "==1.2.3"),
        ("==1.2.3", "==1.2.3"), (">=1,<2", ">=1,<2"), (">= 1.0, != 1.5", ">=1.0,!=1.5"), ("~=1.4", "~=1.4"),
    ],
)  # fmt: skip
def test_a_constraint_of_poetry_is_said_as_pep_440_says_it(written: str, meant: str) -> None:
    assert poetry(f'foo = "{written}"').dependencies == (f"foo{meant}",)


def test_poetry_tables_become_requirements() -> None:
    found = poetry(
        'python = "^3.11"\n'
        'a = { version = "^2", extras = ["x", "y"], markers = "sys_platform == \'linux\'" }\n'
        'b = [{ version = "1", python = "<3.12" }, { version = "2", python = ">=3.12" }]\n'
        'c = { version = "*", optional = true }\n'
        'd = { git = "https://example.com/d" }\n'
        'e = "1 || 3"\n'
        '[tool.poetry.group.dev.dependencies]\npytest = ">=8"\n'
        '[tool.poetry.extras]\nmore = ["c"]\n'
    )
    assert found.requires_python == ">=3.11,<4.0"
    assert found.dependencies == (
        "a[x,y]>=2,<3 ; sys_platform == 'linux'",
        'b==1 ; python_version < "3.12"',
        'b==2 ; python_version >= "3.12"',
        "e",
    )
    assert dict(found.groups) == {"dev": ("pytest>=8",)}
    assert dict(found.extras) == {"more": ("c",)}
    assert len(found.notes) == 2


def test_standard_tables_with_those_of_uv_and_pdm_become_one_manifest() -> None:
    found = pyproject(
        '[project]\nname = "app"\nrequires-python = ">=3.11"\ndependencies = ["a>=1", "b @ https://x/b.whl"]\n'
        '[project.optional-dependencies]\nfast = ["c"]\n'
        '[dependency-groups]\ntest = ["pytest", { include-group = "lint" }]\nlint = ["ruff"]\n'
        '[tool.uv]\ndev-dependencies = ["ipython"]\nconstraint-dependencies = ["d<2"]\n'
        'override-dependencies = ["e==1"]\nexclude-newer = "2026-01-01T00:00:00Z"\nprerelease = "allow"\n'
        '[[tool.uv.index]]\nurl = "https://me:secret@index.example.com/simple"\ndefault = true\n'
        '[tool.pdm.dev-dependencies]\nmore = ["black"]\n[tool.pdm.resolution.overrides]\nf = "1.0"\n'
    )
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={"acme": "s3://acme"})
    manifest = parse_manifest(text.encode(), label="pipper.toml")
    assert "secret" not in text
    assert [str(each) for each in manifest.dependencies] == ["a>=1"]
    assert {name: [str(each) for each in group] for name, group in manifest.groups.items()} == {
        "test": ["pytest", "ruff"],
        "lint": ["ruff"],
        "dev": ["ipython"],
        "more": ["black"],
    }
    assert [str(each) for each in manifest.constraints] == ["d<2"]
    assert [str(each) for each in manifest.overrides] == ["e==1", "f==1.0"]
    assert manifest.prereleases is True
    assert manifest.as_of is not None
    assert manifest.index_url == "https://index.example.com/simple"
    assert [entry.alias for entry in manifest.repositories] == ["acme"]
    assert any("`b` from a URL" in note for note in found.notes)


def test_a_requirements_file_is_read_as_pip_reads_it() -> None:
    found = requirements(
        main="# comment\n-r sub_more.txt\n--index-url=https://me:secret@index.example.com/simple\na==1.0 \\\n"
        "    --hash=sha256:00 \\\n    --hash=sha256:11\nb[x]>=2 ; python_version >= '3.9'  # why\n-e .\n"
        "https://example.com/c.whl\n-c limits.txt\n--no-binary :all:\n".replace("sub_more", "sub/more"),
        sub_more="d\n-r deeper.txt\n",
        sub_deeper="e\n",
        limits="f<3\n",
    )
    assert found.dependencies == ("d", "e", "a==1.0", 'b[x]>=2; python_version >= "3.9"')
    assert found.constraints == ("f<3",)
    assert found.index_url == "https://index.example.com/simple"
    assert len(found.notes) == 3


@pytest.mark.parametrize("text", ["a=>1\n", "not a requirement\n", "-r main.txt\n"])
def test_what_is_no_requirements_file_is_told_with_its_place(text: str) -> None:
    with pytest.raises(UsageError, match=r"main\.txt"):
        requirements(main=text)


def test_a_pyproject_that_asks_for_nothing_is_told() -> None:
    with pytest.raises(UsageError, match="has no requirements"):
        pyproject("[tool.black]\nline-length = 88\n")


@pytest.mark.parametrize(
    "text", ["[tool]\npoetry = 1\n", "[tool.poetry]\ndependencies = []\n", "[project]\ndependencies = 1\n"]
)
def test_what_has_another_shape_is_told_with_its_place(text: str) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml: "):
        pyproject(text)
