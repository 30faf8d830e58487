"""The least IAM policy for a repository: the S3 actions that each use of pipper needs, and on which keys."""

from collections.abc import Sequence
from typing import Literal

from pipper.core.layout.keys import LISTING_KEY, MARKER_KEY, SITE_PAGE

Purpose = Literal["read", "publish", "authorize", "repair"]
_GRANTS: dict[Purpose, tuple[str, list[str]]] = {
    "read": ("PipperReadPackages", ["s3:GetObject"]),
    "publish": ("PipperPublishPackages", ["s3:GetObject", "s3:PutObject"]),
    "authorize": ("PipperSignUrlsOfPackages", ["s3:GetObject"]),
    "repair": ("PipperRepairPackages", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]),
}
"""The id of the statement about objects, and its actions."""
PURPOSES = tuple(_GRANTS)
_SHARED = (MARKER_KEY, SITE_PAGE, LISTING_KEY)


def least_policy(
    purpose: Purpose,
    *,
    bucket: str,
    prefix: str,
    region: str = "",
    kms_key: str = "",
    names: Sequence[str] = (),
) -> dict[str, object]:
    """Return the policy document (IAM JSON, version 2012-10-17); an empty `prefix` is the bucket's own root.

    With `names` (folders of projects; `*` stands for any text) it grants the objects of these projects alone, and
    those that belong to no project: the marker and the root pages of a site.

    Listing is granted below the prefix only. For a missing object, S3 compares its key with `s3:prefix` and
    answers 404 below the prefix, 403 elsewhere. `authorize` signs keys from a lock: it lists nothing. `bucket` may be
    the ARN of an access point, and `kms_key` the ARN of the key that encrypts the objects.
    """
    is_point = bucket.startswith("arn:")
    bucket_arn = bucket if is_point else f"arn:{_partition(region)}:s3:::{bucket}"
    below = f"{prefix}/*" if prefix else "*"
    keys = [f"{name}/*" for name in names] + list(_SHARED if names and purpose != "authorize" else ())
    root = f"{bucket_arn}/object/" if is_point else f"{bucket_arn}/"
    objects = [root + below.removesuffix("*") + key for key in keys] or [root + below]
    statements: list[dict[str, object]] = []
    if purpose != "authorize":
        listing: dict[str, object] = {
            "Sid": "PipperListPackages",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [bucket_arn],
        }
        if prefix:
            listing["Condition"] = {"StringLike": {"s3:prefix": [below]}}
        statements.append(listing)
    sid, actions = _GRANTS[purpose]
    statements.append({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": objects})
    if kms_key.startswith("arn:"):
        uses = ["kms:Decrypt", *(["kms:GenerateDataKey"] if "s3:PutObject" in actions else [])]
        statements.append(
            {"Sid": "PipperUseKeyOfPackages", "Effect": "Allow", "Action": uses, "Resource": [kms_key]}
        )
    return {"Version": "2012-10-17", "Statement": statements}


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
