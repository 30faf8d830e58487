"""Check, repair and the least policy on a real S3 server."""

import contextlib
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pipper.core.layout.iam_policy import Purpose, least_policy
from pipper.errors import AccessError
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf

pytestmark = pytest.mark.e2e


@pytest.fixture
def shelf(ceph: S3Endpoint, tmp_path: Path) -> Shelf:
    """What 0.11.1 wrote, and something newer."""
    made = Shelf(root=tmp_path, server=ceph, bucket=ceph.fresh_bucket())
    made.fill_legacy()
    made.publish(made.wheel("alpha", "1.0.0"), made.wheel("alpha", "2.0.0"))
    return made


def confine(shelf: Shelf, purpose: Purpose) -> None:
    """Deny everything in the bucket that the least policy for `purpose` does not allow."""
    assert shelf.server is not None
    document: Any = least_policy(purpose, bucket=shelf.bucket, prefix="pipper")
    bucket = f"arn:aws:s3:::{shelf.bucket}"
    allowed = [action for statement in document["Statement"] for action in statement["Action"]]
    everything = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    denied = [action for action in everything if action not in allowed]
    statement = {"Effect": "Deny", "Principal": "*", "Action": denied, "Resource": [bucket, f"{bucket}/*"]}
    shelf.server.client.put_bucket_policy(
        Bucket=shelf.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )


def refused(shelf: Shelf) -> set[str]:
    return {probe.permission for probe in shelf.check().probes if probe.error is not None}


def test_what_0_x_published_is_taken_in_and_moved_to_format_2(shelf: Shelf) -> None:
    before = shelf.contents()
    assert shelf.kinds() == {}
    assert len(shelf.repair(to_format_2=True).mends) == 6
    after = shelf.contents()
    assert {key: after[key] for key in before if key != "pipper-repository.json"} == {
        key: etag for key, etag in before.items() if key != "pipper-repository.json"
    }
    assert shelf.kinds(days=2) == {}
    assert shelf.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}
    assert shelf.repair(days=2).mends == ()


def test_S13_harm_is_found_and_mended(shelf: Shelf) -> None:
    shelf.repair()
    wheel, metadata = (
        shelf.key("alpha-1.0.0-py3-none-any.whl"),
        shelf.key("acme_top-1.2.0-py3-none-any.whl.metadata"),
    )
    orphan = "alpha/0123456789abcdef/alpha-3.0.0-py3-none-any.whl"
    shelf.drop(wheel)
    shelf.drop(metadata)
    shelf.put(orphan, b"left behind")
    shelf.put("acme-base/index.json", b"{")
    assert shelf.kinds(days=2) == {
        wheel: "missing wheel",
        metadata: "wrong metadata",
        orphan: "unnamed object",
        "acme-base/index.json": "broken page",
    }
    shelf.repair(days=2)
    assert shelf.kinds(days=2) == {}
    assert shelf.versions("alpha") == {"1.0.0", "2.0.0"}
    assert orphan not in shelf.contents()


def test_yank_and_undo_on_the_page(shelf: Shelf) -> None:
    shelf.yank("alpha:1.0.0", reason="bad")
    assert [file["yanked"] for file in shelf.page("alpha")["files"]] == ["bad", False]
    assert not shelf.yank("alpha:1.0.0", reason="bad").changed
    shelf.yank("alpha:1.0.0", undo=True)
    assert [file["yanked"] for file in shelf.page("alpha")["files"]] == [False, False]


def test_with_the_policy_to_read_one_can_read_and_no_more(shelf: Shelf) -> None:
    confine(shelf, "read")
    assert refused(shelf) == {"write on condition"}
    assert shelf.check().exit_code == 0
    assert shelf.versions("acme-top") == {"1.0.0+build.5", "1.2.0"}
    with pytest.raises(AccessError):
        shelf.yank("alpha:1.0.0")
    with pytest.raises(AccessError):
        shelf.repair()


def test_with_the_policy_to_publish_one_can_publish_and_yank(shelf: Shelf) -> None:
    confine(shelf, "publish")
    assert refused(shelf) == set()
    shelf.publish(shelf.wheel("beta"), shelf.wheel("alpha", "3.0.0"))
    shelf.yank("alpha:1.0.0")
    assert len(shelf.repair().mends) == 5


def test_with_the_policy_to_repair_one_can_sweep(shelf: Shelf) -> None:
    shelf.put("alpha/0123456789abcdef/alpha-3.0.0-py3-none-any.whl", b"left behind")
    confine(shelf, "repair")
    assert len(shelf.repair(days=2).mends) == 6
    assert shelf.kinds(days=2) == {}


def test_with_the_policy_to_authorize_urls_can_be_signed(shelf: Shelf) -> None:
    key = shelf.key("alpha-1.0.0-py3-none-any.whl")
    confine(shelf, "authorize")
    assert refused(shelf) >= {"list", "write on condition"}
    assert shelf.check().exit_code == 5
    with contextlib.closing(urllib.request.urlopen(shelf.store.presign(key, seconds=60))) as answer:
        assert answer.read() == shelf.body(key)
