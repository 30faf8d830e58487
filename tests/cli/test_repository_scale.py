"""Commands on whole repositories read and check each thing once, however many there are."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipper.core.layout.keys import MARKER_KEY
from pipper.ops.repository.site import make_site
from pipper.repository import survey
from pipper.storage.directory.store import DirectoryStore
from tests.s3_double import S3Double
from tests.shelf import Shelf

MARKER = f"pipper/{MARKER_KEY}"
"""Written and read by what finds out whether the store honours conditions."""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(root=tmp_path)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], Counter[str]]:
    """Count the calls of a function by its name."""
    calls: Counter[str] = Counter()

    def count(module: Any, name: str) -> Counter[str]:
        inner = getattr(module, name)

        def counted(*args: Any, **options: Any) -> Any:
            calls[name] += 1
            return inner(*args, **options)

        monkeypatch.setattr(module, name, counted)
        return calls

    return count


def test_the_wheel_in_a_bundle_that_is_a_published_one_is_not_checked_again(
    shelf: Shelf, called: Callable[[Any, str], Counter[str]]
) -> None:
    shelf.publish(*(shelf.wheel("many", f"1.{number}.0") for number in range(3)), shelf.wheel("other"))
    assert len([key for key in shelf.contents() if key.endswith(".pipper")]) == 4
    calls = called(survey, "open_wheel")
    assert shelf.kinds() == {}
    assert calls["open_wheel"] == 4


def test_the_wheel_in_a_bundle_is_checked_where_the_published_one_is_damaged(
    shelf: Shelf, called: Callable[[Any, str], Counter[str]]
) -> None:
    shelf.publish(shelf.wheel("many"))
    key = shelf.key(".whl")
    shelf.put(key, shelf.body(key)[:-1] + b"x")
    calls = called(survey, "open_wheel")
    assert shelf.kinds() == {key: "damaged wheel"}
    assert calls["open_wheel"] == 1


def test_a_check_of_more_objects_than_are_in_memory_at_once_tells_of_all(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_AT_ONCE", 3)
    names = [f"pack-{number}" for number in range(4)]
    shelf.publish(*(shelf.wheel(name) for name in names))
    doomed = [key for key in shelf.contents() if key.endswith(".whl")]
    for key in doomed:
        shelf.drop(key)
    assert shelf.kinds() == dict.fromkeys(doomed, "missing wheel")
    assert len(shelf.repair().mends) == 4
    assert shelf.kinds() == {}


@pytest.mark.parametrize("count", [2, 9])
def test_publishing_lists_the_folders_of_a_directory_as_often_for_few_wheels_as_for_many(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    shelf.publish(shelf.wheel("first"))
    listed: list[str] = []
    inner = DirectoryStore._entries

    def entries(self: DirectoryStore, folder: str) -> Any:
        listed.append(folder)
        return inner(self, folder)

    monkeypatch.setattr(DirectoryStore, "_entries", entries)
    shelf.publish(*(shelf.wheel(f"pack-{number}") for number in range(count)))
    assert listed.count("") == 1


def test_a_listing_opens_no_file_that_has_a_note(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.publish(*(shelf.wheel(f"pack-{number}") for number in range(3)))
    opened: list[str] = []
    inner = DirectoryStore._open

    def open_(self: DirectoryStore, key: str) -> Any:
        opened.append(key)
        return inner(self, key)

    monkeypatch.setattr(DirectoryStore, "_open", open_)
    assert len(shelf.contents()) == 1 + 3 * 4  # the marker; of each page, wheel, METADATA, bundle
    assert opened == []
    shelf.put("pack-0/index.json", b"{}")
    assert len(shelf.contents()) == 1 + 3 * 4
    assert opened == ["pack-0/index.json"]


def test_a_publish_of_many_wheels_writes_each_object_once(tmp_path: Path) -> None:
    with S3Double() as double:
        shelf = Shelf(root=tmp_path, server=double.endpoint, bucket=double.endpoint.fresh_bucket())
        shelf.publish(shelf.wheel("first"))
        make_site(shelf.settings)
        wheels = [shelf.wheel(f"pack-{number % 3}", f"1.{number}.0") for number in range(12)]
        double.forget()
        shelf.publish(*wheels)
        listed = [dict(seen.query) for seen in double.seen if seen.operation == "ListObjectsV2"]
        # Once before, and once after, for the site: others may have published meanwhile.
        assert [each["prefix"] for each in listed] == ["pipper/"] * 2
        stored = Counter(seen.key for seen in double.seen if seen.operation == "PutObject")
        assert {key: count for key, count in stored.items() if count > 1 and key != MARKER} == {}
        assert (
            len([key for key in stored if key.endswith("/index.json")]) == 3 + 1
        )  # and the list of the site
        assert len([key for key in stored if key.endswith(".whl")]) == 12


def test_a_check_reads_each_object_once(tmp_path: Path) -> None:
    with S3Double() as double:
        shelf = Shelf(root=tmp_path, server=double.endpoint, bucket=double.endpoint.fresh_bucket())
        shelf.publish(*(shelf.wheel(f"pack-{number % 3}", f"1.{number}.0") for number in range(12)))
        double.forget()
        assert shelf.check().findings == ()
        read = Counter(seen.key for seen in double.seen if seen.operation == "GetObject")
        objects = [key for key in read.elements() if not key.startswith(MARKER)]
        assert (
            len(objects) == len(set(objects)) == 3 + 3 * 12
        )  # pages; wheels, their METADATA and their bundles
        assert double.count("ListObjectsV2") < 5
