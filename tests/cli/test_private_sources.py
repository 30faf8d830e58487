"""Names that a project or a member takes from a place that pipper does not read: the index is not asked for them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import CHECKOUT
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.wheelhouse import make_wheel

PRIVATE = ("corp-y", "acme-models", "corp-plan")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        for name in (*PRIVATE, "public"):
            double.add(make_wheel(tmp_path / "files", name, "99.0"))
        yield double


@pytest.fixture
def shelf(empty: Workspace) -> Workspace:
    """A project without a manifest yet, whose repository has `acme-models`."""
    empty.publish(empty.wheel("acme-models"))
    empty.app.mkdir(parents=True, exist_ok=True)
    return empty


def project(name: str, requires: str, more: str) -> str:
    """Return the text of a `pyproject.toml`."""
    return f"[project]\nname = '{name}'\nversion = '1'\ndependencies = [{requires}]\n{more}\n"


def built_into_pip(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the public index be this one."""
    monkeypatch.setattr("pipper.index.config._BUILT_IN", f"print({url!r})")


def ask(shelf: Workspace, index: IndexDouble, text: str, more: str = "") -> None:
    """Write `pyproject.toml` of the project, with its index and its repository."""
    own = f"[tool.pipper.index]\nurl = '{index.url}'\n[tool.pipper.repositories]\nacme = '{shelf.url}'\n"
    (shelf.app / "pyproject.toml").write_text(f"{text}\n{own}{more}")


def member(shelf: Workspace, folder: str, text: str) -> None:
    place = shelf.app / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "pyproject.toml").write_text(
        f"{text}\n[build-system]\nrequires = ['tiny-build']\nbuild-backend = 'tiny_backend'\n"
    )


CORP = "https://index.example.com/corp/simple"
ONE = {
    "uv, path": "[tool.uv.sources]\ncorp-y = { path = '../p' }",
    "uv, several": "[tool.uv.sources]\ncorp-y = [{ git = 'x', marker = \"os_name == 'nt'\" }]",
    "uv, an index": f"[tool.uv.sources]\ncorp-y = {{ index = 'corp' }}\n[[tool.uv.index]]\nname = 'corp'\n"
    f"explicit = true\nurl = '{CORP}'",
    "uv, the default index": f"[tool.uv.sources]\nCorp_Y = {{ index = 'corp' }}\n[[tool.uv.index]]\nname = 'corp'\n"
    f"default = true\nurl = '{CORP}'",
    "uv, an index that it has from elsewhere": "[tool.uv.sources]\ncorp-y = { index = 'corp' }",
    "uv, an override": "[tool.uv]\noverride-dependencies = ['corp-y @ file:///srv/p']",
    "uv, a constraint": "[tool.uv]\nconstraint-dependencies = ['corp-y[x] @ git+https://index.example.com/p']",
    "Poetry, path": "[tool.poetry.dependencies]\ncorp-y = { path = '../p' }",
    "Poetry, git": "[tool.poetry.dependencies]\ncorp-y = { git = 'https://index.example.com/p' }",
    "Poetry, a URL": "[tool.poetry.dependencies]\ncorp-y = [{ url = 'https://index.example.com/p.whl' }]",
    "Poetry, a source": f"[tool.poetry.dependencies]\nCorp-Y = {{ version = '*', source = 'corp' }}\n"
    f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{CORP}'\npriority = 'explicit'",
    "Poetry, a group": "[tool.poetry.group.dev.dependencies]\ncorp-y = { path = '../p', develop = true }",
    "Poetry, old": "[tool.poetry.dev-dependencies]\ncorp-y = { file = '../p.whl' }",
    "PDM, a pattern": f"[[tool.pdm.source]]\nname = 'corp'\nurl = '{CORP}'\ninclude_packages = ['corp-*']",
    "PDM, editable": "[tool.pdm.dev-dependencies]\ndev = ['-e file:///${PROJECT_ROOT}/p#egg=corp-y']",
    "PDM, an override": "[tool.pdm.resolution.overrides]\ncorp-y = 'https://index.example.com/p.whl'",
    "Hatch": "[tool.hatch.envs.default]\ndependencies = ['corp-y @ {root:parent:uri}/p']",
    "Rye": "[tool.rye]\ndev-dependencies = ['corp-y @ file:///${PROJECT_ROOT}/p']",
    "pixi, path": "[tool.pixi.pypi-dependencies]\ncorp-y = { path = '../p', editable = true }",
    "pixi, an index": f"[tool.pixi.feature.a.target.linux-64.pypi-dependencies]\ncorp-y = {{ index = '{CORP}' }}",
    "pixi, a channel": "[tool.pixi.dependencies]\ncorp-y = { version = '*', channel = 'corp' }",
}
"""Tables that say of one name, `corp-y`, where it comes from."""

