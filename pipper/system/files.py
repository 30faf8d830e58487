"""Reading, hashing and replacing files: a file is replaced whole or not at all.

Everything that is written goes through `temporary_file` and takes its place by a rename. `write_atomic` is for
what can be made again (caches), `write_durable` for what must survive a power cut, `write_bytes` for the files
of users, `write_private` for secrets.
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipper.core.urls import shown
from pipper.errors import MachineError, UsageError
from pipper.system.locks import hold, is_free
from pipper.system.os_errors import os_errors

if TYPE_CHECKING:
    from io import BufferedWriter

_PIECE = 1 << 20
_LITTER = re.compile(r"\.pipper-[0-9a-f]{16}\.tmp")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def read_bytes(path: Path) -> bytes | None:
    """Return the bytes of a file, None where there is none; raises MachineError for anything else."""
    with os_errors("read", path), contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def refuse_url(path: Path) -> None:
    """Raise UsageError where a path of the command line is a URL; what may be secret of it is in no message."""
    # A path has one slash where the URL had two, so that nothing else would know it for one.
    scheme, *rest = path.as_posix().split("/")
    if rest and _SCHEME.fullmatch(scheme):
        url = f"{scheme}//{'/'.join(rest)}"
        raise UsageError(f"a URL is not a file: {shown(url)}", hint="fetch it first, then give the file")


def pieces(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Yield the rest of `file` in pieces of at most 1 MiB; `path` is for the message of a MachineError."""
    while True:
        with os_errors("read", path):
            piece = file.read(_PIECE)
        if not piece:
            return
        yield piece


def digest_of(path: str | os.PathLike[str], algorithm: str = "sha256") -> bytes:
    """Return the hash of a file; raises OSError, and ValueError for an unknown algorithm."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).digest()


def sha256_of_file(path: Path) -> str:
    """Return the sha256 of a file in hex; raises MachineError."""
    with os_errors("read", path):
        return digest_of(path).hex()


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file, durably: a reader sees the old bytes or the new ones. Its mode stays.

    With `private` its mode is 0600, from its first byte on. Raises MachineError, and then the old file is as it
    was.
    """
    with os_errors("write", path, needed=len(data)), replacing(path, durable=True, private=private) as file:
        file.write(data)
    # The bytes are on the disk and in their place: only a power cut could bring the old ones back.
    with contextlib.suppress(OSError):
        sync_folder(path.parent)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file that holds secrets: mode 0600, and a missing folder is made with mode 0700.

    A symbolic link is followed to a file of the same user's and stays a link. Raises MachineError as
    `check_private` and `write_bytes` do.
    """
    write_bytes(check_private(path), data, private=True)


def write_durable(path: Path, data: bytes) -> None:
    """Replace a file, and have it on the disk when this returns. Its mode stays.

    Raises OSError; then the file holds the old bytes or the new ones.
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
    """Give an empty file that takes the place of `path` when the block ends; where the block fails, it goes.

    The mode of `path` stays. With `private` it is 0600; with `durable` the bytes are on the disk before the
    rename. `sweep` removes first what killed commands left in the folder, and costs reading the folder. Raises
    OSError.
    """
    folder = os.path.dirname(path)
    mode = 0o600 if private else _mode_of(path)
    if sweep:
        _sweep(folder)
    with temporary_file(folder, 0o666 if mode is None else mode) as file:
        if not private and mode is not None and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), mode)
        yield file
        put_in_place(file, path, durable=durable)


@contextlib.contextmanager
def temporary_file(folder: str | os.PathLike[str], mode: int = 0o666) -> "Iterator[BufferedWriter]":
    """Open a new file in `folder`, under a name that nobody can foresee; it is removed where the block fails.

    Its mode is `mode` less the umask. Raises OSError.
    """
    file = _new_file(folder, mode)
    try:
        with file:
            yield file
    except BaseException:
        # The first error is the one to report: a disk that takes no file may refuse to remove one, too.
        with contextlib.suppress(OSError):
            os.unlink(file.name)
        raise


def put_in_place(file: "BufferedWriter", path: str | os.PathLike[str], *, durable: bool) -> None:
    """Rename a temporary file to `path`, with `durable` once its bytes are on the disk; raises OSError."""
    file.flush()
    if durable:
        os.fsync(file.fileno())
    if os.name == "nt":  # Windows renames no open file
        file.close()
    os.replace(file.name, path)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in `folder` durable, where its file system can; raises OSError."""
    if os.name == "nt":  # Windows cannot open a folder; NTFS journals names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a temporary folder that is gone at the end; raises MachineError where none can be made."""
    with os_errors("write", "a temporary folder", hint="set TMPDIR to a folder that has room"):
        folder = tempfile.TemporaryDirectory(prefix="pipper-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


def _mode_of(path: str | os.PathLike[str]) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(path).st_mode) & 0o777
    return None


def _new_file(folder: str | os.PathLike[str], mode: int) -> "BufferedWriter":
    while True:
        name = os.path.join(folder, f".pipper-{os.urandom(8).hex()}.tmp")
        file = open(name, "xb", opener=lambda path, flags: os.open(path, flags | _NO_FOLLOW, mode))  # noqa: SIM115 - closed by the caller
        # Held until it is closed, so that a sweep can tell it from what a killed command left.
        hold(file.fileno())
        if os.path.exists(name):
            return file
        file.close()  # swept in the moment before it was held


def _sweep(folder: str) -> None:
    """Remove the temporary files that no living command holds."""
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
    """Return the file that `write_private` would replace, and make its folder.

    Raises MachineError where the file is another user's, where others may write into its folder, or where the
    disk refuses.
    """
    target = Path(os.path.realpath(path))
    with os_errors("write", path):
        _refuse_dangling(path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(path, target)
        _refuse_shared(path, target.parent)
    return target


def _refuse_dangling(path: Path) -> None:
    """What a link names and is not there (a disk that is not mounted) is not made in its stead."""
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            raise MachineError(
                f"{path} is not written: {place} is a symbolic link that leads nowhere",
                cause=f"there is no {os.path.realpath(place)}",
                hint=f"remove {place}, or make what it names",
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
                f"{path} is not replaced: {place} belongs to another user",
                cause=f"its owner is user {owner}, you are user {os.geteuid()}",
                hint=f"remove {place}, or run the command as its owner",
            )


def _refuse_shared(path: Path, folder: Path) -> None:
    """Others who may write into the folder could put their own file in place of this one."""
    if os.name == "nt":
        return
    for place in {path.parent, folder}:
        found = place.stat()
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise MachineError(
                f"{path} is not written: others may write into {place}",
                cause=f"its mode is {stat.S_IMODE(found.st_mode):04o}",
                hint=f"chmod go-w {place}",
            )
        if found.st_uid not in (os.geteuid(), 0):
            raise MachineError(f"{path} is not written: {place} belongs to another user", hint="look at HOME")
