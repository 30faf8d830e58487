"""Every command that can ask an index, and the names that none of them may ask it for."""

import json
import os
import sys
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cli.conftest import canary_server
from tests.commands import Completed, run_here
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.s3_double import Answer, BrokenBody, OtherBody, Rule, S3Double
from tests.wheelhouse import make_wheel

TRUNCATED = b"""<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>true</IsTruncated>\
<CommonPrefixes><Prefix>pipper/other/</Prefix></CommonPrefixes></ListBucketResult>"""

STATES = {
    "answers": (None, {0, 3}),
    "403": (Rule(operation="*", fault=Answer(status=403, code="AccessDenied"), times=float("inf")), {5}),
    "500": (Rule(operation="*", fault=Answer(status=500, code="InternalError"), times=float("inf")), {6}),
    "half a listing": (
        Rule(operation="ListObjectsV2", fault=BrokenBody(sent=200), times=float("inf")),
        {6},
    ),
    "half a listing, no token": (
        Rule(operation="ListObjectsV2", fault=OtherBody(body=TRUNCATED), times=float("inf")),
        {6},
    ),
}
"""What the repository does, and the exit codes that are right then."""

NAMES = ("held", "acme-nowhere", "gone")
"""In the repository; given to it by a pattern, and nowhere; locked from it, and no longer there."""

EVERY_NAME = bool(os.environ.get("PIPPER_NAMES_ALL"))
"""Try each name in every state; else each state that is a failure has one of them, another for each command."""

ONE = {
    "add": "add {name}",
    "add to a group": "add --group dev {name}",
    "install": "install {name}",
    "install -u": "install -u {name}",
    "install -t": "install -t new {name}",
    "install -t into an environment that has a manifest": "install -t made {name}",
    "install -u -t": "install -u -t made {name}",
    "install --python": "install --python {python} {name}",
    "install --user": "install --user --python {base} {name}",
    "install -i 0.x": "install -t new -i {name}.json",
    "install -i": "install -t new -i inputs/{name}.toml",
    "download": "download -d wheels {name}",
    "download -i 0.x": "download -d wheels -i {name}.json",
    "download -i": "download -d wheels -i inputs/{name}.toml",
    "authorize": "authorize {name}",
    "authorize -i": "authorize -i inputs/{name}.toml",
    "info": "info {name}",
    "info -t": "info -t made {name}",
    "info --python": "info --python {python} {name}",
    "repository copy": "repository copy {name} --from index --to file:mirror",
    "repository copy --deps": "repository copy {name} --deps --from index --to file:mirror",
}
"""Commands by what they show, for each of NAMES."""

WHOLE = {
    "lock": "lock",
    "lock -U": "lock -U",
    "lock -P": "lock -P held",
    "lock --as-of": "lock --as-of 2999-01-01",
    "lock, oldest": "lock --resolution lowest-direct",
    "outdated": "outdated",
    "outdated -t": "outdated -t made",
    "install -u": "install -u",
}

MANIFEST = """\
dependencies = ["held", "gone", "public"]
constraints = ["acme-constraint<2", "limit-constraint<2"]
overrides = ["acme-override==1", "limit-override==1"]

[optional-dependencies]
more = ["held", "extra-only"]

[dependency-groups]
dev = ["held", "group-only"]

[repositories]
acme = "URL"

[sources]
"acme-*" = "acme"
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """A project with private names, its repository in a bucket, and an index that has every name."""

    workspace: Workspace
    index: IndexDouble

    def run(self, line: str, name: str = "", *, cwd: str = "app") -> Completed:
        """Run a command whatever its exit code; the index is the one that the user's variables name."""
        root = self.workspace.root
        python, base = root / "env" / "bin" / "python", Path(sys.base_prefix) / "bin" / "python3"
        words = [word.format(name=name, python=python, base=base) for word in line.split()]
        env = {"PIPPER_INDEX_URL": self.index.url, "AWS_MAX_ATTEMPTS": "1"}
        done = run_here(*words, cwd=root / cwd, env={**self.workspace.environment, **env})
        assert "Traceback" not in done.stderr, done.stderr
        assert self.index.names() <= {"public"}, line
        return done


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexDouble]:
    folder = tmp_path_factory.mktemp("index")
    with IndexDouble() as double:
        double.add(make_wheel(folder, "public", "1.0"), **{"upload-time": "2026-01-01T00:00:00Z"})
        limits = (f"{kind}-{what}" for kind in ("acme", "limit") for what in ("constraint", "override"))
        for name in (*NAMES, "extra-only", "group-only", *limits):
            double.add(make_wheel(folder, name, "99.0"))
        yield double


