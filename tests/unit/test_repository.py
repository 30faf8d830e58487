"""A repository as a source: who is held, what is published, and what 0.x left there."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipper.core.layout.keys import MARKER_KEY, marker_body, parse_marker
from pipper.core.ports import Blob
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, ObjectAbsentError, UsageError
from pipper.ops.repository.read_publication import read_publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.storage.directory.store import DirectoryStore
from tests.wheelhouse import make_wheel

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
FOO = canonicalize_name("foo")


class Listener(Reporter):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def opened(root: Path, reporter: Reporter | None = None) -> Repository:
    return Repository(DirectoryStore(root), "acme", reporter=reporter)


def publish(root: Path, *wheels: Path) -> None:
    repository = opened(root)
    publisher = Publisher(repository, now=NOW)
    publisher.prepare()
    for wheel in wheels:
        scratch = root.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        publication = read_publication(wheel, scratch)
        publisher.upload(publication)
        publisher.write_page([publication])
        assert publisher.store_bundles([publication]) == []


def old_bundle(root: Path, key: str, name: str, version: str, **parts: object) -> Path:
    """Put a bundle where 0.x would have: no marker, no page."""
    scratch = root.parent / f"made-{key.replace('/', '-')}"
    shutil.rmtree(scratch, ignore_errors=True)
    publish(scratch / "r", make_wheel(scratch, name, version, **parts))  # type: ignore[arg-type]  # passed on
    (bundle,) = (scratch / "r").rglob("*.pipper")
    target = root / key
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundle, target)
    return target


def versions(repository: Repository) -> list[str]:
    return sorted(str(release.version) for release in repository.releases(FOO))


def test_an_empty_root_is_no_repository(root: Path) -> None:
    repository = opened(root)
    assert repository.layout_format == 0
    with pytest.raises(UsageError, match=r"file://.* is not a repository"):
        repository.holds(FOO)


def test_a_name_is_held_when_any_key_lies_below_its_folder(root: Path) -> None:
    (root / "Foo").mkdir(parents=True)
    (root / "Foo" / "note.txt").write_text("x")
    (root / "empty").mkdir()
    (root / "pipper-repository.json").write_text('{"format": 1}')
    repository = opened(root)
    assert repository.holds(FOO)
    assert repository.releases(FOO) == ()
    assert not repository.holds(canonicalize_name("empty"))


def test_the_marker_decides_between_pages_alone_and_bundles_too(root: Path, tmp_path: Path) -> None:
    publish(root, make_wheel(tmp_path, "foo", "1.0.0"))
    old_bundle(root, "foo/v2-0-0.pipper", "foo", "2.0.0")
    assert opened(root).layout_format == 2
    assert versions(opened(root)) == ["1.0.0"]
    (root / MARKER_KEY).write_bytes(marker_body(1))
    assert versions(opened(root)) == ["1.0.0", "2.0.0"]
    (root / MARKER_KEY).unlink()
    assert opened(root).layout_format == 1


class Racing(DirectoryStore):
    """Somebody's first publish makes the marker between the first look for it and the listing."""

    looks = 0

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        self.looks += key == MARKER_KEY
        if key == MARKER_KEY and self.looks == 1:
            raise ObjectAbsentError("not yet")
        return super().read(key, start=start, length=length)


def test_a_repository_that_is_just_being_made_is_not_taken_for_an_old_one(root: Path, tmp_path: Path) -> None:
    publish(root, make_wheel(tmp_path, "foo", "1.0.0"))
    assert Repository(Racing(root), "acme").layout_format == 2


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"format": 3}', b'{"format": "2"}', b"[" * 100_000])
def test_a_marker_that_says_nothing_known_stops_everything(body: bytes) -> None:
    with pytest.raises(IntegrityError, match="the marker"):
        parse_marker(body, label="the marker")


def test_every_folder_of_a_project_is_read_and_one_version_counts_once(root: Path, tmp_path: Path) -> None:
    old_bundle(root, "Foo/v1-0-0.pipper", "foo", "1.0.0")
    old_bundle(root, "foo/v1-0-1.pipper", "foo", "1.0.1")
    old_bundle(root, "FOO/v1-0-0.pipper", "foo", "1.0.0")
    assert versions(opened(root)) == ["1.0.0", "1.0.1"]


