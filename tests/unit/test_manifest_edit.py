"""Edits of manifests in every layout that TOML allows: what is not edited stays, byte for byte."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipper.core.manifest.edit import (
    add_requirements,
    allow_builds,
    drop_paths,
    drop_sources,
    remove_requirements,
    set_repository,
)
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.errors import UsageError

LAYOUTS = {
    "tables that are not contiguous": '[tool.a]\nx = 1\n[project]\nname = "x"\ndependencies = ["b"]\n[tool.b]\n'
    '[project.scripts]\nrun = "x:y"\n[tool.c]\n[project.urls]\nhome = "h"\n',
    "no list of dependencies": '[project]\nname = "x"  # the name\n\n[project.scripts]\na = "b:c"\n',
    "subtables alone": '[project.scripts]\na = "b:c"\n\n\n[tool.pipper]\n',
    "an inline table": 'project = { name = "x", dependencies = ["a"] } # one line\n',
    "an inline table without the list": 'project = {name = "x"}\n[tool.pipper]\n',
    "dotted keys": 'project.name = "x"\nproject."dependencies" = ["a"]\n[tool.pipper]\n',
    "dotted keys without the list": 'project.name = "x"\n[tool.pipper]\n',
    "a byte order mark and CRLF": "\ufeff"
    '[project]\r\nname = "x"\r\ndependencies = [\r\n  "a>=1", # why\r\n  "b"\r\n]\r\n',
    "tabs and literal strings": "[project]\nname='x'\ndependencies = [\n\t'a',\n\t# z is old\n\t'z' # w\n # more\n]\n",
    "a list below its bracket": '[project]\ndependencies = ["a",\n                "b"]\n',
    "commas that lead": '[project]\ndependencies = [\n    "a"\n  , "b"\n  , "z"\n]\n',
    "several in a line": '[project]\ndependencies = [\n    "a", "b",\n    "y", "z",\n]\n',
    "one line": '[project]\ndependencies = ["a", "b", "z"]\n',
    "one line and a last comma": '[project]\ndependencies = ["a", "b", "z",]\n',
    "an empty list": "[project]\ndependencies = []",
    "an empty list with a space": "[project]\ndependencies = [ ]",
    "an empty list of two lines": "[project]\ndependencies = [\n]\n",
    "a list of comments": "[project]\ndependencies = [ # hi\n # there\n]\n",
    "no line end at the end": '[tool.pipper]\n[project]\nname = "x"',
    "blank lines at the end": '[project]\nname = "x"\n\n\n\n',
    "strings that look like TOML": '[project]\ndescription = """\n[project]\ndependencies = [\n"""\n'
    "x = ''']'''\ndependencies = ['a; extra == \"]\"', \"b\"] # ]\n",
    "brackets in markers": "[project]\ndependencies = [\n  \"a[x,y]>=1; python_version < '3'\", # [ ]\n]\n",
    "indented tables": '[project]\n  name = "x"\n  dependencies = [\n    "a",\n  ]\n  [project.urls]\n  a = "b"\n',
    "groups that include others": '[project]\nname = "x"\n[dependency-groups]\ntest = ["a"]\n'
    'dev = [\n  {include-group = "test"},\n  "z",\n]\n',
    "an array of tables": '[[tool.x]]\nproject = 1\n[[tool.x]]\n[project]\nname = "x"\n',
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("group", [None, "dev"], ids=["dependencies", "group"])
@pytest.mark.parametrize("name", ["AA", "m", "zz"])
def test_R02_a_file_is_as_before_after_add_and_remove_of_one_name(
    text: str, group: str | None, name: str
) -> None:
    data = text.encode()
    into = canonicalize_name(group) if group else None
    added = add_requirements(data, [Requirement(f"{name}>=1")], label="pyproject.toml", group=into)
    held = parse_manifest(added, label="pyproject.toml")
    assert Requirement(f"{name}>=1") in (held.groups[into] if into else held.dependencies)
    names = [canonicalize_name(name)]
    assert remove_requirements(added, names, label="pyproject.toml", group=into) == data


@pytest.mark.parametrize(
    "text", ["", "# hi", "# hi\n\n[repositories]\n", "index = false\n", "\ufeffdependencies = []"]
)
def test_R02_a_pipper_toml_is_as_before_after_add_and_remove_of_one_name(text: str) -> None:
    added = add_requirements(text.encode(), [Requirement("m")], label="pipper.toml")
    assert remove_requirements(added, [canonicalize_name("m")], label="pipper.toml") == text.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'dependencies = [\n\t"a",  # why\n\t"z"\n]\n',
            'dependencies = [\n\t"a",  # why\n\t"m",\n\t"z"\n]\n',
        ),
        ('dependencies = ["z", "a"]\n', 'dependencies = ["z", "a", "m"]\n'),
        ("dependencies = ['b']\n", "dependencies = ['b', 'm']\n"),
        ('dependencies = [\r\n  "b"\r\n]\r\n', 'dependencies = [\r\n  "b",\r\n  "m"\r\n]\r\n'),
        ('dependencies = ["a",\n "b"]\n', 'dependencies = ["a",\n "b",\n "m"]\n'),
        ("[groups]\n", None),
        ("# top\n\nindex = false\n", '# top\n\nindex = false\ndependencies = [\n    "m",\n]\n'),
    ],
)
def test_R02_a_requirement_is_added_in_the_layout_of_its_list(before: str, after: str | None) -> None:
    added = add_requirements(before.encode(), [Requirement("m")], label="pipper.toml").decode()
    assert added == (after if after is not None else 'dependencies = [\n    "m",\n]\n[groups]\n')


def test_R02_a_requirement_takes_the_place_of_the_one_on_the_same_project_and_keeps_its_comment() -> None:
    data = b"[project]\ndependencies = [\n  'Foo>=1', # because\n  'bar',\n]\n"
    found = add_requirements(data, [Requirement("foo>=2; os_name == 'nt'")], label="pyproject.toml")
    assert b"'Foo>=1', # because" in found, "another marker is another requirement"
    found = add_requirements(data, [Requirement("foo>=2")], label="pyproject.toml")
    assert found == data.replace(b"Foo>=1", b"foo>=2")


def test_R02_a_removed_line_takes_its_comment_and_a_group_that_others_include_stays() -> None:
    data = b'dependencies = [\n  "a", # of a\n  # of b\n  "b",\n]\n'
    assert remove_requirements(data, [canonicalize_name("a")], label="pipper.toml") == (
        b'dependencies = [\n  # of b\n  "b",\n]\n'
    )
    groups = b'[dependency-groups]\ntest = [\n  "a",\n]\ndev = [{include-group = "test"}]\n'
    group, names = canonicalize_name("test"), [canonicalize_name("a")]
    left = remove_requirements(groups, names, label="pipper.toml", group=group)
    assert parse_manifest(left, label="pipper.toml").groups == {"test": (), "dev": ()}


def test_R02_pippers_own_tables_come_behind_its_others_and_go_when_they_are_empty() -> None:
    data = b'[tool.pipper] # ours\nindex.url = "https://index.example.com/simple"\n\n[tool.ruff]\nx = 1\n'
    entry = RepositoryEntry(alias="acme", url="s3://b/p", region="eu-west-1")
    found = set_repository(data, entry, label="pyproject.toml", only=["foo"])
    assert found.decode() == (
        '[tool.pipper] # ours\nindex.url = "https://index.example.com/simple"\n\n[tool.pipper.repositories]\n'
        'acme = { url = "s3://b/p", region = "eu-west-1" }\n\n[tool.pipper.sources]\nfoo = "acme"\n\n'
        "[tool.ruff]\nx = 1\n"
    )
    left = drop_sources(found, [canonicalize_name("foo")], "acme", label="pyproject.toml")
    assert b"sources" not in left
    allowed = allow_builds(left, [canonicalize_name("foo")], label="pyproject.toml")
    assert parse_manifest(allowed, label="pyproject.toml").build_allow == ("foo",)
    again = allow_builds(allowed, [canonicalize_name("bar")], label="pyproject.toml")
    assert b'allow = ["foo", "bar"]' in again


def test_R02_a_value_of_another_kind_is_told_with_its_place() -> None:
    for text in ('project = "x"', "[project]\ndependencies = 3", "[[project]]\n"):
        with pytest.raises(UsageError, match="expected"):
            add_requirements(text.encode(), [Requirement("m")], label="pyproject.toml")


def test_a_requirement_that_is_replaced_keeps_its_own_quotes() -> None:
    data = b"dependencies = [\n    'a',\n    \"six\",\n]\n"
    found = add_requirements(data, [Requirement("six>=1.15")], label="pipper.toml")
    assert found == b"dependencies = [\n    'a',\n    \"six>=1.15\",\n]\n"


def test_a_table_without_blank_lines_around_it_goes_as_a_whole() -> None:
    data = b"dependencies = []\n[sources]\nlab = { path = '../lab' }\n[dependency-groups]\ndev = []\n"
    found = drop_paths(data, [canonicalize_name("lab")], label="pipper.toml")
    assert found == b"dependencies = []\n[dependency-groups]\ndev = []\n"
