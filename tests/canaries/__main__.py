"""`python -m tests.canaries`: all scenes, all paths; exit 1 if a canary was touched, or a command hung or had a bug."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

from tests.canaries.plant import Kind, plant
from tests.canaries.scene import Scene, Template
from tests.canaries.scenes import SCENES
from tests.canaries.templates import make_template
from tests.canaries.watch import HANG, run_apart, watched
from tests.invariants import Workspace

_DOCUMENTED = range(9)
_SECONDS = 60


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.canaries", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)} (default: all)")
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N", help="about N trials a scene (default: all)"
    )
    parser.add_argument("--only", metavar="PATH", help="this path alone")
    parser.add_argument("--pipes", action="store_true", help="also pipes in place of what is read")
    chosen = parser.parse_args()
    trials = failures = 0
    templates: dict[Template, Workspace] = {}
    with tempfile.TemporaryDirectory(prefix="canaries-") as folder, ExitStack() as servers:
        for name in chosen.scenes or SCENES:
            scene = SCENES[name]
            if scene.template not in templates:
                root = Path(folder, scene.template, "template")
                templates[scene.template] = make_template(scene.template, root, servers)
            template = templates[scene.template]
            every = [each for each in _trials(template, scene) if chosen.pipes or each[1] != "pipe"]
            if chosen.only:
                every = [each for each in every if each[0] == chosen.only]
            stride = max(1, len(every) // chosen.sample) if chosen.sample else 1
            for path, kind in every[::stride]:
                trials += 1
                if problem := _tried(template, scene, path, kind):
                    failures += 1
                    _say(f"{name}: {kind} at {path}: {problem}")
            _say(f"{name}: {len(every[::stride])} of {len(every)} trials")
    _say(f"{trials} trials, {failures} failed")
    return int(failures > 0)


def _trials(template: Workspace, scene: Scene) -> list[tuple[str, Kind]]:
    """Return every path with every kind of link; only paths that two runs have in common can be foreseen."""
    runs = []
    for _ in range(2):
        copy = _copied(template, scene)
        runs.append(watched(copy, scene))
        shutil.rmtree(copy.root)
    changed, read = runs[0][0] & runs[1][0], runs[0][1] & runs[1][1]
    found: set[tuple[str, Kind]] = set()
    for path in changed:
        found |= {(path, "link"), (path, "hard link"), (path, "folder link")}
        found |= {(str(above), "folder link") for above in Path(path).parents if above != Path()}
    found |= {(path, "pipe") for path in read}
    kinds = get_args(Kind)
    return sorted(found, key=lambda each: (each[0], kinds.index(each[1])))


def _tried(template: Workspace, scene: Scene, path: str, kind: Kind) -> str:
    """Return what went wrong with a canary behind a path; empty if nothing did."""
    copy = _copied(template, scene)
    try:
        planted = plant(copy, path, kind)
        if planted is None:
            return ""
        code, told = run_apart(copy, scene, _SECONDS)
        problems = list(_problems(code, told))
        if touched := planted.touched():
            problems.append(f"exit {code}, touched {', '.join(touched[:3])}")
        return "; ".join(problems)
    finally:
        shutil.rmtree(copy.root)


def _problems(code: int, told: str) -> Iterator[str]:
    if code == HANG:
        yield f"did not end in {_SECONDS} s"
    elif code not in _DOCUMENTED or "Traceback" in told:
        yield f"exit {code}: {told.strip()}"


def _copied(template: Workspace, scene: Scene) -> Workspace:
    copy = template.copy(template.root.with_name("trial"))
    scene.first(copy)
    return copy


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
