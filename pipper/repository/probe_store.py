"""A test of each permission in a store, and of its conditional writes. It leaves no object in the store."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from pipper.core.layout.keys import JSON, MARKER_KEY, marker_body
from pipper.core.ports import NO_ETAG, AsksBeforeWrites, Store, UndoesWrites
from pipper.errors import (
    AccessError,
    MachineError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
    StoreError,
    StoreLacksError,
)

_ABSENT = f"{MARKER_KEY}.absent"
"""A key that is never written."""

Permission = Literal["list", "read", "tell absent from refused", "write on condition"]


class Probe(Struct, frozen=True, kw_only=True):
    """One permission and the result of its test."""

    permission: Permission
    error: PipperError | None = None
    """None if the permission is granted."""


def probe_store(store: Store) -> tuple[Probe, ...]:
    """Test every permission that pipper uses and return the results.

    The test of writing has a condition that no object can meet, so nothing is written. Raises StoreError and
    UsageError if the store does not answer.
    """
    return (
        Probe(permission="list", error=_tried(store.folders)),
        Probe(permission="read", error=_tried(lambda: _read_something(store))),
        Probe(permission="tell absent from refused", error=_tried(lambda: store.read(_ABSENT))),
        Probe(permission="write on condition", error=_tried(lambda: _write_nothing(store))),
    )


class IgnoredConditionError(StoreLacksError):
    """The store ignores the condition of a write."""

    def __init__(self, location: str, header: str, *, left: str = "") -> None:
        super().__init__(
            f"{location} does not support conditional writes",
            cause=f"it accepted a write that {header} forbids: two publishers could overwrite each other"
            + (f"; it could not be deleted again: {left}" if left else ""),
            hint="use a store with conditional writes: Amazon S3, Ceph radosgw, or a directory",
        )


def check_conditions(store: Store, marker: bytes, *, exists: bool = True, keep: bool = True) -> None:
    """Require that the store refuses two conditional writes of the current marker's bytes.

    Without a marker (not `exists`), only `If-Match` can be tested without writing. Raises IgnoredConditionError
    if the store accepts a write; what it wrote is deleted again, and the marker as well, unless it is to be kept.
    """
    kept = exists and keep
    if exists:
        try:
            store.create(MARKER_KEY, marker, content_type=JSON)
        except ObjectExistsError:
            pass
        else:
            raise IgnoredConditionError(store.location, "If-None-Match", left=_undone(store, kept=kept))
    try:
        store.replace(MARKER_KEY, marker, etag=NO_ETAG, content_type=JSON)
    except ObjectChangedError:
        return
    raise IgnoredConditionError(store.location, "If-Match", left=_undone(store, kept=kept))


def _undone(store: Store, *, kept: bool) -> str:
    """Take back the writes of the test; return what of it is left, as far as it is known."""
    if not isinstance(store, UndoesWrites):
        return ""
    try:
        store.undo(MARKER_KEY, existed=kept)
    except (AccessError, StoreError) as error:
        return error.message
    return ""


def _tried(attempt: Callable[[], object]) -> PipperError | None:
    try:
        attempt()
    except ObjectAbsentError:
        return None
    except (AccessError, MachineError, StoreLacksError) as error:
        return error
    return None


def _read_something(store: Store) -> None:
    """Read the marker, or if it is absent, one byte of the first object."""
    try:
        store.read(MARKER_KEY)
        return
    except ObjectAbsentError:
        first = next(store.list(), None)
    if first is not None:
        store.read(first.key, start=0, length=1)


def _write_nothing(store: Store) -> None:
    """Try writes that the store must refuse; if it accepts them, they write the marker's current bytes."""
    try:
        check_conditions(store, store.read(MARKER_KEY).body)
    except ObjectAbsentError:
        check_conditions(store, marker_body(1), exists=False)
    if isinstance(store, AsksBeforeWrites):
        store.require_writable()
