"""The cache: files by their sha256, wheels unpacked once, facts about interpreters.

    files/AB/SHA256              a complete file, verified on arrival
    wheels/AB/SHA256/tree/       a wheel's members, each at its path in the wheel
    wheels/AB/SHA256/index.json  the index of the wheel, with a seal
    builds/AB/DIGEST/            an environment for build backends
    built/AB/DIGEST              what a build came to: the hash of a wheel, or metadata (`notes`)
    interpreters/                facts about interpreters
    index/SITE/                  pages and metadata of an index
    stamps/AB/SHA256             a lock that was up to date, for each project
    recipes/AB/DIGEST/           how the environment at a path was put together (`apply.recipe`), with a seal
    memos/AB/DIGEST              a lock and all that its solve read (`ops.lock.memo`)
    tmp/                         unfinished files
    .lock                        held shared by each command, exclusively by `cleaning`
    CACHEDIR.TAG                 excludes the folder from backups, if pipper created it

Other files in the folder are not pipper's: they are neither counted nor removed.

An entry is complete, because it is created below `tmp` and renamed. It is not believed for that: a power failure
truncates files, and a CI restores a cache that somebody may have changed. `file` compares the bytes with the hash that
they are asked for by, and what else lies here has this user's seal (`system.seals`) or counts as absent. So all that
comes from a cache is what a lock says.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pipper.cache.folder import disk_errors, make_private, mark_used, refuse_links
from pipper.cache.parts import INTERPRETERS, LOCK, is_own
from pipper.cache.receiver import Receiver
from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, MachineError
from pipper.system.files import digest_of, pieces, write_atomic
from pipper.system.locks import os_lock, os_lock_if_free
from pipper.system.moves import move, remove
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import open_regular

if TYPE_CHECKING:
    from pipper.cache.unpacked import UnpackedWheel
    from pipper.wheels.gate import WheelFile

USED = ".pipper-used"
"""The file in an environment for build backends whose time is that of its last use."""

_SILENT = Reporter()


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

    Raises MachineError if the folder belongs to another user or others can write to it, or if a link in it leads
    elsewhere. Warns of each entry that was changed, and drops it.
    """

    def __init__(self, root: Path, limits: Limits = DEFAULT_LIMITS, reporter: Reporter = _SILENT) -> None:
        self.root = Path(os.path.abspath(root))
        self.limits = limits
        self.lock = self.root / LOCK
        self._reporter = reporter
        self._whole: dict[str, tuple[int, ...]] = {}
        self._users = 0
        """How many blocks of `in_use` run."""
        make_private(self.root)

    @property
    def interpreters(self) -> Path:
        """The folder for `inspect_interpreter`."""
        return self.root / INTERPRETERS

    @property
    def builds(self) -> Path:
        """The folder for the environments of build backends."""
        return self.root / "builds"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Make `prune` and `clean` (`cleaning`) of other processes wait while the block runs.

        If no other process uses the cache, what killed commands left is removed first, and at the end what the disk
        refused to remove in between: the next command may have nothing to do.
        """
        self.sweep()
        try:
            with os_lock(self.lock, shared=True, here=True):
                self._users += 1
                try:
                    yield
                finally:
                    self._users -= 1
        finally:
            self.sweep()

    def may_have(self, sha256: str) -> bool:
        """Return whether something is there under this hash; `file` reads it."""
        return os.path.lexists(self._place("files", sha256))

    def seen(self, sha256: str) -> tuple[int, ...]:
        """Return what identifies the file with this hash that this `Cache` has read or received; empty if none."""
        return self._whole.get(sha256, ())

    def believe(self, sha256: str, seen: tuple[int, ...]) -> None:
        """Take what another `Cache` has `seen`, so that the file is not read again as long as it is the same."""
        if seen:
            self._whole[sha256] = seen

    def file(self, sha256: str) -> Path | None:
        """Return the file with this hash, or None if it is not cached.

        Reads the whole file, unless this `Cache` has done that. One with other bytes is dropped.
        """
        path = self._place("files", sha256)
        with os_errors("read", path):
            try:
                look = _look(path)
                if self._whole.get(sha256) == look:
                    return path
                found = digest_of(path).hex() if look else ""
            except FileNotFoundError:
                return None
        if found != sha256:
            self._drop(path, "was damaged or replaced")
            return None
        self._whole[sha256] = look
        return path

    @contextmanager
    def receive(self, sha256: str, size: int, *, subject: str) -> Iterator[Receiver]:
        """Receive a file while the block runs; it is cached when the block ends, if hash and size match.

        `subject` names it in errors: `foo 1.2 from s3://bucket/key`. Raises IntegrityError for another hash or
        size, MachineError for the disk; then nothing is kept.
        """
        with self._temporary(size) as path:
            with disk_errors(path, size):
                # Unbuffered, so that a full disk fails in `write` and not again in `close`.
                stream = FileIO(path, "xb")
            with stream:
                receiver = Receiver(stream, sha256=sha256, size=size, subject=subject)
                yield receiver
                if not receiver.matches():
                    raise receiver.mismatch()
            place = self._place("files", sha256)
            if self._publish(path, place, size):
                with disk_errors(place):
                    self._whole[sha256] = _look(place)

    def add_file(self, path: Path, sha256: str, *, subject: str = "") -> None:
        """Copy a file into the cache; raises as `receive` does."""
        with os_errors("read", path), open_regular(path) as source:
            size = os.fstat(source.fileno()).st_size
            with self.receive(sha256, size, subject=subject or str(path)) as receiver:
                for chunk in pieces(source, path):
                    receiver.write(chunk)

    def unpacked(self, sha256: str) -> "UnpackedWheel | None":
        """Return the unpacked wheel with this hash, or None: then `unpack` makes it, or proves the tree."""
        # Queries need a cache and nothing of wheels.
        from pipper.cache.unpacked import read_index  # noqa: PLC0415 - see above

        place = self._place("wheels", sha256)
        wheel = read_index(place, sha256)
        # The time of the index is the last use of the wheel, to a day; `prune` reads it.
        if wheel:
            mark_used(f"{place}/index.json", beside=lambda: self._place("files", sha256))
        return wheel

    def unpack(self, sha256: str, filename: str) -> "UnpackedWheel":
        """Return the wheel with this hash, unpacked if necessary; its file must be cached under `sha256`.

        `filename` is the wheel's own name. The gate checks the wheel, and every byte is verified while it is
        written. A tree from elsewhere is compared with the wheel instead, and used if it has the same bytes.
        Raises IntegrityError if the gate refuses, MachineError for the disk or without the file.
        """
        if found := self.unpacked(sha256):
            return found
        # Importing the gate takes 30 ms, and a sync from a warm cache does not need it.
        from pipper.wheels import gate  # noqa: PLC0415 - see above

        path = self.file(sha256)
        if path is None:
            raise MachineError(
                f"the cached file of {filename} is damaged or missing: `{self._place('files', sha256)}`",
                hint="run the command again: it downloads the file again",
            )
        with gate.open_wheel(path, filename=filename, limits=self.limits) as opened:
            if opened.other_tags:
                self._reporter.warning(f"{filename}: {opened.other_tags}; the file name counts")
            return self._proven(sha256, opened) or self._unpacked_anew(sha256, opened)

    def renew(self, wheel: "UnpackedWheel") -> "UnpackedWheel":
        """Unpack a wheel again, because its tree was changed; raises as `unpack` does."""
        self._drop(wheel.tree.parent, f"was changed: {wheel.filename} is unpacked again")
        return self.unpack(wheel.sha256, wheel.filename)

    def _proven(self, sha256: str, wheel: "WheelFile") -> "UnpackedWheel | None":
        """Return the tree that is there, if it is that of the wheel; else drop it and return None."""
        from pipper.cache.unpacked import describe, holds, to_index  # noqa: PLC0415 - as above

        place = self._place("wheels", sha256)
        if not os.path.lexists(place):
            return None
        with disk_errors(place):
            if not place.is_symlink() and holds(place / "tree", wheel):
                found = describe(wheel, sha256, place / "tree")
                write_atomic(place / "index.json", to_index(found))
                return found
        self._drop(place, f"was changed: {wheel.filename} is unpacked again")
        return None

    def _unpacked_anew(self, sha256: str, wheel: "WheelFile") -> "UnpackedWheel":
        from pipper.cache.unpacked import describe, to_index  # noqa: PLC0415 - as above

        place = self._place("wheels", sha256)
        with self._temporary(0) as path:
            tree, index = Path(path, "tree"), Path(path, "index.json")
            with disk_errors(tree):
                os.mkdir(path, 0o700)
                wheel.unpack(tree)
                found = describe(wheel, sha256, tree)
            with disk_errors(index):
                index.write_bytes(to_index(found))
            is_ours = self._publish(path, place, 0)
        return (None if is_ours else self.unpacked(sha256)) or replace(found, tree=place / "tree")

    def _place(self, kind: str, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise IntegrityError(
                f"`{sha256}` is not a sha256 hash",
                hint="write 64 hexadecimal digits in lower case, or run `pipper lock`",
            )
        folder = f"{self.root}/{kind}/{sha256[:2]}"
        refuse_links(folder)
        return Path(f"{folder}/{sha256}")

    def _drop(self, path: Path, why: str) -> None:
        """Remove an entry that is not what its name says."""
        self._reporter.warning(f"`{path}` in the cache {why}")
        with self._temporary(0) as trash, disk_errors(path), suppress(FileNotFoundError):
            move(str(path), trash)

    def sweep(self) -> None:
        """Remove what killed commands left, if no other process uses the cache; do nothing if that is not possible."""
        # Without unfinished files this lists one folder, so that a sync with little to do stays fast.
        with suppress(OSError, MachineError):
            if litter := [each for each in os.listdir(self.root / "tmp") if is_own("tmp", each)]:
                with os_lock_if_free(self.lock) as alone:
                    for name in litter if alone else ():
                        remove(os.path.join(self.root, "tmp", name))

    @contextmanager
    def _temporary(self, size: int) -> Iterator[str]:
        """Yield a free path on the cache's disk with an unpredictable name; what is there at the end is removed."""
        parent = os.path.join(self.root, "tmp")
        # Locked here too, because not every caller is within `in_use`.
        with nullcontext() if self._users else os_lock(self.lock, shared=True, here=True):
            with disk_errors(parent, size), suppress(FileExistsError):
                os.mkdir(parent)
            # Not in a folder of its own: to remove that for each file makes ext4 create all later ones more slowly.
            path = f"{parent}/{os.urandom(16).hex()}"
            try:
                yield path
            finally:
                remove(path)

    def _publish(self, temporary: str, place: Path, size: int) -> bool:
        """Put an entry in its place, and return True; False if there is one, since another process was faster."""
        with disk_errors(place, size):
            try:
                try:
                    os.rename(temporary, place)
                except FileNotFoundError:
                    os.makedirs(place.parent, exist_ok=True)
                    os.rename(temporary, place)
            except OSError:
                if not place.exists():
                    raise
                return False
        return True


def _look(path: Path) -> tuple[int, ...]:
    """Return what identifies the content of a regular file, empty for anything else; raises OSError."""
    found = os.lstat(path)
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ()
