"""Fetch wheels and bundles of which only the URL is known, for example authorized URLs of 0.x."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from msgspec.structs import replace

from pipper.cache.cache import Cache
from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.lock.model import LockedBundle, LockedFile
from pipper.core.manifest.foreign_spelling import OF_A_REPOSITORY, is_repository
from pipper.core.manifest.inputs import INDEX
from pipper.core.plan import Wanted
from pipper.core.redaction import shown
from pipper.core.urls import plain, signed_until, split_url
from pipper.errors import IntegrityError, UsageError
from pipper.http.client import Web
from pipper.http.errors import expired
from pipper.system.files import scratch_folder, sha256_of_file
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel
from pipper.system.retry import pause_if_broken, retry
from pipper.wheels.bundle import extract_wheel
from pipper.wheels.gate import open_wheel

_LARGEST = 5 << 30
"""Bytes: the largest object that S3 accepts in one upload."""
_ATTEMPTS = 3


def fetch_urls(urls: Sequence[str], web: Web, cache: Cache) -> list[Wanted]:
    """Fetch each wheel or bundle into the cache and check it; return them locked to the received bytes.

    The result contains no signature. Raises what `fetch_unhashed` raises, IntegrityError if a file is not a
    valid wheel.
    """
    return in_parallel(lambda url: _take(url, web, cache), urls)


def fetch_unhashed(web: Web, url: str, folder: Path) -> Path:
    """Fetch the wheel or the bundle at `url` into `folder`, under its own name; return its path.

    Raises AccessError before any request if the signature has expired, UsageError if the URL is not that of a
    wheel or a bundle, what `Web.stream` raises, and MachineError for the disk.
    """
    until, now = signed_until(url), datetime.now(UTC)
    if until is not None and until <= now:
        raise expired(until, now, subject=shown(url))
    name = unquote(split_url(url).path.rpartition("/")[2])
    if "/" in name or "\\" in name or not name.endswith((".whl", BUNDLE_SUFFIX)):
        raise UsageError(
            f"{shown(url)} is neither a wheel nor a bundle",
            hint=OF_A_REPOSITORY if is_repository(url) else "give a URL whose path ends in .whl or .pipper",
        )
    path = folder / name
    retry(lambda: _stream(web, url, path), attempts=_ATTEMPTS, pause=pause_if_broken)
    return path


def _stream(web: Web, url: str, to: Path) -> None:
    with os_errors("write", to), web.stream(url) as pieces, to.open("wb") as file:
        for piece in pieces:
            if file.tell() + len(piece) > _LARGEST:
                raise IntegrityError(
                    f"{shown(url)} is larger than the {_LARGEST:,} bytes that pipper fetches",
                    hint="check the URL: no wheel and no bundle is that large",
                )
            file.write(piece)


def _take(url: str, web: Web, cache: Cache) -> Wanted:
    with scratch_folder() as directory:
        path = fetch_unhashed(web, url, directory)
        if not path.name.endswith(BUNDLE_SUFFIX):
            return _taken(path, path.name, url, cache)
        wheel = path.with_name("package.whl")
        bundle = extract_wheel(path, wheel).bundle
        taken = _taken(wheel, bundle.wheel_name, url, cache)
        digest, size = _measured(path)
        cache.add_file(path, digest)
    return replace(taken, file=replace(taken.file, bundle=LockedBundle(sha256=digest, size=size)))


def _taken(wheel: Path, filename: str, url: str, cache: Cache) -> Wanted:
    with open_wheel(wheel, filename=filename, limits=cache.limits) as opened:
        opened.verify()
        name, version = opened.name, str(opened.version)
    digest, size = _measured(wheel)
    cache.add_file(wheel, digest)
    file = LockedFile(sha256=digest, size=size, url=plain(url), wheel=filename)
    return Wanted(name=name, version=version, source=INDEX, file=file)


def _measured(path: Path) -> tuple[str, int]:
    with os_errors("read", path):
        return sha256_of_file(path), path.stat().st_size
