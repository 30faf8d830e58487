"""Wheels that exist only inside 0.x bundles: hash them for the lock, extract them for an environment."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pipper.cache.cache import Cache
from pipper.core.lock.model import Lock, LockedBundle, LockedFile, LockedPackage
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, MachineError
from pipper.repository.source import Repository
from pipper.system.files import scratch_folder
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel

if TYPE_CHECKING:
    from pipper.wheels.bundle import BundledWheel


def with_hashes(lock: Lock, repositories: Mapping[str, Repository], cache: Cache, reporter: Reporter) -> Lock:
    """Return the lock with size and sha256 of every wheel in a bundle; fetch and hash each."""

    def hashed(package: LockedPackage, file: LockedFile) -> LockedFile:
        return _hashed(file, repositories[package.source].store.read(file.key).body, cache)

    return with_completed(lock, lambda _, file: not file.sha256, hashed, reporter, "Reading bundles")


def with_completed(
    lock: Lock,
    lacks: Callable[[LockedPackage, LockedFile], bool],
    completed: Callable[[LockedPackage, LockedFile], LockedFile],
    reporter: Reporter,
    title: str,
) -> Lock:
    """Return the lock with the files that lack something completed, in parallel; `title` is for the progress bar."""
    lacking = [(package, file) for package in lock.packages for file in package.files if lacks(package, file)]
    if not lacking:
        return lock
    with reporter.task(title, total=len(lacking)) as task:

        def done(entry: tuple[LockedPackage, LockedFile]) -> LockedFile:
            file = completed(*entry)
            task.advance()
            return file

        files = in_parallel(done, lacking)
    whole = {(package.pin, file): new for (package, file), new in zip(lacking, files, strict=True)}
    return lock.with_files(lambda package, file: whole.get((package.pin, file), file))


def _hashed(file: LockedFile, body: bytes, cache: Cache) -> LockedFile:
    with scratch_folder() as scratch:
        bundle = scratch / "bundle.pipper"
        with os_errors("write", bundle, needed=len(body)):
            bundle.write_bytes(body)
        extracted = _extract(bundle, scratch / "package.whl", file)
        cache.add_file(scratch / "package.whl", extracted.sha256, subject=file.wheel)
    locked = LockedBundle(sha256=sha256(body).hexdigest(), size=len(body))
    return replace(file, sha256=extracted.sha256, size=extracted.size, bundle=locked)


def require_cached(sha256: str, subject: str, cache: Cache) -> Path:
    """Return a file of the cache that this command has put there; raise MachineError if it was removed since."""
    path = cache.file(sha256)
    if path is None:
        raise MachineError(f"{subject} was removed from the cache", hint="run the same command again")
    return path


def extract_to_cache(file: LockedFile, cache: Cache) -> None:
    """Extract the wheel of a cached bundle into the cache; raise IntegrityError if it is not the locked one."""
    bundle = require_cached(file.fetched.sha256, f"the bundle of {file.wheel}", cache)
    with scratch_folder() as scratch:
        _extract(bundle, scratch / "package.whl", file)
        cache.add_file(scratch / "package.whl", file.sha256, subject=file.wheel)


def _extract(bundle: Path, to: Path, file: LockedFile) -> "BundledWheel":
    """Extract a bundle; raise IntegrityError if its `package.meta` does not name the locked wheel."""
    from pipper.wheels.bundle import extract_wheel  # noqa: PLC0415 - few locks have bundles

    subject = file.key or file.wheel
    try:
        extracted = extract_wheel(bundle, to)
    except IntegrityError as error:
        # The message begins with the name of a temporary file.
        rule = error.message.removeprefix(f"{bundle.name}: ")
        raise IntegrityError(f"{subject}: {rule}", cause=error.cause, hint=error.hint) from error
    found = extracted.bundle.wheel_name
    if found != file.wheel:
        raise IntegrityError(
            f"{subject}: package.meta names the wheel {found}, the page or the lock names {file.wheel}",
            hint="run `pipper repository check` to find all damaged files, then `pipper repository repair`",
        )
    return extracted
