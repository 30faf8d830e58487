"""A project that requires itself with an extra: what that stands for."""

import pytest

from pipper.core.manifest.imports.projects import from_pyproject
from pipper.core.manifest.inputs import Inputs
from pipper.core.manifest.reader import parse_manifest
from pipper.errors import UsageError

HEAD = "[project]\nname = 'My_Proj'\nversion = '1'\n"


def inputs(text: str) -> Inputs:
    """Return the inputs of a project whose `[project]` goes on with `text`."""
    return parse_manifest(f"{HEAD}{text}\n[tool.pipper]\n".encode(), label="pyproject.toml").inputs()


def extras(text: str) -> dict[str, tuple[str, ...]]:
    return dict(inputs(f"[project.optional-dependencies]\n{text}").extras)


@pytest.mark.parametrize("spelling", ["my-proj[a]", "My.Proj[A]", "my_proj [ a ]", "my-proj[a]>=7"])
def test_T03_the_own_name_stands_for_the_own_extra(spelling: str) -> None:
    assert extras(f"a = ['dep-a']\nall = ['{spelling}', 'more']") == {
        "a": ("dep-a",),
        "all": ("dep-a", "more"),
    }


def test_T03_extras_may_name_each_other_in_a_cycle() -> None:
    found = extras("a = ['dep-a', 'my-proj[b]']\nb = ['dep-b', 'my-proj[a]']\nc = ['my-proj[c]']")
    assert found == {"a": ("dep-a", "dep-b"), "b": ("dep-a", "dep-b"), "c": ()}


def test_T03_markers_on_the_way_are_joined() -> None:
    found = extras(
        """a = ["dep ; os_name == 'posix' or os_name == 'nt'", "plain"]
all = ["my-proj[a] ; python_version > '3'"]"""
    )
    assert found["all"] == (
        'dep ; python_version > "3" and (os_name == "posix" or os_name == "nt")',
        'plain ; python_version > "3"',
    )


def test_T03_a_group_that_requires_the_project_gets_its_dependencies_too() -> None:
    found = inputs(
        "dependencies = ['base']\n[project.optional-dependencies]\na = ['dep-a']\n"
        "[dependency-groups]\nbare = ['my-proj']\ndev = ['my-proj[a]', 'pytest']\nall = [{ include-group = 'dev' }]"
    )
    assert found.groups == {
        "bare": ("base",),
        "dev": ("base", "dep-a", "pytest"),
        "all": ("base", "dep-a", "pytest"),
    }


def test_T03_dependencies_may_name_an_extra() -> None:
    found = inputs("dependencies = ['my-proj[a]']\n[project.optional-dependencies]\na = ['dep-a']")
    assert found.requirements == ("dep-a",)


def test_T03_another_name_stays_as_it_is() -> None:
    assert extras("a = ['my-proj-x', 'proj', 'my']") == {"a": ("my", "my-proj-x", "proj")}


@pytest.mark.parametrize(
    ("entry", "said"),
    [("my-proj[nope]", "`nope` is not an extra"), ("my-proj[a] @ https://e.com/x.whl", "from a URL")],
)
def test_T03_what_the_own_name_cannot_mean_is_refused_with_its_place(entry: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"pyproject.toml: project.optional-dependencies.all") as caught:
        extras(f"a = []\nall = ['{entry}']")
    assert said in str(caught.value)


def test_T03_extras_that_multiply_are_refused() -> None:
    markers = ("os_name == 'a'", "os_name == 'b'")
    lines = [
        f"e{n} = [{', '.join(repr(f'my-proj[e{n + 1}] ; {each}') for each in markers)}]" for n in range(30)
    ]
    with pytest.raises(UsageError, match="more than"):
        extras("\n".join([*lines, "e30 = ['x']"]))


def test_T03_init_writes_out_what_the_own_name_stands_for() -> None:
    found = from_pyproject(
        f"""{HEAD}dependencies = ["base"]
[project.optional-dependencies]
a = ["dep-a", "my-proj[b]"]
b = ["dep-b", "my-proj[a]"]
all = ["my-proj[a] ; os_name == 'nt'"]
[dependency-groups]
dev = ["pytest", "my-proj[b]"]
lint = [{{ include-group = "dev" }}]
[tool.pdm.dev-dependencies]
test = ["my_proj[a]"]
""".encode(),
        label="pyproject.toml",
    )
    assert dict(found.extras) == {
        "a": ("dep-a", "dep-b"),
        "b": ("dep-b", "dep-a"),
        "all": ('dep-a; os_name == "nt"', 'dep-b; os_name == "nt"'),
    }
    assert dict(found.groups) == {
        "dev": ("pytest", "base", "dep-b", "dep-a"),
        "lint": ({"include-group": "dev"},),
        "test": ("base", "dep-a", "dep-b"),
    }
