"""Small graphs by chance, and a solver that tries everything: what `pipper.solve` is held against.

The rules are read off the standards, not off the code: versions and pre-releases of PEP 440, markers and
extras of PEP 508, yanked releases of PEP 592, tags of PEP 425 for the two targets below.

    python -m tests.chance_graphs 200        prints a digest of what is found for each of so many graphs
"""

import hashlib
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.constraints import parse_as_of
from pipper.core.manifest.declared import synthesised
from pipper.core.manifest.model import Manifest
from pipper.core.reporter import Reporter
from pipper.core.target import Target
from pipper.errors import NoSolutionError
from pipper.ops.lock.assemble import assemble
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.preferred import Preferred
from pipper.ops.lock.resolve import Solutions, resolve, solve_request
from pipper.ops.lock.targets import Goal
from pipper.solve.router import SourceRouter
from tests.fake_source import LINUX, FakeSource

WINDOWS = synthesised("cp312-win_amd64", "3.12.4")
TARGETS = (LINUX, WINDOWS)
AS_OF = parse_as_of("2024-06-01", where="as-of")

_VERSIONS = ("1.0", "1.1.post1", "2.0rc1", "2.0", "2.0+local", "3.0.dev1", "3.0")
_BOUNDS = (
    "==1.0", "==2.0", "==2.*", "!=2.0", "!=1.*", "~=1.0", ">=2.0rc1", ">=2.0", "<2.0", "<=2.0", ">1.0", ">=3.0.dev1",
)  # fmt: skip
_MARKERS = (
    "sys_platform == 'win32'", "sys_platform == 'linux'", "python_version >= '3.12'", "extra == 'x'",
    "extra == 'y'", "extra == 'x' and sys_platform == 'linux'", "extra == 'x' or extra == 'y'",
)  # fmt: skip
_TAGS = {
    "py3-none-any": {LINUX.name, WINDOWS.name},
    "cp311-cp311-manylinux_2_17_x86_64": {LINUX.name},
    "cp312-cp312-win_amd64": {WINDOWS.name},
    "cp39-abi3-win_amd64": {WINDOWS.name},
    "cp310-cp310-macosx_11_0_arm64": set(),
}
"""Tags, and the targets they fit."""