ANY = {
    "uv": f"[[tool.uv.index]]\nname = 'corp'\nurl = '{CORP}'",
    "uv, default": f"[[tool.uv.index]]\nurl = '{CORP}'\ndefault = true",
    "uv, index-url": f"[tool.uv]\nindex-url = '{CORP}'",
    "uv, extra-index-url": f"[tool.uv]\nextra-index-url = ['{CORP}']",
    "uv, find-links": f"[tool.uv]\nfind-links = ['{CORP}']",
    "uv pip": f"[tool.uv.pip]\nextra-index-url = ['{CORP}']",
    "Poetry": f"[[tool.poetry.source]]\nname = 'corp'\nurl = '{CORP}'\npriority = 'supplemental'",
    "PDM": f"[[tool.pdm.source]]\nname = 'corp'\nurl = '{CORP}'",
    "Hatch": f"[tool.hatch.envs.default.env-vars]\nPIP_EXTRA_INDEX_URL = '{CORP}'",
    "Hatch, uv": f"[tool.hatch.envs.default.env-vars]\nUV_INDEX = 'corp={CORP}'",
    "Rye": f"[[tool.rye.sources]]\nname = 'corp'\nurl = '{CORP}'",
    "pixi": f"[tool.pixi.pypi-options]\nextra-index-urls = ['{CORP}']",
    "pixi, a feature": f"[tool.pixi.feature.a.pypi-options]\nindex-url = '{CORP}'",
    "pixi, links": f"[tool.pixi.pypi-options]\nfind-links = [{{ url = '{CORP}' }}]",
    "pip-tools": f"[tool.pip-tools]\nextra-index-url = ['{CORP}']",
}
"""Tables with an index that any name may come from."""


@pytest.mark.parametrize("tables", ONE)
@pytest.mark.parametrize("where", ["root", "member", "workspace", "plain"])
def test_T04_a_name_that_another_tool_takes_from_elsewhere_is_not_asked_of_the_index(
    shelf: Workspace, index: IndexDouble, tables: str, where: str
) -> None:
    text = project("lab", "'public', 'corp-y'", ONE[tables])
    if where == "root":
        ask(shelf, index, text)
    elif where == "plain":
        (shelf.app / "lab").mkdir()
        (shelf.app / "lab" / "pyproject.toml").write_text(text)
        ask(shelf, index, "", "[tool.pipper.workspace]\nmembers = ['lab']\n")
    else:
        member(shelf, "lab", text)
        named = "sources]\nlab = { path = 'lab' }" if where == "member" else "workspace]\nmembers = ['*']"
        ask(shelf, index, project("app", "'lab'", ""), f"[tool.pipper.{named}\n")
    done = shelf.run("lock", code=2)
    assert "`corp-y` comes from" in done.stderr
    assert "[tool." in done.stderr
    for line in ("install -t out corp-y", "download -d out corp-y", "info corp-y"):
        shelf.run(*line.split(), code=2)
    assert index.names() <= {"public"}


