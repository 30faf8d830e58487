"""An environment that a change creates: if the change fails, it does not stay either."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from pipper.apply.environment_lock import environment_lock
from pipper.apply.pending import pending
from pipper.core.reporter import Reporter
from pipper.errors import MachineError, PipperError
from pipper.python.environment import Environment, installed
from pipper.python.venv import STATE
from pipper.system.letter_case import is_one_place
from pipper.system.os_errors import os_errors


@contextlib.contextmanager
def gone_on_error(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Remove an environment that is missing now, and its folders, if the block raises, and first what killed ones left.

    It stays if something is installed in it: then another command works there, or the change was committed.
    """
    root = environment.root
    if os.name != "nt":
        from pipper.apply.beside import remove_leftovers  # noqa: PLC0415 - Windows cannot do that

        remove_leftovers(os.fspath(root))
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
                folder.rmdir()
        raise


@contextlib.contextmanager
def set_aside(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Move the environment that `environment` replaces out of its place; back if the block raises, else remove it.

    Raises MachineError if pipper itself runs in it, or if it cannot be moved.
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
    with os_errors("move aside", root):
        folder = tempfile.mkdtemp(prefix=f"{root.name}-old-", dir=root.parent)
    aside = os.path.join(folder, root.name)
    try:
        with environment_lock(environment, reporter), os_errors("move aside", root):
            os.rename(root, aside)
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            if os.path.lexists(aside):
                shutil.rmtree(root, ignore_errors=True)
                os.rename(aside, root)
            os.rmdir(folder)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _empty(environment: Environment) -> None:
    if installed(environment) or pending(environment):
        return
    for entry in list(os.scandir(environment.root)):
        if entry.name != STATE:
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
