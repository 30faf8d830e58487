"""Fetch locked files from a folder, repositories and URLs into the cache."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field

from pipper.cache.cache import Cache
from pipper.cache.download import Download, fetch
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock
from pipper.core.plan import Wanted
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter, Task
from pipper.core.urls import split_url
from pipper.core.wording import counted
from pipper.errors import IntegrityError, ObjectAbsentError, StoreError
from pipper.http.client import Web
from pipper.ops.context.index_client import index_folders, index_web
from pipper.ops.context.open_repositories import locked_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.bundles import extract_to_cache
from pipper.ops.sync.fetch_folder import copy_from_folder
from pipper.ops.sync.wheel_checks import require_same_version
from pipper.repository.source import Repository
from pipper.system.parallel import in_parallel

_UNPACKING = 2
"""Wheels unpacked at once: more of them contend for the file system (45 real wheels: 4.5 s; four at once: 5.5 s)."""


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
    return Origins(
        web=index_web(settings, index_url, further.values()) if needs_account else Web(settings.environ),
        repositories={} if offline else locked_repositories(settings, lock, project),
        folder=None if folder is None else settings.directory / folder,
        offline=offline,
        index_folders=index_folders(settings, index_url, further) if is_local else {},
    )


def fetch_wheels(
    missing: Sequence[Wanted], origins: Callable[[], Origins], cache: Cache, reporter: Reporter
) -> Mapping[str, UnpackedWheel]:
    """Return wheels that the cache has not unpacked, by sha256 and unpacked; fetch their files if needed.

    `origins` is called only if the cache lacks a file: a full one needs neither network nor credentials. Raises
    IntegrityError for bytes that are not the locked ones and for a missing file, StoreError with the names of all
    missing files if `origins` is offline, and what stores raise.
    """
    here, away = _divided(missing, cache)
    found = origins() if away else None
    if found:
        local, away = _taken(away, found, cache, reporter)
        here += local
    started: list[Future[UnpackedWheel]] = []
    with reporter.task("Unpacking", total=len(missing)) as task:
        pool = ThreadPoolExecutor(_UNPACKING)

        def unpack(want: Wanted) -> None:
            started.append(pool.submit(_unpacked, want, cache, task))

        try:
            # Unpack each file when it has arrived, while others are still being fetched.
            for want in here:
                unpack(want)
            if found:
                _fetch_all(away, found, cache, reporter, unpack)
            wheels = {wheel.sha256: wheel for wheel in (each.result() for each in started)}
        finally:
            pool.shutdown(cancel_futures=True)
    for want in missing:
        require_same_version(want, wheels[want.file.sha256])
    return wheels


def fetch_files(
    wanted: Sequence[Wanted], origins: Origins, cache: Cache, reporter: Reporter, *, bundles: bool = False
) -> None:
    """Fetch every wheel into the cache as a file, with `bundles` also the bundle it is locked in.

    Raises what `fetch_wheels` raises.
    """
    _, missing = _divided(wanted, cache, bundles=bundles)
    _, away = _taken(missing, origins, cache, reporter, bundles=bundles)
    _fetch_all(away, origins, cache, reporter, lambda _: None)
    for want in wanted:
        if cache.file(want.file.sha256) is None:
            extract_to_cache(want.file, cache)


def _divided(
    wanted: Sequence[Wanted], cache: Cache, *, bundles: bool = False
) -> tuple[list[Wanted], list[Wanted]]:
    """Return what the cache has the file of, and the rest."""
    held = in_parallel(lambda want: _is_here(want, cache, bundles=bundles), wanted)
    pairs = list(zip(wanted, held, strict=True))
    return [want for want, here in pairs if here], [want for want, here in pairs if not here]


def _is_here(want: Wanted, cache: Cache, *, bundles: bool) -> bool:
    """Tell whether the cache has the wheel or its bundle; with `bundles` it must have the latter."""
    unbundled = not bundles and cache.file(want.file.sha256)
    return bool(unbundled or cache.file(want.file.fetched.sha256))


def _taken(
    missing: Sequence[Wanted], origins: Origins, cache: Cache, reporter: Reporter, *, bundles: bool = False
) -> tuple[list[Wanted], list[Wanted]]:
    """Copy files of this machine into the cache; return their wheels, and those to fetch.

    Raises StoreError for the latter if `origins` is offline.
    """
    if origins.folder is not None:
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
            cause=f"it is not in the index, {folder or 'which is not a folder'}",
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


def _fetch_all(
    away: Sequence[Wanted],
    origins: Origins,
    cache: Cache,
    reporter: Reporter,
    arrived: Callable[[Wanted], None],
) -> None:
    by_hash = {want.file.fetched.sha256: want for want in away}
    downloads = in_parallel(lambda want: _download(want, origins), list(by_hash.values()))
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


def _unpacked(want: Wanted, cache: Cache, task: Task) -> UnpackedWheel:
    file = want.file
    if file.bundle and cache.file(file.sha256) is None:
        extract_to_cache(file, cache)
    wheel = cache.unpack(file.sha256, want.filename)
    task.advance()
    return wheel