@pytest.fixture(scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory, index: IndexDouble) -> Iterator[Workspace]:
    with canary_server() as server:
        bucket = server.endpoint.fresh_bucket()
        workspace = Workspace(root=tmp_path_factory.mktemp("private"), server=server, bucket=bucket)
        workspace.publish(
            *(workspace.wheel(name) for name in ("held", "gone", "other", "extra-only", "group-only"))
        )
        workspace.manifest.write_text(MANIFEST.replace("URL", workspace.url))
        for name in NAMES:
            _write_inputs(workspace, name)
        venv.EnvBuilder(symlinks=True).create(workspace.root / "env")
        world = World(workspace=workspace, index=index)
        for line in ("lock", "sync", "install -t made held gone public", "install -t kept public"):
            assert world.run(line).code == 0
        for key in server.contents(bucket):
            if "/gone/" in key:
                server.lose(bucket, key)
        yield workspace


def _write_inputs(workspace: Workspace, name: str) -> None:
    """Write a 0.x manifest and a manifest that ask for `name`: in the project, and in a folder without a project."""
    (workspace.app / f"{name}.json").write_text(json.dumps({"dependencies": [name]}))
    folder = workspace.app / "inputs"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(f"dependencies = [{name!r}]\n")


@pytest.fixture
def world(_template: Workspace, double: S3Double, index: IndexDouble, tmp_path: Path) -> World:
    """A project whose lock and whose environment `made` have `gone`, which the repository no longer holds."""
    assert _template.server
    double.adopt(_template.server)
    index.seen.clear()
    return World(workspace=replace(_template.copy(tmp_path / "w"), server=double), index=index)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", ONE)
def test_T01_T02_no_command_asks_the_index_for_a_private_name(
    world: World, double: S3Double, command: str, state: str
) -> None:
    rule, codes = STATES[state]
    double.script(*([rule] if rule else []))
    turn = [*ONE].index(command) + [*STATES].index(state)
    for name in NAMES if rule is None or EVERY_NAME else NAMES[turn % 3 :][:1]:
        done = world.run(ONE[command], name)
        expected = {3} if rule is None and name != "held" else codes
        if "--user" in command:
            expected = expected | {8}  # the Python of a system may not be changed
        assert done.code in expected, (name, done.code, done.stderr)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", WHOLE)
def test_T01_T02_no_command_on_the_whole_project_asks_the_index_for_a_private_name(
    world: World, double: S3Double, command: str, state: str
) -> None:
    rule, codes = STATES[state]
    double.script(*([rule] if rule else []))
    if command == "lock":
        codes = {0}  # it is up to date, so nobody is asked
    done = world.run(WHOLE[command])
    assert done.code in codes, (done.code, done.stderr)


@pytest.mark.parametrize("command", WHOLE)
def test_T01_only_public_names_of_a_project_reach_the_index(world: World, command: str) -> None:
    manifest = world.workspace.manifest
    manifest.write_text(manifest.read_text().replace('"gone", ', ""))
    for line in (WHOLE["lock"], WHOLE[command]):
        assert world.run(line).code == 0
    locked = tomllib.loads(world.workspace.lock.read_text())["packages"]
    sources = {each["name"]: each["source"] for each in locked}
    assert sources == {"public": "index", **dict.fromkeys(("held", "extra-only", "group-only"), "acme")}
    assert world.index.names() == {"public"}


