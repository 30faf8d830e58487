"""Bundles: what 0.11 wrote is read, what is written 0.11 reads, and hostile ones are refused."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from pipper.errors import IntegrityError, MachineError
from pipper.wheels.bundle import extract_wheel, read_bundle, write_bundle
from tests.wheelhouse import make_wheel, wheel_members, write_wheel
from tests.zipcraft import Member, craft

META = {
    "name": "Foo_Bar",
    "wheel_name": "foo_bar-1.2.3-py3-none-any.whl",
    "version": "1.2.3",
    "safe_version": "v1-2-3",
    "timestamp": "2026-11-22T08:00:00.123456+00:00",
    "dependencies": ["bar:>=2.0.0"],
    "conda": ["numpy"],
}


def old_bundle(tmp_path: Path, meta: object = META, wheel: bytes = b"PK") -> Path:
    """A bundle as 0.11 writes it: two stored members in no order, times of now."""
    folder = tmp_path / "assembled"
    folder.mkdir(exist_ok=True)
    (folder / "package.whl").write_bytes(wheel)
    (folder / "package.meta").write_text(
        meta if isinstance(meta, str) else json.dumps(meta), encoding="utf-8"
    )
    path = tmp_path / "Foo_Bar-v1-2-3.pipper"
    with zipfile.ZipFile(path, mode="w") as zipper:
        for member in folder.iterdir():
            zipper.write(member, member.name)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(IntegrityError) as caught:
        read_bundle(path)
    assert caught.value.message.startswith(path.name)
    assert caught.value.message.isprintable()
    return caught.value.message


def test_a_bundle_of_0_11_is_read(tmp_path: Path) -> None:
    bundle = read_bundle(old_bundle(tmp_path))
    assert (bundle.name, bundle.version, bundle.safe_version) == ("Foo_Bar", "1.2.3", "v1-2-3")
    assert bundle.wheel_name == "foo_bar-1.2.3-py3-none-any.whl"
    assert bundle.dependencies == ("bar:>=2.0.0",)
    assert json.loads(bundle.raw) == META


def test_its_wheel_is_taken_out_with_its_hash(tmp_path: Path) -> None:
    body = os.urandom(3_000_000)
    extracted = extract_wheel(old_bundle(tmp_path, wheel=body), tmp_path / "out.whl")
    assert (tmp_path / "out.whl").read_bytes() == body
    assert (extracted.sha256, extracted.size) == (hashlib.sha256(body).hexdigest(), len(body))


def test_taking_out_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.whl").write_bytes(b"old")
    with pytest.raises(MachineError, match=r"out\.whl"):
        extract_wheel(old_bundle(tmp_path), tmp_path / "out.whl")
    assert (tmp_path / "out.whl").read_bytes() == b"old"


@pytest.mark.parametrize(
    "wheel_name",
    ["../../../x.whl", "/tmp/foo_bar-1.2.3-py3-none-any.whl", "", "n" * 300, "x.whl", "a\nb", None, 3],
)
def test_H04_a_wheel_name_that_is_no_safe_file_name_is_refused(tmp_path: Path, wheel_name: object) -> None:
    assert "wheel_name" in refusal(old_bundle(tmp_path, {**META, "wheel_name": wheel_name}))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("name", "other", "'other'"),
        ("name", "../foo", "'../foo'"),
        ("name", "Foo_Bar\u212a", "name"),
        ("version", "1.2.4", "'1.2.4'"),
        ("version", "one", "'one'"),
    ],
)
def test_H24_a_meta_that_contradicts_its_wheel_is_refused_with_both_values(
    tmp_path: Path, key: str, value: str, told: str
) -> None:
    message = refusal(old_bundle(tmp_path, {**META, key: value}))
    assert told in message
    assert "its wheel" in message


def test_a_version_that_is_equal_as_pep_440_is_taken(tmp_path: Path) -> None:
    meta = {**META, "version": "1.2.3-rc.1", "wheel_name": "foo_bar-1.2.3rc1-py3-none-any.whl"}
    assert read_bundle(old_bundle(tmp_path, meta)).version == "1.2.3-rc.1"


@pytest.mark.parametrize(
    "members",
    [
        ["package.meta"],
        ["package.whl"],
        ["package.meta", "package.whl", "package2.whl"],
        ["package.meta", "package.tar.gz"],
        ["package.meta", "../package.whl"],
        ["package.meta", "PACKAGE.WHL"],
        [],
    ],
    ids=lambda names: "+".join(names) or "none",
)
def test_H25_other_members_than_a_wheel_and_its_meta_are_refused(tmp_path: Path, members: list[str]) -> None:
    path = tmp_path / "x.pipper"
    path.write_bytes(craft([Member(name=name.encode(), data=json.dumps(META).encode()) for name in members]))
    assert refusal(path)


def test_H12_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pipper"
    path.write_bytes(craft([Member(name=b"package.meta"), Member(name=b"package.meta")]))
    assert "is a duplicate" in refusal(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "{",
        '{"name": "a", "name": "b"}',
        '{"a": NaN}',
        "[" * 100_000,
        '{"a":' * 50_000,
        '{"a": ' + "9" * 100_000 + "}",
        '{"name": "\\ud800"}',
        '{"name": 3}',
        "{}",
        json.dumps({**META, "dependencies": {"a": "b"}}),
        json.dumps({**META, "dependencies": [1]}),
        json.dumps({**META, "timestamp": 3}),
        json.dumps({**META, "x": "y" * (1 << 20)}),
    ],
    ids=lambda text: text[:20],
)
def test_a_hostile_meta_is_refused(tmp_path: Path, text: str) -> None:
    assert "package.meta" in refusal(old_bundle(tmp_path, text))


def test_H15_a_truncated_bundle_is_refused(tmp_path: Path) -> None:
    data = old_bundle(tmp_path).read_bytes()
    path = tmp_path / "cut.pipper"
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert "damaged" in refusal(path)


def test_a_bundle_is_written_as_0_11_names_and_fills_it(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "Foo.Bar", "1.2.3")
    path = write_bundle(
        wheel, filename=wheel.name, output=tmp_path, manifest={"dependencies": ["bar"], "name": "evil"}
    )
    assert path == tmp_path / "Foo.Bar-v1-2-3.pipper"
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["package.meta", "package.whl"]
        assert archive.read("package.whl") == wheel.read_bytes()
        assert json.loads(archive.read("package.meta")) == {
            "dependencies": ["bar"],
            "name": "Foo.Bar",
            "wheel_name": wheel.name,
            "version": "1.2.3",
            "safe_version": "v1-2-3",
            "timestamp": "2020-02-02T00:00:00+00:00",
        }
    assert read_bundle(path).dependencies == ("bar",)


def test_K11_equal_wheels_give_equal_bundles(tmp_path: Path) -> None:
    bodies = set()
    for folder in ("a", "b"):
        wheel = make_wheel(tmp_path / folder, "foo", "1.2.3")
        os.utime(wheel, (1, 1) if folder == "a" else None)
        bodies.add(write_bundle(wheel, filename=wheel.name, output=tmp_path / folder).read_bytes())
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("version", "safe"), [("1.2rc1", "v1-2rc1"), ("1!2.0", "v1-2-0"), ("1.0.0+a.b", "v1-0-0__build_a_b")]
)
def test_a_version_that_semver_cannot_write_gets_a_harmless_form(
    tmp_path: Path, version: str, safe: str
) -> None:
    wheel = make_wheel(tmp_path, "foo", version)
    path = write_bundle(wheel, filename=wheel.name, output=tmp_path)
    assert path.name == f"foo-{safe}.pipper"
    bundle = read_bundle(path)
    assert (bundle.version, bundle.safe_version) == (version, safe)


def test_writing_again_replaces_the_bundle_and_leaves_nothing_else(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "foo", "1.2.3")
    (tmp_path / "foo-v1-2-3.pipper").write_bytes(b"old")
    assert read_bundle(write_bundle(wheel, filename=wheel.name, output=tmp_path)).name == "foo"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "foo-1.2.3-py3-none-any.whl",
        "foo-v1-2-3.pipper",
    ]


def test_H22_a_wheel_that_does_not_pass_the_gate_becomes_no_bundle(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "foo-1.2.3-py3-none-any.whl", wheel_members("foo", "1.2.3"), record=b"")
    with pytest.raises(IntegrityError, match="RECORD"):
        write_bundle(wheel, filename=wheel.name, output=tmp_path)
    assert list(tmp_path.iterdir()) == [wheel]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "foo", "1.2.3")
    with pytest.raises(MachineError, match="cannot write"):
        write_bundle(wheel, filename=wheel.name, output=tmp_path / "absent")
