"""Projects that a command touches besides its own: their private names are not asked of the index either."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import Completed, run_here
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.sdists import make_backend
from tests.wheelhouse import make_wheel

PRIVATE = {
    "gone": "",
    "of-workspace": "[workspace]\nmembers = ['libs/*']\n",
    "by-path": "[sources]\nby-path = { path = 'by-path' }\n",
    "lib": "",
    "uv-git": "",
    "uv-file": "",
    "acme-x": "[sources]\n'acme-*' = 'acme'\n",
}
"""Names that the project in `lib` keeps from the index, and what its own tables say of them."""

FILES = ("pipper.toml", "pyproject.toml", "pipper.json")
COMMANDS = {
    "install -t": "install -t new -i ../lib/{file}",
    "add": "add -i ../lib/{file}",
    "download": "download -d wheels -i ../lib/{file}",
    "authorize": "authorize -i ../lib/{file}",
}
UV_GIT = "{ git = 'https://git.example.com/x' }"
BUILD = "[build-system]\nrequires = [{}]\nbuild-backend = 'tiny_backend'\n"


@dataclass(frozen=True, kw_only=True)
class World:
    """The folder `app` with a project, folders beside it, and an index that has every name."""

    workspace: Workspace
    index: IndexDouble

    def run(self, line: str, *, cwd: str = "app") -> Completed:
        """Run a command whatever its exit code; the index is asked for nothing but `public` and what carries others."""
        workspace = self.workspace
        env = {**workspace.environment, "PIPPER_INDEX_URL": self.index.url}
        done = run_here(*line.split(), cwd=workspace.root / cwd, env=env)
        assert "Traceback" not in done.stderr, done.stderr
        public = ("public", "carrier-", "tiny-build")
        assert not {name for name in self.index.names() if not name.startswith(public)}, line
        return done

    def write(self, path: str, text: str) -> None:
        """Write a file below the root."""
        place = self.workspace.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def project(
        self, folder: str, name: str, *requires: str, build: str = "'tiny-build'", more: str = ""
    ) -> None:
        """Write a `pyproject.toml`."""
        text = f"[project]\nname = '{name}'\nversion = '1'\ndependencies = {list(requires)}\n"
        self.write(f"{folder}/pyproject.toml", text + BUILD.format(build) + more)

    def make_lib(self, name: str, *, file: str, asks: str) -> None:
        """Write the project in `lib`, which keeps `name` private, and whose manifest requires `asks`."""
        self.project("lib/libs/m", "of-workspace")
        self.project("lib/by-path", "by-path")
        own = f"[repositories]\nacme = 'file:../repository'\n{PRIVATE[name]}"
        uv = f"[tool.uv.sources]\nuv-git = {UV_GIT}\n" if name == "uv-git" else ""
        if name == "uv-file":
            self.write("lib/uv.toml", f"[sources]\nuv-file = {UV_GIT}\n")
        if name == "gone":
            self.write("lib/pipper.lock", self.lock_of("gone"))
        requires = f"dependencies = ['{asks}']\n"
        head = "[project]\nname = 'lib'\nversion = '1'\n"
        if file == "pyproject.toml":
            inner = own.replace("\n[", "\n[tool.pipper.").replace("[repos", "[tool.pipper.repos", 1)
            self.write("lib/pyproject.toml", f"{head}{requires}{uv}{inner}")
        else:
            self.write("lib/pyproject.toml", f"{head}{uv}")
            self.write("lib/pipper.toml", requires + own)
            self.write("lib/pipper.json", f'{{"dependencies": ["{asks}"]}}')

    def lock_of(self, name: str) -> str:
        """Return a lock that took a name from a repository, which other projects do not have."""
        workspace = self.workspace
        workspace.run("publish", workspace.wheel(name), "-b", (workspace.root / "full").as_uri())
        self.write("past/pipper.toml", f"dependencies = ['{name}']\n[repositories]\nacme = 'file:../full'\n")
        assert self.run("lock", cwd="past").code == 0
        return (workspace.root / "past" / "pipper.lock").read_text()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexDouble]:
    folder = tmp_path_factory.mktemp("index")
    with IndexDouble() as double:
        double.add(make_wheel(folder, "public", "1.0"))
        double.add(make_backend(folder))
        for name in (*PRIVATE, "sibling", "theproj", "acme-build", "held"):
            double.add(make_wheel(folder, name, "99.0"))
            double.add(make_wheel(folder, f"carrier-{name}", "1.0", requires=[name]))
        yield double


@pytest.fixture
def world(tmp_path: Path, index: IndexDouble) -> World:
    workspace = Workspace(root=tmp_path / "w")
    index.seen.clear()
    workspace.publish(workspace.wheel("held"))
    workspace.manifest.write_text("dependencies = []\n[repositories]\nother = 'file:../repository'\n")
    return World(workspace=workspace, index=index)


@pytest.mark.parametrize("asks", ["{}", "carrier-{}"])
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", PRIVATE)
def test_T01_T02_T04_no_command_with_a_file_of_another_project_asks_for_its_private_names(
    world: World, name: str, file: str, asks: str
) -> None:
    if name == "lib" and file == "pipper.toml":
        pytest.skip("a pipper.toml has no name")
    world.make_lib(name, file=file, asks=asks.format(name))
    for command, line in COMMANDS.items():
        done = world.run(line.format(file=file))
        # Its own lock takes members from their folders, and does not need itself.
        is_at_hand = name == "lib" or (
            name in ("of-workspace", "by-path") and command in ("download", "authorize")
        )
        assert done.code in (2, 3) or (is_at_hand and file != "pipper.json"), (command, done.stderr)


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize("file", FILES[:2])
def test_T01_T02_T04_what_a_file_of_another_project_keeps_private_stays_so_where_its_requirements_went(
    world: World, name: str, file: str
) -> None:
    if name == "lib" and file == "pipper.toml":
        pytest.skip("a pipper.toml has no name")
    world.make_lib(name, file=file, asks="public")
    for first, then in (
        (COMMANDS["install -t"], "install -t new {}"),
        (COMMANDS["add"], "add {}"),
    ):
        assert world.run(first.format(file=file)).code == 0
        for asked in (name, f"carrier-{name}"):
            assert world.run(then.format(asked)).code == 3, asked
    assert world.run("add held").code == 0


@pytest.mark.parametrize("place", ["uv.toml", "[tool.uv.sources]"])
@pytest.mark.parametrize(("cwd", "file"), [("app", "sub/pipper.json"), ("app/sub", "pipper.json")])
def test_T04_a_file_in_a_folder_of_the_project_is_read_with_what_is_beside_it(
    world: World, place: str, cwd: str, file: str
) -> None:
    world.write("app/sub/pipper.json", '{"dependencies": ["uv-file"]}')
    if place == "uv.toml":
        world.write("app/sub/uv.toml", "[[index]]\nurl = 'https://index.example.com/corp/simple'\n")
    else:
        uv = f"[project]\nname = 'sub'\nversion = '1'\n[tool.uv.sources]\nuv-file = {UV_GIT}\n"
        world.write("app/sub/pyproject.toml", uv)
    done = world.run(f"install -i {file}", cwd=cwd)
    assert done.code == 2
    assert "the index must not receive names that may be private" in done.stderr
    assert world.run(f"install -t new -i {file}", cwd=cwd).code == 2


def test_T04_a_place_of_a_group_that_is_not_added_does_not_stop_an_edit(world: World) -> None:
    world.make_lib("uv-git", file="pyproject.toml", asks="public")
    assert world.run("add -i ../lib/pyproject.toml").code == 0
    assert tomllib.loads(world.workspace.manifest.read_text())["private"] == ["lib", "uv-git"]


@pytest.mark.parametrize("command", ["bundle ../lib", "bundle"])
@pytest.mark.parametrize("place", ["[tool.uv.sources]", "uv.toml", "its own name"])
def test_T01_T04_a_build_of_another_folder_asks_for_none_of_its_private_names(
    world: World, command: str, place: str
) -> None:
    needs = {"its own name": "'tiny-build', 'carrier-lib'"}.get(place, "'tiny-build', 'acme-build'")
    uv = f"[tool.uv.sources]\nacme-build = {UV_GIT}\n" if place == "[tool.uv.sources]" else ""
    folder = "app/inner" if command == "bundle" else "lib"
    world.project(folder, "lib", build=needs, more=uv)
    if place == "uv.toml":
        world.write(f"{folder}/uv.toml", f"[sources]\nacme-build = {UV_GIT}\n")
    done = world.run(command, cwd="app/inner" if folder == "app/inner" else "app")
    assert done.code in (2, 3), done.stderr


def test_T03_the_build_of_a_member_does_not_ask_for_the_name_of_the_project(world: World) -> None:
    workspace = world.workspace
    workspace.manifest.unlink()
    world.write(
        "app/pyproject.toml",
        "[project]\nname = 'theproj'\nversion = '1'\ndependencies = ['m']\n"
        "[tool.pipper.sources]\nm = { path = 'm' }\n",
    )
    world.project("app/m", "m", build="'tiny-build', 'carrier-theproj'")
    assert world.run("lock").code == 0
    done = world.run("sync")
    assert done.code == 3
    assert "no source has `theproj`" in done.stderr


@pytest.mark.parametrize("cwd", ["app", "home", "mono", "mono/libs/a"])
@pytest.mark.parametrize("command", ["download -d wheels", "authorize", "install -t new", "add"])
def test_T01_the_workspace_above_a_file_counts_wherever_the_command_is_given(
    world: World, cwd: str, command: str
) -> None:
    world.project(
        "mono/libs/a", "a", "sibling", more="[tool.pipper.repositories]\nacme = 'file:../../../repository'\n"
    )
    world.project("mono/libs/b", "sibling")
    world.write(
        "mono/pipper.toml",
        "dependencies = []\n[repositories]\nacme = 'file:../repository'\n[workspace]\nmembers = ['libs/*']\n",
    )
    done = world.run(f"{command} -i {world.workspace.root}/mono/libs/a/pyproject.toml", cwd=cwd)
    assert done.code in (2, 3) or cwd.startswith("mono"), done.stderr


@pytest.mark.parametrize("where", ["app", "home"])
def test_T02_a_copy_by_a_pylock_asks_the_index_for_no_name_that_comes_from_elsewhere(
    world: World, where: str
) -> None:
    world.write(
        "lib/pipper.toml", "dependencies = ['held', 'public']\n[repositories]\nacme = 'file:../repository'\n"
    )
    assert world.run("lock", cwd="lib").code == 0
    assert world.run("export -o pylock.toml", cwd="lib").code == 0
    text = (world.workspace.root / "lib" / "pylock.toml").read_text()
    path = next(part for part in text.split('"') if part.startswith("../repository"))
    for name, url in {
        "bucket.toml": path.replace("../repository", "https://acme.example.com/pipper"),
        "signed.toml": "https://acme.example.com/x.whl?X-Amz-Signature=1",
    }.items():
        world.write(f"locks/{name}", text.replace(f'path = "{path}"', f'url = "{url}"'))
    named = text.replace('name = "held"', 'name = "held"\nindex = "https://acme.example.com/simple"')
    world.write("locks/named.toml", named)
    world.write("locks/pylock.toml", text)
    locks = ("bucket.toml", "signed.toml", "named.toml", "pylock.toml")
    for lock in ("lib/pipper.lock", *(f"locks/{each}" for each in locks)):
        mirror = f"mirror-{lock.replace('/', '-')}"
        done = world.run(f"repository copy --lock ../{lock} --from index --to file:{mirror}", cwd=where)
        assert done.code == 0, (lock, done.stderr)
        pages = (world.workspace.root / where / mirror).glob("*/index.json")
        assert {path.parent.name for path in pages} == {"public"}, lock
        assert lock == "lib/pipper.lock" or "from another source: held" in done.stderr


def test_T02_an_environment_keeps_names_whose_repository_the_manifest_does_not_have(world: World) -> None:
    workspace = world.workspace
    workspace.manifest.write_text("dependencies = ['held']\n")
    assert world.run("lock -b file:../repository").code == 0
    assert world.run("install -t ../opt/env public").code == 0
    (workspace.root / "opt" / "pipper.toml").write_text("dependencies = []\n")
    assert world.run("install -t env held", cwd="opt").code == 3
    assert world.run("install -t env carrier-held", cwd="opt").code == 3
