"""What a bucket does with objects: checksums, encryption, versions and locks, as far as it tells."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipper.core.ports import Ability
from pipper.errors import AccessError, PipperError
from pipper.storage.s3.session import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENCRYPTION = "x-amz-server-side-encryption"
_CHECKSUM = "x-amz-checksum-"


def abilities_of(connection: Connection, key: str) -> tuple[Ability, ...]:
    """Return what the object `key` and the settings of its bucket show; `unknown` is what may not be asked."""
    bucket = connection.location.bucket

    def ask(send: "Callable[[S3Client], Any]") -> Any:
        try:
            with connection.request("read", key):
                return send(connection.client())
        except PipperError as error:
            return error

    head = ask(lambda client: client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))
    headers = {} if isinstance(head, PipperError) else head["ResponseMetadata"]["HTTPHeaders"]
    versions = ask(lambda client: client.get_bucket_versioning(Bucket=bucket))
    lock = ask(lambda client: client.get_object_lock_configuration(Bucket=bucket))
    return (
        _checksums(headers),
        _encryption(headers),
        _versioning(headers, versions),
        _object_lock(lock),
    )


def _checksums(headers: Mapping[str, str]) -> Ability:
    name = "checksums"
    if not headers:
        return Ability(name=name, state="unknown")
    found = sorted(
        each.removeprefix(_CHECKSUM).upper()
        for each in headers
        if each.startswith(_CHECKSUM) and each != f"{_CHECKSUM}type"
    )
    if found:
        return Ability(
            name=name, state=found[0], meaning="damage in transit is found on reading and on writing"
        )
    return Ability(
        name=name,
        state="none stored",
        meaning="damage in transit is found by the ETag if it is an MD5, otherwise by reading twice",
    )


def _encryption(headers: Mapping[str, str]) -> Ability:
    name = "encryption"
    method = headers.get(_ENCRYPTION, "")
    if not headers:
        return Ability(name=name, state="unknown")
    if not method:
        return Ability(name=name, state="none shown", meaning="set `sse` if the bucket demands it")
    if method == "AES256":
        return Ability(name=name, state=method, meaning="readers and writers need no more permissions")
    key = headers.get(f"{_ENCRYPTION}-aws-kms-key-id", "its key")
    return Ability(
        name=name, state=method, meaning=f"readers need kms:Decrypt on {key}, writers kms:GenerateDataKey too"
    )


def _versioning(headers: Mapping[str, str], answer: Any) -> Ability:
    name = "versioning"
    state = "" if isinstance(answer, PipperError) else answer.get("Status", "")
    if state == "Enabled" or headers.get("x-amz-version-id", "null") != "null":
        meaning = (
            "what prune, repair and a new page replace stays as an old version until a lifecycle rule ends it"
        )
        return Ability(name=name, state="on", meaning=meaning)
    if isinstance(answer, PipperError):
        return _unknown(name, answer, "s3:GetBucketVersioning")
    return Ability(
        name=name,
        state="suspended" if state else "off",
        meaning="what is deleted or replaced cannot come back",
    )


def _object_lock(answer: Any) -> Ability:
    name = "object lock"
    if isinstance(answer, PipperError):
        if "ObjectLockConfigurationNotFound" in answer.message or "NoSuchKey" in answer.message:
            return Ability(name=name, state="off")
        return _unknown(name, answer, "s3:GetBucketObjectLockConfiguration")
    rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if not rule:
        return Ability(
            name=name, state="on", meaning="each write needs a checksum; nothing is kept by default"
        )
    period = f"{rule['Days']} days" if "Days" in rule else f"{rule.get('Years', '?')} years"
    return Ability(
        name=name,
        state=f"{rule.get('Mode', 'on')} for {period}".lower(),
        meaning="each write needs a checksum; what prune and repair remove stays as an old version until then",
    )


def _unknown(name: str, error: PipperError, action: str) -> Ability:
    refused = isinstance(error, AccessError)
    return Ability(
        name=name,
        state="unknown",
        meaning=f"{action} is not allowed" if refused else "the store does not tell",
    )