Contents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""As `FakeSource` takes it."""
Pins = Mapping[str, str]
_NOTHING: Pins = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceGraph:
    """Projects of two sources, and what is asked of them."""

    private: Contents
    public: Contents
    roots: Sequence[str]
    constraints: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    dated: bool
    """Whether what was uploaded after `AS_OF` is left out."""

    @property
    def held(self) -> Contents:
        """The projects as they are found: the repository goes before the index."""
        return {**self.public, **self.private}

    def turned(self) -> "ChanceGraph":
        """The same with every list and table the other way round."""
        return ChanceGraph(**{name: _turned(getattr(self, name)) for name in self.__slots__})


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(content) for key, content in reversed(value.items())}
    return value[::-1] if isinstance(value, list) else value


def make_graph(chance: random.Random) -> ChanceGraph:
    """Make a graph; the same numbers give the same graph."""
    names = list("abcde")[: chance.randint(2, 5)]
    private = [name for name in names if not chance.randint(0, 3)]
    held = {name: _releases(chance, names) for name in names if chance.randint(0, 19)}
    return ChanceGraph(
        private={name: releases for name, releases in held.items() if name in private},
        public={name: _releases(chance, names) if name in private else held[name] for name in held},
        roots=[_requirement(chance, names) for _ in range(chance.randint(1, 3))],
        constraints=[chance.choice(names) + chance.choice(_BOUNDS) for _ in range(chance.randint(0, 1))],
        groups={"dev": [_requirement(chance, names)]} if chance.randint(0, 1) else {},
        dated=not chance.randint(0, 3),
    )


def _releases(chance: random.Random, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    versions = chance.sample(_VERSIONS, chance.randint(2, 5))
    return {version: _content(chance, names) for version in versions}


def _content(chance: random.Random, names: Sequence[str]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "requires": [_requirement(chance, names) for _ in range(chance.choice([0, 1, 1, 2, 3]))],
        "extras": ["x", "y"],
        "tags": chance.sample(sorted(_TAGS), 2) if not chance.randint(0, 4) else ["py3-none-any"],
        "uploaded": chance.choice(["2024-05-01T00:00:00+00:00"] * 3 + ["2024-07-01T00:00:00+00:00"]),
    }
    if not chance.randint(0, 4):
        content["yanked"] = "broken"
    if not chance.randint(0, 5):
        content[chance.choice(["python", "metadata-python"])] = chance.choice(
            [">=3.12", "<3.12", ">=3.11.4,!=3.12.1"]
        )
    return content


def _requirement(chance: random.Random, names: Sequence[str]) -> str:
    text = chance.choice(names)
    if not chance.randint(0, 3):
        text += f"[{','.join(chance.sample(['x', 'y'], chance.randint(1, 2)))}]"
    text += ",".join(chance.sample(_BOUNDS, chance.choice([0, 0, 1, 1, 2])))
    return text + (f"; {chance.choice(_MARKERS)}" if chance.randint(0, 1) else "")


def locked(graph: ChanceGraph, targets: Sequence[Target] = TARGETS) -> tuple[str, Solutions | None]:
    """Lock a graph; return the bytes of the lock or all of the error, and the solutions if there are."""
    manifest = Manifest(
        dependencies=tuple(map(Requirement, graph.roots)),
        groups={name: tuple(map(Requirement, texts)) for name, texts in graph.groups.items()},  # type: ignore[misc]  # normalised by their nature
        constraints=tuple(map(Requirement, graph.constraints)),
        as_of=AS_OF if graph.dated else None,
    )
    router = SourceRouter(
        [FakeSource("acme", _plain(graph.private)), FakeSource("index", _plain(graph.public))]
    )
    goals = [Goal(target=target, required=place == 0) for place, target in enumerate(targets)]
    try:
        request = solve_request(manifest, targets[0], LockOptions(as_of=manifest.as_of), unmanaged={})
        required = frozenset(manifest.groups)
        solutions = resolve(request, Preferred(), goals, router, Reporter(), required)
    except NoSolutionError as error:
        return f"{error.message}\n{error.cause}\n{error.hint}", None
    lock = assemble(manifest.inputs(), {}, solutions)
    check_consistency(lock)
    return dump_lock(lock), solutions


def _plain(contents: Contents) -> dict[str, dict[str, dict[str, Any]]]:
    return {name: {label: dict(one) for label, one in found.items()} for name, found in contents.items()}


class Oracle:
    """Tries everything, for one target."""

    def __init__(self, graph: ChanceGraph, target: Target) -> None:
        self._graph = graph
        self._target = target
        self._held = graph.held
        self._listed = {
            name: {label: one for label, one in releases.items() if self._fits(one)}
            for name, releases in graph.held.items()
        }
        self._usable = {
            name: {label: one for label, one in releases.items() if self._serves(one.get("metadata-python"))}
            for name, releases in self._listed.items()
        }

    def solution(self, pins: Pins | None = None) -> Pins | None:
        """Return any solution that has these pins; None where there is none.

        A pre-release or a yanked release that only its own requirements, or those of what it leads to, would
        admit counts as none: a solver may find it, and need not.
        """
        pins = pins or {}
        needs = list(self._needs(pins))
        if not all(_contains(need, pins[need.name]) for need in needs if need.name in pins):
            return None
        missing = sorted({need.name for need in needs} - pins.keys())
        if not missing:
            return pins if self.fault(pins, founded=True) == "" else None
        for label in self._usable.get(missing[0], {}):
            found = self.solution({**pins, missing[0]: label})
            if found is not None:
                return found
        return None

    def fault(self, pins: Pins, *, founded: bool = False, beside: Pins = _NOTHING) -> str:
        """Tell what is wrong with a solution; empty where nothing is.

        With `founded` no release may owe its admission to itself. `beside` is the solution of an environment
        before this one: what is admitted there is admitted here, so that the versions of a lock agree.
        """
        needs = list(self._needs(pins))
        names = {need.name for need in needs}
        if names != pins.keys():
            return f"required are {sorted(names)}, there are {sorted(pins)}"
        limits = [need for need in map(Requirement, self._graph.constraints) if need.name in names]
        for need in [*needs, *limits]:
            if not _contains(need, pins[need.name]):
                return f"{need} is not met by {pins[need.name]}"
        for name, label in pins.items():
            if label not in self._usable[name]:
                return f"{name} {label} does not fit"
            speaking = self._needs({one: pins[one] for one in pins if one != name}) if founded else needs
            own = [need.specifier for need in [*speaking, *limits] if need.name == name]
            if beside.get(name) != label and not self._admitted(name, label, own):
                return f"{name} {label} is not admitted"
        return ""

    def _admitted(self, name: str, label: str, specifiers: Sequence[SpecifierSet]) -> bool:
        releases = self._listed[name]
        if "yanked" in releases[label] and not any(map(_pins, specifiers)):
            return False  # PEP 592: only for an exact requirement
        together = SpecifierSet()
        for specifier in specifiers:
            together &= specifier
        rivals = [one for one, content in releases.items() if one == label or "yanked" not in content]
        return label in together.filter(rivals)  # PEP 440, "Handling of pre-releases"

    def _fits(self, content: Mapping[str, Any]) -> bool:
        if not self._serves(content.get("python")):
            return False
        if self._graph.dated and content["uploaded"] > "2024-06-02":
            return False
        return any(self._target.name in _TAGS[tag] for tag in content["tags"])

    def _serves(self, python: str | None) -> bool:
        return SpecifierSet(python or "").contains(self._target.python_full_version)

    def _needs(self, pins: Pins) -> Iterator[Requirement]:
        """Every requirement that counts, as far as the pins are known: walked from the roots."""
        asked = [*self._graph.roots, *(text for texts in self._graph.groups.values() for text in texts)]
        pending = [(text, "") for text in asked]
        seen: set[tuple[str, str]] = set()
        while pending:
            text, extra = pending.pop()
            need = Requirement(text)
            if not self._holds(need, extra):
                continue
            yield need
            for wanted in ("", *need.extras):
                if need.name in pins and (need.name, wanted) not in seen:
                    seen.add((need.name, wanted))
                    content = self._held[need.name][pins[need.name]]
                    pending += [(one, wanted) for one in content["requires"]]

    def _holds(self, need: Requirement, extra: str) -> bool:
        return need.marker is None or need.marker.evaluate({**self._target.markers, "extra": extra})


def _contains(need: Requirement, label: str) -> bool:
    return need.specifier.contains(label, prereleases=True)


def _pins(specifier: SpecifierSet) -> bool:
    return any(one.operator in ("==", "===") and not one.version.endswith("*") for one in specifier)


def pins_of(solutions: Solutions, target: Target) -> Pins | None:
    """The versions of one target, None where it has no solution."""
    found = solutions.resolutions.get(target)
    return None if found is None else {pin.name: _label(pin.version) for pin in found.pins}


def _label(version: Version) -> str:
    return next(label for label in _VERSIONS if Version(label) == version)


def digests(count: int) -> list[str]:
    """Return a digest of the lock, or of the error, of each of so many graphs."""
    texts = [locked(make_graph(random.Random(seed)))[0] for seed in range(count)]
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digests(int(sys.argv[1]))))
