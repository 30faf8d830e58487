"""The ETags of objects, and a check of the pages of a listing.

No digest covers a page, so what one says must agree with itself and with the page before.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

_MOST_PAGES = 100_000
"""Pages of one listing: at most 100 million objects."""


def bare(etag: str) -> str:
    """Return an ETag without quotes, and as a strong one: proxies that compress mark those of S3 as weak."""
    return etag.removeprefix("W/").strip('"')


class ListingCheck:
    """Checks the pages of one listing in their order."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._last = {"Contents": "", "CommonPrefixes": ""}
        self._tokens: set[str] = set()
        self._pages = 0

    def fault(self, page: "ListObjectsV2OutputTypeDef") -> str:
        """Return why a page cannot be right, as a clause; empty if it can.

        S3 lists in the order of the keys' bytes, which is that of their characters. So a key that comes twice, or
        goes back, shows a page that was repeated, cut out or damaged.
        """
        names = _names(page)
        count = cast("Mapping[str, int]", page).get("KeyCount")  # older servers do not send it
        if count is not None and count != sum(map(len, names.values())):
            return "a page of the listing has more or fewer entries than it says"
        for kind, listed in names.items():
            last = self._last[kind]
            for name in listed:
                if not name.startswith(self._prefix):
                    return "the listing has a key without the prefix that was asked for"
                if name <= last:
                    return "the listing has a key twice, or its keys are not in order"
                last = name
        if not page.get("IsTruncated"):
            return ""
        token = page.get("NextContinuationToken", "")
        if not token:
            return "the listing is truncated and has no continuation token"
        if token in self._tokens or self._pages >= _MOST_PAGES:
            return "the listing does not end"
        return ""

    def accept(self, page: "ListObjectsV2OutputTypeDef") -> None:
        """Go on to the page that follows this one, which has no fault."""
        for kind, listed in _names(page).items():
            self._last[kind] = listed[-1] if listed else self._last[kind]
        self._tokens.add(page.get("NextContinuationToken", ""))
        self._pages += 1


def _names(page: "ListObjectsV2OutputTypeDef") -> dict[str, list[str]]:
    return {
        "Contents": [entry.get("Key", "") for entry in page.get("Contents", ())],
        "CommonPrefixes": [entry.get("Prefix", "") for entry in page.get("CommonPrefixes", ())],
    }
