"""What every source promises, whichever it is: a repository, an index (JSON or HTML), the fake of the solver tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipper.core.ports import ReleaseFile, Source
from pipper.errors import PipperError
from pipper.http.client import Web
from pipper.index.reader import Connection
from pipper.index.source import IndexSource
from pipper.ops.repository.read_publication import read_publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.solve.router import ReadsAhead
from pipper.storage.directory.store import DirectoryStore
from tests.fake_source import FakeSource
from tests.index_double import Fault, IndexDouble, Style
from tests.wheelhouse import make_wheel

FOO, BAR, NOTHING = map(canonicalize_name, ("foo", "bar", "nothing"))
CONTENT = {
    "foo": {
        "1.0": {"requires": ["bar>=2", 'baz ; extra == "x"'], "extras": ["x"], "python": ">=3.9"},
        "2.0rc1": {"requires": ["bar"], "tags": ["py3-none-any", "cp311-cp311-win_amd64"]},
    },
    "bar": {"2.0": {}},
}


def wheels(folder: Path) -> list[Path]:
    """The same content as wheels."""
    return [
        make_wheel(folder, "foo", "1.0", requires=["bar>=2"], extras={"x": ["baz"]}, requires_python=">=3.9"),
        make_wheel(folder, "foo", "2.0rc1", requires=["bar"]),
        make_wheel(folder, "foo", "2.0rc1", requires=["bar"], tag="cp311-cp311-win_amd64"),
        make_wheel(folder, "bar", "2.0"),
    ]


def repository(folder: Path) -> Repository:
    found = Repository(DirectoryStore(folder / "repository"), "acme")
    publisher = Publisher(found, now=datetime.now(UTC), force=False)
    publisher.prepare()
    publications = [read_publication(path, folder / "scratch") for path in wheels(folder / "wheels")]
    for publication in publications:
        publisher.upload(publication)
    for name in (FOO, BAR):
        publisher.write_page([each for each in publications if each.name == name])
    return Repository(DirectoryStore(folder / "repository"), "acme")


@pytest.fixture(params=["repository", "index-json", "index-html", "index-without-metadata", "fake"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    """A source with CONTENT."""
    (tmp_path / "scratch").mkdir()
    kind = request.param
    if kind == "fake":
        yield FakeSource("acme", CONTENT)
    elif kind == "repository":
        yield repository(tmp_path)
    else:
        style = Style(json=kind != "index-html", metadata=kind != "index-without-metadata")
        with IndexDouble(style) as double:
            for wheel in wheels(tmp_path / "wheels"):
                double.add(wheel, **{"requires-python": ">=3.9"} if "-1.0-" in wheel.name else {})
            yield index(double, tmp_path)


def index(double: IndexDouble, folder: Path) -> IndexSource:
    return IndexSource(lambda: Connection(url=double.url, reader=Web({})), folder / "cache")


def test_it_has_a_name(source: Source) -> None:
    assert source.alias in ("acme", "index")


def test_it_holds_what_it_has_and_nothing_else(source: Source) -> None:
    assert source.holds(FOO)
    assert not source.holds(NOTHING)
    assert list(source.releases(NOTHING)) == []


def test_releases_are_one_a_version_with_all_of_its_files(source: Source) -> None:
    releases = {str(release.version): release for release in source.releases(FOO)}
    assert releases.keys() == {"1.0", "2.0rc1"}
    assert all(release.name == FOO and release.source == source.alias for release in releases.values())
    assert sorted(file.filename for file in releases["2.0rc1"].files) == [
        "foo-2.0rc1-cp311-cp311-win_amd64.whl",
        "foo-2.0rc1-py3-none-any.whl",
    ]


def test_files_say_where_they_are_what_they_are_and_which_python_they_need(source: Source) -> None:
    for release in source.releases(FOO):
        for file in release.files:
            assert file.locked.filename == file.filename
            assert len(file.locked.sha256) == 64
            assert bool(file.locked.key) != bool(file.locked.url)
            assert file.yanked is None
            assert str(file.requires_python or "") == (">=3.9" if str(release.version) == "1.0" else "")


def test_metadata_is_that_of_the_file(source: Source) -> None:
    (release,) = (each for each in source.releases(FOO) if str(each.version) == "1.0")
    found = source.metadata(release, release.files[0])
    assert [str(each) for each in found.requires_dist] == ["bar>=2", 'baz; extra == "x"']
    assert found.provides_extra == {"x"}
    assert not found.unusable


def test_reading_ahead_changes_no_answer_and_ignores_unknown_names(source: Source) -> None:
    source.prefetch([FOO, NOTHING, BAR])
    if isinstance(source, ReadsAhead):
        source.prefetch_metadata(
            ReleaseFile(release, file) for release in source.releases(FOO) for file in release.files
        )
    assert len(source.releases(FOO)) == 2
    assert len(source.releases(BAR)) == 1


def test_answers_stay_the_same_for_the_whole_run(source: Source) -> None:
    assert source.releases(FOO) is source.releases(FOO) or source.releases(FOO) == source.releases(FOO)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_only_a_real_404_makes_a_project_absent(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)
    with ExitStack() as stack:
        double = stack.enter_context(IndexDouble())
        double.script(Fault(path="/simple/*", status=status, times=float("inf")))
        with pytest.raises(PipperError) as caught:
            index(double, tmp_path).holds(FOO)
    assert caught.value.exit_code == (5 if status in (401, 403) else 6)
