"""Placing files in the staging tree: those of the cache by reflink, else hard link, else copy; and new ones."""

import contextlib
import errno
import os
import shutil
import sys
from typing import Literal, NamedTuple

from pipper.errors import MachineError
from pipper.system.files import set_mode

LinkMode = Literal["auto", "reflink", "hardlink", "copy"]

_FICLONE = 0x40049409
_NOT_HERE = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
_WORKERS = 8


class Job(NamedTuple):
    """A file to place."""

    source: str
    destination: str
    mode: int


class Placer:
    """Places files in one mode; with `auto`, the first mode that works between these two folders.

    Makes hard links at once (5 us each; threads make them slower). Defers reflinks and copies to `finish`, which
    uses several threads. Raises FileExistsError for a file that exists, OSError for other failures of the disk,
    and MachineError if the requested mode does not work here.
    """

    def __init__(self, mode: LinkMode = "auto") -> None:
        self._asked = mode
        self._mode = "reflink" if mode == "auto" else mode
        self._jobs: list[Job] = []

    def put(self, source: str, destination: str, *, executable: bool) -> None:
        """Place the file `source` at `destination`."""
        job = Job(source, destination, 0o755 if executable else 0o644)
        if self._mode == "reflink" and self._asked == "auto":
            # The first file shows what the file system supports; the others use the same mode.
            if _reflink(job):
                self._asked = "reflink"
                return
            self._mode = "hardlink"
        if self._mode != "hardlink" or not self._is_linked(job):
            self._jobs.append(job)

    def write(self, path: str, content: bytes, mode: int) -> None:
        """Write a new file that no wheel contains."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if os.name != "nt":
                set_mode(descriptor, mode)
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Do the deferred work."""
        jobs, self._jobs = self._jobs, []
        work = self._reflink_or_refuse if self._mode == "reflink" else _copy
        if len(jobs) < 2 * _WORKERS:
            for job in jobs:
                work(job)
            return
        # The import takes 10 ms, which only many copies are worth.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see above

        with ThreadPoolExecutor(_WORKERS) as pool:
            for future in [pool.submit(work, job) for job in jobs]:
                future.result()

    def _is_linked(self, job: Job) -> bool:
        try:
            os.link(job.source, job.destination)
        except OSError as error:
            if error.errno == errno.EMLINK:
                # Only this file has reached the file system's limit of links.
                return False
            if error.errno not in _NOT_HERE:
                raise
            if self._asked == "hardlink":
                raise _refused("hard link", job.destination, error) from error
            self._mode = "copy"
            return False
        return True

    @staticmethod
    def _reflink_or_refuse(job: Job) -> None:
        if not _reflink(job):
            raise _refused("reflink", job.destination, None)


def _refused(way: str, destination: str, error: OSError | None) -> MachineError:
    return MachineError(
        f"cannot make a {way} from the cache to `{destination}`",
        cause=(error.strerror or "") if error else "the file system does not support it",
        hint="use `--link-mode auto`, or put the cache (PIPPER_CACHE_DIR) on the same file system",
    )


def _reflink(job: Job) -> bool:
    """Make `destination` share the blocks of `source` until one is written; return False if not supported."""
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415 - Windows does not have this module

    with open(job.source, "rb") as source:
        descriptor = os.open(job.destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, job.mode)
        try:
            fcntl.ioctl(descriptor, _FICLONE, source.fileno())
            set_mode(descriptor, job.mode)
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(job.destination)
            if error.errno in {*_NOT_HERE, errno.EINVAL, errno.ENOTTY}:
                return False
            raise
        finally:
            os.close(descriptor)
    return True


def _copy(job: Job) -> None:
    if os.path.lexists(job.destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), job.destination)
    shutil.copyfile(job.source, job.destination)
    set_mode(job.destination, job.mode)
