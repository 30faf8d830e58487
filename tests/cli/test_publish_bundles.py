"""`pipper publish` and the bundles that clients of 0.x read: their dependencies, and which wheel they have."""

import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipper.repository.publisher import Publisher
from pipper.storage.directory.store import DirectoryStore
from pipper.wheels.bundle import write_bundle
from tests.invariants import Workspace

WHEEL = "alpha-1.0.0-py3-none-any.whl"


def bundle(workspace: Workspace, *dependencies: str, wheel: Path | None = None) -> Path:
    """The bundle of alpha 1.0.0 as `pipper bundle` writes it: the wheel is the same each time."""
    wheel = wheel or workspace.wheel("alpha")
    folder = workspace.root / "-".join(("bundle", *dependencies, wheel.stem)).replace(":", "").replace(
        ">=", ""
    )
    folder.mkdir(exist_ok=True)
    return write_bundle(
        wheel, filename=wheel.name, output=folder, manifest={"dependencies": list(dependencies)}
    )


def entries(workspace: Workspace) -> list[Any]:
    found: list[Any] = json.loads((workspace.repository / "alpha" / "index.json").read_text())["files"]
    return found


def on_page(workspace: Workspace, wheel: str = WHEEL) -> Any:
    """What the page says of alpha's dependencies."""
    (entry,) = (entry for entry in entries(workspace) if entry["filename"] == wheel)
    return entry["_pipper"]["dependencies"]


def for_0_x(workspace: Workspace) -> Any:
    """The `package.meta` of alpha's only bundle."""
    (path,) = workspace.repository.rglob("*.pipper")
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("package.meta"))


def publish(workspace: Workspace, *words: str | Path, code: int = 0) -> str:
    """Publish, and return what was told after the heading."""
    told = workspace.run("publish", *words, "-b", workspace.url, code=code).stderr
    return told.partition("\n")[2]


def sound(workspace: Workspace) -> None:
    done = workspace.run("repository", "check", "-b", workspace.url)
    assert "no difference" in done.stdout + done.stderr


CORRECTIONS = pytest.mark.parametrize(
    ("before", "after"),
    [(["beta"], ["gamma:>=1.0.0"]), ([], ["beta"]), (["beta"], [])],
    ids=["another", "one more", "none"],
)


@CORRECTIONS
def test_corrected_dependencies_are_other_content_and_a_conflict(
    before: Sequence[str], after: Sequence[str], empty: Workspace
) -> None:
    publish(empty, bundle(empty, *before))
    right = bundle(empty, *after)
    done = empty.refused(
        "publish", right, "-b", empty.url, code=7, subject=f"{WHEEL} is published with other dependencies"
    )
    told = [", ".join(each) or "none" for each in (before, after)]
    assert f"published: {told[0]}; yours: {told[1]}" in done.stderr
    assert "--force" in done.stderr


@CORRECTIONS
def test_force_puts_corrected_dependencies_on_the_page_and_into_the_bundle_of_0_x(
    before: Sequence[str], after: Sequence[str], empty: Workspace
) -> None:
    publish(empty, bundle(empty, *before))
    empty.run("yank", "alpha:1.0.0", "--reason", "bad", "-b", empty.url)
    (old,) = entries(empty)
    right = bundle(empty, *after)
    assert publish(empty, "--force", "--strict", right) == f"replaced {right.name}\n"
    (new,) = entries(empty)
    assert new == {**old, "_pipper": {**old["_pipper"], "dependencies": list(after)}}
    assert for_0_x(empty)["dependencies"] == list(after)
    sound(empty)
    assert publish(empty, right) == f"already published {right.name}\n"