FILES = {
    "uv.toml": f"[[index]]\nurl = '{CORP}'",
    "pixi.toml": "[pypi-dependencies]\ncorp-y = { path = '../p' }",
    "hatch.toml": "[envs.default]\ndependencies = ['corp-y @ {root:uri}/p']",
    "pdm.toml": f"[pypi.corp]\nurl = '{CORP}'\ninclude_packages = ['corp-*']",
    "Pipfile": f"[[source]]\nname = 'pypi'\nurl = '{CORP}'\n[packages]\ncorp-y = '*'",
    "pyproject.toml": "[tool.uv.sources]\ncorp-y = { path = '../p' }",
}
"""Files of other tools beside a manifest, by name."""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", ["root", "member"])
def test_T04_files_of_other_tools_hold_names_back_as_their_tables_do(
    shelf: Workspace, index: IndexDouble, name: str, where: str
) -> None:
    if where == "root":
        shelf.manifest.write_text(
            f"dependencies = ['corp-y']\n[index]\nurl = '{index.url}'\n[repositories]\nacme = '{shelf.url}'\n"
        )
        (shelf.app / name).write_text(FILES[name])
    else:
        more = FILES[name] if name == "pyproject.toml" else ""
        member(shelf, "lab", project("lab", "'corp-y'", more))
        if not more:
            (shelf.app / "lab" / name).write_text(FILES[name])
        ask(shelf, index, project("app", "'lab'", ""), "[tool.pipper.sources]\nlab = { path = 'lab' }\n")
    for line in ("lock", "install -t out corp-y", "info corp-y"):
        done = shelf.run(*line.split(), code=2)
        table = "[tool.uv.sources]" if name == "pyproject.toml" else name
        assert f"in {table}, which pipper does not read" in done.stderr, line
    assert index.names() == set()


def test_T04_a_file_of_another_tool_that_cannot_be_read_stops_what_would_ask_the_index(
    shelf: Workspace, index: IndexDouble
) -> None:
    ask(shelf, index, project("app", "'public'", ""))
    (shelf.app / "uv.toml").write_text("[[index\n")
    done = shelf.run("lock", code=2)
    assert "uv.toml: not valid TOML" in done.stderr
    assert index.seen == []


@pytest.mark.parametrize("is_corp", [True, False])
def test_T04_a_name_that_a_pipfile_takes_from_an_index_beside_the_public_one_is_not_asked_of_the_index(
    shelf: Workspace, index: IndexDouble, monkeypatch: pytest.MonkeyPatch, is_corp: bool
) -> None:
    """`name = "pypi"` says nothing: the usual edit for an index of one's own changes the URL alone."""
    built_into_pip("https://index.example.com/simple/", monkeypatch)
    ask(shelf, index, project("app", "'public', 'corp-y'", ""), "[tool.pipper.sources]\npublic = 'index'\n")
    corp = f"[[source]]\nname = 'corp'\nurl = '{CORP}'\n[packages]\ncorp-y = {{ version = '*', index = 'corp' }}\n"
    url = "https://index.example.com/simple" if is_corp else CORP
    (shelf.app / "Pipfile").write_text(f"[[source]]\nname = 'pypi'\nurl = '{url}'\n{corp if is_corp else ''}")
    done = shelf.run("lock", code=2)
    assert f"from the index `{'corp' if is_corp else 'pypi'}` in Pipfile" in done.stderr
    assert index.names() <= {"public"}


