"""Recognise a file that `-i` or `--lock` names: a manifest, a lock, or something else."""

import re
from enum import Enum, auto
from pathlib import PurePath

from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.errors import UsageError
from pipper.ops.context.project_files import LOCK_NAME

_LOCK = re.compile(rb"""^(?:\xef\xbb\xbf)?[ \t]*lock-version[ \t]*=[ \t]*(["']?)""", re.MULTILINE)


class InputKind(Enum):
    """The kinds of files that commands take."""

    OLD_MANIFEST = auto()
    """JSON or YAML of pipper 0.x; in output of its `authorize` the dependencies are URLs."""
    MANIFEST = auto()
    """`pipper.toml` or `pyproject.toml`."""
    LOCK = auto()
    """A lock in pipper's own format, authorized or not."""
    PYLOCK = auto()
    """A lock of PEP 751."""
    REQUIREMENTS = auto()
    """A requirements file of pip."""
    PACKAGE = auto()
    """A wheel or a bundle."""
    OTHER = auto()


_SUFFIXES = {
    ".json": InputKind.OLD_MANIFEST,
    ".yaml": InputKind.OLD_MANIFEST,
    ".yml": InputKind.OLD_MANIFEST,
    ".toml": InputKind.MANIFEST,
    ".txt": InputKind.REQUIREMENTS,
    ".in": InputKind.REQUIREMENTS,
    ".whl": InputKind.PACKAGE,
    BUNDLE_SUFFIX: InputKind.PACKAGE,
}


def input_kind(data: bytes, name: str) -> InputKind:
    """Return the kind of a file: a lock by its content, anything else by the suffix of `name`."""
    suffix = PurePath(name).suffix
    if _SUFFIXES.get(suffix) is InputKind.PACKAGE:
        return InputKind.PACKAGE
    if found := _LOCK.search(data):
        return InputKind.PYLOCK if found[1] else InputKind.LOCK  # PEP 751 writes its version as a string
    if name == LOCK_NAME:
        return InputKind.LOCK
    return _SUFFIXES.get(suffix, InputKind.OTHER)


def not_input(path: object, kind: InputKind) -> UsageError:
    """Return the error for a file that `-i` does not accept."""
    return not_needed(
        path, kind, "a manifest or a lock", cause="-i accepts pipper.json, pipper.yaml, pipper.toml or a lock"
    )


def not_needed(path: object, kind: InputKind, needed: str, *, cause: str = "") -> UsageError:
    """Return the error for a file of the wrong kind; `needed` names the right one."""
    what = "a manifest, not " if kind in (InputKind.MANIFEST, InputKind.OLD_MANIFEST) else "not "
    hints = {
        InputKind.MANIFEST: "run `pipper lock` to make a lock of it",
        InputKind.OLD_MANIFEST: f"run `pipper install -i {path}` to install its dependencies",
        InputKind.PACKAGE: f"run `pipper install {path}` to install it",
        InputKind.REQUIREMENTS: f"run `pipper init --from {path}` to make a manifest of it",
    }
    return UsageError(f"{path} is {what}{needed}", cause=cause, hint=hints.get(kind, f"give {needed}"))
