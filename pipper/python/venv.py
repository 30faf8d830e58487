"""Find the python of a virtual environment. A command with nothing to do imports this module, so it imports little."""

import os

STATE = ".pipper"
"""The folder of pipper's files at the root of an environment."""

BESIDE = "-new-"
"""What is between the name of an environment and 16 digits, in that of the folder in which it is put together."""

ASIDE = "-old-"
"""The same in the name of an environment that another one is about to replace."""

UNFINISHED = ".pipper-unfinished"
"""The file in a virtual environment that is being created."""

SCRIPTS = "Scripts" if os.name == "nt" else "bin"
"""The folder of programs in a virtual environment."""

PYTHON = f"{SCRIPTS}/python.exe" if os.name == "nt" else f"{SCRIPTS}/python"
"""The python of a virtual environment, below it."""

_MADE = {"bin", "Scripts", "lib", "lib64", "Lib", "include", "Include", "share", "pyvenv.cfg", ".gitignore"}


def venv_python_path(directory: "str | os.PathLike[str]") -> str | None:
    """Return the python of the virtual environment in `directory`, or None if it is missing or unfinished."""
    python, config, unfinished = (
        os.path.join(directory, name) for name in (PYTHON, "pyvenv.cfg", UNFINISHED)
    )
    done = os.path.exists(python) and os.path.exists(config) and not os.path.exists(unfinished)
    return os.path.abspath(python) if done else None


def is_made(name: str) -> bool:
    """Return whether an entry of this name at the root of an environment is one that `venv` or pipper makes."""
    return name in _MADE or name == STATE or name.startswith(f"{STATE}-")


def place_of_beside(name: str, kind: str) -> str | None:
    """Return the name of the environment beside which a folder of this name and kind lies; None for any other name."""
    start, _, end = name.rpartition(kind)
    return start if start and len(end) == 16 and set(end) <= set("0123456789abcdef") else None


def is_beside(name: str) -> bool:
    """Return whether a folder of this name lies there for an environment that is put together, or replaced."""
    return any(place_of_beside(name, kind) is not None for kind in (BESIDE, ASIDE))
