"""Fetch locked files from a folder, repositories and URLs into the cache."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field

from pipper.cache.cache import Cache
from pipper.cache.download import Download, fetch
from pipper.core.lock.model import Lock
from pipper.core.plan import Wanted
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.urls import split_url
from pipper.core.wording import counted
from pipper.errors import IntegrityError, ObjectAbsentError, StoreError
from pipper.http.client import Web
from pipper.ops.context.open_repositories import locked_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.bundles import extract_to_cache
from pipper.repository.source import Repository
from pipper.system.parallel import in_parallel


class Origins(Struct, frozen=True, kw_only=True):
    """The origins of files that the cache does not have."""

    web: Web
    repositories: Mapping[str, Repository] = field(default_factory=dict)
    folder: Path | None = None
    """Searched before anything is fetched."""
    offline: bool = False
    """Whether to fetch nothing."""
    index_folders: Mapping[str, Path | None] = field(default_factory=dict)
    """The folder of each index by alias, which must contain the files locked from it; None for one on a server."""


def origins_of(
    settings: Settings,
    lock: Lock,
    project: Project | None,
    *,
    folder: Path | None = None,
    offline: bool = False,
) -> Origins:
    """Return the origins of the files of a lock; raise what `locked_repositories` raises."""
    index_url = project.manifest.index_url if project else ""
    further = project.manifest.indexes if project else {}
    taken = [
        file for package in lock.packages if lock.inputs.has_index(package.source) for file in package.files
    ]
    # Signed URLs need no credentials.
    needs_account = bool(taken) and lock.expires_at is None
    is_local = any(file.url.startswith("file:") for file in taken)
    if not (needs_account or is_local):
        web, folders = Web(settings.environ), {}
    else:
        # Imported here: a lock without files of an index needs nothing of pip's configuration.
        from pipper.ops.context.index_client import index_folders, index_web  # noqa: PLC0415 - see above

        web = index_web(settings, index_url, further.values()) if needs_account else Web(settings.environ)
        folders = index_folders(settings, index_url, further) if is_local else {}
    return Origins(
        web=web,
        repositories={} if offline else locked_repositories(settings, lock, project),
        folder=None if folder is None else settings.directory / folder,
        offline=offline,
        index_folders=folders,
    )


def fetch_files(
    wanted: Sequence[Wanted], origins: Origins, cache: Cache, reporter: Reporter, *, bundles: bool = False
) -> None:
    """Fetch every wheel into the cache as a file, with `bundles` also the bundle it is locked in.

    Raises what `fetch_wheels` raises (`fetch_wheels.py`).
    """
    _, missing = divided(wanted, cache, bundles=bundles)
    _, away = taken(missing, origins, cache, reporter, bundles=bundles)
    fetch_all(away, origins, cache, reporter, lambda _: None)
    for want in wanted:
        if cache.file(want.file.sha256) is None:
            extract_to_cache(want.file, cache)


def divided(
    wanted: Sequence[Wanted], cache: Cache, *, bundles: bool = False
) -> tuple[list[Wanted], list[Wanted]]:
    """Return what the cache has the file of, and the rest."""
    # Threads only for files that have to be hashed: to look for a hundred that are not there takes less time without.
    maybe = [
        want
        for want in wanted
        if cache.may_have(want.file.sha256) or cache.may_have(want.file.fetched.sha256)
    ]
    held = in_parallel(lambda want: _is_here(want, cache, bundles=bundles), maybe)
    here = {want.file.sha256 for want, is_here in zip(maybe, held, strict=True) if is_here}
    return (
        [want for want in wanted if want.file.sha256 in here],
        [want for want in wanted if want.file.sha256 not in here],
    )


def _is_here(want: Wanted, cache: Cache, *, bundles: bool) -> bool:
    """Return whether the cache has the wheel or its bundle; with `bundles` it must have the latter."""
    unbundled = not bundles and cache.file(want.file.sha256)
    return bool(unbundled or cache.file(want.file.fetched.sha256))


def taken(
    missing: Sequence[Wanted], origins: Origins, cache: Cache, reporter: Reporter, *, bundles: bool = False
) -> tuple[list[Wanted], list[Wanted]]:
    """Copy files of this machine into the cache; return their wheels, and those to fetch.

    Raises StoreError for the latter if `origins` is offline.
    """
    if origins.folder is not None:
        from pipper.ops.sync.fetch_folder import copy_from_folder  # noqa: PLC0415 - few syncs are `--from` a folder

        copy_from_folder(missing, origins.folder, cache, reporter)
    here, away = [], []
    for want in missing:
        if _is_here(want, cache, bundles=bundles) or _take_local(want, origins, cache):
            here.append(want)
        else:
            away.append(want)
    if away and origins.offline:
        raise _offline_error(away, origins.folder)
    return here, away


def _take_local(want: Wanted, origins: Origins, cache: Cache) -> bool:
    """Copy a file with a `file:` URL into the cache: one of a PEP 751 lock, or one of an index in a folder."""
    parts = split_url(want.file.url)
    if parts.scheme != "file":
        return False
    path = Path(unquote(parts.path))
    folder = origins.index_folders.get(want.source)
    if want.source in origins.index_folders and not (folder and path.is_relative_to(folder)):
        raise IntegrityError(
            f"unsafe URL for {want.name} {want.version}: {want.file.url}",
            cause=f"it is not in the index, {folder or 'which is not a directory'}",
            hint=_lock_again(want),
        )
    if not path.is_file():
        raise IntegrityError(
            f"locked file is missing: {path}",
            cause=f"the lock names it for {want.name} {want.version}",
            hint=_lock_again(want),
        )
    cache.add_file(path, want.file.sha256, subject=f"{want.name} {want.version} from {path}")
    return True


def _offline_error(away: Sequence[Wanted], folder: Path | None) -> StoreError:
    where = f"neither the cache nor {folder} contains" if folder else "the cache does not contain"
    return StoreError(
        f"cannot fetch {counted(len(away), 'file')} with --offline",
        cause="\n".join(f"{where} {want.filename}" for want in away),
        hint="run `pipper download -d DIR` on a host with network, then `pipper sync --offline --from DIR`",
    )


def fetch_all(
    away: Sequence[Wanted],
    origins: Origins,
    cache: Cache,
    reporter: Reporter,
    arrived: Callable[[Wanted], None],
) -> None:
    """Fetch files into the cache, and call `arrived` in a thread for each; raise what `cache.download.fetch` raises."""
    by_hash = {want.file.fetched.sha256: want for want in away}
    sized = [want for want in by_hash.values() if want.file.fetched.size]
    unsized = [want for want in by_hash.values() if not want.file.fetched.size]
    downloads = [_download(want, origins) for want in sized]
    downloads += in_parallel(lambda want: _download(want, origins), unsized)
    fetch(downloads, cache, reporter, arrived=lambda done: arrived(by_hash[done.sha256]))


def _download(want: Wanted, origins: Origins) -> Download:
    file = want.file
    if file.url:
        origins.web.require_safe(file.url)
        place, stream = shown(file.url), origins.web.stream
        opened = _opener(want, place, lambda start: stream(file.url, start))
        size = file.fetched.size or origins.web.size(file.url)
    else:
        repository = origins.repositories[want.source]
        store, size = repository.store, file.fetched.size
        place = f"{store.location}/{file.key}"
        opened = _opener(
            want,
            place,
            lambda start: store.stream(file.key, start=start),
            lambda: repository.removal(want.name, file.sha256),
        )
    subject = f"{want.name} {want.version} from {place}"
    return Download(subject=subject, sha256=file.fetched.sha256, size=size, open=opened)


Opener = Callable[[int], AbstractContextManager[Iterator[bytes]]]


def _lock_again(want: Wanted) -> str:
    return (
        f"choose again with `pipper lock -P {want.name}`, or write the lock again with the tool that made it"
    )


def _opener(want: Wanted, place: str, stream: Opener, removal: Callable[[], str] = str) -> Opener:
    """Return `stream` with the error for a file that is gone; `removal` tells whether it was removed on purpose."""

    @contextmanager
    def opened(start: int) -> Iterator[Iterator[bytes]]:
        try:
            with stream(start) as pieces:
                yield pieces
        except ObjectAbsentError as error:
            where = " from the bucket" if place.startswith("s3:") else ""
            check = (
                "run `pipper repository check` to find all missing files,"
                f" or `pipper lock -P {want.name}` to choose again"
            )
            raise IntegrityError(
                f"locked object is missing{where}: {place}",
                cause=removal() or "the store answered that there is no such object",
                hint=_lock_again(want) if place.startswith("http") else check,
            ) from error

    return opened
