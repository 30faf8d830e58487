"""The manifest: what it means in both layouts, and that nothing is ignored."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.errors import UsageError

FULL = """
requires-python = ">=3.11"
dependencies = ["Acme_Models>=1.4", "pandas~=2.2"]
prereleases = ["B", "a"]

[optional-dependencies]
Plot_It = ["matplotlib"]

[dependency-groups]
dev = ["pytest>=8", { include-group = "Docs" }]
docs = ["sphinx"]

[repositories]
acme = "s3://acme-packages/pipper"
drop = { url = "file:../packages" }
far = { url = "s3://far", endpoint-url = "https://s3.example.com", region = "eu-west-1", profile = "me" }

[sources]
"Acme-*" = "acme"
typing_extensions = "index"

[index]
url = "https://index.example.com/simple"
"""
PYPROJECT = """
[project]
name = "app"
requires-python = ">=3.11"
dependencies = ["Acme_Models>=1.4", "pandas~=2.2"]
[project.optional-dependencies]
Plot_It = ["matplotlib"]
[dependency-groups]
dev = ["pytest>=8", { include-group = "Docs" }]
docs = ["sphinx"]
[tool.pipper]
prereleases = ["B", "a"]
[tool.pipper.repositories]
acme = "s3://acme-packages/pipper"
drop = { url = "file:../packages" }
far = { url = "s3://far", endpoint-url = "https://s3.example.com", region = "eu-west-1", profile = "me" }
[tool.pipper.sources]
"Acme-*" = "acme"
typing_extensions = "index"
[tool.pipper.index]
url = "https://index.example.com/simple"
[tool.other]
anything = { goes = true }
"""


def read(text: str, label: str = "pipper.toml") -> Manifest:
    return parse_manifest(text.encode(), label=label)


def test_everything_a_manifest_can_say_is_read() -> None:
    manifest = read(FULL)
    assert str(manifest.requires_python) == ">=3.11"
    assert [str(each) for each in manifest.dependencies] == ["Acme_Models>=1.4", "pandas~=2.2"]
    assert {name: [str(each) for each in group] for name, group in manifest.groups.items()} == {
        "dev": ["pytest>=8", "sphinx"],
        "docs": ["sphinx"],
    }
    assert list(manifest.extras) == ["plot-it"]
    assert manifest.repositories == (
        RepositoryEntry(alias="acme", url="s3://acme-packages/pipper"),
        RepositoryEntry(alias="drop", url="file:../packages"),
        RepositoryEntry(
            alias="far",
            url="s3://far",
            endpoint_url="https://s3.example.com",
            region="eu-west-1",
            profile="me",
        ),
    )
    assert manifest.sources == {"acme-*": "acme", "typing-extensions": "index"}
    assert (manifest.index, manifest.index_url) == (True, "https://index.example.com/simple")
    assert manifest.prereleases == ("a", "b")


def test_both_layouts_mean_the_same() -> None:
    found = read(PYPROJECT, "pyproject.toml")
    assert found.name == "app"
    assert replace(found, name="") == read(FULL)


def test_the_order_of_repositories_is_kept_and_that_of_requirements_does_not_matter() -> None:
    one = read("dependencies = ['b', 'a']\n[repositories]\nz = 's3://z1'\na = 's3://a1'")
    other = read("dependencies = ['A', 'b']\n[repositories]\na = 's3://a1'\nz = 's3://z1'")
    assert one.inputs().requirements == other.inputs().requirements == ("a", "b")
    assert one.inputs().repositories == ("z", "a")
    assert other.inputs().repositories == ("a", "z")


def test_the_url_of_a_repository_is_no_input_of_a_solve() -> None:
    assert (
        read("[repositories]\na = 's3://one'").inputs() == read("[repositories]\na = 'file:../two'").inputs()
    )


def test_no_index_at_all_is_a_choice() -> None:
    manifest = read("index = false")
    assert manifest.index is False
    with pytest.raises(UsageError, match=r"sources\.x: `index` is not a source"):
        read("index = false\n[sources]\nx = 'index'")


def test_one_project_twice_under_one_spelling_narrows_it() -> None:
    assert len(read("dependencies = ['foo>=1', 'foo<2']").dependencies) == 2


def test_two_spellings_are_allowed_where_markers_tell_them_apart() -> None:
    text = "dependencies = [\"Foo_Bar<1; python_version<'3'\", \"foo-bar>1; python_version>='3'\"]"
    assert len(read(text).dependencies) == 2


@pytest.mark.parametrize("key", ["dependencies", "optional-dependencies"])
def test_requirements_that_a_backend_would_compute_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match=f"`{key}` must not be dynamic"):
        read(f"[project]\ndynamic = ['version', '{key}']\n[tool.pipper]", "pyproject.toml")


@pytest.mark.parametrize("end", ["?token=S3CRET", "#S3CRET", "/simple/?sig=S3CRET"])
@pytest.mark.parametrize("table", ["[index]\nurl", "[indexes]\ncorp"])
def test_T12_the_url_of_an_index_has_no_query_because_it_may_be_a_secret(table: str, end: str) -> None:
    with pytest.raises(UsageError, match="a query or a fragment") as caught:
        read(f"{table} = 'https://index.example.com{end}'\n")
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("alias", ["index", "with space", "-x", ""])
def test_an_alias_is_a_plain_word(alias: str) -> None:
    with pytest.raises(UsageError, match="cannot be an alias"):
        read(f"[repositories]\n'{alias}' = 's3://bucket'")


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_manifest_or_a_usage_error(data: bytes) -> None:
    _taken_or_told(data)


@settings(deadline=None)
@given(
    st.sampled_from(FULL.splitlines()),
    st.recursive(
        st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["'x'", "''", "1979-05-27", "inf"])),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    ),
)
def test_any_value_in_any_place_is_taken_or_told(line: str, value: object) -> None:
    key, separator, _ = line.partition(" = ")
    written = str(value).replace("True", "true").replace("False", "false").replace('"', "")
    text = FULL.replace(line, f"{key} = {written}", 1) if separator else FULL
    _taken_or_told(text.encode())


def _taken_or_told(data: bytes) -> None:
    refusal = "pipper.toml: "
    try:
        parse_manifest(data, label="pipper.toml")
    except UsageError as error:
        refusal = error.message
    assert refusal.startswith("pipper.toml: ")


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("prereleases = 'foo'", "expected true, false or an array of names, found a string"),
        ("index = 'no'", "expected true, false or a table with `url`, found a string"),
        ("repositories.acme = 3", "expected a string (the URL) or a table with `url`, found a number"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_every_type_that_fits(text: str, needed: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert needed in caught.value.message
