"""The stamp of a lock that was up to date, with which the next bare `pipper lock` can tell quickly that it still is.

It lies in the cache, one for each project, and covers all that `up_to_date` looks at: the bytes of manifest and
lock and of the files of members, the interpreter at hand, and the named repositories. It holds what that `lock` said
of its lock, and the paths of these files. A stamp that is cut off or for anything else is void; so is one that this
user did not write (`system.seals`), and every stamp in a cache that other users can write to.

`stamped` has to be fast, so this module imports little.
"""

import os
import sys

from pipper import __version__
from pipper.cache.parts import is_private, likely_root
from pipper.errors import PipperError
from pipper.ops.context.project_files import ProjectFiles, environment_path
from pipper.python.fingerprint import fingerprint
from pipper.python.venv import venv_python_path
from pipper.system.digest import digest
from pipper.system.seals import read_sealed, sealed
from pipper.system.seen_paths import digest_of_paths
from pipper.system.trust import is_own_folder

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipper.ops.context.settings import Settings

STAMPS = "stamps"
"""The folder in the cache."""

_FORMAT = "3"


def lock_basis(files: ProjectFiles, python: "str | os.PathLike[str]") -> str:
    """Return a digest of all that a bare `lock` goes by, except the old lock; `python` is the interpreter at hand.

    Empty if a file beside the manifest cannot be read. Raises UsageError if the interpreter does not exist.
    """
    manifest = files.manifest
    if files.beside is None:
        return ""
    facts = (_FORMAT, __version__, manifest.path, fingerprint(python), _named_repositories())
    return digest(
        *(fact.encode(errors="surrogateescape") for fact in facts),
        manifest.data or b"",
        files.beside,
    )


def stamp_key(basis: str, lock: bytes, members: str = "") -> str:
    """Return the key of the stamp for a basis, the bytes of its lock, and the digest of the files of members."""
    return digest(basis.encode(), lock, members.encode())


def stamped(files: ProjectFiles | None) -> list[str] | None:
    """Return the lines that `lock` says, the summary last, if the stamp shows that the lock is up to date.

    Never raises: returns None if that is uncertain.
    """
    if files is None or files.lock.data is None:
        return None
    try:
        root, python = likely_cache(os.environ), likely_python(files)
        if not root or not python:
            return None
        stamp = read_sealed(os.path.join(root, stamp_name(files.manifest.path)), _subject(files))
        basis = lock_basis(files, python)
        if stamp is None or not basis:
            return None
        key, _, text = os.fsdecode(stamp).partition("\n")
        told, *watched = text.split("\0")
        lines = told.split("\n")
        is_current = key == stamp_key(basis, files.lock.data, digest_of_paths(watched))
    except (OSError, PipperError):
        return None
    return lines if is_current and all(map(str.isprintable, lines)) else None


def likely_python(files: ProjectFiles) -> str:
    """Return the python at hand for a bare `lock`; empty if the environment of the project is not this user's.

    It is that of the environment, else the one that runs pipper: where `lock` takes another one, no basis is the same.
    Raises OSError.
    """
    venv = environment_path(files.root, os.environ)
    if os.path.lexists(venv) and not is_own_folder(venv):
        return ""
    return venv_python_path(venv) or sys.executable


def stamp_name(manifest_path: str) -> str:
    """Return the path of a project's stamp, relative to the cache."""
    name = digest(manifest_path.encode(errors="surrogateescape"))
    return os.path.join(STAMPS, name[:2], name)


def write_lock_stamp(
    settings: "Settings",
    files: ProjectFiles,
    key: str,
    lines: "Sequence[str]",
    watched: "Sequence[str]",
) -> None:
    """Note that a bare `lock` would change nothing and say these lines; `watched` are the files of members.

    Writes no stamp if that fails; the next lock then takes the longer way.
    """
    # Imported here: `stamped` does not need them.
    import contextlib  # noqa: PLC0415 - see above

    from pipper.cache.folder import refuse_links  # noqa: PLC0415 - see above
    from pipper.ops.context.environments import open_cache  # noqa: PLC0415 - see above
    from pipper.system.files import write_atomic  # noqa: PLC0415 - see above

    path = open_cache(settings).root / stamp_name(files.manifest.path)
    text = "\0".join(("\n".join(lines), *watched))
    refuse_links(path.parent)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_own_folder(path.parent):
            write_atomic(path, sealed(os.fsencode(f"{key}\n{text}"), _subject(files)))


def _subject(files: ProjectFiles) -> str:
    return f"lock of {files.manifest.path}"


def _named_repositories() -> str:
    try:
        found = os.stat(os.path.join(os.path.expanduser("~"), ".pipper", "repositories.json"))
    except OSError as error:
        return str(error.errno)
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino} {found.st_mode}"


def likely_cache(environ: "Mapping[str, str]") -> str | None:
    """Return the folder that `cache_root` returns, if it is this user's alone; None where that needs a closer look.

    Raises OSError.
    """
    root = likely_root(environ)
    return root if root and is_private(root) else None
