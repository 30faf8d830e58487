"""A graph of packages that depend on each other in levels, with one right answer that is known beforehand.

Each package has a `best` version. No solution holds a newer one, and all the best ones together are one: so a
resolver that prefers the newest must give exactly these. This holds because each package below the first
level has a `bounding` parent, one level up, which requires it in every version:

- the parent's best version admits the package up to its best version, and older versions of the parent admit
  no more than that, so by induction from the root nothing newer than the best can be chosen;
- all other requirements of best versions admit the best version.

Versions newer than the best ask for more than there can be: they are traps, and a resolver that tries them
has to come back.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.wheelhouse import make_wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One version of one package."""

    name: str
    version: str
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What to publish, what to ask for, and what must come out."""

    specs: tuple[Spec, ...]
    requirements: tuple[str, ...]
    answer: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    name: str
    level: int
    best: int
    bounding: str
    others: tuple[str, ...]


def make_graph(
    *, packages: int = 100, versions: int = 10, levels: int = 6, seed: int = 1, traps: float = 0.2
) -> Graph:
    """Make a graph of `packages` x `versions`; the same arguments give the same graph.

    Packages are spread evenly over `levels`; this share of them has a best version that is not its newest.
    """
    chance = random.Random(seed)
    table = _packages(chance, packages, versions, levels, traps)
    children: dict[str, list[_Package]] = {name: [] for name in table}
    for package in table.values():
        for parent in (package.bounding, *package.others):
            if parent:
                children[parent].append(package)
    specs = [
        Spec(
            name=package.name,
            version=_version(number),
            requires=_requires(package, number, children[package.name]),
        )
        for package in table.values()
        for number in range(versions)
    ]
    roots = [package for package in table.values() if not package.level]
    return Graph(
        specs=tuple(specs),
        requirements=tuple(f"{package.name}<={_version(package.best)}" for package in roots),
        answer={package.name: _version(package.best) for package in table.values()},
    )


def make_wheels(graph: Graph, directory: Path, *, modules: int = 1) -> list[Path]:
    """Write a wheel for every spec, with so many modules each, and return the paths in the order of specs."""
    return [
        make_wheel(
            directory,
            spec.name,
            spec.version,
            requires=spec.requires,
            files={f"{spec.name.replace('-', '_')}/{_module(n)}.py": _body(spec, n) for n in range(modules)},
        )
        for spec in graph.specs
    ]


def _packages(
    chance: random.Random, packages: int, versions: int, levels: int, traps: float
) -> dict[str, _Package]:
    table: dict[str, _Package] = {}
    for number in range(packages):
        level = number * levels // packages
        above = [package.name for package in table.values() if package.level == level - 1]
        higher = [package.name for package in table.values() if package.level < level]
        package = _Package(
            name=f"pack-{number:03}",
            level=level,
            best=chance.randrange(versions // 2, versions - 1) if chance.random() < traps else versions - 1,
            bounding=chance.choice(above) if above else "",
            others=tuple(chance.sample(higher, min(len(higher), chance.randrange(3)))),
        )
        table[package.name] = package
    return table


def _requires(package: _Package, number: int, children: list[_Package]) -> tuple[str, ...]:
    """What version `number` of `package` needs."""
    lines = []
    for child in children:
        if number > package.best:
            lines.append(f"{child.name}>{_version(child.best)}")
        elif child.bounding == package.name:
            behind = min((package.best - number) // 3, child.best)
            lines.append(f"{child.name}<={_version(child.best - behind)}")
        else:
            lines.append(f"{child.name}>={_version(max(0, child.best - 4))}")
    return tuple(sorted(set(lines)))


def _version(number: int) -> str:
    return f"{1 + number // 4}.{number % 4}.0"


def _module(number: int) -> str:
    return f"part_{number}" if number else "__init__"


def _body(spec: Spec, number: int) -> str:
    line = f"{spec.name} {spec.version} {number}"
    return f'VALUE = "{line}"\n' + "".join(f"def f_{n}():\n    return {n}\n\n\n" for n in range(40))
