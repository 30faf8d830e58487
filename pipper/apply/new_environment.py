"""An environment that a change creates: if the change fails, it does not stay either.

It is put together in a folder beside its place and renamed in (`put_together`), where that can be done. One that it
replaces stays in its place until then.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from pipper.apply.environment_lock import environment_lock
from pipper.apply.pending import pending
from pipper.apply.stamp import STAMP
from pipper.core.reporter import Reporter
from pipper.errors import ConflictError, MachineError, PipperError
from pipper.python.environment import Environment, installed
from pipper.python.interpreter import Scheme
from pipper.python.new_venv import ensure_venv
from pipper.python.venv import STATE
from pipper.system.letter_case import is_one_place
from pipper.system.locks import make_folder
from pipper.system.os_errors import os_errors

if TYPE_CHECKING:
    from pipper.apply.beside import Aside, Beside


_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


class TakenError(ConflictError):
    """Something came to the place of a new environment while it was put together."""


class NewEnvironment:
    """An environment that is put together in a folder beside its place, for which nobody else looks."""

    def __init__(self, place: Environment, beside: "Beside", old: "Aside | None", reporter: Reporter) -> None:
        self.place = place
        """The environment as it is once it is in its place."""
        self.old = old
        """The one that it replaces."""
        self._beside = beside
        self._reporter = reporter
        root = Path(beside.path)
        folders = {name: root / path.relative_to(place.root) for name, path in asdict(place.scheme).items()}
        self.environment = replace(place, root=root, scheme=Scheme(**folders))
        """The same in that folder. Its interpreter is the one at the place, whose path is in what is installed."""

    @property
    def is_in_place(self) -> bool:
        """Whether it was moved to its place."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._beside.descriptor), os.lstat(self.place.root))
        return False

    def move_in(self) -> None:
        """Rename the folder to the place, after the old environment was renamed out of it.

        Raises TakenError if something else is there, else OSError. MachineError if the old one cannot be locked.
        """
        try:
            if self.old is None or not os.path.lexists(self.place.root):
                self._beside.move_in()
                return
            # Who waits for the lock goes on when the new one is there, and then waits for the lock of that.
            with environment_lock(self.place, self._reporter):
                self._swap(self.old)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            raise TakenError(
                f"another program made `{self.place.root}` while this command ran",
                hint="run the command again",
            ) from error

    def _swap(self, old: "Aside") -> None:
        try:
            _set_aside(old, self.place)
            self._beside.move_in()
        except BaseException:
            if not self.is_in_place:
                old.put_back()
            raise

    def move_back(self) -> None:
        """Undo `move_in`, as far as it was done, so that `put_together` removes the folder; raises OSError."""
        if self.is_in_place:
            os.rename(self.place.root, self._beside.path)
        if self.old is not None:
            self.old.put_back()

    def end(self) -> None:
        """Remove the folder, or what it replaced if it is in its place."""
        if not self.is_in_place:
            self._beside.discard()
        elif self.old is not None:
            self.old.remove()


def remove_unfinished(place: Environment) -> None:
    """Remove what killed commands left beside the place of an environment, as far as the disk allows."""
    if os.name != "nt":
        from pipper.apply.beside import remove_leftovers  # noqa: PLC0415 - Windows cannot lock folders

        remove_leftovers(os.fspath(place.root))


@contextlib.contextmanager
def put_together(place: Environment, reporter: Reporter) -> Iterator[NewEnvironment | None]:
    """Yield a folder to put an environment together in; None if it has to be made in its place.

    That is where something is there already that is not replaced, such as a mounted folder, and where a system cannot
    rename or lock folders that are in use. What was not moved in when the block ends is removed, and errors name the
    place; else what it replaced is removed, if it is still there.
    """
    beside = old = new = None
    try:
        old = _old(place)  # first: its stamp goes before there is anything that may be left
        beside = _beside(place)
        new = NewEnvironment(place, beside, old, reporter) if beside else None
        yield new
    except PipperError as error:
        if beside is not None:
            texts = (error.message, error.cause, error.hint)
            error.message, error.cause, error.hint = (
                text.replace(beside.path, os.fspath(place.root)) for text in texts
            )
            error.args = (error.message,)
        raise
    finally:
        if beside is not None:
            if new is None:
                beside.discard()
            else:
                new.end()
            os.close(beside.descriptor)
        if old is not None:
            old.close()


def _beside(place: Environment) -> "Beside | None":
    root = os.fspath(place.root)
    is_apart = place.is_target or place.interpreter.is_virtual
    if os.name == "nt" or not is_apart or (os.path.lexists(root) and not place.replaces):
        return None
    from pipper.apply.beside import Beside  # noqa: PLC0415 - Windows cannot do that

    try:
        make_folder(place.root.parent)
        return Beside(root)
    except OSError:
        return None


