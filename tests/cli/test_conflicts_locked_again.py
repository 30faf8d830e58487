"""Parts that conflict may have several versions of a project in one environment: a new lock keeps those of each."""

import tomllib

from tests.invariants import Workspace

SEEDS = ("0", "1", "2", "3")
"""Of the hashes of texts, which the order of a set follows."""
LINUX, WINDOWS = "linux-x86_64", "windows-x86_64"


def write(project: Workspace, conflicts: str, *dependencies: str, more: str, **extras: str) -> None:
    """Write a manifest with these extras."""
    listed = "".join(f"{name} = {requirements}\n" for name, requirements in extras.items())
    project.write_manifest(*dependencies, more=f"{more}\n[optional-dependencies]\n{listed}")
    project.manifest.write_text(f"conflicts = {conflicts}\n{project.manifest.read_text()}")


def environments(*platforms: str) -> str:
    return "".join(f'[[environments]]\npython = "3.12"\nplatform = "{each}"\n' for each in platforms)


def extras_of(project: Workspace, platform: str) -> dict[str, list[str]]:
    tag = {LINUX: "manylinux", WINDOWS: "win_amd64"}[platform]
    (found,) = (
        each for each in tomllib.loads(project.lock.read_text())["environments"] if f"-{tag}" in each["name"]
    )
    return {name: list(pins) for name, pins in found["extras"].items()}


def test_a_part_that_is_new_gets_the_newest_version_of_the_others_whatever_the_order_of_sets(
    empty: Workspace,
) -> None:
    empty.publish(*(empty.wheel("foo", version) for version in ("1.4", "1.9", "2.0")))
    more = environments(LINUX)
    write(empty, '[["a", "b"]]', more=more, a='["foo==1.4"]', b='["foo==2.0"]')
    empty.run("lock")
    before = empty.lock.read_bytes()
    empty.publish(empty.wheel("foo", "2.1"))
    write(empty, '[["a", "b", "c"]]', more=more, a='["foo<2"]', b='["foo<2.1"]', c='["foo"]')
    for seed in SEEDS:
        empty.lock.write_bytes(before)
        cache = str(empty.root / f"cache-{seed}")
        empty.process("lock", env={"PYTHONHASHSEED": seed, "PIPPER_CACHE_DIR": cache})
        found = {"a": ["foo==1.4"], "b": ["foo==2.0"], "c": ["foo==2.0"]}
        assert extras_of(empty, LINUX) == found, seed


def test_a_part_keeps_the_version_of_each_environment(empty: Workspace) -> None:
    empty.publish(
        *(empty.wheel("foo", version) for version in ("1.4", "2.0")),
        empty.wheel("foo", "1.5", tag="py3-none-manylinux_2_17_x86_64"),
        empty.wheel("bar"),
    )
    more, parts = environments(LINUX, WINDOWS), {"a": '["foo<2"]', "b": '["foo==2.0"]'}
    write(empty, '[["a", "b"]]', more=more, **parts)
    empty.run("lock")
    found = {LINUX: "1.5", WINDOWS: "1.4"}
    for dependencies in ((), ("bar",)):
        write(empty, '[["a", "b"]]', *dependencies, more=more, **parts)
        empty.run("lock")
        assert {each: extras_of(empty, each)["a"] for each in found} == {
            each: [f"foo=={version}"] for each, version in found.items()
        }
    write(empty, '[["a", "b"]]', "bar", more=environments(LINUX, WINDOWS, "macos-arm64"), **parts)
    empty.run("lock")
    assert extras_of(empty, LINUX)["a"] == ["foo==1.5"]


def test_a_part_has_one_version_in_all_environments_where_it_can(empty: Workspace) -> None:
    empty.publish(
        *(empty.wheel("foo", version) for version in ("1.4", "2.0")),
        empty.wheel("foo", "1.5", tag="py3-none-win_amd64"),
    )
    more = environments(LINUX, WINDOWS)
    write(empty, '[["a", "b"]]', more=more, a='["foo<2"]', b='["foo==2.0"]')
    empty.run("lock")
    assert extras_of(empty, LINUX) == extras_of(empty, WINDOWS) == {"a": ["foo==1.4"], "b": ["foo==2.0"]}


def test_a_part_in_an_environment_that_is_new_starts_from_the_versions_locked_elsewhere(
    empty: Workspace,
) -> None:
    empty.publish(*(empty.wheel("foo", version) for version in ("1.4", "2.0")))
    parts = {"a": '["foo<2"]', "b": '["foo==2.0"]'}
    write(empty, '[["a", "b"]]', more=environments(WINDOWS), **parts)
    empty.run("lock")
    empty.publish(empty.wheel("foo", "1.5"))
    write(empty, '[["a", "b"]]', more=environments(LINUX, WINDOWS), **parts)
    empty.run("lock")
    assert extras_of(empty, LINUX) == extras_of(empty, WINDOWS) == {"a": ["foo==1.4"], "b": ["foo==2.0"]}


def test_of_parts_that_need_different_versions_of_what_is_common_the_same_one_is_left_out_again(
    empty: Workspace,
) -> None:
    empty.publish(empty.wheel("bar"), *(empty.wheel("foo", version) for version in ("1.0", "2.0")))
    write(
        empty, '[["a", "b"], ["c", "d"]]', "foo", "bar", more=environments(LINUX),
        a='["foo>=2"]', b='["bar"]', c='["foo<2"]', d='["bar"]',
    )  # fmt: skip
    assert "no solution for the extra `c`" in empty.run("lock").stderr
    before = empty.lock.read_bytes()
    empty.run("lock", "-P", "bar")
    assert empty.lock.read_bytes() == before
