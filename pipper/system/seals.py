"""Seals: who can change a cache, but has not this user's key, cannot write a note that pipper believes.

A cache may come from elsewhere: a CI restores what an earlier job, or somebody else's, has left there. What has no
hash in a lock (the index of an unpacked wheel, pages, facts about interpreters) is therefore stored with a seal, a
digest with a secret key. The key lies outside the cache, in `~/.pipper/cache-key`, mode 0600, and is made when it is
missing. Where it cannot be, nothing is sealed, and each command finds everything out again.

The fast ways of `lock` import this module, so it imports little.
"""

import os

from pipper.errors import PipperError
from pipper.system.digest import digest
from pipper.system.regular_file import read_regular

LARGEST = 256 << 20
"""Bytes: longer files are not read. The index of a wheel with a million members has less."""

_KEY = ("~", ".pipper", "cache-key")
_LENGTH = 64
_keys: dict[str, bytes] = {}


def read_sealed(path: "str | os.PathLike[str]", subject: str) -> bytes | None:
    """Return the text that was `sealed` for a subject; None if it was not, or if the file cannot be read."""
    try:
        seal, _, text = read_regular(path, LARGEST, follow=False).partition(b"\n")
    except OSError:
        return None
    key = seal_key()
    return text if key and seal == _seal(key, subject, text) else None


def sealed(text: bytes, subject: str) -> bytes:
    """Return a text with its seal in the first line; `subject` says what it is, so that no other can take its place."""
    return _seal(seal_key(), subject, text) + b"\n" + text


def seal_key() -> bytes:
    """Return the secret of this user; empty if it can be neither read nor made. Never raises."""
    path = os.path.join(os.path.expanduser(_KEY[0]), *_KEY[1:])
    if not os.path.isabs(path):
        return b""  # a user without a home, as in some containers
    if path not in _keys:
        _keys[path] = _read(path) or _made(path)
    return _keys[path]


def _seal(key: bytes, subject: str, text: bytes) -> bytes:
    return digest(subject.encode(errors="surrogateescape"), text, key=key).encode() if key else b""


def _read(path: str) -> bytes:
    try:
        found = os.stat(path)
        if os.name != "nt" and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            return b""
        key = read_regular(path, _LENGTH).strip()
    except OSError:
        return b""
    return key if len(key) == _LENGTH else b""


def _made(path: str) -> bytes:
    # Imported here: only the first command of a user needs them.
    from pathlib import Path  # noqa: PLC0415 - see above

    from pipper.system.files import write_private  # noqa: PLC0415 - see above

    try:
        write_private(Path(path), os.urandom(_LENGTH // 2).hex().encode())
    except (OSError, PipperError):
        return b""
    return _read(path)  # two commands may make it at once
