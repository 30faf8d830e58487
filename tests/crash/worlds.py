"""Folders in which something is about to be changed, by an engine's call or by a whole command.

A world knows how everything is before the change and how an undisturbed one leaves it, and goes back to `before`
as often as it is asked to.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pipper.apply.journal import UNSETTLED
from pipper.apply.pending import pending
from pipper.cache.unpacked import UnpackedWheel
from pipper.cli import main
from pipper.cli.boundary import run
from pipper.errors import MachineError
from pipper.python.environment import environment_of
from pipper.python.interpreter import of_new_venv
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.workshop import Workshop, second_python, this_interpreter, tree

PACKAGES = 20

_OPTIONAL = {UNSETTLED, "stamp", "lock"}
"""What a finished change may leave in `.pipper`, or not."""

_VARYING = re.compile(r"(?<=cache/interpreters/)[0-9a-f]{64}(?=\.json$)")
"""What an interpreter said is kept under a name that changes with each environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is to be old or new as a whole."""

    environment: Mapping[str, tuple[str, str]]
    """Empty where there is none, or one that was just made."""
    documents: Mapping[str, bytes]
    """Every other file of the project, litter and all."""


class World:
    """A folder `root`, a change of it, and how it is before and after."""

    before: Look
    after: Look

    def __init__(self, root: Path) -> None:
        self.root = root
        self._saved = root.with_name(f"{root.name}-before")

    def change(self) -> int:
        """Make the change, in a process of its own, and return the exit code."""
        raise NotImplementedError

    def look(self) -> Look:
        """Return how everything is now."""
        raise NotImplementedError

    def unfinished(self) -> bool:
        """Tell whether the environment itself says that a change of it is not finished."""
        raise NotImplementedError

    def litter(self) -> list[str]:
        """Return the names that an undisturbed change does not leave."""
        left = self._names() - self._expected
        # Unfinished pages and memos wait for `prune`: no lock tells whether somebody is at them. And a lock that
        # begins again starts from another old lock, and is remembered apart.
        waiting = re.compile(r"cache/(index/\w+/\.pipper-\w+\.tmp|memos/\w\w(/\w+|/\.pipper-\w+\.tmp)?)")
        return sorted(name for name in left if not waiting.fullmatch(name))

    def begin(self) -> None:
        """Keep what is there as `before`."""
        self.before = self.look()
        shutil.copytree(self.root, self._saved, symlinks=True)

    def end(self) -> None:
        """Take what is there as `after`."""
        self.after = self.look()
        self._expected = self._names()

    def reset(self) -> None:
        """Bring `before` back."""
        for entry in self.root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for entry in self._saved.iterdir():
            place = self.root / entry.name
            if entry.is_dir():
                shutil.copytree(entry, place, symlinks=True)
            else:
                shutil.copy2(entry, place)

    def _names(self) -> set[str]:
        names = set()
        for folder, folders, files in os.walk(self.root):
            for name in (*folders, *files):
                path = os.path.relpath(os.path.join(folder, name), self.root)  # noqa: PTH118 - thousands of them
                if not (os.path.basename(folder) == ".pipper" and name in _OPTIONAL):  # noqa: PTH119 - as above
                    names.add(_VARYING.sub("X", path))
        return names


class Engine(World):
    """One plan that installs, upgrades, downgrades and removes at once, and writes two documents with it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.workshop = Workshop(root)
        self._documents = {root / "pipper.toml": b"new manifest\n", root / "pipper.lock": b"new lock\n"}
        self._wheels = _mixed_wheels(self.workshop)
        self.workshop.sync(*(self._wheels[name] for name in ("alpha1", "beta2", "gone", "stays")))
        (root / "pipper.toml").write_bytes(b"old manifest\n")
        self.workshop.library.joinpath("alpha", "kept-by-user.txt").write_text("mine")
        self.workshop.library.joinpath("gone", "__pycache__").mkdir()
        self.workshop.library.joinpath("gone", "__pycache__", "part.cpython-311.pyc").write_bytes(b"compiled")
        self.begin()
        self.change()
        self.end()

    def change(self) -> int:
        new = [self._wheels[name] for name in ("alpha2", "beta1", "fresh", "stays")]
        try:
            self.workshop.sync(*new, documents=self._documents)
        except MachineError:
            return 8
        return 0

    def look(self) -> Look:
        documents = {path.name: path.read_bytes() for path in self.root.iterdir() if path.is_file()}
        return Look(environment=tree(self.root / "venv"), documents=documents)

    def unfinished(self) -> bool:
        return bool(pending(self.workshop.environment))


