"""The rules for keys and the errors about objects, the same for every adapter."""

import re

from pipper.core.ports import LARGEST_DOCUMENT
from pipper.errors import IntegrityError, ObjectAbsentError, ObjectChangedError, ObjectExistsError

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""The categories Cc and Cs of Unicode."""
_LONGEST = 1024
"""Bytes of UTF-8: the limit of S3."""


def flaw(key: str) -> str:
    """Return why `key` is unsafe, as a clause; empty if it is safe."""
    if not key:
        return "it is empty"
    if "\\" in key:
        return "it contains a backslash"
    if _CONTROL.search(key):
        return "it contains a control character"
    if len(key.encode()) > _LONGEST:
        return f"it is longer than {_LONGEST} bytes"
    segments = key.split("/")
    if not segments[0]:
        return "it is absolute"
    if "" in segments:
        return "it has an empty segment"
    if "." in segments or ".." in segments:
        return "it has a `.` or `..` segment"
    return ""


def check_key(key: str, location: str) -> None:
    """Raise IntegrityError if `key` is unsafe; `location` is the root of the store, for the message."""
    if problem := flaw(key):
        raise unsafe(key, location, problem)


def check_prefix(prefix: str, location: str) -> None:
    """Raise IntegrityError if no safe key can start with `prefix`; the empty prefix is safe."""
    if prefix:
        check_key(f"{prefix}x" if prefix.endswith("/") else prefix, location)


def unsafe(key: str, location: str, cause: str) -> IntegrityError:
    """Return the error for an unsafe key."""
    return IntegrityError(
        f"unsafe key {key[:200]!a} for {location}",
        cause=cause,
        hint="remove it from the lock or the page that contains it",
    )


def absent(place: str) -> ObjectAbsentError:
    """Return the error for an object that does not exist."""
    return ObjectAbsentError(
        f"{place} does not exist", hint="run `pipper repository check` to find missing files"
    )


def require_document(place: str, size: int) -> None:
    """Raise IntegrityError if the object at `place` is too large to be read whole into memory."""
    if size > LARGEST_DOCUMENT:
        raise IntegrityError(
            f"{place} is larger than the {LARGEST_DOCUMENT:,} bytes that a page or another document may have",
            hint="delete it, then run `pipper repository repair`",
        )


def taken(key: str, location: str) -> ObjectExistsError:
    """Return the error for an object that exists and was to be created."""
    return ObjectExistsError(
        f"{key} already exists in {location}",
        hint="run the command again: another process may have created it",
    )


def changed(key: str, location: str, cause: str) -> ObjectChangedError:
    """Return the error for an object that changed between reading and replacing it."""
    return ObjectChangedError(
        f"{key} in {location} changed since it was read", cause=cause, hint="run the command again"
    )
