"""`pipper repository copy`: promotion, mirrors and backups, with the same bytes, dates and marks."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName

from pipper.ops.repository.prune import PruneRequest, prune
from pipper.repository import copier
from pipper.repository.source import ReadPage, Repository
from pipper.storage.directory.store import DirectoryStore
from pipper.wheels.bundle import write_bundle
from tests.commands import run_here
from tests.index_double import Fault, IndexDouble
from tests.invariants import Workspace
from tests.legacy import LEGACY
from tests.s3_double import Answer, LostAnswer, Rule, S3Double
from tests.sdists import make_backend, make_sdist
from tests.shelf import Shelf
from tests.wheelhouse import make_wheel

pytestmark = pytest.mark.usefixtures("impatient")

UPLOADED = "2024-02-03T04:05:06.789000Z"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


@pytest.fixture
def staging(empty: Workspace) -> Workspace:
    """acme-models 1.0.0 (yanked) and 1.1.0 of two wheels, acme-base 1.0.0: published a while ago."""
    empty.publish(
        empty.wheel("acme_models", "1.0.0"),
        empty.wheel("acme_models", "1.1.0", requires=["acme-base>=1"]),
        empty.wheel("acme_models", "1.1.0", tag="cp311-cp311-linux_x86_64"),
        empty.wheel("acme_base", "1.0.0"),
    )
    empty.run("yank", "acme-models:1.0.0", "--reason", "loses data", "-b", empty.url)
    page = empty.repository / "acme-models" / "index.json"
    document = json.loads(page.read_text())
    for file in document["files"]:
        file["upload-time"] = "2024-01-01T00:00:00Z"
    page.write_text(json.dumps(document))
    return empty


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


def objects(root: Path) -> dict[str, bytes]:
    """What a directory repository holds, without pages and its own notes."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".pipper-store" not in path.parts and path.name != "index.json"
    }


def entries(root: Path, name: str) -> dict[str, Any]:
    page = json.loads((root / name / "index.json").read_text())
    return {file["filename"]: file for file in page["files"]}


def copy(workspace: Workspace, *args: str | Path, code: int = 0, **options: Any) -> Any:
    """Copy from the workspace's repository to `production` beside it, unless `args` name other ends."""
    ends = {"--from": workspace.repository.as_uri(), "--to": (workspace.root / "production").as_uri()}
    more = [word for end, url in ends.items() if end not in args for word in (end, url)]
    done = workspace.run("repository", "copy", *args, *more, "--json", code=code, **options)
    return json.loads(done.stdout) if done.stdout else done


def statuses(told: Any) -> dict[str, str]:
    return {file["filename"]: file["status"] for file in told["files"]}


def test_a_version_is_promoted_with_all_its_wheels_and_their_dates(staging: Workspace) -> None:
    told = copy(staging, "acme-models:1.1.0")
    production = staging.root / "production"
    assert set(statuses(told).values()) == {"copied"}
    assert entries(production, "acme-models").keys() == {
        "acme_models-1.1.0-py3-none-any.whl",
        "acme_models-1.1.0-cp311-cp311-linux_x86_64.whl",
    }
    there = entries(staging.repository, "acme-models")
    for filename, entry in entries(production, "acme-models").items():
        origin = entry["_pipper"].pop("origin")
        assert entry == there[filename]
        assert (origin["source"], "location" in origin and origin["location"]) == ("repository", "")
    held = objects(production)
    assert held.pop("pipper-repository.json") == b'{"format": 2}'
    assert held.items() <= objects(staging.repository).items()
    assert len(held) == 5, "two wheels, two METADATA, and the bundle for 0.x"
    assert staging.run("repository", "check", "-b", production.as_uri()).code == 0


def test_a_name_alone_is_the_newest_that_is_not_yanked(staging: Workspace) -> None:
    staging.publish(staging.wheel("acme_models", "2.0rc1"))
    copy(staging, "Acme_Models")
    assert {name.split("-")[1] for name in entries(staging.root / "production", "acme-models")} == {"1.1.0"}


@pytest.mark.parametrize(
    ("asked", "versions"),
    [("acme-models:1.0.*", {"1.0.0"}), ("acme-models>=1,<2", {"1.1.0"}), ("acme-models==1.0.0", {"1.0.0"})],
)
def test_a_range_means_its_newest_and_a_pin_also_a_yanked_version(
    asked: str, versions: set[str], staging: Workspace
) -> None:
    copy(staging, asked)
    copied = entries(staging.root / "production", "acme-models")
    assert {name.split("-")[1] for name in copied} == versions


