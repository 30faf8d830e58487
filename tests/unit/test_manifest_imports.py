"""Projects of other tools: what is brought over, what is said to be left behind."""

import re
import tomllib

import pytest

from pipper.core.manifest.imports.imported import ImportedManifest, manifest_text
from pipper.core.manifest.imports.origins import further_index
from pipper.core.manifest.imports.projects import from_pyproject
from pipper.core.manifest.imports.requirements_txt import from_requirements
from pipper.core.manifest.imports.setup_cfg import from_setup_cfg
from pipper.core.manifest.members import PathSource
from pipper.core.manifest.reader import parse_manifest
from pipper.errors import UsageError


def pyproject(text: str) -> ImportedManifest:
    return from_pyproject(text.encode(), label="pyproject.toml")


def poetry(dependencies: str) -> ImportedManifest:
    return pyproject(f"[tool.poetry.dependencies]\n{dependencies}\n")


def requirements(**files: str) -> ImportedManifest:
    texts = {name.replace("_", "/") + ".txt": text for name, text in files.items()}

    def read(path: str) -> str:
        if path not in texts:
            raise UsageError(f"{path} does not exist")
        return texts.pop(path)

    return from_requirements("main.txt", read)


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


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("^1 || ^2", ">=1,<3"), ("^2 || ^1", ">=1,<3"), ("^1.2|^3", ">=1.2,!=2.*,<4"), ("<1 || >=2", "!=1.*"),
        ("^2.7 || ^3.6", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*,!=3.4.*,!=3.5.*,<4"), (">=1 || >=3,<4", ">=1"),
        ("1.2 || 1.4", None), ("^1.5a1 || ^3", None), ("<1.5 || >=3", None), ("1.* || 3.*", None),
        ("^1 || ===x", None), ("!=1.5 || ^3", None),
        (">=2.20 <3", ">=2.20,<3"), ("*", ""), ("x", ""),
    ],
)  # fmt: skip
def test_R04_a_choice_of_poetry_is_said_where_pep_440_can_say_it(written: str, meant: str | None) -> None:
    found = poetry(f'foo = "{written}"')
    assert found.dependencies == (f"foo{meant or ''}",)
    assert bool(found.notes) == (meant is None)


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
    assert len(found.notes) == 4


@pytest.mark.parametrize("text", ["a=>1\n", "not a requirement\n", "-r gone.txt\n"])
def test_R03_a_line_that_is_no_requirement_is_noted_with_its_place_and_the_rest_is_read(text: str) -> None:
    found = requirements(main=f"{text}b>=1\n")
    assert "b>=1" in found.dependencies
    assert all(note.startswith("main.txt: line 1: ") for note in found.notes)
    assert len(found.notes) == 1


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
    assert notes.count("the index `nowhere`") == 1
    assert "`early`: `allow-prereleases`" in notes
    assert "[tool.poetry.group.dev]: `optional`" in notes
    assert "secret" not in notes


def test_a_project_that_uv_takes_from_an_index_by_marker_comes_from_it_everywhere() -> None:
    found = pyproject(
        """[project]
dependencies = ["idna", "torch", "six"]
[tool.uv.sources]
IDNA = [{ index = "corp", marker = "sys_platform == 'linux'" }]
torch = [{ index = "cpu", extra = "cpu" }, { index = "corp", extra = "gpu" }]
[[tool.uv.index]]
name = "corp"
url = "https://corp.example.com/simple"
explicit = true
authenticate = "always"
[[tool.uv.index]]
name = "cpu"
url = "https://cpu.example.com/simple"
explicit = true
"""
    )
    assert found.dependencies == ("idna", "six")
    assert found.sources == {"idna": "corp"}
    assert found.notes == (
        "[tool.uv.sources] `IDNA`: `marker = sys_platform == 'linux'`: it comes from its index everywhere",
        "[[tool.uv.index]] `corp`: `authenticate`",
        "`torch` from the indexes `cpu`, `corp`: name one in [sources], then require it",
    )


