"""`conflicts`: extras and groups that are never installed together are solved apart."""

import tomllib

import pytest

from tests.invariants import Workspace

TABLES = """
[optional-dependencies]
cpu = ["torch==1.0"]
gpu = ["torch==2.0", "cuda"]
[dependency-groups]
dev = ["beta"]
old = ["torch<1", "beta"]
"""


@pytest.fixture
def project(empty: Workspace) -> Workspace:
    empty.publish(
        *(empty.wheel("torch", version, requires=["common"]) for version in ("0.9", "1.0", "2.0")),
        *(empty.wheel("common", version) for version in ("1.0", "2.0")),
        empty.wheel("cuda", requires=["common<2"]),
        empty.wheel("beta"),
    )
    return empty


def write(project: Workspace, conflicts: str, *dependencies: str, tables: str = TABLES) -> None:
    project.write_manifest(*dependencies, more=tables)
    project.manifest.write_text(f"conflicts = {conflicts}\n{project.manifest.read_text()}")


def test_R11_without_conflicts_the_two_have_no_solution_together(project: Workspace) -> None:
    project.write_manifest("beta", more=TABLES)
    told = project.run("lock", code=3).stderr
    assert "the requirements on `torch` conflict" in told
    assert 'together, write `conflicts = [["group:old", "cpu", "gpu"]]`' in told.splitlines()[-1]


def test_R11_extras_and_groups_that_conflict_are_locked_apart_and_synced_one_at_a_time(
    project: Workspace,
) -> None:
    write(project, '[["cpu", "gpu", "group:old"]]', "common")
    project.run("lock")
    environment = tomllib.loads(project.lock.read_text())["environments"][0]
    assert environment["extras"] == {"cpu": ["torch==1.0"], "gpu": ["cuda==1.0.0", "torch==2.0"]}
    assert environment["groups"] == {"dev": ["beta==1.0.0"], "old": ["beta==1.0.0", "torch==0.9"]}
    assert environment["packages"] == ["common==1.0"], "what is common suits every part"
    for options, versions in {
        ("--extra", "cpu"): {"torch": "1.0"},
        ("--extra", "gpu"): {"torch": "2.0", "cuda": "1.0.0"},
        ("--group", "old"): {"torch": "0.9"},
        ("--only-group", "old"): {"torch": "0.9"},
        (): {},
    }.items():
        project.run("sync", *options)
        found = project.installed()
        wanted = {"common": "1.0", "beta": "1.0.0", **versions}
        assert found == {name: wanted[name] for name in found}
        assert versions.keys() <= found.keys()
    text = project.lock.read_bytes()
    project.run("lock", "-P", "beta")
    assert project.lock.read_bytes() == text


@pytest.mark.parametrize(
    "options",
    [
        ("--extra", "cpu", "--extra", "gpu"), ("--all-extras",), ("--extra", "gpu", "--group", "old"),
        ("--all-groups", "--extra", "cpu"),
    ],
)  # fmt: skip
def test_R11_a_sync_of_two_that_conflict_is_refused_in_words(
    options: tuple[str, ...], project: Workspace
) -> None:
    write(project, '[["cpu", "gpu", "group:old"]]', "common")
    project.run("lock")
    done = project.refused("sync", *options, code=2, subject="cannot be installed together")
    assert "`conflicts`" in done.stderr
    assert "hint: leave out one of the two" in done.stderr


def test_a_group_that_is_installed_by_default_is_left_out_by_name_if_it_conflicts(project: Workspace) -> None:
    tables = TABLES.replace('dev = ["beta"]', 'dev = ["torch==1.0"]')
    write(project, '[["cpu", "gpu", "group:old", "group:dev"]]', "common", tables=tables)
    project.run("lock")
    for command in (("sync",), ("export", "-f", "requirements")):
        done = project.refused(*command, "--extra", "gpu", code=2, subject="cannot be installed together")
        assert "as with `--no-dev --extra gpu`" in done.stderr
    project.run("sync", "--no-dev", "--extra", "gpu")