def test_again_is_free_and_changes_nothing(staging: Workspace) -> None:
    copy(staging, "--all")
    production = staging.root / "production"
    before = {path: path.stat().st_mtime_ns for path in production.rglob("*") if path.is_file()}
    assert set(statuses(copy(staging, "--all")).values()) == {"already there"}
    assert {path: path.stat().st_mtime_ns for path in production.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("ending", [".whl", ".metadata"])
@pytest.mark.parametrize("what", ["acme_models-1.1.0-py3", "acme_base-1.0.0-py3", "replaced"])
def test_what_the_target_has_lost_is_copied_again(staging: Workspace, what: str, ending: str) -> None:
    replaced = staging.wheel("acme_base", "1.0.0", files={"acme_base/__init__.py": "other = 1\n"})
    staging.run("publish", "--force", replaced, "-b", staging.url)
    copy(staging, "--all")
    production = staging.root / "production"
    whole = objects(production)
    old = json.loads((production / "acme-base" / "index.json").read_text())["_pipper"]["replaced"][0]
    (lost,) = (
        key
        for key in whole
        if key.endswith(ending) and ((old in key) if what == "replaced" else (what in key and old not in key))
    )
    (production / lost).unlink()
    copy(staging, "--all", "--dry-run")
    assert lost not in objects(production)
    told = copy(staging, "--all")
    assert sorted(statuses(told).values()) == ["already there"] * 4 + ["copied"]
    assert objects(production) == whole
    assert set(statuses(copy(staging, "--all")).values()) == {"already there"}


def test_what_the_target_has_lost_is_copied_again_from_a_bundle_of_0_x(empty: Workspace) -> None:
    Shelf(root=empty.root).fill_legacy()
    copy(empty, "--all")
    production = empty.root / "production"
    whole = objects(production)
    (lost,) = (key for key in whole if key.endswith("acme_base-1.1.0-py3-none-any.whl"))
    (production / lost).unlink()
    assert sorted(set(statuses(copy(empty, "--all")).values())) == ["already there", "copied"]
    assert objects(production) == whole


def test_a_whole_repository_is_backed_up_with_yanks_bundles_and_their_metadata(staging: Workspace) -> None:
    copy(staging, "--all")
    production = staging.root / "production"
    assert objects(production) == objects(staging.repository)
    assert entries(production, "acme-models")["acme_models-1.0.0-py3-none-any.whl"]["yanked"] == "loses data"
    for key in objects(production):
        if key.endswith(".pipper"):
            found, there = DirectoryStore(production).head(key), DirectoryStore(staging.repository).head(key)
            assert found
            assert there
            assert found.metadata == there.metadata != {}


def test_a_yank_at_the_source_comes_along_later_and_is_never_taken_away(staging: Workspace) -> None:
    copy(staging, "acme-base")
    staging.run("yank", "acme-base:1.0.0", "--reason", "bad", "-b", staging.url)
    assert set(statuses(copy(staging, "acme-base:1.0.0")).values()) == {"yanked"}
    wheel = "acme_base-1.0.0-py3-none-any.whl"
    assert entries(staging.root / "production", "acme-base")[wheel]["yanked"] == "bad"
    staging.run("yank", "acme-base:1.0.0", "--undo", "-b", staging.url)
    assert set(statuses(copy(staging, "acme-base:1.0.0")).values()) == {"already there"}
    assert entries(staging.root / "production", "acme-base")[wheel]["yanked"] == "bad"


def test_what_the_target_pruned_comes_back_only_by_its_version(staging: Workspace) -> None:
    copy(staging, "--all")
    production = staging.root / "production"
    staging.run("repository", "prune", "acme-models:1.0.0", "-b", production.as_uri())
    wheel = "acme_models-1.0.0-py3-none-any.whl"
    assert statuses(copy(staging, "--all"))[wheel] == "removed there"
    assert statuses(copy(staging, "acme-models", "--all"))[wheel] == "removed there"
    assert wheel not in entries(production, "acme-models")
    assert statuses(copy(staging, "acme-models:1.0.0"))[wheel] == "copied"
    assert objects(production) == objects(staging.repository)
    assert staging.run("repository", "check", "-b", production.as_uri()).code == 0


@pytest.mark.parametrize("change", ["yanked", "new"])
def test_a_copy_of_everything_brings_nothing_back_that_is_removed_meanwhile(
    change: str, staging: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Shelf(root=staging.root / "production")
    ends = ("--to", target.url)
    if change == "yanked":
        copy(staging, "--all", *ends)
        staging.run("yank", "acme-models:1.1.0", "-b", staging.url)
    else:
        copy(staging, "acme-models:1.0.0", *ends)
        copy(staging, "acme-models:1.1.0", *ends)
        staging.publish(staging.wheel("acme_models", "1.1.0", tag="cp312-cp312-linux_x86_64"))
    write_page = copier.Copier.write_page

    def removed_before(self: copier.Copier, name: NormalizedName, *args: Any) -> Any:
        if name == "acme-models":
            monkeypatch.undo()
            request = PruneRequest(releases=("acme-models:1.1.0",))
            assert prune(target.settings, request, now=datetime.now(UTC)).exit_code == 0
        return write_page(self, name, *args)

    monkeypatch.setattr(copier.Copier, "write_page", removed_before)
    told = statuses(copy(staging, "--all", *ends))
    tag = "py3-none-any" if change == "yanked" else "cp312-cp312-linux_x86_64"
    assert told[f"acme_models-1.1.0-{tag}.whl"] == "removed there"
    assert target.page("acme-models")["versions"] == ["1.0.0"]
    assert target.kinds() == {}


def test_a_bundle_with_other_dependencies_than_its_page_is_not_copied(staging: Workspace) -> None:
    """A `publish --force` that was killed before the bundle left it at the source."""
    wheel = staging.wheel("zeta")
    folders = [staging.root / "needs" / name for name in ("acme-base", "acme-models")]
    bundles = []
    for folder in folders:
        folder.mkdir(parents=True)
        needs = {"dependencies": [folder.name]}
        bundles.append(write_bundle(wheel, filename=wheel.name, output=folder, manifest=needs))
    staging.publish(bundles[1])
    (stored,) = staging.repository.rglob("zeta/*.pipper")
    stored.unlink()
    shutil.copy(bundles[0], stored)
    staging.run("repository", "check", "-b", staging.url, code=1)
    copy(staging, "zeta")
    assert not list((staging.root / "production").rglob("zeta/*.pipper"))
    assert staging.run("repository", "check", "-b", (staging.root / "production").as_uri()).code == 0


def test_other_bytes_are_a_conflict_and_the_rest_is_copied(staging: Workspace) -> None:
    other = staging.wheel("acme_base", "1.0.0", files={"acme_base/__init__.py": "other = 1\n"})
    production = (staging.root / "production").as_uri()
    staging.run("publish", other, "-b", production)
    before = entries(staging.root / "production", "acme-base")
    told = copy(staging, "acme-base", "acme-models", code=7)
    assert statuses(told)["acme_base-1.0.0-py3-none-any.whl"] == "failed"
    assert entries(staging.root / "production", "acme-base") == before
    assert len(entries(staging.root / "production", "acme-models")) == 2
    done = staging.run("repository", "copy", "acme-base", "--from", staging.url, "--to", production, code=7)
    assert "a copy never replaces" in done.stderr


def test_a_dry_run_tells_the_same_and_writes_nothing(staging: Workspace) -> None:
    ends = ("--from", staging.repository.as_uri(), "--to", (staging.root / "production").as_uri())
    done = staging.run("repository", "copy", "acme-models:1.1.0", *ends, "--dry-run")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["would", "copy"]] * 2
    assert "to copy 2 files" in done.stderr
    assert not (staging.root / "production").exists()


def test_aliases_of_the_manifest_and_named_repositories_are_ends(staging: Workspace) -> None:
    staging.app.mkdir(parents=True, exist_ok=True)
    staging.manifest.write_text(
        f"[repositories]\nstaging = '{staging.url}'\nproduction = 'file:../production'\n"
    )
    told = copy(staging, "acme-base", "--from", "staging", "--to", "production")
    assert told["to"] == (staging.root / "production").as_uri()
    done = staging.run("repository", "copy", "acme-base", "--from", "stagin", "--to", "production", code=2)
    assert "known: `production` and `staging`" in done.stderr


@pytest.mark.parametrize(
    ("args", "subject"),
    [
        ((), "nothing is named"),
        (("foo", "--lock", "pipper.lock"), "names and --lock"),
        (("--all", "--deps", "foo"), "--all cannot"),
        (("--deps", "--lock", "pipper.lock"), "--deps needs names"),
        (("--all", "--from", "index"), "the whole index"),
        (("foo", "--to", "index"), "cannot be written to"),
        (("foo[x]",), "is not NAME"),
        (("foo", "foo:1"), "given twice"),
    ],
)
def test_what_does_not_go_together_is_refused(
    args: tuple[str, ...], subject: str, staging: Workspace
) -> None:
    before = staging.state()
    done = copy(staging, *args, code=2)
    staging.compare(before)
    assert subject in done.stderr


def test_both_ends_must_be_two(staging: Workspace) -> None:
    done = copy(staging, "acme-base", "--to", staging.repository.as_uri(), code=2)
    assert "both ends" in done.stderr


def test_what_the_source_does_not_have_is_exit_3_and_an_empty_source_exit_2(staging: Workspace) -> None:
    told = copy(staging, "acme-base", "nope", "acme-models:9", code=3)
    assert statuses(told)["nope"] == statuses(told)["acme-models"] == "failed"
    assert statuses(told)["acme_base-1.0.0-py3-none-any.whl"] == "copied"
    copy(staging, "acme-base", "--from", (staging.root / "nothing").as_uri(), code=2)


def test_a_damaged_wheel_at_the_source_is_not_copied(staging: Workspace) -> None:
    (wheel,) = staging.repository.rglob("acme_base-1.0.0-py3-none-any.whl")
    wheel.chmod(0o644)
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    copy(staging, "acme-base", code=4)
    assert not (staging.root / "production" / "acme-base").exists()


def test_what_0_x_published_is_copied_as_wheels_and_bundles(empty: Workspace) -> None:
    Shelf(root=empty.root).fill_legacy()
    copy(empty, "--all")
    production = empty.root / "production"
    legacy = {key: body for key, body in objects(empty.repository).items() if key.endswith(".pipper")}
    del legacy["Acme_Base/latest.pipper"]  # its name is not a version
    assert {key: body for key, body in objects(production).items() if key.endswith(".pipper")} == legacy
    assert "acme_base-1.1.0-py3-none-any.whl" in entries(production, "acme-base")
    assert empty.run("repository", "check", "-b", production.as_uri()).code == 0
    assert set(statuses(copy(empty, "--all")).values()) == {"already there"}


def test_the_bundles_of_a_directory_that_another_tool_filled_get_the_metadata_that_0_x_needs(
    remote: Workspace, double: S3Double
) -> None:
    Shelf(root=remote.root / "old").fill_legacy()
    bucket = double.endpoint.fresh_bucket()
    copy(remote, "--all", "--from", remote.root / "old" / "repository", "--to", f"s3://{bucket}/pipper")
    written = json.loads((LEGACY / "objects.json").read_text())
    del written["Acme_Base/latest.pipper"]  # its name is not a version
    for key, properties in written.items():
        found = double.endpoint.client.head_object(Bucket=bucket, Key=f"pipper/{key}")["Metadata"]
        assert {name: found.get(name) for name in properties["metadata"]} == properties["metadata"], key


def test_the_wheels_of_a_lock_are_copied_exactly(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "2.0.0"))
    told = copy(workspace, "--lock", workspace.lock)
    assert statuses(told) == {
        "alpha-1.1.0-py3-none-any.whl": "copied",
        "beta-1.0.0-py3-none-any.whl": "copied",
        "delta-1.0.0-py3-none-any.whl": "copied",
    }
    production = workspace.root / "production"
    workspace.manifest.write_text(workspace.manifest.read_text().replace(workspace.url, production.as_uri()))
    workspace.run("lock", "--check")
    workspace.run("sync", "-t", workspace.root / "fresh")


