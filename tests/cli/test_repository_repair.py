"""`pipper repository repair`: pages agree with what is there again, 0.x is taken in, and nothing published is lost."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from pipper.core.layout.page import ProjectPage
from pipper.core.ports import Blob
from pipper.errors import ConflictError, IntegrityError, ObjectChangedError, StoreError
from pipper.ops.repository import repair_project
from pipper.ops.repository.copy import CopyRequest, copy
from pipper.ops.repository.prune import PruneRequest, prune
from pipper.ops.repository.publish import PublishRequest, publish
from pipper.ops.repository.repair import repair
from pipper.repository import page_swap as pages
from pipper.repository import remover
from pipper.repository.copier import Copier
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.storage.directory.store import DirectoryStore
from pipper.wheels.bundle import write_bundle
from tests.invariants import Workspace
from tests.loopback import QuietHandler, served
from tests.s3_double import Answer, Rule, S3Double
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf
from tests.wheelhouse import make_wheel

OTHER = {"beta/__init__.py": "other = 1\n"}


@pytest.fixture(params=["directory", "bucket"])
def bare(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Endpoint) -> Shelf:
    """Nothing yet."""
    remote = request.param == "bucket"
    return Shelf(
        root=tmp_path, server=s3_server if remote else None, bucket=s3_server.fresh_bucket() if remote else ""
    )


@pytest.fixture
def shelf(bare: Shelf) -> Shelf:
    """alpha 1.0.0 and 2.0.0 and beta 1.0.0, published."""
    bare.publish(bare.wheel("alpha", "1.0.0"), bare.wheel("alpha", "2.0.0"), bare.wheel("beta"))
    return bare


@pytest.fixture
def legacy(bare: Shelf) -> Shelf:
    """What 0.11.1 wrote."""
    bare.fill_legacy()
    return bare


def test_a_sound_repository_is_left_as_it_is(shelf: Shelf) -> None:
    before = shelf.contents()
    outcome = shelf.repair(days=2)
    assert (outcome.mends, outcome.left, outcome.exit_code) == ((), (), 0)
    assert shelf.contents() == before


def test_a_lost_page_is_made_anew_from_the_wheels_there(shelf: Shelf) -> None:
    before = shelf.page("alpha")
    shelf.drop("alpha/index.json")
    assert shelf.versions("alpha") == set()
    shelf.repair()
    after = shelf.page("alpha")
    for page in (before, after):
        for file in page["files"]:
            file.pop("upload-time")
            file["_pipper"].pop("published-with", None)  # nothing but the page knows it
    assert after == before
    assert shelf.kinds() == {}


def test_a_broken_page_keeps_every_entry_that_can_be_read(shelf: Shelf) -> None:
    shelf.yank("alpha:1.0.0", reason="bad")
    before = shelf.page("alpha")
    shelf.edit_page("alpha", lambda page: page["files"][1].pop("hashes"))
    assert shelf.kinds() == {"alpha/index.json": "broken page"}
    shelf.repair()
    after = shelf.page("alpha")
    assert after["files"][0] == before["files"][0]
    assert [file["filename"] for file in after["files"]] == [file["filename"] for file in before["files"]]
    assert shelf.kinds() == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"files": 3, "_pipper": []}', b"null"])
def test_a_page_that_is_no_page_at_all_is_made_anew(body: bytes, shelf: Shelf) -> None:
    shelf.put("beta/index.json", body)
    shelf.repair()
    assert shelf.versions("beta") == {"1.0.0"}
    assert shelf.kinds() == {}


def test_a_page_of_a_newer_pipper_is_left_alone(shelf: Shelf) -> None:
    shelf.edit_page("beta", lambda page: page["meta"].update({"api-version": "2.0"}))
    before = shelf.contents()
    outcome = repair(shelf.settings, now=datetime.now(UTC) + timedelta(days=9))
    assert ["upgrade pipper" in error.hint for error in outcome.errors] == [True]
    assert (outcome.exit_code, outcome.mends) == (4, ())
    assert shelf.contents() == before


def test_dependencies_of_0_x_survive_the_loss_of_the_page(legacy: Shelf) -> None:
    legacy.repair()
    before = legacy.page("acme-top")
    legacy.drop("acme-top/index.json")
    legacy.repair()
    assert [file["_pipper"] for file in legacy.page("acme-top")["files"]] == [
        file["_pipper"] for file in before["files"]
    ]


def test_S13_a_missing_wheel_comes_back_from_its_bundle(shelf: Shelf) -> None:
    before = shelf.contents()
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.drop(key)
    shelf.drop(key + ".metadata")
    outcome = shelf.repair()
    assert [mend.subject for mend in outcome.mends] == [key]
    assert set(shelf.contents()) == set(before)
    assert hashlib.sha256(shelf.body(key)).hexdigest().startswith(key.split("/")[1])
    assert shelf.kinds() == {}


def test_S13_a_wheel_without_a_copy_is_taken_off_the_page(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("gamma", "1.0", tag="cp311-cp311-linux_x86_64"), shelf.wheel("gamma", "2.0"))
    key = shelf.key("gamma-1.0-cp311-cp311-linux_x86_64.whl")
    shelf.drop(key)
    outcome = shelf.repair()
    assert ("removed from the page" in outcome.mends[0].text, outcome.mends[0].subject) == (True, key)
    assert shelf.versions("gamma") == {"2.0"}
    assert shelf.kinds() == {}
    shelf.publish(shelf.wheel("gamma", "1.0", tag="cp311-cp311-linux_x86_64"))
    assert shelf.versions("gamma") == {"1.0", "2.0"}


def test_a_damaged_wheel_comes_back_from_its_bundle(shelf: Shelf) -> None:
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.put(key, b"x" * len(shelf.body(key)))
    shelf.repair()
    assert shelf.kinds() == {}
    assert hashlib.sha256(shelf.body(key)).hexdigest().startswith(key.split("/")[1])


def test_entries_and_metadata_are_set_to_what_the_wheel_says(shelf: Shelf) -> None:
    before = shelf.contents()
    shelf.drop(shelf.key("beta-1.0.0-py3-none-any.whl.metadata"))
    shelf.put(shelf.key("alpha-2.0.0-py3-none-any.whl.metadata"), b"lies")
    shelf.edit_page("beta", lambda page: page["files"][0].update({"size": 1}))
    shelf.repair()
    assert shelf.kinds() == {}
    assert set(shelf.contents()) == set(before)


def test_a_wheel_that_comes_back_has_its_entry_corrected_in_the_same_repair(shelf: Shelf) -> None:
    page = shelf.body("beta/index.json")
    shelf.drop(shelf.key("beta-1.0.0-py3-none-any.whl"))
    shelf.edit_page("beta", lambda page: page["files"][0].update({"size": 1}))
    assert [mend.text for mend in shelf.repair().mends] == [
        "restored the wheel from the bundle of the same version",
        "corrected size on the page to that of the wheel",
    ]
    assert shelf.body("beta/index.json") == page
    assert shelf.kinds() == {}


def test_unnamed_objects_go_once_they_are_older_than_a_day(shelf: Shelf, tmp_path: Path) -> None:
    key = "alpha/0123456789abcdef/alpha-3.0.0-py3-none-any.whl"
    before = shelf.contents()
    shelf.put(key, make_wheel(tmp_path / "x", "alpha", "3.0.0").read_bytes())
    shelf.put(key + ".metadata", b"x")
    assert shelf.repair(days=0.9).mends == ()
    assert {key, key + ".metadata"} <= set(shelf.contents())
    assert [mend.subject for mend in shelf.repair(days=1.1).mends] == [key + ".metadata", key]
    assert shelf.contents() == before


def test_a_wheel_that_force_replaced_is_never_swept(shelf: Shelf) -> None:
    old = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.publish(shelf.wheel("beta", folder="other", files=OTHER), force=True)
    shelf.repair(days=9)
    assert {old, old + ".metadata"} <= set(shelf.contents())
    shelf.drop("beta/index.json")
    shelf.repair(days=9)
    assert old in shelf.contents()
    assert len(shelf.page("beta")["files"]) == 1


def test_a_replaced_wheel_is_restored_from_a_bundle_or_forgotten(shelf: Shelf) -> None:
    old, bundle = shelf.key("beta-1.0.0-py3-none-any.whl"), shelf.body("beta/v1-0-0.pipper")
    wheel = shelf.body(old)
    shelf.publish(shelf.wheel("beta", folder="other", files=OTHER), force=True)
    new = shelf.body("beta/v1-0-0.pipper")
    shelf.put("beta/v1-0-0.pipper", bundle)
    shelf.drop(old)
    assert [mend.subject for mend in shelf.repair().mends] == [old]
    assert shelf.body(old) == wheel
    shelf.put("beta/v1-0-0.pipper", new)
    shelf.drop(old)
    assert [mend.subject for mend in shelf.repair().mends] == [old]
    assert shelf.kinds() == {}
    assert len(shelf.page("beta")["files"]) == 1


def test_a_lost_page_comes_back_with_the_wheel_that_was_published_last(shelf: Shelf) -> None:
    first = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.publish(shelf.wheel("beta", folder="other", files=OTHER), force=True)
    shelf.publish(shelf.wheel("beta"), force=True)
    before = shelf.page("beta")["files"][0]["url"], shelf.page("beta")["_pipper"]["replaced"]
    assert first == f"beta/{before[0]}"
    shelf.drop("beta/index.json")
    shelf.repair()
    assert (shelf.page("beta")["files"][0]["url"], shelf.page("beta")["_pipper"]["replaced"]) == before


def bundle_with_needs(shelf: Shelf, version: str = "1.0.0") -> Path:
    """A bundle of delta that asks for beta, which its wheel does not say."""
    wheel = shelf.wheel("delta", version)
    needs = {"dependencies": ["beta"]}
    return write_bundle(wheel, filename=wheel.name, output=shelf.root, manifest=needs)


def break_off(shelf: Shelf, act: Callable[[], object]) -> None:
    """Do something that a lost machine ends before it writes the page of delta."""
    with pytest.MonkeyPatch.context() as patch:
        refused = StoreError("the machine is lost")
        create = type(shelf.store).create

        def until_the_page(self: Any, key: str, *args: Any, **how: Any) -> str:
            if key == "delta/index.json":
                raise refused
            return create(self, key, *args, **how)

        patch.setattr(type(shelf.store), "create", until_the_page)
        act()


def try_to_publish(shelf: Shelf, *paths: Path) -> None:
    publish(shelf.settings, PublishRequest(paths=paths), now=datetime.now(UTC))


def test_a_first_publish_that_broke_off_is_left_to_its_publisher_for_a_day(shelf: Shelf) -> None:
    bundle = bundle_with_needs(shelf)
    break_off(shelf, lambda: try_to_publish(shelf, bundle))
    before = shelf.contents()
    assert shelf.kinds(days=0.9) == {}
    notes = {finding.subject: finding.kind for finding in shelf.check().findings}
    wheel = shelf.key("delta-1.0.0-py3-none-any.whl")
    assert notes == {wheel: "recent object", wheel + ".metadata": "recent object"}
    assert shelf.repair(days=0.9).mends == ()
    assert shelf.contents() == before
    shelf.publish(bundle)
    (entry,) = shelf.page("delta")["files"]
    assert (entry["_pipper"]["dependencies"], "published-with" in entry["_pipper"]) == (["beta"], True)
    assert shelf.kinds() == {}


def test_a_repair_while_a_first_publish_runs_takes_nothing_from_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_with_needs(shelf)
    dump = pages.dump_page
    told: list[object] = []

    def repaired_before(page: ProjectPage) -> bytes:
        monkeypatch.undo()
        told.append(shelf.repair().mends)
        return dump(page)

    monkeypatch.setattr(pages, "dump_page", repaired_before)
    assert [result.status for result in shelf.publish(bundle)] == ["published"]
    assert told == [()]
    assert shelf.page("delta")["files"][0]["_pipper"]["dependencies"] == ["beta"]


def test_a_first_copy_that_broke_off_is_completed_by_the_same_command_after_a_repair(
    shelf: Shelf, tmp_path: Path
) -> None:
    origin = Shelf(root=tmp_path / "origin")
    origin.publish(bundle_with_needs(origin))
    origin.edit_page("delta", lambda page: page["files"][0].update({"upload-time": "2020-02-02T00:00:00Z"}))
    request = CopyRequest(source=origin.url, target=shelf.url, names=("delta",))

    def copied() -> list[str]:
        return [file.status for file in copy(shelf.settings, request, now=datetime.now(UTC)).files]

    break_off(shelf, copied)
    assert shelf.repair().mends == ()
    assert copied() == ["copied"]
    (entry,) = shelf.page("delta")["files"]
    assert (entry["upload-time"], entry["_pipper"]["origin"]["source"]) == (
        "2020-02-02T00:00:00Z",
        "repository",
    )
    assert entry["_pipper"]["dependencies"] == ["beta"]


def native(shelf: Shelf, version: str) -> Path:
    """A wheel that no bundle has."""
    return shelf.wheel("gamma", version, tag="cp311-cp311-linux_x86_64")


def test_a_lost_page_of_new_wheels_that_no_bundle_has_comes_back_after_a_day(shelf: Shelf) -> None:
    shelf.publish(native(shelf, "1.0.0"), native(shelf, "2.0.0"))
    shelf.drop("gamma/index.json")
    outcome = shelf.repair(days=0.9)
    assert (outcome.mends, outcome.exit_code) == ((), 1)
    (finding,) = outcome.left
    assert (finding.kind, finding.subject) == ("missing page", "gamma/index.json")
    assert "a day after the first upload (20" in finding.text
    assert shelf.kinds(days=1.1) == {"gamma/index.json": "missing page"}
    shelf.repair(days=1.1)
    assert shelf.versions("gamma") == {"1.0.0", "2.0.0"}
    assert shelf.kinds(days=9) == {}


def test_a_lost_page_comes_back_at_once_with_its_newest_wheels_if_one_is_old_or_in_a_bundle(
    tmp_path: Path,
) -> None:
    shelf = Shelf(root=tmp_path)
    shelf.publish(native(shelf, "1.0.0"), shelf.wheel("beta", "1.0.0"))
    shelf.publish(native(shelf, "2.0.0"), shelf.wheel("beta", "2.0", tag="py3-none-win32"))
    week_ago = (datetime.now(UTC) - timedelta(days=7)).timestamp()
    os.utime(tmp_path / "repository" / shelf.key("gamma-1.0.0-cp311-cp311-linux_x86_64.whl"), (week_ago,) * 2)
    shelf.drop("gamma/index.json")
    shelf.drop("beta/index.json")
    assert shelf.kinds() == {"gamma/index.json": "missing page", "beta/index.json": "missing page"}
    shelf.repair()
    assert shelf.versions("gamma") == {"1.0.0", "2.0.0"}
    assert shelf.versions("beta") == {"1.0.0", "2.0"}
    assert shelf.kinds(days=9) == {}


@pytest.mark.parametrize("way", ["publish", "copy", "copy of the index"])
def test_a_publish_beside_wheels_of_a_lost_page_keeps_them_for_the_locks_that_hold_them(
    way: str, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = native(shelf, "1.0.0"), native(shelf, "2.0.0")
    shelf.publish(old)
    wheel = shelf.key(old.name)
    shelf.drop("gamma/index.json")
    if way == "publish":
        shelf.publish(new)
    elif way == "copy":
        origin = Shelf(root=shelf.root / "origin")
        origin.publish(native(origin, "2.0.0"))
        request = CopyRequest(source=origin.url, target=shelf.url, names=("gamma",))
        assert copy(shelf.settings, request, now=datetime.now(UTC)).exit_code == 0
    else:
        target = Repository(shelf.store, "acme")
        publisher = Publisher(target, now=datetime.now(UTC))
        Copier(target, publisher, shelf.root, restores=True).begin_mirror(canonicalize_name("gamma"))
    assert shelf.repair(days=2).mends == ()
    assert {wheel, wheel + ".metadata"} <= set(shelf.contents())
    assert "1.0.0" not in shelf.versions("gamma")
    shelf.publish(old)
    assert "1.0.0" in shelf.versions("gamma")
    assert "replaced" not in shelf.page("gamma")["_pipper"]
    assert shelf.kinds(days=9) == {}


def test_a_publish_beside_wheels_of_a_lost_page_tells_of_them(empty: Workspace) -> None:
    old, new = (empty.wheel("gamma", version, tag="cp311-cp311-linux_x86_64") for version in ("1.0", "2.0"))
    empty.publish(old)
    (empty.repository / "gamma" / "index.json").unlink()
    told = empty.run("publish", new, "-b", empty.url).stderr
    assert "gamma/index.json is new, and 1 other wheel of gamma was there before: " + old.name in told
    told = empty.run("publish", new, "-b", empty.url).stderr
    assert "is new" not in told


def test_format_2_waits_for_no_first_publish_because_only_pages_count_there(legacy: Shelf) -> None:
    wheel = legacy.wheel("acme-top", "9.0.0")
    body = wheel.read_bytes()
    legacy.put(f"acme-top/{hashlib.sha256(body).hexdigest()[:16]}/{wheel.name}", body)
    legacy.repair()
    assert "acme-top/index.json" not in legacy.contents()
    assert legacy.versions("acme-top") == {"1.0.0+build.5", "1.2.0"}
    legacy.repair(to_format_2=True)
    assert legacy.versions("acme-top") == {"1.0.0+build.5", "1.2.0", "9.0.0"}
    assert legacy.kinds(days=9) == {}


def test_a_page_that_is_made_anew_has_the_upload_times_of_unpacked_bundles(tmp_path: Path) -> None:
    legacy = Shelf(root=tmp_path)
    legacy.fill_legacy()
    key = tmp_path / "repository" / "acme-top" / "v1-2-0.pipper"
    week_ago = (datetime.now(UTC) - timedelta(days=7)).timestamp()
    os.utime(key, (week_ago, week_ago))
    legacy.repair()
    before = [file["upload-time"] for file in legacy.page("acme-top")["files"]]
    legacy.drop("acme-top/index.json")
    legacy.repair()
    assert [file["upload-time"] for file in legacy.page("acme-top")["files"]] == before


def test_a_bundle_that_is_published_again_while_it_is_removed_is_put_back_as_it_was(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publish that brings the version back finds the bundle there, right before it goes."""
    page, bundle = shelf.body("beta/index.json"), shelf.store.head("beta/v1-0-0.pipper")
    monkeypatch.setattr(remover.Remover, "sweep", lambda *_: remover.Removal())
    prune(shelf.settings, PruneRequest(releases=("beta:1.0.0",)), now=datetime.now(UTC))
    assert shelf.kinds() == {"beta/v1-0-0.pipper": "removed bundle"}
    kind = type(shelf.store)
    delete = kind.delete

    def interrupted(self: Any, wanted: str) -> None:
        shelf.put("beta/index.json", page)
        delete(self, wanted)

    monkeypatch.setattr(kind, "delete", interrupted)
    assert shelf.repair().mends == ()
    found = shelf.store.head("beta/v1-0-0.pipper")
    assert bundle
    assert found
    assert bundle.metadata["version"] == "1.0.0"
    assert (found.etag, found.metadata) == (bundle.etag, bundle.metadata)
    assert shelf.kinds() == {}