@pytest.mark.parametrize("name", ["gone", "acme-nowhere"])
@pytest.mark.parametrize("only", ["extra-only", "group-only"])
def test_T01_T02_a_private_name_in_an_extra_or_a_group_is_not_asked_of_the_index(
    world: World, only: str, name: str
) -> None:
    manifest = world.workspace.manifest
    manifest.write_text(manifest.read_text().replace('"gone", ', "").replace(only, name))
    for command in ("lock", "lock -U", "add other", "install"):
        done = world.run(command)
        # What the lock took from a repository must stay in it. Of another name the lock can hold the reason.
        assert done.code == 3 or (name == "acme-nowhere" and done.code == 0), done.stderr
        assert f"no source has `{name}`" in done.stderr


@pytest.mark.parametrize("how", ["-t new", "-t kept", "--user --python {base}"])
def test_T01_an_environment_keeps_the_rules_of_the_project_around_it(world: World, how: str) -> None:
    done = world.run(f"install {how} other public")
    if done.code == 8 and "--user" in how:
        pytest.skip("the Python of this system may not be changed")
    assert done.code == 0, done.stderr
    places = [world.workspace.app / "new", world.workspace.app / "kept", world.workspace.root / "home"]
    (state,) = [
        path for place in places for path in place.rglob(".pipper/pipper.toml") if "other" in path.read_text()
    ]
    rules = tomllib.loads(state.read_text())
    locked = ("extra-only", "gone", "group-only", "held")
    assert rules["sources"] == {"acme-*": "acme", **dict.fromkeys(locked, "acme")}
    assert rules["repositories"] == {"acme": world.workspace.url}


@pytest.mark.parametrize("command", ["install -t ../app/new {name}", "info -t ../app/new {name}"])
def test_T01_what_an_environment_took_over_holds_where_no_project_is_around(
    world: World, command: str
) -> None:
    assert world.run("install -t new other public").code == 0
    (world.workspace.root / "app" / "pipper.toml").unlink()
    for name in NAMES:
        assert world.run(command, name, cwd="home").code == (0 if name == "held" else 3)


def test_T01_a_project_without_an_index_has_environments_without_one(world: World) -> None:
    manifest = world.workspace.manifest
    manifest.write_text("index = false\n" + manifest.read_text().replace(', "public"', ""))
    for command in ("install -t new public", "install -t made public", "info -t made public"):
        assert world.run(command).code == 3
    assert world.index.seen == []
    assert world.run("install -t new other").code == 0
    manifest.unlink()
    assert world.run("install -t app/new public", cwd=".").code == 3
    assert world.index.seen == []


def test_T01_the_index_of_the_project_is_that_of_its_environments(world: World) -> None:
    with IndexDouble() as own:
        own.add(make_wheel(world.workspace.root / "own", "public", "7.0"))
        manifest = world.workspace.manifest
        manifest.write_text(manifest.read_text() + f"[index]\nurl = '{own.url}'\n")
        assert world.run("install -t new public").code == 0
        assert world.run("install -t kept -u public").code == 0
    assert world.index.seen == []
    for folder in ("new", "kept"):
        assert world.workspace.installed(world.workspace.app / folder)["public"] == "7.0"


def test_T01_an_environment_in_a_project_has_its_rules_from_outside_too(world: World) -> None:
    for name in NAMES:
        assert world.run("install -t app/new {name}", name, cwd=".").code == (0 if name == "held" else 3)
        assert world.run("install --python app/.venv/bin/python {name}", name, cwd=".").code in (0, 3)


def test_T01_a_repository_given_with_an_option_does_not_open_the_index_to_names_of_the_others(
    world: World,
) -> None:
    workspace = world.workspace
    empty = workspace.root / "shelf"
    workspace.run("publish", workspace.wheel("alone"), "-b", empty.as_uri())
    for name in ("acme-nowhere", "gone"):
        for command in ("install -t new", "download -d wheels", "authorize", "info", "add"):
            assert world.run(f"{command} {{name}} -b {empty.as_uri()}", name).code == 3
    workspace.run("publish", workspace.wheel("acme-nowhere"), "-b", empty.as_uri())
    assert world.run(f"install -t new acme-nowhere -b {empty.as_uri()}").code == 0
    assert workspace.installed(workspace.app / "new") == {"acme_nowhere": "1.0.0"}
    assert world.run("install -t new acme-nowhere").code == 3