def test_a_lock_with_bytes_that_the_source_lacks_is_exit_4(workspace: Workspace) -> None:
    other = workspace.wheel("beta", "1.0.0", files={"beta/__init__.py": "other = 1\n"})
    source = (workspace.root / "another").as_uri()
    workspace.run("publish", other, workspace.wheel("alpha", "1.1.0"), workspace.wheel("delta"), "-b", source)
    told = copy(workspace, "--lock", workspace.lock, "--from", source, code=4)
    assert statuses(told)["beta"] == "failed"
    assert [each["error"] for each in told["files"] if each["name"] == "beta"] == [
        f"{source} lacks 1 wheel of beta==1.0.0 that the lock holds"
    ]


@pytest.fixture
def forced(workspace: Workspace) -> Workspace:
    """A project whose lock holds a wheel of beta that `publish --force` replaced since."""
    other = workspace.wheel("beta", "1.0.0", files={"beta/__init__.py": "other = 1\n"})
    workspace.run("publish", other, "--force", "-b", workspace.url)
    return workspace


def replaced(root: Path) -> str:
    """The URL of the one replaced wheel of beta."""
    (url,) = json.loads((root / "beta" / "index.json").read_text())["_pipper"]["replaced"]
    return str(url)


@pytest.mark.parametrize("what", ["--all", "--lock"])
def test_a_wheel_that_force_replaced_is_copied_for_the_locks_that_hold_it(
    what: str, forced: Workspace
) -> None:
    url = replaced(forced.repository)
    words = ("--all",) if what == "--all" else ("--lock", forced.lock)
    assert statuses(copy(forced, *words, "--dry-run"))[url] == "new"
    assert statuses(copy(forced, *words))[url] == "copied"
    production = forced.root / "production"
    assert replaced(production) == url
    held = objects(production)
    assert held == objects(forced.repository) if what == "--all" else f"beta/{url}.metadata" in held
    shutil.rmtree(forced.repository)
    forced.manifest.write_text(forced.manifest.read_text().replace(forced.url, production.as_uri()))
    forced.run("lock", "--check")
    forced.run("sync", "-t", "fresh", env={"PIPPER_CACHE_DIR": str(forced.root / "fresh-cache")})
    assert "other" not in (forced.app / "fresh" / "beta" / "__init__.py").read_text()
    assert forced.run("repository", "check", "-b", production.as_uri()).code == 0


