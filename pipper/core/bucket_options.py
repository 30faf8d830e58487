"""How requests to a bucket are made and its objects are written: a part of a repository, without any secret.

A manifest, `repositories.json` and the command line have the same keys. Cheap: every command imports it.
"""

from msgspec import Struct

from pipper.core.redaction import has_account, shown

TYPE_CHECKING = False  # `typing` takes longer than some commands
if TYPE_CHECKING:
    from pipper.core.document import Node

CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
"""S3's canned ACLs for objects."""
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
"""The values of `x-amz-server-side-encryption`."""
KEYS = ("acl", "sse", "sse-kms-key-id", "request-payer", "anonymous")
"""The keys of a manifest and of `repositories.json`."""


class BucketOptions(Struct, frozen=True, kw_only=True):
    """The options of one bucket; what is empty or None, another place may say."""

    acl: str = ""
    """One of `CANNED_ACLS`, for every object that is written."""
    sse: str = ""
    """One of `ENCRYPTIONS`, for every object that is written; empty for the bucket's own."""
    sse_kms_key_id: str = ""
    """The id, ARN or alias of a key of KMS."""
    request_payer: bool | None = None
    """Whether the requester pays for requests and traffic."""
    anonymous: bool | None = None
    """Whether requests are sent without a signature."""

    @property
    def encryption(self) -> str:
        """The encryption to ask for: a key of KMS alone means `aws:kms`."""
        return self.sse or ("aws:kms" if self.sse_kms_key_id else "")

    @property
    def fault(self) -> str:
        """Why these options exclude each other, as a clause; empty if they do not."""
        if self.sse_kms_key_id and self.sse == "AES256":
            return "`AES256` uses no key of KMS: give sse `aws:kms`, or no key"
        return ""

    def over(self, other: "BucketOptions") -> "BucketOptions":
        """Return these options, and those of `other` where these say nothing."""
        both = self.encryption or other.encryption
        return BucketOptions(
            acl=self.acl or other.acl,
            # a key belongs to the encryption beside it
            sse=both,
            sse_kms_key_id=self.sse_kms_key_id if self.encryption else other.sse_kms_key_id,
            request_payer=other.request_payer if self.request_payer is None else self.request_payer,
            anonymous=other.anonymous if self.anonymous is None else self.anonymous,
        )

    def document(self) -> dict[str, object]:
        """Return what is given by the keys of a manifest."""
        values = (self.acl, self.sse, self.sse_kms_key_id, self.request_payer, self.anonymous)
        return {key: value for key, value in zip(KEYS, values, strict=True) if value not in (None, "")}


NO_OPTIONS = BucketOptions()


def read_bucket_options(node: "Node") -> BucketOptions:
    """Return the options in a table, which may have other keys, too; raises the document's error for a wrong value."""
    for key, known in {"acl": CANNED_ACLS, "sse": ENCRYPTIONS}.items():
        if node.text_at(key, "") not in ("", *known):
            hint = f"known: {', '.join(known)}"
            raise node.at(key).fail(f"`{shown(node.text_at(key))}` is not a known value", hint=hint)
    found = BucketOptions(
        acl=node.text_at("acl", ""),
        sse=node.text_at("sse", ""),
        sse_kms_key_id=node.text_at("sse-kms-key-id", ""),
        request_payer=node.at("request-payer").flag() if "request-payer" in node else None,
        anonymous=node.at("anonymous").flag() if "anonymous" in node else None,
    )
    key = found.sse_kms_key_id
    if not (key or "-").isprintable() or has_account(key):
        what = "a user name or a password" if has_account(key) else "a control character"
        raise node.at("sse-kms-key-id").fail(f"it contains {what}", hint="give an id, an ARN or an alias")
    if found.fault:
        raise node.at("sse-kms-key-id").fail(found.fault)
    return found