def test_T02_a_lock_with_a_merge_conflict_keeps_its_names_private(world: World) -> None:
    lock = world.workspace.lock
    text = lock.read_text()
    line = next(each for each in text.splitlines(keepends=True) if "public==1.0" in each)
    lock.write_text(text.replace(line, f"<<<<<<< ours\n{line}=======\n>>>>>>> theirs\n"))
    for command in ("download -d wheels gone", "install -t new gone", "authorize gone", "lock"):
        assert world.run(command).code == 3


def test_T02_a_lock_that_cannot_be_read_stops_what_would_ask_an_index(world: World) -> None:
    world.workspace.lock.write_text("what is this")
    for command in ("download -d wheels public", "install -t new public", "info public"):
        assert world.run(command).code == 2
    assert world.index.seen == []


def test_T02_sources_can_give_a_name_of_the_lock_to_the_index(world: World) -> None:
    manifest = world.workspace.manifest
    manifest.write_text(manifest.read_text() + 'gone = "index"\n')
    assert world.workspace.run("lock", "-U", env={"PIPPER_INDEX_URL": world.index.url}).code == 0
    assert world.index.names() == {"public", "gone"}


@pytest.mark.parametrize("command", ["install -t new", "install --python env/bin/python", "add"])
def test_T01_the_rules_of_a_manifest_come_with_its_requirements(
    world: World, command: str, tmp_path: Path
) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    manifest = world.workspace.manifest
    text = manifest.read_text().replace('"gone", ', "")
    (folder / "pipper.toml").write_text(text)
    manifest.unlink()
    place = world.workspace.root
    if command == "add":
        (place / "pipper.toml").write_text("dependencies = []\n")
    assert world.run(f"{command} -i {folder}/pipper.toml", cwd=".").code == 0
    assert world.run(f"{command} acme-nowhere", cwd=".").code == 3
    assert world.run(f"{command} held", cwd=".").code == 0


@pytest.mark.parametrize("command", ["install -t new", "add"])
def test_T01_the_rules_of_a_manifest_hold_for_a_repository_given_with_an_option_too(
    world: World, command: str, tmp_path: Path
) -> None:
    text = world.workspace.manifest.read_text().replace('"held", "gone", ', '"acme-nowhere", ')
    (tmp_path / "pipper.toml").write_text(text)
    world.workspace.manifest.write_text("dependencies = []\n")
    url = (world.workspace.root / "shelf").as_uri()
    world.workspace.run("publish", world.workspace.wheel("alone"), "-b", url)
    assert world.run(f"{command} -i {tmp_path}/pipper.toml -b {url}").code == 3


def test_T01_requirements_of_a_project_without_an_index_are_not_added_to_one_with_an_index(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "pipper.toml").write_text("dependencies = ['private']\nindex = false\n")
    done = world.run(f"add -i {tmp_path}/pipper.toml")
    assert done.code == 2
    assert "excludes the index" in done.stderr
    assert world.run(f"install -t new -i {tmp_path}/pipper.toml").code == 3
    assert world.index.seen == []


def test_T03_no_source_is_asked_for_the_name_of_the_project_itself(world: World, double: S3Double) -> None:
    workspace = world.workspace
    workspace.manifest.unlink()
    workspace.lock.unlink()
    for name in ("myproj", "plugin"):
        world.index.add(workspace.wheel(name, requires=["myproj[a]"] if name == "plugin" else []))
    workspace.publish(workspace.wheel("myproj", "2.0"), workspace.wheel("helper", requires=["myproj>=9"]))
    double.forget()
    (workspace.app / "pyproject.toml").write_text(
        f"""[project]
name = "MyProj"
version = "1"
dependencies = ["helper"]
[project.optional-dependencies]
a = ["held", "myproj[b]"]
b = ["public", "myproj[a]"]
[dependency-groups]
dev = ["myproj[b]", "plugin"]
[tool.pipper.repositories]
acme = "{workspace.url}"
"""
    )
    env = {"PIPPER_INDEX_URL": world.index.url}
    for command in ("lock", "sync --all-extras", "sync --check --all-extras"):
        workspace.run(*command.split(), env=env)
    assert workspace.locked().keys() == {"helper", "held", "public", "plugin"}
    assert double.count("GetObject", "*myproj*") == 0
    assert world.index.names() == {"public", "plugin"}
    published = workspace.root / "published"
    workspace.run("download", "-d", published, "myproj", env=env)
    assert [path.name for path in published.iterdir()] == ["myproj-2.0-py3-none-any.whl"]
    workspace.run("authorize", "-o", "pylock.toml", env=env)
    workspace.run("sync", "--lock", "pylock.toml", "-t", "exported", env=env)
    assert "myproj" not in workspace.installed(workspace.app / "exported")


