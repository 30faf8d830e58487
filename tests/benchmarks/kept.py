"""What was measured of each set of wheels, kept in a file: a run that ended early goes on where it was."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.process import Taken
from tests.benchmarks.report import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures of one set of wheels, and what they were taken under."""

    wheels: str
    title: str
    machine: str
    """One line, with the day."""
    tools: tuple[str, ...]
    """Name and version of each."""
    facts: tuple[str, ...]
    figures: tuple[Figure, ...]


def load(path: Path | None) -> list[Measured]:
    """What a file holds; nothing where there is none."""
    if path is None or not path.exists():
        return []
    return [_measured(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def append(path: Path | None, measured: Measured) -> None:
    """Add a line to a file, if one is named."""
    if path is not None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(measured)) + "\n")


def told(measured: Sequence[Measured]) -> list[str]:
    """Each line once: on which machine which sets were measured, the tools, then the facts of any."""
    by_machine: dict[str, list[str]] = {}
    for each in measured:
        by_machine.setdefault(each.machine, []).append(f"{each.wheels}: {each.title}")
    tools = dict.fromkeys(tool for each in measured for tool in each.tools)
    facts = dict.fromkeys(fact for each in measured for fact in each.facts)
    places = (f"{machine}; {'; '.join(sets)}" for machine, sets in by_machine.items())
    return [*places, ", ".join(tools), *facts]


def _measured(line: dict[str, object]) -> Measured:
    figures = line.pop("figures")
    assert isinstance(figures, list)
    return Measured(**line, figures=tuple(map(_figure, figures)))  # type: ignore[arg-type]  # as `append` wrote it


def _figure(entry: dict[str, object]) -> Figure:
    taken = entry.pop("taken")
    assert isinstance(taken, list)
    return Figure(**entry, taken=tuple(Taken(**each) for each in taken))  # type: ignore[arg-type]  # as above
