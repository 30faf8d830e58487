"""Targets: names, tags, and which lock serves which host."""

import sys

import pytest
from packaging import tags
from packaging.markers import default_environment

from pipper.core.target import MARKER_NAMES, Target, parse_name, serves, tags_of
from pipper.errors import UsageError
from tests.workshop import this_interpreter

LINUX = "cp311-manylinux_2_28_x86_64"


def target(name: str, **markers: str) -> Target:
    known = dict.fromkeys(MARKER_NAMES, "x")
    return Target(name=name, markers={**known, "python_full_version": "3.11.9", **markers})


def test_tags_of_this_interpreter_are_those_that_packaging_finds() -> None:
    assert list(this_interpreter().target.ranks) == list(tags.sys_tags())


def test_markers_of_this_interpreter_are_those_that_packaging_finds() -> None:
    assert dict(this_interpreter().target.markers) == dict(default_environment())
    assert this_interpreter().target.python_full_version == default_environment()["python_full_version"]


def test_the_name_says_implementation_version_and_platform() -> None:
    parts = parse_name(this_interpreter().target.name)
    assert parts.python == sys.version_info[:2]
    assert parts.implementation == {"cpython": "cp", "pypy": "pp"}[sys.implementation.name]


@pytest.mark.parametrize(
    ("name", "fits", "fits_not"),
    [
        (LINUX, "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_29_x86_64"),
        (LINUX, "cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_28_aarch64"),
        (LINUX, "cp39-abi3-manylinux1_x86_64", "cp312-abi3-manylinux1_x86_64"),
        (LINUX, "py3-none-any", "py2-none-any"),
        (
            "cp313t-manylinux_2_28_x86_64",
            "cp313-cp313t-manylinux_2_17_x86_64",
            "cp313-cp313-manylinux_2_17_x86_64",
        ),
        (
            "cp312-musllinux_1_2_aarch64",
            "cp312-cp312-musllinux_1_1_aarch64",
            "cp312-cp312-manylinux_2_17_aarch64",
        ),
        ("cp312-macosx_14_0_arm64", "cp312-cp312-macosx_11_0_universal2", "cp312-cp312-macosx_15_0_arm64"),
        ("cp312-win_amd64", "cp312-cp312-win_amd64", "cp312-cp312-win32"),
        (
            "pp310-manylinux_2_28_x86_64",
            "pp310-pypy310_pp73-manylinux_2_17_x86_64",
            "cp310-cp310-manylinux_2_17_x86_64",
        ),
    ],
)
def test_tags_follow_from_the_name(name: str, fits: str, fits_not: str) -> None:
    found = {str(tag) for tag in tags_of(name)}
    assert fits in found
    assert fits_not not in found


@pytest.mark.parametrize("name", ["", "cp311", "cp311-", "jy27-win32", "cp3.11-win_amd64", "../cp311-win32"])
def test_a_name_that_is_none_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        target(name)
    assert "cp311-manylinux_2_28_x86_64" in caught.value.hint


@pytest.mark.parametrize(
    ("locked", "host", "right"),
    [
        (LINUX, LINUX, True),
        (LINUX, "cp311-manylinux_2_36_x86_64", True),
        ("cp311-manylinux_2_36_x86_64", LINUX, False),
        (LINUX, "cp311-musllinux_1_2_x86_64", False),
        (LINUX, "cp311-manylinux_2_28_aarch64", False),
        (LINUX, "cp312-manylinux_2_28_x86_64", False),
        (LINUX, "pp311-manylinux_2_28_x86_64", False),
        ("cp313-win_amd64", "cp313t-win_amd64", False),
        ("cp312-macosx_12_0_arm64", "cp312-macosx_14_0_arm64", True),
        ("cp312-macosx_14_0_arm64", "cp312-macosx_12_0_arm64", False),
    ],
)
def test_a_lock_serves_hosts_of_its_kind_that_are_no_older(locked: str, host: str, right: bool) -> None:
    assert serves(target(locked), target(host)) is right


def test_a_marker_that_was_used_has_to_evaluate_the_same() -> None:
    locked, host = target(LINUX), target(LINUX, python_full_version="3.11.2")
    assert serves(locked, host)
    assert serves(locked, host, ("python_full_version >= '3.11.1'",))
    assert not serves(locked, host, ("python_full_version >= '3.11.4'",))
    assert not serves(locked, target(LINUX, sys_platform="other"))


def test_R12_what_no_condition_uses_is_left_out_and_taken_from_the_machine_at_hand() -> None:
    condition = "platform_release >= '5.1'"
    one, other = target(LINUX, platform_release="5.2"), target(LINUX, platform_release="6.0")
    assert one.reduced_to(()).markers == other.reduced_to(()).markers
    assert serves(one.reduced_to(()), other)
    kept = one.reduced_to([condition])
    assert kept.markers["platform_release"] == "5.2"
    assert "platform_version" not in kept.markers
    assert serves(kept, other, (condition,))
    assert not serves(kept, target(LINUX, platform_release="4.0"), (condition,))
    assert kept.completed(other).markers == one.markers


@pytest.mark.parametrize(
    ("told", "counts"),
    [("3.11.9", "3.11.9"), ("3.14.0rc1", "3.14.0"), ("3.14.0a3+", "3.14.0"), ("3.11.9+", "3.11.9")],
)
def test_a_python_between_releases_counts_as_its_release(told: str, counts: str) -> None:
    assert str(target(LINUX, python_full_version=told).python) == counts


def test_a_python_without_a_version_is_told() -> None:
    with pytest.raises(UsageError, match="`three` is not a Python version"):
        _ = target(LINUX, python_full_version="three").python
