"""Many `pipper` commands at once, round after round, and after each round a look at what they left.

Run as a program, in a process of its own: the commands are forks of it that start together.
`python -m tests.crash.racer FOLDER RACE ROUNDS` prints one line of JSON: the rounds, how often each exit code came,
and what was wrong in which round.
"""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.crash.worlds import PACKAGES, Command, command
from tests.workshop import tree

RACERS = 8
_CONFLICT = 7


class Track:
    """A project with two locks, and how an environment looks that was synced to each by nobody else."""

    def __init__(self, root: Path) -> None:
        self.command = Command(root)
        self.workspace = self.command.workspace
        self.app = self.workspace.app
        self.command.publish()
        self.locks: list[Path] = []
        for number, count in ((1, PACKAGES), (2, PACKAGES - 5)):
            self.command.lock(count, number)
            self.locks.append(self.workspace.lock.rename(self.app / f"{number}.lock"))
            self.workspace.manifest.rename(self.app / f"{number}.toml")

    def take_up(self, pick: int) -> None:
        """Make one of the locks that of the project."""
        shutil.copyfile(self.locks[pick], self.workspace.lock)
        shutil.copyfile(self.locks[pick].with_suffix(".toml"), self.workspace.manifest)

    def runs(self, sets: Sequence[Sequence[str]]) -> list[int]:
        """Run commands at once and return their exit codes; what they said lies in `said-N`."""
        ready, go = os.pipe()
        children = []
        for number, arguments in enumerate(sets):
            child = os.fork()
            if child == 0:
                os.close(go)
                os.read(ready, 1)  # returns when the other end is closed: for all at once
                os._exit(command(self.workspace, *arguments, said=self.said(number), is_quick=True))
            children.append(child)
        os.close(ready)
        os.close(go)
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    def said(self, number: int) -> Path:
        """Where a command of the round writes what it says."""
        return self.workspace.root.with_name(f"said-{number}")

    def end_state(self, name: str, *options: str) -> Mapping[str, tuple[str, str]]:
        """Return how an environment looks after it was synced alone; it is removed again."""
        assert self.runs([["sync", *options]]) == [0], self.said(0).read_text()
        state = self.environment(name)
        shutil.rmtree(self.app / name)
        return state

    def environment(self, name: str) -> Mapping[str, tuple[str, str]]:
        """Return everything in an environment, and what of pipper's own should not be there."""
        folder = self.app / name
        litter = {path.name for path in (folder / ".pipper").glob("*")} - {
            "applied.lock",
            "previous.lock",
            "unsettled.json",
            "stamp",
            "lock",
        }
        return {**tree(folder), **{f".pipper/{each}": ("litter", "") for each in litter}}

    def cache_litter(self) -> list[str]:
        """Return what is left unfinished in the cache."""
        return [path.name for path in (self.workspace.root / "cache" / "tmp").glob("*")]


def one_environment(root: Path, number: int, track: Track, states: Sequence[object]) -> tuple[list[int], str]:
    """8 syncs into one environment, by one lock or two, into what is there or into nothing, the cache full or empty."""
    if number % 4 == 0:
        shutil.rmtree(track.app / "env", ignore_errors=True)
    if number % 5 == 0:
        shutil.rmtree(root / "w" / "cache", ignore_errors=True)
    picks = [(racer % 2 if number % 2 else number // 2 % 2) for racer in range(RACERS)]
    codes = track.runs([["sync", "--lock", str(track.locks[pick]), "--target", "env"] for pick in picks])
    found = track.environment("env")
    applied = (track.app / "env" / ".pipper" / "applied.lock").read_bytes()
    ends = [
        pick for pick in set(picks) if found == states[pick] and applied == track.locks[pick].read_bytes()
    ]
    problem = "" if ends else f"no lock's state, of {sorted(set(picks))}"
    if set(codes) - {0, _CONFLICT} or 0 not in codes:
        problem += f"; ended with {codes}: {_said(track)}"
    return codes, problem + _litter(track)


def one_project(root: Path, number: int, track: Track, states: Sequence[object]) -> tuple[list[int], str]:
    """8 syncs of one project at once: all have to make its `.venv` the long way, or by a recipe, or to change it."""
    if number % 3 != 2:
        shutil.rmtree(track.workspace.venv, ignore_errors=True)
    pick = (number + 1) // 3 % 2
    track.take_up(pick)
    codes = track.runs([["sync"]] * RACERS)
    problem = "" if track.environment(".venv") == states[pick] else "not the lock's state"
    if set(codes) != {0}:
        problem += f"; ended with {codes}: {_said(track)}"
    if left := list(track.app.glob(".venv-*")):
        problem += f"; left beside: {left}"
    return codes, problem + _litter(track)


def one_cache(root: Path, number: int, track: Track, states: Sequence[object]) -> tuple[list[int], str]:
    """8 environments from one cache, while two other commands take away all that they can of it."""
    if number % 3 == 0:
        shutil.rmtree(root / "w" / "cache", ignore_errors=True)
    if number % 2 == 0:
        for racer in range(RACERS):
            shutil.rmtree(track.app / f"env-{racer}", ignore_errors=True)
    picks = [(racer + number // 2) % 2 for racer in range(RACERS)]
    takers = [["cache", "prune", "--days", "0"], ["cache", "clean"], ["cache", "prune", "--days", "0"]]
    syncs = [
        ["sync", "--lock", str(track.locks[pick]), "--target", f"env-{racer}"]
        for racer, pick in enumerate(picks)
    ]
    codes = track.runs([*syncs[:4], takers[0], takers[1], *syncs[4:], takers[2]])
    wrong = [racer for racer, pick in enumerate(picks) if track.environment(f"env-{racer}") != states[pick]]
    problem = f"not as locked: {wrong}" if wrong else ""
    if set(codes) != {0}:
        problem += f"; ended with {codes}: {_said(track)}"
    return codes, problem + _litter(track)


RACES: dict[str, Callable[[Path, int, Track, Sequence[object]], tuple[list[int], str]]] = {
    each.__name__: each for each in (one_environment, one_project, one_cache)
}


def main(root: Path, race: str, rounds: int) -> None:
    """Run so many rounds and print what was found."""
    track = Track(root / "w")
    states: list[object] = []
    for pick, lock in enumerate(track.locks):
        if race == one_project.__name__:
            track.take_up(pick)
            states.append(track.end_state(".venv"))
        else:
            states.append(track.end_state("env", "--lock", str(lock), "--target", "env"))
    codes: Counter[int] = Counter()
    failures = {}
    for number in range(rounds):
        ended, problem = RACES[race](root, number, track, states)
        codes.update(ended)
        if problem:
            failures[number] = problem
    sys.stdout.write(json.dumps({"rounds": rounds, "codes": codes, "failures": failures}))


def _litter(track: Track) -> str:
    left = track.cache_litter()
    return f"; left in the cache: {left}" if left else ""


def _said(track: Track) -> str:
    told = (track.said(number) for number in range(RACERS + 3))
    lines = (line for path in told if path.exists() for line in path.read_text().splitlines())
    return " | ".join(sorted({line for line in lines if line.startswith(("error", "hint"))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