def test_what_is_not_pippers_is_never_touched(shelf: Shelf) -> None:
    strange = ("notes.txt", "alpha/notes.txt", "Alpha/0123456789abcdef/x.whl", "alpha/latest.pipper")
    for key in strange:
        shelf.put(key, b"mine")
    shelf.repair(days=99, to_format_2=True)
    assert [shelf.body(key) for key in strange] == [b"mine"] * len(strange)


def test_what_0_x_published_is_taken_in_and_its_keys_stay(legacy: Shelf) -> None:
    before = legacy.contents()
    outcome = legacy.repair()
    assert (len(outcome.mends), outcome.left, outcome.layout_format) == (5, (), 1)
    after = legacy.contents()
    assert {key: etag for key, etag in after.items() if key in before} == before
    assert legacy.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}
    assert legacy.versions("acme-top") == {"1.0.0+build.5", "1.2.0"}
    files = {file["filename"]: file for file in legacy.page("acme-top")["files"]}
    assert files["acme_top-1.2.0-py3-none-any.whl"]["_pipper"]["dependencies"] == ["Acme_Base"]
    assert files["acme_top-1.0.0+build.5-py3-none-any.whl"]["_pipper"]["dependencies"] == [
        "Acme_Base:>=1.0.0"
    ]
    assert legacy.kinds() == {}
    assert legacy.repair(days=9).mends == ()


