"""How a file of the cache gets into the staging tree: reflink, else hard link, else copy."""

import contextlib
import errno
import os
import shutil
import sys
from typing import Literal, NamedTuple

from pipper.errors import MachineError

LinkMode = Literal["auto", "reflink", "hardlink", "copy"]

_FICLONE = 0x40049409
_NOT_HERE = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
_WORKERS = 8


class _Job(NamedTuple):
    source: str
    destination: str
    mode: int


class Placer:
    """Places files one way; with `auto`, the first way that works on these two folders.

    Links are made at once (5 us each; threads make them slower). What moves bytes is put off until `finish`
    and done by several threads. Files must not be there yet: raises FileExistsError. Other failures of the
    disk are OSError; MachineError where the way that was asked for does not work here.
    """

    def __init__(self, mode: LinkMode = "auto") -> None:
        self._asked = mode
        self._mode = "reflink" if mode == "auto" else mode
        self._jobs: list[_Job] = []

    def put(self, source: str, destination: str, *, executable: bool) -> None:
        """Place the file `source` at `destination`."""
        if self._mode == "hardlink":
            try:
                os.link(source, destination)
            except OSError as error:
                self._after_failed_link(error, source, destination, executable)
            return
        job = _Job(source, destination, 0o755 if executable else 0o644)
        if self._mode == "reflink" and self._asked == "auto":
            self._try_reflink(job)
        else:
            self._jobs.append(job)

    def finish(self) -> None:
        """Do what was put off."""
        jobs, self._jobs = self._jobs, []
        work = self._reflink_or_refuse if self._mode == "reflink" else _copy
        if len(jobs) < 2 * _WORKERS:
            for job in jobs:
                work(job)
            return
        # Only here, where bytes are moved, are its 10 ms worth it.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see above

        with ThreadPoolExecutor(_WORKERS) as pool:
            for future in [pool.submit(work, job) for job in jobs]:
                future.result()

    def _try_reflink(self, job: _Job) -> None:
        # The first file shows what the file system can do; the rest goes the same way.
        if _reflink(job):
            self._asked = "reflink"
            return
        self._mode = "hardlink"
        self.put(job.source, job.destination, executable=job.mode == 0o755)

    def _after_failed_link(self, error: OSError, source: str, destination: str, executable: bool) -> None:
        if error.errno == errno.EMLINK:
            # Only this file has as many names as the file system allows.
            self._jobs.append(_Job(source, destination, 0o755 if executable else 0o644))
            self._mode = "hardlink"
            return
        if error.errno not in _NOT_HERE:
            raise error
        if self._asked == "hardlink":
            raise _refused("hard link", destination, error) from error
        self._mode = "copy"
        self.put(source, destination, executable=executable)

    @staticmethod
    def _reflink_or_refuse(job: _Job) -> None:
        if not _reflink(job):
            raise _refused("reflink", job.destination, None)


def _refused(way: str, destination: str, error: OSError | None) -> MachineError:
    return MachineError(
        f"a {way} from the cache to `{destination}` cannot be made",
        cause=(error.strerror or "") if error else "the file system does not know it",
        hint="use `--link-mode auto`, or put the cache (PIPPER_CACHE_DIR) on the same file system",
    )


def _reflink(job: _Job) -> bool:
    """Make `destination` share the blocks of `source` until one is written to; False where that is not to be."""
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415 - there is no such module on Windows

    with open(job.source, "rb") as source:
        descriptor = os.open(job.destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, job.mode)
        try:
            fcntl.ioctl(descriptor, _FICLONE, source.fileno())
            os.fchmod(descriptor, job.mode)
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(job.destination)
            if error.errno in {*_NOT_HERE, errno.EINVAL, errno.ENOTTY}:
                return False
            raise
        finally:
            os.close(descriptor)
    return True


def _copy(job: _Job) -> None:
    if os.path.lexists(job.destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), job.destination)
    shutil.copyfile(job.source, job.destination)
    os.chmod(job.destination, job.mode)
