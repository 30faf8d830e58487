"""Makes one change again and again, and lets something happen at its N-th mutation.

Run as a program, in a process of its own: the runs are forks of it. `python -m tests.crash.driver FOLDER WORLD
SAMPLES DISTURBANCE…` prints one line of JSON: how many points there are, how many were tried under each
disturbance, and what was wrong at which. SAMPLES is 0 for every point, or `I/N` for the I-th of N equal shares.
"""

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from pipper.apply.pending import JOURNAL
from tests.crash.disk import GROWING, WRITING, Happens, refusal, watch
from tests.crash.worlds import WORLDS, World

_DONE, _REFUSED, _INTERRUPTED, _BROKEN = 0, 8 << 8, 130 << 8, 9 << 8


def in_fork(work: Callable[[], int]) -> int:
    """Run `work` in a child and return its wait status: the exit code it returned, or 9 for an exception."""
    child = os.fork()
    if child == 0:
        code = 9
        try:
            code = work()
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            sys.stderr.write(f"{error!r}\n")
            sys.stderr.flush()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def disturbed(world: World, happens: Happens) -> int:
    """Make the change in a fork, and let `happens` happen."""

    def work() -> int:
        watch(world.root, happens)
        return world.change()

    return in_fork(work)


def points_of(world: World) -> list[str]:
    """The kinds of all mutations that the undisturbed change makes, in their order."""
    world.reset()
    reader, writer = os.pipe()

    def work() -> int:
        kinds: list[str] = []
        watch(world.root, lambda number, kind: kinds.append(kind))
        code = world.change()
        with os.fdopen(writer, "w") as stream:
            stream.write("\n".join(kinds))
        return code

    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(work())
    os.close(writer)
    with os.fdopen(reader) as stream:
        kinds = stream.read().splitlines()
    assert os.waitpid(child, 0)[1] == _DONE
    return kinds


def kill(world: World, point: int) -> list[str]:
    """Kill the change at a point; what is there must be old, new, or told as unfinished, and a rerun mends it."""
    status = disturbed(world, partial(_die, point))
    problems = [] if status in (signal.SIGKILL, _DONE) else [f"was not killed: {status}"]
    found = world.look()
    known = {**world.before.documents}, {**world.after.documents}
    for name in known[0].keys() | known[1].keys():
        if found.documents.get(name) not in [each.get(name) for each in known]:
            problems.append(f"{name} is torn")
    whole = (world.before.environment, world.after.environment)
    if found.environment not in whole and not world.unfinished():
        problems.append("the environment is neither old nor new, and nothing says so")
    return problems + converge(world)


def kill_twice(world: World, point: int) -> list[str]:
    """Kill the change, then kill what finishes it, early or late; a third run mends it."""
    for last in (point, 1 + point * 13 % 40):
        disturbed(world, partial(_die, last))
    return converge(world)


def interrupt(world: World, point: int) -> list[str]:
    """Interrupt the change: it is undone or done, and leaves no journal."""

    def stop(number: int, kind: str) -> None:
        if number == point:
            os.kill(os.getpid(), signal.SIGINT)

    status = disturbed(world, stop)
    problems = [] if status in (_DONE, _INTERRUPTED) else [f"ended with {status}"]
    if world.look() not in (world.before, world.after):
        problems.append("neither old nor new")
    if next(world.root.rglob(f".pipper/{JOURNAL}"), None):
        problems.append("left a journal")
    return problems + converge(world)


def full_disk(world: World, point: int) -> list[str]:
    """From a point on nothing can grow: the change is refused and everything is as before."""

    def refuse(number: int, kind: str) -> None:
        if number >= point and kind in GROWING:
            raise refusal(errno.ENOSPC)

    return _failing(world, refuse)


def one_failure(world: World, point: int) -> list[str]:
    """One operation of the disk fails: the change is refused and everything is as before."""

    def refuse(number: int, kind: str) -> None:
        if number == point:
            raise refusal(errno.EIO)

    return _failing(world, refuse)


def one_refusal(world: World, point: int) -> list[str]:
    """There is no room for one thing, and then there is again: refused, or done, and nothing between."""

    def refuse(number: int, kind: str) -> None:
        if number == point and kind in GROWING:
            raise refusal(errno.ENOSPC)

    return _failing(world, refuse)


def bad_disk(world: World, point: int) -> list[str]:
    """From a point on every byte that is written is refused."""

    def refuse(number: int, kind: str) -> None:
        if number >= point and kind in WRITING:
            raise refusal(errno.EIO)

    return _failing(world, refuse)


def _die(point: int, number: int, kind: str) -> None:
    if number == point:
        os.kill(os.getpid(), signal.SIGKILL)


def _failing(world: World, refuse: Happens) -> list[str]:
    status = disturbed(world, refuse)
    found = world.look()
    problems = []
    if status == _DONE and found != world.after:
        problems.append("says that it is done, and is not")
    if status != _DONE and found != world.before:
        problems.append("was refused, and left something changed")
    if status not in (_DONE, _REFUSED):
        problems.append(f"ended with {status}")
    return problems + converge(world)


def converge(world: World) -> list[str]:
    """The same command again, undisturbed, gives the state of the lock and leaves nothing behind."""
    status = in_fork(world.change)
    problems = [] if status == _DONE else [f"the second run ended with {status}"]
    if world.look() != world.after:
        problems.append("the second run did not give the locked state")
    if litter := world.litter():
        problems.append(f"litter: {litter}")
    return problems


DISTURBANCES: dict[str, Callable[[World, int], list[str]]] = {
    each.__name__: each
    for each in (kill, kill_twice, interrupt, full_disk, one_failure, one_refusal, bad_disk)
}


def sampled(total: int, samples: str, turn: int) -> Iterable[int]:
    """Which points to try; other ones for each disturbance where it is not all of them."""
    share, _, shares = samples.partition("/")
    if shares:
        return range(int(share), total + 1, int(shares))
    stride = max(1, total // int(samples)) if int(samples) else 1
    return range(1 + turn * 7 % stride, total + 1, stride)


def main(root: Path, name: str, samples: str, *disturbances: str) -> None:
    """Try points of the change that `name` stands for under each disturbance, and print what was found."""
    world = WORLDS[name](root / name)
    kinds = points_of(world)
    failures = {}
    tried = dict.fromkeys(disturbances, 0)
    for turn, disturbance in enumerate(disturbances):
        for point in sampled(len(kinds), samples, turn):
            world.reset()
            tried[disturbance] += 1
            if problems := DISTURBANCES[disturbance](world, point):
                failures[f"{disturbance} at {point} ({kinds[point - 1]})"] = problems
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    sys.stdout.write(
        json.dumps({"points": len(kinds), "kinds": counts, "tried": tried, "failures": failures})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