def test_a_new_pipfile_holds_nothing_back(
    shelf: Workspace, index: IndexDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_into_pip(CORP + "/", monkeypatch)
    ask(shelf, index, project("app", "'public'", ""))
    pipfile = f"[[source]]\nurl = '{CORP}'\nverify_ssl = true\nname = 'pypi'\n[packages]\npublic = '*'\n"
    (shelf.app / "Pipfile").write_text(pipfile)
    shelf.run("lock")
    shelf.run("install", "-t", "out", "public")
    lib = shelf.root / "lib"
    lib.mkdir()
    (lib / "Pipfile").write_text(pipfile)
    (lib / "pipper.json").write_text('{"dependencies": ["public"]}')
    shelf.run("add", "-i", "../lib/pipper.json")
    assert "private" not in (shelf.app / "pyproject.toml").read_text()


@pytest.mark.parametrize("tables", [name for name, text in ONE.items() if "path = '../p'" in text])
def test_U_the_hint_for_a_folder_of_another_tool_is_true_when_followed(
    tables: str, shelf: Workspace, index: IndexDouble
) -> None:
    folder = shelf.app.parent / "p"
    folder.mkdir()
    (folder / "tiny_backend.py").write_bytes((CHECKOUT / "tests" / "tiny_backend.py").read_bytes())
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'tiny_backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'corp-y'\nversion = '1'\n"
    )
    text = project("lab", "'corp-y'", ONE[tables])
    ask(shelf, index, text)
    told = shelf.run("lock", code=2).stderr
    (line,) = re.findall(
        r"hint: write `(.*)` under \[sources\] .*\[tool.pipper.sources\] in pyproject.toml", told
    )
    assert ("editable = false" in line) == ("true" not in ONE[tables])
    ask(shelf, index, text, f"[tool.pipper.sources]\n{line}\n")
    shelf.run("lock")
    shelf.run("sync")
    assert index.names() == set()


def test_U_the_hint_for_a_workspace_of_uv_is_true_when_followed(shelf: Workspace, index: IndexDouble) -> None:
    text = project("lab", "'corp-y'", "[tool.uv.sources]\ncorp-y = { workspace = true }\n")
    ask(shelf, index, text)
    told = shelf.run("lock", code=2).stderr
    (line,) = re.findall(
        r"hint: write `(.*)` under \[workspace\] .*\[tool.pipper.workspace\] in pyproj", told
    )
    member(shelf, "p", project("corp-y", "", ""))
    ask(shelf, index, text, f"[tool.pipper.workspace]\n{line.replace('DIR', 'p')}\n")
    shelf.run("lock")
    assert index.names() == set()


@pytest.mark.parametrize("tables", ANY)
def test_T04_a_private_index_that_pipper_does_not_read_stops_the_lock_until_it_is_declared(
    shelf: Workspace, index: IndexDouble, tables: str
) -> None:
    ask(shelf, index, project("lab", "'public', 'acme-models'", ANY[tables]))
    for line in ("lock", "install -t out public", "info public"):
        done = shelf.run(*line.split(), code=2)
        assert "`public` may come from the index" in done.stderr
        assert f'`NAME = "{CORP}"` into [tool.pipper.indexes]' in done.stderr
    assert index.names() == set()
    ask(
        shelf,
        index,
        project("lab", "'public', 'acme-models'", ANY[tables]),
        '[tool.pipper.sources]\npublic = "index"\n',
    )
    shelf.run("lock")
    declared = f'[tool.pipper.indexes]\ncorp = "{CORP}"\n[tool.pipper.sources]\n"corp-*" = "corp"\n'
    ask(shelf, index, project("lab", "'public', 'acme-models'", ANY[tables]), declared)
    shelf.run("lock", "-U")
    assert index.names() == {"public"}
    assert shelf.locked().keys() == {"public", "acme-models"}


def test_T04_a_table_that_names_the_very_index_of_the_project_holds_nothing(
    shelf: Workspace, index: IndexDouble
) -> None:
    same = f"[[tool.uv.index]]\nname = 'main'\ndefault = true\nurl = '{index.url}/'\n"
    public = "[[tool.poetry.source]]\nname = 'PyPI'\npriority = 'primary'\n"
    ask(
        shelf,
        index,
        project("lab", "'public'", f"{same}{public}[tool.uv.sources]\npublic = {{ index = 'main' }}"),
    )
    shelf.run("lock")
    assert index.names() == {"public"}