def test_an_extra_of_poetry_that_names_no_dependency_is_said() -> None:
    found = pyproject(
        """[tool.poetry.dependencies]
six = { version = "*", optional = true }
idna = "*"
[tool.poetry.extras]
all = ["six", "idna", "Gone"]
"""
    )
    assert dict(found.extras) == {"all": ("six",)}
    assert found.notes == ("`Gone` in the extra `all`: it is not in [tool.poetry.dependencies]",)


def test_an_override_of_pdm_by_a_url_is_said_as_what_it_is() -> None:
    found = pyproject(
        """[project]
dependencies = ["idna"]
[tool.pdm.resolution.overrides]
idna = "https://me:secret@example.com/idna.whl"
six = "1.16"
"""
    )
    assert found.overrides == ("six==1.16",)
    assert found.notes == (
        "the override of `idna` from a URL: publish it to a repository, then override its version",
    )


def test_the_keys_of_a_source_of_pdm_that_are_not_read_are_said() -> None:
    found = pyproject(
        """[project]
dependencies = ["idna"]
[[tool.pdm.source]]
name = "pypi"
url = "https://index.example.com/simple"
verify_ssl = false
username = "me"
password = "secret"
"""
    )
    assert found.notes == ("[[tool.pdm.source]] `pypi`: `verify_ssl`, `username`, `password`",)


SECRET_URL = "https://me:secret@index.example.com/simple"


@pytest.mark.parametrize(
    "text",
    [
        f"[[tool.uv.index]]\nname = 'corp'\nurl = '{SECRET_URL}'\ndefault = true",
        f"[[tool.uv.index]]\nname = 'corp'\nurl = '{SECRET_URL}'\nexplicit = true",
        f"[tool.uv]\nindex-url = '{SECRET_URL}'",
        f"[tool.uv]\nextra-index-url = ['{SECRET_URL}']",
        f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{SECRET_URL}'",
        f"[[tool.pdm.source]]\nname = 'pypi'\nurl = '{SECRET_URL}'",
    ],
)
def test_the_account_in_the_url_of_an_index_is_left_out_and_said(text: str) -> None:
    found = pyproject(f"[project]\ndependencies = ['six']\n{text}\n")
    said = [note for note in found.notes if "user name and password" in note]
    assert len(said) == 1
    assert said[0].endswith("write them into `netrc`")
    assert "secret" not in manifest_text(found, source="x", python="3.11", repositories={})


@pytest.mark.parametrize(
    "text",
    [
        "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://index.example.com/simple?sig=S3CRET'\ndefault = true",
        "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://index.example.com/simple?sig=S3CRET'",
        "[tool.uv]\nindex-url = 'https://index.example.com/simple#S3CRET'",
        "[[tool.poetry.source]]\nname = 'corp'\nurl = 'https://index.example.com/simple?sig=S3CRET'",
        "[[tool.pdm.source]]\nname = 'pypi'\nurl = 'https://index.example.com/simple?sig=S3CRET'",
    ],
)
def test_T12_the_query_in_the_url_of_an_index_is_left_out_and_said(text: str) -> None:
    found = pyproject(f"[project]\ndependencies = ['six']\n{text}\n")
    assert [note for note in found.notes if note.endswith("pipper sends none")]
    written = manifest_text(found, source="x", python="3.11", repositories={})
    assert "index.example.com/simple" in written
    assert "S3CRET" not in written
    assert requirements(main="--index-url https://index.example.com/simple/?token=S\n").index_url.endswith(
        "/simple/"
    )


def test_the_account_in_the_index_of_a_requirements_file_is_left_out_and_said() -> None:
    found = requirements(main=f"six\n--index-url {SECRET_URL}\n")
    assert found.index_url == "https://index.example.com/simple"
    assert found.notes == (
        "the user name and password in the URL of the index https://index.example.com/simple: write them into `netrc`",
    )


def test_an_index_that_is_brought_over_is_not_said_to_be_missing() -> None:
    found = pyproject(
        "[project]\ndependencies = ['six']\n[tool.uv]\nextra-index-url = 'https://b.example.com'\n"
        "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://a.example.com'\n"
    )
    assert found.indexes == {"corp": "https://a.example.com"}
    corp, nameless = found.notes
    assert corp.startswith(
        "that any name may come from the index `corp` (https://a.example.com): it is in [indexes]"
    )
    assert nameless.startswith("the index (https://b.example.com): write it into [indexes]")


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
            "[tool.uv]\nworkspace = { members = ['a'], odd = ['b'] }\nfind-links = ['x']\n",
            "[tool.uv.workspace]: `odd`",
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


