"""The list of projects of a site, as the store has it."""

from msgspec import Struct

from pipper.core.layout.keys import LISTING_KEY
from pipper.core.ports import Store
from pipper.core.site.listing import Listing, parse_listing
from pipper.errors import IntegrityError, ObjectAbsentError


class ReadListing(Struct, frozen=True, kw_only=True):
    """The list of projects as the store has it; None if there is none that can be read."""

    listing: Listing | None
    etag: str | None


def read_listing(store: Store) -> ReadListing:
    """Return the list of projects; raises what the store raises, and nothing for a damaged one."""
    try:
        blob = store.read(LISTING_KEY)
    except ObjectAbsentError:
        return ReadListing(listing=None, etag=None)
    try:
        listing = parse_listing(blob.body, label=f"{store.location}/{LISTING_KEY}")
    except IntegrityError:
        return ReadListing(listing=None, etag=blob.etag)
    return ReadListing(listing=listing, etag=blob.etag)
