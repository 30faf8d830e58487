"""Further indexes (`[indexes]`): each is asked for the names that `[sources]` gives to it, and for nothing else."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import Completed
from tests.index_double import IndexDouble, Style
from tests.invariants import Workspace
from tests.wheelhouse import make_wheel

MANIFEST = """\
dependencies = ["torch", "public", "mine"]

[repositories]
acme = "file:../repository"

[indexes]
pytorch = "URL"

[sources]
torch = "pytorch"
"nvidia-*" = "pytorch"
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """A project with a repository, the index of the user's variables, and a further one with builds of its own."""

    workspace: Workspace
    index: IndexDouble
    further: IndexDouble

    def run(self, *words: str | Path, code: int = 0) -> Completed:
        """Run a command in the project."""
        return self.workspace.run(*words, env={"PIPPER_INDEX_URL": self.index.url}, code=code)


@pytest.fixture
def world(empty: Workspace) -> Iterator[World]:
    with IndexDouble() as index, IndexDouble(Style(hashes=False, sizes=False)) as further:
        for each in (index, further):
            folder = empty.root / f"of-{id(each)}"
            each.add(make_wheel(folder, "torch", "2.1", requires=["nvidia-cublas", "public"]))
            each.add(make_wheel(folder, "nvidia-cublas", "12.0"))
            each.add(make_wheel(folder, "public", "1.0"))
            each.add(make_wheel(folder, "mine", "99.0"))
        further.add(make_wheel(empty.root / "more", "torch", "2.1+cpu", requires=["nvidia-cublas", "public"]))
        empty.publish(empty.wheel("mine"))
        empty.manifest.write_text(MANIFEST.replace("URL", further.url))
        yield World(workspace=empty, index=index, further=further)


def test_R11_a_further_index_serves_the_names_that_sources_gives_to_it(world: World) -> None:
    world.run("lock")
    assert world.workspace.locked() == {
        "mine": "1.0.0",
        "nvidia-cublas": "12.0",
        "public": "1.0",
        "torch": "2.1+cpu",
    }
    assert world.index.names() == {"public"}
    assert world.further.names() == {"torch", "nvidia-cublas"}
    lock = tomllib.loads(world.workspace.lock.read_text())
    assert lock["inputs"]["indexes"] == {"pytorch": world.further.url}
    sources = {package["name"]: package["source"] for package in lock["packages"]}
    assert sources == {"mine": "acme", "nvidia-cublas": "pytorch", "public": "index", "torch": "pytorch"}
    assert all("sha256" in wheel for package in lock["packages"] for wheel in package["wheels"])


def test_R11_what_was_locked_from_a_further_index_is_installed_exported_and_kept(world: World) -> None:
    world.run("lock")
    before = world.workspace.lock.read_bytes()
    world.further.seen.clear()
    world.run("sync")
    assert world.workspace.installed()["torch"] == "2.1+cpu"
    world.run("sync", "--check", "--verify")
    world.run("lock")
    assert world.workspace.lock.read_bytes() == before
    assert "torch==2.1+cpu" in world.run("export", "-f", "requirements").stdout
    assert "2.1+cpu" in world.run("info", "torch").stdout
    world.run("download", "-d", "wheels")
    assert any(path.name.startswith("torch-2.1+cpu") for path in (world.workspace.app / "wheels").iterdir())
    assert world.further.names() <= {"torch", "nvidia-cublas"}


def test_R11_another_url_makes_the_lock_out_of_date(world: World) -> None:
    world.run("lock")
    manifest = world.workspace.manifest
    manifest.write_text(manifest.read_text().replace(world.further.url, world.index.url))
    assert "indexes is" in world.run("lock", "--check", code=1).stdout
    world.run("lock")
    assert world.workspace.locked()["torch"] == "2.1"
    assert "nvidia-cublas" in world.index.names()


def test_R11_a_further_index_needs_no_index(world: World) -> None:
    manifest = world.workspace.manifest
    text = manifest.read_text().replace('"torch", ', '"nvidia-cublas", ').replace('"public", ', "")
    manifest.write_text("index = false\n" + text)
    world.run("lock")
    assert world.workspace.locked() == {"mine": "1.0.0", "nvidia-cublas": "12.0"}
    assert world.index.seen == []


def test_R11_a_name_that_moves_to_the_index_is_not_private(world: World) -> None:
    world.run("lock")
    manifest = world.workspace.manifest
    manifest.write_text(manifest.read_text().replace('torch = "pytorch"\n', ""))
    world.run("lock", "-P", "torch")
    assert world.workspace.locked()["torch"] == "2.1"


def test_R11_an_environment_takes_the_further_indexes_of_its_project_over(world: World) -> None:
    world.run("install", "-t", "out", "torch")
    rules = tomllib.loads((world.workspace.app / "out" / ".pipper" / "pipper.toml").read_text())
    assert rules["indexes"] == {"pytorch": world.further.url}
    world.workspace.manifest.unlink()
    world.run("install", "-t", "out", "-u", "torch")
    assert "torch" not in world.index.names()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[indexes]\nacme = "https://index.example.com/simple"\n', "`acme` is the alias of a repository too"),
        ('[indexes]\nindex = "https://index.example.com/simple"\n', "`index` cannot be an alias"),
        ('[indexes]\nx = "https://me:secret@index.example.com/simple"\n', "credentials are not allowed"),
        ('[indexes]\nx = "s3://bucket"\n', "not the URL of an index"),
        ("[indexes]\nx = 1\n", "indexes.x"),
        ('[sources]\nfoo = "nowhere"\n', "`nowhere` is not a source of this manifest"),
    ],
)
def test_R11_a_wrong_entry_is_refused_with_its_place(empty: Workspace, more: str, said: str) -> None:
    empty.write_manifest("alpha", more=more)
    done = empty.run("lock", code=2)
    assert done.stderr.startswith("error: pipper.toml: ")
    assert said in done.stderr
    assert "secret" not in done.stderr
