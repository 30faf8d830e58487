"""`pipper repository prune`: versions go, locks and the newest stay, and a number never comes back with other bytes."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipper.core.layout.page import ProjectPage
from pipper.errors import StoreError
from pipper.ops.repository.copy import CopyRequest, copy
from pipper.ops.repository.prune import PruneOutcome, PruneRequest, prune
from pipper.ops.repository.prune_rules import Rules
from pipper.ops.repository.publish import PublishRequest, publish
from pipper.repository import page_swap as pages
from pipper.repository import remover
from tests.commands import run_here
from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf

pytestmark = pytest.mark.usefixtures("impatient")

OTHER = {"alpha/__init__.py": "other = 1\n"}
OTHER_BETA = {"beta/__init__.py": "other = 1\n"}


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Endpoint) -> Shelf:
    """alpha 1.0.0 to 4.0.0, 3.0.0rc1 and 5.0.0rc1; beta 1.0.0."""
    remote = request.param == "bucket"
    made = Shelf(
        root=tmp_path, server=s3_server if remote else None, bucket=s3_server.fresh_bucket() if remote else ""
    )
    versions = ("1.0.0", "2.0.0", "3.0.0rc1", "3.0.0", "4.0.0", "5.0.0rc1")
    made.publish(*(made.wheel("alpha", version) for version in versions), made.wheel("beta"))
    return made


def pruned(
    shelf: Shelf, *releases: str, days: float = 0, locks: tuple[Path, ...] = (), **rules: Any
) -> PruneOutcome:
    """Prune as if so many days had passed."""
    request = PruneRequest(releases=releases, rules=Rules(**rules), lock_paths=locks, by="Ann")
    outcome = prune(shelf.settings, request, now=datetime.now(UTC) + timedelta(days=days))
    assert outcome.errors == ()
    return outcome


def gone(outcome: PruneOutcome, name: str = "alpha") -> list[str]:
    return [str(each.version) for each in outcome.removed if each.name == name]


def flipped(bundle: bytes, member: bytes) -> bytes:
    """Return a bundle with one other bit, soon after the header of a member."""
    at = bundle.index(member) + len(member) + 55
    return bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1 :]


@pytest.mark.parametrize(
    ("rules", "days", "expected"),
    [
        ({"keep": 2}, 0, ["2.0.0", "1.0.0", "3.0.0rc1"]),
        ({"keep": 9}, 0, []),
        ({"keep": 1}, 0, ["3.0.0", "3.0.0rc1", "2.0.0", "1.0.0"]),
        ({"prereleases": True}, 0, ["3.0.0rc1"]),
        ({"older_than": timedelta(days=30)}, 29, []),
        ({"older_than": timedelta(days=30)}, 31, ["5.0.0rc1", "3.0.0", "3.0.0rc1", "2.0.0", "1.0.0"]),
        ({"keep": 3, "older_than": timedelta(days=30)}, 29, []),
        ({"keep": 3, "older_than": timedelta(days=30)}, 31, ["1.0.0"]),
    ],
)
def test_what_every_rule_says_goes_and_the_newest_never_does(
    rules: dict[str, Any], days: int, expected: list[str], shelf: Shelf
) -> None:
    before = shelf.versions("alpha")
    outcome = pruned(shelf, days=days, **rules)
    assert sorted(gone(outcome)) == sorted(expected)
    assert shelf.versions("alpha") == before  # gone ones are told, too
    assert {file["filename"].split("-")[1] for file in shelf.page("alpha")["files"]} == before - set(expected)
    assert shelf.versions("beta") == {"1.0.0"}
    assert shelf.kinds() == {}


def test_the_files_of_a_version_go_with_its_bundle_and_a_tombstone_stays(shelf: Shelf) -> None:
    before = set(shelf.contents())
    wheel = shelf.key("alpha-2.0.0-py3-none-any.whl")
    outcome = pruned(shelf, "alpha:2.0.0")
    assert gone(outcome) == ["2.0.0"]
    assert before - set(shelf.contents()) == {wheel, wheel + ".metadata", "alpha/v2-0-0.pipper"}
    (stone,) = shelf.page("alpha")["_pipper"]["removed"]
    assert (stone["filename"], stone["removed-by"]) == ("alpha-2.0.0-py3-none-any.whl", "Ann")
    assert stone["sha256"].startswith(wheel.split("/")[1])
    assert "2.0.0" not in shelf.page("alpha")["versions"]
    assert shelf.kinds() == {}


def test_a_removed_number_does_not_come_back_with_other_bytes(shelf: Shelf) -> None:
    wheel = shelf.wheel("alpha", "2.0.0")
    other = shelf.wheel("alpha", "2.0.0", folder="other", files=OTHER)
    pruned(shelf, "alpha:2.0.0")
    for force in (False, True):
        (result,) = publish(
            shelf.settings, PublishRequest(paths=(other,), force=force), now=datetime.now(UTC)
        )
        assert result.error
        assert (result.error.exit_code, "was removed" in result.error.message) == (7, True)
    shelf.publish(wheel)
    assert "2.0.0" in shelf.page("alpha")["versions"]
    assert "removed" not in shelf.page("alpha")["_pipper"]
    assert shelf.kinds() == {}
    assert shelf.body(shelf.key("alpha-2.0.0-py3-none-any.whl")) == wheel.read_bytes()


def test_the_last_version_can_be_removed_by_name_and_the_name_stays_held(shelf: Shelf) -> None:
    pruned(shelf, "beta:1.0.0")
    assert shelf.page("beta")["files"] == []
    assert shelf.kinds() == {}
    assert "beta/index.json" in shelf.contents()


def test_a_wheel_that_force_replaced_goes_with_its_version(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("beta", folder="other", files={"beta/__init__.py": "x = 1\n"}), force=True)
    pruned(shelf, "beta:1.0.0")
    assert [key for key in shelf.contents() if key.startswith("beta/")] == ["beta/index.json"]


def removed_ago(shelf: Shelf, **ago: float) -> None:
    """Let the tombstones of alpha be older."""
    then = (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    shelf.edit_page(
        "alpha", lambda page: [stone.update({"removed-at": then}) for stone in page["_pipper"]["removed"]]
    )


def test_a_version_that_came_back_in_part_goes_again_with_all_that_came_back(shelf: Shelf) -> None:
    before = set(shelf.contents())
    pure = shelf.wheel("alpha", "6.0.0")
    shelf.publish(pure, shelf.wheel("alpha", "6.0.0", tag="cp310-cp310-linux_x86_64"))
    assert pruned(shelf, "alpha:6.0.0").files == 5
    removed_ago(shelf, days=1)
    shelf.publish(pure)
    assert pruned(shelf, "alpha:6.0.0").files == 3
    assert set(shelf.contents()) == before
    assert len(shelf.page("alpha")["_pipper"]["removed"]) == 2
    assert shelf.kinds() == {}


def test_a_clock_that_is_behind_the_stores_leaves_nothing_of_what_was_just_published(shelf: Shelf) -> None:
    """Or a prune that began before the version was published, and came to it later."""
    before = set(shelf.contents())
    shelf.publish(shelf.wheel("alpha", "6.0.0"))
    outcome = pruned(shelf, "alpha:6.0.0", days=-3 / 1440)
    assert (gone(outcome), outcome.files) == (["6.0.0"], 3)
    assert set(shelf.contents()) == before
    assert shelf.kinds() == {}


def test_what_is_left_after_a_clock_that_was_behind_is_found_by_the_same_command_and_repair(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.publish(shelf.wheel("alpha", "6.0.0"))
    monkeypatch.setattr(remover.Remover, "sweep", lambda *_: remover.Removal())
    pruned(shelf, "alpha:6.0.0", days=-3 / 1440)
    monkeypatch.undo()
    assert shelf.kinds() == {"alpha/v6-0-0.pipper": "removed bundle"}
    assert pruned(shelf, "alpha:6.0.0").files == 3
    assert shelf.kinds() == {}


def test_a_wheel_that_is_uploaded_to_come_back_stays_and_a_bundle_does_not_come_before_its_page(
    shelf: Shelf,
) -> None:
    wheel, bundle = shelf.key("alpha-2.0.0-py3-none-any.whl"), "alpha/v2-0-0.pipper"
    bodies = {key: shelf.body(key) for key in (wheel, bundle)}
    pruned(shelf, "alpha:2.0.0")
    removed_ago(shelf, minutes=1)
    for key, body in bodies.items():
        shelf.put(key, body)
    assert pruned(shelf, keep=9).files == 0
    assert pruned(shelf, "alpha:2.0.0").files == 1
    assert wheel in shelf.contents()
    assert bundle not in shelf.contents()


def test_a_wheel_that_is_uploaded_to_come_back_stays_while_another_of_its_version_goes(shelf: Shelf) -> None:
    pure = shelf.wheel("alpha", "6.0.0")
    shelf.publish(pure, shelf.wheel("alpha", "6.0.0", tag="cp310-cp310-linux_x86_64"))
    native = shelf.key("alpha-6.0.0-cp310-cp310-linux_x86_64.whl")
    body = shelf.body(native)
    pruned(shelf, "alpha:6.0.0")
    removed_ago(shelf, minutes=1)
    shelf.publish(pure)
    shelf.put(native, body)
    assert pruned(shelf, "alpha:6.0.0").files == 3
    assert native in shelf.contents()


def test_a_name_limits_the_rules(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("beta", "2.0.0"))
    assert {each.name for each in pruned(shelf, "beta", keep=1).removed} == {"beta"}


@pytest.fixture
def legacy(tmp_path: Path) -> Shelf:
    """What 0.11.1 wrote."""
    made = Shelf(root=tmp_path)
    made.fill_legacy()
    return made


def test_a_bundle_of_0_x_goes_and_does_not_come_back(legacy: Shelf) -> None:
    key = "Acme_Base/v1-0-0.pipper"
    bundle = legacy.body(key)
    pruned(legacy, "acme-base:1.0.0")
    assert key not in legacy.contents()
    assert legacy.kinds() == {}
    legacy.put(key, bundle)  # 0.x publishes it again, a day later
    later = (datetime.now(UTC) + timedelta(days=1)).timestamp()
    os.utime(legacy.root / "repository" / key, (later, later))
    assert legacy.kinds() == {key: "conflict"}
    assert legacy.versions("acme-base") >= {"1.0.0", "1.1.0"}
    assert [finding.kind for finding in legacy.repair().left] == ["conflict"]
    assert legacy.contents().keys() >= {key}
    assert pruned(legacy, keep=9).files == 0
    assert legacy.contents().keys() >= {key}
    assert pruned(legacy, "acme-base:1.0.0").files == 1
    assert legacy.kinds() == {}


def test_a_damaged_bundle_goes_and_keeps_no_other_version_here(legacy: Shelf) -> None:
    key = "Acme_Base/v1-0-0.pipper"
    whole = legacy.body(key)
    legacy.put(key, flipped(whole, b"package.whl"))
    assert gone(pruned(legacy, "acme-base<2"), "acme-base") == ["1.1.0", "1.0.0"]
    assert legacy.contents().keys() & {key, "Acme_Base/v1-1-0.pipper"} == set()
    assert {stone["filename"] for stone in legacy.page("acme-base")["_pipper"]["removed"]} == {
        "acme_base-1.0.0-py3-none-any.whl",
        "acme_base-1.1.0-py3-none-any.whl",
    }
    assert legacy.kinds() == {}


def test_a_bundle_that_the_page_notes_and_that_is_gone_keeps_no_other_version_here(legacy: Shelf) -> None:
    key = "Acme_Base/v1-0-0.pipper"
    legacy.put(key, flipped(legacy.body(key), b"package.whl"))
    legacy.repair(to_format_2=True)
    assert [bundle["key"] for bundle in legacy.page("acme-base")["_pipper"]["bundles"]] == [key]
    legacy.drop(key)
    pruned(legacy, "acme-base<2")
    page = legacy.page("acme-base")
    assert (page["versions"], page["_pipper"].get("bundles", [])) == (["2.0.0rc1"], [])
    assert legacy.kinds() == {}


def test_a_prune_that_makes_a_new_page_keeps_all_wheels_but_the_removed_ones(legacy: Shelf) -> None:
    legacy.repair()
    wheels = {key for key in legacy.contents() if key.startswith("acme-base/") and key.endswith(".whl")}
    legacy.drop("acme-base/index.json")
    pruned(legacy, "acme-base:1.0.0")
    left = {key for key in legacy.contents() if key.startswith("acme-base/") and key.endswith(".whl")}
    assert [key.split("-")[2] for key in wheels - left] == ["1.0.0"]
    legacy.repair(days=2)
    assert left <= set(legacy.contents())
    assert legacy.kinds(days=9) == {}


def test_repair_finishes_what_an_interrupted_prune_left(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(shelf.contents())
    monkeypatch.setattr(remover.Remover, "sweep", lambda *_: remover.Removal())
    pruned(shelf, "alpha:2.0.0")
    monkeypatch.undo()
    assert set(shelf.contents()) == before
    assert shelf.kinds() == {"alpha/v2-0-0.pipper": "removed bundle"}
    outcome = shelf.repair(days=2)
    assert len(outcome.mends) == 3
    assert shelf.kinds(days=2) == {}
    assert "2.0.0" not in shelf.page("alpha")["versions"]
    assert len(before - set(shelf.contents())) == 3


def test_a_lost_page_does_not_bring_removed_files_back_while_its_tombstones_can_be_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remover.Remover, "sweep", lambda *_: remover.Removal())
    pruned(shelf, "alpha:2.0.0")
    monkeypatch.undo()
    shelf.edit_page("alpha", lambda page: page["files"][0].pop("hashes"))
    shelf.repair()
    assert "2.0.0" not in shelf.page("alpha")["versions"]


def before_deletion(shelf: Shelf, patch: pytest.MonkeyPatch, ending: str, act: Callable[[], object]) -> None:
    """Do something right before the first object with such a key is deleted."""
    kind = type(shelf.store)
    delete = kind.delete

    def delayed(self: Any, key: str) -> None:
        if key.endswith(ending):
            patch.undo()
            act()
        delete(self, key)

    patch.setattr(kind, "delete", delayed)


ENDINGS = pytest.mark.parametrize("ending", [".metadata", ".whl", ".pipper"])


@ENDINGS
def test_what_is_published_while_it_is_removed_is_stored_again(
    ending: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = shelf.wheel("alpha", "2.0.0")
    bundle = shelf.store.head("alpha/v2-0-0.pipper")
    before_deletion(shelf, monkeypatch, ending, lambda: shelf.publish(wheel))
    pruned(shelf, "alpha:2.0.0")
    assert shelf.body(shelf.key("alpha-2.0.0-py3-none-any.whl")) == wheel.read_bytes()
    found = shelf.store.head("alpha/v2-0-0.pipper")
    assert bundle
    assert found
    assert bundle.metadata["version"] == "2.0.0"
    assert (found.etag, found.metadata) == (bundle.etag, bundle.metadata)
    assert shelf.kinds() == {}


@ENDINGS
@pytest.mark.parametrize("end", [StoreError("no answer"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_prune_that_ends_in_the_middle_of_a_deletion_puts_the_object_back(
    end: BaseException, ending: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody publishes it in the meantime, and found it there."""
    page = shelf.body("alpha/index.json")
    kind = type(shelf.store)
    delete = kind.delete

    def ended(self: Any, key: str) -> None:
        delete(self, key)
        if key.endswith(ending):
            raise end

    monkeypatch.setattr(kind, "delete", ended)
    before = {key for key in shelf.contents() if key.endswith(ending)}
    with suppress(KeyboardInterrupt):
        request = PruneRequest(releases=("alpha:2.0.0",))
        assert prune(shelf.settings, request, now=datetime.now(UTC)).exit_code == 6
    monkeypatch.undo()
    assert {key for key in shelf.contents() if key.endswith(ending)} == before
    shelf.put("alpha/index.json", page)
    shelf.repair()
    assert shelf.versions("alpha") >= {"1.0.0", "2.0.0"}