def test_R03_an_editable_path_of_pdm_becomes_a_member() -> None:
    lines = 'dev = ["-e file:///${PROJECT_ROOT}/sub#egg=sub", "b"]'
    found = pyproject(f'[project]\nname = "x"\n[tool.pdm.dev-dependencies]\n{lines}\n')
    assert found.groups == {"dev": ("sub", "b")}
    assert found.paths == {"sub": PathSource(path="sub", editable=True)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("7 days", "7d"),
        ("1 week", "7d"),
        ("P30D", "30d"),
        ("P2W", "14d"),
        ("PT24H", "1d"),
        ("36 hours", "36h"),
    ],
)
def test_R03_a_relative_date_of_uv_becomes_a_cool_down(written: str, meant: str) -> None:
    found = pyproject(
        f'[project]\nname = "x"\ndependencies = ["a"]\n[tool.uv]\nexclude-newer = "{written}"\n'
    )
    assert (found.as_of, found.cool_down) == ("", meant)
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    assert parse_manifest(text.encode(), label="pipper.toml").cool_down


ODD = {
    "a date that is none": ('[tool.uv]\nexclude-newer = "soon"', "`soon`: it is neither a date nor"),
    "an editable path elsewhere": (
        '[tool.pdm.dev-dependencies]\ndev = ["-e file:///srv/sub#egg=sub", "b"]',
        "`-e sub` from a path or a URL",
    ),
    "a bare URL": (
        '[dependency-groups]\ndev = ["https://me:s3cret@index.example.com/x-1.0-py3-none-any.whl"]',
        "`https://index.example.com/x-1.0-py3-none-any.whl` from a URL",
    ),
    "a requirement that is none": ('[dependency-groups]\ndev = ["what is this", "b"]', "`what is this`: "),
    "a group that is not there": (
        '[dependency-groups]\ndev = [{include-group = "nope"}]',
        "the group `nope`",
    ),
    "an override with extras": ('[tool.uv]\noverride-dependencies = ["b[x]==1"]', "`overrides: b[x]==1`"),
    "an exclusion that is no name": ('[tool.uv]\nexclude-dependencies = ["a b"]', "`exclude: a b`"),
    "a version of Python that is none": ('[tool.poetry.dependencies]\npython = "what"', "what"),
}


@pytest.mark.parametrize(("tables", "told"), ODD.values(), ids=ODD.keys())
def test_R03_one_odd_entry_is_noted_and_stops_nothing(tables: str, told: str) -> None:
    found = pyproject(f'[project]\nname = "x"\ndependencies = ["a>=1"]\n{tables}\n')
    assert any(told in note for note in found.notes), found.notes
    assert "s3cret" not in str(found)
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    assert "s3cret" not in text
    assert [str(each) for each in parse_manifest(text.encode(), label="pipper.toml").dependencies] == ["a>=1"]


def test_R03_two_spellings_of_one_project_become_one() -> None:
    found = pyproject('[project]\nname = "x"\ndependencies = ["Foo_Bar>=1", "foo-bar<3"]\n')
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    assert parse_manifest(text.encode(), label="pipper.toml").dependencies


@pytest.mark.parametrize(
    "files",
    [
        {"main": "-r other.txt\na\n", "other": "-r main.txt\nb\n"},
        {"main": "-r ./main.txt\na\nb\n"},
        {
            "main": "-r one.txt\n-r two.txt\na\n",
            "one": "-r base.txt\n",
            "two": "-r ./base.txt\n",
            "base": "b\n",
        },
    ],
    ids=["two that include each other", "itself", "one that two include"],
)
def test_a_requirements_file_that_is_included_again_is_read_once(files: dict[str, str]) -> None:
    found = requirements(**files)
    assert set(found.dependencies) == {"a", "b"}
    assert found.notes == ()


