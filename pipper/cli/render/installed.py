"""Installed distributions as documents (`--json`; keys are stable)."""

from pipper.core.plan import Installed
from pipper.ops.query.installed import Listing


def installed_document(each: Installed) -> dict[str, object]:
    """An installed distribution: name, version, source, installer, managed (whether pipper installed it)."""
    return {
        "name": each.name,
        "version": each.version,
        "source": each.source or None,
        "installer": each.installer or None,
        "managed": each.ours,
    }


def list_document(listing: Listing) -> dict[str, object]:
    """`list --json`: environment, packages."""
    return {
        "environment": str(listing.environment.root),
        "packages": [installed_document(each) for each in listing.distributions],
    }
