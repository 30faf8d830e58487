"""Runs one change of an environment again and again, and lets something happen at its N-th mutation.

Run as a program, in a process of its own: the runs are forks of it. Prints one line of JSON: how many points there
are, how many were tried, and what was wrong at which.
"""

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipper.apply.journal import JOURNAL
from pipper.apply.recovery import pending
from pipper.errors import MachineError
from pipper.unpacked import UnpackedWheel
from tests.workshop import Workshop, tree

_MUTATIONS = {
    "os.rename",
    "os.link",
    "os.symlink",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.chmod",
    "os.truncate",
}
_GROWING = {"os.link", "os.symlink", "os.mkdir", "open"}

Event = Callable[[str], None]


class World:
    """An environment and its documents, before and after the change; `reset` brings `before` back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.workshop = Workshop(self.home)
        self.documents = {
            self.home / "pipper.toml": b"new manifest\n",
            self.home / "pipper.lock": b"new lock\n",
        }
        self.wheels = self._make_wheels()
        self.workshop.sync(*self._old())
        (self.home / "pipper.toml").write_bytes(b"old manifest\n")
        self.workshop.library.joinpath("alpha", "kept-by-user.txt").write_text("mine")
        self.workshop.library.joinpath("gone", "__pycache__").mkdir()
        self.workshop.library.joinpath("gone", "__pycache__", "part.cpython-311.pyc").write_bytes(b"compiled")
        self.before = self.look()
        shutil.copytree(self.home, root / "before", symlinks=True)
        self.change()
        self.after = self.look()

    def change(self) -> None:
        self.workshop.sync(*self._new(), documents=self.documents)

    def look(self) -> dict[str, object]:
        names = ("pipper.toml", "pipper.lock")
        texts = {
            name: (self.home / name).read_bytes() if (self.home / name).exists() else None for name in names
        }
        others = sorted(
            path.name for path in self.home.iterdir() if path.is_file() and path.name not in names
        )
        return {"tree": tree(self.home / "venv"), "documents": texts, "litter": others}

    def state_litter(self) -> list[str]:
        state = self.home / "venv" / ".pipper"
        return (
            sorted({path.name for path in state.iterdir()} - {"lock", "unsettled.json"})
            if state.exists()
            else []
        )

    def reset(self) -> None:
        # The cache is left: what it holds is not changed by applying a plan.
        for entry in list(self.home.iterdir()):
            if entry.name not in ("cache", "wheelhouse"):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for entry in (self.root / "before").iterdir():
            if entry.name not in ("cache", "wheelhouse"):
                target = self.home / entry.name
                shutil.copytree(entry, target, symlinks=True) if entry.is_dir() else shutil.copy2(
                    entry, target
                )

    def _make_wheels(self) -> dict[str, UnpackedWheel]:
        wheel = self.workshop.wheel
        shared = {"space/__init__.py": "# shared\n"}
        return {
            "alpha1": wheel(
                "alpha", "1.0", files={"alpha/__init__.py": "1", "alpha/old/deep.py": "1", "alpha/x": "f"}
            ),
            "alpha2": wheel(
                "alpha", "2.0", files={"alpha/__init__.py": "2", "alpha/x/deep.py": "2", "top.py": "2"}
            ),
            "beta2": wheel("beta", "2.0", files={"beta.py": "2"}, entry_points={"beta": "beta:main"}),
            "beta1": wheel(
                "beta", "1.0", files={"beta.py": "1"}, entry_points={"beta": "beta:run", "b": "beta:b"}
            ),
            "gone": wheel("gone", "1.0", files={"gone/part.py": "x", "space/gone.py": "x", **shared}),
            "stays": wheel("stays", "1.0", files={"space/stays.py": "x", **shared}),
            "fresh": wheel(
                "fresh",
                "1.0",
                files={
                    "space/fresh.py": "x",
                    "fresh-1.0.data/scripts/tool": "#!python\nprint()\n",
                    "fresh-1.0.data/data/share/fresh/notes.txt": "x",
                    "fresh-1.0.data/headers/fresh.h": "x",
                    **shared,
                },
            ),
        }

    def _old(self) -> list[UnpackedWheel]:
        return [self.wheels[name] for name in ("alpha1", "beta2", "gone", "stays")]

    def _new(self) -> list[UnpackedWheel]:
        return [self.wheels[name] for name in ("alpha2", "beta1", "fresh", "stays")]


def at_mutation(root: Path, happens: Callable[[int, str], None]) -> None:
    """Call `happens` with number and kind before each mutation below `root` that this process makes."""
    count = 0
    prefix = os.fspath(root)

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        if event == "open":
            flags = args[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event not in _MUTATIONS:
            return
        if any(
            os.fspath(path).startswith(prefix) for path in args[:2] if isinstance(path, str | os.PathLike)
        ):
            count += 1
            happens(count, event)

    sys.addaudithook(hook)


def in_fork(work: Callable[[], None]) -> int:
    """Run `work` in a child and return its wait status; an exception in it is status 9 << 8."""
    child = os.fork()
    if child == 0:
        code = 9
        try:
            work()
            code = 0
        except MachineError:
            code = 8
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def _disturbed(world: World, happens: Callable[[int, str], None]) -> None:
    at_mutation(world.home, happens)
    world.change()


def count_points(world: World) -> int:
    """How many mutations the change makes."""
    world.reset()
    reader, writer = os.pipe()

    def work() -> None:
        last = 0

        def note(number: int, event: str) -> None:
            nonlocal last
            last = number

        at_mutation(world.home, note)
        world.change()
        os.write(writer, str(last).encode())

    status = in_fork(work)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    assert status == 0, status
    return int(said)


def kill(world: World, point: int) -> list[str]:
    """Kill the change at a point; what is there must be old, new, or told as unfinished, and a rerun mends it."""

    def die(number: int, event: str) -> None:
        if number == point:
            os.kill(os.getpid(), signal.SIGKILL)

    problems = []
    status = in_fork(partial(_disturbed, world, die))
    if status != signal.SIGKILL:
        problems.append(f"was not killed: {status}")
    found = world.look()
    if pending(world.workshop.environment):
        documents = found["documents"]
        assert isinstance(documents, dict)
        for name, text in documents.items():
            if text not in (world.before["documents"][name], world.after["documents"][name]):  # type: ignore[index] # of World.look
                problems.append(f"{name} is torn")
    elif found["tree"] != world.before["tree"] and found["tree"] != world.after["tree"]:
        problems.append("the environment is neither old nor new, and no journal says so")
    return problems + converge(world)


def kill_twice(world: World, point: int) -> list[str]:
    """Kill the change, then kill what finishes it, early or late; a third run mends it."""
    for second in (point, 1 + point * 13 % 40):

        def die(number: int, event: str, last: int = second) -> None:
            if number == last:
                os.kill(os.getpid(), signal.SIGKILL)

        in_fork(partial(_disturbed, world, die))
    return converge(world)


def interrupt(world: World, point: int) -> list[str]:
    """Interrupt the change: it is undone or done, and leaves no journal."""

    def stop(number: int, event: str) -> None:
        if number == point:
            raise KeyboardInterrupt

    status = in_fork(partial(_disturbed, world, stop))
    problems = [] if status in (0, 130 << 8) else [f"ended with {status}"]
    found = world.look()
    if found not in (world.before, world.after):
        problems.append("neither old nor new")
    if (world.home / "venv" / ".pipper" / JOURNAL).exists():
        problems.append("left a journal")
    return problems + converge(world)


def full_disk(world: World, point: int) -> list[str]:
    """From a point on nothing can grow: the change is refused and everything is as before."""

    def refuse(number: int, event: str) -> None:
        if number >= point and event in _GROWING:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return _failing(world, refuse)


def one_failure(world: World, point: int) -> list[str]:
    """One operation of the disk fails: the change is refused and everything is as before."""

    def refuse(number: int, event: str) -> None:
        if number == point:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return _failing(world, refuse)


def _failing(world: World, refuse: Callable[[int, str], None]) -> list[str]:
    status = in_fork(partial(_disturbed, world, refuse))
    found = world.look()
    problems = []
    if status == 0 and found != world.after:
        problems.append("says that it is done, and is not")
    if status != 0 and found != world.before:
        problems.append("was refused, and left something changed")
    if status not in (0, 8 << 8):
        problems.append(f"ended with {status}")
    return problems + converge(world)


def converge(world: World) -> list[str]:
    """The same command again, undisturbed, gives the state of the lock and leaves nothing behind."""
    status = in_fork(world.change)
    problems = [] if status == 0 else [f"the second run ended with {status}"]
    if world.look() != world.after:
        problems.append("the second run did not give the locked state")
    if litter := world.state_litter():
        problems.append(f"litter: {litter}")
    return problems


SCENARIOS: dict[str, Callable[[World, int], list[str]]] = {
    each.__name__: each for each in (kill, kill_twice, interrupt, full_disk, one_failure)
}


def main(root: Path, scenario: str, samples: int) -> None:
    """Try `samples` points of the change, or all of them where that is 0."""
    world = World(root)
    total = count_points(world)
    stride = max(1, total // samples) if samples else 1
    points = range(1, total + 1, stride)
    failures = {}
    for point in points:
        world.reset()
        if problems := SCENARIOS[scenario](world, point):
            failures[point] = problems
    sys.stdout.write(json.dumps({"points": total, "tried": len(points), "failures": failures}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
