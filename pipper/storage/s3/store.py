"""A store in a bucket of S3 or of a server with the same protocol."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from msgspec import structs

from pipper.core.access import Credentials
from pipper.core.bucket_options import NO_OPTIONS, BucketOptions
from pipper.core.ports import NO_ETAG, Ability, Blob, Lifetime, ObjectInfo, Store
from pipper.errors import AccessError, ObjectAbsentError, PipperError, StoreError, StoreLacksError, UsageError
from pipper.storage.keys import absent, changed, check_key, check_prefix, flaw, taken
from pipper.storage.s3.abilities import abilities_of
from pipper.storage.s3.errors import ConditionRefusedError, not_created
from pipper.storage.s3.fast.reads import list_pages, open_body, pieces
from pipper.storage.s3.listing import bare
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.put import put_object
from pipper.storage.s3.session import Connection
from pipper.storage.s3.whole_objects import WholeReader

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import ObjectCannedACLType, ServerSideEncryptionType
    from mypy_boto3_s3.type_defs import CopyObjectRequestTypeDef, PutObjectRequestTypeDef


_LONGEST_SIGNATURE = 7 * 24 * 3600  # seconds: the limit of SigV4
_BROKEN_READS = 3
_MARK = "pipper-write"
"""The metadata that identifies a write; `head` does not return it."""
_OF_OBJECTS = ("ETag", "LastModified")
_DELETED = "another process deleted it"


class S3Store:
    """Objects below a prefix of a bucket. See `ports.Store`."""

    def __init__(
        self,
        location: S3Location,
        *,
        credentials: Credentials | None = None,
        profile: str | None = None,
        options: BucketOptions = NO_OPTIONS,
        step: str = "",
    ) -> None:
        """Use `credentials`, a `profile`, or the credentials that boto3 finds unless the `options` are anonymous.
        `step` says in words who chose them, for messages.

        Sends nothing and does not import boto3 before the first request.
        """
        self._connection = Connection(
            location, credentials=credentials, profile=profile, options=options, step=step
        )
        self._whole = WholeReader(self._connection)
        self._bucket = location.bucket
        self._root = f"{location.prefix}/" if location.prefix else ""
        self.location = location.url
        self._options = options
        self._quoted_first = True
        self._versions: dict[str, list[str]] = {}
        """What was written here, by whole keys, if the bucket keeps versions."""

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """See `Store.read`. An incomplete body is read again, at most three times in all."""
        check_key(key, self.location)
        if not start and length is None:
            return self._whole.read(self._root + key)
        if length == 0:
            return Blob(body=b"", etag=self._etag(key))
        attempt = 1
        while True:
            opened = open_body(self._connection, self._root + key, start, length)
            if opened is None:
                return Blob(body=b"", etag=self._etag(key))
            try:
                return Blob(
                    body=b"".join(pieces(self._connection, self._root + key, opened)), etag=bare(opened.etag)
                )
            except StoreError:
                if attempt == _BROKEN_READS:
                    raise
                attempt += 1

    def is_unchanged(self, key: str, etag: str | None) -> bool:
        """See `Store.is_unchanged`: a conditional GET; where only boto3 can ask, nobody is asked."""
        check_key(key, self.location)
        direct = self._connection.direct()
        return direct is not None and direct.etag(self._root + key, etag or "") == (etag or "")

    @contextmanager
    def stream(self, key: str, *, start: int = 0, verified: bool = False) -> Iterator[Iterator[bytes]]:
        check_key(key, self.location)
        if verified and not start:
            with self._whole.stream(self._root + key) as body:
                yield body
            return
        opened = open_body(self._connection, self._root + key, start, None)
        if opened is None:
            yield iter(())
            return
        with contextlib.closing(opened.body):
            yield pieces(self._connection, self._root + key, opened)

    def head(self, key: str) -> ObjectInfo | None:
        check_key(key, self.location)
        found = self._head(key)
        if found is None:
            return None
        shown = {name: value for name, value in found.metadata.items() if name != _MARK}
        return structs.replace(found, metadata=shown)

    def _head(self, key: str) -> ObjectInfo | None:
        try:
            with self._request("read", key):
                response = self._connection.client().head_object(Bucket=self._bucket, Key=self._root + key)
        except ObjectAbsentError:
            self._connection.require_bucket()
            return None
        except AccessError:
            self._explain_refusal(key)
            raise
        self._connection.check(response, "read", self._root + key, *_OF_OBJECTS, "ContentLength")
        return ObjectInfo(
            key=key,
            size=response["ContentLength"],
            etag=bare(response["ETag"]),
            modified=response["LastModified"].astimezone(UTC),
            metadata={name.lower(): value for name, value in response["Metadata"].items()},
        )

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """See `Store.list`. Unsafe keys are skipped, because they cannot be read."""
        check_prefix(prefix, self.location)
        return self._list(prefix, "" if deep else "/")

    def _list(self, prefix: str, delimiter: str) -> Iterator[ObjectInfo]:
        for page in list_pages(self._connection, self._root + prefix, delimiter):
            for entry in page.get("Contents", ()):
                self._connection.check(entry, "list", self._root + prefix, *_OF_OBJECTS, "Key", "Size")
                key = entry["Key"].removeprefix(self._root)
                if not flaw(key):
                    yield ObjectInfo(
                        key=key,
                        size=entry["Size"],
                        etag=bare(entry["ETag"]),
                        modified=entry["LastModified"].astimezone(UTC),
                    )

    def folders(self) -> frozenset[str]:
        found = (
            entry["Prefix"].removeprefix(self._root).removesuffix("/")
            for page in list_pages(self._connection, self._root, "/")
            for entry in page.get("CommonPrefixes", ())
        )
        return frozenset(name for name in found if not flaw(name))

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.create`. At most 5 GiB (UsageError); `metadata` is ASCII and at most 2 KB.

        A mark shows whether a repeated request was refused because the first one succeeded, as in `replace`.
        """
        check_key(key, self.location)
        mark = uuid.uuid4().hex
        arguments = self._arguments(key, content_type, {**(metadata or {}), _MARK: mark})
        arguments["IfNoneMatch"] = "*"
        try:
            return self._put(body, arguments)
        except ConditionRefusedError as refusal:
            found = self._head(key) if refusal.is_repeated else None
            if found is not None and found.metadata.get(_MARK) == mark:
                return found.etag
            raise taken(key, self.location) from refusal
        except ObjectAbsentError as error:
            raise not_created(self._connection.describe("write", self._root + key)) from error

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """See `Store.replace`.

        If a server refuses an unchanged etag, the request is repeated with the other quoting: Ceph expects it
        without quotes, and answers 412, not 404, for an absent key. A retried request may be refused because the
        first one succeeded and its response was lost, and a server error may mean that another write was quicker.
        So each write has its own mark in the metadata: the bytes do not identify it, because another writer may
        have sent the same.
        """
        check_key(key, self.location)
        mark = uuid.uuid4().hex
        arguments = self._arguments(key, content_type, {**(metadata or {}), _MARK: mark})
        for quoted in (self._quoted_first, not self._quoted_first):
            arguments["IfMatch"] = f'"{etag}"' if quoted else etag
            try:
                stored = self._put(body, arguments)
            except ObjectAbsentError as error:
                raise changed(key, self.location, _DELETED) from error
            except StoreLacksError:
                raise
            except (ConditionRefusedError, StoreError) as refusal:
                now = self._written_since(key, etag, refusal)
                if now.metadata.get(_MARK) == mark:
                    return now.etag
                if now.etag != etag:
                    raise changed(key, self.location, "another process replaced it") from refusal
                if isinstance(refusal, StoreError):
                    raise
                continue
            self._quoted_first = quoted
            return stored
        raise changed(key, self.location, "the store refuses the condition, or another write is in progress")

    def _put(self, body: bytes | Path, arguments: "PutObjectRequestTypeDef") -> str:
        written = put_object(self._connection, body, arguments)
        if written.version:
            self._versions.setdefault(arguments["Key"], []).append(written.version)
        return bare(written.etag)

    def undo(self, key: str, *, existed: bool) -> None:
        check_key(key, self.location)
        for version in self._versions.pop(self._root + key, []):
            with contextlib.suppress(ObjectAbsentError), self._request("delete", key):
                self._connection.client().delete_object(
                    Bucket=self._bucket, Key=self._root + key, VersionId=version
                )
            existed = True  # by its versions, it is as before
        if not existed:
            self.delete(key)

    def abilities(self, key: str) -> tuple[Ability, ...]:
        check_key(key, self.location)
        return abilities_of(self._connection, self._root + key)

    def _written_since(self, key: str, etag: str, failure: PipperError) -> ObjectInfo:
        """Return what a key holds after a failed write, which may have happened or lost against another one."""
        is_unclear = isinstance(failure, StoreError)
        if etag == NO_ETAG and is_unclear:
            raise failure
        try:
            # NO_ETAG never matches, so the object is not examined.
            now = None if etag == NO_ETAG else self._head(key)
        except StoreError:
            if is_unclear:
                raise failure from None
            raise
        if now is None:
            raise changed(key, self.location, _DELETED) from failure
        return now

    def can_copy_from(self, other: Store) -> bool:
        return isinstance(other, S3Store) and self._connection.is_like(other._connection)

    def copy_from(self, other: Store, key: str, *, etag: str) -> None:
        """See `CopiesWithin.copy_from`.

        Some servers, Ceph among them, ignore the condition. So the copy's etag is compared; one that differs for
        another reason (encryption) is accepted if the object did not change.
        """
        check_key(key, self.location)
        assert isinstance(other, S3Store), other  # noqa: S101 - `can_copy_from` tells callers
        arguments: CopyObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._root + key,
            "CopySource": {"Bucket": other._bucket, "Key": other._root + key},
            "CopySourceIfMatch": etag,
        }
        _write_with(self._options, arguments)
        try:
            with self._request("write", key):
                answer = self._connection.client().copy_object(**arguments)
        except ConditionRefusedError as refusal:
            raise changed(key, other.location, "another process replaced it") from refusal
        if bare(answer.get("CopyObjectResult", {}).get("ETag", "")) == etag:
            return
        now = other.head(key)
        if now is None or now.etag != etag:
            self.delete(key)
            raise changed(key, other.location, "another process replaced it")

    def delete(self, key: str) -> None:
        check_key(key, self.location)
        with contextlib.suppress(ObjectAbsentError), self._request("delete", key):
            self._connection.client().delete_object(Bucket=self._bucket, Key=self._root + key)

    def presign(self, key: str, *, seconds: int) -> str:
        """See `Store.presign`. SigV4, for GET only, in the bucket's region, for 1 second to 7 days."""
        check_key(key, self.location)
        if not 1 <= seconds <= _LONGEST_SIGNATURE:
            raise UsageError(
                f"cannot sign a URL for {seconds} seconds",
                cause="SigV4 allows 1 second to 7 days (604800 seconds)",
                hint="use --expires 7d or less",
            )
        with self._request("sign a URL for", key):
            return self._connection.signing_client().generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": self._root + key},
                ExpiresIn=seconds,
                HttpMethod="GET",
            )

    def url(self, key: str) -> str:
        check_key(key, self.location)
        with self._request("name", key):
            endpoint = self._connection.endpoint()
        if host := self._connection.location.access_point_host:
            return f"https://{host}/{quote(self._root + key)}"
        return f"{endpoint}/{self._bucket}/{quote(self._root + key)}"

    @property
    def address(self) -> str:
        address = self._connection.address
        return f"{address}/{self._root}" if address else ""

    def lifetime(self) -> Lifetime:
        """See `Store.lifetime`. Raises AccessError if there are no credentials."""
        with self._request("sign a URL for", ""):
            return self._connection.lifetime()

    def _etag(self, key: str) -> str:
        found = self.head(key)
        if found is None:
            raise absent(f"s3://{self._bucket}/{self._root}{key}")
        return found.etag

    def _arguments(
        self, key: str, content_type: str, metadata: Mapping[str, str] | None
    ) -> "PutObjectRequestTypeDef":
        arguments: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._root + key,
            "ContentType": content_type,
            "Metadata": dict(metadata or {}),
        }
        _write_with(self._options, arguments)
        return arguments

    def _explain_refusal(self, key: str) -> None:
        """Raise the refusal of a GET of `key`: its body contains the reason, and a HEAD has no body."""
        with contextlib.suppress(ObjectAbsentError):
            opened = open_body(self._connection, self._root + key, 0, 1)
            if opened is not None:
                opened.body.close()

    def _request(self, operation: str, key: str) -> AbstractContextManager[None]:
        return self._connection.request(operation, self._root + key)


def _write_with(
    options: BucketOptions, arguments: "PutObjectRequestTypeDef | CopyObjectRequestTypeDef"
) -> None:
    """Add what every write says of the ACL and the encryption of its object."""
    if options.acl:
        arguments["ACL"] = cast("ObjectCannedACLType", options.acl)
    if options.encryption:
        arguments["ServerSideEncryption"] = cast("ServerSideEncryptionType", options.encryption)
    if options.sse_kms_key_id:
        arguments["SSEKMSKeyId"] = options.sse_kms_key_id
