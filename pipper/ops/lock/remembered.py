"""Whether the sources would answer a remembered solve as they did: then its lock is the lock that a new one would make.

Each read is asked for again, with the credentials of now, through the stores and the index that a solve uses: by a
conditional request, or not at all where a page is fresh. What fails or differs is left to a solve, which reports it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import MsgspecError
from msgspec.structs import replace

from pipper.core.reads import Read
from pipper.core.reporter import Reporter
from pipper.errors import PipperError
from pipper.ops.context.settings import Settings
from pipper.ops.lock.memo import KIND_INDEX, KIND_REPOSITORY, Memo, Place
from pipper.system.parallel import in_parallel

Ask = Callable[[Read], bool]


class _OtherAnswerError(Exception):
    """A source does not answer as it did, so that no further one need be asked."""


def still_holds(memo: Memo, settings: Settings, root: Path, cache: Path) -> bool:
    """Return whether a memo still holds; sends requests, and says nothing.

    `root` is the folder of the project, `cache` that of the cache.
    """
    settings = replace(settings, reporter=Reporter())
    openers = {
        KIND_REPOSITORY: partial(_repository, settings, root),
        KIND_INDEX: partial(_index, settings, root, cache),
    }
    try:
        sources = {place.alias: openers[place.kind](place) for place in memo.places}

        def ask(read: Read) -> None:
            if not sources[read.source](read):
                raise _OtherAnswerError

        in_parallel(ask, memo.reads)
    except (PipperError, MsgspecError, _OtherAnswerError):
        return False
    return True


def _repository(settings: Settings, root: Path, place: Place) -> Ask:
    from msgspec import json  # noqa: PLC0415 - a project may have an index alone

    from pipper.core.manifest.repositories import RepositoryEntry  # noqa: PLC0415 - as above
    from pipper.ops.context.open_stores import open_store  # noqa: PLC0415 - as above
    from pipper.repository.named_repositories import (  # noqa: PLC0415 - as above
        named_repositories_path,
        read_named_repositories,
    )
    from pipper.repository.recorded import is_as_read  # noqa: PLC0415 - as above

    entry = json.decode(place.settings, type=RepositoryEntry)
    named = read_named_repositories(named_repositories_path(settings.home), settings.reporter)
    store = open_store(settings, entry, named, base=root)
    if store.address != place.address:
        raise _OtherAnswerError
    return partial(is_as_read, store)


def _index(settings: Settings, root: Path, cache: Path, place: Place) -> Ask:
    from pipper.index.cache import PageCache  # noqa: PLC0415 - a project may have repositories alone
    from pipper.index.pages import is_as_read  # noqa: PLC0415 - as above
    from pipper.ops.context.index_client import connection_to, index_address  # noqa: PLC0415 - as above

    address = index_address(settings, place.settings, root)
    if address.url != place.address:
        raise _OtherAnswerError
    return partial(is_as_read, connection_to(settings, address), PageCache(cache / "index", address.url))