class Command(World):
    """A project and one `pipper` command in it."""

    def __init__(self, root: Path, *arguments: str, is_quick: bool = False) -> None:
        super().__init__(root)
        self.workspace = Workspace(root=root)
        self._is_quick = is_quick
        self.said = root.with_name(f"{root.name}-said")
        self._arguments = arguments
        self._bare: Mapping[str, tuple[str, str]] = {}
        self._locks: dict[str, tuple[bytes, bytes]] = {}

    def change(self) -> int:
        return command(self.workspace, *self._arguments, said=self.said, is_quick=self._is_quick)

    def look(self) -> Look:
        venv = self.workspace.venv
        found = tree(venv) if venv.exists() else {}
        documents = {path.name: path.read_bytes() for path in self.workspace.app.iterdir() if path.is_file()}
        return Look(environment={} if found == self._bare else found, documents=documents)

    def unfinished(self) -> bool:
        venv = self.workspace.venv
        if not venv.exists():
            return False
        environment = environment_of(of_new_venv(venv, this_interpreter(), None))
        return (
            bool(pending(environment))
            or not (venv / "pyvenv.cfg").exists()
            or (venv / ".pipper-unfinished").exists()
        )

    def publish(self, numbers: Sequence[int] = (1, 2)) -> None:
        """Publish every package in these versions."""
        self.workspace.publish(
            *(self.workspace.wheel(**package(n, number)) for n in range(PACKAGES) for number in numbers)
        )

    def lock(self, count: int, number: int) -> None:
        """Lock so many of the packages in this version."""
        self.workspace.write_manifest(*(f"pack-{n:02}=={number}.0" for n in range(count)))
        self.workspace.run("lock", "-U")

    def learn_bare(self) -> None:
        """See what an environment with nothing in it looks like."""
        lock, manifest = self.workspace.lock, self.workspace.manifest
        kept = manifest.read_bytes(), lock.read_bytes()
        self.workspace.write_manifest()
        self.workspace.run("lock")
        self.workspace.run("sync")
        self._bare = tree(self.workspace.venv)
        shutil.rmtree(self.workspace.venv)
        manifest.write_bytes(kept[0])
        lock.write_bytes(kept[1])

    def settle(self) -> None:
        """From here on the change is made: once undisturbed, to know how it ends."""
        self.begin()
        (self.workspace.bare if self._is_quick else self.workspace.run)(*self._arguments)
        self.end()


def fresh(root: Path) -> World:
    """`sync` into a project without environment, with a cache that holds nothing."""
    world = Command(root, "sync", is_quick=True)
    world.publish((1,))
    world.lock(PACKAGES, 1)
    world.learn_bare()
    shutil.rmtree(root / "cache")
    world.settle()
    return world


def begun(root: Path) -> World:
    """`add` in a project without environment: manifest, lock and environment come together, or none of them."""
    world = Command(root, "add", "pack-00", "pack-01")
    world.publish((1,))
    world.lock(PACKAGES, 1)
    world.workspace.run("sync")
    shutil.rmtree(world.workspace.venv)
    world.lock(0, 1)
    world.learn_bare()
    world.settle()
    return world


class Remade(Command):
    """`sync` into a project whose environment is missing, by a recipe that holds: one that was copied does not."""

    def reset(self) -> None:
        super().reset()
        self.remember()

    def remember(self) -> None:
        """Let the cache have a recipe for the missing environment."""
        self.workspace.bare("sync")
        shutil.rmtree(self.workspace.venv)


def remade(root: Path) -> World:
    """`sync` into a project whose environment is missing, by its recipe."""
    world = Remade(root, "sync", is_quick=True)
    world.publish((1,))
    world.lock(PACKAGES, 1)
    world.learn_bare()
    world.remember()
    world.settle()
    return world


class Anew(Command):
    """`sync` into a project whose environment goes, because it has another Python."""

    def unfinished(self) -> bool:
        # Between two renames there is neither: what lies beside says so, and the next sync puts it back.
        is_aside = not self.workspace.venv.exists() and any(self.workspace.app.glob(".venv-old-*"))
        return is_aside or super().unfinished()


