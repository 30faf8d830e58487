"""Send an object to S3; wait while another write of it is in progress, and send a damaged body again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from pipper.errors import PipperError, UsageError
from pipper.storage.s3.errors import ConditionRefusedError, UploadDamagedError
from pipper.storage.s3.session import Connection
from pipper.system.files import reading
from pipper.system.retry import retry

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_LARGEST = 5 << 30  # bytes: the limit of one request
_ATTEMPTS, _CONFLICT_WAIT = 4, 0.4
"""How often a write is sent while another one is in progress (409), and the seconds before the second time."""


class Written(Struct, frozen=True, kw_only=True):
    """A new object, as its server tells it."""

    etag: str
    """With its quotes."""
    version: str
    """Empty if the bucket keeps no versions."""


def put_object(connection: Connection, body: bytes | Path, arguments: "PutObjectRequestTypeDef") -> Written:
    """Send a PUT with these arguments and this body, and return what became of it.

    Raises ConditionRefusedError, UsageError for more than 5 GiB, and as `Store.create` does.
    """
    sent = 0
    with _opened(body) as content:

        def put() -> Written:
            nonlocal sent
            sent += 1
            if not isinstance(content, bytes):
                content.seek(0)
            arguments["Body"] = content
            with connection.request("write", arguments["Key"]):
                response = connection.client().put_object(**arguments)
            connection.check(response, "write", arguments["Key"], "ETag")
            version = response.get("VersionId", "")
            return Written(etag=response["ETag"], version="" if version == "null" else version)

        try:
            return retry(put, attempts=_ATTEMPTS, pause=_pause, first=_CONFLICT_WAIT)
        except ConditionRefusedError as refusal:
            refusal.is_repeated |= sent > 1
            raise


def _pause(error: PipperError) -> float | None:
    is_conflict = isinstance(error, ConditionRefusedError) and error.status == 409
    return 0.0 if is_conflict or isinstance(error, UploadDamagedError) else None


@contextmanager
def _opened(body: bytes | Path) -> Iterator[bytes | BinaryIO]:
    if isinstance(body, bytes):
        yield body
        return
    with reading(body) as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            raise UsageError(
                f"{body} is too large",
                cause="S3 accepts at most 5 GiB in one request",
                hint="split it into smaller wheels",
            )
        yield file
