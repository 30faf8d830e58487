"""What a store answers (S8, S9): gone is not refused, and refused is never absent."""

import json

import pytest

from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double

REFUSED = Answer(status=403, code="AccessDenied")
ALWAYS = float("inf")


def test_S08_a_locked_object_that_is_gone_is_told_as_such_and_not_tried_again(
    remote: Workspace, double: S3Double
) -> None:
    (key,) = (key for key in double.contents(remote.bucket) if key.endswith("alpha-1.1.0-py3-none-any.whl"))
    double.lose(remote.bucket, key)
    done = remote.refused(
        "sync", code=4, subject=f"locked object is missing from the bucket: s3://{remote.bucket}/{key}"
    )
    assert "hint: " in done.stderr
    assert double.count("GetObject", "*alpha-1.1.0*") == 1


def test_S08_lock_may_still_choose_what_the_page_names(remote: Workspace, double: S3Double) -> None:
    for key in double.contents(remote.bucket):
        if key.endswith("beta-1.0.0-py3-none-any.whl"):
            double.lose(remote.bucket, key)
    remote.lock.unlink()
    remote.run("lock")
    assert remote.locked()["beta"] == "1.0.0"


def test_S09_a_refused_wheel_is_no_missing_one(remote: Workspace, double: S3Double) -> None:
    double.script(Rule(operation="GetObject", key="*.whl", fault=REFUSED, times=ALWAYS))
    done = remote.refused("sync", code=5, subject="alpha-1.1.0-py3-none-any.whl")
    assert "s3:ListBucket" in done.stderr
    assert double.count("GetObject", "*alpha-1.1.0*") == 2, "once, and once by boto3, which knows refusals"


@pytest.mark.parametrize(
    ("operation", "key"),
    [("ListObjectsV2", "*"), ("GetObject", "*pipper-repository.json"), ("GetObject", "*index.json")],
)
def test_S09_lock_stops_where_anything_is_refused(
    operation: str, key: str, remote: Workspace, double: S3Double
) -> None:
    double.script(Rule(operation=operation, key=key, fault=REFUSED, times=ALWAYS))
    remote.refused("lock", "-U", code=5, subject=f"s3://{remote.bucket}")


def test_S09_lock_never_falls_through_to_the_next_repository(remote: Workspace, double: S3Double) -> None:
    second = (remote.root / "repository").as_uri()
    remote.run("publish", remote.wheel("alpha", "99.0.0"), "-b", second)
    remote.write_manifest("alpha", more=f"drop = '{second}'\n")
    double.script(Rule(operation="GetObject", key="*alpha/index.json", fault=REFUSED, times=ALWAYS))
    remote.refused("lock", code=5, subject="alpha/index.json")


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ("GetObject", "*index.json"),
        ("GetObject", "*pipper-repository.json"),
        ("ListObjectsV2", "*"),
        ("PutObject", "*.whl"),
        ("PutObject", "*index.json"),
    ],
)
def test_S09_publish_never_overwrites_on_a_refusal(
    operation: str, key: str, remote: Workspace, double: S3Double
) -> None:
    wheel = remote.wheel("alpha", "1.2.0")
    before = remote.state()
    double.script(Rule(operation=operation, key=key, fault=REFUSED, times=ALWAYS))
    done = remote.run("publish", wheel, code=5)
    remote.check_told(done, f"s3://{remote.bucket}")
    remote.compare(before, but="B")
    double.forget()
    held = double.contents(remote.bucket)
    assert all(held[name] == etag for name, etag in before.B.items())
    remote.run("publish", wheel)
    versions = json.loads(double.body(remote.bucket, "pipper/alpha/index.json"))["versions"]
    assert versions == ["1.0.0", "1.1.0", "1.2.0"]


def test_S09_a_refused_head_of_an_existing_object_is_told(remote: Workspace, double: S3Double) -> None:
    wheel = remote.wheel("alpha", "1.2.0")
    remote.run("publish", wheel)
    double.lose(remote.bucket, "pipper/alpha/index.json")
    double.script(Rule(operation="HeadObject", fault=Answer(status=403, code="Forbidden"), times=ALWAYS))
    remote.run("publish", wheel, code=5)


def test_S14_a_page_that_others_change_for_ever_is_a_conflict(remote: Workspace, double: S3Double) -> None:
    double.script(
        Rule(
            operation="PutObject",
            key="*index.json",
            fault=Answer(status=412, code="PreconditionFailed"),
            times=ALWAYS,
        )
    )
    done = remote.run("publish", remote.wheel("epsilon"), code=7)
    remote.check_told(done, "epsilon/index.json")


def test_S15_a_store_that_ignores_conditions_is_found_out(remote: Workspace, double: S3Double) -> None:
    double.conditions = False
    wheel = remote.wheel("epsilon")
    before = remote.state()
    done = remote.run("publish", wheel, code=6)
    remote.check_told(done, "does not support conditional writes")
    remote.compare(before)
