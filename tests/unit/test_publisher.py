"""Writing into a repository: files, then the page by compare-and-swap, then what 0.x reads."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from io import BufferedReader
from pathlib import Path

import pytest

from pipper.core.layout.keys import MARKER_KEY, marker_body
from pipper.core.reporter import Reporter
from pipper.errors import ConflictError, IntegrityError, ObjectChangedError, ObjectExistsError
from pipper.ops.repository.read_publication import read_publication
from pipper.repository.publication import Publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.storage.directory.store import DirectoryStore
from tests.wheelhouse import make_wheel

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def publication(
    folder: Path, version: str = "1.0.0", *, body: str = "x = 1\n", name: str = "Foo_Bar"
) -> Publication:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    files = {"foo_bar/__init__.py": body}
    return read_publication(
        make_wheel(folder / "wheels" / sha256(body.encode()).hexdigest(), name, version, files=files), scratch
    )


def publisher(root: Path, *, force: bool = False, reporter: Reporter | None = None) -> Publisher:
    return Publisher(Repository(DirectoryStore(root), "acme"), now=NOW, force=force, reporter=reporter)


def run(worker: Publisher, *given: Publication) -> list[str]:
    """All steps in their order."""
    worker.prepare()
    for each in given:
        worker.upload(each)
    outcomes = worker.write_page(given)
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    assert worker.store_bundles(given) == []
    return [outcome.status for outcome in outcomes]


def page(root: Path) -> Mapping[str, object]:
    document: Mapping[str, object] = json.loads((root / "foo-bar" / "index.json").read_text())
    return document


def test_keys_are_those_of_the_layout(tmp_path: Path) -> None:
    root = tmp_path / "r"
    given = publication(tmp_path)
    assert run(publisher(root), given) == ["published"]
    stored = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    wheel = f"foo-bar/{given.sha256[:16]}/foo_bar-1.0.0-py3-none-any.whl"
    shown = [path for path in stored if not path.startswith(".pipper-store")]
    assert shown == sorted(
        [wheel, f"{wheel}.metadata", "foo-bar/index.json", "Foo_Bar/v1-0-0.pipper", MARKER_KEY]
    )


def test_a_first_publish_makes_format_2_and_a_bucket_of_0_x_stays_format_1(tmp_path: Path) -> None:
    run(publisher(tmp_path / "new"), publication(tmp_path))
    assert json.loads((tmp_path / "new" / MARKER_KEY).read_text()) == {"format": 2}
    (tmp_path / "old" / "thing").mkdir(parents=True)
    (tmp_path / "old" / "thing" / "v1-0-0.pipper").write_bytes(b"x")
    run(publisher(tmp_path / "old"), publication(tmp_path))
    assert json.loads((tmp_path / "old" / MARKER_KEY).read_text()) == {"format": 1}


class Overtaken(DirectoryStore):
    """Another publisher is quicker, so many times."""

    times = 1

    def replace(self, key: str, *args: object, **more: object) -> str:
        if key.endswith("index.json") and self.times:
            self.times -= 1
            other = publication(self.folder / "other", f"9.0.{self.times}", body="other = 1\n")
            run(publisher(self.folder / "r"), other)
            raise ObjectChangedError("somebody else was quicker")
        return super().replace(key, *args, **more)  # type: ignore[arg-type]  # passed on as they came

    folder: Path


def test_whoever_is_overtaken_reads_again_and_loses_nothing(tmp_path: Path) -> None:
    root = tmp_path / "r"
    run(publisher(root), publication(tmp_path, "0.1.0"))
    store = Overtaken(root)
    store.folder, store.times = tmp_path, 3
    assert run(Publisher(Repository(store, "acme"), now=NOW), publication(tmp_path)) == ["published"]
    assert page(root)["versions"] == ["0.1.0", "1.0.0", "9.0.0", "9.0.1", "9.0.2"]


class Flipping(DirectoryStore):
    """A bit flips the first time a page is read from the disk."""

    times = 1
    spare: Path

    @contextmanager
    def _open(self, key: str) -> Iterator[BufferedReader]:
        with super()._open(key) as file:
            if not key.endswith("index.json") or not self.times:
                yield file
                return
            self.times -= 1
            self.spare.write_bytes(file.read().replace(b"2026-", b"2027-", 1))
            with self.spare.open("rb") as flipped:
                yield flipped


def test_B04_a_flipped_bit_in_a_page_from_the_disk_is_never_written_back(tmp_path: Path) -> None:
    root = tmp_path / "r"
    run(publisher(root), publication(tmp_path, "0.1.0"))
    before = page(root)["files"]
    store = Flipping(root)
    store.spare = tmp_path / "spare"
    assert run(Publisher(Repository(store, "acme"), now=NOW), publication(tmp_path)) == ["published"]
    assert store.times == 0
    assert b"2027-" in store.spare.read_bytes()
    files = page(root)["files"]
    assert isinstance(files, list)
    assert files[:1] == before


class Refusing(DirectoryStore):
    """Says of bundles that they exist already, so many times."""

    times = 1

    def create(self, key: str, *args: object, **more: object) -> str:
        if key.endswith(".pipper") and self.times:
            self.times -= 1
            raise ObjectExistsError("a refusal that is wrong")
        return super().create(key, *args, **more)  # type: ignore[arg-type]  # passed on as they came


def test_a_bundle_that_is_refused_and_is_not_there_is_stored_or_told(tmp_path: Path) -> None:
    store = Refusing(tmp_path / "r")
    assert run(Publisher(Repository(store, "acme"), now=NOW), publication(tmp_path)) == ["published"]
    assert store.head("Foo_Bar/v1-0-0.pipper")
    worker, given = Publisher(Repository(store, "acme"), now=NOW), publication(tmp_path, "2.0.0")
    store.times = 99
    worker.upload(given)
    worker.write_page([given])
    (outcome,) = worker.store_bundles([given])
    assert isinstance(outcome.error, ConflictError)


def test_a_version_somebody_else_put_on_the_page_meanwhile_is_a_conflict(tmp_path: Path) -> None:
    root = tmp_path / "r"
    late = publisher(root)
    late.prepare()
    mine, theirs = publication(tmp_path), publication(tmp_path, body="x = 2\n")
    assert [each.status for each in late.examine([mine])] == ["new"]
    run(publisher(root), theirs)
    late.upload(mine)
    (outcome,) = late.write_page([mine])
    assert outcome.status == "failed"
    assert isinstance(outcome.error, ConflictError)
    assert theirs.sha256[:16] in outcome.error.cause


def test_one_page_write_takes_many_files(tmp_path: Path) -> None:
    root = tmp_path / "r"
    given = [publication(tmp_path, f"1.{number}.0", body=f"x = {number}\n") for number in range(5)]
    assert run(publisher(root), *given) == ["published"] * 5
    assert page(root)["versions"] == [f"1.{number}.0" for number in range(5)]


def test_one_conflict_among_many_leaves_the_others_published(tmp_path: Path) -> None:
    root = tmp_path / "r"
    run(publisher(root), publication(tmp_path, "1.0.0"))
    worker = publisher(root)
    worker.prepare()
    bad, good = publication(tmp_path, "1.0.0", body="y = 1\n"), publication(tmp_path, "1.1.0")
    for each in (bad, good):
        worker.upload(each)
    assert [each.status for each in worker.write_page([bad, good])] == ["failed", "published"]
    assert page(root)["versions"] == ["1.0.0", "1.1.0"]


def test_a_key_with_other_bytes_than_it_says_is_never_built_upon(tmp_path: Path) -> None:
    root = tmp_path / "r"
    given = publication(tmp_path)
    place = root / "foo-bar" / given.sha256[:16]
    place.mkdir(parents=True)
    (place / given.filename).write_bytes(b"something else")
    (root / MARKER_KEY).write_bytes(marker_body(2))
    with pytest.raises(IntegrityError, match="is damaged"):
        publisher(root).upload(given)


def test_force_swaps_the_entry_and_keeps_the_old_object(tmp_path: Path) -> None:
    root = tmp_path / "r"
    old, new = publication(tmp_path), publication(tmp_path, body="x = 2\n")
    run(publisher(root), old)
    assert run(publisher(root, force=True), new) == ["replaced"]
    files = page(root)["files"]
    assert isinstance(files, list)
    assert [each["hashes"]["sha256"] for each in files] == [new.sha256]
    assert (root / "foo-bar" / old.sha256[:16] / old.filename).is_file()


def test_bundles_go_into_the_folder_that_0_x_made(tmp_path: Path) -> None:
    root = tmp_path / "r"
    run(publisher(root), publication(tmp_path, name="foo.bar"))
    assert (root / "foo.bar" / "v1-0-0.pipper").is_file()
    run(publisher(root), publication(tmp_path, "1.1.0", name="Foo_Bar"))
    assert (root / "foo.bar" / "v1-1-0.pipper").is_file()
    assert not (root / "Foo_Bar").exists()


def test_a_bundle_of_0_x_with_another_wheel_is_a_conflict_before_anything_is_sent(tmp_path: Path) -> None:
    root, scratch = tmp_path / "r", tmp_path / "s"
    run(publisher(scratch), publication(tmp_path, body="old = 1\n"))
    (root / "Foo_Bar").mkdir(parents=True)
    (scratch / "Foo_Bar" / "v1-0-0.pipper").rename(root / "Foo_Bar" / "v1-0-0.pipper")
    same, other = publication(tmp_path, body="old = 1\n"), publication(tmp_path)
    worker = publisher(root)
    worker.prepare()
    (outcome,) = worker.examine([other])
    assert isinstance(outcome.error, ConflictError)
    assert "is published with other bytes" in outcome.error.message
    assert [each.status for each in worker.examine([same])] == ["new"]
    assert [each.status for each in publisher(root, force=True).examine([other])] == ["new"]
    assert run(publisher(root, force=True), other) == ["published"]


def test_bundles_that_0_x_puts_into_format_2_are_told(tmp_path: Path) -> None:
    root = tmp_path / "r"
    warnings: list[str] = []

    class Listener(Reporter):
        def warning(self, text: str) -> None:
            warnings.append(text)

    given = publication(tmp_path)
    run(publisher(root), given)
    (root / "Foo_Bar" / "v7-0-0.pipper").write_bytes(b"x")
    publisher(root, reporter=Listener()).store_bundles([given])
    assert len(warnings) == 1
    assert "Foo_Bar/v7-0-0.pipper: pipper 0.x published this bundle, but no page names it" in warnings[0]
