"""Read, hash and replace files. A file is replaced whole or not at all.

Every write goes to a `temporary_file`, which is then renamed. `write_atomic` is for caches, `write_durable` for
files that must survive a power failure, `write_bytes` for the files of users, `write_private` for secrets.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pipper.core.redaction import shown
from pipper.errors import MachineError, UsageError
from pipper.system.locks import hold, is_free
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import open_regular, read_regular
from pipper.system.trust import inner_target

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from io import BufferedReader, BufferedWriter
    from typing import IO

_PIECE = 1 << 20
_LITTER = re.compile(r"\.pipper-[0-9a-f]{16}\.tmp")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_NO_MODES = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What an owner is answered who changes a mode on a file system that has none (CIFS, FAT)."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def read_bytes(path: Path) -> bytes | None:
    """Return the bytes of a document, or None if it does not exist.

    Raises MachineError if it cannot be read, is not a regular file or has more than 64 MiB.
    """
    with os_errors("read", path), contextlib.suppress(FileNotFoundError):
        return read_regular(path)
    return None


def refuse_url(path: Path) -> None:
    """Raise UsageError if a path of the command line is a URL; the message contains no secret of the URL."""
    # pathlib turns the two slashes of a URL into one, so no later check would recognize it.
    scheme, *rest = path.as_posix().split("/")
    if rest and _SCHEME.fullmatch(scheme):
        url = f"{scheme}//{'/'.join(rest)}"
        raise UsageError(
            f"a URL is not a file: {shown(url)}", hint="download it, then give the path of the file"
        )


@contextlib.contextmanager
def reading(path: Path) -> "Iterator[BufferedReader]":
    """Open a regular file for reading while the block runs; raises MachineError if it cannot be opened."""
    with os_errors("read", path):
        file = open_regular(path)
    with file:
        yield file


def pieces(file: "IO[bytes]", path: Path) -> Iterator[bytes]:
    """Yield the rest of `file` in pieces of at most 1 MiB; MachineError names `path`."""
    while True:
        with os_errors("read", path):
            piece = file.read(_PIECE)
        if not piece:
            return
        yield piece


def digest_of(path: str | os.PathLike[str], algorithm: str = "sha256") -> bytes:
    """Return the hash of a regular file; raises OSError, and ValueError for an unknown algorithm."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, and most commands that do little hash nothing

    with open_regular(path) as file:
        return hashlib.file_digest(file, algorithm).digest()


def sha256_of_file(path: Path) -> str:
    """Return the sha256 of a file in hex; raises MachineError."""
    with os_errors("read", path):
        return digest_of(path).hex()


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file durably: a reader sees the old bytes or the new ones. Its mode is kept.

    With `private` its mode is 0600 before the first byte is written. Raises MachineError; then the old file is
    unchanged.
    """
    with os_errors("write", path, needed=len(data)), replacing(path, durable=True, private=private) as file:
        file.write(data)
    # The bytes are on the disk and the file is renamed: only a power failure could bring the old ones back.
    with contextlib.suppress(OSError):
        sync_folder(path.parent)


def write_document(path: Path, data: bytes) -> None:
    """Replace a manifest or a lock as `write_bytes` does; a link to a file in the same folder stays a link.

    Raises IntegrityError for a link out of the folder, and what `write_bytes` raises.
    """
    write_bytes(inner_target(path), data)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file that contains secrets: its mode is 0600, and a missing folder is created with mode 0700.

    A symbolic link to a file of the same user is followed and stays a link. Raises MachineError as
    `check_private` and `write_bytes` do.
    """
    write_bytes(check_private(path), data, private=True)


def write_durable(path: Path, data: bytes) -> None:
    """Replace a file and wait until it is on the disk. Its mode is kept.

    Raises OSError; then the file contains the old bytes or the new ones.
    """
    with replacing(path, durable=True) as file:
        file.write(data)
    sync_folder(path.parent)


def write_atomic(path: Path, data: bytes, *, sweep: bool = True) -> None:
    """Replace a file: a reader sees the old bytes or the new ones; raises OSError. See `replacing` for `sweep`."""
    with replacing(path, sweep=sweep) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str], *, durable: bool = False, private: bool = False, sweep: bool = True
) -> "Iterator[BufferedWriter]":
    """Yield an empty file that replaces `path` when the block ends; it is removed if the block raises.

    A link at `path` is replaced, not followed. The mode of `path` is kept, or 0600 with `private`. With `durable`
    the bytes are on the disk before the rename. `sweep` reads the folder first and removes the temporary files of
    killed commands. Raises OSError.
    """
    folder = os.path.dirname(path)
    mode = 0o600 if private else _mode_of(path)
    if sweep:
        _sweep(folder)
    with temporary_file(folder, 0o666 if mode is None else mode) as file:
        if not private and mode is not None and hasattr(os, "fchmod"):
            set_mode(file.fileno(), mode)
        yield file
        put_in_place(file, path, durable=durable)


