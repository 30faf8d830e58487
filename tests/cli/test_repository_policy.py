"""`pipper repository policy`: JSON on stdout for the repository that options or the manifest name."""

import json
from typing import Any

from tests.invariants import Workspace


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