def test_a_lock_stays_as_it_is_and_upgrading_the_package_takes_the_corrected_dependencies(
    empty: Workspace,
) -> None:
    publish(empty, bundle(empty, "beta"), empty.wheel("beta"), empty.wheel("gamma"))
    empty.write_manifest("alpha")
    empty.run("lock")
    publish(empty, "--force", bundle(empty, "gamma"))
    empty.run("lock", "--check")
    empty.run("sync")
    assert empty.installed() == {"alpha": "1.0.0", "beta": "1.0.0"}
    empty.run("lock", "-P", "alpha")
    empty.run("sync")
    assert empty.installed() == {"alpha": "1.0.0", "gamma": "1.0.0"}


def test_the_same_dependencies_in_another_order_are_the_same_content(empty: Workspace) -> None:
    publish(empty, bundle(empty, "beta", "gamma"))
    before = empty.state()
    assert publish(empty, bundle(empty, "gamma", "beta")).startswith("already published")
    empty.compare(before, but="O")


def test_a_bundle_after_its_wheel_is_a_conflict_for_its_dependencies_would_be_lost(empty: Workspace) -> None:
    wheel = empty.wheel("alpha")
    publish(empty, wheel)
    assert publish(empty, bundle(empty)).startswith("already published")
    full = bundle(empty, "beta")
    empty.refused("publish", full, "-b", empty.url, code=7, subject="published with other dependencies")
    assert publish(empty, "-f", full) == f"replaced {full.name}\n"
    assert (on_page(empty), for_0_x(empty)["dependencies"]) == (["beta"], ["beta"])


@pytest.mark.parametrize("words", [(), ("--force",)], ids=["", "by force"])
def test_a_wheel_after_its_bundle_takes_no_dependencies_away(words: Sequence[str], empty: Workspace) -> None:
    wheel = empty.wheel("alpha")
    publish(empty, bundle(empty, "beta"))
    before = empty.state()
    assert publish(empty, *words, wheel) == f"already published {wheel.name}\n"
    empty.compare(before)


def test_a_wheel_makes_no_bundle_without_the_dependencies_that_the_page_has(empty: Workspace) -> None:
    publish(empty, bundle(empty, "beta"))
    (stored,) = empty.repository.rglob("*.pipper")
    stored.unlink()  # as if the publisher had been killed before
    told = publish(empty, empty.wheel("alpha"))
    assert "publish the bundle" in told
    assert f"already published {WHEEL}" in told
    assert not stored.exists()
    publish(empty, bundle(empty, "beta"))
    assert for_0_x(empty)["dependencies"] == ["beta"]


def test_a_wheel_with_other_bytes_in_the_place_of_one_with_dependencies_is_told(empty: Workspace) -> None:
    publish(empty, bundle(empty, "beta"))
    other = empty.wheel("alpha", files={"alpha/__init__.py": "other = 1\n"})
    told = publish(empty, "--force", other)
    assert told.count("takes the place of a wheel with dependencies of a bundle") == 1
    assert f"replaced {WHEEL}" in told
    assert (on_page(empty), for_0_x(empty).get("dependencies")) == ([], None)
    assert "takes the place" not in publish(empty, "--force", empty.wheel("alpha"))


@pytest.fixture
def old(empty: Workspace) -> Workspace:
    """A repository of 0.x with a bundle of alpha that depends on beta."""
    folder = empty.repository / "alpha"
    folder.mkdir(parents=True)
    (empty.repository / "pipper-repository.json").write_text(json.dumps({"format": 1}))
    bundle(empty, "beta").rename(folder / "v1-0-0.pipper")
    return empty


def test_a_wheel_that_0_x_published_in_a_bundle_keeps_its_dependencies_on_the_page(old: Workspace) -> None:
    assert publish(old, old.wheel("alpha")) == f"published {WHEEL}\n"
    assert (on_page(old), for_0_x(old)["dependencies"]) == (["beta"], ["beta"])
    sound(old)


def test_a_bundle_of_0_x_with_other_dependencies_is_a_conflict(old: Workspace) -> None:
    right = bundle(old, "gamma")
    old.refused("publish", right, "-b", old.url, code=7, subject="published with other dependencies")
    publish(old, "--force", right)
    assert (on_page(old), for_0_x(old)["dependencies"]) == (["gamma"], ["gamma"])


