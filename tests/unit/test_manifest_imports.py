"""Projects of other tools: what is brought over, what is said to be left behind."""

import re

import pytest

from pipper.core.manifest.imports.elsewhere import further_index
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


def left_out(found: ImportedManifest) -> dict[str, str]:
    """The names that notes say are left out, and where from."""
    pattern = re.compile(r"`([\w.-]+)[^`]*` from (.+): publish it to a repository, then require it")
    return {hit[1]: hit[2] for note in found.notes if (hit := pattern.fullmatch(note))}


def test_T04_what_uv_takes_from_elsewhere_is_left_out_and_said() -> None:
    found = pyproject(
        """[project]
dependencies = [
    "of-workspace", "Of_Path>=1", "of-git[x] ; os_name == 'nt'", "of-url", "of-index", "public", "of-default",
    "of-strange",
]
optional-dependencies = { a = ["of-path", "public"] }
[dependency-groups]
dev = ["of-git", "public", { include-group = "more" }]
more = ["several", "nowhere"]
[tool.uv]
dev-dependencies = ["of-workspace"]
[tool.uv.sources]
of-workspace = { workspace = true }
of-path = { path = "../lib", editable = true }
OF-GIT = { git = "https://me:secret@example.com/x" }
of-url = { url = "https://example.com/x.whl" }
of-index = { index = "inner" }
of-strange = { index = "nowhere" }
of-default = { index = "main" }
several = [{ index = "main", marker = "os_name == 'nt'" }, { path = "../lib", marker = "os_name == 'posix'" }]
[[tool.uv.index]]
name = "inner"
url = "https://me:secret@inner.example.com/simple"
[[tool.uv.index]]
name = "main"
url = "https://main.example.com/simple"
default = true
"""
    )
    assert found.dependencies == ("Of_Path>=1", "of-index", "public", "of-default")
    assert dict(found.extras) == {"a": ("of-path", "public")}
    assert dict(found.groups) == {"dev": ("public", {"include-group": "more"}), "more": ("nowhere",)}
    assert left_out(found) == {
        "of-workspace": "the workspace",
        "of-git": "git",
        "of-url": "a URL",
        "of-strange": "the index `nowhere`",
        "several": "a path",
    }
    assert found.index_url == "https://main.example.com/simple"
    assert any("`inner` (https://inner.example.com/simple)" in note for note in found.notes)
    text = manifest_text(found, source="x", python="3.11", repositories={})
    assert "secret" not in text
    manifest = parse_manifest(text.encode(), label="pipper.toml")
    assert manifest.indexes == {"inner": "https://inner.example.com/simple"}
    assert manifest.sources == {"of-index": "inner"}
    assert {name: (each.path, each.editable) for name, each in manifest.paths.items()} == {
        "of-path": ("../lib", True)
    }


def test_T04_the_sources_of_poetry_are_brought_over_or_said() -> None:
    found = pyproject(
        """[tool.poetry.dependencies]
public = "^1"
inner = { version = "^1", source = "inner" }
strange = { version = "^1", source = "nowhere" }
main = { version = "^1", source = "main" }
lib = { path = "../lib", develop = true }
early = { version = "^1", allow-prereleases = true }
[tool.poetry.group.dev]
optional = true
include-groups = ["lint"]
dependencies = { test = ">=2.20 <3" }
[tool.poetry.group.lint.dependencies]
ruff = "*"
[[tool.poetry.source]]
name = "inner"
url = "https://me:secret@inner.example.com/simple"
priority = "explicit"
[[tool.poetry.source]]
name = "main"
url = "https://main.example.com/simple"
"""
    )
    assert found.index_url == "https://main.example.com/simple"
    assert found.dependencies == ("public>=1,<2", "inner>=1,<2", "main>=1,<2", "lib", "early>=1,<2")
    assert {name: (each.path, each.editable) for name, each in found.paths.items()} == {
        "lib": ("../lib", True)
    }
    assert found.sources == {"inner": "inner"}
    assert found.indexes == {"inner": "https://inner.example.com/simple"}
    assert dict(found.groups) == {"dev": ({"include-group": "lint"}, "test>=2.20,<3"), "lint": ("ruff",)}
    notes = "\n".join(found.notes)
    assert "`strange` from the index `nowhere`" in notes
    assert notes.count("the index") == 1
    assert "`early`: `allow-prereleases`" in notes
    assert "[tool.poetry.group.dev]: `optional`" in notes
    assert "secret" not in notes


