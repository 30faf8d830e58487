"""Read from S3: with `Direct` as long as it can, else with boto3's client."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from pipper.errors import StoreError
from pipper.http.client import arriving
from pipper.storage.s3.errors import ENDPOINT, incomplete
from pipper.storage.s3.fast.client import Opened, has_end, size_of
from pipper.storage.s3.listing import ListingCheck
from pipper.storage.s3.session import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        ListObjectsV2OutputTypeDef,
        ListObjectsV2RequestTypeDef,
    )
    from urllib3 import BaseHTTPResponse


def open_body(
    connection: Connection, key: str, start: int = 0, length: int | None = None, *, checksum: bool = False
) -> Opened | None:
    """Return the response for the bytes of `key` from `start`, with its open body; ask for its `checksum`, too.

    None if the range begins at the end or after it. Raises as `Store.read` does.
    """
    ranged = start or length is not None
    span = f"bytes={start}-{'' if length is None else start + length - 1}" if ranged else ""
    direct = connection.direct()
    subject = connection.describe("read", key).subject
    if direct and (opened := direct.get(key, span, subject=subject, checksum=checksum)):
        return opened
    arguments: GetObjectRequestTypeDef = {"Bucket": connection.location.bucket, "Key": key}
    if span:
        arguments["Range"] = span
    if checksum:
        arguments["ChecksumMode"] = "ENABLED"
    with connection.request("read", key):
        try:
            response = connection.client().get_object(**arguments)
        except connection.client().exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"InvalidRange", "416"}:
                return None
            raise
    return _opened(connection, key, response, ranged=bool(span))


def _opened(connection: Connection, key: str, response: "GetObjectOutputTypeDef", *, ranged: bool) -> Opened:
    """Return boto3's response as `Direct` returns it; raises StoreError if it lacks what S3 always sends."""
    with ExitStack() as unless_returned:
        # botocore returns urllib3's response here; its types are wrong
        body = cast("BaseHTTPResponse", unless_returned.enter_context(response["Body"]))
        connection.check(response, "read", key, "ETag")
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        if not has_end(headers):
            raise incomplete(connection.describe("read", key), "Content-Length, and is not chunked")
        if ranged and not response.get("ContentRange"):
            raise StoreError(
                f"cannot read {connection.describe('read', key).subject} in part",
                cause=f"{connection.host} ignores the Range header",
                hint="use an S3 server or proxy that supports range requests",
            )
        unless_returned.pop_all()
        return Opened(etag=response["ETag"], size=size_of(headers), headers=headers, body=body)


def pieces(connection: Connection, key: str, opened: Opened) -> Iterator[bytes]:
    """Yield the body of `key` as it arrives, at most 1 MiB at once, and close it at the end.

    Raises StoreError if it is incomplete or too slow.
    """
    with connection.request("read", key), opened.body as body:
        yield from arriving(body, opened.size, lambda: connection.describe("read", key).subject)


def list_pages(connection: Connection, prefix: str, delimiter: str) -> "Iterator[ListObjectsV2OutputTypeDef]":
    """Yield the pages of a listing, each checked by `ListingCheck`. Raises as `Store.list` does.

    A page that fails the check is requested once more.
    """
    check = ListingCheck(prefix)
    token = ""
    while True:
        page = _page(connection, prefix, delimiter, token)
        if check.fault(page):
            page = _page(connection, prefix, delimiter, token)
        if fault := check.fault(page):
            raise StoreError(f"cannot list {connection.location.url}", cause=fault, hint=ENDPOINT)
        check.accept(page)
        yield page
        if not page.get("IsTruncated"):
            return
        token = page.get("NextContinuationToken", "")


def _page(connection: Connection, prefix: str, delimiter: str, token: str) -> "ListObjectsV2OutputTypeDef":
    query = {"prefix": prefix, "delimiter": delimiter, "continuation-token": token}
    given = {name: value for name, value in query.items() if value or name == "prefix"}
    if (direct := connection.direct()) and (page := direct.page(given)):
        return page
    arguments: ListObjectsV2RequestTypeDef = {"Bucket": connection.location.bucket, "Prefix": prefix}
    if delimiter:
        arguments["Delimiter"] = delimiter
    if token:
        arguments["ContinuationToken"] = token
    with connection.request("list", prefix):
        return connection.client().list_objects_v2(**arguments)
