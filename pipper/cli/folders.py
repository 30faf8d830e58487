"""The folders that a command starts from."""

import os
from pathlib import Path

from pipper.errors import MachineError


def working_directory(project: Path | None) -> Path:
    """Return the folder that `--project` names, else the working directory; raises MachineError if it is gone."""
    try:
        # Without `..`: the parents of ../other/x must not include this folder. Symbolic links stay as they are.
        return Path(os.path.abspath(project or "."))  # noqa: PTH100 - pathlib has no such function
    except FileNotFoundError as error:
        raise MachineError(
            "the working directory does not exist", hint="cd to a directory that exists"
        ) from error


def home_directory() -> Path:
    """Return the home directory of the user; raises MachineError without one."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise MachineError("this user has no home directory", hint="set the variable HOME") from error
