"""The cache: files by their sha256, wheels unpacked once, facts about interpreters.

    files/AB/SHA256              a complete file, verified on arrival
    wheels/AB/SHA256/tree/       a wheel's members, each at its path in the wheel
    wheels/AB/SHA256/index.json  the index of the wheel
    interpreters/                facts about interpreters
    index/SITE/                  pages and metadata of an index
    stamps/AB/SHA256             a lock that was up to date, for each project
    tmp/                         unfinished files
    .lock                        held shared by each command, exclusively by `cleaning`
    CACHEDIR.TAG                 excludes the folder from backups, if pipper created it

Other files in the folder are not pipper's: they are neither counted nor removed.

An entry is complete, because it is created below `tmp` and renamed. A power failure may still truncate it:
`file` can compare its size, and `unpack` removes a damaged file.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.errors import IntegrityError, MachineError
from pipper.system.files import digest_of, pieces
from pipper.system.locks import os_lock, os_lock_if_free
from pipper.system.os_errors import os_errors

if TYPE_CHECKING:
    from pipper.cache.unpacked import UnpackedWheel

_DAY = 86_400
_REPLACED = "the file was replaced or damaged: ask its publisher, or run `pipper repository check`"
_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache, made by pipper (Cache Directory Tagging Specification 0.6).
"""


class Receiver:
    """Writes the bytes of one file as they arrive, and hashes them."""

    def __init__(self, stream: FileIO, *, sha256: str, size: int, subject: str) -> None:
        self._stream = stream
        self._sha256 = sha256
        self._expected = size
        self._subject = subject
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Write the next bytes; raises IntegrityError if there are too many, MachineError for the disk."""
        if self.size + len(chunk) > self._expected:
            raise IntegrityError(
                f"{self._subject} is longer than expected",
                cause=f"expected {self._expected:,} bytes",
                hint=_REPLACED,
            )
        with disk_errors(str(self._stream.name), self._expected):
            view = memoryview(chunk)
            while view:
                view = view[self._stream.write(view) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Discard the bytes that have arrived."""
        self._stream.seek(0)
        self._stream.truncate()
        self._hash = hashlib.sha256()
        self.size = 0

    def matches(self) -> bool:
        """Tell whether size and hash are the expected ones."""
        return self.size == self._expected and self._hash.hexdigest() == self._sha256

    def mismatch(self) -> IntegrityError:
        """Return the error that names the expected and the actual size or hash."""
        kind, expected, got = "hash", f"sha256:{self._sha256}", f"sha256:{self._hash.hexdigest()}"
        if self.size != self._expected:
            kind, expected, got = "size", f"{self._expected:,} bytes", f"{self.size:,} bytes"
        name, _, place = self._subject.partition(" from ")
        origin = f" from {place}" if place else ""
        return IntegrityError(
            f"{kind} mismatch for {name}: expected {expected} got {got}{origin}", hint=_REPLACED
        )


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return `PIPPER_CACHE_DIR`, or the platform's folder for caches."""
    given = environ.get("PIPPER_CACHE_DIR")
    if given:
        return Path(given).expanduser().absolute()
    # Imported here: it takes 7 ms, and is not needed if the variable is set.
    from platformdirs import user_cache_path  # noqa: PLC0415

    return user_cache_path("pipper", appauthor=False)


