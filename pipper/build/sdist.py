"""Source distributions: unpack them safely, and read what they state of themselves (PEP 625, PEP 643, PEP 721)."""

import contextlib
import gzip
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct
from packaging.version import InvalidVersion

from pipper.build.source_tree import OLDEST
from pipper.core.archive_limits import LimitName, Limits
from pipper.core.standards import read_version
from pipper.errors import IntegrityError
from pipper.system.os_errors import os_errors
from pipper.wheels.member_paths import path_fault, refusal, shortened
from pipper.wheels.metadata import parse_headers
from pipper.wheels.zip.archive import ZipArchive, open_zip

if not hasattr(tarfile, "data_filter"):  # PEP 706 came with Python 3.11.4; Debian 12 has 3.11.2
    from backports import tarfile  # type: ignore[no-redef] # the same module

_STATIC = read_version("2.2")
_NEEDED = frozenset({"requires-dist", "requires-python", "provides-extra"})
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError)
_NEWEST = 4_102_444_800
"""2100, in seconds since 1970: what a zip can store ends soon after."""
_HINT = "use another version of the package, or tell its publisher"


def read_pkg_info(path: Path, *, filename: str, limits: Limits) -> bytes | None:
    """Return PKG-INFO in the top folder of a source distribution, None if it has none.

    Raises IntegrityError for a damaged archive or one that exceeds `limits`, MachineError if it cannot be read.
    """
    if filename.endswith(".zip"):
        with open_zip(path, subject=filename, limits=limits) as archive:
            found = [entry for entry in archive.entries if _is_pkg_info(entry.name)]
            return archive.read(found[0], "record") if found else None
    with _open_tar(path, filename, limits) as archive:
        for member in archive:
            if member.isreg() and _is_pkg_info(member.name):
                if member.size > limits.record:
                    raise _exceeds(filename, "record", member.size, "PKG-INFO is too large")
                stream = archive.extractfile(member)
                return stream.read() if stream else None
    return None


def has_static_requirements(pkg_info: bytes, *, filename: str) -> bool:
    """Return whether a wheel built from it has the same requirements as PKG-INFO states (PEP 643)."""
    headers = parse_headers(pkg_info, subject=filename)
    try:
        version = read_version(headers.get("metadata-version", ["0"])[0])
    except InvalidVersion:
        return False
    dynamic = {name.strip().lower() for name in headers.get("dynamic", ())}
    return version >= _STATIC and not dynamic & _NEEDED


class Unpacked(Struct, frozen=True, kw_only=True):
    """A source distribution in a temporary folder."""

    tree: Path
    """Its one top folder."""
    newest: int
    """The time of its newest file, in seconds since 1970."""
    scratch: Path
    """The temporary folder, for results of a build."""


@contextlib.contextmanager
def unpacked_sdist(path: Path, *, filename: str, limits: Limits) -> Iterator[Unpacked]:
    """Unpack a source distribution for a build; everything is removed afterwards. Raises as `unpack_sdist`."""
    with os_errors("write", "a temporary directory", hint="set TMPDIR to a directory with free space"):
        folder = tempfile.TemporaryDirectory(prefix="pipper-build-", ignore_cleanup_errors=True)
    with folder as name:
        scratch = Path(name).resolve()  # backends compare real paths
        tree, newest = unpack_sdist(path, scratch / "source", filename=filename, limits=limits)
        yield Unpacked(tree=tree, newest=newest, scratch=scratch)


def unpack_sdist(path: Path, into: Path, *, filename: str, limits: Limits) -> tuple[Path, int]:
    """Unpack a source distribution into the new folder `into`.

    Returns its one top folder and the time of its newest file, in seconds since 1970. Nothing is written outside
    `into`: paths must stay inside, links too, and no member is written through a link; other kinds of files are
    refused. Raises IntegrityError for that, for damage, and above `limits`; MachineError for the disk.
    """
    with os_errors("unpack", into):
        into.mkdir(parents=True)
        if filename.endswith(".zip"):
            with open_zip(path, subject=filename, limits=limits) as archive:
                newest = _unpack_zip(archive, into)
        else:
            newest = _unpack_tar(path, into, filename, limits)
        tops = sorted(into.iterdir())
    if len(tops) != 1 or tops[0].is_symlink() or not tops[0].is_dir():
        raise refusal(
            filename, "does not hold exactly one directory, as a source distribution does", hint=_HINT
        )
    return tops[0], min(max(newest, OLDEST), _NEWEST)


def _is_pkg_info(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/PKG-INFO")


def _unpack_zip(archive: ZipArchive, into: Path) -> int:
    for entry in archive.entries:
        target = into / entry.name
        if entry.name.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.writelines(archive.chunks(entry))
        target.chmod(0o755 if entry.mode & 0o100 else 0o644)
    return OLDEST


def _unpack_tar(path: Path, into: Path, filename: str, limits: Limits) -> int:
    newest = count = 0
    links: set[str] = set()
    with _open_tar(path, filename, limits) as archive:
        for member in archive:
            count += 1
            if count > limits.members:
                raise _exceeds(filename, "members", count, f"has more than {limits.members:,} members")
            name = member.name.removeprefix("./").rstrip("/")
            fault = path_fault(name) if name != "." else ""
            if fault and not member.isdir():
                raise refusal(filename, fault, member=member.name, hint=_HINT)
            if any(os.fspath(parent) in links for parent in (Path(name), *Path(name).parents)):
                raise refusal(filename, "is written through a link", member=member.name, hint=_HINT)
            if member.issym() or member.islnk():
                links.add(name)
            newest = max(newest, int(member.mtime) if member.isreg() else 0)
            archive.extract(member, into, set_attrs=True, filter="data")
    return newest


@contextlib.contextmanager
def _open_tar(path: Path, filename: str, limits: Limits) -> Iterator[tarfile.TarFile]:
    try:
        with os_errors("read", path):
            file = path.open("rb")
        with file:
            bounded = _Bounded(file, path.stat().st_size, filename, limits)
            # As a stream: nothing is read twice, so what was counted is all that is unpacked.
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                yield archive
    except IntegrityError:
        raise
    except tarfile.FilterError as error:
        raise refusal(
            filename, f"cannot be unpacked safely: {error}", member=error.tarinfo.name, hint=_HINT
        ) from error
    except _DAMAGE as error:
        raise IntegrityError(
            f"{filename} is damaged",
            cause=shortened(str(error)),
            hint="fetch it again, or tell its publisher",
        ) from error


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a gzip file; raises IntegrityError above the limits, whatever the headers say."""

    def __init__(self, file: IO[bytes], packed: int, filename: str, limits: Limits) -> None:
        self._stream = gzip.GzipFile(fileobj=file)
        self._filename = filename
        self._limits = limits
        self._ratio = max(limits.ratio_from, packed * limits.ratio)
        self._packed = max(packed, 1)
        self._count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        piece = self._stream.read(size)
        self._count += len(piece)
        if self._count > self._limits.unpacked:
            raise _exceeds(self._filename, "unpacked", self._count, "unpacks to too many bytes")
        if self._count > self._ratio:
            needed = -(-self._count // self._packed)
            raise _exceeds(self._filename, "ratio", needed, f"unpacks to more than {self._ratio:,} bytes")
        return piece


def _exceeds(filename: str, name: LimitName, needed: int, rule: str) -> IntegrityError:
    hint = f"if you trust the author of this file, accept it with `--limit {name}={2 * needed}`"
    return refusal(filename, f"{rule} (limit `{name}`)", hint=hint)
