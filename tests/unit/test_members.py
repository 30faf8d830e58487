"""Members as values: what files state of them, patterns of a workspace, and how a lock holds them."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.lock.model import Pin
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.inputs import Inputs, MemberInputs
from pipper.core.manifest.members import Member
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.stated_name import stated_name
from pipper.core.standards import read_requirement, read_specifiers
from pipper.errors import IntegrityError, MachineError, UsageError
from pipper.ops.context.member_source import MemberSource
from pipper.ops.context.workspace_folders import workspace_folders

MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.9",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
REQUIRED = 'requirements = ["six"], extras = { fast = ["seven>=1"] }'
LOCK = """\
# Written by pipper: edit the manifest, then run `pipper lock`.
lock-version = 1

[inputs]
requires-python = ""
requirements = ["lab"]
groups = {}
extras = {}
sources = {}
repositories = []
index = true
members.lab = { path = "../lab", editable = true, requires-python = ">=3.9", build-files = "ab", REQUIRED }

[[environments]]
name = "cp311-manylinux_2_28_x86_64"
markers = { MARKERS }
packages = [
    "lab @ ../lab",
]
groups = {}
extras = {}

[[packages]]
name = "lab"
source = "path"
path = "../lab"
editable = true
dependencies = []
""".replace("MARKERS", ", ".join(f'{name} = "{value}"' for name, value in MARKERS.items())).replace(
    "REQUIRED", REQUIRED
)


def test_a_lock_with_a_member_is_read_and_written_as_the_same_bytes() -> None:
    lock = parse_lock(LOCK.encode(), label="pipper.lock")
    assert dump_lock(lock) == LOCK
    (member,) = lock.members
    assert (str(member.pin), member.pin.shown) == ("lab @ ../lab", "lab (../lab)")
    assert lock.private == ()
    assert member.pin == Pin(name=member.name, path="../lab")
    assert lock.inputs.members["lab"].extras == {"fast": ("seven>=1",)}


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('path = "../lab", editable', 'path = "/lab", editable', IntegrityError, "unsafe path `/lab`"),
        ('path = "../lab"\n', 'path = "C:/lab"\n', IntegrityError, "unsafe path"),
        ('"lab @ ../lab"', '"lab @ ..\\\\lab"', IntegrityError, "unsafe path"),
        ('path = "../lab"\n', 'path = "../other"\n', IntegrityError, "the lock is inconsistent"),
        ('source = "path"', 'source = "index"', UsageError, "unknown key"),
        ("members.lab", "members.other", IntegrityError, "the lock is inconsistent"),
        ("dependencies = []\n", "dependencies = []\nwheels = []\n", UsageError, "unknown key"),
        ('"lab @ ../lab"', '"lab"', UsageError, "neither NAME==VERSION nor NAME @ PATH"),
    ],
)
def test_a_lock_whose_member_is_odd_is_refused(old: str, new: str, error: type[Exception], said: str) -> None:
    assert old in LOCK
    with pytest.raises(error, match=said):
        parse_lock(LOCK.replace(old, new).encode(), label="pipper.lock")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            MemberInputs(path="a", requirements=("six", "seven")),
            "requires `seven`, and the lock does not know that",
        ),
        (MemberInputs(path="a"), "no longer requires `six`"),
        (MemberInputs(path="a", requirements=("six",), extras={"x": ()}), "the extra `x`"),
        (MemberInputs(path="b", requirements=("six",)), "has path `b`, in the lock it is `a`"),
        (
            MemberInputs(path="a", requirements=("six",), editable=False),
            "has editable false, in the lock it is true",
        ),
        (MemberInputs(path="a", requirements=("six",), build_files="x"), "has other build files"),
    ],
)
def test_the_first_difference_of_a_member_is_told(now: MemberInputs, said: str) -> None:
    before = Inputs(members={"lab": MemberInputs(path="a", requirements=("six",))})
    assert said in before.difference(Inputs(members={"lab": now}))
    assert before.difference(before) == ""
    assert "`lab` (a), which is no longer a member" in before.difference(Inputs())
    assert "`lab` is a member (a) now" in Inputs().difference(before)


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [
        ("packages/*", True),
        ("packages/lab", True),
        ("**/lab", True),
        ("**", True),
        ("packages/l?b", True),
        ("packages", False),
        ("packages/*/x", False),
        ("*", False),
    ],
)
def test_a_workspace_lists_what_its_patterns_match_on_the_disk(
    tmp_path: Path, pattern: str, listed: bool
) -> None:
    (tmp_path / "packages" / "lab").mkdir(parents=True)
    assert Workspace(members=(pattern,)).lists("packages/lab") is listed
    found = [
        path.relative_to(tmp_path).as_posix()
        for path in workspace_folders(Workspace(members=(pattern,)), tmp_path)
    ]
    assert ("packages/lab" in found) is listed


@pytest.mark.parametrize("pattern", ["packages/lab", "packages/l*", "packages", "**/lab"])
def test_a_workspace_leaves_out_what_it_excludes_with_all_below(tmp_path: Path, pattern: str) -> None:
    for path in ("packages/lab/inner", "libs/other"):
        (tmp_path / path).mkdir(parents=True)
    for members in (("**",), ("packages/lab", "packages/lab/inner", "libs/other")):
        workspace = Workspace(members=members, exclude=(pattern,))
        found = [path.relative_to(tmp_path).as_posix() for path in workspace_folders(workspace, tmp_path)]
        assert "libs/other" in found
        assert workspace.lists("libs/other")
        for path in ("packages/lab", "packages/lab/inner"):
            assert path not in found
            assert not workspace.lists(path)


def test_hidden_folders_are_in_a_workspace_only_if_they_are_named(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    (tmp_path / ".tools" / "lab").mkdir(parents=True)
    assert (
        workspace_folders(
            Workspace(
                members=(
                    "*",
                    "**",
                )
            ),
            tmp_path,
        )
        == []
    )
    assert workspace_folders(Workspace(members=(".tools/*",)), tmp_path) == [tmp_path / ".tools" / "lab"]
    assert not Workspace(members=("*/*", "**")).lists(".venv/.pipper")
    assert Workspace(members=(".tools/*",)).lists(".tools/lab")


def test_T05_the_walk_of_a_workspace_follows_links_that_stay_in_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real" / "lab").mkdir(parents=True)
    (outside / "lab").mkdir(parents=True)
    (root / "inner").symlink_to("real")
    (root / "outer").symlink_to(outside)
    assert workspace_folders(Workspace(members=("*/lab",)), root) == [root / "real" / "lab"]
    assert workspace_folders(Workspace(members=("i*/lab",)), root) == [root / "inner" / "lab"]
    assert workspace_folders(Workspace(members=("**/lab",)), root) == [root / "real" / "lab"]
    assert root / "outer" in workspace_folders(Workspace(members=("*",)), root)  # who reads it refuses it
    with pytest.raises(MachineError, match="through a symbolic link"):
        workspace_folders(Workspace(members=("outer/*",)), root)


def test_a_link_that_cannot_be_followed_hides_no_other_folder_of_a_workspace(tmp_path: Path) -> None:
    names = [f"lab-{number}" for number in range(8)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / f"loop-{name}").symlink_to(f"loop-{name}")
    found = workspace_folders(Workspace(members=("*",)), tmp_path)
    assert [each.name for each in found] == names


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may look into every folder")
def test_a_link_into_a_forbidden_folder_hides_no_other_folder_of_a_workspace(tmp_path: Path) -> None:
    names = [f"lab-{number}" for number in range(8)]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / f"link-{name}").symlink_to("closed/inner")
    found = workspace_folders(Workspace(members=("*",)), tmp_path)
    assert [each.name for each in found] == ["closed", *names]


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "setup_py", "name"),
    [
        ("[project]\nname = 'A_b'\n", "", "", "a-b"),
        ("[tool.poetry]\nname = 'lab'\n", "", "", "lab"),
        ("", "[metadata]\nname = lab\n", "", "lab"),
        ("", "", "from setuptools import setup\nsetup(name='lab')\n", "lab"),
        ("", "", "import setuptools as s\ns.setup(\n  version='1', name='lab',\n)\n", "lab"),
        ("", "", "setup(name=NAME)\n", ""),
        ("", "", "def broken(:\n", ""),
        ("", "name = lab\n", "\0", ""),
        ("", "", "(" * 5000, ""),
        ("[project]\nname = '../x'\n", "", "", ""),
    ],
)
def test_a_name_is_read_without_running_anything(
    pyproject: str, setup_cfg: str, setup_py: str, name: str
) -> None:
    top = read_toml(pyproject.encode(), label="pyproject.toml", limit=MANIFEST_LIMIT)
    assert stated_name(top, setup_cfg.encode(), setup_py.encode()) == name


def test_a_member_in_two_spellings_and_an_alias_path_are_refused() -> None:
    text = "[sources]\na_b = { path = 'x' }\na-b = { path = 'y' }\n"
    with pytest.raises(UsageError, match="two sources, in two spellings"):
        parse_manifest(text.encode(), label="pipper.toml")
    with pytest.raises(UsageError, match="cannot be an alias"):
        parse_manifest(b"[repositories]\npath = 's3://b/p'\n", label="pipper.toml")


def member(name: str, **parts: object) -> Member:
    return Member(name=canonicalize_name(name), path=f"../{name}", **parts)  # type: ignore[arg-type]  # as given


def test_members_are_a_source_with_one_release_each_and_their_extras_as_markers() -> None:
    lab = member(
        "lab",
        version="1.0",
        requires_python=read_specifiers(">=3.9"),
        dependencies=(read_requirement("six>=1"),),
        extras={canonicalize_name("x"): (read_requirement("seven ; os_name == 'nt' or os_name == 'posix'"),)},
    )
    source = MemberSource([lab], {canonicalize_name("around"): "/elsewhere"})
    (release,) = source.releases(lab.name)
    assert (str(release.version), release.source, source.alias) == ("1.0", "path", "path")
    found = source.metadata(release, release.files[0])
    assert [str(each) for each in found.requires_dist] == [
        "six>=1",
        'seven; (os_name == "nt" or os_name == "posix") and extra == "x"',
    ]
    assert (found.provides_extra, str(found.requires_python)) == ({"x"}, ">=3.9")
    assert source.names == {"lab", "around"}
    assert not source.holds(canonicalize_name("six"))
    assert list(source.releases(canonicalize_name("six"))) == []
    with pytest.raises(UsageError, match="a member of the enclosing project, in `/elsewhere`"):
        source.releases(canonicalize_name("around"))


def test_what_a_backend_computes_is_asked_once_and_an_invalid_version_is_told() -> None:
    asked = []

    def answer(one: Member) -> Member:
        asked.append(one.name)
        return replace(one, version="3.0")

    source = MemberSource([member("lab"), member("core", version="1.0"), member("odd", version="x.y")], {})
    source.complete(answer)
    source.complete(answer)
    assert asked == ["lab"]
    (release,) = source.releases(canonicalize_name("lab"))
    assert str(release.version) == "3.0"
    with pytest.raises(UsageError, match="of the member `odd`"):
        source.releases(canonicalize_name("odd"))