def _old(place: Environment) -> "Aside | None":
    """Return what is in the place of an environment that replaces it; None if nothing is; raises MachineError."""
    if not place.replaces or not os.path.lexists(place.root):
        return None
    if os.name == "nt":
        raise MachineError(
            f"cannot recreate `{place.root}`: Windows does not rename a directory that is in use",
            hint=f"remove `{place.root}`, then run the command again",
        )
    from pipper.apply.beside import Aside  # noqa: PLC0415 - see above

    with os_errors("replace", place.root):
        return Aside(os.fspath(place.root))


def refuse_irreplaceable(environment: Environment) -> None:
    """Raise MachineError if an environment replaces the one that pipper itself runs in, a link or a mounted folder."""
    if environment.replaces and is_one_place(environment.root, sys.prefix):
        raise MachineError(
            f"cannot recreate `{environment.root}`: the running pipper is in it",
            hint="install pipper in its own environment (pipx install pipper, uv tool install pipper)",
        )
    if environment.replaces and environment.root.is_symlink():
        place = os.path.realpath(environment.root)
        raise MachineError(
            f"cannot recreate `{environment.root}`: it is a link to `{place}`",
            cause=f"it has Python {environment.replaces}, and others may use that directory",
            hint=f"remove the link, or everything in `{place}`, then run the command again",
        )
    if environment.replaces and os.path.ismount(environment.root):
        raise _mounted(environment)


def _mounted(environment: Environment) -> MachineError:
    return MachineError(
        f"cannot recreate `{environment.root}`: it is mounted, and cannot be renamed",
        cause=f"it has Python {environment.replaces}",
        hint=f"remove everything in `{environment.root}`, then run the command again: it fills the directory",
    )


def _set_aside(old: "Aside", environment: Environment) -> None:
    """Move the environment out that is replaced; the caller holds its lock. Raises what `move_out` raises.

    MachineError if it is mounted; ConflictError if a change of it waits to be finished.
    """
    if pending(environment):
        raise ConflictError(
            f"a change of `{environment.root}` was interrupted while this command ran",
            hint="run the command again: it finishes that change first",
        )
    try:
        old.move_out()
    except OSError as error:
        # Some mounted folders are on the disk of the folder around them, and are known by this error only.
        if error.errno == errno.EBUSY:
            raise _mounted(environment) from error
        raise


@contextlib.contextmanager
def gone_on_error(root: Path) -> Iterator[None]:
    """Remove the folder `root` and those that it is in, if they are missing now and empty when the block raises."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        # The error of the block is the one to report.
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def made_in_place(environment: Environment, reporter: Reporter) -> Iterator[tuple["Aside | None", bool]]:
    """Make the virtual environment if it is missing, while the block runs that fills it.

    Yields what it replaces, and whether this call made it, and not another command.

    If the block raises, what was made is removed, and what it replaces comes back. All stays as it is if the change was
    committed. What others made there stays in any case. Raises MachineError if the old one cannot be moved.
    """
    old = _old(environment)
    made: list[str] = []
    try:
        if old is not None:
            with environment_lock(environment, reporter), os_errors("move aside", environment.root):
                _set_aside(old, environment)
                old.make_place()
        if environment.is_missing and ensure_venv(environment.root, environment.interpreter):
            made = _all_below(os.fspath(environment.root))
        yield old, bool(made)
    except BaseException:
        # The error of the block is the one to report.
        with contextlib.suppress(OSError, PipperError):
            is_out = _take_out(made, environment, reporter)
            if old is not None:
                old.put_back() if is_out else old.remove()
        raise
    else:
        if old is not None:
            old.remove()
    finally:
        if old is not None:
            old.close()


def _is_changed(environment: Environment) -> bool:
    """Return whether a change of a new environment was committed, or found to be needless: then there is a stamp."""
    return bool(installed(environment) or pending(environment) or (environment.state_dir / STAMP).exists())


def _all_below(root: str) -> list[str]:
    """Return all that is in a new environment, but for pipper's own files, each folder after what is in it."""
    found = []
    for folder, folders, files in os.walk(root, topdown=False):
        if os.path.relpath(folder, root).split(os.sep)[0] != STATE:
            found += [os.path.join(folder, name) for name in (*files, *folders)]
    return found


def _take_out(paths: list[str], environment: Environment, reporter: Reporter) -> bool:
    """Remove what was made of a new environment, unless it was changed; return whether it is as before then."""
    if not paths:
        return not _is_changed(environment)
    with environment_lock(environment, reporter):
        # Asked here: another command may have filled it, for which the lock was waited.
        if _is_changed(environment):
            return False
        for path in paths:
            with contextlib.suppress(OSError):  # it is gone, or somebody put something into it
                if os.path.isdir(path) and not os.path.islink(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
    return True