def test_a_replaced_wheel_is_copied_once_and_not_with_the_version_that_has_its_name(
    forced: Workspace,
) -> None:
    url = replaced(forced.repository)
    assert statuses(copy(forced, "beta", "alpha:1.0.0")).keys() == {
        "beta-1.0.0-py3-none-any.whl",
        "alpha-1.0.0-py3-none-any.whl",
    }
    assert statuses(copy(forced, "beta", "--all"))[url] == "copied"
    assert set(statuses(copy(forced, "beta", "--all")).values()) == {"already there"}
    forced.run("repository", "prune", "beta:1.0.0", "-b", (forced.root / "production").as_uri())
    assert set(statuses(copy(forced, "beta", "--all")).values()) == {"removed there"}


def test_a_copy_of_what_was_replaced_later_keeps_its_wheel_and_is_a_conflict(workspace: Workspace) -> None:
    copy(workspace, "--all")
    other = workspace.wheel("beta", "1.0.0", files={"beta/__init__.py": "other = 1\n"})
    workspace.run("publish", other, "--force", "-b", workspace.url)
    told = statuses(copy(workspace, "beta", "--all", code=7))
    assert told == {replaced(workspace.repository): "already there", other.name: "failed"}


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_replaced_wheel_that_the_source_lost_is_exit_4_and_the_rest_is_copied(
    harm: str, forced: Workspace
) -> None:
    url = replaced(forced.repository)
    wheel = forced.repository / "beta" / url
    wheel.unlink()
    if harm == "damaged":
        wheel.write_bytes(b"x")
    told = statuses(copy(forced, "--all", code=4))
    assert told.pop(url) == "failed"
    assert set(told.values()) == {"copied"}
    assert not list((forced.root / "production" / "beta").glob(f"{url.partition('/')[0]}/*"))


def with_dependencies(workspace: Workspace, *dependencies: str) -> Path:
    """The bundle of acme-base with these dependencies."""
    wheel = workspace.wheel("acme_base", "1.0.0")
    manifest = {"dependencies": list(dependencies)}
    return write_bundle(wheel, filename=wheel.name, output=workspace.root, manifest=manifest)


