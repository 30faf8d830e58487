"""Hostile and broken manifests (M1 to M6): refused with file and place, nothing touched."""

import time

import pytest

from tests.invariants import Workspace

WRITING = (("lock",), ("lock", "--check"), ("sync",))
"""The commands that read a manifest."""


def refused(workspace: Workspace, manifest: str | bytes, subject: str, *, code: int = 2) -> str:
    """Every command that reads this manifest refuses it and changes nothing; what `lock` said."""
    workspace.manifest.write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    told = [workspace.refused(*args, code=code, subject=subject).stderr for args in WRITING]
    return told[0]


@pytest.mark.parametrize(
    ("manifest", "subject", "place"),
    [
        (b"dependencies = [", "pipper.toml: not valid TOML", "line 1"),
        (b'{"dependencies": []}', "pipper.toml: not valid TOML", "line 1"),
        (b"\n\ndependencies = ['caf\xe9']\n", "pipper.toml: not UTF-8 at line 3", "0xe9"),
        (b"\x00", "pipper.toml: not valid TOML", "line 1"),
        (b"\xff\xfed\x00", "pipper.toml: not UTF-8 at line 1", ""),
    ],
)
def test_M01_a_manifest_that_is_no_toml_is_refused_with_its_place(
    manifest: bytes, subject: str, place: str, workspace: Workspace
) -> None:
    assert place in refused(workspace, manifest, subject)


def test_M01_a_missing_manifest_is_told_with_the_way_to_begin_one(workspace: Workspace) -> None:
    workspace.manifest.unlink()
    for args in WRITING:
        done = workspace.refused(*args, code=2, subject=f"no project at {workspace.app}")
        assert "pipper init" in done.stderr


def test_M01_an_empty_manifest_asks_for_nothing_and_never_empties_an_environment(
    workspace: Workspace,
) -> None:
    workspace.manifest.write_text("")
    before = workspace.state()
    workspace.run("sync", code=2)
    workspace.run("lock", "--check", code=1)
    workspace.compare(before)


def test_M01_a_byte_order_mark_and_crlf_are_accepted(workspace: Workspace) -> None:
    text = workspace.manifest.read_text().replace("\n", "\r\n")
    workspace.manifest.write_bytes(b"\xef\xbb\xbf" + text.encode())
    workspace.run("lock", "--check")


@pytest.mark.parametrize(
    ("manifest", "subject", "hint"),
    [
        (
            "[dev-dependencies]\npytest = '*'",
            "pipper.toml: dev-dependencies: unknown key",
            "[dependency-groups]",
        ),
        (
            "dev_dependencies = []",
            "pipper.toml: dev_dependencies: unknown key",
            "`dev` of [dependency-groups]",
        ),
        ("dependancies = []", "pipper.toml: dependancies: unknown key", "did you mean `dependencies`?"),
        ("dependencies = 3", "pipper.toml: dependencies: expected an array, found a number", ""),
        ("dependencies = ['a', 3]", "pipper.toml: dependencies[1]: expected a string, found a number", ""),
        (
            "[repositories]\nacme = 1",
            "pipper.toml: repositories.acme: expected a string (the URL) or a table",
            "",
        ),
        (
            "[repositories.acme]\nurl = 's3://b'\nregoin = 'x'",
            "repositories.acme.regoin: unknown key",
            "`region`",
        ),
        ("[repositories]\nacme = {}", "repositories.acme: `url` is missing", ""),
        ("[repositories]\nacme = 'ftp://x'", "`ftp://x` is not a repository", "s3://BUCKET"),
        (
            "[repositories]\nacme = 's3://u:p@b'",
            "repositories.acme: credentials are not allowed in a manifest",
            "",
        ),
        ("index = 'x'", "pipper.toml: index: expected true, false or a table", ""),
        ("prereleases = 'x'", "pipper.toml: prereleases: expected true, false or an array of names", ""),
        ("requires-python = '=>3'", "pipper.toml: requires-python: not a version specifier", ">=3.11"),
        (
            "[sources]\nx = 'nobody'",
            "pipper.toml: sources.x: `nobody` is not a source",
            "known sources: `index`",
        ),
        (
            "[dependency-groups]\ndev = [{include-gruop = 'x'}]",
            "dev[0].include-gruop: unknown key",
            "include-group",
        ),
        ("[dependency-groups]\ndev = [{include-group = 'x'}]", "dependency-groups: cannot resolve", ""),
        ("[dependency-groups]\na = [{include-group = 'a'}]", "dependency-groups: cannot resolve", ""),
    ],
)
def test_M02_unknown_keys_and_wrong_types_are_told_with_their_place(
    manifest: str, subject: str, hint: str, workspace: Workspace
) -> None:
    assert hint in refused(workspace, manifest, subject)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("dependencies = ['Foo_Bar>=1', 'foo-bar<1']", ("`Foo_Bar>=1`", "`foo-bar<1`")),
        ("dependencies = []\ndependencies = ['alpha']", ("not valid TOML", "line 2")),
        ("[dependency-groups]\na_b = []\nA-B = []", ("a_b", "A-B")),
        ("[optional-dependencies]\na_b = []\nA-B = []", ("`A-B` is defined twice",)),
        (
            "[repositories]\na = 's3://a1'\nb = 's3://b1'\n[sources]\nX_y = 'a'\nx-Y = 'b'",
            ("`x-y` has two sources",),
        ),
    ],
)
def test_M03_what_is_given_twice_is_never_decided_by_order(
    manifest: str, told: tuple[str, ...], workspace: Workspace
) -> None:
    text = refused(workspace, manifest, "pipper.toml: ")
    for part in told:
        assert part in text