def test_T04_a_wide_pattern_for_the_index_does_not_free_a_name_from_elsewhere(
    shelf: Workspace, index: IndexDouble
) -> None:
    text = project("lab", "'corp-y'", ONE["uv, path"])
    for pattern in ("*", "corp-*"):
        ask(shelf, index, text, f'[tool.pipper.sources]\n"{pattern}" = "index"\n')
        shelf.run("lock", code=2)
    assert index.names() == set()
    ask(shelf, index, text, '[tool.pipper.sources]\ncorp-y = "index"\n')
    shelf.run("lock")


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ('"acme-*" = "acme"', 'acme-models = "index"'),
        ('"corp-*" = "acme"', '"corp-p*" = "index"'),
        ('"corp-*" = "acme"', '"*-plan[a-z]*" = "further"'),
        ('"corp-*" = "acme"', '"corp?pl*" = "index"'),
        ('"acme-*" = "acme"', 'acme-models = "further"'),
    ],
)
@pytest.mark.parametrize("where", ["member", "workspace", "plain"])
def test_T04_a_member_cannot_send_a_private_name_of_the_project_to_an_index(
    shelf: Workspace, index: IndexDouble, root: str, own: str, where: str
) -> None:
    requires = "'acme-models', 'corp-plan'"
    text = project("lab", requires, f"[tool.pipper.sources]\n{own}")
    if where == "plain":
        (shelf.app / "lab").mkdir()
        own = f"[sources]\n{own}\n[indexes]\nfurther = '{index.url}'\n"
        (shelf.app / "lab" / "pipper.toml").write_text(f"dependencies = [{requires}]\n{own}")
    else:
        member(shelf, "lab", text)
    named = "lab = { path = 'lab' }" if where == "member" else "[tool.pipper.workspace]\nmembers = ['l*']"
    further = f"[tool.pipper.indexes]\nfurther = '{index.url}'\n"
    ask(
        shelf,
        index,
        project("app", "" if where != "member" else "'lab'", ""),
        f"{further}[tool.pipper.sources]\n{root}\n{named}\n",
    )
    done = shelf.run("lock", code=2)
    assert "the member `lab` takes" in done.stderr
    assert "hint: remove it from [sources] of the member, or write" in done.stderr
    assert index.seen == []


@pytest.mark.parametrize(
    "private",
    ['[tool.pipper.sources]\n"corp-*" = "acme"', "[tool.uv.sources]\ncorp-plan = { path = '../p' }"],
)
@pytest.mark.parametrize("is_root", [True, False])
def test_T04_a_member_cannot_send_a_private_name_of_another_one_to_the_index(
    shelf: Workspace, index: IndexDouble, private: str, is_root: bool
) -> None:
    requires = "'corp-plan'"
    member(shelf, "one", project("one", requires, "" if is_root else private))
    member(shelf, "two", project("two", requires, '[tool.pipper.sources]\ncorp-plan = "index"'))
    table = private if is_root else ""
    workspace = "[tool.pipper.workspace]\nmembers = ['one', 'two']\n"
    ask(shelf, index, project("app", "", ""), f"{workspace}{table}\n")
    done = shelf.run("lock", code=2)
    assert "the member `two` takes `corp-plan` from `index`" in done.stderr
    assert index.seen == []
    if not is_root:
        ask(shelf, index, project("app", "", ""), f'{workspace}[tool.pipper.sources]\ncorp-plan = "index"\n')
        shelf.run("lock")
        assert index.names() == {"corp-plan"}


def test_a_member_may_say_what_the_project_says_or_nothing_of(shelf: Workspace, index: IndexDouble) -> None:
    own = '[tool.pipper.sources]\n"acme-*" = "index"\nacme-models = "acme"\npublic = "index"\n"p*" = "acme"'
    member(shelf, "lab", project("lab", "'public', 'acme-models'", own))
    rules = '[tool.pipper.sources]\nlab = { path = "lab" }\n"acme-*" = "acme"\n'
    ask(shelf, index, project("app", "'lab'", ""), rules)
    shelf.run("lock")
    assert index.names() == {"public"}