@pytest.mark.parametrize(
    ("conflicts", "hint"),
    [
        ('["cpu", "gpu"]', 'conflicts = [["cpu", "gpu"]]'),
        ('[[{extra = "cpu"}, {extra = "gpu"}]]', 'an extra as "NAME", a group as "group:NAME"'),
    ],
)
def test_conflicts_in_another_form_are_told_with_the_form(
    conflicts: str, hint: str, project: Workspace
) -> None:
    write(project, conflicts, "common")
    assert hint in project.refused("lock", code=2, subject="conflicts").stderr


def test_R11_a_part_keeps_its_locked_version(project: Workspace) -> None:
    tables = TABLES.replace("torch==1.0", "torch<2")
    write(project, '[["cpu", "gpu"], ["cpu", "group:old"], ["gpu", "group:old"]]', "beta", tables=tables)
    project.run("lock")
    project.publish(project.wheel("torch", "1.5", requires=["common"]))
    project.run("add", "common")
    environment = tomllib.loads(project.lock.read_text())["environments"][0]
    assert "torch==1.0" in environment["extras"]["cpu"]
    project.run("lock", "-P", "torch")
    environment = tomllib.loads(project.lock.read_text())["environments"][0]
    assert "torch==1.5" in environment["extras"]["cpu"]


def test_R11_a_part_without_a_solution_stops_nothing_and_the_lock_has_the_reason(project: Workspace) -> None:
    tables = TABLES.replace("torch==2.0", "torch==9")
    write(project, '[["cpu", "gpu", "group:old"]]', "common", tables=tables)
    assert "no solution for the extra `gpu`" in project.run("lock").stderr
    project.run("sync", "--extra", "cpu")
    done = project.refused("sync", "--extra", "gpu", code=3, subject="the extra `gpu` has no solution")
    assert "hint: run `pipper lock -U`" in done.stderr, "a bare lock changes nothing"


def test_R11_queries_and_exports_read_a_lock_with_conflicts(project: Workspace) -> None:
    write(project, '[["cpu", "gpu", "group:old"]]', "common")
    project.run("lock")
    assert "torch 1.0" in project.run("tree").stdout
    project.run("why", "torch")
    project.run("export", "-f", "requirements", "--extra", "gpu")
    assert "torch==2.0" in project.run("export", "-f", "requirements", "--extra", "gpu").stdout
    project.run("lock", "--check")
    project.run("sync", "--extra", "gpu")
    project.run("sync", "--extra", "gpu", "--check", "--verify")


@pytest.mark.parametrize("entry", ['""', '"group:"', "3"])
def test_R11_a_lock_whose_conflicts_name_nothing_is_refused(entry: str, project: Workspace) -> None:
    write(project, '[["cpu", "gpu", "group:old"]]', "common")
    project.run("lock")
    text = project.lock.read_text()
    assert 'conflicts = [["cpu", "gpu", "group:old"]]' in text
    project.lock.write_text(text.replace('[["cpu", "gpu", "group:old"]]', f"[[{entry}]]"))
    project.refused("sync", code=2, subject="inputs.conflicts[0][0]")


@pytest.mark.parametrize(
    ("conflicts", "told"),
    [
        ('[["cpu", "cuda"]]', "conflicts[0][1]: `cuda` is not an extra of this manifest"),
        ('[["cpu", "group:nope"]]', "conflicts[0][1]: `group:nope` is not a group of this manifest"),
        ('[["cpu", "CPU"]]', "conflicts[0]: names fewer than two"),
        ('["cpu", "gpu"]', "conflicts[0]: expected an array, found a string"),
    ],
)
def test_R11_conflicts_that_name_nothing_are_told_with_their_place(
    conflicts: str, told: str, project: Workspace
) -> None:
    write(project, conflicts)
    assert told in project.run("lock", code=2).stderr