def test_a_force_that_ended_before_the_bundle_is_told_by_check_and_finished_by_force(
    empty: Workspace,
) -> None:
    publish(empty, bundle(empty, "beta"))
    (stored,) = empty.repository.rglob("*.pipper")
    before = stored.read_bytes()
    right = bundle(empty, "gamma")
    publish(empty, "--force", right)
    stored.unlink()
    stored.write_bytes(before)
    told = empty.run("repository", "check", "-b", empty.url, code=1).stdout
    assert "conflict: alpha/v1-0-0.pipper: it has other dependencies than its wheel on the page" in told
    assert "v1-0-0.pipper has other dependencies than the page" in publish(empty, right, code=7)
    assert "other dependencies than the page" in publish(empty, empty.wheel("alpha"))
    assert publish(empty, "--force", right) == f"already published {right.name}\n"
    assert for_0_x(empty)["dependencies"] == ["gamma"]
    sound(empty)


@pytest.mark.parametrize("kind", ["bytes", "dependencies"])
def test_of_two_forces_the_bundle_is_that_of_the_page_and_the_other_one_is_told(
    kind: str, empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(empty, bundle(empty, "delta"))
    if kind == "bytes":
        mine, theirs = (
            bundle(empty, name, wheel=empty.wheel("alpha", files={"alpha/__init__.py": f"{name} = 1\n"}))
            for name in ("beta", "gamma")
        )
    else:
        mine, theirs = bundle(empty, "beta"), bundle(empty, "gamma")
    store_bundles = Publisher.store_bundles

    def overtaken(*args: Any) -> Any:
        monkeypatch.undo()
        publish(empty, "--force", theirs)
        return store_bundles(*args)

    monkeypatch.setattr(Publisher, "store_bundles", overtaken)
    told = publish(empty, "--force", mine, code=7)
    assert f"{WHEEL} was published, and is not what the page names any more" in told
    (stored,) = empty.repository.rglob("*.pipper")
    assert stored.read_bytes() == theirs.read_bytes()
    sound(empty)


@pytest.mark.parametrize("layout_format", [1, 2])
@pytest.mark.parametrize("step", ["upload", "store_bundles"])
def test_a_version_that_is_pruned_while_it_is_published_again_does_not_come_back_for_0_x(
    step: str, layout_format: int, empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.repository.mkdir(parents=True, exist_ok=True)
    (empty.repository / "pipper-repository.json").write_text(json.dumps({"format": layout_format}))
    older, newer = empty.wheel("alpha"), empty.wheel("alpha", "2.0.0")
    publish(empty, older)
    (stored,) = empty.repository.rglob("*.pipper")
    real = getattr(Publisher, step)

    def overtaken(*args: Any) -> Any:
        monkeypatch.undo()
        empty.run("repository", "prune", "alpha:1.0.0", "-b", empty.url)
        return real(*args)

    monkeypatch.setattr(Publisher, step, overtaken)
    told = publish(empty, older, newer, code=7)
    assert f"{WHEEL} was published, and is not what the page names any more" in told
    assert "published alpha-2.0.0-py3-none-any.whl" in told
    assert "already published" not in told
    assert [each.name for each in empty.repository.rglob("*.pipper")] == ["v2-0-0.pipper"]
    sound(empty)
    assert publish(empty, older) == f"published {WHEEL}\n"
    assert stored.exists()


def test_a_force_whose_bundle_is_replaced_meanwhile_replaces_it_again(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one, whose wheel the page had before, was slow."""
    late = bundle(empty, "beta")
    publish(empty, late)
    right = bundle(empty, "gamma")
    replace = DirectoryStore.replace

    def slowed(self: DirectoryStore, key: str, *args: Any, **options: Any) -> str:
        if key.endswith(".pipper"):
            monkeypatch.undo()
            (stored,) = empty.repository.rglob("*.pipper")
            stored.unlink()
            stored.write_bytes(bundle(empty, "delta").read_bytes())
        return replace(self, key, *args, **options)

    monkeypatch.setattr(DirectoryStore, "replace", slowed)
    publish(empty, "--force", right)
    assert for_0_x(empty)["dependencies"] == ["gamma"]
    sound(empty)


@pytest.mark.parametrize("dependencies", [(), ("beta",)], ids=["", "with dependencies"])
def test_a_damaged_bundle_in_the_repository_is_replaced_by_force(
    dependencies: Sequence[str], empty: Workspace
) -> None:
    right, wheel = bundle(empty, *dependencies), empty.wheel("alpha")
    publish(empty, right)
    (stored,) = empty.repository.rglob("*.pipper")
    stored.write_bytes(stored.read_bytes()[:300])
    told = empty.run("repository", "repair", "-b", empty.url, code=1)
    assert "damaged bundle: alpha/v1-0-0.pipper" in told.stdout + told.stderr
    assert "publish the version again with --force" in told.stdout + told.stderr
    assert "publish it with --force to replace it" in publish(empty, right, code=4)
    if dependencies:
        told_of_wheel = publish(empty, "--force", wheel, code=4)
        assert "publish its bundle, which names its dependencies, with --force" in told_of_wheel
    publish(empty, "--force", right)
    assert for_0_x(empty)["dependencies"] == list(dependencies)
    sound(empty)


def test_a_secret_in_dependencies_is_not_told(empty: Workspace) -> None:
    publish(empty, bundle(empty, "beta"))
    wheel = empty.wheel("alpha")
    secret = write_bundle(
        wheel,
        filename=wheel.name,
        output=empty.root,
        manifest={"dependencies": [f"beta @ https://ann:{'pass' * 60}word@files.example.com/beta.whl"]},
    )
    assert "passpass" not in publish(empty, secret, code=7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tag": "py3-none-any"}, {"tag": "py2-none-any"}),
        ({"tag": "py38-none-any"}, {"tag": "py310-none-any"}),
        ({"tag": "py2.py3-none-any"}, {"tag": "py3-none-any"}),
        ({"tag": "py310-none-any"}, {"tag": "cp39-none-any"}),
        ({"build": "10"}, {"build": "9"}),
        ({"build": "1"}, {}),
    ],
    ids=lambda parts: "-".join(parts.values()),
)
def test_of_several_wheels_for_every_platform_one_goes_into_the_bundle_and_all_are_published(
    first: dict[str, str], second: dict[str, str], empty: Workspace
) -> None:
    wheels = sorted((empty.wheel("alpha", **first), empty.wheel("alpha", **second)))
    assert publish(empty, *wheels) == "".join(f"published {wheel.name}\n" for wheel in wheels)
    assert len(entries(empty)) == 2
    assert for_0_x(empty)["wheel_name"] == empty.wheel("alpha", **first).name
    before = empty.state()
    for words in ((), ("--force",)):
        told = publish(empty, *words, *wheels)
        assert told == "".join(f"already published {wheel.name}\n" for wheel in wheels)
    empty.compare(before)
    sound(empty)


def test_the_wheel_that_was_bundled_first_stays_in_the_bundle(empty: Workspace) -> None:
    two, three = (empty.wheel("alpha", tag=f"py{number}-none-any") for number in (2, 3))
    publish(empty, two)
    assert publish(empty, two, three) == f"already published {two.name}\npublished {three.name}\n"
    publish(empty, "--force", three)
    assert for_0_x(empty)["wheel_name"] == two.name


def test_when_the_bundled_wheel_is_replaced_so_is_the_bundle(empty: Workspace) -> None:
    two, three = (empty.wheel("alpha", tag=f"py{number}-none-any") for number in (2, 3))
    publish(empty, two, three)
    other = empty.wheel("alpha", requires=["beta"])
    publish(empty, "--force", two, other)
    (path,) = empty.repository.rglob("*.pipper")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("package.whl") == other.read_bytes()
    sound(empty)


def test_a_bundle_with_another_wheel_of_its_version_takes_the_place_by_force_alone(empty: Workspace) -> None:
    two, three = (empty.wheel("alpha", tag=f"py{number}-none-any") for number in (2, 3))
    publish(empty, three)
    given = bundle(empty, wheel=two)
    told = publish(empty, given, code=7)
    assert f"v1-0-0.pipper contains {three.name}, and yours {two.name}" in told
    assert publish(empty, two) == f"already published {two.name}\n"
    publish(empty, "--force", given)
    assert for_0_x(empty)["wheel_name"] == two.name
    assert publish(empty, three) == f"already published {three.name}\n"
    sound(empty)


def test_a_wheel_beside_the_one_that_0_x_bundled_is_no_conflict_once_both_are_published(
    old: Workspace,
) -> None:
    two, three = old.wheel("alpha", tag="py2-none-any"), old.wheel("alpha")
    old.refused("publish", two, "-b", old.url, code=7, subject="alpha 1.0.0 is published with other bytes")
    assert publish(old, two, three) == f"published {two.name}\npublished {three.name}\n"
    assert (on_page(old), on_page(old, two.name)) == (["beta"], [])
    sound(old)


def test_a_platform_wheel_that_0_x_bundled_is_published_together_with_one_for_every_platform(
    old: Workspace,
) -> None:
    native = old.wheel("alpha", "2.0.0", tag="cp310-cp310-linux_x86_64")
    shutil.copy(bundle(old, wheel=native), old.repository / "alpha" / "v2-0-0.pipper")
    pure = old.wheel("alpha", "2.0.0")
    assert set(publish(old, pure, native).splitlines()) == {
        f"published {native.name}",
        f"published {pure.name}",
    }
    sound(old)


def bundle_of_0_x(workspace: Workspace, version: str, body: str = "first") -> Path:
    """A bundle of foo-bar with a version as 0.x writes it, in semantic versioning."""
    wheel = workspace.wheel("foo_bar", version.replace("-", ""), files={"foo_bar/__init__.py": f"{body} = 1"})
    folder = workspace.root / "bundles" / body
    folder.mkdir(parents=True, exist_ok=True)
    path = write_bundle(wheel, filename=wheel.name, output=folder)
    with zipfile.ZipFile(path) as archive:
        held, meta = archive.read("package.whl"), json.loads(archive.read("package.meta"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package.whl", held)
        archive.writestr("package.meta", json.dumps(meta | {"version": version}))
    return path


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        ("1.1.0", ["Foo_Bar/v1-1-0"]),
        ("1.1.0", ["foo_bar/v1-1-0"]),
        ("1.1.0", ["Foo_Bar/v1-1-0", "foo_bar/v1-1-0"]),
        ("1.1.0-rc1", ["Foo_Bar/v1-1-0__pre_rc_1"]),
        ("1.1.0-rc1", ["Foo_Bar/v1-1-0__pre_rc1", "foo_bar/v1-1-0__pre_rc_1"]),
    ],
)
def test_force_replaces_every_bundle_of_a_version_whatever_0_x_called_it(
    version: str, keys: Sequence[str], empty: Workspace
) -> None:
    old, first = bundle_of_0_x(empty, version, "old"), bundle_of_0_x(empty, "1.0.0")
    stored = [empty.repository / f"{key}.pipper" for key in keys]
    for path, source in [
        (empty.repository / "Foo_Bar/v1-0-0.pipper", first),
        *((each, old) for each in stored),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
    (empty.repository / "pipper-repository.json").write_text(json.dumps({"format": 1}))
    empty.run("repository", "repair", "-b", empty.url)
    sound(empty)
    right = bundle_of_0_x(empty, version, "new")
    assert right.read_bytes() != old.read_bytes()
    publish(empty, "--force", right)
    assert {path.read_bytes() for path in stored} == {right.read_bytes()}
    assert len(list(empty.repository.rglob("*.pipper"))) == 1 + len(stored)
    sound(empty)
    assert publish(empty, right) == f"already published {right.name}\n"
