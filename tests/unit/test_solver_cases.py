"""Every file of `tests/solver_cases` is one behaviour of the solver; its first line says which.

A case has roots, options, one table a source (in order of trust) and what is expected. It is solved twice:
as written, and with every list the other way round, which must not change anything.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipper import errors
from pipper.core.ports import Reporter
from pipper.core.target import Target
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.solver import solve
from pipper.solve.sources import SourceRouter
from tests.fake_source import LINUX, FakeSource

CASES = sorted((Path(__file__).parent.parent / "solver_cases").glob("*.toml"))
OPTIONS = {
    "as-of", "constraints", "expect", "groups", "locked-private", "lowest-direct", "markers", "overrides",
    "pinned", "preferred", "prereleases", "requires-python", "roots", "sentence", "target",
}  # fmt: skip
EXPECTATIONS = {
    "cause", "closures", "conditions", "dependencies", "error", "extras", "files", "hint", "message",
    "not-asked", "pins", "sources", "warnings",
}  # fmt: skip


@dataclass
class Listener(Reporter):
    """Keeps the warnings."""

    warnings: list[str] = field(default_factory=list)

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@dataclass
class Outcome:
    """What a solve came to."""

    resolution: Resolution | None
    error: errors.PipperError | None
    warnings: list[str]
    sources: list[FakeSource]


def run(case: Mapping[str, Any], *, backwards: bool) -> Outcome:
    """Solve a case."""

    def requirements(texts: list[str]) -> tuple[Requirement, ...]:
        return tuple(Requirement(text) for text in (texts[::-1] if backwards else texts))

    sources = [
        FakeSource(alias, {name: turned(versions, backwards) for name, versions in packages.items()})
        for alias, packages in case.items()
        if alias not in OPTIONS
    ]
    prereleases = case.get("prereleases", False)
    groups = list(case.get("groups", {}).items())
    request = SolveRequest(
        target=Target(
            name=case.get("target", LINUX.name), markers={**LINUX.markers, **case.get("markers", {})}
        ),
        roots={
            label: requirements(texts)
            for label, texts in [("", case["roots"]), *(groups[::-1] if backwards else groups)]
        },
        requires_python=SpecifierSet(case["requires-python"]) if "requires-python" in case else None,
        prereleases=prereleases if isinstance(prereleases, bool) else frozenset(prereleases),
        preferred={
            canonicalize_name(name): Version(text) for name, text in case.get("preferred", {}).items()
        },
        constraints=requirements(case.get("constraints", [])),
        overrides=requirements(case.get("overrides", [])),
        as_of=datetime.fromisoformat(case["as-of"]) if "as-of" in case else None,
        lowest_direct=case.get("lowest-direct", False),
    )
    listener = Listener()
    resolution, caught = None, None
    try:
        router = SourceRouter(
            sources, pinned=case.get("pinned", {}), locked_private=frozenset(case.get("locked-private", ()))
        )
        resolution = solve(request, router, listener)
    except errors.PipperError as error:
        caught = error
    return Outcome(resolution, caught, listener.warnings, sources)


def turned(value: Any, backwards: bool) -> Any:
    """Return a value with every list and table in it the other way round, or as it is."""
    if not backwards:
        return value
    if isinstance(value, dict):
        return {key: turned(content, backwards) for key, content in reversed(value.items())}
    return value[::-1] if isinstance(value, list) else value


def told(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome in the words of a case's expectations."""
    if outcome.error is not None:
        error = outcome.error
        return {
            "error": type(error).__name__,
            "message": error.message,
            "cause": error.cause,
            "hint": error.hint,
            "warnings": outcome.warnings,
        }
    assert outcome.resolution is not None
    pins = outcome.resolution.pins
    return {
        "pins": [f"{pin.name}=={pin.version}" for pin in pins],
        "sources": {pin.name: pin.source for pin in pins},
        "files": {pin.name: [file.filename for file in pin.files] for pin in pins},
        "dependencies": {pin.name: list(pin.dependencies) for pin in pins},
        "extras": {pin.name: list(pin.extras) for pin in pins},
        "closures": {label: sorted(names) for label, names in outcome.resolution.closures.items()},
        "conditions": sorted(outcome.resolution.conditions),
        "warnings": outcome.warnings,
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_solver_does_as_the_case_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    case = tomllib.loads(text)
    assert text.startswith('sentence = "')
    expect = case["expect"]
    assert expect.keys() <= EXPECTATIONS
    failing = "message" in expect
    assert failing or expect.keys() & {"pins", "sources", "files"}

    outcome = run(case, backwards=False)
    found = told(outcome)
    assert ("error" in found) == failing, found
    if failing:
        assert found["error"] == expect.get("error", "NoSolutionError")
        assert "\n" not in found["message"]
        assert "\n" not in found["hint"]
    for key, wanted in expect.items():
        check(key, wanted, found, outcome)
    assert told(run(case, backwards=True)) == found


def check(key: str, wanted: Any, found: dict[str, Any], outcome: Outcome) -> None:
    """Hold one expectation against what was found."""
    if key == "not-asked":
        for source in outcome.sources:
            assert not source.names_asked() & set(wanted.get(source.alias, ()))
    elif key in {"message", "cause", "hint"}:
        for fragment in wanted:
            assert fragment in found[key], found
    elif key == "warnings":
        assert len(found["warnings"]) == len(wanted), found["warnings"]
        for fragment, warning in zip(wanted, found["warnings"], strict=True):
            assert fragment in warning
    elif isinstance(wanted, dict):
        assert {name: found[key].get(name) for name in wanted} == wanted
    else:
        assert found[key] == wanted


def test_no_two_cases_say_the_same() -> None:
    sentences = [path.read_text(encoding="utf-8").splitlines()[0] for path in CASES]
    assert len(set(sentences)) == len(sentences) >= 100