SHARED = """
[optional-dependencies]
cpu = ["x"]
gpu = ["cuda"]
js = ["x<2"]
py = ["x"]
"""
TWO_SETS = '[["cpu", "gpu"], ["js", "py"]]'


@pytest.fixture
def shared(project: Workspace) -> Workspace:
    """With `x`, which parts of two sets need."""
    project.publish(project.wheel("x", "1.9"), project.wheel("x", "2.0"))
    return project


def test_R11_parts_of_different_sets_get_one_version_where_there_is_one(shared: Workspace) -> None:
    write(shared, TWO_SETS, "beta", tables=SHARED)
    shared.run("lock")
    environment = tomllib.loads(shared.lock.read_text())["environments"][0]
    assert environment["extras"]["cpu"] == environment["extras"]["js"] == ["x==1.9"]
    for other in ("js", "py"):
        shared.run("sync", "--extra", "cpu", "--extra", other)
        assert shared.installed() == {"beta": "1.0.0", "x": "1.9"}
    text = shared.lock.read_bytes()
    shared.run("lock", "-P", "beta")
    assert shared.lock.read_bytes() == text


@pytest.mark.parametrize("conflicts", [TWO_SETS, '[["cpu", "py"], ["js", "py"]]'])
def test_R11_parts_of_different_sets_with_different_versions_are_refused_in_words(
    conflicts: str, shared: Workspace
) -> None:
    write(shared, conflicts, "beta", tables=SHARED.replace('cpu = ["x"]', 'cpu = ["x>=2"]'))
    shared.run("lock")
    for command in (("sync",), ("export", "-f", "requirements")):
        done = shared.refused(
            *command, "--extra", "cpu", "--extra", "js", code=2,
            subject="the extra `cpu` and the extra `js` cannot be installed together",
        )  # fmt: skip
        assert "x 2.0 for one and x 1.9 for the other" in done.stderr
        assert 'write `conflicts = [["cpu", "js"]]`' in done.stderr
    for extra, version in (("cpu", "2.0"), ("js", "1.9")):
        shared.run("sync", "--extra", extra)
        assert shared.installed()["x"] == version
    assert shared.run("tree").stdout.count("x 2.0") == 1


def parts_of(project: Workspace) -> dict[str, dict[str, str]]:
    """Return the versions locked for each extra."""
    environment = tomllib.loads(project.lock.read_text())["environments"][0]
    return {name: dict(pin.split("==") for pin in pins) for name, pins in environment["extras"].items()}


def test_R11_a_common_version_is_found_where_it_takes_an_older_version_of_what_requires_it(
    project: Workspace,
) -> None:
    project.publish(
        project.wheel("t", "1.0", requires=["z"]), project.wheel("t", "2.0", requires=["z>=2"]),
        *(project.wheel("z", version) for version in ("1.0", "2.0")),
    )  # fmt: skip
    tables = '[optional-dependencies]\nc = ["t"]\nd = ["beta"]\ne = ["z<2"]\nf = ["beta"]\n'
    write(project, '[["c", "d"], ["e", "f"]]', tables=tables)
    project.run("lock")
    assert parts_of(project)["c"] == {"t": "1.0", "z": "1.0"}
    project.run("sync", "--extra", "c", "--extra", "e")
    assert project.installed() == {"t": "1.0", "z": "1.0"}


def test_R11_what_one_part_gave_up_for_another_it_does_not_take_back_for_a_third(project: Workspace) -> None:
    project.publish(
        *(project.wheel(name, version) for name in ("x", "y", "k") for version in ("1.0", "2.0")),
        project.wheel("m", "1.0", requires=["k", "y<2"]), project.wheel("m", "2.0", requires=["k>=2", "y"]),
    )  # fmt: skip
    tables = """
[optional-dependencies]
a = ["x", "y"]
c = ["k", "m"]
e = ["x<2", "k<2"]
b = ["beta"]
d = ["beta"]
f = ["beta"]
"""
    sets = '[["a", "b"], ["c", "d"], ["e", "f"]]'
    write(project, sets, tables=tables)
    project.run("lock")
    found = parts_of(project)
    assert found["a"] == {"x": "1.0", "y": "1.0"}
    assert found["c"] == {"k": "1.0", "m": "1.0", "y": "1.0"}
    project.run("sync", "--extra", "a", "--extra", "c", "--extra", "e")
    text = project.lock.read_bytes()
    project.run("lock", "-P", "beta")
    assert project.lock.read_bytes() == text