@contextlib.contextmanager
def temporary_file(folder: str | os.PathLike[str], mode: int = 0o666) -> "Iterator[BufferedWriter]":
    """Open a new file in `folder` with an unpredictable name; it is removed if the block raises.

    Its mode is `mode` less the umask. Raises OSError.
    """
    file = _new_file(folder, mode)
    try:
        with file:
            yield file
    except BaseException:
        # Report the first error: a disk that refuses a write may also refuse the removal.
        with contextlib.suppress(OSError):
            os.unlink(file.name)
        raise


def put_in_place(file: "BufferedWriter", path: str | os.PathLike[str], *, durable: bool) -> None:
    """Rename a temporary file to `path`, with `durable` after its bytes are on the disk; raises OSError."""
    file.flush()
    if durable:
        os.fsync(file.fileno())
    if os.name == "nt":  # Windows cannot rename an open file
        file.close()
    os.replace(file.name, path)


def set_mode(place: int | str | os.PathLike[str], mode: int) -> None:
    """Give a file, or an open descriptor of one, this mode, if its file system has modes; raises OSError.

    A file that has it already is left alone: some file systems refuse every change of a mode. There, a file keeps
    the one that it was made with; that is an error only for a mode that keeps others out.
    """
    found = os.stat(place)
    if stat.S_IMODE(found.st_mode) == mode:
        return
    try:
        os.chmod(place, mode)
    except OSError as error:
        is_own = hasattr(os, "geteuid") and found.st_uid == os.geteuid()
        if error.errno not in _NO_MODES or not is_own or not mode & 0o077:
            raise


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in `folder` durable if its file system supports that; raises OSError."""
    if os.name == "nt":  # Windows cannot open a folder; NTFS journals names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a temporary folder that is removed at the end; raises MachineError if it cannot be created."""
    import tempfile  # noqa: PLC0415 - few commands need it

    with os_errors("write", "a temporary directory", hint="set TMPDIR to a directory with free space"):
        folder = tempfile.TemporaryDirectory(prefix="pipper-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


def _mode_of(path: str | os.PathLike[str]) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        return stat.S_IMODE(mode) & 0o777 if stat.S_ISREG(mode) else None
    return None


def _new_file(folder: str | os.PathLike[str], mode: int) -> "BufferedWriter":
    while True:
        name = os.path.join(folder, f".pipper-{os.urandom(8).hex()}.tmp")
        file = open(name, "xb", opener=lambda path, flags: os.open(path, flags | _NO_FOLLOW, mode))  # noqa: SIM115 - closed by the caller
        # Locked until it is closed, so that a sweep does not take it for the file of a killed command.
        hold(file.fileno())
        if os.path.exists(name):
            return file
        file.close()  # another process swept it before it was locked


def _sweep(folder: str) -> None:
    """Remove the temporary files that no running command has locked."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder or "."):
            if _LITTER.fullmatch(name):
                _remove_litter(os.path.join(folder, name))


def _remove_litter(path: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
        try:
            if is_free(descriptor):
                os.unlink(path)
        finally:
            os.close(descriptor)


def check_private(path: Path) -> Path:
    """Return the file that `write_private` would replace, and create its folder.

    Raises MachineError if the file belongs to another user, if others can write to its folder, or if the disk
    refuses.
    """
    target = Path(os.path.realpath(path))
    with os_errors("write", path):
        _refuse_dangling(path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(path, target)
        _refuse_shared(path, target.parent)
    return target


def _refuse_dangling(path: Path) -> None:
    """Refuse a dangling link: its target may be on a disk that is not mounted."""
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            raise MachineError(
                f"cannot write {path}: {place} is a dangling symbolic link",
                cause=f"{os.path.realpath(place)} does not exist",
                hint=f"remove {place}, or create its target",
            )


def _refuse_foreign(path: Path, target: Path) -> None:
    if not hasattr(os, "geteuid"):
        return
    for place in (path, target):
        try:
            owner = place.lstat().st_uid
        except FileNotFoundError:
            continue
        if owner != os.geteuid():
            raise MachineError(
                f"cannot replace {path}: {place} belongs to another user",
                cause=f"its owner is user {owner}, you are user {os.geteuid()}",
                hint=f"remove {place}, or run the command as its owner",
            )


def _refuse_shared(path: Path, folder: Path) -> None:
    """Refuse a folder that others can write to: they could replace the file."""
    if os.name == "nt":
        return
    for place in {path.parent, folder}:
        found = place.stat()
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise MachineError(
                f"cannot write {path}: others can write to {place}",
                cause=f"its mode is {stat.S_IMODE(found.st_mode):04o}",
                hint=f"run `chmod go-w {place}`",
            )
        if found.st_uid not in (os.geteuid(), 0):
            raise MachineError(
                f"cannot write {path}: {place} belongs to another user",
                hint="set HOME to your own home directory",
            )