class Cache:
    """A cache at `root`, created if it is missing. Safe for any number of processes and threads.

    Raises MachineError if the folder belongs to another user or others can write to it: their files would run
    with this user's rights.
    """

    def __init__(self, root: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.root = Path(os.path.abspath(root))
        self.limits = limits
        self.lock = self.root / ".lock"
        _make_private(self.root)

    @property
    def interpreters(self) -> Path:
        """The folder for `inspect_interpreter`."""
        return self.root / "interpreters"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Make `prune` and `clean` (`cleaning`) of other processes wait while the block runs.

        If no other process uses the cache, the unfinished files of killed commands are removed first.
        """
        self._sweep()
        with os_lock(self.lock, shared=True):
            yield

    def file(self, sha256: str, *, size: int | None = None) -> Path | None:
        """Return the file with this hash, or None if it is not cached or not `size` bytes long."""
        path = self._place("files", sha256)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        return path if size is None or found.st_size == size else None

    @contextmanager
    def receive(self, sha256: str, size: int, *, subject: str) -> Iterator[Receiver]:
        """Receive a file while the block runs; it is cached when the block ends, if hash and size match.

        `subject` names it in errors: `foo 1.2 from s3://bucket/key`. Raises IntegrityError for another hash or
        size, MachineError for the disk; then nothing is kept.
        """
        with self._temporary_folder(size) as folder:
            path = folder / "file"
            with disk_errors(path, size):
                # Unbuffered, so that a full disk fails in `write` and not again in `close`.
                stream = FileIO(path, "xb")
            with stream:
                receiver = Receiver(stream, sha256=sha256, size=size, subject=subject)
                yield receiver
                if not receiver.matches():
                    raise receiver.mismatch()
            self._publish(path, self._place("files", sha256), size)

    def add_file(self, path: Path, sha256: str, *, subject: str = "") -> None:
        """Copy a file into the cache; raises as `receive` does."""
        with os_errors("read", path), open(path, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            with self.receive(sha256, size, subject=subject or str(path)) as receiver:
                for chunk in pieces(source, path):
                    receiver.write(chunk)

    def unpacked(self, sha256: str) -> "UnpackedWheel | None":
        """Return the unpacked wheel with this hash, or None."""
        folder = self._place("wheels", sha256)
        index = folder / "index.json"
        with os_errors("read", index):
            try:
                with open(index, "rb") as stream:
                    text = stream.read()
                    used = os.fstat(stream.fileno()).st_mtime
            except FileNotFoundError:
                return None
        # The time of the index is the last use of the wheel, to a day; `prune` reads it.
        if time.time() - used > _DAY:
            _touch(index)
            _touch(self._place("files", sha256))
        # Queries need a cache and nothing of wheels.
        from pipper.cache.unpacked import from_index  # noqa: PLC0415 - see above

        return from_index(text, folder / "tree")

    def unpack(self, sha256: str, filename: str) -> "UnpackedWheel":
        """Return the wheel with this hash, unpacked if necessary; its file must be cached under `sha256`.

        `filename` is the wheel's own name. The gate checks the wheel, and every byte is verified while it is
        written. Raises IntegrityError if the gate refuses, MachineError for the disk or a damaged cached file.
        """
        if found := self.unpacked(sha256):
            return found
        # Importing the gate takes 30 ms, and a sync from a warm cache does not need it.
        from pipper.cache.unpacked import describe, to_index  # noqa: PLC0415 - see above
        from pipper.wheels import gate  # noqa: PLC0415 - see above

        path = self._place("files", sha256)
        place = self._place("wheels", sha256)
        with self._temporary_folder(0) as folder:
            try:
                with gate.open_wheel(path, filename=filename, limits=self.limits) as opened:
                    opened.unpack(folder / "tree")
                    wheel = describe(opened, sha256, folder / "tree")
            except (IntegrityError, MachineError):
                self._refuse_damaged(path, sha256, filename)
                raise
            with disk_errors(folder / "index.json"):
                (folder / "index.json").write_bytes(to_index(wheel))
            self._publish(folder, place, 0)
        return self.unpacked(sha256) or replace(wheel, tree=place / "tree")

    def renew(self, wheel: "UnpackedWheel") -> "UnpackedWheel":
        """Unpack a wheel again, because its tree was changed; raises as `unpack` does."""
        with self._temporary_folder(0) as trash, disk_errors(wheel.tree.parent), suppress(FileNotFoundError):
            os.rename(wheel.tree.parent, trash / "old")
        return self.unpack(wheel.sha256, wheel.filename)

    def _place(self, kind: str, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise IntegrityError(
                f"`{sha256}` is not a sha256 hash",
                hint="write 64 hexadecimal digits in lower case, or run `pipper lock`",
            )
        return Path(f"{self.root}/{kind}/{sha256[:2]}/{sha256}")

    def _refuse_damaged(self, path: Path, sha256: str, filename: str) -> None:
        """Raise MachineError if the fault is not the wheel's: its cached file is missing or was changed."""
        try:
            whole = digest_of(path).hex() == sha256
        except FileNotFoundError:
            whole = False
        if not whole:
            path.unlink(missing_ok=True)
            raise MachineError(
                f"the cached file of {filename} is damaged or missing: `{path}`",
                hint="run the command again: it downloads the file again",
            )

    def _sweep(self) -> None:
        # Without unfinished files this lists one folder, so that a sync with little to do stays fast.
        with suppress(OSError, MachineError):
            if litter := os.listdir(self.root / "tmp"):
                with os_lock_if_free(self.lock) as alone:
                    for name in litter if alone else ():
                        shutil.rmtree(self.root / "tmp" / name, ignore_errors=True)

    @contextmanager
    def _temporary_folder(self, size: int) -> Iterator[Path]:
        parent = self.root / "tmp"
        # Locked here too, because not every caller is within `in_use`.
        with os_lock(self.lock, shared=True):
            with disk_errors(parent, size):
                parent.mkdir(exist_ok=True)
                folder = Path(tempfile.mkdtemp(dir=parent))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, temporary: Path, place: Path, size: int) -> None:
        with disk_errors(place, size):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.rename(temporary, place)
            except OSError:
                # Another process was faster. Entries are content-addressed, so the bytes are the same.
                if not place.exists():
                    raise


def _make_private(root: Path) -> None:
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        _tag(root)
        found = os.stat(root)
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise MachineError(
            f"the cache `{root}` belongs to another user",
            hint="set PIPPER_CACHE_DIR to a folder of your own",
        )
    if found.st_mode & 0o022:
        raise MachineError(
            f"others can write to the cache `{root}`",
            hint=f"run `chmod go-w {root}`, or set PIPPER_CACHE_DIR to a folder of your own",
        )


def _tag(root: Path) -> None:
    tag = root / "CACHEDIR.TAG"
    # Not beside other files: the tag would exclude them from backups.
    whole = tag.exists() and tag.stat().st_size == len(_TAG)
    if not whole and set(os.listdir(root)) <= {tag.name}:
        tag.write_bytes(_TAG)


def disk_errors(path: str | Path, size: int = 0) -> AbstractContextManager[None]:
    """Raise MachineError for an OSError in the block, which writes `size` bytes to the cache."""
    hint = "free space or fix permissions there, or set PIPPER_CACHE_DIR to another folder"
    return os_errors("write", path, needed=size, hint=hint)


def _touch(path: Path) -> None:
    with disk_errors(path), suppress(FileNotFoundError):
        os.utime(path)
