"""Which packages of a lock an environment gets, and which wheel of each."""

import pytest
from packaging.utils import canonicalize_name

from pipper.core.lock.model import Dependency, Lock, LockedEnvironment, LockedFile, LockedPackage, Pin
from pipper.core.lock.selection import Selection, best_wheel, select
from pipper.core.manifest.inputs import Inputs
from pipper.errors import IntegrityError, UsageError
from tests.fake_source import LINUX


def file(name: str) -> LockedFile:
    return LockedFile(sha256="a" * 64, size=1, key=f"x/{name}")


def package(name: str, *dependencies: str, wheel: str = "") -> LockedPackage:
    return LockedPackage(
        name=canonicalize_name(name),
        version="1.0",
        source="acme",
        dependencies=tuple(map(Dependency.parse, dependencies)),
        wheels=(file(wheel or f"{name}-1.0-py3-none-any.whl"),),
    )


def pins(*names: str) -> tuple[Pin, ...]:
    return tuple(Pin(name=canonicalize_name(name), version="1.0") for name in names)


PART = LockedEnvironment(
    target=LINUX,
    packages=pins("a", "b"),
    groups={"dev": pins("d"), "docs": pins("e"), "both": ()},
    extras={"x": pins("f")},
)
LOCK = Lock(
    inputs=Inputs(
        requirements=("a",),
        groups={"dev": ("d",), "docs": ("e", "b ; sys_platform == 'win32'"), "both": ("a",)},
        extras={"x": ("f",)},
    ),
    environments=(PART,),
    packages=(package("a", "b"), package("b"), package("d"), package("e"), package("f")),
)


def names(**chosen: object) -> str:
    selection = Selection(**chosen)  # type: ignore[arg-type]  # one helper for every field
    return "".join(each.name for each in select(LOCK, PART, selection))


def test_the_project_and_its_group_dev_are_in_by_default() -> None:
    assert names() == "abd"
    assert names(default_group=False) == "ab"


def test_groups_and_extras_add_to_the_project() -> None:
    dev, docs, extra = canonicalize_name("dev"), canonicalize_name("docs"), canonicalize_name("x")
    assert names(groups=frozenset({docs})) == "abde"
    assert names(all_groups=True, default_group=False) == "abde"
    assert names(extras=frozenset({extra}), default_group=False) == "abf"
    assert names(all_extras=True) == "abdf"
    assert names(groups=frozenset({dev, docs}), default_group=False) == "abde"


def test_an_only_group_leaves_the_project_out_but_not_what_the_group_shares_with_it() -> None:
    assert names(only_groups=frozenset({canonicalize_name("docs")})) == "e"
    assert names(only_groups=frozenset({canonicalize_name("both")})) == "ab"


def test_an_unknown_group_or_extra_is_told_with_those_known() -> None:
    with pytest.raises(UsageError, match="there is no group `nope` in the lock") as caught:
        names(groups=frozenset({canonicalize_name("nope")}))
    assert caught.value.cause == "known groups: `both`, `dev` and `docs`"
    with pytest.raises(UsageError, match="there is no extra `nope` in the lock"):
        names(extras=frozenset({canonicalize_name("nope")}))


def test_the_wheel_with_the_best_tag_is_taken_and_of_equals_the_higher_build() -> None:
    native = file("a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    stable = file("a-1.0-cp39-abi3-manylinux_2_17_x86_64.whl")
    plain, newer = file("a-1.0-py3-none-any.whl"), file("a-1.0-2-py3-none-any.whl")
    older = file("a-1.0-1-py3-none-any.whl")
    assert best_wheel([plain, stable, native], LINUX) == native
    assert best_wheel([plain, stable], LINUX) == stable
    assert best_wheel([plain, newer, older], LINUX) == newer
    assert best_wheel([file("a-1.0-cp311-cp311-win_amd64.whl")], LINUX) is None


def test_a_lock_without_a_fitting_wheel_is_inconsistent() -> None:
    lock = Lock(
        inputs=Inputs(requirements=("a",)),
        environments=(LockedEnvironment(target=LINUX, packages=pins("a")),),
        packages=(package("a", wheel="a-1.0-cp311-cp311-win_amd64.whl"),),
    )
    with pytest.raises(IntegrityError) as caught:
        select(lock, lock.environments[0], Selection())
    assert "a==1.0 has no wheel" in caught.value.cause