def test_T04_a_further_source_of_pdm_is_not_made_the_index() -> None:
    found = pyproject(
        """[project]
dependencies = ["public", "inner-lib"]
[tool.pdm.dev-dependencies]
dev = ["pytest", "-e file:///${PROJECT_ROOT}/sub#egg=sub"]
[[tool.pdm.source]]
name = "inner"
url = "https://inner.example.com/simple"
include_packages = ["inner-lib", "Acme-*"]
[[tool.pdm.source]]
name = "any"
url = "https://any.example.com/simple"
"""
    )
    assert found.index_url == ""
    assert found.dependencies == ("public", "inner-lib")
    assert found.sources == {"inner-lib": "inner", "acme-*": "inner"}
    assert dict(found.groups) == {"dev": ("pytest", "sub")}
    assert {name: (each.path, each.editable) for name, each in found.paths.items()} == {"sub": ("sub", True)}
    assert [note for note in found.notes if "the index" in note] == [
        further_index("any", "https://any.example.com/simple")
    ]


def test_T04_the_source_of_pdm_that_replaces_its_default_becomes_the_index() -> None:
    found = pyproject(
        "[[tool.pdm.source]]\nname = 'other'\nurl = 'https://other.example.com/simple'\n"
        "[[tool.pdm.source]]\nname = 'pypi'\nurl = 'https://main.example.com/simple'\n"
    )
    assert found.index_url == "https://main.example.com/simple"


def test_R11_exclusions_and_overrides_with_markers_are_brought_over() -> None:
    found = pyproject(
        """[tool.uv]
exclude-dependencies = ["left-out"]
override-dependencies = ["a==1", "b>=2; sys_platform == 'linux'"]
[tool.pdm.resolution]
excludes = ["other"]
"""
    )
    manifest = parse_manifest(
        manifest_text(found, source="x", python="3.11", repositories={}).encode(), label="pipper.toml"
    )
    assert manifest.exclude == ("left-out", "other")
    assert [str(each) for each in manifest.overrides] == ["a==1", 'b>=2; sys_platform == "linux"']
    (note,) = found.notes
    assert "where its marker is false, uv requires nothing" in note


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[tool.uv]\nworkspace = { members = ['a'], exclude = ['b'] }\nfind-links = ['x']\n",
            "[tool.uv.workspace]: `exclude`",
        ),
        ("[tool.uv]\nprerelease = 'if-necessary'\n", "[tool.uv]: `prerelease = if-necessary`"),
        ("[tool.uv]\nextra-index-url = ['https://x.example.com']\n", "the index (https://x.example.com)"),
        ("[tool.poetry]\npackages = []\nversion = '1'\n", "[tool.poetry]: `packages`, `version`"),
        ("[tool.pdm]\ndistribution = true\n", "[tool.pdm]: `distribution`"),
        ("[tool.pdm.resolution]\nstrategy = ['x']\n", "[tool.pdm.resolution]: `strategy`"),
    ],
)
def test_T04_every_key_that_is_not_read_is_said_at_the_top_of_the_file(text: str, said: str) -> None:
    found = pyproject(text)
    assert any(said in note for note in found.notes)
    head = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    assert f"# Not converted: {said}" in head


def test_T04_urls_in_extras_and_groups_are_left_out_like_those_of_the_project() -> None:
    found = pyproject(
        "[project]\ndependencies = ['a @ https://me:secret@e.com/a.whl']\n"
        "optional-dependencies = { x = ['b@https://e.com/b.whl'] }\n"
        "[dependency-groups]\ndev = ['c[y] @ git+https://e.com/c', 'd']\n"
    )
    assert (found.dependencies, dict(found.extras), dict(found.groups)) == ((), {"x": ()}, {"dev": ("d",)})
    assert left_out(found) == {"a": "a URL", "b": "a URL", "c": "a URL"}
    assert "secret" not in "".join(found.notes)


def test_R04_extras_of_poetry_that_are_spelled_in_two_ways_are_the_same() -> None:
    found = pyproject(
        "[tool.poetry.dependencies]\nfoo-bar = { version = '*', optional = true }\n"
        "[tool.poetry.extras]\nx = ['foo_bar']\n"
    )
    assert dict(found.extras) == {"x": ("foo-bar",)}