def test_other_dependencies_of_the_same_bytes_are_a_conflict(staging: Workspace) -> None:
    copy(staging, "--all")
    staging.run("publish", "--force", with_dependencies(staging, "acme-models"), "-b", staging.url)
    production = staging.root / "production"
    told = copy(staging, "acme-base", code=7)
    assert [each["error"] for each in told["files"]] == [
        "acme_base-1.0.0-py3-none-any.whl is published with other dependencies"
    ]
    (production / "acme_base" / "v1-0-0.pipper").unlink()
    staging.publish(staging.wheel("acme_base", "1.1.0"))
    assert statuses(copy(staging, "acme-base", "--all", code=7)) == {
        "acme_base-1.0.0-py3-none-any.whl": "failed",
        "acme_base-1.1.0-py3-none-any.whl": "copied",
    }
    bundles = [path.name for path in (production / "acme_base").iterdir()]
    assert bundles == ["v1-1-0.pipper"], "and none that says other dependencies than the page"


def test_a_copy_takes_no_dependencies_away(staging: Workspace) -> None:
    production = (staging.root / "production").as_uri()
    staging.run("publish", with_dependencies(staging, "acme-models"), "-b", production)
    assert set(statuses(copy(staging, "acme-base")).values()) == {"already there"}
    (entry,) = entries(staging.root / "production", "acme-base").values()
    assert entry["_pipper"]["dependencies"] == ["acme-models"]


def test_a_copy_of_what_0_x_bundled_there_keeps_its_dependencies(staging: Workspace) -> None:
    folder = staging.root / "production" / "acme-base"
    folder.mkdir(parents=True)
    with_dependencies(staging, "acme-models").rename(folder / "v1-0-0.pipper")
    assert set(statuses(copy(staging, "acme-base")).values()) == {"copied"}
    (entry,) = entries(staging.root / "production", "acme-base").values()
    assert entry["_pipper"]["dependencies"] == ["acme-models"]


def test_all_that_a_package_requires_is_copied(workspace: Workspace) -> None:
    told = copy(workspace, "alpha:1.0.0", "--deps")
    assert statuses(told).keys() == {"alpha-1.0.0-py3-none-any.whl", "beta-1.0.0-py3-none-any.whl"}


def test_what_comes_from_another_source_is_not_copied_and_told(empty: Workspace, index: IndexDouble) -> None:
    empty.publish(empty.wheel("private", "1.0.0", requires=["public", "base"]), empty.wheel("base"))
    index.add(empty.wheel("public", "1.0"))
    empty.app.mkdir(parents=True, exist_ok=True)
    empty.manifest.write_text(f"[repositories]\nacme = '{empty.url}'\n[index]\nurl = '{index.url}'\n")
    words = ("repository", "copy", "private", "--deps", "--from", "acme", "--to", "file:../production")
    done = empty.run(*words)
    assert "not copied, because they come from another source: public" in done.stderr
    assert "copied 2 files" in done.stderr
    assert not (empty.root / "production" / "public").exists()


def mirror(workspace: Workspace, index: IndexDouble, *args: str | Path, code: int = 0) -> Any:
    return copy(workspace, *args, "--from", "index", code=code, env={"PIPPER_INDEX_URL": index.url})


def test_the_index_is_mirrored_with_hash_date_yank_and_metadata(empty: Workspace, index: IndexDouble) -> None:
    more = {"upload-time": UPLOADED, "yanked": "broken", "size": 0}
    index.add(empty.wheel("public", "1.0.0", requires=["helper>=1"]), **(more | {"size": None}))
    index.add(empty.wheel("helper"))
    told = mirror(empty, index, "public:1.0.0", "--by", "Ann")
    assert statuses(told) == {"public-1.0.0-py3-none-any.whl": "copied"}
    production = empty.root / "production"
    (entry,) = entries(production, "public").values()
    assert (entry["upload-time"], entry["yanked"]) == (UPLOADED, "broken")
    assert entry["_pipper"]["requires-dist"] == ["helper>=1"]
    origin = entry["_pipper"]["origin"]
    assert (origin["source"], origin["location"], origin["copied-by"]) == ("index", index.url, "Ann")
    assert set(objects(production)) == {
        "pipper-repository.json",
        f"public/{entry['url']}",
        f"public/{entry['url']}.metadata",
    }
    assert empty.run("repository", "check", "-b", production.as_uri()).code == 0


def test_a_closure_is_mirrored_and_then_locked_and_synced_without_the_index(
    empty: Workspace, index: IndexDouble
) -> None:
    for version in ("1.0", "2.0"):
        index.add(empty.wheel("public", version, requires=["helper"]))
    index.add(empty.wheel("helper", "1.0", requires=["deeper"]))
    index.add(empty.wheel("deeper"))
    told = mirror(empty, index, "public<2", "--deps")
    assert sorted(statuses(told)) == [
        "deeper-1.0.0-py3-none-any.whl",
        "helper-1.0-py3-none-any.whl",
        "public-1.0-py3-none-any.whl",
    ]
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(
        "dependencies = ['public']\nindex = false\n[repositories]\nacme = 'file:../production'\n"
    )
    empty.run("lock")
    empty.run("sync")
    assert empty.installed() == {"public": "1.0", "helper": "1.0", "deeper": "1.0.0"}


def test_a_mirrored_name_is_asked_of_the_index_again_and_a_private_one_never(
    staging: Workspace, index: IndexDouble
) -> None:
    index.add(staging.wheel("public", "1.0"))
    index.add(staging.wheel("acme_base", "99.0"))
    target = ("--to", staging.repository.as_uri())
    mirror(staging, index, "public", *target)
    index.add(staging.wheel("public", "2.0"))
    assert "public-2.0-py3-none-any.whl" in statuses(mirror(staging, index, "public", *target))
    staging.app.mkdir(exist_ok=True)
    staging.manifest.write_text(f"[repositories]\nacme = '{staging.url}'\n[sources]\n'lab-*' = 'acme'\n")
    assert statuses(mirror(staging, index, "public:2.0", "--to", "acme")).popitem()[1] == "already there"
    index.seen.clear()
    for name in ("acme-base", "lab-secret"):
        for more in ((), ("--deps",)):
            done = mirror(staging, index, name, *more, "--to", "acme", code=3)
            assert f"the index is not asked for `{name}`" in done.stderr
    assert index.names() == set()


