"""An environment that a change creates: if the change fails, it does not stay either."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from pipper.apply.environment_lock import environment_lock
from pipper.apply.pending import pending
from pipper.core.reporter import Reporter
from pipper.errors import PipperError
from pipper.python.environment import STATE, Environment, installed


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
                folder.rmdir()
        raise


def _empty(environment: Environment) -> None:
    if installed(environment) or pending(environment):
        return
    for entry in list(os.scandir(environment.root)):
        if entry.name != STATE:
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
