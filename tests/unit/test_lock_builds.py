"""A lock with source distributions: its text, what makes it inconsistent, and what an environment gets from it."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
    Pin,
    sort_key,
)
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection, select
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.inputs import Inputs
from pipper.core.plan import Installed, make_plan
from pipper.errors import IntegrityError, NoSolutionError, PipperError, UsageError
from tests.fake_source import LINUX

LINUX_PATH = Path("promise-2.0.dist-info")
FILES = "https://files.example.com/"


def pin(text: str) -> Pin:
    name, _, version = text.partition("==")
    return Pin(name=canonicalize_name(name), version=version)


def file(filename: str, digit: str) -> LockedFile:
    return LockedFile(sha256=digit * 64, size=9, url=FILES + filename)


def package(text: str, digit: str, *needs: str) -> LockedPackage:
    found = pin(text)
    return LockedPackage(
        name=found.name,
        version=found.version,
        source="index",
        dependencies=tuple(map(Dependency.parse, needs)),
        wheels=(file(f"{found.name}-{found.version}-py3-none-any.whl", digit),),
    )


def example() -> Lock:
    """`promise` needs `six` and is built with `tool` 2, which needs `part`; the project itself needs `tool` 1."""
    promise = LockedPackage(
        name=canonicalize_name("promise"),
        version="2.0",
        source="index",
        dependencies=(Dependency.parse("six"),),
        sdist=file("promise-2.0.tar.gz", "a"),
        build_requires=(pin("tool==2.0"),),
    )
    environment = LockedEnvironment(
        target=LINUX,
        packages=(pin("promise==2.0"), pin("six==1.0"), pin("tool==1.0")),
        groups={"dev": ()},
        builds={"promise": (pin("part==1.0"), pin("tool==2.0"))},
        failed_groups={"odd": "no source has `absent`\nbecause the group asks for it"},
        failed_extras={"gpu": "the requirements on `six` conflict"},
    )
    return Lock(
        inputs=Inputs(
            requirements=("promise", "tool==1.0"),
            groups={"dev": (), "odd": ("absent",)},
            extras={"gpu": ("six==9",)},
            build_allow=("promise",),
        ),
        environments=(environment,),
        packages=(
            package("part==1.0", "b"),
            promise,
            package("six==1.0", "c"),
            package("tool==1.0", "d"),
            package("tool==2.0", "e", "part"),
        ),
    )


LOCK = example()
DATA = dump_lock(LOCK).encode()


def parsed(text: str) -> Lock:
    return parse_lock(text.encode(), label="pipper.lock")


def test_R01_a_lock_with_a_source_distribution_comes_back_as_it_went_out() -> None:
    assert parse_lock(DATA, label="pipper.lock") == LOCK
    assert dump_lock(parse_lock(DATA, label="pipper.lock")).encode() == DATA


def test_R01_an_authorized_lock_has_a_url_for_the_source_distribution_too() -> None:
    signed = LOCK.with_files(lambda _, each: each.at_url(f"{each.url}?X-Amz-Signature=1"))
    text = dump_lock(replace(signed, expires_at=datetime(2030, 1, 1, tzinfo=UTC)))
    assert text.count("X-Amz-Signature") == 5
    assert parsed(text).packages[1].sdist == signed.packages[1].sdist


def test_R01_such_a_lock_cut_off_anywhere_or_without_a_line_is_refused_or_whole() -> None:
    for end in range(0, len(DATA), 3):
        with contextlib.suppress(UsageError):
            assert parse_lock(DATA[:end], label="pipper.lock") == LOCK
    lines = DATA.splitlines(keepends=True)
    for at in range(len(lines)):
        with contextlib.suppress(PipperError):
            found = parse_lock(b"".join(lines[:at] + lines[at + 1 :]), label="pipper.lock")
            assert len(found.packages) == len(LOCK.packages)
            assert found.environments[0].pins == LOCK.environments[0].pins
            assert found.environments[0].build_pins == LOCK.environments[0].build_pins


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"part==1.0", "tool==2.0"', '"part==1.0", "tool==1.0", "tool==2.0"', "two versions of tool"),
        ('builds.promise = ["part==1.0", "tool==2.0"]\n', "", "no environment lists part==1.0"),
        ("builds.promise =", "builds.six =", "builds six, which has no `sdist`"),
        ("builds.promise =", "builds.absent =", "builds absent, which has no `sdist`"),
        (
            'build-requires = ["tool==2.0"]',
            'build-requires = ["tool==3.0"]',
            "requires tool==3.0, which has no [[packages]]",
        ),
        ("promise-2.0.tar.gz", "promise-2.0.exe", "not the file name of a source distribution"),
        ("promise-2.0.tar.gz", "%2e%2e%2fpromise-2.0.tar.gz", "is not a file name"),
        ('sha256 = "' + "a" * 64 + '"', 'sha256 = ""', "not a sha256"),
        (f'url = "{FILES}promise-2.0.tar.gz"', 'key = "promise/promise-2.0.tar.gz"', "must have a `url`"),
    ],
)
def test_R01_a_lock_whose_builds_contradict_the_rest_is_inconsistent(old: str, new: str, told: str) -> None:
    text = DATA.decode()
    assert text.count(old) == 1
    with pytest.raises(IntegrityError) as caught:
        parsed(text.replace(old, new))
    assert told in f"{caught.value.message} {caught.value.cause}"


def test_R01_an_environment_gets_the_source_distribution_with_all_that_builds_it() -> None:
    promise, six, tool = select(LOCK, LOCK.environments[0], Selection())
    assert (promise.filename, [each.filename for each in promise.tools]) == (
        "promise-2.0.tar.gz",
        ["part-1.0-py3-none-any.whl", "tool-2.0-py3-none-any.whl"],
    )
    assert (six.build, six.tools, tool.version) == ("", (), "1.0")
    part = replace(LOCK.environments[0], builds={"promise": (pin("part==1.0"),)})
    (other, *_) = select(LOCK, part, Selection())
    assert other.build not in ("", promise.build)


def test_R01_what_other_tools_built_is_built_again() -> None:
    (promise, *_) = select(LOCK, LOCK.environments[0], Selection())
    here = Installed(
        name=promise.name,
        version="2.0",
        dist_info=LINUX_PATH,
        installer="pipper",
        source="index",
        sha256=promise.file.sha256,
        build=promise.build,
    )
    assert make_plan([promise], [here]).changes == ()
    assert len(make_plan([promise], [replace(here, build="other")]).changes) == 1
    assert len(make_plan([promise], [replace(here, build="")]).changes) == 1


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection(groups=frozenset({canonicalize_name("odd")})), "the group `odd`"),
        (Selection(only_groups=frozenset({canonicalize_name("odd")})), "the group `odd`"),
        (Selection(all_groups=True), "the group `odd`"),
        (Selection(extras=frozenset({canonicalize_name("gpu")})), "the extra `gpu`"),
        (Selection(all_extras=True), "the extra `gpu`"),
    ],
)
def test_R01_a_part_without_a_solution_tells_its_reason_when_it_is_asked_for(
    selection: Selection, told: str
) -> None:
    with pytest.raises(NoSolutionError, match=told) as caught:
        select(LOCK, LOCK.environments[0], selection)
    assert "no source has" in caught.value.message or "conflict" in caught.value.message


def nested(*part_needs: Pin) -> Lock:
    """The example where `part` and `tool` 2 have no wheel: `tool` is built with `part`, `part` with `part_needs`."""
    (environment,) = LOCK.environments
    sources = {
        pin("part==1.0"): ((pin("six==1.0"),), "part-1.0.tar.gz"),
        pin("tool==2.0"): ((pin("part==1.0"),), "tool-2.0.tar.gz"),
    }
    packages = [
        replace(each, wheels=(), sdist=file(sources[each.pin][1], "f"), build_requires=sources[each.pin][0])
        if each.pin in sources
        else each
        for each in LOCK.packages
    ]
    builds = {"part==1.0": part_needs, "tool==2.0": (pin("part==1.0"),), **environment.builds}
    return replace(LOCK, environments=(replace(environment, builds=builds),), packages=tuple(packages))


def test_R01_what_takes_part_in_a_build_may_be_built_itself() -> None:
    lock = parsed(dump_lock(nested(pin("six==1.0"))))
    assert lock == nested(pin("six==1.0"))
    (promise, *_) = select(lock, lock.environments[0], Selection())
    assert [each.filename for each in promise.tools] == ["part-1.0.tar.gz", "tool-2.0.tar.gz"]
    assert [[each.filename for each in tool.tools] for tool in promise.tools] == [
        ["six-1.0-py3-none-any.whl"],
        ["part-1.0.tar.gz"],
    ]


def test_R01_builds_that_require_each_other_without_end_are_inconsistent() -> None:
    without = dump_lock(nested(pin("six==1.0"))).replace('builds."part==1.0" = ["six==1.0"]\n', "")
    for text, told in (
        (dump_lock(nested(pin("tool==2.0"))), "require each other without end"),
        (without, "part==1.0 takes part in a build, and has no wheel"),
    ):
        with pytest.raises(IntegrityError) as caught:
            parsed(text)
        assert told in caught.value.cause


def apart() -> Lock:
    """A lock of `promise` 2.0 in one extra and of `promise` 1.0, which has a wheel, in one that conflicts with it."""
    (environment,) = LOCK.environments
    six = (pin("six==1.0"),)
    environment = replace(
        environment,
        packages=(),
        groups={},
        extras={"new": (pin("promise==2.0"), *six), "old": (pin("promise==1.0"),)},
        builds={"promise==2.0": environment.builds["promise"]},
        failed_groups={},
        failed_extras={},
    )
    inputs = Inputs(
        extras={"new": ("promise==2.0",), "old": ("promise==1.0",)},
        conflicts=(("new", "old"),),
        build_allow=True,
    )
    packages = [
        package("promise==1.0", "9"),
        *(each for each in LOCK.packages if each.pin != pin("tool==1.0")),
    ]
    return replace(
        LOCK, inputs=inputs, environments=(environment,), packages=tuple(sorted(packages, key=sort_key))
    )


def test_R11_one_of_several_versions_of_an_environment_is_built_under_its_version() -> None:
    lock = parsed(dump_lock(apart()))
    assert lock == apart()
    for extra, names in (("new", ["part-1.0-py3-none-any.whl", "tool-2.0-py3-none-any.whl"]), ("old", [])):
        selection = Selection(extras=frozenset({canonicalize_name(extra)}))
        (promise, *_) = select(lock, lock.environments[0], selection)
        assert [each.filename for each in promise.tools] == names


@pytest.mark.parametrize(
    ("lock", "old", "new"),
    [
        (apart(), 'builds."promise==2.0"', "builds.promise"),
        (apart(), 'builds."promise==2.0"', 'builds."promise==1.0"'),
        (LOCK, "builds.promise", 'builds."promise==2.0"'),
    ],
)
def test_R11_a_build_under_another_key_is_inconsistent(lock: Lock, old: str, new: str) -> None:
    text = dump_lock(lock)
    assert text.count(old) == 1
    with pytest.raises(IntegrityError) as caught:
        parsed(text.replace(old, new))
    assert "which has no `sdist` there" in caught.value.cause
