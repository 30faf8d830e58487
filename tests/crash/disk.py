"""Sees every change that this process makes to files, before it is made.

Python tells an audit hook of what makes, renames and removes names. It does not tell of bytes: for these, what
writes is put in place of `open`, `os.write` and the like. A write is seen twice, before its first byte and in its
middle, so that half-written files occur.
"""

import builtins
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipper.cache.cache
import pipper.ops.sync.fetch_wheels

PATHS = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.setxattr": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
}
"""Which arguments of an audit event are paths that change."""
FOLDERS = {
    **{"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.chmod": 2, "os.utime": 3},
    **{"os.link": 3, "os.symlink": 2},
}
"""Which argument says what a relative path is relative to, where `shutil.rmtree` or pipper uses that."""
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FICLONE = 0x40049409

GROWING = frozenset({"open", "os.link", "os.mkdir", "os.symlink", "write", "rest", "fsync", "clone"})
"""What a full disk refuses."""
WRITING = frozenset({"write", "rest", "fsync"})

Happens = Callable[[int, str], None]
"""Takes the number of the change, from 1 on, and its kind."""


class _Watch:
    def __init__(self, root: Path, happens: Happens) -> None:
        self._prefix = f"{root}/"
        self._happens = happens
        self._count = 0
        self._turn = threading.RLock()

    def tell(self, kind: str, path: object) -> None:
        """Let it happen where the change is below the folder."""
        if f"{place_of(path)}/".startswith(self._prefix):
            # A file system does one thing after another, and so do threads here.
            with self._turn:
                self._count += 1
                self._happens(self._count, kind)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook."""
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & CHANGES and not isinstance(path, int):
                self.tell("open", path)
        elif event in PATHS:
            folder = args[FOLDERS[event]] if event in FOLDERS else -1
            places = [place_of(args[number], folder) for number in PATHS[event]]
            self.tell(event, next((each for each in places if each.startswith(self._prefix)), ""))
        elif event == "fcntl.ioctl" and args[1] == _FICLONE:
            self.tell("clone", args[0])

    def halved(self, write: Callable[[Any], int | None], data: Any, path: object) -> int | None:
        """Write in two parts, each of which is told."""
        view = memoryview(data).cast("B")
        self.tell("write", path)
        half = len(view) // 2
        if not half:
            return write(view)
        written = write(view[:half])
        if written != half:
            return written
        self.tell("rest", path)
        return half + (write(view[half:]) or 0)


def watch(root: Path, happens: Happens) -> None:
    """Call `happens` before each change below `root`, as long as this process lives: it should be a fork.

    What `happens` raises is what the change fails with.
    """
    seen = _Watch(root, happens)
    sys.addaudithook(seen.audit)
    # Wheels are unpacked by this process, which counts: a worker does the same (`tests/cli/test_sync_workers.py`).
    pipper.ops.sync.fetch_wheels.can_fork = lambda: False  # type: ignore[attr-defined] # it has imported it
    write, sendfile, fsync = os.write, os.sendfile, os.fsync

    class File(io.FileIO):
        def write(self, data: Any, /) -> int:
            return seen.halved(super().write, data, self.fileno()) or 0

        def truncate(self, size: int | None = None, /) -> int:
            seen.tell("os.truncate", self.fileno())
            return super().truncate(size)

    def watched_write(descriptor: int, data: Any, /) -> int:
        return seen.halved(lambda part: write(descriptor, part), data, descriptor) or 0

    def watched_sendfile(out: int, source: int, offset: int, count: int) -> int:
        seen.tell("write", out)
        return sendfile(out, source, offset, count)

    def watched_fsync(descriptor: int) -> None:
        seen.tell("fsync", descriptor)
        fsync(descriptor)

    patched: Any = _opener(File)
    for module in (builtins, io, sys.modules["_io"]):
        module.open = patched  # type: ignore[attr-defined] # modules have it
    for name, function in (
        ("write", watched_write),
        ("sendfile", watched_sendfile),
        ("fsync", watched_fsync),
    ):
        setattr(os, name, function)
    io.FileIO = File  # type: ignore[misc] # of those who import it from now on
    pipper.cache.cache.FileIO = File  # type: ignore[attr-defined,misc] # and of the one who has


def refusal(number: int) -> OSError:
    """The error of a disk."""
    return OSError(number, os.strerror(number))


def place_of(path: object, folder: object = -1) -> str:
    if isinstance(path, int):
        try:
            return os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115 - not a path to be normalised
        except OSError:
            return ""
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    text = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0 and not text.startswith("/"):
        return f"{place_of(folder)}/{text}"
    return os.path.abspath(text)  # noqa: PTH100 - keeps links as they are


def _opener(raw_type: type[io.FileIO]) -> Callable[..., Any]:
    original = io.open

    def watched_open(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not set(mode) & set("wxa+"):
            return original(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = raw_type(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        stream = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return stream
        text: Any = io.TextIOWrapper(stream, encoding, errors, newline)
        text.mode = mode
        return text

    return watched_open
