"""`pipper yank`: a mark on the page (PEP 592), by compare-and-swap; nothing is removed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double
from tests.shelf import Shelf


def marks(workspace: Workspace, name: str) -> dict[str, Any]:
    page = json.loads((workspace.repository / name / "index.json").read_text())
    return {file["filename"]: file["yanked"] for file in page["files"]}


def test_every_file_of_the_version_is_marked_and_no_other(empty: Workspace) -> None:
    empty.publish(
        empty.wheel("alpha", "1.0.0"),
        empty.wheel("alpha", "1.0.0", tag="cp311-cp311-linux_x86_64"),
        empty.wheel("alpha", "2.0.0"),
    )
    done = empty.run("yank", "Alpha:1.0", "--reason", "it is broken", "-b", empty.url)
    assert (done.stdout, done.stderr) == ("", f"yanked: alpha 1.0 in {empty.repository.as_uri()}\n")
    assert marks(empty, "alpha") == {
        "alpha-1.0.0-py3-none-any.whl": "it is broken",
        "alpha-1.0.0-cp311-cp311-linux_x86_64.whl": "it is broken",
        "alpha-2.0.0-py3-none-any.whl": False,
    }


def test_the_same_again_writes_nothing_and_undo_takes_the_mark_away(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    page = empty.repository / "alpha" / "index.json"
    fresh = page.read_bytes()
    empty.run("yank", "alpha:1.0.0", "-b", empty.url)
    assert marks(empty, "alpha") == {"alpha-1.0.0-py3-none-any.whl": True}
    inode = page.stat().st_ino
    assert empty.run("yank", "alpha==1.0.0", "-b", empty.url).stderr.startswith("nothing to do, yanked")
    assert page.stat().st_ino == inode
    empty.run("yank", "alpha:1.0.0", "--reason", "another", "-b", empty.url)
    assert marks(empty, "alpha") == {"alpha-1.0.0-py3-none-any.whl": "another"}
    empty.run("yank", "alpha:1.0.0", "--undo", "-b", empty.url)
    assert page.read_bytes() == fresh
    assert empty.run("yank", "alpha:1.0.0", "--undo", "-b", empty.url).stderr.startswith("nothing to do")


def test_a_yanked_version_is_not_chosen_and_locks_that_hold_it_still_sync(workspace: Workspace) -> None:
    workspace.run("yank", "alpha:1.1.0", "--reason", "bad", "-b", workspace.url)
    workspace.run("lock", "-U")
    assert workspace.locked()["alpha"] == "1.0.0"
    workspace.run("yank", "alpha:1.0.0", "--undo", "-b", workspace.url)
    workspace.write_manifest("alpha==1.1.0")
    workspace.run("lock")
    assert workspace.locked()["alpha"] == "1.1.0"
    workspace.run("sync")


@pytest.mark.parametrize(
    "release", ["alpha", "alpha:", "alpha:x", ":1.0", "al pha:1.0", "alpha:1.*", "alpha:>=1"]
)
def test_what_is_no_release_is_refused(release: str, empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    empty.refused("yank", release, "-b", empty.url, code=2, subject="is not a release")


def test_a_version_that_is_not_published_is_refused(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.refused("yank", "alpha:9", "-b", empty.url, code=2, subject="alpha 9 is not published")
    assert "alpha has the versions: 1.0.0" in done.stderr
    empty.refused("yank", "beta:1", "-b", empty.url, code=2, subject="beta 1 is not published")
    empty.refused("yank", "alpha:1.0.0", "--undo", "--reason", "x", "-b", empty.url, code=2, subject="--undo")
    empty.refused("yank", "alpha:1.0.0", "--reason", "a\nb", "-b", empty.url, code=2, subject="one line")


def test_a_version_that_is_only_a_bundle_has_to_be_repaired_first(empty: Workspace) -> None:
    shelf = Shelf(root=empty.root)
    shelf.fill_legacy()
    args = ("yank", "Acme_Base:1.0.0", "-b", empty.url)
    done = empty.refused(*args, code=2, subject="acme-base 1.0.0 is only in a bundle")
    assert "pipper repository repair" in done.stderr
    empty.run("repository", "repair", "-b", empty.url)
    empty.run(*args)
    assert marks(empty, "acme-base")["acme_base-1.0.0-py3-none-any.whl"] is True


def test_another_publisher_in_between_loses_nothing(s3_double: S3Double, tmp_path: Path) -> None:
    shelf = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    shelf.publish(shelf.wheel("alpha", "1.0.0"))
    conflict = Answer(status=412, code="PreconditionFailed")
    s3_double.script(Rule(operation="PutObject", key="*/index.json", fault=conflict, times=4))
    shelf.yank("alpha:1.0.0", reason="bad")
    shelf.publish(shelf.wheel("alpha", "2.0.0"))
    assert [file["yanked"] for file in shelf.page("alpha")["files"]] == ["bad", False]


def test_S09_a_refused_page_is_not_taken_for_absent(remote: Workspace, double: S3Double) -> None:
    refused = Answer(status=403, code="AccessDenied")
    double.script(Rule(operation="GetObject", key="*alpha/index.json", fault=refused, times=float("inf")))
    remote.refused("yank", "alpha:1.1.0", "-b", remote.url, code=5, subject="alpha/index.json")