def test_files_that_include_ever_new_ones_are_read_up_to_a_limit() -> None:
    found = from_requirements("x.txt", lambda path: f"-r {len(path)}/x.txt\nsix\n")
    assert found.dependencies == ("six",)
    assert len(found.notes) == 1
    assert "200 files" in found.notes[0]


def test_what_a_file_of_constraints_includes_only_constrains() -> None:
    found = requirements(
        main="a\n-c limits.txt\n", limits="-r more.txt\n-c most.txt\n", more="a<3\n", most="b<2\n"
    )
    assert (found.dependencies, found.constraints) == (("a",), ("a<3", "b<2"))


def test_R03_an_included_file_may_have_spaces_in_its_path_or_be_missing() -> None:
    texts = {"main.txt": '-r "sub dir/x.txt"\n-r gone.txt\nb\n', "sub dir/x.txt": "a\n"}

    def read(name: str) -> str:
        if name not in texts:
            raise UsageError(f"{name} does not exist")
        return texts[name]

    found = from_requirements("main.txt", read)
    assert found.dependencies == ("a", "b")
    assert found.notes == ("main.txt: line 2: gone.txt does not exist",)


def test_the_sections_of_setuptools_are_brought_over() -> None:
    found = from_setup_cfg(
        "[metadata]\nname = x\n[options]\npython_requires = >=3.9\ninstall_requires =\n    a>=1\n    # why\n"
        "    b; os_name == 'nt'\n[options.extras_require]\nfast = file: fast.txt\nmore = c\n",
        label="setup.cfg",
    )
    assert (found.requires_python, found.dependencies) == (">=3.9", ("a>=1", "b; os_name == 'nt'"))
    assert dict(found.extras) == {"fast": (), "more": ("c",)}
    assert any("fast = file: fast.txt" in note for note in found.notes)
    for text in ("[flake8]\nx = 1\n", "no section\n"):
        with pytest.raises(UsageError, match=r"setup\.cfg"):
            from_setup_cfg(text, label="setup.cfg")


@pytest.mark.parametrize(
    "tables", ['dependencies = { python = "^3.11", a = "^1" }', "group.dev.dependencies.a = '*'"]
)
def test_R05_a_project_of_poetry_with_an_empty_table_of_pipper_is_told(tables: str) -> None:
    text = f"[tool.poetry]\n{tables}\n[tool.pipper]\n"
    with pytest.raises(UsageError) as caught:
        parse_manifest(text.encode(), label="pyproject.toml")
    assert "pipper init --from pyproject.toml" in caught.value.hint
    parse_manifest(f'[project]\nname = "x"\ndependencies = []\n{text}'.encode(), label="pyproject.toml")


def test_R11_the_conflicts_of_uv_are_brought_over() -> None:
    found = pyproject(
        '[project]\nname = "x"\ndependencies = []\noptional-dependencies = { Cpu = ["a"], gpu = ["b"] }\n'
        '[dependency-groups]\nold = ["c"]\n[tool.uv]\n'
        'conflicts = [[{ extra = "Cpu" }, { extra = "gpu" }, { group = "old" }],'
        '[{ package = "y" }, { extra = "gpu" }]]\n'
    )
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    assert parse_manifest(text.encode(), label="pipper.toml").conflicts == (("cpu", "gpu", "group:old"),)
    assert any("conflicts: gpu" in note for note in found.notes)


def test_T03_T04_the_own_name_and_urls_in_setup_cfg_are_not_brought_over() -> None:
    found = from_setup_cfg(
        "[metadata]\nname = my-proj\n[options]\ninstall_requires =\n  six\n"
        "  lib @ git+https://me:secret@example.com/lib\n"
        "[options.extras_require]\na = idna\nall = my_proj[a]\n",
        label="setup.cfg",
    )
    assert found.dependencies == ("six",)
    assert dict(found.extras) == {"a": ("idna",), "all": ("idna",)}
    assert left_out(found) == {"lib": "a URL"}
    assert "secret" not in "".join(found.notes)


