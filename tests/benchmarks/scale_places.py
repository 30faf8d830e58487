"""What the works of `scale` are done on: `python -m tests.benchmarks.scale_places KIND FOLDER COUNT…`.

A process of its own, because a command is said to need at least the memory of the process that started it.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from pipper.core.access import RepositoryOptions
from pipper.core.reporter import Reporter
from pipper.ops.context.settings import Settings
from pipper.ops.repository.publish import PublishRequest, publish
from tests.benchmarks.members import write_members
from tests.benchmarks.wheelsets import WheelSet
from tests.graph import make_graph, make_wheels
from tests.wheelhouse import make_wheel

MODULES = 3
"""In each wheel of a repository."""


def main() -> None:
    """`KIND FOLDER COUNT…`: make it, and print what a manifest or a command names of it, as JSON."""
    kind, folder, *counts = sys.argv[1:]
    print(json.dumps(KINDS[kind](Path(folder), *map(int, counts))))


def _repository(folder: Path, packages: int, versions: int, traps: int) -> list[str]:
    """Publish a graph of so many packages and versions, and `pack-extra`; return the requirements of its roots.

    So many packages in a hundred are a trap: their newest version cannot be had, so a solver has to come back.
    """
    graph = make_graph(packages=packages, versions=versions, traps=traps / 100)
    wheels = make_wheels(graph, folder / "wheels", modules=MODULES)
    _publish(folder, [*wheels, make_wheel(folder / "wheels", "pack-extra", "1.0")])
    return list(graph.requirements)


def _package(folder: Path, files: int) -> list[str]:
    """Publish `wide`, one wheel of so many files; return what requires it."""
    modules = {f"wide/part_{number // 100}/m_{number}.py": f"VALUE = {number}\n" for number in range(files)}
    _publish(folder, [make_wheel(folder / "wheels", "wide", "1.0", files=modules)])
    return ["wide"]


def _wheels(folder: Path, count: int) -> list[str]:
    """Make so many wheels: half of them versions of one project, half of them projects; return their paths."""
    made = [make_wheel(folder, "many", f"1.{number}") for number in range(count // 2)]
    made += [make_wheel(folder, f"each-{number}", "1.0") for number in range(count - len(made))]
    return [str(path) for path in made]


def _member(project: Path, files: int) -> list[str]:
    """Write `member-0` with so many files below `members` of a project; return what requires it."""
    members = WheelSet(
        name="", title="", folder=project, requirements=(), answer={"wide": "1.0"}, elsewhere={}, extra="",
        members=("member-0",),
    )  # fmt: skip
    write_members(members, project)
    for number in range(files):
        path = project / "members" / "member-0" / f"part_{number // 100}" / f"m_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"VALUE = {number}\n")
    return ["member-0"]


def _publish(folder: Path, wheels: list[Path]) -> None:
    settings = Settings(
        directory=folder,
        home=folder,
        environ={},
        repositories=RepositoryOptions(bucket=(folder / "repository").as_uri(), credentials=None),
        reporter=Reporter(),
    )
    # What is made here is measured, and not how it came there: nobody waits for the disk.
    with mock.patch("os.fsync"):
        done = publish(settings, PublishRequest(paths=tuple(wheels)), now=datetime.now(UTC))
    failed = [each for each in done if each.error is not None]
    if failed:
        raise SystemExit(f"{failed[0].path}: {failed[0].error}")


KINDS: dict[str, Callable[..., list[str]]] = {
    "repository": _repository,
    "package": _package,
    "wheels": _wheels,
    "member": _member,
}

if __name__ == "__main__":
    main()
