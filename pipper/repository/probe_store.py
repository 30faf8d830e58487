"""What a store lets us do, found out one permission at a time, without leaving anything behind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipper.core.layout.keys import MARKER_KEY, marker_body
from pipper.core.ports import NO_ETAG, Store
from pipper.errors import (
    AccessError,
    MachineError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
    StoreError,
)

_JSON = "application/json"
_ABSENT = f"{MARKER_KEY}.absent"
"""A key that nobody uses."""

Permission = Literal["list", "read", "tell absent from refused", "write on condition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One permission and what came of trying it."""

    permission: Permission
    error: PipperError | None = None
    """Why not; None where it is granted."""


def probe_store(store: Store) -> tuple[Probe, ...]:
    """Try every permission pipper uses and return what came of each.

    Writing is tried with a condition that no object can meet, so nothing is written. Raises StoreError and
    UsageError where the store cannot be asked at all.
    """
    return (
        Probe(permission="list", error=_tried(store.folders)),
        Probe(permission="read", error=_tried(lambda: _read_something(store))),
        Probe(permission="tell absent from refused", error=_tried(lambda: store.read(_ABSENT))),
        Probe(permission="write on condition", error=_tried(lambda: _write_nothing(store))),
    )


class CarelessStoreError(StoreError):
    """The store accepts a condition and ignores it."""

    def __init__(self, location: str, header: str) -> None:
        super().__init__(
            f"{location}: the store does not honour conditional writes",
            cause=f"a write that {header} forbids was accepted; two publishers could overwrite each other",
            hint="use a store with conditional writes: Amazon S3, Ceph radosgw, or a directory",
        )


def check_conditions(store: Store, marker: bytes, *, exists: bool = True) -> None:
    """Require that the store refuses two conditional writes of the marker's own bytes.

    Where there is no marker (not `exists`), only `If-Match` can be tried without writing. Raises
    CarelessStoreError where a write is accepted.
    """
    if exists:
        try:
            store.create(MARKER_KEY, marker, content_type=_JSON)
        except ObjectExistsError:
            pass
        else:
            raise CarelessStoreError(store.location, "If-None-Match")
    try:
        store.replace(MARKER_KEY, marker, etag=NO_ETAG, content_type=_JSON)
    except ObjectChangedError:
        return
    raise CarelessStoreError(store.location, "If-Match")


def _tried(attempt: Callable[[], object]) -> PipperError | None:
    try:
        attempt()
    except ObjectAbsentError:
        return None
    except (AccessError, MachineError, CarelessStoreError) as error:
        return error
    return None


def _read_something(store: Store) -> None:
    """Read the marker, or where there is none, a byte of the first object there is."""
    try:
        store.read(MARKER_KEY)
        return
    except ObjectAbsentError:
        first = next(store.list(), None)
    if first is not None:
        store.read(first.key, start=0, length=1)


def _write_nothing(store: Store) -> None:
    """Ask for writes that must be refused; a store that does them writes the marker's own bytes."""
    try:
        check_conditions(store, store.read(MARKER_KEY).body)
    except ObjectAbsentError:
        check_conditions(store, marker_body(1), exists=False)
