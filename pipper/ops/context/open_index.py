"""Open the index of a command: its URL, credentials and cache."""

from pathlib import Path

from msgspec.structs import replace

from pipper.cache.cache import Cache
from pipper.core.lock.model import Lock, LockedFile, LockedPackage
from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.reporter import Reporter
from pipper.index.reader import Connection, Disk, Reader
from pipper.index.source import IndexSource
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import index_address, web_of
from pipper.ops.context.settings import Settings
from pipper.system.files import scratch_folder, sha256_of_file
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel


def open_index(settings: Settings, manifest: Manifest, *, root: Path, offline: bool = False) -> IndexSource:
    """Return the manifest's index as a source; the first request determines its URL."""

    def connect() -> Connection:
        address = index_address(settings, manifest.index_url, root)
        settings.reporter.detail(f"index: {address.url} ({address.step})")
        on_disk = address.url.startswith("file:")
        return Connection(url=address.url, reader=Disk() if on_disk else web_of(settings, address))

    return IndexSource(
        connect,
        open_cache(settings).root / "index",
        offline=offline,
        reporter=settings.reporter,
    )


def complete_files(lock: Lock, index: IndexSource, cache: Cache, reporter: Reporter) -> Lock:
    """Return the lock with the sizes and sha256 that the pages of the index lack.

    A file without sha256 is fetched into the cache and hashed, since every locked file needs a hash.
    """
    lacking = [
        (package, file)
        for package in lock.packages
        for file in package.wheels
        if package.source == INDEX and not (file.sha256 and file.size)
    ]
    if not lacking:
        return lock
    with reporter.task("Hashing files of the index", total=len(lacking)) as task:

        def completed(entry: tuple[LockedPackage, LockedFile]) -> LockedFile:
            package, file = entry
            address = index.address(package.name, file.filename)
            found = _measured(file, address, index.connection.reader, cache)
            task.advance()
            return found

        done = {
            (package.pin, file.filename): whole
            for (package, file), whole in zip(lacking, in_parallel(completed, lacking), strict=True)
        }
    return lock.with_files(lambda package, file: done.get((package.pin, file.filename), file))


def _measured(file: LockedFile, address: str, reader: Reader, cache: Cache) -> LockedFile:
    if file.sha256:
        return replace(file, size=reader.size(address))
    with scratch_folder() as folder, os_errors("keep", file.filename):
        scratch = folder / "file"
        with scratch.open("wb") as stream, reader.stream(address) as pieces:
            stream.writelines(pieces)
        digest, size = sha256_of_file(scratch), scratch.stat().st_size
        cache.add_file(scratch, digest, subject=f"{file.filename} from the index")
    return replace(file, sha256=digest, size=size)