def anew(root: Path) -> World:
    """`sync` that makes the environment anew with another Python, and with it what another tool installed there."""
    python = second_python(root / "second")
    world = Anew(root, "sync", "--python", str(python))
    world.publish((1,))
    world.lock(PACKAGES, 1)
    world.workspace.run("sync")
    theirs = world.workspace.site / "theirs-1.0.dist-info"
    theirs.mkdir()
    (theirs / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    world.settle()
    return world


def upgrade(root: Path) -> World:
    """`sync` of 20 packages to versions that the cache does not hold."""
    world = Command(root, "sync")
    world.publish()
    world.lock(PACKAGES, 1)
    world.workspace.run("sync")
    world.lock(PACKAGES, 2)
    world.settle()
    return world


def downgrade(root: Path) -> World:
    """`sync` of 20 packages to older versions from the cache, by copies."""
    world = Command(root, "sync", "--link-mode", "copy")
    world.publish()
    world.lock(PACKAGES, 1)
    world.workspace.run("sync", "--target", "elsewhere")
    shutil.rmtree(world.workspace.app / "elsewhere")
    world.lock(PACKAGES, 2)
    world.workspace.run("sync")
    world.lock(PACKAGES, 1)
    world.settle()
    return world


def removal(root: Path) -> World:
    """`sync` that takes 15 packages of 20 away."""
    world = Command(root, "sync")
    world.publish((1,))
    world.lock(PACKAGES, 1)
    world.workspace.run("sync")
    world.lock(5, 1)
    world.settle()
    return world


def relock(root: Path) -> World:
    """`lock` that replaces a lock, with a repository and an index."""
    world = Command(root, "lock", "-U")
    world.publish()
    world.lock(PACKAGES, 1)
    url = _serve([world.workspace.wheel("public", "1.0"), world.workspace.wheel("public", "2.0")])
    names = ", ".join(f"'pack-{n:02}'" for n in range(PACKAGES))
    world.workspace.manifest.write_text(
        f"dependencies = [{names}, 'public']\n[repositories]\nacme = '{world.workspace.url}'\n[index]\nurl = '{url}'\n"
    )
    shutil.rmtree(root / "cache")
    world.settle()
    return world


WORLDS: dict[str, Callable[[Path], World]] = {
    "engine": Engine,
    **{each.__name__: each for each in (fresh, begun, remade, anew, upgrade, downgrade, removal, relock)},
}


def command(workspace: Workspace, *arguments: str, said: Path, is_quick: bool) -> int:
    """Run `pipper ARGUMENTS` in this process, which is a fork and ends soon after; return the exit code.

    `is_quick`: with the quick ways of commands without options.
    """
    os.environ.clear()
    os.environ.update(workspace.environment)
    os.chdir(workspace.app)
    tempfile.tempdir = os.environ["TMPDIR"]
    with said.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    sys.argv = ["pipper", *arguments]
    try:
        # A quick way ends its process at once, and this one has something to tell.
        with mock.patch("pipper.cli._leave", side_effect=SystemExit(0)):
            main() if is_quick else run(arguments)
    except SystemExit as end:
        sys.stderr.flush()
        return int(str(end.code))
    return 0


def package(n: int, number: int) -> dict[str, object]:
    """A package with scripts, data, headers, and files that it shares with others or changes in kind."""
    name, version = f"pack_{n:02}", f"{number}.0"
    files = {
        f"{name}/__init__.py": f"VERSION = {number}\n" + "# text\n" * 50,
        f"{name}/only_in_{number}.py": "",
        f"{name}/kind" if number == n % 2 + 1 else f"{name}/kind/deep.py": f"# {number}\n",
        "space/__init__.py": "# shared by all\n",
        f"space/version_{n % 3}.txt": f"shared by some, {number}\n",
        f"{name}-{version}.data/data/share/{name}/notes.txt": f"notes of {number}\n",
        f"{name}-{version}.data/scripts/tool-{n:02}": f"#!python\nprint({number})\n",
        f"{name}-{version}.data/headers/{name}.h": f"#define V {number}\n",
    }
    entry_points = {f"pack-{n:02}": f"{name}:main", f"pack-{n:02}-{number}": f"{name}:main"}
    return {"name": f"pack-{n:02}", "version": version, "files": files, "entry_points": entry_points}


def _mixed_wheels(workshop: Workshop) -> dict[str, UnpackedWheel]:
    wheel = workshop.wheel
    shared = {"space/__init__.py": "# shared\n"}
    fresh_files = {
        "space/fresh.py": "x",
        "fresh-1.0.data/scripts/tool": "#!python\nprint()\n",
        "fresh-1.0.data/data/share/fresh/notes.txt": "x",
        "fresh-1.0.data/headers/fresh.h": "x",
        **shared,
    }
    old = {"alpha/__init__.py": "1", "alpha/old/deep.py": "1", "alpha/x": "f"}
    new = {"alpha/__init__.py": "2", "alpha/x/deep.py": "2", "top.py": "2"}
    return {
        "alpha1": wheel("alpha", "1.0", files=old),
        "alpha2": wheel("alpha", "2.0", files=new),
        "beta2": wheel("beta", "2.0", files={"beta.py": "2"}, entry_points={"beta": "beta:main"}),
        "beta1": wheel(
            "beta", "1.0", files={"beta.py": "1"}, entry_points={"beta": "beta:run", "b": "beta:b"}
        ),
        "gone": wheel("gone", "1.0", files={"gone/part.py": "x", "space/gone.py": "x", **shared}),
        "stays": wheel("stays", "1.0", files={"space/stays.py": "x", **shared}),
        "fresh": wheel("fresh", "1.0", files=fresh_files),
    }


def _serve(wheels: Sequence[Path]) -> str:
    """Serve an index from a process of its own, which ends with this one, and return its address."""
    said, say = os.pipe()
    alive, _held_open = os.pipe()
    if os.fork():
        os.close(say)
        with os.fdopen(said) as stream:
            return stream.readline().strip()
    os.close(_held_open)
    with IndexDouble() as index:
        for wheel in wheels:
            index.add(wheel)
        os.write(say, f"{index.url}\n".encode())
        os.close(say)
        os.read(alive, 1)
    os._exit(0)
