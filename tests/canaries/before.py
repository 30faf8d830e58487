"""What has to be there before a command that is watched."""

import os
import py_compile
import shutil
from pathlib import Path

from pipper.apply.mover import Mover
from tests.commands import run_here
from tests.invariants import Workspace
from tests.legacy import copy_legacy

CACHE = ".cache"
"""A cache in the project, as continuous integration has it."""
INNER = "inner"
"""A repository in the project."""


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


def with_damage(workspace: Workspace) -> None:
    """A file of a package is not as it was installed."""
    (workspace.site / "alpha" / "__init__.py").write_text("other = 1\n")


def with_a_wheel(workspace: Workspace) -> None:
    """A wheel lies in the project."""
    workspace.wheel("epsilon").rename(workspace.app / "epsilon-1.0.0-py3-none-any.whl")


def with_a_folder(workspace: Workspace) -> None:
    """There is a folder for an output."""
    (workspace.app / "locks").mkdir()


def with_saved_wheels(workspace: Workspace) -> None:
    """There is no `.venv`, and its wheels lie in the project."""
    workspace.run("download", "-d", "wheels")
    _remove(workspace.venv)


def with_a_cache(workspace: Workspace) -> None:
    """The cache in the project has what the environment consists of."""
    workspace.run("sync", "--reinstall", env={"PIPPER_CACHE_DIR": str(workspace.app / CACHE)})


def with_a_legacy_manifest(workspace: Workspace) -> None:
    """The requirements are in a file of pipper 0.x."""
    _remove(workspace.manifest)
    _remove(workspace.lock)
    (workspace.app / "pipper.json").write_text('{"dependencies": ["alpha"]}\n')


def with_more_requirements(workspace: Workspace) -> None:
    """A file of pipper 0.x asks for more."""
    (workspace.app / "more.json").write_text('{"dependencies": ["gamma"]}\n')


def in_an_empty_folder(workspace: Workspace) -> None:
    """There is no project."""
    for place in workspace.app.iterdir():
        _remove(place)


def in_a_bare_environment(workspace: Workspace) -> None:
    """There is an environment and no project."""
    _remove(workspace.manifest)
    _remove(workspace.lock)


def with_a_bare_requirement(workspace: Workspace) -> None:
    """The environment without a project keeps its own requirements: gamma."""
    in_a_bare_environment(workspace)
    workspace.run("install", "-b", workspace.url, "gamma", env={"VIRTUAL_ENV": str(workspace.venv)})


def to_build(workspace: Workspace) -> None:
    """A project with a backend of its own, which needs nothing."""
    _write_project(workspace.app, "own")


def with_members(workspace: Workspace) -> None:
    """The lock has two members, which were not installed yet: `lab` is editable, and `core` becomes a wheel."""
    for name in ("lab", "core"):
        _write_project(workspace.app / "packages" / name, name)
    sources = "lab = { path = 'packages/lab' }\ncore = { path = 'packages/core', editable = false }\n"
    workspace.write_manifest("alpha", "lab", "core", more=f"[sources]\n{sources}")
    workspace.run("lock")


def with_members_and_no_lock(workspace: Workspace) -> None:
    """The same without the lock."""
    with_members(workspace)
    _remove(workspace.lock)


def with_members_and_a_folder(workspace: Workspace) -> None:
    """The same with the lock and a folder for an output."""
    with_members(workspace)
    with_a_folder(workspace)


def with_installed_members(workspace: Workspace) -> None:
    """Both members are installed."""
    with_members(workspace)
    workspace.run("sync")


def with_changed_members(workspace: Workspace) -> None:
    """Both members are installed, and were changed since."""
    with_installed_members(workspace)
    for name in ("lab", "core"):
        text = (workspace.app / "packages" / name / "pyproject.toml").read_text()
        scripts = f"[project.scripts]\n{name} = '{name}:main'\n"
        (workspace.app / "packages" / name / "pyproject.toml").write_text(text + scripts)
    workspace.run("lock")


def with_a_member_to_add(workspace: Workspace) -> None:
    """A library lies in the project that it does not require yet."""
    _write_project(workspace.app / "packages" / "lab", "lab")


def with_a_workspace(workspace: Workspace) -> None:
    """The project is itself a package, and lists the folder of another; nothing is locked yet."""
    with_a_member_to_add(workspace)
    _write_project(workspace.app, "own")
    text = (workspace.app / "pyproject.toml").read_text()
    more = f"[tool.pipper]\nindex = false\nrepositories = {{ acme = '{workspace.url}' }}\n"
    (workspace.app / "pyproject.toml").write_text(
        f"{text}dependencies = ['alpha']\n{more}[tool.pipper.workspace]\nmembers = ['packages/*']\n"
    )
    _remove(workspace.manifest)
    _remove(workspace.lock)


def with_a_locked_workspace(workspace: Workspace) -> None:
    """The same with a lock."""
    with_a_workspace(workspace)
    workspace.run("lock")


def with_a_repository(workspace: Workspace) -> None:
    """The repository lies in the project."""
    shutil.copytree(workspace.repository, workspace.app / INNER)
    shutil.rmtree(workspace.app / INNER / ".pipper-store")


def with_a_site(workspace: Workspace) -> None:
    """It does, and has static pages; a wheel lies beside it."""
    with_a_repository(workspace)
    workspace.run("repository", "site", "-b", f"file:{INNER}")
    with_a_wheel(workspace)


def with_a_broken_repository(workspace: Workspace) -> None:
    """It lies in the project, and a page of it is gone."""
    with_a_site(workspace)
    (workspace.app / INNER / "beta" / "index.json").unlink()


def with_a_legacy_repository(workspace: Workspace) -> None:
    """A repository that pipper 0.11 wrote lies in the project."""
    copy_legacy(workspace.app / INNER)


def _write_project(folder: Path, name: str) -> None:
    """Write a project of one module; its backend has a name of its own, since it is a part of the wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = Path(__file__).parent.parent / "tiny_backend.py"
    (folder / f"build_{name}.py").write_bytes(backend.read_bytes())
    # What a backend does is its own affair; without this, the Python that runs it would write bytecode for it.
    py_compile.compile(str(folder / f"build_{name}.py"), doraise=True)
    (folder / f"{name}.py").write_text("def main():\n    pass\n")
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = []\nbuild-backend = "build_{name}"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0.0"\n'
    )


def _remove(place: Path) -> None:
    shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
