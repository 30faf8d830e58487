"""The user metadata of a bundle in a store, as pipper 0.x writes and reads it."""

from pipper.wheels.bundle import Bundle

NEEDED = frozenset({"version", "timestamp"})
"""What 0.11 reads: its `info` fails without."""
_LIMIT = 1500
"""Bytes: S3 takes 2 KB of user metadata in all."""


def bundle_metadata(bundle: Bundle, safe_version: str) -> dict[str, str]:
    """Return the metadata of a bundle that is stored as `safe_version`.

    Without its whole `package.meta`, if that is too long or is not ASCII.
    """
    metadata = {
        "name": bundle.name,
        "version": bundle.version,
        "safe_version": safe_version,
        "timestamp": bundle.timestamp,
    }
    package = bundle.raw.decode("ascii", "replace")
    if bundle.raw.isascii() and sum(map(len, metadata.values())) + len(package) <= _LIMIT:
        metadata["package"] = package
    return metadata
