"""Which keys are safe to ask a store for: one rule for every adapter, so that what one refuses all refuse."""

import unicodedata

from pipper.errors import IntegrityError

_LONGEST = 1024
"""Bytes of UTF-8: the limit of S3."""


def flaw(key: str) -> str:
    """Return what makes `key` unsafe, in a few words; empty where nothing does."""
    if not key:
        return "it is empty"
    if "\\" in key:
        return "it holds a backslash"
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in key):
        return "it holds a control character"
    if len(key.encode()) > _LONGEST:
        return f"it is longer than {_LONGEST} bytes"
    segments = key.split("/")
    if not segments[0]:
        return "it is absolute"
    if "" in segments:
        return "it has an empty segment"
    if "." in segments or ".." in segments:
        return "it has a segment that is a dot or two"
    return ""


def check_key(key: str, location: str) -> None:
    """Raise IntegrityError where `key` is unsafe; `location` is the root of the store, for the message."""
    if problem := flaw(key):
        raise IntegrityError(f"unsafe key {key[:200]!a} for {location}", cause=problem)


def check_prefix(prefix: str, location: str) -> None:
    """Raise IntegrityError where no safe key could begin with `prefix`; any may begin with the empty one."""
    if prefix:
        check_key(f"{prefix}x" if prefix.endswith("/") else prefix, location)
