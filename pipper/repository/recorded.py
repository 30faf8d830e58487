"""A store whose reads are noted, and the question whether they would be answered in the same way again."""

from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

from pipper.core.ports import Blob, ObjectInfo, Store
from pipper.core.reads import DEEP_LISTING, FOLDERS, LISTING, OBJECT, Read, ReadLog
from pipper.errors import ObjectAbsentError
from pipper.system.digest import digest_each, digest_of_names

P = ParamSpec("P")
T = TypeVar("T")


class RecordedStore:
    """Reads from another store and notes each read. See `ports.Store`.

    What fails, and what a lock does not ask a store for, spoils the log: it has no validator.
    """

    def __init__(self, store: Store, alias: str, log: ReadLog) -> None:
        self._store = store
        self._alias = alias
        self._log = log
        self.location = store.location
        self.stream, self.head = self._unnoted(store.stream), self._unnoted(store.head)
        self.create, self.replace = self._unnoted(store.create), self._unnoted(store.replace)
        self.delete, self.url = self._unnoted(store.delete), store.url
        self.lifetime, self.presign = self._unnoted(store.lifetime), self._unnoted(store.presign)
        self.is_unchanged = self._unnoted(store.is_unchanged)

    @property
    def address(self) -> str:
        return self._store.address

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """Note the etag of the object, whichever part is read."""
        try:
            blob = self._answered(lambda: self._store.read(key, start=start, length=length))
        except ObjectAbsentError:
            self._note(OBJECT, key, "")
            raise
        self._note(OBJECT, key, blob.etag)
        return blob

    def folders(self) -> frozenset[str]:
        """Note a digest of the names."""
        found = self._answered(self._store.folders)
        self._note(FOLDERS, "", digest_of_names(found))
        return found

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """Note a digest of all that the listing says."""
        found = self._answered(lambda: tuple(self._store.list(prefix, deep=deep)))
        self._note(DEEP_LISTING if deep else LISTING, prefix, digest_of_objects(found))
        return iter(found)

    def _note(self, kind: str, key: str, validator: str) -> None:
        address = self._store.address
        if not address:
            self._log.spoil()
        self._log.note_place(self._alias, address)
        self._log.note(self._alias, kind, key, validator)

    def _answered(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except ObjectAbsentError:
            raise
        except BaseException:
            self._log.spoil()
            raise

    def _unnoted(self, method: Callable[P, T]) -> Callable[P, T]:
        def call(*args: P.args, **options: P.kwargs) -> T:
            self._log.spoil()
            return method(*args, **options)

        return call


def is_as_read(store: Store, read: Read) -> bool:
    """Return whether a store answers a noted read in the same way now; raises as the methods of `Store` do."""
    if read.kind == OBJECT:
        return store.is_unchanged(read.key, read.validator or None)
    if read.kind == FOLDERS:
        return digest_of_names(store.folders()) == read.validator
    if read.kind in (LISTING, DEEP_LISTING):
        found = store.list(read.key, deep=read.kind == DEEP_LISTING)
        return digest_of_objects(found) == read.validator
    return False


def digest_of_objects(found: Iterable[ObjectInfo]) -> str:
    """Return a digest of a listing."""
    return digest_each(
        fact.encode(errors="surrogateescape")
        for each in found
        for fact in (each.key, str(each.size), each.etag, each.modified.isoformat())
    )
