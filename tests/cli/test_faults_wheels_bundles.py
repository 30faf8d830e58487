"""Bundles of 0.x that are not what they claim (H4, H12, H24, H25): published, locked, and synced from a lock."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.hostile import NAME, member, parts
from tests.invariants import Workspace
from tests.zipcraft import STORED, Member, craft

WHEEL = craft(parts())
META = {
    "name": "epsilon",
    "version": "1.0.0",
    "safe_version": "v1-0-0",
    "wheel_name": NAME,
    "timestamp": "2020-02-02T00:00:00+00:00",
}
KEY = "epsilon/v1-0-0.pipper"
NAMES = [
    "../../../x.whl",
    f"../../../{NAME}",
    f"/tmp/{NAME}",
    f"..\\..\\{NAME}",
    "epsilon-1.0.0-1../../x-py3-none-any.whl",
    "epsilon-1.0.0-py3-none-any/../../x.whl",
    f"{NAME}\n",
    f"C:{NAME}",
    "",
    "x.whl",
    "epsilon-1.0.0-py3-none-any.zip",
    f"{'n' * 300}-1.0.0-py3-none-any.whl",
]
LIES = {
    "name": {"name": "zeta"},
    "version": {"version": "2.0.0"},
    "other version of the wheel": {"wheel_name": "epsilon-2.0.0-py3-none-any.whl"},
    "other project of the wheel": {"wheel_name": "zeta-1.0.0-py3-none-any.whl"},
    "no text": {"wheel_name": 3},
}


def stored(name: str, body: bytes) -> Member:
    return Member(name=name.encode(), data=body, method=STORED)


def bundle_of(meta: dict[str, object], wheel: bytes = WHEEL) -> bytes:
    return craft([stored("package.meta", json.dumps(meta).encode()), stored("package.whl", wheel)])


_META = json.dumps(META).encode()
STRANGE = {
    "without a wheel": craft([stored("package.meta", _META)]),
    "without a meta": craft([stored("package.whl", WHEEL)]),
    "two wheels": craft(
        [stored("package.meta", _META), stored("package.whl", WHEEL), stored("package2.whl", WHEEL)]
    ),
    "a wheel twice": craft(
        [stored("package.meta", _META), stored("package.whl", WHEEL), stored("package.whl", WHEEL + b" ")]
    ),
    "a meta twice": craft(
        [stored("package.meta", _META), stored("package.whl", WHEEL), stored("package.meta", _META)]
    ),
    "a source distribution": craft([stored("package.meta", _META), stored("package.tar.gz", b"\x1f\x8b")]),
    "a packed wheel": craft([stored("package.meta", _META), member("package.whl", WHEEL)]),
    "a meta that is no JSON": craft([stored("package.meta", b"{'a'"), stored("package.whl", WHEEL)]),
    "a key twice": craft(
        [stored("package.meta", _META[:-1] + b', "wheel_name": "../x.whl"}'), stored("package.whl", WHEEL)]
    ),
    "a wheel that lies": bundle_of(META, craft(parts(record=b"lonely\n"))),
}


@pytest.fixture
def old(empty: Workspace) -> Workspace:
    """A project that takes `epsilon` from a bucket that 0.x fills; its lock names a good bundle there."""
    put(empty, bundle_of(META))
    empty.write_manifest("epsilon")
    empty.run("lock")
    (empty.root / "canary.txt").write_text("sings\n")
    return empty


def put(workspace: Workspace, body: bytes) -> Path:
    """Have these bytes lie where 0.x keeps the bundle."""
    path = workspace.repository / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def relock(workspace: Workspace, body: bytes, wheel: bytes = WHEEL) -> None:
    """Edit the lock so that it is of these bytes, as a lock made elsewhere might be."""
    text = workspace.lock.read_text()
    for good, bad in ((bundle_of(META), body), (WHEEL, wheel)):
        text = text.replace(hashlib.sha256(good).hexdigest(), hashlib.sha256(bad).hexdigest())
        text = text.replace(f"size = {len(good)},", f"size = {len(bad)},")
    workspace.lock.write_text(text)


def note(workspace: Workspace, body: bytes) -> None:
    """Have a page say that the bundle of these bytes was looked into and is good."""
    entry = {
        **{"key": KEY, "etag": hashlib.sha256(body).hexdigest(), "size": len(body), "version": "1.0.0"},
        **{"wheel": NAME, "requires-dist": []},
    }
    page = {"meta": {"api-version": "1.1"}, "name": "epsilon", "versions": ["1.0.0"], "files": []}
    (workspace.repository / "epsilon" / "index.json").write_text(
        json.dumps({**page, "_pipper": {"bundles": [entry]}})
    )


def refused_everywhere(old: Workspace, body: bytes) -> None:
    """Published: 4. The only version there is: left out with a warning, 3. Noted as good, or locked: 4."""
    bundle = old.root / "bad.pipper"
    bundle.write_bytes(body)
    old.refused("publish", bundle, "-b", old.url, code=4, subject="bad.pipper")
    put(old, body)
    relock(old, body)
    shutil.rmtree(old.root / "cache")
    old.refused("sync", "-t", old.root / "target", code=4, subject=KEY)
    assert not (old.root / "target").exists()
    old.lock.unlink()
    done = old.refused("lock", code=3, subject="")
    warning = next(line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert KEY in warning
    note(old, body)
    old.refused("lock", code=4, subject=KEY)


@pytest.mark.parametrize("name", NAMES)
def test_H04_a_bundle_whose_wheel_name_is_no_file_name_of_a_wheel_is_refused(
    name: str, old: Workspace
) -> None:
    refused_everywhere(old, bundle_of({**META, "wheel_name": name}))


@pytest.mark.parametrize("name", NAMES)
def test_H04_a_page_or_a_lock_that_names_such_a_wheel_is_refused(name: str, old: Workspace) -> None:
    good = old.lock.read_text()
    old.lock.write_text(good.replace(f'wheel = "{NAME}"', f"wheel = {json.dumps(name)}"))
    old.refused("sync", "-t", old.root / "target", code=4, subject="")
    assert not (old.root / "target").exists()
    old.lock.unlink()
    note(old, bundle_of(META))
    page = old.repository / "epsilon" / "index.json"
    page.write_text(page.read_text().replace(json.dumps(NAME), json.dumps(name)))
    old.refused("lock", code=4, subject="epsilon")


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_H24_a_bundle_whose_meta_contradicts_its_wheel_is_refused(
    lie: dict[str, object], old: Workspace
) -> None:
    refused_everywhere(old, bundle_of({**META, **lie}))


@pytest.mark.parametrize(
    "case", [each for each in STRANGE if each not in ("a wheel that lies", "a packed wheel")]
)
def test_H12_H25_a_bundle_that_is_not_one_wheel_and_its_meta_is_refused(case: str, old: Workspace) -> None:
    bundle = old.root / "bad.pipper"
    bundle.write_bytes(STRANGE[case])
    old.refused("publish", bundle, "-b", old.url, code=4, subject="bad.pipper")
    put(old, STRANGE[case])
    relock(old, STRANGE[case])
    shutil.rmtree(old.root / "cache")
    old.refused("sync", "-t", old.root / "target", code=4, subject=KEY)
    note(old, STRANGE[case])
    old.lock.unlink()
    old.refused("lock", code=4, subject=KEY)


def test_H22_the_wheel_in_a_bundle_passes_the_gate_too(old: Workspace) -> None:
    bundle = old.root / "bad.pipper"
    bundle.write_bytes(STRANGE["a wheel that lies"])
    old.refused("publish", bundle, "-b", old.url, code=4, subject=NAME)
    put(old, STRANGE["a wheel that lies"])
    old.lock.unlink()
    old.run("lock")
    old.refused("sync", "-t", old.root / "target", code=4, subject=NAME)
    assert not (old.root / "target").exists()


def test_H24_a_bundle_that_contradicts_its_key_is_never_chosen(old: Workspace) -> None:
    (old.repository / "epsilon" / "v9-0-0.pipper").write_bytes(bundle_of(META))
    old.lock.unlink()
    done = old.run("lock")
    assert old.locked() == {"epsilon": "1.0.0"}
    assert "v9-0-0.pipper: key, package.meta and wheel differ" in done.stderr
