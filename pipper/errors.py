"""The errors that pipper raises: what and where (`message`), why (`cause`) and how to fix it (`hint`).

The class decides the exit code of the process. Texts are plain: no markup, no traceback, no secret.
"""

TYPE_CHECKING = False  # every command imports this module, and `typing` takes longer than some of them
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar


class PipperError(Exception):
    """The base class of every error that pipper raises on purpose.

    `message` states what went wrong and where, in one line; `cause` states why, in one line; `hint` is the
    command or the edit that fixes it. `cause` and `hint` may be empty.
    """

    exit_code: "ClassVar[int]" = 70

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class UsageError(PipperError):
    """The usage is wrong, or a manifest or a lock cannot be used."""

    exit_code = 2


class UnfollowedError(UsageError):
    """A requirement names a URL, or a project that another tool takes from elsewhere, which pipper does not follow."""


class NoSolutionError(PipperError):
    """No set of versions satisfies every requirement."""

    exit_code = 3


class IntegrityError(PipperError):
    """Data fails a check: a wrong hash or RECORD, an unsafe or missing file, an inconsistent lock."""

    exit_code = 4


class TooLongError(IntegrityError):
    """A body is longer than its reader takes."""


class AccessError(PipperError):
    """Credentials are missing, refused or expired, or a permission is missing."""

    exit_code = 5


class StoreError(PipperError):
    """A request to a store or over the network failed."""

    exit_code = 6


class ObjectAbsentError(StoreError):
    """No object has this key: the store answered with a real 404."""


class StoreLacksError(StoreError):
    """The store cannot do what pipper needs of it, however often it is asked."""


class ConflictError(PipperError):
    """Another process wrote first, or the version exists with other bytes."""

    exit_code = 7


class ObjectExistsError(ConflictError):
    """The key to create already exists."""


class ObjectChangedError(ConflictError):
    """The object to replace has changed since it was read."""


class MachineError(PipperError):
    """This machine is the reason: disk, permission, environment."""

    exit_code = 8


_GRAVITY = (70, 4, 7, 5, 6, 8, 2)


def gravest(codes: "Iterable[int]") -> int:
    """Return the most serious of several exit codes, for a command that tried several things; 0 without any."""
    seen = set(codes) - {0}
    return next((code for code in (*_GRAVITY, *sorted(seen)) if code in seen), 0)
