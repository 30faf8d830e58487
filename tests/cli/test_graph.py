"""A private graph of 100 packages with 10 versions each, six levels deep, whose right answer is known."""

import random
import tomllib
from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.graph import Graph, make_graph, make_wheels


@pytest.fixture(scope="module")
def graph() -> Graph:
    return make_graph(packages=100, versions=10, levels=6)


@pytest.fixture(scope="module")
def wheels(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_wheels(graph, tmp_path_factory.mktemp("wheels"))


def project(app: Path, repository: Path, graph: Graph) -> None:
    app.mkdir(exist_ok=True)
    wanted = "".join(f'    "{requirement}",\n' for requirement in graph.requirements)
    (app / "pipper.toml").write_text(
        f'dependencies = [\n{wanted}]\nindex = false\n\n[repositories]\nacme = "{repository.as_uri()}"\n'
    )


def test_the_graph_is_as_large_as_it_claims(graph: Graph) -> None:
    assert len(graph.answer) == 100
    assert len(graph.specs) == 1000
    assert len(set(graph.answer.values())) > 1


def test_a_graph_of_100_packages_is_solved_right(graph: Graph, wheels: list[Path], tmp_path: Path) -> None:
    solved_right(graph, wheels, tmp_path)


def solved_right(graph: Graph, wheels: list[Path], folder: Path) -> bytes:
    """Publish and lock in `folder`, where the answer must be the graph's; return the lock."""
    app = folder / "app"
    project(app, folder / "repository", graph)
    run_pipper("publish", *wheels, cwd=app)
    run_pipper("lock", cwd=app)
    lock = (app / "pipper.lock").read_bytes()
    packages = tomllib.loads(lock.decode())["packages"]
    assert {package["name"]: package["version"] for package in packages} == graph.answer
    return lock


def test_the_order_of_publishing_changes_no_byte_of_the_lock(tmp_path: Path) -> None:
    graph = make_graph(packages=30, versions=6, levels=6)
    wheels = make_wheels(graph, tmp_path / "wheels")
    first = solved_right(graph, wheels, tmp_path)
    repository, app = tmp_path / "repository", tmp_path / "app"
    repository.rename(tmp_path / "as-published-first")
    (app / "pipper.lock").unlink()
    shuffled = random.Random(7).sample(wheels, len(wheels))
    for start in range(0, len(shuffled), 45):
        run_pipper("publish", *shuffled[start : start + 45], cwd=app)
    run_pipper("lock", cwd=app)
    assert (app / "pipper.lock").read_bytes() == first


def test_a_synced_graph_is_what_was_locked(graph: Graph, wheels: list[Path], tmp_path: Path) -> None:
    best = [
        wheel
        for wheel, spec in zip(wheels, graph.specs, strict=True)
        if graph.answer[spec.name] == spec.version
    ]
    app = tmp_path / "app"
    project(app, tmp_path / "repository", graph)
    run_pipper("publish", *best, cwd=app)
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    sites = (app / ".venv").glob("[Ll]ib*/**/site-packages")
    installed = {path.name for site in sites for path in site.glob("pack_*.dist-info")}
    assert installed == {
        f"{name.replace('-', '_')}-{version}.dist-info" for name, version in graph.answer.items()
    }
