"""`pipper publish`: what is sent, what is told of each file, and who wins."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipper.wheels.bundle import write_bundle
from tests.invariants import Workspace
from tests.s3_double import LostAnswer, Rule, S3Double, Seen


def versions(workspace: Workspace, name: str) -> list[str]:
    page = json.loads((workspace.repository / name / "index.json").read_text())
    found: list[str] = page["versions"]
    return found


def other(workspace: Workspace, name: str, version: str = "1.0.0") -> Path:
    """A wheel of the same name and version with other bytes."""
    path = workspace.root / "other"
    path.mkdir(exist_ok=True)
    made = workspace.wheel(name, version, files={f"{name}/__init__.py": "other = True\n"})
    return made.rename(path / made.name)


def test_each_file_is_told_and_stdout_is_empty(empty: Workspace) -> None:
    wheels = [empty.wheel("alpha"), empty.wheel("beta")]
    done = empty.run("publish", *wheels, "-b", empty.url)
    assert done.stdout == ""
    assert done.stderr.splitlines()[1:] == [
        "published alpha-1.0.0-py3-none-any.whl",
        "published beta-1.0.0-py3-none-any.whl",
    ]
    assert json.loads((empty.repository / "pipper-repository.json").read_text()) == {"format": 2}


def test_the_same_file_again_is_already_published(workspace: Workspace) -> None:
    before = workspace.state()
    done = workspace.run("publish", workspace.wheel("beta"), "-b", workspace.url)
    assert done.stderr.endswith("\nalready published beta-1.0.0-py3-none-any.whl\n")
    workspace.compare(before)


def test_with_strict_the_same_file_again_is_a_conflict(workspace: Workspace) -> None:
    wheel = workspace.wheel("beta")
    for option in ("--strict", "--skip-fails"):
        workspace.refused(
            "publish",
            option,
            wheel,
            "-b",
            workspace.url,
            code=7,
            subject=f"{wheel.name} is already published",
        )


def test_other_bytes_under_the_same_name_are_a_conflict(workspace: Workspace) -> None:
    wheel = other(workspace, "beta")
    done = workspace.refused(
        "publish", wheel, "-b", workspace.url, code=7, subject=f"{wheel.name} is published with other bytes"
    )
    assert "--force" in done.stderr


def test_force_replaces_and_locks_made_before_still_sync(workspace: Workspace) -> None:
    wheel = other(workspace, "beta")
    done = workspace.run("publish", "--force", wheel, "-b", workspace.url)
    assert done.stderr.endswith(f"\nreplaced {wheel.name}\n")
    workspace.run("sync", "-t", "out")
    assert "other" not in (workspace.app / "out" / "beta" / "__init__.py").read_text()
    workspace.run("lock", "-P", "beta")
    workspace.run("sync", "-t", "out")
    assert "other" in (workspace.app / "out" / "beta" / "__init__.py").read_text()


def test_a_version_written_in_another_way_is_the_same_version(workspace: Workspace) -> None:
    wheel = workspace.wheel("beta", "1.0", files={"beta/__init__.py": "other = True\n"})
    done = workspace.refused("publish", wheel, "-b", workspace.url, code=7, subject="beta-1.0")
    assert "is published with other bytes" in done.stderr


def test_all_files_are_tried_and_the_gravest_code_wins(workspace: Workspace) -> None:
    damaged = workspace.root / "wheels" / "gone-1.0.0-py3-none-any.whl"
    damaged.write_bytes(b"no zip")
    folder = workspace.root / "nothing"
    folder.mkdir()
    good = workspace.wheel("epsilon")
    done = workspace.run(
        "publish",
        *(folder, workspace.root / "absent.whl", damaged, other(workspace, "beta"), good),
        "-b",
        workspace.url,
        code=4,
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 4
    for subject in ("neither a bundle nor a wheel", "absent.whl: no such file", damaged.name, "beta-1.0.0"):
        assert any(subject in line for line in errors)
    assert "published epsilon-1.0.0-py3-none-any.whl" in done.stderr
    assert versions(workspace, "epsilon") == ["1.0.0"]


def test_a_file_named_twice_is_published_once(empty: Workspace) -> None:
    wheel = empty.wheel("alpha")
    done = empty.run("publish", wheel, wheel, wheel.parent, "-b", empty.url)
    assert done.stderr.splitlines()[1:] == [f"published {wheel.name}"]
    assert versions(empty, "alpha") == ["1.0.0"]


def test_U_publish_takes_all_of_a_directory_and_names_what_it_leaves_out(empty: Workspace) -> None:
    wheel = empty.wheel("alpha")
    empty.publish(wheel)
    (bundle,) = empty.repository.glob("alpha/v1-0-0.pipper")
    dist = empty.app / "dist"
    (dist / ".pipper").mkdir(parents=True)
    newest = bundle.rename(dist / "alpha-v1-0-0.pipper")
    (dist / "alpha-v0-9-0.pipper").write_bytes(b"not looked at")
    shutil.copy(wheel, dist)
    shutil.copy(empty.wheel("alpha", "1.1.0"), dist)
    shutil.copy(empty.wheel("beta"), dist)
    (dist / "beta-1.0.0.tar.gz").write_bytes(b"")
    second = empty.root / "second"
    done = empty.run("publish", "-b", second)
    assert done.stderr.splitlines() == [
        f"Publishing 3 files to {second.as_uri()}",
        f"published {newest.name}",
        f"skipped {wheel.name}: {newest.name} holds a wheel of that name",
        "published alpha-1.1.0-py3-none-any.whl",
        "published beta-1.0.0-py3-none-any.whl",
        f"skipped alpha-v0-9-0.pipper: {newest.name} has a higher version",
        "skipped beta-1.0.0.tar.gz: it is neither a bundle nor a wheel",
    ]
    assert (second / "alpha" / "v1-0-0.pipper").read_bytes() == newest.read_bytes()


def bundles_in(folder: Path, workspace: Workspace, *versions: str) -> list[Path]:
    """Bundles of alpha, each file newer than the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [
        write_bundle(wheel, filename=wheel.name, output=folder)
        for wheel in (workspace.wheel("alpha", version) for version in versions)
    ]
    for time, bundle in enumerate(made, 1):
        os.utime(bundle, (time, time))
    return made


