"""Wheels and bundles that are not what they claim (H22, H24): refused at publish, at lock and at sync."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.invariants import Workspace
from tests.wheelhouse import record_lines, record_of, wheel_members, write_wheel

NAME = "epsilon-1.0.0-py3-none-any.whl"
INFO = "epsilon-1.0.0.dist-info"
Lines = list[tuple[str, str, str]]


def _first(lines: Lines, digest: str, size: str) -> bytes:
    path = lines[0][0]
    return record_of([(path, digest, size), *lines[1:]])


RECORDS: Mapping[str, Callable[[Lines], bytes]] = {
    "member missing": lambda lines: record_of(lines[1:]),
    "wrong hash": lambda lines: _first(lines, "sha256=" + "A" * 43, lines[0][2]),
    "no hash": lambda lines: _first(lines, "", lines[0][2]),
    "md5": lambda lines: _first(lines, "md5=" + "A" * 22, lines[0][2]),
    "itself": lambda lines: record_of([*lines[:-1], (lines[-1][0], "sha256=" + "A" * 43, "10")]),
    "wrong size": lambda lines: _first(lines, lines[0][1], "7"),
    "invalid csv": lambda lines: b'"unfinished,,\n' + record_of(lines),
    "too few fields": lambda lines: b"lonely\n" + record_of(lines),
    "absent file": lambda lines: record_of([("epsilon/ghost.py", "sha256=" + "A" * 43, "1"), *lines]),
    "outside": lambda lines: record_of([("../../../victim.txt", "", ""), *lines]),
}


def bad_record(folder: Path, case: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    members = wheel_members("epsilon", "1.0.0")
    if case == "absent":
        path = folder / NAME
        with zipfile.ZipFile(path, "w") as archive:
            for member, body in members.items():
                archive.writestr(member, body)
        return path
    return write_wheel(folder / NAME, members, record=RECORDS[case](record_lines(members)))


def disagreeing(folder: Path, case: str) -> Path:
    """A wheel whose file name, folder and METADATA do not say the same."""
    folder.mkdir(parents=True, exist_ok=True)
    members = wheel_members("epsilon", "1.0.0")
    other = {"name": ("Name: epsilon", "Name: zeta"), "version": ("Version: 1.0.0", "Version: 2.0.0")}
    if case == "file name":
        return write_wheel(folder / "zeta-1.0.0-py3-none-any.whl", members)
    if case == "dist-info":
        moved = {path.replace(INFO, "epsilon-2.0.0.dist-info"): body for path, body in members.items()}
        return write_wheel(folder / NAME, moved)
    old, new = other[case]
    members[f"{INFO}/METADATA"] = members[f"{INFO}/METADATA"].replace(old.encode(), new.encode())
    return write_wheel(folder / NAME, members)


def planted(workspace: Workspace, body: bytes) -> None:
    """Put a wheel into the repository past the gate: its hash, key and page all agree with one another."""
    workspace.publish(workspace.wheel("epsilon"))
    page = workspace.repository / "epsilon" / "index.json"
    document = json.loads(page.read_text())
    (entry,) = document["files"]
    digest = hashlib.sha256(body).hexdigest()
    entry["url"] = f"{digest[:16]}/{entry['filename']}"
    entry["hashes"]["sha256"], entry["size"] = digest, len(body)
    target = page.parent / entry["url"]
    target.parent.mkdir()
    target.write_bytes(body)
    page.write_text(json.dumps(document))


@pytest.mark.parametrize("case", ["absent", *RECORDS])
def test_H22_a_record_that_lies_is_refused_by_publish(case: str, workspace: Workspace) -> None:
    wheel = bad_record(workspace.root / "bad", case)
    done = workspace.refused("publish", wheel, "-b", workspace.url, code=4, subject=NAME)
    assert "RECORD" in done.stderr


@pytest.mark.parametrize("case", ["absent", "wrong hash", "member missing", "outside"])
def test_H22_a_record_that_lies_is_refused_by_sync(case: str, workspace: Workspace) -> None:
    planted(workspace, bad_record(workspace.root / "bad", case).read_bytes())
    workspace.write_manifest("alpha", "epsilon", more="[dependency-groups]\ndev = ['delta']\n")
    workspace.run("lock")
    done = workspace.refused("sync", code=4, subject=NAME)
    assert "RECORD" in done.stderr


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("name", ("epsilon", "zeta")),
        ("version", ("1.0.0", "2.0.0")),
        ("dist-info", ("1.0.0", "2.0.0")),
        ("file name", ("epsilon", "zeta")),
    ],
)
def test_H24_a_wheel_that_contradicts_itself_is_refused_by_publish(
    case: str, told: tuple[str, str], workspace: Workspace
) -> None:
    wheel = disagreeing(workspace.root / "bad", case)
    done = workspace.refused("publish", wheel, "-b", workspace.url, code=4, subject=wheel.name)
    for value in told:
        assert value in done.stderr


def test_H24_a_wheel_that_contradicts_itself_is_refused_by_sync(workspace: Workspace) -> None:
    planted(workspace, disagreeing(workspace.root / "bad", "version").read_bytes())
    workspace.write_manifest("epsilon")
    workspace.run("lock")
    workspace.refused("sync", code=4, subject="epsilon")


def test_H24_a_wheel_that_is_not_what_the_lock_says_is_refused_by_sync(workspace: Workspace) -> None:
    text = workspace.lock.read_text()
    text = text.replace('"beta==1.0.0"', '"beta==1.0.1"').replace('version = "1.0.0"', 'version = "1.0.1"', 1)
    workspace.lock.write_text(text)
    done = workspace.refused("sync", code=4, subject="")
    assert "1.0.1" in done.stderr
    assert "1.0.0" in done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "zeta"),
        ("version", "2.0.0"),
        ("wheel_name", "epsilon-2.0.0-py3-none-any.whl"),
        ("wheel_name", "../x.whl"),
    ],
)
def test_H24_a_bundle_whose_meta_contradicts_its_wheel_is_refused_by_publish(
    key: str, value: str, workspace: Workspace
) -> None:
    bundle = workspace.root / "epsilon.pipper"
    bundle.write_bytes(bad_bundle(workspace, key, value))
    workspace.refused("publish", bundle, "-b", workspace.url, code=4, subject="epsilon.pipper")


def bad_bundle(workspace: Workspace, key: str, value: str) -> bytes:
    """A bundle as pipper writes it, with one field of `package.meta` changed."""
    scratch = Workspace(root=workspace.root / "scratch")
    scratch.publish(scratch.wheel("epsilon"))
    (good,) = scratch.repository.rglob("*.pipper")
    out = io.BytesIO()
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            body = source.read(info)
            if info.filename == "package.meta":
                body = json.dumps({**json.loads(body), key: value}).encode()
            target.writestr(info, body)
    return out.getvalue()


def test_H24_a_bundle_that_contradicts_its_key_is_never_chosen(workspace: Workspace) -> None:
    old = workspace.root / "old"
    scratch = Workspace(root=workspace.root / "scratch")
    scratch.publish(scratch.wheel("epsilon"))
    (good,) = scratch.repository.rglob("*.pipper")
    (old / "epsilon").mkdir(parents=True)
    (old / "epsilon" / "v1-0-0.pipper").write_bytes(good.read_bytes())
    (old / "epsilon" / "v9-0-0.pipper").write_bytes(good.read_bytes())
    workspace.write_manifest("epsilon")
    done = workspace.run("lock", "-b", old.as_uri())
    assert workspace.locked() == {"epsilon": "1.0.0"}
    assert "v9-0-0.pipper: key, package.meta and wheel differ" in done.stderr


def test_a_wheel_with_a_good_record_passes(workspace: Workspace) -> None:
    members = wheel_members("epsilon", "1.0.0")
    wheel = write_wheel(workspace.root / NAME, members)
    digest = base64.urlsafe_b64encode(hashlib.sha256(members["epsilon/__init__.py"]).digest()).rstrip(b"=")
    assert digest.decode() in zipfile.ZipFile(wheel).read(f"{INFO}/RECORD").decode()
    workspace.publish(wheel)
