"""Decide by the stamp of the last sync whether a sync has nothing to do, which is the most frequent case.

It imports little, so that such a command takes little longer than Python takes to start. The key of the stamp
covers all inputs of a sync except the environment, whose state is in the stamp.
"""

import os

from pipper import __version__
from pipper.apply.stamp import is_current
from pipper.errors import PipperError
from pipper.ops.context.project_files import ProjectFiles, environment_path
from pipper.python.fingerprint import fingerprint
from pipper.python.venv import PYTHON, STATE
from pipper.system.digest import digest
from pipper.system.trust import is_own_folder

KEEPS_OTHERS = "{'keeps_others': True}"
"""`SyncRequest.stamped_options` of a `run` without options."""
NOTHING_TO_DO = "Nothing to do: the environment has the packages of the lock"
"""The stamp does not cover the content of modules, so it says no more."""


def is_fresh(files: ProjectFiles | None, options: str = "") -> bool:
    """Return whether a sync of a project with these options has nothing to do.

    `files` are the project's files; `options` is empty for a bare `pipper sync`, else
    `SyncRequest.stamped_options`. Never raises: returns False if it is uncertain.
    """
    if files is None or files.lock.data is None:
        return False
    environment = environment_path(files.root, os.environ)
    python = os.path.join(environment, PYTHON)
    try:
        if not is_own_folder(environment) or not is_own_folder(os.path.join(environment, STATE)):
            return False
        key = stamp_key(files, options, python) if os.path.exists(python) else ""
        return bool(key) and is_current(environment, key)
    except (OSError, PipperError):
        return False


def is_fresh_for_run(files: ProjectFiles | None) -> bool:
    """Return whether the sync of a `run` without options has nothing to do; like `is_fresh`.

    The last sync may have been a bare `sync` too.
    """
    return is_fresh(files) or is_fresh(files, KEEPS_OTHERS)


def stamp_key(files: ProjectFiles, options: str, python: "str | os.PathLike[str]") -> str:
    """Return the stamp key of a sync of these files, with these options, for an interpreter.

    It has the path of the project, whose members an environment elsewhere may have. Empty if a file beside the manifest
    cannot be read. Raises UsageError if the interpreter does not exist.
    """
    if files.beside is None:
        return ""
    facts = (__version__, files.manifest.path, options, fingerprint(python))
    data = (files.manifest.data or b"", files.lock.data or b"", files.beside)
    return digest(*(fact.encode(errors="surrogateescape") for fact in facts), *data)