@pytest.mark.parametrize("lower", ["1.0.0", "9.9.0", "10.0.0rc1", "9.9"])
def test_of_several_bundles_the_highest_version_goes_whenever_it_was_built(
    lower: str, empty: Workspace
) -> None:
    highest, older = bundles_in(empty.app / "dist", empty, "10.0.0", lower)
    done = empty.run("publish", "dist", "-b", empty.url)
    assert done.stderr.splitlines()[1:] == [
        f"published {highest.name}",
        f"skipped {older.name}: {highest.name} has a higher version",
    ]
    assert versions(empty, "alpha") == ["10.0.0"]


def test_an_epoch_counts_though_the_name_of_a_bundle_does_not_show_it(empty: Workspace) -> None:
    bundles_in(empty.app / "dist", empty, "1!0.1.0", "2.0.0")
    empty.run("publish", "dist", "-b", empty.url)
    assert versions(empty, "alpha") == ["1!0.1.0"]


def test_a_damaged_bundle_of_the_highest_version_is_an_error_and_no_lower_one_takes_its_place(
    empty: Workspace,
) -> None:
    highest, _ = bundles_in(empty.app / "dist", empty, "2.0.0", "1.0.0")
    highest.write_bytes(b"no zip")
    empty.refused("publish", "dist", "-b", empty.url, code=4, subject=highest.name)
    assert not (empty.repository / "alpha").exists()


def test_of_bundles_whose_version_nothing_tells_the_newest_file_goes(empty: Workspace) -> None:
    (empty.app / "dist").mkdir(parents=True)
    for time, name in enumerate(("alpha-vx.pipper", "alpha-vy.pipper"), 1):
        (empty.app / "dist" / name).write_bytes(b"no zip")
        os.utime(empty.app / "dist" / name, (time, time))
    done = empty.refused("publish", "dist", "-b", empty.url, code=4, subject="alpha-vy.pipper")
    assert "skipped alpha-vx.pipper: alpha-vy.pipper is the newer file" in done.stderr
    shutil.copy(bundles_in(empty.app / "made", empty, "1.0.0")[0], empty.app / "dist")
    done = empty.run("publish", "dist", "-b", empty.url)
    reason = "its version is unknown, and alpha-v1-0-0.pipper has one"
    assert f"skipped alpha-vy.pipper: {reason}" in done.stderr