def test_a_name_that_the_target_holds_is_private_also_outside_a_project(
    staging: Workspace, index: IndexDouble
) -> None:
    done = mirror(staging, index, "acme-base", "--to", staging.repository.as_uri(), code=3)
    assert "holds it" in done.stderr
    assert index.seen == []


@pytest.mark.parametrize("more", [(), ("--deps",)])
def test_a_name_that_uv_takes_from_a_path_is_not_asked_of_the_index(
    more: tuple[str, ...], empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("lab", "99.0"))
    index.add(empty.wheel("public", "1.0"))
    empty.app.mkdir(parents=True, exist_ok=True)
    (empty.app / "pyproject.toml").write_text("[tool.pipper]\n[tool.uv.sources]\nlab = { path = '../lab' }\n")
    done = mirror(empty, index, "public", "lab", *more, code=2)
    assert "`lab` comes from" in done.stderr
    assert index.seen == []


def test_where_the_manifest_excludes_the_index_nothing_is_mirrored(
    staging: Workspace, index: IndexDouble
) -> None:
    staging.write_manifest("acme-base")
    done = mirror(staging, index, "public", code=2)
    assert "index = false" in done.stderr
    assert index.seen == []


def test_a_file_of_the_index_with_other_bytes_is_refused(empty: Workspace, index: IndexDouble) -> None:
    index.add(empty.wheel("public", "1.0"), hashes={"sha256": "0" * 64})
    index.add(empty.wheel("other", "1.0"))
    told = mirror(empty, index, "public", "other", code=4)
    assert statuses(told) == {
        "public-1.0-py3-none-any.whl": "failed",
        "other-1.0-py3-none-any.whl": "copied",
    }
    assert entries(empty.root / "production", "public") == {}


def test_a_wheel_that_the_gate_refuses_is_not_mirrored(empty: Workspace, index: IndexDouble) -> None:
    wheel = empty.wheel("public", "1.0")
    wheel.write_bytes(wheel.read_bytes()[:-30] + b"x" * 30)
    path = empty.root / "metadata"
    path.write_bytes(b"Metadata-Version: 2.1\nName: public\nVersion: 1.0\n")
    index.add(wheel, metadata=path.read_bytes())
    mirror(empty, index, "public", code=4)
    assert list((empty.root / "production").rglob("*.whl")) == []


def test_a_mirror_that_was_interrupted_goes_on(empty: Workspace, index: IndexDouble) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.script(Fault(path="/files/*", status=503, times=float("inf")))
    mirror(empty, index, "public", code=6)
    index._faults.clear()
    assert statuses(mirror(empty, index, "public")).popitem()[1] == "copied"


@pytest.fixture
def away(remote: Workspace, double: S3Double) -> tuple[str, str]:
    """Two ends in buckets: the project's repository, and one beside it."""
    return remote.url, f"s3://{double.endpoint.fresh_bucket()}/pipper"


