"""How much processor time `solve` takes on graphs in memory: `python -m tests.benchmarks.bench_solver`."""

import argparse
import cProfile
import gc
import pstats
import random
import time
from typing import Any

from packaging.requirements import Requirement

from pipper.core.manifest.root_label import PROJECT
from pipper.errors import NoSolutionError
from pipper.solve.request import SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import solve
from tests.fake_source import LINUX, FakeSource
from tests.graph import make_graph

MARKERS = ("", "", "", '; python_version >= "3.8"', '; sys_platform == "win32"', '; extra == "more"')


def layered(packages: int, versions: int, layers: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Return a graph in which layer n requires layer n + 1, mostly by lower bounds, and its roots."""
    chance = random.Random(seed)
    names = [f"package-{number:03}" for number in range(packages)]
    size = -(-packages // layers)
    graph: dict[str, Any] = {}
    for place, name in enumerate(names):
        below = names[(place // size + 1) * size :][: 2 * size]
        wanted = chance.sample(below, min(len(below), chance.randint(2, 5)))
        graph[name] = {}
        for minor in range(versions):
            requires = []
            for other in wanted:
                floor = max(0, minor - chance.randint(0, 10))
                ceiling = f",<{minor + versions // 2 + 2}" if chance.random() < 0.3 else ""
                requires.append(
                    f"{other}>=1.{floor}{ceiling and ceiling.replace('<', '<1.')}" + chance.choice(MARKERS)
                )
            graph[name][f"1.{minor}"] = {"requires": requires, "extras": ["more"]}
    return graph, names[:size]


def exponential(width: int) -> tuple[dict[str, Any], list[str]]:
    """Return a pigeonhole: `width` + 1 projects of which no two may take the same of `width` versions."""
    graph: dict[str, Any] = {}
    for project in range(width + 1):
        graph[f"pigeon-{project}"] = {
            str(hole): {"requires": [f"hole-{hole}=={project}"]} for hole in range(1, width + 1)
        }
    for hole in range(1, width + 1):
        graph[f"hole-{hole}"] = {str(project): {} for project in range(width + 1)}
    return graph, [f"pigeon-{project}" for project in range(width + 1)]


def trapped(packages: int, versions: int) -> tuple[dict[str, Any], list[str]]:
    """Return a graph in levels, where a fifth of the projects have newer versions that nothing can meet."""
    made = make_graph(packages=packages, versions=versions, levels=8)
    graph: dict[str, Any] = {}
    for spec in made.specs:
        graph.setdefault(spec.name, {})[spec.version] = {"requires": list(spec.requires)}
    return graph, list(made.requirements)


def hopeless(depth: int, width: int) -> tuple[dict[str, Any], list[str]]:
    """Return a chain of `depth` projects whose last one excludes the only usable version of a root."""
    graph: dict[str, Any] = {
        f"link-{place}": {str(n): {"requires": [f"link-{place + 1}"]} for n in range(width)}
        for place in range(depth)
    }
    graph[f"link-{depth}"] = {str(n): {"requires": ["root!=1"]} for n in range(width)}
    graph["root"] = {"1": {}, "2": {"requires": ["nowhere"]}}
    return graph, ["link-0", "root"]


def measure(title: str, graph: dict[str, Any], roots: list[str], profile: bool) -> None:
    """Print the least of three rounds, or the first if it is long."""
    request = SolveRequest(target=LINUX, roots={PROJECT: tuple(Requirement(root) for root in roots)})
    profiler = cProfile.Profile()
    least, outcome = float("inf"), ""
    for _ in range(1 if profile else 3):
        router = SourceRouter([FakeSource("index", graph)])
        gc.collect()
        start = time.process_time()
        if profile:
            profiler.enable()
        try:
            outcome = f"{len(solve(request, router).pins)} pins"
        except NoSolutionError as error:
            outcome = error.message
        profiler.disable()
        least = min(least, time.process_time() - start)
        if least > 3:
            break
    print(f"{title:<36} {least:8.3f} s   {outcome}")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    for packages, versions in ((113, 10), (97, 30), (387, 30), (1000, 30)):
        size = f"{packages} projects x {versions} versions"
        measure(f"layered, {size}", *layered(packages, versions, 8, options.seed), options.profile)
        measure(f"traps, {size}", *trapped(packages, versions), options.profile)
    measure("hopeless chain of 30", *hopeless(30, 10), options.profile)
    for width in (5, 6, 7, 9):
        measure(f"pigeonhole, {width + 1} in {width}", *exponential(width), options.profile)


if __name__ == "__main__":
    main()
