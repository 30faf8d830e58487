"""The paths that a journal may name: a stranger may have written it, as part of a clone."""

import os
import posixpath
from collections.abc import Collection
from pathlib import Path

from pipper.apply.installed_record import RECREATE
from pipper.apply.installer import Staged
from pipper.apply.journal import Journal
from pipper.apply.schemes import Layout
from pipper.errors import IntegrityError
from pipper.python.environment import Environment
from pipper.system.letter_case import is_one_place

_DOCUMENTS = frozenset({"pipper.toml", "pyproject.toml", "pipper.lock"})
_HISTORY = frozenset({"applied.lock", "previous.lock"})


def check_distributions(journal: Journal, environment: Environment, layout: Layout) -> None:
    """Raise IntegrityError if the journal names a distribution that is not in a library of the environment."""
    places = [each.dist_info for each in journal.outgoing] + [each.dist_info for each in journal.incoming]
    for place in places:
        if not _is_in_library(place, layout):
            raise _strange(environment, place)


def own_distributions(journal: Journal, environment: Environment, layout: Layout) -> tuple[Staged, ...]:
    """Return what came in and is in a library of the environment; leave out what a Python had that it lost since.

    Raises IntegrityError for a path that leads out of the environment.
    """
    for each in journal.incoming:
        path = posixpath.normpath(each.dist_info)
        if path.startswith("../") or os.path.isabs(path):
            raise _strange(environment, each.dist_info)
    return tuple(each for each in journal.incoming if _is_in_library(each.dist_info, layout))


def check_documents(journal: Journal, environment: Environment, projects: Collection[Path]) -> None:
    """Raise IntegrityError if the journal names a document that is not of the environment or its project.

    That is a file of the environment's state, and manifest and lock of a project: of one in the folders
    `projects`, or of the one that has the environment in it.
    """
    folders = {os.path.realpath(folder) for folder in projects}
    if not environment.is_target:
        folders.add(os.path.realpath(environment.root.parent))
    state = os.path.realpath(environment.state_dir)
    for document in journal.documents:
        folder, name = os.path.realpath(document.path.parent), document.path.name
        is_own = is_one_place(folder, state) and name in _DOCUMENTS | _HISTORY
        if not is_own and not (name in _DOCUMENTS and any(is_one_place(folder, one) for one in folders)):
            raise _strange(environment, str(document.path))


def _is_in_library(dist_info: str, layout: Layout) -> bool:
    folder, slash, name = dist_info.rpartition("/")
    libraries = (layout.prefixes["purelib"], layout.prefixes["platlib"])
    is_plain = name.endswith((".dist-info", ".egg-info")) and os.path.basename(name) == name
    return is_plain and folder + slash in libraries


def _strange(environment: Environment, path: str) -> IntegrityError:
    return IntegrityError(
        f"a journal in `{environment.state_dir}` names `{path}`, which is not this environment's to change",
        cause="another program wrote the journal, or the change was interrupted in another project",
        hint=f"run the command in that project, or {RECREATE}",
    )