def test_between_buckets_each_page_is_read_once_and_again_costs_no_byte(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    ends = ("--from", away[0], "--to", away[1])
    told = copy(remote, "--all", *ends)
    assert set(statuses(told).values()) == {"copied"}
    double.forget()
    copy(remote, "--all", *ends)
    probes = double.count("PutObject", "*/pipper-repository.json")  # conditions that no object meets
    assert double.count("PutObject") == probes
    assert double.count("GetObject", "*.whl") == 0
    assert double.count("GetObject", "*/index.json") == 3 * 4  # at the source, at the target, for its bundles
    remote.run("repository", "check", "-b", away[1])


def test_between_buckets_of_one_server_no_wheel_is_sent_again(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    double.forget()
    copy(remote, "alpha", "--all", "--from", away[0], "--to", away[1])
    bucket = away[1].split("/")[2]
    assert double.count("PutObject", "*.whl") == double.count("PutObject", "*.metadata") == 0
    assert double.count("CopyObject") == 4
    here = {key: etag for key, etag in double.contents(bucket).items() if key.endswith((".whl", ".metadata"))}
    assert here.items() <= double.contents(remote.bucket).items()
    remote.run("repository", "check", "-b", away[1])


def test_a_wheel_with_other_bytes_is_not_copied_within_the_server_either(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    (key,) = (key for key in double.contents(remote.bucket) if key.endswith("beta-1.0.0-py3-none-any.whl"))
    body = double.body(remote.bucket, key)
    double.endpoint.client.put_object(Bucket=remote.bucket, Key=key, Body=body[:-1] + b"x")
    copy(remote, "beta", "--from", away[0], "--to", away[1], code=4)
    assert [each for each in double.contents(away[1].split("/")[2]) if each.endswith(".whl")] == []


def test_a_refused_page_of_the_target_is_not_an_absent_one(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    ends = ("--from", away[0], "--to", away[1])
    copy(remote, "alpha", *ends)
    bucket = away[1].split("/")[2]
    before = double.contents(bucket)
    refused = Answer(status=403, code="AccessDenied")
    double.script(Rule(operation="*", key="pipper/alpha/index.json", fault=refused, times=float("inf")))
    copy(remote, "--all", *ends, code=5)
    assert {key: etag for key, etag in double.contents(bucket).items() if "alpha" in key} == {
        key: etag for key, etag in before.items() if "alpha" in key
    }


def test_another_publisher_in_between_loses_nothing(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    conflict = Answer(status=412, code="PreconditionFailed")
    ends = ("--from", away[0], "--to", away[1])
    copy(remote, "alpha:1.0.0", *ends)
    double.script(Rule(operation="PutObject", key="*/index.json", fault=conflict, times=4))
    copy(remote, "alpha:1.1.0", *ends)
    bucket = away[1].split("/")[2]
    page = json.loads(double.body(bucket, "pipper/alpha/index.json"))
    assert page["versions"] == ["1.0.0", "1.1.0"]


def test_a_lost_answer_is_no_failure(remote: Workspace, double: S3Double, away: tuple[str, str]) -> None:
    double.script(
        Rule(operation="PutObject", key="*.whl", fault=LostAnswer()),
        Rule(operation="PutObject", key="*/index.json", fault=LostAnswer()),
    )
    copy(remote, "--all", "--from", away[0], "--to", away[1])
    remote.run("repository", "check", "-b", away[1])


def test_what_a_sweep_removes_before_the_page_names_it_is_stored_again(
    staging: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = staging.wheel("acme_base", "1.0.0", files={"acme_base/__init__.py": "other = 1\n"})
    staging.run("publish", "--force", other, "-b", staging.url)
    production = staging.root / "production"

    def swept(repository: Repository, name: NormalizedName, *args: Any, **options: Any) -> ReadPage:
        for path in production.rglob(f"{name}/*/*"):
            path.unlink()
        return swap_page(repository, name, *args, **options)

    swap_page = copier.swap_page
    monkeypatch.setattr(copier, "swap_page", swept)
    copy(staging, "acme-base", "--all")
    assert len(list(production.rglob("acme-base/*/*"))) == 4, (
        "the wheel, the one that it replaced, and METADATA"
    )
    assert staging.run("repository", "check", "-b", production.as_uri()).code == 0


@pytest.mark.parametrize("source", ["bucket", "index"])
def test_a_copy_that_ends_at_any_request_is_finished_by_the_same_command(
    source: str, remote: Workspace, double: S3Double, index: IndexDouble
) -> None:
    index.add(remote.wheel("public", "1.0"))
    name, ends = ("public", "index") if source == "index" else ("alpha:1.0.0", remote.url)
    env = {"PIPPER_INDEX_URL": index.url}

    def run(to: str) -> int:
        words = ("repository", "copy", name, "--from", ends, "--to", f"s3://{to}")
        return remote_code(remote, *words, env=env)

    double.forget()
    assert run(double.endpoint.fresh_bucket()) == 0
    dead = Answer(status=403, code="AccessDenied")
    for number in range(1, len(double.seen) + 1, 2):
        bucket = double.endpoint.fresh_bucket()
        double.forget()
        double.script(Rule(operation="*", fault=dead, nth=number, times=float("inf")))
        run(bucket)
        double.forget()
        assert run(bucket) == 0, number
        assert remote_code(remote, "repository", "check", "-b", f"s3://{bucket}") == 0, number


def remote_code(workspace: Workspace, *words: str, env: dict[str, str] | None = None) -> int:
    """Run a command outside the project, which excludes the index."""
    return run_here(*words, cwd=workspace.root / "home", env={**workspace.environment, **(env or {})}).code


def test_names_of_buckets_are_noted_and_no_secret_is(
    remote: Workspace, double: S3Double, away: tuple[str, str]
) -> None:
    done = remote.run("repository", "copy", "alpha", "--from", away[0], "--to", away[1])
    remote.check_secrets(done)
    page = json.loads(double.body(away[1].split("/")[2], "pipper/alpha/index.json"))
    assert page["files"][0]["_pipper"]["origin"]["location"] == away[0]


@pytest.fixture
def crates(empty: Workspace, index: IndexDouble) -> IndexDouble:
    """An index with `old` as a source distribution alone, `part` in a wheel for another system, and a backend."""
    folder = empty.root / "files"
    index.add(make_backend(folder))
    index.add_sdist(
        make_sdist(folder, "old", "1.0", requires=["helper"]), **{"upload-time": "2021-05-06T07:08:09Z"}
    )
    index.add_sdist(make_sdist(folder, "part", "2.0"))
    index.add(make_wheel(folder, "part", "2.0", tag="cp39-cp39-win32"))
    index.add(make_wheel(folder, "helper", "1.0"))
    return index


def test_a_source_distribution_of_the_index_is_built_and_copied_once(
    empty: Workspace, crates: IndexDouble
) -> None:
    refused = mirror(empty, crates, "old", code=3)
    assert "has no wheel of old" in refused["files"][0]["error"]
    told = mirror(empty, crates, "old", "part", "helper", "--build", "old", "--build", "part")
    assert statuses(told) == {
        "old-1.0.tar.gz": "copied",
        "part-2.0.tar.gz": "copied",
        "part-2.0-cp39-cp39-win32.whl": "copied",
        "helper-1.0-py3-none-any.whl": "copied",
    }
    entry = entries(empty.root / "production", "old")["old-1.0-py3-none-any.whl"]
    assert entry["upload-time"] == "2021-05-06T07:08:09Z"
    origin = entry["_pipper"]["origin"]
    sha256 = hashlib.sha256((empty.root / "files" / "old-1.0.tar.gz").read_bytes()).hexdigest()
    assert origin["built-from"] == f"old-1.0.tar.gz sha256:{sha256}"
    before = objects(empty.root / "production")
    again = mirror(empty, crates, "old", "part", "--build", "old", "--build", "part")
    assert set(statuses(again).values()) == {"already there"}
    assert objects(empty.root / "production") == before
    empty.run("repository", "check", "-b", (empty.root / "production").as_uri())
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(
        "dependencies = ['old']\nindex = false\n[repositories]\nacme = 'file:../production'\n"
    )
    empty.run("lock")
    empty.run("sync")
    assert empty.installed() == {"old": "1.0", "helper": "1.0"}


def test_a_closure_with_source_distributions_is_mirrored_by_builds(
    empty: Workspace, crates: IndexDouble
) -> None:
    """Those that --build or the manifest names count in the solve, as in `lock --build`, and no other."""
    crates.add_sdist(make_sdist(empty.root / "files", "dynamic", "3.0", requires=["part"], static=False))
    crates.add_sdist(make_sdist(empty.root / "files", "top", "1.0", requires=["old", "dynamic"]))
    crates.add(make_wheel(empty.root / "files", "top", "0.9", requires=["helper"]))
    told = mirror(empty, crates, "top", "--deps")
    assert list(statuses(told)) == ["helper-1.0-py3-none-any.whl", "top-0.9-py3-none-any.whl"]
    names = [word for name in ("top", "old", "dynamic") for word in ("--build", name)]
    assert "part" in mirror(empty, crates, "top==1.0", "--deps", *names, code=3).stderr
    told = mirror(empty, crates, "top", "--deps", *names, "--build", "part")
    assert sorted(name for name, status in statuses(told).items() if status == "copied") == [
        "dynamic-3.0.tar.gz",
        "old-1.0.tar.gz",
        "part-2.0.tar.gz",
        "top-1.0.tar.gz",
    ]
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(
        "dependencies = ['top']\nindex = false\n[repositories]\nacme = 'file:../production'\n"
    )
    empty.run("lock")
    empty.run("sync")
    installed = {"top": "1.0", "old": "1.0", "dynamic": "3.0", "part": "2.0", "helper": "1.0"}
    assert empty.installed() == installed


def test_a_lock_with_a_source_distribution_is_mirrored_by_a_build(
    empty: Workspace, crates: IndexDouble
) -> None:
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(
        f"dependencies = ['old']\n[index]\nurl = '{crates.url}'\n[build]\nallow = ['old']\n"
    )
    empty.run("lock")
    told = mirror(empty, crates, "--lock", "pipper.lock")
    assert statuses(told)["old-1.0.tar.gz"] == "copied"
    assert "tiny_build-1.0-py3-none-any.whl" in statuses(told)


def test_a_build_that_fails_leaves_the_other_copies(empty: Workspace, crates: IndexDouble) -> None:
    crates.add_sdist(make_sdist(empty.root / "files", "broken", "1.0", backend="no_such_backend"))
    told = mirror(empty, crates, "broken", "helper", "--build", "broken", code=8)
    assert statuses(told) == {"broken-1.0.tar.gz": "failed", "helper-1.0-py3-none-any.whl": "copied"}
    assert (
        not (empty.root / "production" / "broken").exists()
        or entries(empty.root / "production", "broken") == {}
    )


def test_builds_are_for_an_index_alone(staging: Workspace) -> None:
    done = copy(staging, "acme-base", "--build", "acme-base", code=2)
    assert "--build is for copies from an index" in done.stderr


def test_a_further_index_is_a_source_for_the_names_that_it_is_given(
    empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("torch", "2.1"))
    index.add(empty.wheel("mine", "99.0"))
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(
        f"dependencies = ['torch']\nindex = false\n[indexes]\npytorch = '{index.url}'\n[sources]\ntorch = 'pytorch'\n"
    )
    refused = copy(empty, "mine", "--from", "pytorch", code=3)
    assert "`pytorch` is not asked for `mine`" in refused.stderr
    assert index.names() == set()
    told = copy(empty, "torch", "--from", "pytorch")
    assert statuses(told) == {"torch-2.1-py3-none-any.whl": "copied"}
    page = json.loads((empty.root / "production" / "torch" / "index.json").read_text())
    assert "mirror-of" not in page["_pipper"]  # its name is not public because a further index has it
    origin = page["files"][0]["_pipper"]["origin"]
    assert (origin["source"], origin["location"]) == ("repository", index.url)
    assert "whole index" in copy(empty, "--all", "--from", "pytorch", code=2).stderr
    empty.run("lock")
    assert statuses(copy(empty, "--lock", "pipper.lock", "--from", "pytorch")) == {
        "torch-2.1-py3-none-any.whl": "already there"
    }


@pytest.mark.parametrize(
    "command",
    [
        ("repository", "copy", "alpha>=99", "--deps", "--from", "acme", "--to", "file:../production"),
        ("download", "alpha>=99", "-d", "out"),
        ("authorize", "alpha>=99"),
    ],
    ids=lambda command: command[0],
)
def test_U_the_command_and_not_the_project_asks_for_what_stands_on_its_line(
    command: tuple[str, ...], workspace: Workspace
) -> None:
    told = workspace.run(*command, code=3).stderr
    assert "because this command asks for alpha>=99\n" in told
    assert "the project requires" not in told
