"""A file of `tests/solver_cases`: what is asked, one table a source in the order of trust, what is expected.

A case goes the way of `pipper lock`: manifest and old lock -> solutions -> the text of a lock. Backwards,
every list and table in it stands the other way round, but for what the order of matters: sources and
environments.

    python -m tests.solver_case          prints a digest of every outcome, for a comparison of two runs
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper import errors
from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.model import Lock, LockedEnvironment, LockedFile, LockedPackage, Pin
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.constraints import parse_as_of
from pipper.core.manifest.declared import DeclaredEnvironment, platform_of
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.root_label import PROJECT, RootLabel
from pipper.core.reporter import Reporter
from pipper.core.target import Target
from pipper.ops.lock.assemble import assemble
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.preferred import preferred_versions
from pipper.ops.lock.resolve import Solutions, resolve, solve_request
from pipper.ops.lock.targets import Goal, goals
from pipper.solve.request import Resolution
from pipper.solve.router import SourceRouter
from tests.fake_source import LINUX, FakeSource

FOLDER = Path(__file__).parent / "solver_cases"
OPTIONS = {
    "as-of", "constraints", "environments", "exclude", "expect", "groups", "locked", "locked-private",
    "lowest-direct", "manifest", "markers", "overrides", "pinned", "preferred", "prereleases",
    "requires-python", "roots", "sentence", "target", "unmanaged", "upgrade", "upgrade-packages",
    "usual-platforms",
}  # fmt: skip


@dataclass
class Listener(Reporter):
    """Keeps the warnings."""

    warnings: list[str] = field(default_factory=list)

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@dataclass
class Outcome:
    """What a case came to."""

    warnings: list[str]
    sources: list[FakeSource]
    error: errors.PipperError | None = None
    solutions: Solutions | None = None
    lock: Lock | None = None

    @property
    def first(self) -> Resolution:
        """The solution of the first environment."""
        assert self.solutions is not None
        return next(iter(self.solutions.resolutions.values()))

    def told(self) -> dict[str, Any]:
        """Return it in the words of a case's expectations."""
        if self.error is not None:
            error = self.error
            return {
                "error": type(error).__name__,
                "message": error.message,
                "cause": error.cause,
                "hint": error.hint,
                "warnings": self.warnings,
            }
        assert self.solutions is not None
        assert self.lock is not None
        pins = self.first.pins
        return {
            "pins": [f"{pin.name}=={pin.version}" for pin in pins],
            "sources": {pin.name: pin.source for pin in pins},
            "files": {pin.name: [file.filename for file in pin.files] for pin in pins},
            "dependencies": {pin.name: list(pin.dependencies) for pin in pins},
            "extras": {pin.name: list(pin.extras) for pin in pins},
            "closures": {_key(label): sorted(names) for label, names in self.first.closures.items()},
            "conditions": sorted(self.first.conditions),
            "warnings": self.warnings,
            "environments": {
                target.name: [f"{pin.name}=={pin.version}" for pin in resolution.pins]
                for target, resolution in self.solutions.resolutions.items()
            },
            "failures": {target.name: reason for target, reason in self.solutions.failures.items()},
            "locked-files": [file.filename for package in self.lock.packages for file in package.wheels],
            "lock": dump_lock(self.lock),
        }


def run(case: Mapping[str, Any], *, backwards: bool = False, old: Lock | None = None) -> Outcome:
    """Lock a case, with what it says is locked or with `old` in place of that."""
    sources = [
        FakeSource(alias, turned(packages, backwards))
        for alias, packages in case.items()
        if alias not in OPTIONS
    ]
    listener = Listener()
    outcome = Outcome(listener.warnings, sources)
    try:
        manifest = _manifest(case, backwards)
        router = SourceRouter(
            sources, pinned=manifest.sources, locked_private=frozenset(case.get("locked-private", ()))
        )
        outcome.solutions = _solutions(
            case, manifest, old or _locked(case), router, listener, backwards=backwards, upgrade=old is None
        )
        outcome.lock = assemble(manifest.inputs(), {}, outcome.solutions)
        check_consistency(outcome.lock)
    except errors.PipperError as error:
        outcome.error = error
    return outcome


def turned(value: Any, backwards: bool) -> Any:
    """Return a value with every list and table in it the other way round, or as it is."""
    if not backwards:
        return value
    if isinstance(value, dict):
        return {key: turned(content, backwards) for key, content in reversed(value.items())}
    return value[::-1] if isinstance(value, list | tuple) else value