def test_R11_a_common_version_is_found_between_the_versions_of_both(project: Workspace) -> None:
    """The lowest one does not suit: the other part has to take a higher version than it chose."""
    project.publish(
        project.wheel("t", "1.0", requires=["z<2"]), project.wheel("t", "2.0", requires=["z==1.2"]),
        *(project.wheel("z", version) for version in ("1.2", "1.5", "2.0")),
    )  # fmt: skip
    tables = '[optional-dependencies]\nc = ["z>=1.5"]\nd = ["beta"]\ne = ["t"]\nf = ["beta"]\n'
    write(project, '[["c", "d"], ["e", "f"]]', tables=tables)
    project.run("lock")
    assert parts_of(project)["c"] == {"z": "1.5"}
    assert parts_of(project)["e"] == {"t": "1.0", "z": "1.5"}


def test_R11_what_is_common_suits_parts_that_limit_different_projects_of_it(project: Workspace) -> None:
    project.publish(*(project.wheel(name, f"{n}.0") for name in ("aa", "bb") for n in (1, 2, 3)))
    tables = '[dependency-groups]\ncpu = ["aa<3"]\ndev = ["bb<3"]\n'
    write(project, '[["group:cpu", "group:dev"]]', "aa", "bb", tables=tables)
    assert "warning" not in project.run("lock").stderr
    environments = tomllib.loads(project.lock.read_text())["environments"]
    assert {(*each["packages"],) for each in environments} == {("aa==2.0", "bb==2.0")}


def test_R11_the_reason_of_a_part_without_a_solution_names_the_rest_of_the_project(
    project: Workspace,
) -> None:
    project.publish(*(project.wheel("aa", f"{n}.0") for n in (1, 2, 3)))
    tables = '[optional-dependencies]\nnew = ["aa>=3"]\nold = ["aa<3"]\n'
    write(project, '[["new", "old"]]', "aa", tables=tables)
    project.run("lock")
    told = project.run("sync", "--extra", "old", code=3).stderr
    assert "the rest of the project has aa==3.0" in told
    assert "constraint" not in told


@pytest.mark.parametrize("command", [("why",), ("tree",), ("tree", "--invert")])
def test_R11_a_query_about_what_is_not_shown_tells_which_parts_have_it(
    command: tuple[str, ...], project: Workspace
) -> None:
    write(project, '[["cpu", "gpu", "group:old"]]', "common")
    project.run("lock")
    done = project.refused(*command, "cuda", code=2, subject="`cuda` is locked only for what is not shown")
    assert "not shown: the extra `gpu`\n" in done.stderr
    assert "does not contain" not in done.stderr
    assert "torch 2.0" in project.run("sync", "--extra", "gpu", "--dry-run").stdout
    assert "`pipper sync --extra gpu --dry-run`" in done.stderr


def test_R11_a_part_with_another_version_than_those_before_it_is_not_shown(shared: Workspace) -> None:
    tables = SHARED.replace('cpu = ["x"]', 'cpu = ["x>=2"]').replace('js = ["x<2"]', 'js = ["x<2", "common"]')
    write(shared, TWO_SETS, "beta", tables=tables)
    shared.run("lock")
    done = shared.refused("why", "common", code=2, subject="`common` is locked only for what is not shown")
    assert "the extra `js`" in done.stderr
    assert "another version of a package" in done.stderr
