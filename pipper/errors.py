"""One tree of errors. Each tells what and where (`message`), why (`cause`) and what mends it (`hint`).

The class decides the exit code of the process. Texts are plain: no markup, no traceback, no secret.
"""

from collections.abc import Iterable
from typing import ClassVar


class PipperError(Exception):
    """The root of every error that pipper raises on purpose.

    `message` says what went wrong and where, in one line; `cause` why, in one line; `hint` is the command or
    the edit that mends it. `cause` and `hint` may be empty.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class UsageError(PipperError):
    """Wrong usage, or a manifest or a lock that cannot be used."""

    exit_code = 2


class NoSolutionError(PipperError):
    """No set of versions satisfies every requirement."""

    exit_code = 3


class IntegrityError(PipperError):
    """Bytes are not what they claim to be: hash, RECORD, a hostile or a vanished file, an inconsistent lock."""

    exit_code = 4


class AccessError(PipperError):
    """Credentials are missing, refused or expired, or a permission is lacking."""

    exit_code = 5


class StoreError(PipperError):
    """A store or the network did not do what was asked of it."""

    exit_code = 6


class ObjectAbsentError(StoreError):
    """There is no object under this key: the store said so with a real 404."""


class ConflictError(PipperError):
    """Somebody else won, or the version exists with other bytes."""

    exit_code = 7


class ObjectExistsError(ConflictError):
    """A key that was to be created is taken."""


class ObjectChangedError(ConflictError):
    """An object that was to be replaced is no longer the one that was read."""


class MachineError(PipperError):
    """This machine cannot do it: disk, permission, environment."""

    exit_code = 8


_GRAVITY = (70, 4, 7, 5, 6, 8, 2)


def gravest(codes: Iterable[int]) -> int:
    """The exit code of a command that tried several things: the gravest of theirs, 0 where there is none."""
    seen = {code for code in codes if code}
    ranked = [code for code in _GRAVITY if code in seen]
    return (ranked + sorted(seen))[0] if seen else 0
