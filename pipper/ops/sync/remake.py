"""Make the missing environment of a project by the recipe of the last sync, which links what is in the cache.

It takes a bare `pipper sync`, for which everything that decides about the environment is in the key: manifest, lock,
`.python-version`, the Python that runs pipper, the path, the umask. It imports little.
"""

import os
import sys

from pipper.apply.recipe import environment_key, remake
from pipper.cache.parts import likely_root
from pipper.errors import PipperError
from pipper.ops.context.project_files import ProjectFiles, environment_path
from pipper.ops.sync.freshness import stamp_key
from pipper.python.venv import PYTHON


def remade(files: ProjectFiles | None) -> list[str] | None:
    """Return what a bare sync of a project says, if its environment was missing and is now made; else None.

    Never raises: None if that is uncertain, and if nothing is remembered, or no longer holds. Then nothing is changed.
    """
    cache = likely_root(os.environ)
    if files is None or files.lock.data is None or cache is None:
        return None
    root = environment_path(files.root, os.environ)
    if os.path.lexists(root):
        return None
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if active and os.path.realpath(active) != os.path.realpath(root):
        return None  # the long way says that it leaves this one alone
    try:
        key = recipe_key(files, root)
        return remake(cache, root, key, lambda: _key_of_stamp(files, root)) if key else None
    except (OSError, ValueError, PipperError):
        return None


def _key_of_stamp(files: ProjectFiles, root: str) -> str:
    try:
        return stamp_key(files, "", f"{root}/{PYTHON}")
    except PipperError:
        return ""  # its Python went away since: the next sync looks at everything


def recipe_key(files: ProjectFiles, root: str) -> str:
    """Return the key of the recipe for the environment at `root`, made with the Python that runs pipper.

    Empty if a file beside the manifest cannot be read. Raises what `stamp_key` raises.
    """
    key = stamp_key(files, "", sys.executable)
    return environment_key(key, root) if key else ""