@pytest.mark.parametrize("line", ["a\0b c", "-e ../a\0b", "../\x1b[1m/", "-r \0"])
def test_R03_a_line_with_control_characters_leaves_a_valid_manifest(line: str) -> None:
    text = manifest_text(requirements(main=f"{line}\nsix\n"), source="x", python="3.11", repositories={})
    assert "# Not converted: main.txt: line 1: " in text
    assert [each.name for each in parse_manifest(text.encode(), label="pipper.toml").dependencies] == ["six"]


def test_a_workspace_of_uv_comes_over_with_what_it_excludes() -> None:
    found = pyproject("[tool.uv.workspace]\nmembers = ['packages/*']\nexclude = ['packages/old', '../x']\n")
    text = manifest_text(found, source="pyproject.toml", python="3.11", repositories={})
    table = tomllib.loads(text)["workspace"]
    assert table == {"members": ["packages/*"], "exclude": ["packages/old"]}
    assert found.notes == ()


def test_R04_an_optional_package_of_poetry_is_optional_in_every_environment() -> None:
    found = poetry(
        "torch = [{ version = '^2', optional = true, markers = \"sys_platform == 'linux'\" },\n"
        "  { version = '1.13', optional = true, markers = \"sys_platform == 'darwin'\" }]\n"
        "six = [{ version = '1', optional = true, python = '<3.12' }, { version = '2', python = '>=3.12' }]\n"
        "[tool.poetry.extras]\ngpu = ['torch']\nold = ['six']\n"
    )
    assert found.dependencies == ('six==2 ; python_version >= "3.12"',)
    assert dict(found.extras) == {
        "gpu": ("torch>=2,<3 ; sys_platform == 'linux'", "torch==1.13 ; sys_platform == 'darwin'"),
        "old": ('six==1 ; python_version < "3.12"',),
    }


@pytest.mark.parametrize(
    "key", ["dependencies = ['six']", "optional-dependencies.gpu = ['torch>=2', 'corp-y']"]
)
def test_R04_the_table_of_poetry_says_only_where_requirements_of_the_project_come_from(key: str) -> None:
    found = pyproject(
        f"[project]\nname = 'app'\n{key}\n"
        "[tool.poetry.dependencies]\npython = '>=3.11'\ntorch = { source = 'pt' }\n"
        "corp-y = { git = 'https://git.example.com/y' }\ncorp-z = { source = 'gone' }\n"
        "[[tool.poetry.source]]\nname = 'pt'\nurl = 'https://index.example.com/pt'\npriority = 'explicit'\n"
    )
    is_optional = key.startswith("optional")
    assert found.dependencies == (() if is_optional else ("six",))
    assert dict(found.extras) == ({"gpu": ("torch>=2",)} if is_optional else {})
    assert (found.requires_python, dict(found.sources)) == (">=3.11", {"torch": "pt"})
    assert any(note.startswith("`corp-y` from git") for note in found.notes)


def test_R04_dependencies_that_the_project_leaves_to_poetry_are_brought_over() -> None:
    tables = "[tool.poetry.dependencies]\nsix = '^1'\n"
    for project in (
        "",
        "dynamic = ['dependencies']\n",
        "dynamic = ['dependencies']\noptional-dependencies.x = ['y']\n",
    ):
        assert pyproject(f"[project]\nname = 'app'\n{project}{tables}").dependencies == ("six>=1,<2",)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (" sphinx; furo", ("sphinx", "furo")),
        (" sphinx;furo ;", ("sphinx", "furo")),
        (" six; python_version < '4'", ("six; python_version < '4'",)),
        ("\n  six; python_version < '4'\n  attrs  # why\n  # none\n", ("six; python_version < '4'", "attrs")),
        ("\n  a;\n  b;\n", ("a", "b")),
    ],
)
def test_R05_lists_of_setuptools_are_read_as_it_reads_them(value: str, meant: tuple[str, ...]) -> None:
    text = f"[options]\ninstall_requires ={value}\n[options.extras_require]\ndocs ={value}\n"
    found = from_setup_cfg(text, label="setup.cfg")
    assert (found.dependencies, dict(found.extras)) == (meant, {"docs": meant})
    assert found.notes == ()
