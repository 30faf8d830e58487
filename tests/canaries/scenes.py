"""The commands that are watched, each with what has to be there first."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipper.apply.mover import Mover
from tests.commands import Completed, run_here, run_main_here
from tests.invariants import Workspace


def nothing(workspace: Workspace) -> None:
    """Leave the project as it is: locked and synced."""
    del workspace


def without_lock(workspace: Workspace) -> None:
    """Only the manifest is there."""
    workspace.lock.unlink()


def without_environment(workspace: Workspace) -> None:
    """There is no `.venv` yet."""
    _remove(workspace.venv)


def with_a_recipe(workspace: Workspace) -> None:
    """There is no `.venv` any more, and the cache has what it consisted of."""
    _remove(workspace.venv)
    workspace.bare("sync")
    _remove(workspace.venv)


def with_an_older_lock(workspace: Workspace) -> None:
    """The lock has an older alpha than there is."""
    for_another_lock(workspace)
    workspace.write_manifest("alpha")


def for_another_lock(workspace: Workspace) -> None:
    """The lock has another alpha, and no delta."""
    workspace.write_manifest("alpha==1.0.0")
    workspace.run("lock")


def with_a_target(workspace: Workspace) -> None:
    """An older alpha is in `vendor`, which is its own project."""
    workspace.run("install", "-t", "vendor", "alpha==1.0.0")


def with_a_cut_off_change(workspace: Workspace) -> None:
    """A change of the environment was committed and not finished."""
    for_another_lock(workspace)

    def die(*_: object) -> None:
        os._exit(0)

    child = os.fork()
    if child == 0:
        Mover.take_out_files = die  # type: ignore[method-assign] # a power cut
        run_here("sync", cwd=workspace.app, env=workspace.environment)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def with_a_cut_off_edit(workspace: Workspace) -> None:
    """An edit was committed, and neither written nor finished."""

    def die(*_: object) -> None:
        os._exit(0)

    child = os.fork()
    if child == 0:
        Mover.write_documents = die  # type: ignore[assignment,method-assign] # a power cut
        run_here("add", "gamma", cwd=workspace.app, env=workspace.environment)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def with_a_wheel(workspace: Workspace) -> None:
    """A wheel lies in the project."""
    workspace.wheel("epsilon").rename(workspace.app / "epsilon-1.0.0-py3-none-any.whl")


def with_a_folder(workspace: Workspace) -> None:
    """There is a folder for an output."""
    (workspace.app / "locks").mkdir()


def in_an_empty_folder(workspace: Workspace) -> None:
    """There is no project."""
    for place in workspace.app.iterdir():
        _remove(place)


def to_build(workspace: Workspace) -> None:
    """A project with a backend of its own, which needs nothing."""
    backend = Path(__file__).parent.parent / "tiny_backend.py"
    (workspace.app / "tiny_backend.py").write_bytes(backend.read_bytes())
    (workspace.app / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "own"\nversion = "1.0.0"\n'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One command."""

    args: tuple[str, ...]
    first: Callable[[Workspace], None] = nothing
    """Prepares each copy."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Relative paths among the values are below the project."""

    is_quick: bool = False
    """Whether it begins as a process of its own does, with the quick ways of commands without options."""

    def command(self, workspace: Workspace) -> Completed:
        """Run the command in a workspace, in this process."""
        env = {name: str(workspace.app / value) for name, value in self.env.items()}
        run = run_main_here if self.is_quick else run_here
        return run(*self.args, cwd=workspace.app, env={**workspace.environment, **env})


SCENES: Mapping[str, Scene] = {
    "lock": Scene(args=("lock",), first=without_lock),
    "lock-again": Scene(args=("lock", "-U"), first=with_an_older_lock),
    "sync-new": Scene(args=("sync",), first=without_environment),
    "sync-recorded": Scene(
        args=("sync",), first=without_environment, env={"PIPPER_CACHE_DIR": ".cache"}, is_quick=True
    ),
    "sync-remade": Scene(args=("sync",), first=with_a_recipe, is_quick=True),
    "sync-changes": Scene(args=("sync",), first=for_another_lock),
    "sync-nothing": Scene(args=("sync",)),
    "sync-compile": Scene(args=("sync", "--compile")),
    "sync-finishes": Scene(args=("sync",), first=with_a_cut_off_change),
    "edit-finishes": Scene(args=("sync",), first=with_a_cut_off_edit),
    "sync-cold-cache": Scene(args=("sync",), first=without_environment, env={"PIPPER_CACHE_DIR": ".cache"}),
    "add": Scene(args=("add", "gamma")),
    "remove": Scene(args=("remove", "alpha")),
    "target": Scene(args=("install", "-t", "vendor", "alpha")),
    "target-upgrade": Scene(args=("install", "-t", "vendor", "-u", "alpha"), first=with_a_target),
    "target-uninstall": Scene(args=("uninstall", "-t", "vendor", "alpha"), first=with_a_target),
    "file": Scene(args=("add", "./epsilon-1.0.0-py3-none-any.whl"), first=with_a_wheel),
    "export": Scene(args=("export", "-f", "pylock", "-o", "locks/pylock.toml"), first=with_a_folder),
    "download": Scene(args=("download", "-d", "wheels", "--bundles", "-e")),
    "init": Scene(args=("init",), first=in_an_empty_folder),
    "publish": Scene(
        args=("publish", "epsilon-1.0.0-py3-none-any.whl", "-b", "file:inner"), first=with_a_wheel
    ),
    "bundle": Scene(args=("bundle", ".", "-o", "dist"), first=to_build),
}


def _remove(place: Path) -> None:

    shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
