"""The lock: text -> value -> text, and that damage never makes it smaller."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedBundle,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
    Pin,
)
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection, select
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.inputs import Inputs
from pipper.core.target import Target
from pipper.errors import IntegrityError, UsageError
from tests.fake_source import LINUX

NAMES = ("alpha", "beta-x", "c3", "delta", "epsilon")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """A lock whose parts agree: each package needs the next, one group and one extra share them out."""
    count = draw(st.integers(0, len(NAMES)))
    names = [canonicalize_name(name) for name in NAMES[:count]]
    versions = {name: draw(st.sampled_from(["1.0", "2.0.0rc1", "1!3.4", "5+local.1"])) for name in names}
    cut = draw(st.integers(0, count))
    project, rest = names[:cut], names[cut:]

    def pins(chosen: list[str]) -> tuple[Pin, ...]:
        return tuple(
            Pin(name=canonicalize_name(name), version=versions[canonicalize_name(name)]) for name in chosen
        )

    def package(at: int) -> LockedPackage:
        name = names[at]
        behind = names[at + 1 : at + 2] if at + 1 != cut else []
        filename = f"{name.replace('-', '_')}-{versions[name]}-py3-none-any.whl"
        file = LockedFile(
            sha256=f"{draw(st.integers(0, 9))}" * 64,
            size=draw(st.integers(0, 9**9)),
            key=f"{name}/{filename}",
        )
        if draw(st.booleans()):
            file = replace(
                file, key=f"{name}/v1.pipper", wheel=filename, bundle=LockedBundle(sha256="b" * 64, size=3)
            )
        return LockedPackage(
            name=name,
            version=versions[name],
            source="acme",
            dependencies=tuple(map(Dependency.parse, behind)),
            wheels=(file,),
        )

    inputs = Inputs(
        requires_python=draw(st.sampled_from(["", ">=3.11"])),
        requirements=tuple(project[:1]),
        groups={"dev": tuple(rest[:1])},
        extras=draw(st.sampled_from([{}, {"x": ()}])),
        sources=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        repositories=tuple(draw(st.lists(TEXTS, max_size=2))),
        index=draw(st.booleans()),
        prereleases=draw(st.sampled_from([False, True, (), ("alpha", "beta-x")])),
    )
    environment = LockedEnvironment(
        target=LINUX,
        packages=pins(project),
        groups={"dev": pins(rest)},
        extras=dict.fromkeys(inputs.extras, ()),
        conditions=draw(st.sampled_from([(), ('python_full_version >= "3.11.2"',)])),
    )
    return Lock(
        inputs=replace(inputs, sources=dict(sorted(inputs.sources.items()))),
        repositories=dict(sorted(draw(st.dictionaries(TEXTS, TEXTS, max_size=2)).items())),
        environments=(environment,),
        packages=tuple(package(at) for at in range(count)),
    )


@given(locks())
def test_a_lock_comes_back_as_it_went_out(lock: Lock) -> None:
    text = dump_lock(lock)
    assert parse_lock(text.encode(), label="pipper.lock") == lock
    assert dump_lock(parse_lock(text.encode(), label="pipper.lock")) == text


@given(locks())
def test_crlf_and_a_byte_order_mark_change_nothing(lock: Lock) -> None:
    data = b"\xef\xbb\xbf" + dump_lock(lock).replace("\n", "\r\n").encode()
    assert parse_lock(data, label="pipper.lock") == lock


def example() -> Lock:
    """Three packages in a row, the last of them for a group."""
    names = [canonicalize_name(name) for name in ("alpha", "beta", "gamma")]
    packages = tuple(
        LockedPackage(
            name=name,
            version="1.0",
            source="acme",
            dependencies=(Dependency.parse("beta"),) if name == "alpha" else (),
            wheels=(
                LockedFile(sha256=f"{at}" * 64, size=at, key=f"{name}/{at}/{name}-1.0-py3-none-any.whl"),
                LockedFile(sha256="f" * 64, size=at, key=f"{name}/{at}/{name}-1.0-cp311-cp311-win32.whl"),
            ),
        )
        for at, name in enumerate(names)
    )
    pins = [package.pin for package in packages]
    environment = LockedEnvironment(target=LINUX, packages=(pins[0], pins[1]), groups={"dev": (pins[2],)})
    return Lock(
        inputs=Inputs(requirements=("alpha",), groups={"dev": ("gamma",)}, repositories=("acme",)),
        repositories={"acme": "s3://bucket/pipper"},
        environments=(environment,),
        packages=packages,
    )


DATA = dump_lock(example()).encode()


def test_a_lock_cut_off_anywhere_is_refused_or_whole() -> None:
    for end in range(len(DATA)):
        with contextlib.suppress(UsageError):
            assert parse_lock(DATA[:end], label="pipper.lock") == example()


def survives(data: bytes) -> bool:
    """Whether damaged bytes still are a lock; then nothing of it is missing, and it can be worked with."""
    try:
        lock = parse_lock(data, label="pipper.lock")
        wanted = select(lock, lock.environments[0], Selection(all_groups=True))
    except (UsageError, IntegrityError):
        return False
    assert len(wanted) == len(lock.packages) == 3
    return True


def test_a_lost_line_never_makes_fewer_packages() -> None:
    lines = DATA.splitlines(keepends=True)
    for at in range(len(lines)):
        survives(b"".join(lines[:at] + lines[at + 1 :]))
        survives(b"".join([*lines[:at], b"#", *lines[at:]]))
        survives(b"".join([*lines[:at], lines[at], *lines[at:]]))


def test_a_lost_block_never_makes_fewer_packages() -> None:
    lines = DATA.splitlines(keepends=True)
    for begin in range(len(lines)):
        for end in range(begin + 2, min(begin + 30, len(lines))):
            survives(b"".join(lines[:begin] + lines[end:]))


@settings(max_examples=300)
@given(st.integers(0, len(DATA) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_bytes_never_make_fewer_packages(at: int, new: bytes, gone: int) -> None:
    survives(DATA[:at] + new + DATA[at + gone :])


def test_flipped_bits_never_make_fewer_packages() -> None:
    chance = random.Random(4)
    outcomes = set()
    for _ in range(1500):
        data = bytearray(DATA)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        outcomes.add(survives(bytes(data)))
    assert outcomes == {True, False}


def test_a_key_that_is_no_wheel_is_refused_when_it_is_chosen() -> None:
    lock = parse_lock(DATA.replace(b"beta-1.0-py3-none-any.whl", b"beta.whl"), label="pipper.lock")
    with pytest.raises(IntegrityError) as caught:
        select(lock, lock.environments[0], Selection())
    assert "beta.whl" in caught.value.cause


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        (Inputs(), Inputs(requirements=("a",)), "the manifest asks for `a`, the lock does not"),
        (
            Inputs(requirements=("a",)),
            Inputs(),
            "the lock was made with `a`, the manifest no longer asks for it",
        ),
        (Inputs(), Inputs(groups={"dev": ()}), "the manifest asks for the group `dev`, the lock does not"),
        (
            Inputs(groups={"dev": ("b",)}),
            Inputs(groups={"dev": ()}),
            "the lock was made with `b` (group `dev`), the manifest no longer asks for it",
        ),
        (Inputs(), Inputs(extras={"x": ("a",)}), "the manifest asks for `a` (extra `x`), the lock does not"),
        (
            Inputs(requires_python=">=3.11"),
            Inputs(requires_python=">=3.12"),
            "requires-python is `>=3.12` in the manifest and `>=3.11` in the lock",
        ),
        (Inputs(), Inputs(index=False), "index is false in the manifest and true in the lock"),
        (
            Inputs(repositories=("a", "b")),
            Inputs(repositories=("b", "a")),
            "repositories is [b, a] in the manifest and [a, b] in the lock",
        ),
        (Inputs(), Inputs(sources={"x": "a"}), "sources is {x = a} in the manifest and {} in the lock"),
        (Inputs(), Inputs(prereleases=True), "prereleases is true in the manifest and false in the lock"),
        (Inputs(), Inputs(), ""),
    ],
)
def test_the_first_difference_is_told_in_words(then: Inputs, now: Inputs, told: str) -> None:
    assert then.difference(now) == told


def test_long_closures_keep_one_line_a_package() -> None:
    lock = example()
    many = tuple(Pin(name=canonicalize_name(f"package-{at:02}"), version="1.0") for at in range(20))
    text = dump_lock(replace(lock, environments=(replace(lock.environments[0], groups={"dev": many}),)))
    assert text.count('\n    "package-') == 20


def test_only_a_lock_of_this_version_is_read() -> None:
    with pytest.raises(UsageError, match=r"lock-version 2; this pipper reads up to 1"):
        parse_lock(DATA.replace(b"lock-version = 1", b"lock-version = 2"), label="pipper.lock")
    with pytest.raises(UsageError, match="unknown version, expected 1"):
        parse_lock(DATA.replace(b"lock-version = 1", b"lock-version = 0"), label="pipper.lock")


def test_a_second_version_of_a_name_belongs_to_another_environment() -> None:
    lock = example()
    newer = replace(
        lock.packages[1],
        version="2.0",
        wheels=(replace(lock.packages[1].wheels[0], key="b/beta-2.0-py3-none-any.whl"),),
    )
    both = replace(
        lock,
        packages=(
            replace(lock.packages[0], dependencies=tuple(map(Dependency.parse, ("beta==1.0", "beta==2.0")))),
            lock.packages[1],
            newer,
            lock.packages[2],
        ),
        environments=(
            lock.environments[0],
            replace(
                lock.environments[0],
                target=Target(name="cp311-win_amd64", markers=LINUX.markers),
                packages=(lock.packages[0].pin, newer.pin),
            ),
        ),
    )
    assert parse_lock(dump_lock(both).encode(), label="x") == both
    pins = (lock.packages[0].pin, lock.packages[1].pin, newer.pin)
    mixed = replace(both, environments=(replace(both.environments[0], packages=pins),))
    with pytest.raises(IntegrityError) as caught:
        check_consistency(mixed)
    assert "lists two versions of beta" in caught.value.cause


def test_R12_a_variable_that_a_condition_uses_has_to_be_there() -> None:
    condition = 'platform_release == "6.1"'
    environment = replace(example().environments[0], target=LINUX.reduced_to(()), conditions=(condition,))
    lock = replace(example(), environments=(environment,))
    with pytest.raises(UsageError, match="`platform_release` is missing"):
        parse_lock(dump_lock(lock).encode(), label="pipper.lock")
    whole = replace(lock, environments=(replace(environment, target=LINUX.reduced_to([condition])),))
    assert parse_lock(dump_lock(whole).encode(), label="pipper.lock") == whole