def test_a_bundle_says_what_it_needs_and_is_locked_without_a_hash_yet(root: Path) -> None:
    old_bundle(root, "foo/v1-0-0.pipper", "foo", "1.0.0", requires=["bar>=2"], requires_python=">=3.9")
    repository = opened(root)
    (release,) = repository.releases(FOO)
    (file,) = release.files
    assert str(file.requires_python) == ">=3.9"
    assert (file.locked.key, file.locked.wheel, file.locked.sha256) == (
        "foo/v1-0-0.pipper",
        "foo-1.0.0-py3-none-any.whl",
        "",
    )
    assert [str(each) for each in repository.metadata(release, file).requires_dist] == ["bar>=2"]


def test_what_is_no_version_or_damaged_is_left_out_and_told(root: Path) -> None:
    good = old_bundle(root, "foo/v1-0-0.pipper", "foo", "1.0.0")
    (root / "foo" / "latest.pipper").write_bytes(good.read_bytes())
    (root / "foo" / "v2-0-0.pipper").write_bytes(b"no zip")
    (root / "foo" / "v3-0-0.pipper").write_bytes(good.read_bytes())
    listener = Listener()
    assert versions(opened(root, listener)) == ["1.0.0"]
    told = "\n".join(sorted(listener.warnings))
    assert "latest.pipper is ignored: its name is not a version" in told
    assert "v2-0-0.pipper is damaged; it is ignored" in told
    assert "v3-0-0.pipper: key, package.meta and wheel differ; it is ignored" in told


def test_an_entry_of_the_page_with_another_etag_is_void(root: Path, tmp_path: Path) -> None:
    bundle = old_bundle(root, "foo/v1-0-0.pipper", "foo", "1.0.0")
    publish(root, make_wheel(tmp_path, "foo", "2.0.0"))
    noted = json.loads((root / "foo" / "index.json").read_text())["_pipper"]["bundles"]
    assert [each["version"] for each in noted] == ["1.0.0"]
    bundle.unlink()
    old_bundle(root, "foo/v1-0-0.pipper", "foo", "1.0.0", requires=["new"])
    repository = opened(root)
    release = next(each for each in repository.releases(FOO) if str(each.version) == "1.0.0")
    (file,) = release.files
    assert [str(each) for each in repository.metadata(release, file).requires_dist] == ["new"]


def test_a_yanked_file_carries_its_reason(root: Path, tmp_path: Path) -> None:
    publish(root, make_wheel(tmp_path, "foo", "1.0.0"), make_wheel(tmp_path, "foo", "2.0.0"))
    page = root / "foo" / "index.json"
    document = json.loads(page.read_text())
    document["files"][0]["yanked"] = True
    document["files"][1]["yanked"] = "broken"
    page.write_text(json.dumps(document))
    yanked = {str(each.version): each.files[0].yanked for each in opened(root).releases(FOO)}
    assert yanked == {"1.0.0": "", "2.0.0": "broken"}


@pytest.mark.parametrize("need", ["=>1", "foo; (", "foo; " + "(" * 3000, "../x"])
def test_needs_that_cannot_be_read_make_a_release_unusable_not_the_project(
    need: str, root: Path, tmp_path: Path
) -> None:
    publish(root, make_wheel(tmp_path, "foo", "1.0.0"), make_wheel(tmp_path, "foo", "2.0.0"))
    page = root / "foo" / "index.json"
    document = json.loads(page.read_text())
    document["files"][1]["_pipper"]["requires-dist"] = [need]
    page.write_text(json.dumps(document))
    repository = opened(root)
    unusable = {
        str(release.version): bool(repository.metadata(release, release.files[0]).unusable)
        for release in repository.releases(FOO)
    }
    assert unusable == {"1.0.0": False, "2.0.0": True}


def test_what_was_read_once_is_remembered(root: Path, tmp_path: Path) -> None:
    publish(root, make_wheel(tmp_path, "foo", "1.0.0"))
    repository = opened(root)
    repository.prefetch([FOO, canonicalize_name("nobody")])
    shutil.rmtree(root)
    assert versions(repository) == ["1.0.0"]
    assert repository.releases(canonicalize_name("nobody")) == ()