def test_a_clock_that_is_ahead_of_the_stores_dates_no_removal_into_the_future(shelf: Shelf) -> None:
    pruned(shelf, "alpha:2.0.0", days=10 / 1440)
    (stone,) = shelf.page("alpha")["_pipper"]["removed"]
    assert datetime.fromisoformat(stone["removed-at"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert shelf.kinds() == {}


def test_what_0_x_publishes_after_a_prune_with_a_fast_clock_is_a_conflict_and_stays(legacy: Shelf) -> None:
    key = "Acme_Base/v1-0-0.pipper"
    bundle = legacy.body(key)
    pruned(legacy, "acme-base:1.0.0", days=10 / 1440)
    legacy.put(key, bundle)
    soon = (datetime.now(UTC) + timedelta(seconds=5)).timestamp()
    os.utime(legacy.root / "repository" / key, (soon, soon))
    assert [finding.kind for finding in legacy.repair().left] == ["conflict"]
    assert pruned(legacy, keep=9).files == 0
    assert key in legacy.contents()


@pytest.mark.parametrize(
    "strange", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "soon"]
)
def test_a_tombstone_with_a_strange_time_stops_no_command(strange: str, shelf: Shelf) -> None:
    pruned(shelf, "alpha:2.0.0")
    shelf.edit_page("alpha", lambda page: page["_pipper"]["removed"][0].update({"removed-at": strange}))
    shelf.put("alpha/v2-0-0.pipper", shelf.body("alpha/v1-0-0.pipper"))
    assert shelf.kinds().keys() == {"alpha/v2-0-0.pipper"}
    shelf.repair()
    pruned(shelf, keep=9)


def test_a_version_of_which_only_a_replaced_wheel_is_kept_can_be_removed(shelf: Shelf) -> None:
    """A copy of what an older lock holds leaves such a page."""
    shelf.publish(shelf.wheel("beta", folder="other", files=OTHER_BETA), force=True)
    replaced = shelf.page("beta")["_pipper"]["replaced"]
    shelf.edit_page("beta", lambda page: page.update({"files": [], "versions": []}))
    assert [str(each.version) for each in pruned(shelf, "beta:1.0.0").removed] == ["1.0.0"]
    assert [key for key in shelf.contents() if key.startswith("beta/")] == ["beta/index.json"]
    own = shelf.page("beta")["_pipper"]
    assert "replaced" not in own
    assert [f"{stone['sha256'][:16]}/{stone['filename']}" for stone in own["removed"]] == replaced
    assert pruned(shelf, "beta", keep=1).removed == ()


def test_a_new_wheel_that_another_one_published_and_removed_meanwhile_is_stored_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = shelf.wheel("alpha", "6.0.0")
    dump = pages.dump_page

    def overtaken(page: ProjectPage) -> bytes:
        monkeypatch.undo()
        shelf.publish(wheel)
        pruned(shelf, "alpha:6.0.0")
        return dump(page)

    monkeypatch.setattr(pages, "dump_page", overtaken)
    assert shelf.publish(wheel)[0].status == "published"
    assert "6.0.0" in shelf.versions("alpha")
    assert shelf.kinds() == {}


def test_a_wheel_that_comes_back_while_its_removal_is_finished_is_stored_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = shelf.wheel("alpha", "2.0.0")
    pruned(shelf, "alpha:2.0.0")
    dump = pages.dump_page

    def swept_before(page: ProjectPage) -> bytes:
        monkeypatch.undo()
        assert pruned(shelf, "alpha:2.0.0").files == 2, "the upload is of the same second as the removal"
        return dump(page)

    monkeypatch.setattr(pages, "dump_page", swept_before)
    shelf.edit_page(
        "alpha",
        lambda page: page["_pipper"]["removed"][0].update(
            {"removed-at": (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        ),
    )
    shelf.publish(wheel)
    assert shelf.kinds() == {}


def test_a_version_that_is_back_takes_new_wheels_and_its_removed_names_stay_taken(shelf: Shelf) -> None:
    pure = shelf.wheel("alpha", "6.0.0")
    native = shelf.wheel("alpha", "6.0.0", tag="cp310-cp310-linux_x86_64")
    shelf.publish(pure, native)
    pruned(shelf, "alpha:6.0.0")
    other = shelf.wheel("alpha", "6.0.0", folder="other", tag="cp310-cp310-linux_x86_64", files=OTHER)
    new = shelf.wheel("alpha", "6.0.0", tag="cp311-cp311-linux_x86_64")
    request = PublishRequest(paths=(new, other, pure))
    results = publish(shelf.settings, request, now=datetime.now(UTC))
    assert [result.status for result in results] == ["published", "failed", "published"]
    assert results[1].error
    assert "was removed" in results[1].error.message
    assert len([name for name in shelf.page("alpha")["files"] if "-6.0.0-" in name["filename"]]) == 2


def test_a_lock_holds_what_it_holds(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "2.0.0"), workspace.wheel("beta", "3.0.0"))
    done = workspace.run(
        "repository", "prune", "--keep", "1", "--lock", workspace.lock, "-b", workspace.url, "--json"
    )
    told = json.loads(done.stdout)
    assert [(each["name"], each["version"]) for each in told["removed"]] == [
        ("alpha", "1.0.0"),
        ("beta", "2.0.0"),
    ]
    assert [(each["name"], each["version"]) for each in told["kept"]] == [("beta", "1.0.0")]
    workspace.run("sync", "-t", workspace.root / "fresh")
    done = workspace.run(
        "repository", "prune", "beta:1.0.0", "--lock", workspace.lock, "-b", workspace.url, code=7
    )
    assert "beta 1.0.0 is held by" in done.stderr


def test_lock_and_sync_say_that_a_version_was_removed(workspace: Workspace) -> None:
    workspace.run("repository", "prune", "alpha:1.0.0", "--by", "Ann", "-b", workspace.url)
    workspace.write_manifest("alpha==1.0.0")
    done = workspace.run("lock", code=3)
    assert "it was removed 20" in done.stderr
    assert "by Ann" in done.stderr
    workspace.write_manifest("beta")
    workspace.run("lock")
    workspace.publish(workspace.wheel("beta", "2.0.0"))
    workspace.run("repository", "prune", "beta:1.0.0", "--by", "Ann", "-b", workspace.url)
    fresh = workspace.root / "fresh"
    cache = {"PIPPER_CACHE_DIR": str(workspace.root / "another-cache")}
    done = workspace.run("sync", "-t", fresh, env=cache, code=4)
    assert "locked object is missing" in done.stderr
    assert "it was removed 20" in done.stderr


def test_a_dry_run_tells_and_removes_nothing(workspace: Workspace) -> None:
    before = workspace.state()
    done = workspace.run("repository", "prune", "--keep", "1", "--dry-run", "-b", workspace.url)
    assert [line.split("(")[0] for line in done.stdout.splitlines()] == ["would remove alpha 1.0.0 "]
    workspace.compare(before)


@pytest.mark.parametrize(
    ("args", "subject"),
    [
        ((), "nothing says which"),
        (("alpha",), "nothing says which"),
        (("alpha", "beta:1.0.0"), "nothing says which"),
        (("alpha:9",), "alpha ==9 is not published"),
        (("nope:1",), "nope is not published"),
        (("alpha:1", "alpha:2"), "given twice"),
        (("alpha[x]:1",), "is not NAME"),
        (("--older-than", "soon"), "not a duration"),
        (("--keep", "0"), "--keep"),
        (("--keep", "1", "--lock", "nope.lock"), "does not exist"),
    ],
)
def test_what_says_nothing_clear_is_refused(
    args: tuple[str, ...], subject: str, workspace: Workspace
) -> None:
    workspace.refused("repository", "prune", *args, "-b", workspace.url, code=2, subject=subject)


def test_again_finishes_and_then_has_nothing_to_do(workspace: Workspace) -> None:
    words = ("repository", "prune", "alpha:1.0.0", "-b", workspace.url)
    assert "1 version removed, 3 objects" in workspace.run(*words).stderr
    before = workspace.state()
    assert "0 versions removed, 0 objects" in workspace.run(*words).stderr
    workspace.compare(before)


def test_a_prune_that_ends_at_any_request_is_finished_by_the_same_command(
    remote: Workspace, double: S3Double
) -> None:
    words = ("repository", "prune", "alpha:1.0.0", "-b", remote.url)

    def code(*args: str) -> int:
        return run_here(*args, cwd=remote.app, env=remote.environment).code

    with S3Double() as kept:
        kept.adopt(double)
    double.forget()
    assert code(*words) == 0
    count, after = len(double.seen), set(double.contents(remote.bucket))
    dead = Answer(status=403, code="AccessDenied")
    for number in range(1, count + 1):
        double.adopt(kept)
        double.forget()
        double.script(Rule(operation="*", fault=dead, nth=number, times=float("inf")))
        code(*words)
        double.forget()
        page = json.loads(double.body(remote.bucket, "pipper/alpha/index.json"))
        for file in page["files"]:
            assert f"pipper/alpha/{file['url']}" in double.contents(remote.bucket), number
        assert code(*words) == 0, number
        assert set(double.contents(remote.bucket)) == after, number
    assert code("repository", "check", "-b", remote.url) == 0


def test_without_the_permission_to_delete_the_versions_are_gone_and_the_rest_is_told(
    remote: Workspace, double: S3Double
) -> None:
    refused = Answer(status=403, code="AccessDenied")
    double.script(Rule(operation="DeleteObject", fault=refused, times=float("inf")))
    done = remote.run("repository", "prune", "alpha:1.0.0", "-b", remote.url, code=5)
    assert "error: " in done.stderr
    assert remote.run("repository", "check", "-b", remote.url, code=1).stdout.count("removed bundle") == 1


def test_two_copies_a_publish_and_a_prune_at_once_lose_nothing(shelf: Shelf) -> None:
    target = Shelf(root=shelf.root / "target", server=shelf.server, bucket=shelf.bucket)
    if shelf.server:
        target = Shelf(root=shelf.root / "target", server=shelf.server, bucket=shelf.server.fresh_bucket())
    target.root.mkdir()
    old, new = shelf.wheel("alpha", "0.1.0"), shelf.wheel("alpha", "6.0.0")
    target.publish(old)
    now = datetime.now(UTC)

    def copied(name: str) -> int:
        request = CopyRequest(source=shelf.url, target=target.url, names=(name,), every=True)
        return copy(shelf.settings, request, now=now).exit_code

    jobs = [
        lambda: copied("alpha"),
        lambda: copied("alpha"),
        lambda: publish(target.settings, PublishRequest(paths=(new,)), now=now)[0].error is not None,
        lambda: prune(target.settings, PruneRequest(releases=("alpha:0.1.0",)), now=now).exit_code,
    ]
    with ThreadPoolExecutor(4) as pool:
        assert [future.result() for future in [pool.submit(job) for job in jobs]] == [0, 0, False, 0]
    page = target.page("alpha")
    assert page["versions"] == ["1.0.0", "2.0.0", "3.0.0rc1", "3.0.0", "4.0.0", "5.0.0rc1", "6.0.0"]
    assert [each["filename"] for each in page["_pipper"]["removed"]] == ["alpha-0.1.0-py3-none-any.whl"]
    assert target.kinds() == {}