def test_U_publish_without_a_path_and_without_dist_says_so(empty: Workspace) -> None:
    done = empty.refused("publish", "-b", empty.url, code=2, subject="dist: no such file")
    assert "run `pipper bundle -o dist` first" in done.stderr
    assert "Publishing" not in done.stderr


def test_without_a_path_and_without_dist_the_bundle_that_lies_here_is_named(empty: Workspace) -> None:
    (bundle,) = bundles_in(empty.app, empty, "1.0.0")
    done = empty.refused("publish", "-b", empty.url, code=2, subject="dist: no such file")
    assert f"{bundle.name} is beside it" in done.stderr
    assert f"hint: run `pipper publish {bundle.name}`" in done.stderr


def test_without_a_path_a_bundle_beside_dist_is_named_as_left_out(empty: Workspace) -> None:
    bundles_in(empty.app / "dist", empty, "1.0.0")
    (fresh,) = bundles_in(empty.app, empty, "5.0.0")
    shutil.copy(empty.app / "dist" / "alpha-v1-0-0.pipper", empty.app)
    done = empty.run("publish", "-b", empty.url)
    assert done.stderr.splitlines()[1:] == [
        "published alpha-v1-0-0.pipper",
        f"skipped {fresh.name}: it is not in dist; publish it with `pipper publish {fresh.name}`",
    ]


def test_a_source_tree_is_never_hinted_at_as_the_place_of_its_bundle(empty: Workspace) -> None:
    (empty.app / "sources").mkdir(parents=True)
    (empty.app / "sources" / "pyproject.toml").touch()
    done = empty.refused(
        "publish", "sources", "-b", empty.url, code=2, subject="neither a bundle nor a wheel"
    )
    assert "sources -o dist`, then `pipper publish dist`" in done.stderr


def test_a_dry_run_tells_on_stdout_and_sends_nothing(workspace: Workspace) -> None:
    before = workspace.state()
    new = workspace.wheel("epsilon")
    before = workspace.state()
    done = workspace.run("publish", "--dry-run", new, workspace.wheel("beta"), "-b", workspace.url)
    assert done.stdout == f"would publish {new.name}\nalready published beta-1.0.0-py3-none-any.whl\n"
    workspace.compare(before)


