"""What pipper does not accept from a folder that strangers may have filled, such as a clone.

Files of another user are refused, as git does. A write goes neither through a link out of the folder nor to a file
outside it. `PIPPER_TRUSTED_FOLDERS` lists the folders of other users, and those with links out, that the user accepts.

Commands with nothing to do import this module, so it imports little.
"""

import os
import stat

from pipper.errors import IntegrityError, MachineError

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from pathlib import Path

TRUSTED_FOLDERS = "PIPPER_TRUSTED_FOLDERS"
"""The variable with the folders that the user accepts, separated as in PATH; `*` accepts all."""


def is_own(path: "str | os.PathLike[str]", found: os.stat_result) -> bool:
    """Return whether the file at `path`, which `found` describes, belongs to this user or root, or is trusted.

    For root, files of the user who called `sudo` count as root's own. Always true on systems without user ids.
    """
    return not hasattr(os, "geteuid") or found.st_uid in _own_users() or is_trusted(path)


def is_own_folder(path: "str | os.PathLike[str]") -> bool:
    """Return whether there is a folder, not a link, at `path` that `is_own`; raise OSError if there is nothing."""
    found = os.lstat(path)
    return stat.S_ISDIR(found.st_mode) and is_own(path, found)


def is_trusted(path: "str | os.PathLike[str]") -> bool:
    """Return whether `path` is in one of the folders of `PIPPER_TRUSTED_FOLDERS`, or is one."""
    listed = [each for each in os.environ.get(TRUSTED_FOLDERS, "").split(os.pathsep) if each]
    return any(each == "*" or is_inside(path, os.path.expanduser(each)) for each in listed)


def is_inside(path: "str | os.PathLike[str]", folder: "str | os.PathLike[str]") -> bool:
    """Return whether `path` is `folder` or below it, as they are written."""
    place, top = os.path.abspath(path), os.path.abspath(folder)
    return f"{place}{os.sep}".startswith(top if top.endswith(os.sep) else f"{top}{os.sep}")


def refuse_foreign(path: "str | os.PathLike[str]") -> None:
    """Raise MachineError if the file or folder at `path`, or what it links to, belongs to another user."""
    for look in (os.lstat, os.stat):
        try:
            found = look(path)
        except OSError:
            return  # there is nothing to use, or the next access reports the error
        if not is_own(path, found):
            folder = os.path.dirname(os.path.abspath(path))
            raise MachineError(
                f"`{os.fspath(path)}` belongs to another user",
                cause=f"its owner is user {found.st_uid}, and what it says would be done in your name",
                hint=f"if you trust that user, run `export {TRUSTED_FOLDERS}={folder}`",
            )


def refuse_link_out(path: "str | os.PathLike[str]", root: "str | os.PathLike[str]") -> None:
    """Raise MachineError if a symbolic link in the folder `root` leads `path` out of it.

    A path that is not below `root` as written is the user's own choice and is accepted.
    """
    real = os.path.realpath(path)
    if not is_inside(path, root) or is_inside(real, os.path.realpath(root)) or is_trusted(path):
        return
    raise MachineError(
        f"`{os.fspath(path)}` leads out of `{os.fspath(root)}` through a symbolic link",
        cause=f"it is `{real}`",
        hint=f"remove the link or name that path, or run `export {TRUSTED_FOLDERS}={os.path.abspath(root)}`",
    )


def require_own_folder(path: "str | os.PathLike[str]") -> None:
    """Raise if pipper must not keep its files in the folder `path`, which may be missing.

    IntegrityError if it is a symbolic link, MachineError if it belongs to another user.
    """
    if os.path.islink(path):
        raise _link(path, "pipper keeps its files in a directory, not behind a link")
    refuse_foreign(path)


def inner_target(path: "Path") -> "Path":
    """Return the file to replace in order to write `path`: itself, or the one in its folder that it links to.

    Raises IntegrityError for a link out of its folder.
    """
    if not os.path.islink(path):
        return path
    real = os.path.realpath(path)
    if not is_inside(real, os.path.realpath(path.parent)):
        raise _link(path, f"it leads out of its directory, to `{real}`")
    return type(path)(real)


def _link(path: "str | os.PathLike[str]", cause: str) -> IntegrityError:
    return IntegrityError(
        f"`{os.fspath(path)}` is a symbolic link, and nothing is written through it",
        cause=cause,
        hint=f"remove it: `rm {os.fspath(path)}`",
    )


def _own_users() -> set[int]:
    own = {0, os.geteuid()}
    caller = os.environ.get("SUDO_UID", "")
    return own | {int(caller)} if os.geteuid() == 0 and caller.isdecimal() and len(caller) < 11 else own
