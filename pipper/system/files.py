"""Reading and writing the files of a project: whole or not at all, with errors that name the file."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pipper.core.urls import shown
from pipper.errors import MachineError, UsageError
from pipper.system.locks import os_lock

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def read_bytes(path: Path) -> bytes | None:
    """Return the bytes of a file, None where there is none; raises MachineError for anything else."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MachineError(f"cannot read {path}", cause=error.strerror or str(error)) from error


def refuse_url(path: Path) -> None:
    """Raise UsageError where a path of the command line is a URL; what may be secret of it is in no message."""
    # A path has one slash where the URL had two, so that nothing else would know it for one.
    scheme, *rest = path.as_posix().split("/")
    if rest and _SCHEME.fullmatch(scheme):
        url = f"{scheme}//{'/'.join(rest)}"
        raise UsageError(f"a URL is not a file: {shown(url)}", hint="fetch it first, then give the file")


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file by temporary file, fsync and rename: a reader sees the old bytes or the new ones.

    With `private` nobody but the owner can read it, from its first byte on. Raises MachineError, and then the
    old file is as it was.
    """
    try:
        path.parent.stat()
        mode = 0o600 if private else path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        with _secret_beside(path) if private else _beside(path) as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        # The bytes are on the disk and in their place: only a power cut could bring the old ones back.
        with contextlib.suppress(OSError):
            _sync_directory(path.parent)
    except (OSError, MachineError) as error:
        cause = error.cause if isinstance(error, MachineError) else error.strerror or str(error)
        raise MachineError(f"cannot write {path}", cause=f"{cause}; {len(data)} bytes are needed") from error


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """Open an empty file beside `path`, nobody else's while the block runs; gone where the block fails.

    Its name is fixed, so that what a killed command left there is overwritten by the next.
    """
    temporary = path.with_name(f".{path.name}.new")
    with os_lock(temporary):
        try:
            with temporary.open("r+b") as file:
                file.truncate()
                yield file
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _secret_beside(path: Path) -> Iterator[IO[bytes]]:
    """The same under a name that nobody can foresee, let alone have made before us."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield cast("IO[bytes]", file)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a temporary folder that is gone at the end; raises MachineError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="pipper-", ignore_cleanup_errors=True)
    except OSError as error:
        raise MachineError(
            "cannot write a temporary folder",
            cause=error.strerror or str(error),
            hint="set TMPDIR to a folder that has room",
        ) from error
    with folder as name:
        yield Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
