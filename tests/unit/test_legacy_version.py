"""Versions between PEP 440 and the keys of pipper 0.x."""

import pytest
from packaging.version import Version

from pipper.core.layout.legacy_version import deserialize, key_version, serialize, to_semver
from pipper.errors import UsageError

# What pipper 0.11.1's own `versioning.serialize` returned for each.
AS_0_11_WRITES = {
    "1.2.3": "v1-2-3",
    "0.0.18": "v0-0-18",
    "10.20.30": "v10-20-30",
    "1.2.3-rc.1": "v1-2-3__pre_rc_1",
    "1.2.3-alpha": "v1-2-3__pre_alpha",
    "1.2.3-alpha-1.2": "v1-2-3__pre_alpha-1_2",
    "1.2.3+b": "v1-2-3__build_b",
    "1.2.3+build.5-x": "v1-2-3__build_build_5-x",
    "1.2.3-rc.1+b": "v1-2-3__pre_rc_1__build_b",
    "1.0.0-0.3.7": "v1-0-0__pre_0_3_7",
}


@pytest.mark.parametrize(("semver", "safe"), AS_0_11_WRITES.items())
def test_keys_are_written_as_0_11_writes_them(semver: str, safe: str) -> None:
    assert serialize(semver) == safe


@pytest.mark.parametrize(
    "text", ["1.2", "1.2.3rc1", "01.2.3", "v1.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "", "1.2.3\n"]
)
def test_what_is_no_semantic_version_is_told_and_not_serialized(text: str) -> None:
    with pytest.raises(UsageError):
        serialize(text)


@pytest.mark.parametrize(
    ("version", "semver"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3+local.1", "1.2.3+local.1"),
        ("1.2", None),
        ("1.2.3.4", None),
        ("1.2.3rc1", None),
        ("1.2.3.post1", None),
        ("1.2.3.dev1", None),
        ("1!1.2.3", None),
    ],
)
def test_only_three_numbers_with_a_local_part_are_alike_in_both(version: str, semver: str | None) -> None:
    assert to_semver(Version(version)) == semver


@pytest.mark.parametrize(
    ("safe", "version"),
    [
        ("v1-2-3", "1.2.3"),
        ("1-2-3", "1.2.3"),
        ("v1-2-3__pre_rc_1", "1.2.3rc1"),
        ("v1-2-3__pre_alpha", "1.2.3a0"),
        ("v1-2-3__build_b", "1.2.3+b"),
        ("v1-2-3__pre_rc_1__build_b_2", "1.2.3rc1+b.2"),
        ("v1-0-0__build_a-b", "1.0.0+a.b"),
        ("v1-2-3__pre_alpha-1_2", None),
        ("v", None),
        ("", None),
        ("vv1-2-3", "1.2.3"),
        ("latest", None),
        ("v1-2-3__pre_snapshot", None),
    ],
)
def test_a_key_is_read_as_a_version_or_as_nothing(safe: str, version: str | None) -> None:
    assert deserialize(safe) == (None if version is None else Version(version))


@pytest.mark.parametrize(
    ("version", "given", "safe"),
    [
        ("1.2.3", "", "v1-2-3"),
        ("1.2.3+b.1", "", "v1-2-3__build_b_1"),
        ("1.2.3rc1", "1.2.3-rc.1", "v1-2-3__pre_rc_1"),
        ("1.2.3rc1", "1.2.3rc1", None),
        ("1.2.3rc1", "1.2.3-rc.2", None),
        ("1.2.3.post1", "1.2.3-1", None),
        ("1.2", "1.2.0", None),
        ("1.0.0+dev", "", None),
    ],
)
def test_a_version_has_a_bundle_key_only_where_0_11_reads_it_back(
    version: str, given: str, safe: str | None
) -> None:
    assert key_version(Version(version), given) == safe