def test_a_dry_run_tells_the_same_and_writes_nothing(legacy: Shelf) -> None:
    before = legacy.contents()
    told = legacy.repair(to_format_2=True, dry_run=True)
    assert legacy.contents() == before
    assert legacy.repair(to_format_2=True) == told
    assert legacy.contents() != before


def test_format_2_is_written_once_everything_is_on_pages(legacy: Shelf) -> None:
    outcome = legacy.repair(to_format_2=True)
    assert outcome.layout_format == 2
    assert json.loads(legacy.body("pipper-repository.json")) == {"format": 2}
    assert legacy.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}
    assert legacy.kinds() == {}
    assert legacy.repair(to_format_2=True).mends == ()


def test_what_is_removed_while_its_bundle_is_unpacked_stays_removed(
    legacy: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = repair_project.swap_page

    def removed_before(repository: Any, name: str, *args: Any, **options: Any) -> Any:
        if name == "acme-base":
            monkeypatch.undo()
            request = PruneRequest(releases=("acme-base:1.0.0",))
            assert prune(legacy.settings, request, now=datetime.now(UTC)).exit_code == 0
        return swap(repository, name, *args, **options)

    monkeypatch.setattr(repair_project, "swap_page", removed_before)
    outcome = legacy.repair()
    assert not [mend for mend in outcome.mends if mend.subject.endswith("Base/v1-0-0.pipper")]
    assert "1.0.0" not in legacy.page("acme-base")["versions"]
    (stone,) = legacy.page("acme-base")["_pipper"]["removed"]
    assert stone["filename"].startswith("acme_base-1.0.0-")
    assert legacy.kinds(days=0.5) == {}


def before_page_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Act once, before the next page is written."""
    dump = pages.dump_page

    def acted_before(page: ProjectPage) -> bytes:
        monkeypatch.undo()
        act()
        return dump(page)

    monkeypatch.setattr(pages, "dump_page", acted_before)


def with_wrong_size(shelf: Shelf, name: str) -> None:
    shelf.edit_page(name, lambda page: page["files"][0].update(size=1))


def test_a_yank_while_an_entry_is_corrected_stays(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with_wrong_size(shelf, "beta")
    before_page_write(monkeypatch, lambda: shelf.yank("beta:1.0.0", reason="loses data"))
    (mend,) = shelf.repair().mends
    assert "corrected size on the page" in mend.text
    assert shelf.page("beta")["files"][0]["yanked"] == "loses data"
    assert shelf.kinds() == {}


def test_dependencies_that_force_changes_while_an_entry_is_corrected_stay(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_wrong_size(shelf, "beta")
    bundle = write_bundle(
        shelf.wheel("beta"),
        filename="beta-1.0.0-py3-none-any.whl",
        output=shelf.root,
        manifest={"dependencies": ["alpha"]},
    )
    before_page_write(monkeypatch, lambda: shelf.publish(bundle, force=True))
    shelf.repair()
    assert shelf.page("beta")["files"][0]["_pipper"]["dependencies"] == ["alpha"]
    assert shelf.kinds() == {}


def test_another_wheel_of_a_removed_version_stays_in_the_store_when_a_damaged_page_is_made_anew(
    shelf: Shelf,
) -> None:
    prune(shelf.settings, PruneRequest(releases=("beta:1.0.0",)), now=datetime.now(UTC))
    other = Shelf(root=shelf.root / "other")
    other.publish(other.wheel("beta", "1.0.0", files=OTHER))
    key = other.key("beta-1.0.0-py3-none-any.whl")
    for each in (key, key + ".metadata"):
        shelf.put(each, other.body(each))
    shelf.edit_page("beta", lambda page: page.pop("meta"))
    shelf.repair()
    assert shelf.page("beta")["files"] == []
    assert key in shelf.contents()
    assert shelf.kinds(days=9) == {}


def test_metadata_of_a_replaced_wheel_is_mended(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("beta", folder="other", files=OTHER), force=True)
    (url,) = shelf.page("beta")["_pipper"]["replaced"]
    before = shelf.body(f"beta/{url}.metadata")
    for harm in (shelf.drop, lambda key: shelf.put(key, b"something else")):
        harm(f"beta/{url}.metadata")
        assert shelf.kinds() == {f"beta/{url}.metadata": "wrong metadata"}
        assert [mend.subject for mend in shelf.repair().mends] == [f"beta/{url}.metadata"]
        assert shelf.body(f"beta/{url}.metadata") == before
    assert shelf.kinds() == {}


def test_what_0_x_publishes_into_format_2_is_taken_in_by_the_next_repair(shelf: Shelf) -> None:
    other = Shelf(root=shelf.root / "legacy")
    other.fill_legacy()
    shelf.put("acme-top/v1-2-0.pipper", other.body("acme-top/v1-2-0.pipper"))
    assert shelf.versions("acme-top") == set()
    shelf.repair()
    assert shelf.versions("acme-top") == {"1.2.0"}


def test_a_bundle_that_cannot_be_unpacked_is_left_and_told(legacy: Shelf) -> None:
    body = bytearray(legacy.body("acme-top/v1-2-0.pipper"))
    body[200] ^= 1
    legacy.put("acme-top/v1-2-0.pipper", bytes(body))
    outcome = legacy.repair(to_format_2=True)
    assert [(finding.kind, finding.subject) for finding in outcome.left] == [
        ("damaged bundle", "acme-top/v1-2-0.pipper")
    ]
    assert outcome.exit_code == 1
    assert legacy.body("acme-top/v1-2-0.pipper") == bytes(body)
    assert "1.0.0+build.5" in legacy.versions("acme-top")


def test_a_bundle_with_other_bytes_than_published_is_left_to_a_person(shelf: Shelf) -> None:
    other = Shelf(root=shelf.root / "other")
    other.publish(other.wheel("beta", files=OTHER))
    shelf.put("beta/v1-0-0.pipper", other.body("beta/v1-0-0.pipper"))
    before = shelf.contents()
    outcome = shelf.repair(days=9)
    assert [finding.kind for finding in outcome.left] == ["conflict"]
    assert shelf.contents() == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"format": "x"}', b'{"format": 0}'])
def test_a_damaged_marker_is_written_anew_as_format_2_where_pages_name_everything(
    body: bytes, shelf: Shelf
) -> None:
    shelf.put("pipper-repository.json", body)
    shelf.repair()
    assert json.loads(shelf.body("pipper-repository.json")) == {"format": 2}
    assert shelf.kinds() == {}


def test_a_damaged_marker_is_written_anew_as_format_1_where_0_x_published_and_that_is_said(
    legacy: Shelf,
) -> None:
    legacy.put("pipper-repository.json", b"{")
    outcome = legacy.repair()
    assert json.loads(legacy.body("pipper-repository.json")) == {"format": 1}
    assert outcome.mends[0].subject == "pipper-repository.json"
    assert "format 1" in outcome.mends[0].text
    assert "is on no page" in outcome.mends[0].text


def test_a_marker_of_a_newer_pipper_is_left_alone(shelf: Shelf) -> None:
    shelf.put("pipper-repository.json", b'{"format": 3}')
    with pytest.raises(IntegrityError, match="format 3"):
        shelf.repair(to_format_2=True)
    assert shelf.body("pipper-repository.json") == b'{"format": 3}'


def test_S15_nothing_is_mended_in_a_store_that_ignores_conditions(
    s3_double: S3Double, tmp_path: Path
) -> None:
    shelf = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    shelf.fill_legacy()
    s3_double.conditions = False
    with pytest.raises(StoreError, match="conditional writes"):
        shelf.repair()
    assert not [key for key in shelf.contents() if key.endswith((".whl", "index.json"))]


def test_two_repairs_at_once_are_safe(legacy: Shelf) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: legacy.repair(days=9, to_format_2=True), range(4)))
    assert legacy.kinds(days=9) == {}
    assert legacy.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}
    assert json.loads(legacy.body("pipper-repository.json")) == {"format": 2}


def test_an_object_that_is_named_while_it_is_swept_is_put_back(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that finds its wheel from an earlier, broken run writes the page right before the deletion."""
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    page = shelf.body("beta/index.json")
    shelf.edit_page("beta", lambda document: document.update({"files": [], "versions": []}))
    shelf.drop("beta/v1-0-0.pipper")
    kind = type(shelf.store)
    delete = kind.delete

    def interrupted(self: Any, wanted: str) -> None:
        shelf.put("beta/index.json", page)
        delete(self, wanted)

    monkeypatch.setattr(kind, "delete", interrupted)
    shelf.repair(days=2)
    assert key in shelf.contents()
    assert shelf.kinds() == {}


def test_a_publisher_whose_old_upload_is_swept_meanwhile_uploads_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.edit_page("beta", lambda document: document.update({"files": [], "versions": []}))
    dump = pages.dump_page

    def swept_before(page: ProjectPage) -> bytes:
        if key in shelf.contents():
            shelf.drop(key)
            shelf.drop(key + ".metadata")
        return dump(page)

    monkeypatch.setattr(pages, "dump_page", swept_before)
    shelf.publish(shelf.wheel("beta"))
    monkeypatch.undo()
    assert shelf.kinds() == {}


def test_a_page_that_others_keep_changing_is_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(root=tmp_path)
    shelf.publish(shelf.wheel("beta"))

    def beaten(*_: object, **__: object) -> str:
        raise ObjectChangedError("somebody was quicker")

    monkeypatch.setattr(DirectoryStore, "replace", beaten)
    with pytest.raises(ConflictError, match=r"cannot write .*/beta/index.json") as caught:
        shelf.yank("beta:1.0.0")
    assert "other writers changed it" in caught.value.cause


def test_a_repair_writes_each_page_once_and_deletes_nothing(s3_double: S3Double, tmp_path: Path) -> None:
    shelf = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    shelf.fill_legacy()
    s3_double.forget()
    shelf.repair()
    assert s3_double.count("PutObject", "*/index.json") == 2
    assert s3_double.count("DeleteObject") == 0


@contextmanager
def simple_index(folder: Path) -> Iterator[str]:
    """Serve a directory repository as a web server would: pages as PEP 691, everything else as it is."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            path = folder / self.path.strip("/")
            page = path / "index.json"
            found = page if page.is_file() else path
            if not found.is_file():
                self.send_error(404)
                return
            body = found.read_bytes()
            self.send_response(200)
            kind = "application/vnd.pypi.simple.v1+json" if found is page else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with served(Handler) as server:
        yield f"{server.url}/"


@pytest.mark.parametrize("harm", ["drop", "put"])
def test_a_restored_wheel_that_the_store_refuses_is_not_told_as_restored(
    harm: str, s3_double: S3Double, tmp_path: Path
) -> None:
    shelf = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    shelf.publish(shelf.wheel("beta"))
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    wheel = shelf.body(key)
    shelf.drop(key) if harm == "drop" else shelf.put(key, b"damaged")
    refusal = Answer(status=412, code="PreconditionFailed")
    s3_double.script(Rule(operation="PutObject", key=f"*{key}", fault=refusal, times=2))
    assert repair(shelf.settings, now=datetime.now(UTC)).exit_code == 7
    s3_double.forget()
    assert [mend.subject for mend in shelf.repair().mends] == [key]
    assert shelf.body(key) == wheel


@pytest.mark.parametrize(
    ("operation", "key"),
    [("PutObject", "*acme_base-1.0.0-py3-none-any.whl"), ("GetObject", "*Acme_Base/v1-0-0.pipper")],
)
def test_a_false_404_leaves_no_bundle_out_of_format_2(
    operation: str, key: str, s3_double: S3Double, tmp_path: Path
) -> None:
    shelf = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    shelf.fill_legacy()
    s3_double.script(Rule(operation=operation, key=key, fault=Answer(status=404, code="NoSuchKey")))
    outcome = repair(shelf.settings, to_format_2=True, now=datetime.now(UTC))
    assert (outcome.exit_code, outcome.layout_format) == (6, 1)
    assert shelf.repair(to_format_2=True).layout_format == 2
    assert shelf.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}


def test_pip_can_have_what_0_x_published(tmp_path: Path) -> None:
    shelf = Shelf(root=tmp_path)
    shelf.fill_legacy()
    shelf.repair()
    with simple_index(tmp_path / "repository") as url:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--isolated",
            "-q",
            "--no-cache-dir",
            "--index-url",
            url,
        ]
        done = subprocess.run(
            [*command, "-d", str(tmp_path / "got"), "acme-top==1.2.0"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    got = {path.name for path in (tmp_path / "got").iterdir()}
    assert got == {"acme_top-1.2.0-py3-none-any.whl", "acme_base-1.1.0-py3-none-any.whl"}


def test_the_command_tells_each_mend(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.run("repository", "repair", "-b", empty.url)
    assert done.stdout == f"{empty.repository.as_uri()}: format 2, nothing to repair\n"
    (page,) = empty.repository.glob("alpha/index.json")
    page.unlink()
    dry = empty.run("repository", "repair", "--dry-run", "-b", empty.url)
    assert not page.exists()
    done = empty.run("repository", "repair", "-b", empty.url)
    assert done.stdout.splitlines()[:-1] == dry.stdout.splitlines()[:-1]
    assert dry.stdout.endswith("format 2, 1 repair to make; this was a dry run\n")
    assert done.stdout.endswith("format 2, 1 repaired\n")
    assert done.stdout.startswith(
        "alpha/index.json: the page did not exist, yanks are lost: recreated it with 1 wheel\n"
    )
    document = json.loads(empty.run("repository", "repair", "-b", empty.url, "--json").stdout)
    assert document == {
        "location": empty.repository.as_uri(), "format": 2, "mends": [], "left": [], "errors": [],
    }  # fmt: skip


def test_a_page_that_is_older_than_the_listing_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache between may answer with the page as it was: that needs no repair, the present one does."""
    shelf = Shelf(root=tmp_path)
    shelf.publish(shelf.wheel("alpha", "1.0.0"))
    older = [shelf.store.read("alpha/index.json")]
    shelf.publish(shelf.wheel("alpha", "2.0.0"))
    shelf.drop(shelf.key("alpha-2.0.0-py3-none-any.whl"))
    read = DirectoryStore.read

    def once_older(store: DirectoryStore, key: str) -> Blob:
        return older.pop() if key == "alpha/index.json" and older else read(store, key)

    monkeypatch.setattr(DirectoryStore, "read", once_older)
    outcome = shelf.repair()
    assert not older
    assert any("alpha-2.0.0" in each.subject for each in (*outcome.mends, *outcome.left))
