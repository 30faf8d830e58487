"""`pipper repository policy`: JSON on stdout for the repository that options or the manifest name."""

import json
from fnmatch import fnmatchcase
from typing import Any

from tests.invariants import Workspace
from tests.s3_double import S3Double


def policy(workspace: Workspace, *args: str) -> Any:
    done = workspace.run("repository", "policy", *args)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_reading_is_what_is_printed_where_nothing_else_is_asked_for(empty: Workspace) -> None:
    listing, objects = policy(empty, "-b", "packages")["Statement"]
    assert listing["Resource"] == ["arn:aws:s3:::packages"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["pipper/*"]}}
    assert (objects["Action"], objects["Resource"]) == (["s3:GetObject"], ["arn:aws:s3:::packages/pipper/*"])


def test_the_manifests_repository_and_a_named_one_are_found(empty: Workspace) -> None:
    empty.manifest.parent.mkdir(parents=True, exist_ok=True)
    empty.manifest.write_text('[repositories]\nacme = { url = "s3://packages/py", region = "cn-north-1" }\n')
    (objects,) = policy(empty, "--for", "authorize")["Statement"]
    assert objects["Resource"] == ["arn:aws-cn:s3:::packages/py/*"]
    empty.run("repository", "add", "other", "-b", "others", "--prefix", "x")
    found = policy(empty, "--for", "publish", "-r", "other")["Statement"][1]
    assert (found["Action"], found["Resource"]) == (
        ["s3:GetObject", "s3:PutObject"],
        ["arn:aws:s3:::others/x/*"],
    )


def test_a_directory_several_repositories_and_none_are_refused(empty: Workspace) -> None:
    empty.refused("repository", "policy", code=2, subject="no repository is named")
    empty.refused("repository", "policy", "-b", "file:///srv/x", code=2, subject="is a directory")
    empty.refused("repository", "policy", "--for", "everything", "-b", "x", code=2, subject="--for")
    empty.manifest.write_text('[repositories]\none = "s3://one"\ntwo = "s3://two"\n')
    done = empty.refused("repository", "policy", code=2, subject="the manifest has several repositories")
    assert "pipper repository policy -b s3://one" in done.stderr


def test_a_policy_for_names_grants_them_and_what_belongs_to_no_package(empty: Workspace) -> None:
    found = policy(empty, "-b", "packages", "--for", "publish", "--name", "Acme_Models", "--name", "lab-*")
    assert found["Statement"][1]["Resource"] == [
        f"arn:aws:s3:::packages/pipper/{key}"
        for key in (
            "acme-models/*",
            "Acme_Models/*",
            "lab-*/*",
            "pipper-repository.json",
            "index.html",
            "index.json",
        )
    ]
    (objects,) = policy(empty, "-b", "packages", "--for", "authorize", "--name", "lab")["Statement"]
    assert objects["Resource"] == ["arn:aws:s3:::packages/pipper/lab/*"]


def test_a_publish_of_one_package_writes_and_reads_only_what_its_policy_grants(
    remote: Workspace, double: S3Double
) -> None:
    resources = policy(remote, "-b", remote.url, "--for", "publish", "--name", "alpha")["Statement"][1][
        "Resource"
    ]
    before = len(double.seen)
    remote.publish(remote.wheel("alpha", "2.0.0"))
    remote.run("yank", "alpha:2.0.0", "-b", remote.url)
    used = [
        each for each in double.seen[before:] if each.operation in ("PutObject", "GetObject", "HeadObject")
    ]
    assert {each.operation for each in used} >= {"PutObject", "GetObject"}
    for each in used:
        key = f"arn:aws:s3:::{each.bucket}/{each.key}"
        assert any(fnmatchcase(key, resource) for resource in resources), f"{each.operation} {key}"


def test_what_is_no_name_and_a_repair_of_names_are_refused(empty: Workspace) -> None:
    for name in ("", "../x", "a/b", "a b", "${aws:username}", "-x"):
        empty.refused(
            "repository", "policy", "-b", "x", f"--name={name}", code=2, subject="not the name of a project"
        )
    args = ("repository", "policy", "-b", "x", "--for", "repair", "--name", "a")
    empty.refused(*args, code=2, subject="the whole repository")
