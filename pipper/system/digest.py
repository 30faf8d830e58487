"""A digest for the keys of stamps, without OpenSSL: `hashlib` loads it, which takes longer than to do nothing."""

import os

try:
    from _blake2 import blake2b
except ImportError:  # an implementation of Python without the module
    from hashlib import blake2b


TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable

OF_PYTHON = "__pycache__"
"""The folder that Python makes beside modules."""


def digest(*parts: bytes, key: bytes = b"") -> str:
    """Return 64 hex digits that differ for any other sequence of parts (BLAKE2b).

    With a secret `key`, only who has it can compute them.
    """
    return digest_each(parts, key=key)


def digest_of_names(names: "Iterable[str]") -> str:
    """Return a digest of a set of names."""
    return digest_each(name.encode(errors="surrogateescape") for name in sorted(names))


def digest_of_folder(folder: str) -> str:
    """Return the `digest_of_names` of what is in a folder, but for what Python makes there; raises OSError."""
    with os.scandir(folder) as entries:
        return digest_of_names(name_of(entry) for entry in entries if entry.name != OF_PYTHON)


def name_of(entry: "os.DirEntry[str]") -> str:
    """Return the name of what is in a folder, with a slash if it is a folder or a link to one; raises OSError."""
    return f"{entry.name}/" if entry.is_dir() else entry.name


def digest_each(parts: "Iterable[bytes]", *, key: bytes = b"") -> str:
    """Return the `digest` of parts of which only one at a time is in memory."""
    whole = blake2b(digest_size=32, key=key)
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()
