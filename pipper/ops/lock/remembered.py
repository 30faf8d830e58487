"""Whether the sources would answer a remembered solve as they did: then its lock is the lock that a new one would make.

Each read is asked for again, with the credentials of now, through the stores and the index that a solve uses: by a
conditional request, or not at all where a page is fresh. What fails or differs is left to a solve, which reports it.

A bare `lock` does nothing else, so this module imports little.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial

from pipper.core.reads import Read
from pipper.errors import PipperError
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.lock.lock_stamp import likely_cache, likely_python
from pipper.ops.lock.memo import (
    KIND_BUCKET,
    KIND_DIRECTORY,
    KIND_MEMBERS,
    Memo,
    Message,
    Place,
    memo_key,
    memo_path,
    read_memo,
)
from pipper.system.seen_paths import digest_of_paths

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from pipper.ops.context.settings import Settings

Ask = Callable[[Read], bool]


class _OtherAnswerError(Exception):
    """A source does not answer as it did, so that no further one need be asked."""


def relocked(files: ProjectFiles | None) -> Sequence[Message] | None:
    """Write the lock that a bare `lock` makes, and return what it says, if a memo of that shows both.

    Raises nothing for what may be wrong: returns None, and the command itself reports it.
    """
    try:
        root, python = likely_cache(os.environ), likely_python(files) if files else ""
        if files is None or not root or not python:
            return None
        memo = read_memo(root, memo_key(files, python))
        if memo is None or not memo.is_of_command or not still_holds(memo, _bare_settings, files.root, root):
            return None
        if files.is_outdated:
            return None
        mark_used(root, memo)  # first: once the lock is written, nothing may fail
        if files.lock.data != memo.lock:
            _write(files.lock.path, memo.lock)
    except (OSError, PipperError):
        return None
    return memo.messages


def _write(path: str, lock: bytes) -> None:
    from pathlib import Path  # noqa: PLC0415 - a lock that does not change is not written

    from pipper.system.files import write_document  # noqa: PLC0415 - as above

    write_document(Path(path), lock)


def _bare_settings() -> "Settings":
    from pathlib import Path  # noqa: PLC0415 - as below

    from pipper.ops.context.settings import Settings  # noqa: PLC0415 - a directory needs none

    return Settings(directory=Path.cwd(), home=Path.home(), environ=os.environ)


def mark_used(root: "str | os.PathLike[str]", memo: Memo) -> None:
    """Note for `cache prune` that a memo was used; raises MachineError."""
    from pipper.cache.folder import mark_used as mark  # noqa: PLC0415 - a memo that does not hold is not used

    mark(memo_path(root, memo.key))


def still_holds(memo: Memo, settings: "Callable[[], Settings]", root: str, cache: str) -> bool:
    """Return whether a memo still holds; sends requests, and says what its settings let it say.

    `settings` are asked for where a source needs them, `root` is the folder of the project, `cache` that of the cache.
    """
    reads: dict[str, list[Read]] = {}
    for read in memo.reads:
        reads.setdefault(read.source, []).append(read)
    try:
        return all(_holds(place, reads.get(place.alias, []), settings, root, cache) for place in memo.places)
    except (OSError, PipperError, _OtherAnswerError):
        return False


def _holds(
    place: Place, reads: list[Read], settings: "Callable[[], Settings]", root: str, cache: str
) -> bool:
    if place.kind == KIND_MEMBERS:
        return digest_of_paths(place.settings.split("\0")) == place.address
    if place.kind == KIND_DIRECTORY:
        return _directory_holds(place, reads)
    return _asked_holds(_asking(place, settings, root, cache), reads)


def _directory_holds(place: Place, reads: list[Read]) -> bool:
    from pipper.storage.directory.unchanged import is_as_read  # noqa: PLC0415 - a project may have buckets alone

    real = os.path.realpath(place.settings)
    return real == place.address and all(is_as_read(real, read) for read in reads)


def _asked_holds(asking: Ask, reads: list[Read]) -> bool:
    from pipper.system.parallel import in_parallel  # noqa: PLC0415 - a directory is looked at in turn

    def ask(read: Read) -> None:
        if not asking(read):
            raise _OtherAnswerError

    in_parallel(ask, reads)
    return True


def _asking(place: Place, settings: "Callable[[], Settings]", root: str, cache: str) -> Ask:
    given = settings()
    return _bucket(place, given, root) if place.kind == KIND_BUCKET else _index(place, given, root, cache)


def _bucket(place: Place, settings: "Settings", root: str) -> Ask:
    from pathlib import Path  # noqa: PLC0415 - as above

    from msgspec import MsgspecError, json  # noqa: PLC0415 - as above

    from pipper.core.manifest.repositories import RepositoryEntry  # noqa: PLC0415 - as above
    from pipper.ops.context.open_stores import open_store  # noqa: PLC0415 - as above
    from pipper.repository.named_repositories import (  # noqa: PLC0415 - as above
        named_repositories_path,
        read_named_repositories,
    )
    from pipper.repository.recorded import is_as_read  # noqa: PLC0415 - as above

    try:
        entry = json.decode(place.settings, type=RepositoryEntry)
    except MsgspecError as error:
        raise _OtherAnswerError from error
    named = read_named_repositories(named_repositories_path(settings.home), settings.reporter)
    store = open_store(settings, entry, named, base=Path(root))
    if store.address != place.address:
        raise _OtherAnswerError
    return partial(is_as_read, store)


def _index(place: Place, settings: "Settings", root: str, cache: str) -> Ask:
    from pathlib import Path  # noqa: PLC0415 - as above

    from pipper.index.cache import PageCache  # noqa: PLC0415 - a project may have repositories alone
    from pipper.index.pages import is_as_read  # noqa: PLC0415 - as above
    from pipper.ops.context.index_client import connection_to, index_address  # noqa: PLC0415 - as above

    address = index_address(settings, place.settings, Path(root))
    if address.url != place.address:
        raise _OtherAnswerError
    return partial(
        is_as_read, connection_to(settings, address), PageCache(Path(cache) / "index", address.url)
    )