@pytest.mark.parametrize("version", ["1.2", "1.2.3rc1", "1.2.3.post4", "1!2.0.0", "1.2.3.dev1"])
def test_a_version_that_semver_cannot_write_has_no_bundle(version: str, empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha", version))
    assert versions(empty, "alpha") == [version]
    assert list(empty.repository.rglob("*.pipper")) == []


def test_a_platform_wheel_has_no_bundle_and_a_pure_one_has(empty: Workspace) -> None:
    empty.publish(
        empty.wheel("alpha", "1.0.0+local.1"), empty.wheel("beta", tag="py3-none-win_amd64", purelib=False)
    )
    (bundle,) = empty.repository.rglob("*.pipper")
    assert bundle == empty.repository / "alpha" / "v1-0-0__build_local_1.pipper"
    assert sorted(zipfile.ZipFile(bundle).namelist()) == ["package.meta", "package.whl"]


def test_many_wheels_of_one_version_go_on_one_page(empty: Workspace) -> None:
    empty.publish(
        empty.wheel("alpha"),
        *(empty.wheel("alpha", tag=f"py3-none-{tag}", purelib=False) for tag in ("win32", "win_amd64")),
    )
    page = json.loads((empty.repository / "alpha" / "index.json").read_text())
    assert len(page["files"]) == 3
    assert page["versions"] == ["1.0.0"]


def test_the_page_says_what_the_wheel_needs(empty: Workspace) -> None:
    empty.publish(
        empty.wheel("alpha", requires=["beta>=1"], requires_python=">=3.9", extras={"x": ["gamma"]})
    )
    (file,) = json.loads((empty.repository / "alpha" / "index.json").read_text())["files"]
    assert file["requires-python"] == ">=3.9"
    assert file["_pipper"]["requires-dist"][0] == "beta>=1"
    assert file["_pipper"]["provides-extra"] == ["x"]
    key = empty.repository / "alpha" / file["url"]
    assert key.is_file()
    assert key.with_name(key.name + ".metadata").read_text().startswith("Metadata-Version: ")


def test_without_a_repository_the_ways_to_name_one_are_told(empty: Workspace) -> None:
    done = empty.refused("publish", empty.wheel("alpha"), code=2, subject="no repository is named")
    assert "-b" in done.stderr


def test_with_two_repositories_in_the_manifest_one_must_be_named(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", more="drop = 'file:../drop'\n")
    done = workspace.refused("publish", workspace.wheel("epsilon"), code=2, subject="several repositories")
    assert "`acme` and `drop`" in done.stderr


def test_the_repository_of_the_project_is_the_default(workspace: Workspace) -> None:
    workspace.run("publish", workspace.wheel("epsilon"))
    assert versions(workspace, "epsilon") == ["1.0.0"]


def test_what_is_neither_wheel_nor_bundle_is_refused(workspace: Workspace) -> None:
    file = workspace.root / "alpha-1.0.0.tar.gz"
    file.write_bytes(b"")
    workspace.refused("publish", file, "-b", workspace.url, code=2, subject="neither a wheel nor a bundle")


def test_a_name_too_long_for_the_disk_is_an_error_of_the_machine(workspace: Workspace) -> None:
    workspace.refused("publish", "a" * 300, "-b", workspace.url, code=8, subject="cannot read")


def test_an_interrupted_publish_is_completed_by_the_same_command(workspace: Workspace) -> None:
    wheel = workspace.wheel("epsilon")
    workspace.publish(wheel)
    whole = workspace.state()
    for left in ("epsilon/v1-0-0.pipper", "epsilon/index.json"):
        (workspace.repository / left).unlink()
    assert "published" in workspace.run("publish", wheel).stderr
    (workspace.repository / "epsilon" / "v1-0-0.pipper").unlink()
    assert "already published" in workspace.run("publish", wheel).stderr
    assert set(workspace.state().B) == set(whole.B)


def test_a_published_wheel_whose_file_or_METADATA_is_gone_is_stored_again(workspace: Workspace) -> None:
    wheel = workspace.wheel("epsilon", tag="cp311-cp311-linux_x86_64")
    workspace.publish(wheel)
    (stored,) = workspace.repository.rglob(wheel.name)
    stored.unlink()
    told = workspace.run("publish", wheel).stderr
    assert f"{wheel.name} was published and did not exist: stored it again" in told
    assert f"already published {wheel.name}" in told
    assert stored.read_bytes() == wheel.read_bytes()
    metadata = stored.with_name(f"{wheel.name}.metadata")
    whole = metadata.read_bytes()
    metadata.unlink()
    assert "stored it again" in workspace.run("publish", wheel).stderr
    assert metadata.read_bytes() == whole
    stored.write_bytes(wheel.read_bytes()[:100])
    workspace.refused("publish", wheel, code=4, subject=f"{wheel.name} is damaged")


def test_a_lost_answer_is_no_conflict_with_strict(remote: Workspace, double: S3Double) -> None:
    double.script(Rule(operation="PutObject", key="*/index.json", fault=LostAnswer()))
    done = remote.run("publish", "--strict", remote.wheel("epsilon"), "-b", remote.url)
    assert "already published" not in done.stderr


def test_an_acl_that_S3_does_not_know_is_named_and_nothing_is_sent(empty: Workspace) -> None:
    wheel = empty.wheel("alpha")
    done = empty.refused("publish", wheel, "-b", empty.url, "--acl", "nonsense", code=2, subject="nonsense")
    assert "bucket-owner-full-control" in done.stderr


def request(seen: Seen) -> str:
    """A request in one line: verb, key below the prefix, and condition."""
    verb = {"GetObject": "GET", "HeadObject": "HEAD", "PutObject": "PUT", "ListObjectsV2": "LIST"}[
        seen.operation
    ]
    key = (seen.key or seen.query["prefix"]).removeprefix("pipper/")
    condition = next((f" {name}" for name in ("if-match", "if-none-match") if name in seen.headers), "")
    return f"{verb} {re.sub('[0-9a-f]{16}', 'SHA', key)}{condition}"


def requests(workspace: Workspace, *wheels: Path) -> list[str]:
    """What `publish` asks of the bucket, in order; the first two requests go at once."""
    assert workspace.server
    workspace.server.forget()
    workspace.publish(*wheels)
    made = [request(seen) for seen in workspace.server.seen]
    return [*sorted(made[:2]), *made[2:]]


OPENING = ["GET pipper-repository.json", "LIST "]
"""Which format, and which projects are there."""
CONDITIONS = ["PUT pipper-repository.json if-none-match", "PUT pipper-repository.json if-match"]
"""Both must be refused, before any condition is relied on."""


def files(name: str, version: str) -> list[str]:
    """The wheel and its METADATA."""
    key = f"PUT {name}/SHA/{name}-{version}-py3-none-any.whl"
    return [f"{key} if-none-match", f"{key}.metadata if-none-match"]


def test_publish_makes_no_request_more_than_it_needs(tmp_path: Path, double: S3Double) -> None:
    remote = Workspace(root=tmp_path / "w", server=double, bucket=double.endpoint.fresh_bucket())
    assert requests(remote, remote.wheel("alpha", "1.0.0")) == [
        *OPENING,
        "PUT pipper-repository.json if-match",
        "PUT pipper-repository.json if-none-match",
        *CONDITIONS,
        *files("alpha", "1.0.0"),
        "PUT alpha/index.json if-none-match",
        "GET alpha/index.json if-none-match",
        "PUT alpha/v1-0-0.pipper if-none-match",
    ]
    assert requests(remote, remote.wheel("alpha", "1.1.0")) == [
        *OPENING,
        *CONDITIONS,
        "GET alpha/index.json",
        *files("alpha", "1.1.0"),
        "PUT alpha/index.json if-match",
        "LIST alpha/",
        "GET alpha/index.json if-none-match",
        "PUT alpha/v1-1-0.pipper if-none-match",
    ]
    assert requests(remote, remote.wheel("alpha", "1.1.0")) == [
        *OPENING,
        *CONDITIONS,
        "GET alpha/index.json",
        "HEAD alpha/SHA/alpha-1.1.0-py3-none-any.whl",
        "HEAD alpha/SHA/alpha-1.1.0-py3-none-any.whl.metadata",
        "LIST alpha/",
        "GET alpha/v1-1-0.pipper",
    ]
    assert requests(remote, remote.wheel("beta", "1.0.0")) == [
        *OPENING,
        *CONDITIONS,
        *files("beta", "1.0.0"),
        "PUT beta/index.json if-none-match",
        "GET beta/index.json if-none-match",
        "PUT beta/v1-0-0.pipper if-none-match",
    ]


WATCHED = """
import json, os, sys
from pathlib import Path
from pipper.cli import main
from pipper.wheels.gate import WheelFile

out, opened, verified = Path(sys.argv.pop(1)), [], []

def note(event, args):
    if event == "open" and str(args[0]).endswith((".whl", ".pipper")):
        opened.append(os.path.basename(args[0]))

def verify(wheel, real=WheelFile.verify):
    verified.append(wheel.filename)
    real(wheel)

sys.addaudithook(note)
WheelFile.verify = verify
try:
    main()
finally:
    out.write_text(json.dumps([opened, verified]))
"""
"""`pipper`, with a note of each file that is opened and of each wheel that is verified."""


def reads(workspace: Workspace, path: Path) -> tuple[list[str], list[str]]:
    """The wheels and bundles that publishing `path` opens, in order, and the wheels that it verifies."""
    out = workspace.root / "reads.json"
    subprocess.run(
        [sys.executable, "-c", WATCHED, out, "publish", path, "-b", workspace.url],
        cwd=workspace.app,
        env=workspace.environment,
        check=True,
        capture_output=True,
    )
    opened, verified = json.loads(out.read_text())
    return opened, verified


def test_each_file_is_verified_and_hashed_once(tmp_path: Path, double: S3Double) -> None:
    remote = Workspace(root=tmp_path / "w", server=double, bucket=double.endpoint.fresh_bucket())
    pure = remote.wheel("alpha", "1.0.0")
    # Once for the gate, the hash and the copy into the bundle, and once for each upload.
    assert reads(remote, pure) == (
        [pure.name, pure.name, "alpha-v1-0-0.pipper"],
        [pure.name],
    )
    native = remote.wheel("alpha", "1.1.0", tag="cp311-cp311-linux_x86_64")
    assert reads(remote, native) == ([native.name, native.name], [native.name])
    wheel = remote.wheel("alpha", "1.2.0")
    bundle = write_bundle(wheel, filename=wheel.name, output=tmp_path)
    # The wheel is hashed while it is taken out.
    assert reads(remote, bundle) == (
        [bundle.name, "package.whl", "package.whl", "package.whl", bundle.name],
        [wheel.name],
    )
