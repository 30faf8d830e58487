"""Commands on whole repositories read and check each thing once, however many there are."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipper.repository import survey
from pipper.storage.directory.store import DirectoryStore
from tests.shelf import Shelf


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