@pytest.mark.parametrize(
    ("own", "where"),
    [
        ("[repositories]\ncorp = 's3://corp-bucket'", "the repository `corp`"),
        ("[repositories]\nacme = 'file:shelf'", "the repository `acme`"),
        ("[index]\nurl = 'https://index.example.com/corp'", "the index `https://index.example.com/corp`"),
        ("[index]", "a repository alone"),
    ],
)
@pytest.mark.parametrize("is_package", [True, False])
def test_T04_a_member_with_a_source_that_the_project_lacks_asks_no_index(
    shelf: Workspace, index: IndexDouble, own: str, where: str, *, is_package: bool
) -> None:
    own = "index = false" if own == "[index]" else own
    if is_package:
        table = own.replace("[", "[tool.pipper.") if "[" in own else f"[tool.pipper]\n{own}"
        member(shelf, "lab", project("lab", "'corp-y'", table))
    else:
        (shelf.app / "lab").mkdir()
        (shelf.app / "lab" / "pipper.toml").write_text(f"dependencies = ['corp-y']\n{own}\n")
    ask(shelf, index, "", "[tool.pipper.workspace]\nmembers = ['lab']\n")
    done = shelf.run("lock", code=2)
    assert f"`corp-y` may come from {where}" in done.stderr
    assert "of the member `lab`" in done.stderr
    assert index.seen == []
    ask(
        shelf,
        index,
        "",
        "[tool.pipper.workspace]\nmembers = ['lab']\n[tool.pipper.sources]\ncorp-y = 'index'\n",
    )
    shelf.run("lock")


def test_T04_a_further_index_of_a_member_is_not_replaced_by_another_one_of_that_alias(
    shelf: Workspace, index: IndexDouble
) -> None:
    own = f"[tool.pipper.indexes]\ncorp = '{CORP}'\n[tool.pipper.sources]\n'corp-*' = 'corp'"
    member(shelf, "lab", project("lab", "'corp-y'", own))
    further = f"[tool.pipper.indexes]\ncorp = '{index.url}'\n"
    ask(shelf, index, "", f"{further}[tool.pipper.workspace]\nmembers = ['lab']\n")
    done = shelf.run("lock", code=2)
    assert "takes `corp-*` from the index `corp`, which is another in the project" in done.stderr
    assert index.seen == []


@pytest.mark.parametrize("command", ["add", "install -t out"])
def test_T04_requirements_of_another_manifest_do_not_lose_where_their_names_come_from(
    shelf: Workspace, index: IndexDouble, command: str
) -> None:
    lib = shelf.root / "lib"
    lib.mkdir()
    own = f"[tool.pipper.index]\nurl = '{index.url}'\n"
    (lib / "pyproject.toml").write_text(project("lib", "'corp-y'", ONE["uv, path"] + "\n" + own))
    ask(shelf, index, project("app", "", ""))
    done = shelf.run(*command.split(), "-i", "../lib/pyproject.toml", code=2)
    assert "takes `corp-y` from a path" in done.stderr
    assert index.seen == []


@pytest.mark.parametrize(
    "docs",
    ["'corp-y'", "'corp-y @ git+https://index.example.com/y'", "'corp-y @ https://index.example.com/y.whl'"],
)
def test_R01_a_group_that_pipper_cannot_follow_does_not_stop_the_rest(
    shelf: Workspace, index: IndexDouble, docs: str
) -> None:
    text = project("app", "'public'", f"[dependency-groups]\ndocs = [{docs}]\ntest = ['acme-models']\n")
    places = (
        "[tool.uv.sources]\ncorp-y = { git = 'https://index.example.com/y' }\n" if docs == "'corp-y'" else ""
    )
    ask(shelf, index, text + places)
    done = shelf.run("lock")
    assert "no solution for the group `docs`" in done.stderr
    assert ("comes from git" if places else "names a URL, which pipper does not follow") in done.stderr
    assert index.names() == {"public"}
    assert shelf.locked().keys() == {"public", "acme-models"}
    shelf.run("sync", "--group", "test")
    told = shelf.run("sync", "--group", "docs", code=3).stderr
    assert ("comes from git" if places else "names a URL") in told