def _manifest(case: Mapping[str, Any], backwards: bool) -> Manifest:
    if "manifest" in case:
        found = parse_manifest(case["manifest"].encode(), label="pipper.toml")
        return replace(
            found,
            **{
                label: turned(getattr(found, label), backwards)
                for label in ("dependencies", "groups", "extras", "constraints", "overrides", "sources")
            },
        )

    def requirements(texts: list[str]) -> tuple[Requirement, ...]:
        return tuple(Requirement(text) for text in turned(texts, backwards))

    def root_sets(kind: str) -> dict[NormalizedName, tuple[Requirement, ...]]:
        labels = {label.partition(":")[::2]: texts for label, texts in case.get("groups", {}).items()}
        found = {
            canonicalize_name(name): requirements(texts) for (of, name), texts in labels.items() if of == kind
        }
        return dict(reversed(found.items())) if backwards else found

    prereleases = case.get("prereleases", False)
    return Manifest(
        requires_python=SpecifierSet(case.get("requires-python", "")),
        dependencies=requirements(case["roots"]),
        groups=root_sets("group"),
        extras=root_sets("extra"),
        sources=turned(case.get("pinned", {}), backwards),
        prereleases=prereleases
        if isinstance(prereleases, bool)
        else tuple(sorted(map(canonicalize_name, turned(prereleases, backwards)))),
        constraints=requirements(case.get("constraints", [])),
        overrides=requirements(case.get("overrides", [])),
        exclude=tuple(case.get("exclude", [])),
        as_of=parse_as_of(case["as-of"], where="as-of") if "as-of" in case else None,
        environments=tuple(map(_declared, case.get("environments", ()))),
    )


def _declared(text: str) -> DeclaredEnvironment:
    python, _, platform = text.partition(" ")
    return DeclaredEnvironment(python=python, platform=platform_of(platform))


def _solutions(
    case: Mapping[str, Any], manifest: Manifest, old: Lock | None, router: SourceRouter, reporter: Reporter, *,
    backwards: bool, upgrade: bool,
) -> Solutions:  # fmt: skip
    options = LockOptions(
        upgrade=upgrade and case.get("upgrade", False),
        upgrade_packages=frozenset(case.get("upgrade-packages", ()) if upgrade else ()),
        as_of=manifest.as_of,
        lowest_direct=case.get("lowest-direct", False),
    )
    installed = {canonicalize_name(name): Version(text) for name, text in case.get("preferred", {}).items()}
    unmanaged = {
        _pin(by, " "): tuple(map(Requirement, turned(texts, backwards)))
        for by, texts in turned(case.get("unmanaged", {}), backwards).items()
    }
    wanted = _goals(case, manifest, old)
    request = solve_request(manifest, wanted[0].target, options, old=old, unmanaged=unmanaged, can_build=True)
    preferred = preferred_versions(manifest, old, installed, options)
    required = frozenset(manifest.groups)
    return resolve(request, preferred, wanted, router, reporter, required)


def _goals(case: Mapping[str, Any], manifest: Manifest, old: Lock | None) -> list[Goal]:
    at_hand = Target(
        name=case.get("target", LINUX.name), markers={**LINUX.markers, **case.get("markers", {})}
    )
    if manifest.environments or case.get("usual-platforms"):
        return goals(manifest, old, at_hand, usual_platforms=True)
    return [Goal(target=at_hand, required=True)]


def _locked(case: Mapping[str, Any]) -> Lock | None:
    """The old lock of a case, which has pins by the name of the environment."""
    environments = []
    for name, texts in case.get("locked", {}).items():
        target = _declared(_spelled(name)).target if case.get("environments") else LINUX
        listed = tuple(_pin(text, "==") for text in texts)
        environments.append(LockedEnvironment(target=target, packages=listed))
    every = {pin for environment in environments for pin in environment.packages}
    file = LockedFile(sha256="0" * 64, size=1, key="gone")
    packages = [
        LockedPackage(name=each.name, version=each.version, source="index", wheels=(file,)) for each in every
    ]
    packages.sort(key=lambda each: (each.name, Version(each.version)))
    manifest = Manifest()
    if not environments:
        return None
    return Lock(inputs=manifest.inputs(), environments=tuple(environments), packages=tuple(packages))


def _spelled(name: str) -> str:
    stem, _, platform = name.partition("-")
    return f"3.{stem.removeprefix('cp3')} {platform}"


def _pin(text: str, separator: str) -> Pin:
    name, _, version = text.partition(separator)
    return Pin(name=canonicalize_name(name), version=version)


def _key(label: RootLabel) -> str:
    return "" if label == PROJECT else f"{label.kind}:{label.name}"


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return a digest of everything that came of each case: the bytes of the lock, or all of the error."""
    found = {}
    for path in sorted(paths):
        told = run(tomllib.loads(path.read_text(encoding="utf-8"))).told()
        found[path.stem] = hashlib.sha256(repr(told).encode()).hexdigest()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digests(FOLDER.glob("*.toml"))))
