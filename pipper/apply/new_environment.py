"""An environment that a change creates: if the change fails, it does not stay either.

It is put together in a folder beside its place and renamed in (`put_together`), where that can be done.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from pipper.apply.environment_lock import environment_lock
from pipper.apply.pending import pending
from pipper.core.reporter import Reporter
from pipper.errors import ConflictError, MachineError, PipperError
from pipper.python.environment import Environment, installed
from pipper.python.interpreter import Scheme
from pipper.python.venv import STATE
from pipper.system.letter_case import is_one_place
from pipper.system.locks import make_folder
from pipper.system.os_errors import os_errors

if TYPE_CHECKING:
    from pipper.apply.beside import Beside


_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


class TakenError(ConflictError):
    """Something came to the place of a new environment while it was put together."""


class NewEnvironment:
    """An environment that is put together in a folder beside its place, for which nobody else looks."""

    def __init__(self, place: Environment, beside: "Beside") -> None:
        self.place = place
        """The environment as it is once it is in its place."""
        self._beside = beside
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
        """Rename the folder to the place; raises TakenError if something is there, else OSError."""
        try:
            self._beside.move_in()
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            raise TakenError(
                f"another program made `{self.place.root}` while this command ran",
                hint="run the command again",
            ) from error

    def move_back(self) -> None:
        """Undo `move_in`, so that `put_together` removes it; raises OSError."""
        os.rename(self.place.root, self._beside.path)


def remove_unfinished(place: Environment) -> None:
    """Remove what killed commands left beside the place of an environment, as far as the disk allows."""
    if os.name != "nt":
        from pipper.apply.beside import remove_leftovers  # noqa: PLC0415 - Windows cannot lock folders

        remove_leftovers(os.fspath(place.root))


@contextlib.contextmanager
def put_together(place: Environment) -> Iterator[NewEnvironment | None]:
    """Yield a folder to put an environment together in; None if it has to be made in its place.

    That is where something is there already, such as a mounted folder, and where a system cannot rename or lock
    folders that are in use. What was not moved in when the block ends is removed, and errors name the place.
    """
    beside = new = None
    try:
        beside = _beside(place)
        new = NewEnvironment(place, beside) if beside else None
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
            if new is None or not new.is_in_place:
                beside.discard()
            os.close(beside.descriptor)


def _beside(place: Environment) -> "Beside | None":
    root = os.fspath(place.root)
    is_apart = place.is_target or place.interpreter.is_virtual
    if os.name == "nt" or not is_apart or os.path.lexists(root):
        return None
    from pipper.apply.beside import Beside  # noqa: PLC0415 - Windows cannot do that

    try:
        make_folder(place.root.parent)
        return Beside(root)
    except OSError:
        return None


@contextlib.contextmanager
def gone_on_error(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Remove an environment that is missing now, and its folders, if the block raises.

    It stays if something is installed in it: then another command works there, or the change was committed.
    """
    root = environment.root
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        # The error of the block is the one to report.
        with contextlib.suppress(OSError, PipperError):
            if environment.is_missing and root.exists():
                with environment_lock(environment, reporter):
                    _empty(environment)
            for folder in missing:
                with contextlib.suppress(FileNotFoundError):
                    folder.rmdir()
        raise


@contextlib.contextmanager
def set_aside(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Move the environment that `environment` replaces out of its place; back if the block raises, else remove it.

    If the block raises after the change was committed, or left its journal, what is in the place stays. Raises
    MachineError if pipper itself runs in it, or if it cannot be moved.
    """
    root = environment.root
    if not environment.replaces:
        yield
        return
    if is_one_place(root, sys.prefix):
        raise MachineError(
            f"cannot make `{root}` anew: the running pipper is in it",
            hint="install pipper apart (pipx install pipper, uv tool install pipper)",
        )
    folder = aside = ""
    try:
        with os_errors("move aside", root):
            folder = tempfile.mkdtemp(prefix=f"{root.name}-old-", dir=root.parent)
        aside = os.path.join(folder, root.name)
        with environment_lock(environment, reporter), os_errors("move aside", root):
            os.rename(root, aside)
        yield
    except BaseException:
        with contextlib.suppress(OSError, PipperError):
            if os.path.lexists(aside) and not _is_changed(environment):
                shutil.rmtree(root, ignore_errors=True)
                os.rename(aside, root)
            if folder and os.path.lexists(root):
                shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _is_changed(environment: Environment) -> bool:
    """Return whether a change of a new environment was committed: something is installed, or there is a journal."""
    return bool(installed(environment) or pending(environment))


def _empty(environment: Environment) -> None:
    if _is_changed(environment):
        return
    for entry in list(os.scandir(environment.root)):
        if entry.name != STATE:
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
