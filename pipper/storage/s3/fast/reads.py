"""Reads from S3: by `Direct` while that will do, else by boto3's client."""

from typing import TYPE_CHECKING, cast

from pipper.errors import StoreError
from pipper.storage.s3.body import Opened
from pipper.storage.s3.errors import check_complete, translated
from pipper.storage.s3.session import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        GetObjectRequestTypeDef,
        ListObjectsV2OutputTypeDef,
        ListObjectsV2RequestTypeDef,
    )
    from urllib3 import BaseHTTPResponse


def open_body(connection: Connection, key: str, start: int, length: int | None) -> Opened | None:
    """Return the answer for the bytes of `key` from `start` on, with its open body.

    None where the range begins at the end or after it. Raises what `Store.read` raises.
    """
    ranged = start or length is not None
    span = f"bytes={start}-{'' if length is None else start + length - 1}" if ranged else ""
    direct = connection.direct()
    subject = connection.describe("read", key).subject
    if direct and (opened := direct.get(key, span, subject=subject)):
        return opened
    arguments: GetObjectRequestTypeDef = {"Bucket": connection.location.bucket, "Key": key}
    if span:
        arguments["Range"] = span
    with translated(lambda: connection.describe("read", key)):
        try:
            response = connection.client().get_object(**arguments)
        except connection.client().exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"InvalidRange", "416"}:
                return None
            raise
    check_complete(response, ("ETag", "ContentLength"), lambda: connection.describe("read", key))
    # botocore gives out urllib3's response here, and its types say otherwise
    body = cast("BaseHTTPResponse", response["Body"].__enter__())
    if span and not response.get("ContentRange"):
        body.close()
        raise StoreError(f"cannot read {subject} in part", cause="the server ignores ranges")
    return Opened(etag=response["ETag"], size=response["ContentLength"], body=body)


def list_page(
    connection: Connection, prefix: str, delimiter: str, token: str
) -> "ListObjectsV2OutputTypeDef":
    """Return the page of the listing below `prefix` that `token` names, or the first. Raises as `Store.list`."""
    asked = {"prefix": prefix, "delimiter": delimiter, "continuation-token": token}
    given = {name: value for name, value in asked.items() if value or name == "prefix"}
    if (direct := connection.direct()) and (page := direct.page(given)):
        return page
    arguments: ListObjectsV2RequestTypeDef = {"Bucket": connection.location.bucket, "Prefix": prefix}
    if delimiter:
        arguments["Delimiter"] = delimiter
    if token:
        arguments["ContinuationToken"] = token
    with translated(lambda: connection.describe("list", prefix)):
        return connection.client().list_objects_v2(**arguments)