def test_T03_the_own_name_is_asked_of_the_index_only_if_the_command_names_it(world: World) -> None:
    workspace = world.workspace
    workspace.manifest.unlink()
    workspace.lock.unlink()
    workspace.publish(workspace.wheel("plugin", requires=["myproj"]))
    world.index.add(workspace.wheel("myproj", "99.0"))
    (workspace.app / "pyproject.toml").write_text(
        f"[project]\nname = 'MyProj'\nversion = '1'\n[tool.pipper.repositories]\nacme = '{workspace.url}'\n"
    )
    commands = (
        "download -d wheels plugin",
        "authorize plugin",
        "repository copy plugin --deps --from acme --to file:away",
    )
    for command in commands:
        done = world.run(command)
        assert done.code == 3
        assert "no source has `myproj`" in done.stderr
    assert world.index.seen == []
    env = {"PIPPER_INDEX_URL": world.index.url}
    workspace.run("download", "-d", "named", "myproj", env=env)
    assert [path.name for path in (workspace.app / "named").iterdir()] == ["myproj-99.0-py3-none-any.whl"]


def test_T03_a_lock_that_took_the_own_name_from_the_index_is_made_again_without_it(world: World) -> None:
    workspace = world.workspace
    workspace.manifest.unlink()
    workspace.lock.unlink()
    world.index.add(workspace.wheel("myproj"))
    project = workspace.app / "pyproject.toml"
    text = f"""[project]
name = "NAME"
version = "1"
dependencies = ["public"]
optional-dependencies = {{ a = ["held"], all = ["myproj"] }}
[tool.pipper.repositories]
acme = "{workspace.url}"
"""
    env = {"PIPPER_INDEX_URL": world.index.url}
    project.write_text(text.replace("NAME", "another"))
    workspace.run("lock", env=env)
    assert "myproj" in workspace.locked()
    world.index.seen.clear()
    project.write_text(text.replace("NAME", "myproj"))
    workspace.run("lock", env=env)
    assert world.index.names() == {"public"}
    assert workspace.locked().keys() == {"public", "held"}


@pytest.mark.parametrize("source", ["{ path = '../lib' }", "{ workspace = true }", "{ index = 'inner' }"])
def test_T04_what_uv_takes_from_elsewhere_is_not_asked_of_the_index(world: World, source: str) -> None:
    workspace = world.workspace
    workspace.manifest.unlink()
    workspace.lock.unlink()
    project = workspace.app / "pyproject.toml"
    text = f"""[project]
name = "app"
version = "1"
dependencies = ["public", "held"]
optional-dependencies = {{ a = ["Acme_Nowhere"] }}
[tool.uv.sources]
acme-nowhere = {source}
held = {source}
[tool.pipper.repositories]
acme = "{workspace.url}"
"""
    project.write_text(text)
    done = world.run("lock")  # the extra has no solution, and the rest has
    assert done.code == 0
    assert "`acme-nowhere` comes from" in done.stderr
    for line in (
        "download -d wheels acme-nowhere",
        "install -t new acme-nowhere",
        "info acme-nowhere",
    ):
        done = world.run(line)
        assert done.code == 2, line
        assert "`acme-nowhere` comes from" in done.stderr
    assert world.run("info held").code == 0
    project.write_text(text + '[tool.pipper.sources]\nacme-nowhere = "index"\n')
    workspace.run("lock", env={"PIPPER_INDEX_URL": world.index.url})
    assert "acme-nowhere" in workspace.locked()