@pytest.mark.parametrize(
    "requirement", ["foo=>1", "foo; os_name =", "-x", "../x", "", "foo bar", "foo[", "foo:>=x"]
)
def test_M04_a_broken_requirement_is_told_with_its_place(requirement: str, workspace: Workspace) -> None:
    text = refused(
        workspace,
        f"dependencies = ['alpha', {requirement!r}]",
        f"pipper.toml: dependencies[1]: `{requirement}`",
    )
    assert "hint: write it as in `foo" in text


def test_M04_a_line_break_in_a_requirement_cannot_forge_a_line(workspace: Workspace) -> None:
    refused(
        workspace,
        'dependencies = ["foo\\nerror: all is lost \\u001b[2J"]',
        "`foo\\nerror: all is lost \\x1b[2J`",
    )


@pytest.mark.parametrize(
    ("manifest", "subject"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"{a=" * 100_000, "nested too deeply"),
        (b"a = " + b"1" * 1_000_000, "not valid TOML"),
        (b"a = 0x" + b"f" * 3_500, "a number of too many digits at line 1"),
        (b"a" + b".a" * 500_000 + b" = 1", "a key of more than 32 parts at line 1"),
        (b"\n".join(b"k%d%s = 1" % (at, b".a" * 100) for at in range(4000)), "a key of more than 32 parts"),
        (b"a.b = 1\n" * 2_000_000, "pipper.toml: 16,000,000 bytes, more than 1,048,576"),
        (b"dependencies = ['foo; " + b"(" * 3000 + b"']", "dependencies[0]"),
        (b"dependencies = ['foo" + b"a" * 10_000 + b"']", "the requirement has 10003 characters"),
    ],
)
def test_M05_a_parser_bomb_is_refused_before_it_goes_off(
    manifest: bytes, subject: str, workspace: Workspace
) -> None:
    workspace.manifest.write_bytes(manifest)
    began = time.process_time()
    workspace.refused("lock", code=2, subject=subject)
    # Of this process alone; a bomb takes minutes and gigabytes.
    assert time.process_time() - began < 10


def test_M05_a_pyproject_bomb_is_refused_where_projects_are_looked_for(workspace: Workspace) -> None:
    workspace.manifest.unlink()
    (workspace.app / "pyproject.toml").write_bytes(b"[tool.pipper]\na" + b".a" * 500_000 + b" = 1")
    workspace.refused("lock", code=2, subject="a key of more than 32 parts")


def test_M06_a_set_without_solution_names_both_who_require(workspace: Workspace) -> None:
    workspace.publish(
        workspace.wheel("beta", "2.0.0"),
        workspace.wheel("left", requires=["beta<2"]),
        workspace.wheel("right", requires=["beta>=2"]),
    )
    workspace.write_manifest("left", "right")
    text = workspace.refused("lock", code=3, subject="").stderr
    for part in ("left", "right", "beta<2", "beta>=2"):
        assert part in text


def test_M06_an_exponential_conflict_ends(workspace: Workspace) -> None:
    wheels = []
    for level in range(6):
        for version in range(1, 6):
            wheels.append(
                workspace.wheel(
                    f"x{level}",
                    f"{version}.0.0",
                    requires=[f"x{level + 1}", f"y{level}"] if level < 5 else ["beta>9"],
                )
            )
            wheels.append(workspace.wheel(f"y{level}", f"{version}.0.0", requires=["x5"]))
    workspace.publish(*wheels)
    workspace.write_manifest("x0")
    workspace.refused("lock", code=3, subject="")


def test_M06_a_name_that_nobody_holds_is_told_with_who_requires_it(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("left", requires=["nobody>=2"]))
    workspace.write_manifest("left")
    text = workspace.refused("lock", code=3, subject="").stderr
    assert "nobody" in text
    assert "left 1.0.0" in text


def test_B03_a_string_of_another_tool_with_many_dots_is_no_fault(workspace: Workspace) -> None:
    files = "|".join(f"tests/f{at}\\\\.py" for at in range(35))
    (workspace.app / "pyproject.toml").write_text(f'[tool.mypy]\nexclude = "^({files})$"\n')
    workspace.run("lock")
    workspace.run("sync")
