"""Hashes of a page of an index that are no sha256 (PEP 503, 691): `ALGORITHM=HEX`, of several the strongest."""

import hashlib
import string
from pathlib import Path

from pipper.system.os_errors import os_errors

_STRONGEST = (
    *("sha512", "sha3_512", "blake2b", "sha384", "sha3_384", "sha3_256", "blake2s"),
    *("sha224", "sha3_224", "sha1", "md5"),
)
"""Those of `hashlib.algorithms_guaranteed` that have one length."""


def other_hash(hashes: object) -> str:
    """Return the strongest hash in the entry of a page; empty if it has none that can be compared."""
    given: dict[object, object] = hashes if isinstance(hashes, dict) else {}
    for algorithm in _STRONGEST if given else ():
        text = given.get(algorithm)
        digits = text.lower() if isinstance(text, str) else ""
        if digits and len(digits) == 2 * _new(algorithm).digest_size and not digits.strip(string.hexdigits):
            return f"{algorithm}={digits}"
    return ""


def hash_of(data: bytes, stated: str) -> str:
    """Return the hash of `data` by the algorithm of a stated hash, or sha256 where that has none, in the same form."""
    algorithm, separator, _ = stated.rpartition("=")
    digest = _new(algorithm or "sha256")
    digest.update(data)
    return f"{algorithm}{separator}{digest.hexdigest()}"


def hash_of_file(path: Path, stated: str) -> str:
    """Return the hash of a file by the algorithm of a stated hash, in the same form; raises MachineError."""
    algorithm = stated.partition("=")[0]
    with os_errors("read", path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: _new(algorithm))
    return f"{algorithm}={digest.hexdigest()}"


def _new(algorithm: str) -> "hashlib._Hash":
    # It finds damage where a page has nothing better than md5, which some machines refuse for secrets.
    return hashlib.new(algorithm, usedforsecurity=False)
