"""The least policy: nothing more than what the purpose needs, and nothing outside the repository."""

from typing import Any

import pytest

from pipper.core.layout.iam_policy import PURPOSES, Purpose, least_policy


def statements(purpose: Purpose, prefix: str = "py", region: str = "") -> list[Any]:
    document = least_policy(purpose, bucket="packages", prefix=prefix, region=region)
    assert document["Version"] == "2012-10-17"
    found = document["Statement"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("purpose", "bucket", "objects"),
    [
        ("read", {"s3:ListBucket"}, {"s3:GetObject"}),
        ("publish", {"s3:ListBucket"}, {"s3:GetObject", "s3:PutObject"}),
        ("authorize", set(), {"s3:GetObject"}),
        ("repair", {"s3:ListBucket"}, {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}),
    ],
)
def test_each_purpose_gets_its_actions(purpose: Purpose, bucket: set[str], objects: set[str]) -> None:
    by_resource: dict[str, set[str]] = {}
    for statement in statements(purpose):
        assert statement["Effect"] == "Allow"
        (resource,) = statement["Resource"]
        by_resource.setdefault(resource, set()).update(statement["Action"])
    assert by_resource.get("arn:aws:s3:::packages", set()) == bucket
    assert by_resource["arn:aws:s3:::packages/py/*"] == objects


@pytest.mark.parametrize("purpose", PURPOSES)
def test_listing_is_granted_below_the_prefix_alone(purpose: Purpose) -> None:
    for statement in statements(purpose):
        if statement["Action"] == ["s3:ListBucket"]:
            assert statement["Condition"] == {"StringLike": {"s3:prefix": ["py/*"]}}


def test_a_buckets_own_root_is_the_whole_bucket() -> None:
    listing, objects = statements("read", prefix="")
    assert "Condition" not in listing
    assert objects["Resource"] == ["arn:aws:s3:::packages/*"]


@pytest.mark.parametrize(
    ("region", "partition"),
    [("", "aws"), ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    assert statements("authorize", region=region)[0]["Resource"] == [f"arn:{partition}:s3:::packages/py/*"]
