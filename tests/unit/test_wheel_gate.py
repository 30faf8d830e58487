"""The wheel gate: a wheel is what it claims to be, or it is refused with file, member and rule."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipper.core.archive_limits import Limits
from pipper.errors import IntegrityError, MachineError
from pipper.wheels.entry_points import EntryPoint
from pipper.wheels.gate import WheelFile, check_publishable, open_wheel
from pipper.wheels.name import parse_wheel_name
from pipper.wheels.tree import Member
from tests.wheelhouse import make_wheel, record_lines, record_of, wheel_members, write_wheel, zip_info

NAME = "foo-1.0-py3-none-any.whl"
INFO = "foo-1.0.dist-info"

Members = dict[str, bytes]
Lines = list[tuple[str, str, str]]


def gate(path: Path, filename: str = NAME) -> tuple[Member, ...]:
    """All that the gate checks; the members."""
    with open_wheel(path, filename=filename) as wheel:
        wheel.verify()
        return wheel.members


def refusal(path: Path, filename: str = NAME) -> str:
    """The gate's message about a wheel."""
    with pytest.raises(IntegrityError) as caught:
        gate(path, filename)
    assert caught.value.message.startswith((filename, repr(filename)[:100]))
    assert caught.value.message.isprintable()
    return caught.value.message


def with_members(tmp_path: Path, more: Members, **options: object) -> Path:
    """A wheel with more members (or others in the place of its own), all right in RECORD."""
    members = wheel_members("foo", "1.0", **options)  # type: ignore[arg-type]  # options of one test
    return write_wheel(tmp_path / NAME, {**members, **more})


def with_record(tmp_path: Path, edit: Callable[[Lines], Lines]) -> Path:
    """A wheel whose RECORD is edited."""
    members = wheel_members("foo", "1.0")
    return write_wheel(tmp_path / NAME, members, record=record_of(edit(record_lines(members))))


def test_a_good_wheel_says_what_is_in_it(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path,
        "Foo.Bar",
        "1.0.0+l.1",
        requires=["a>1", "b[x]; python_version>'3'"],
        extras={"x": ["y"]},
        entry_points={"foo": "foo_bar.cli:main.run", "foo-x": "foo_bar:x [x]"},
        gui_scripts={"foo-gui": "foo_bar:gui"},
        requires_python=">=3.9",
        files={"foo_bar/__init__.py": "", "foo_bar-1.0.0+l.1.data/scripts/run.sh": "#!/bin/sh\n"},
    )
    with open_wheel(path, filename=path.name) as wheel:
        assert (wheel.name, str(wheel.version)) == ("foo-bar", "1.0.0+l.1")
        assert {str(tag) for tag in wheel.tags} == {"py3-none-any"}
        assert wheel.metadata.requires_dist == ("a>1", "b[x]; python_version>'3'", "y ; extra == 'x'")
        assert wheel.metadata.requires_python == ">=3.9"
        assert wheel.metadata.provides_extra == ("x",)
        assert wheel.metadata.unusable() == ""
        assert wheel.entry_points == (
            EntryPoint(kind="console", name="foo", module="foo_bar.cli", attr="main.run"),
            EntryPoint(kind="console", name="foo-x", module="foo_bar", attr="x"),
            EntryPoint(kind="gui", name="foo-gui", module="foo_bar", attr="gui"),
        )
        assert [(member.scheme, member.target, member.executable) for member in wheel.members[:2]] == [
            ("purelib", "foo_bar/__init__.py", False),
            ("scripts", "run.sh", True),
        ]
        assert wheel.members[0].sha256 == hashlib.sha256(b"").hexdigest()
        assert not [member for member in wheel.members if member.path.endswith("RECORD")]
        check_publishable(wheel)


@pytest.mark.parametrize(
    ("filename", "dist_info", "data"),
    [
        ("foo_bar-1.0-py3-none-any.whl", "Foo_Bar-1.0.dist-info", "foo_bar-1.0.data"),
        ("Foo.Bar-1.0-py3-none-any.whl", "foo_bar-1.0.dist-info", "Foo.Bar-1.0.data"),
        (
            "foo_bar-1.0-py3-none-any.whl",
            "foo-bar-1.0.0.dist-info",
            "foo-bar-1.dist.data".replace(".dist", ""),
        ),
        ("foo_bar-2024.01-py3-none-any.whl", "foo_bar-2024.1.dist-info", "foo_bar-2024.01.data"),
    ],
)
def test_names_and_versions_are_compared_normalised(
    tmp_path: Path, filename: str, dist_info: str, data: str
) -> None:
    version = filename.split("-")[1]
    members = {
        path.replace(path.split("/")[0], dist_info) if ".dist-info/" in path else path: body
        for path, body in wheel_members("foo.bar", version).items()
    }
    members[f"{data}/data/share/x"] = b""
    path = write_wheel(tmp_path / filename, members)
    assert ("data", "share/x") in [(member.scheme, member.target) for member in gate(path, filename)]


def test_real_habits_pass(tmp_path: Path) -> None:
    members = wheel_members(
        "foo", "1.0", tag="py2.py3-none-any", metadata="Description-Content-Type: text/plain"
    )
    members[f"{INFO}/METADATA"] += b"\n\nlatin-1: \xe9\n"
    lines = record_lines(members)
    record = record_of([*lines, lines[0]]).replace(b"\n", b"\r\n") + b"\r\n"
    filename = "foo-1.0-py2.py3-none-any.whl"
    path = write_wheel(tmp_path / filename, members, record=record)
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("foo/data")
    assert len(gate(path, filename)) == 3


def test_a_record_without_a_line_of_its_own_passes(tmp_path: Path) -> None:
    assert gate(with_record(tmp_path, lambda lines: lines[:-1]))


@pytest.mark.parametrize(
    "target",
    ["../../x", "/tmp/x", "..\\..\\x", "C:\\x", "a:b", "\\\\host\\x", "foo/../../x", "foo/CON", "foo/a.py "],
)
def test_H01_H02_H03_members_outside_or_not_portable_are_refused(tmp_path: Path, target: str) -> None:
    members = wheel_members("foo", "1.0")
    record = record_of(
        [*record_lines(members), (target, "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "0")]
    )
    path = write_wheel(tmp_path / NAME, members, record=record)
    with zipfile.ZipFile(path, "a") as archive:
        info = zip_info("placeholder")
        info.filename = target
        archive.writestr(info, b"")
    assert repr(target) in refusal(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "filename",
    [
        "../../../x.whl",
        "/x/foo-1.0-py3-none-any.whl",
        "",
        "x.whl",
        "foo-1.0-py3-none-any.zip",
        "foo-1.0-py3-none.whl",
        "foo-nope-py3-none-any.whl",
        "foo__bar-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        f"{'n' * 300}-1.0-py3-none-any.whl",
        "foo-1.0-py3-none-any.whl\n",
        "foo\0-1.0-py3-none-any.whl",
        f"foo-1.0-{'.'.join('p' * 40)}-{'.'.join('a' * 40)}-any.whl",
    ],
)
def test_H04_a_file_name_that_is_none_of_a_wheel_is_refused(filename: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        parse_wheel_name(filename)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("key", ["scripts/../../../x", "data/../../x"])
def test_H05_data_members_that_leave_are_refused(tmp_path: Path, key: str) -> None:
    assert "leaves the archive" in refusal(with_members(tmp_path, {f"foo-1.0.data/{key}": b""}))


@pytest.mark.parametrize(
    "key", ["pyvenv.cfg", "PYVENV.CFG", ".pipper/journal", "bin/python3", "Scripts/python.exe"]
)
def test_H06_data_members_that_replace_the_environments_own_files_are_refused(
    tmp_path: Path, key: str
) -> None:
    assert key in refusal(with_members(tmp_path, {f"foo-1.0.data/data/{key}": b""}))


RESERVED = ["python", "python3", "python3.12", "PYTHON.exe", "pythonw", "pip", "pip3", "Pip3.12", "activate"]


@pytest.mark.parametrize("name", [*RESERVED, "Activate.ps1", "deactivate.bat", "pypy3", "python3-config"])
def test_H07_reserved_script_names_are_refused(tmp_path: Path, name: str) -> None:
    assert name in refusal(with_members(tmp_path, {}, entry_points={name: "foo:f"}))
    assert name in refusal(with_members(tmp_path, {f"foo-1.0.data/scripts/{name}": b""}))


@pytest.mark.parametrize(
    "name", ["pythonx", "activate-global-python-argcomplete", "pipx", "ipython3", "pip-compile"]
)
def test_names_that_only_resemble_reserved_ones_pass(tmp_path: Path, name: str) -> None:
    assert gate(with_members(tmp_path, {}, entry_points={name: "foo:f"}))


def test_pip_may_bring_pip(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "pip", "25.0", entry_points={"pip": "pip:main", "pip3": "pip:main"})
    assert gate(path, path.name)


@pytest.mark.parametrize("key", ["stdlib/os.py", "purelib", "Scripts/x", "x"])
def test_H08_unknown_schemes_are_refused_with_the_known_ones(tmp_path: Path, key: str) -> None:
    message = refusal(with_members(tmp_path, {f"foo-1.0.data/{key}": b""}))
    assert "data, headers, platlib, purelib, scripts" in message


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644])
def test_H09_links_and_devices_are_refused(tmp_path: Path, mode: int) -> None:
    path = make_wheel(tmp_path, "foo", "1.0")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zip_info("evil/ln", mode=mode), b"/etc")
    assert "'evil/ln': is not a regular file" in refusal(path)


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", ".", "..", "a b", "a\0b", "é\u202e", "a.", "CON", "", "a:b"]
)
def test_H10_script_names_of_other_characters_are_refused(tmp_path: Path, name: str) -> None:
    assert "entry_points.txt line 2" in refusal(with_members(tmp_path, {}, entry_points={name: "m:f"}))


@pytest.mark.parametrize(
    "value",
    [
        "m:f;import os",
        "hello:",
        "m",
        "",
        ":f",
        "m:f()",
        "m:f #x",
        "m.:f",
        "1m:f",
        "m:import",
        "m:f [x",
        "m:f g",
    ],
)
def test_H11_script_values_that_are_not_module_and_attribute_are_refused(tmp_path: Path, value: str) -> None:
    assert "entry_points.txt line 2" in refusal(with_members(tmp_path, {}, entry_points={"foo": value}))


def test_H11_a_line_without_a_value_among_scripts_is_refused(tmp_path: Path) -> None:
    raw = b"[console_scripts]\nfoo = m:f\n  import os\n"
    assert "line 3" in refusal(with_members(tmp_path, {f"{INFO}/entry_points.txt": raw}))


def test_entry_points_of_other_groups_are_not_looked_into(tmp_path: Path) -> None:
    raw = b"# x\n[some.plugins]\na/b c = what ever\nalone\n\n[console_scripts]\n  foo=m:f\n"
    path = with_members(tmp_path, {f"{INFO}/entry_points.txt": raw})
    with open_wheel(path, filename=NAME) as wheel:
        assert [entry.name for entry in wheel.entry_points] == ["foo"]


@pytest.mark.parametrize(
    "paths",
    [
        ("foo/x.py", "foo-1.0.data/purelib/foo/x.py"),
        ("foo/x.py", "foo-1.0.data/platlib/FOO/X.py"),
        ("foo/x", "foo-1.0.data/purelib/foo/x/y"),
        ("foo-1.0.data/scripts/a", "foo-1.0.data/data/bin/a"),
    ],
)
def test_H16_H17_members_in_each_others_way_once_installed_are_refused(
    tmp_path: Path, paths: tuple[str, str]
) -> None:
    assert "when installed" in refusal(with_members(tmp_path, dict.fromkeys(paths, b"")))


def test_H17_a_script_twice_is_refused(tmp_path: Path) -> None:
    path = with_members(tmp_path, {"foo-1.0.data/scripts/Run": b""}, entry_points={"run": "foo:f"})
    assert "when installed" in refusal(path)
    raw = b"[console_scripts]\nrun = m:f\nRUN = m:g\n"
    assert "two scripts" in refusal(with_members(tmp_path, {f"{INFO}/entry_points.txt": raw}))


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (lambda lines: lines[1:], "is not in RECORD with a hash"),
        (lambda lines: [(lines[0][0], "", lines[0][2]), *lines[1:]], "is not in RECORD with a hash"),
        (lambda lines: [(lines[0][0], "sha256=" + "A" * 43, lines[0][2]), *lines[1:]], "its sha256 differs"),
        (lambda lines: [(lines[0][0], "md5=1B2M2Y8AsgTpgAmY7PhCfg", ""), *lines[1:]], "sha256 or stronger"),
        (lambda lines: [(lines[0][0], "sha256=abc", ""), *lines[1:]], "malformed sha256"),
        (lambda lines: [(lines[0][0], "sha256", ""), *lines[1:]], "malformed sha256"),
        (lambda lines: [(lines[0][0], lines[0][1], "7"), *lines[1:]], "has 7 bytes in RECORD"),
        (lambda lines: [(lines[0][0], lines[0][1], "-1"), *lines[1:]], "has the size '-1' in RECORD"),
        (lambda lines: [*lines[:-1], (lines[-1][0], "sha256=" + "A" * 43, "1")], "RECORD lists its own hash"),
        (lambda lines: [*lines, (lines[0][0], "sha256=" + "A" * 43, "")], "has two different lines"),
        (lambda lines: [*lines, ("foo/absent.py", "", "")], "not in the wheel"),
    ],
)
def test_H22_a_record_that_is_not_the_law_is_refused(
    tmp_path: Path, edit: Callable[[Lines], Lines], rule: str
) -> None:
    assert rule in refusal(with_record(tmp_path, edit))


@pytest.mark.parametrize("record", [b"a,b\n", b"a,b,c,d\n", b"\xff,,\n", b'"a\nb,,\n', b"a\0,,\n", b"a,,\rb"])
def test_H22_a_record_that_is_no_csv_is_refused(tmp_path: Path, record: bytes) -> None:
    assert "RECORD" in refusal(write_wheel(tmp_path / NAME, wheel_members("foo", "1.0"), record=record))


def test_H22_a_wheel_without_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for member, body in wheel_members("foo", "1.0").items():
            archive.writestr(zip_info(member), body)
    assert "has no RECORD" in refusal(path)


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_hashes_pass_and_members_have_a_sha256_all_the_same(tmp_path: Path, algorithm: str) -> None:
    import base64

    members = wheel_members("foo", "1.0", files={"foo/x": b"body"})
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, b"body").digest()).decode().rstrip("=")
    lines = [("foo/x", f"{algorithm}={digest}", "4"), *record_lines(members)[1:]]
    found = gate(write_wheel(tmp_path / NAME, members, record=record_of(lines)))
    assert found[0].sha256 == hashlib.sha256(b"body").hexdigest()
    lines[0] = ("foo/x", f"{algorithm}={digest[:-4]}AAAA", "4")
    assert algorithm in refusal(write_wheel(tmp_path / NAME, members, record=record_of(lines)))


@pytest.mark.parametrize(
    "path", ["../../../victim.txt", "/etc/victim", "..\\victim", "C:victim", "../../bin/x"]
)
def test_H23_record_lines_outside_are_refused(tmp_path: Path, path: str) -> None:
    message = refusal(with_record(tmp_path, lambda lines: [*lines, (path, "", "")]))
    assert f"RECORD line 5: {path!r}" in message


def _edited(name: str, old: bytes, new: bytes) -> Members:
    members = wheel_members("foo", "1.0")
    assert old in members[f"{INFO}/{name}"]
    return {f"{INFO}/{name}": members[f"{INFO}/{name}"].replace(old, new)}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"Name: foo", b"Name: bar", "has the name 'bar', the file name has 'foo'"),
        (b"Version: 1.0", b"Version: 1.1", "has the version 1.1, the file name has 1.0"),
        (b"Version: 1.0", b"Version: one", "has the invalid version 'one'"),
        (b"Name: foo\n", b"", "no Name"),
        (b"Name: foo\n", b"Name: foo\nName: bar\n", "2 Name"),
        (b"Metadata-Version: 2.1", b"Metadata-Version: 3.0", "'3.0'"),
    ],
)
def test_H24_metadata_that_contradicts_the_file_name_is_refused(
    tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    assert told in refusal(with_members(tmp_path, _edited("METADATA", old, new)))


@pytest.mark.parametrize("filename", ["bar-1.0-py3-none-any.whl", "foo-1.1-py3-none-any.whl"])
def test_H24_H25_another_file_name_is_refused(tmp_path: Path, filename: str) -> None:
    assert "-1.0.dist-info' of another distribution" in refusal(make_wheel(tmp_path, "foo", "1.0"), filename)


@pytest.mark.parametrize(
    "member",
    [
        "bar-1.0.dist-info/METADATA",
        "foo-1.0.data/purelib/bar-2.0.dist-info/RECORD",
        f"foo-1.0.data/platlib/{INFO}/x",
    ],
)
def test_H25_a_second_dist_info_is_refused(tmp_path: Path, member: str) -> None:
    assert "dist-info" in refusal(with_members(tmp_path, {member: b""}))


@pytest.mark.parametrize(
    "member",
    [
        "bar-1.0.dist-info",
        "bar-1.0.egg-info/PKG-INFO",
        "Bar.EGG-INFO",
        "foo-1.0.data/purelib/bar.egg-info",
        "foo-1.0.data/data/lib/python3.11/site-packages/bar-1.0.dist-info/METADATA",
        "foo-1.0.data/data/lib/python3.11/site-packages/bar-1.0.egg-info",
        "foo-1.0.data/headers/bar-1.0.dist-info/METADATA",
    ],
)
def test_H25_whatever_would_be_taken_for_another_distribution_is_refused(tmp_path: Path, member: str) -> None:
    told = refusal(with_members(tmp_path, {member: b"Name: bar\nVersion: 1.0\n"}))
    assert repr(member) in told
    assert "or .egg-info directory of another distribution" in told


def test_what_a_package_keeps_of_others_passes(tmp_path: Path) -> None:
    kept = {"foo/_vendor/bar-1.0.dist-info/METADATA": b"Name: bar\n", f"{INFO}/licenses/bar.egg-info": b""}
    assert kept.keys() < {member.path for member in gate(with_members(tmp_path, kept))}


def test_H06_pippers_own_folder_is_refused_also_below_a_library_that_is_the_environment(
    tmp_path: Path,
) -> None:
    for member in (".pipper/journal.json", ".Pipper/x", "foo-1.0.data/platlib/.pipper/x"):
        assert repr(member) in refusal(with_members(tmp_path, {member: b""}))


@pytest.mark.parametrize("depth", [127, 128, 1500])
def test_H13_a_path_of_more_names_than_can_be_made_is_refused(tmp_path: Path, depth: int) -> None:
    path = with_members(tmp_path, {"d/" * depth + "x": b""})
    if depth < 128:
        with open_wheel(path, filename=NAME) as wheel:
            wheel.unpack(tmp_path / "tree")
        assert (tmp_path / "tree" / ("d/" * depth) / "x").is_file()
    else:
        assert "more than 128 names" in refusal(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("METADATA", b"Name: foo", b"Name: foo" + b"o" * 5000),
        ("METADATA", b"Version: 1.0", b"Version: 1.0\x1b[31m"),
        ("METADATA", b"Version: 1.0", b"Version: " + b"1" * 5000),
        ("METADATA", b"Version: 1.0", b"Version: " + b"1." * 3000 + b"1"),
        ("WHEEL", b"Wheel-Version: 1.0", b"Wheel-Version: 2.0\x1b[31m"),
        ("WHEEL", b"Wheel-Version: 1.0", b"Wheel-Version: 2." + b"0" * 5000),
    ],
)
def test_what_a_wheel_says_reaches_messages_shortened_and_without_control_characters(
    tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    told = refusal(with_members(tmp_path, _edited(name, old, new)))
    assert len(told) < 1000


def test_H25_another_distributions_data_folder_is_refused(tmp_path: Path) -> None:
    assert "'bar-1.0.data'" in refusal(with_members(tmp_path, {"bar-1.0.data/scripts/x": b""}))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"Wheel-Version: 1.0", b"Wheel-Version: 2.0", "Wheel-Version"),
        (b"Wheel-Version: 1.0\n", b"", "Wheel-Version"),
        (b"Root-Is-Purelib: true", b"Root-Is-Purelib: maybe", "Root-Is-Purelib"),
    ],
)
def test_H27_a_wheel_file_that_contradicts_the_file_name_is_refused(
    tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    assert told in refusal(with_members(tmp_path, _edited("WHEEL", old, new)))


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        (b"Tag: py3-none-any", ""),
        (b"Tag: py2-none-any", "py2-none-any"),
        (b"Tag: py3-none-any\nTag: cp311-cp311-win32", "cp311-cp311-win32"),
        (b"Tag: py3", "malformed tag"),
        (b"", "py3-none-any"),
    ],
)
def test_R07_other_tags_in_wheel_than_in_the_file_name_are_told(
    tmp_path: Path, tag: bytes, told: str
) -> None:
    path = with_members(tmp_path, _edited("WHEEL", b"Tag: py3-none-any", tag))
    with open_wheel(path, filename=path.name) as wheel:
        assert told in wheel.other_tags
        assert bool(told) == bool(wheel.other_tags)


def test_R07_a_wheel_renamed_for_one_platform_is_as_it_should_be_but_not_the_reverse(tmp_path: Path) -> None:
    linux = "py3-none-manylinux_2_17_x86_64"
    narrow = write_wheel(tmp_path / NAME, wheel_members("foo", "1.0", tag=linux))
    with open_wheel(narrow, filename=narrow.name) as wheel:
        assert linux in wheel.other_tags
    renamed = write_wheel(tmp_path / f"foo-1.0-{linux}.whl", wheel_members("foo", "1.0"))
    with open_wheel(renamed, filename=renamed.name) as wheel:
        assert wheel.other_tags == ""


@pytest.mark.parametrize("name", ["INSTALLER", "REQUESTED", "direct_url.json", "pipper.json", "RECORD.jws"])
def test_H27_files_in_the_installers_name_are_left_out(tmp_path: Path, name: str) -> None:
    path = with_members(tmp_path, {f"{INFO}/{name}": b"forged"})
    with open_wheel(path, filename=NAME) as wheel:
        wheel.unpack(tmp_path / "out")
        assert name not in {member.path.rpartition("/")[2] for member in wheel.members}
    assert not (tmp_path / "out" / INFO / name).exists()


def test_H27_modes_are_reduced_and_pth_files_pass(tmp_path: Path) -> None:
    members = wheel_members("foo", "1.0", files={"foo.pth": b"foo", "foo/run": b"x", "foo/data": b"y"})
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for member, body in {**members, f"{INFO}/RECORD": record_of(record_lines(members))}.items():
            archive.writestr(zip_info(member, mode=0o106777 if member == "foo/run" else 0o100666), body)
    with open_wheel(path, filename=NAME) as wheel:
        wheel.unpack(tmp_path / "out")
        assert {member.target: member.executable for member in wheel.members}["foo/run"]
    umask = os.umask(0)
    os.umask(umask)
    modes = {
        name: (tmp_path / "out" / name).stat().st_mode & 0o7777 for name in ("foo.pth", "foo/run", "foo/data")
    }
    assert modes == {"foo.pth": 0o644 & ~umask, "foo/run": 0o755 & ~umask, "foo/data": 0o644 & ~umask}


POISON = {
    "url": ["x @ https://user:s3cret@evil.example.com/x.whl"],
    "malformed": ["=>1"],
    "many": [f"a{number}" for number in range(2001)],
    "long": ["a; " + " or ".join(["os_name == 'x'"] * 1000)],
    "much": [f"a{number} ; os_name == '{'x' * 5000}'" for number in range(200)],
    "deep": ["a; " + "(" * 5000 + "os_name == 'x'" + ")" * 5000],
    "a number that Python does not read": ["a>=" + "1" * 5000],
}


@pytest.mark.parametrize("requires", POISON.values(), ids=POISON.keys())
def test_H28_poisoned_requirements_are_unusable_and_not_publishable(
    tmp_path: Path, requires: list[str]
) -> None:
    path = make_wheel(tmp_path, "foo", "1.0", requires=requires)
    with open_wheel(path, filename=path.name) as wheel:
        wheel.verify()
        assert wheel.metadata.unusable()
        with pytest.raises(IntegrityError, match=NAME) as caught:
            check_publishable(wheel)
    assert "s3cret" not in caught.value.message
    assert len(caught.value.message) < 500


def test_R06_a_malformed_requires_python_does_not_make_a_wheel_unusable(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "foo", "1.0", requires_python=">=3.6.*")
    with open_wheel(path, filename=path.name) as wheel:
        assert wheel.metadata.unusable() == ""


def test_H28_a_requires_python_that_cannot_be_compared_is_unusable(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "foo", "1.0", requires_python=">=3." + "1" * 5000)
    with open_wheel(path, filename=path.name) as wheel:
        assert wheel.metadata.unusable()


def test_unpacking_gives_the_bytes_of_every_member(tmp_path: Path) -> None:
    files = {
        "foo/__init__.py": b"x = 1\n" * 400_000,
        "foo/sub/empty": b"",
        "foo/b.bin": bytes(range(256)) * 9,
    }
    path = make_wheel(tmp_path, "foo", "1.0", files=files, purelib=False)
    with open_wheel(path, filename=path.name) as wheel:
        wheel.unpack(tmp_path / "out")
        for member in wheel.members:
            body = (tmp_path / "out" / member.path).read_bytes()
            assert (len(body), hashlib.sha256(body).hexdigest()) == (member.size, member.sha256)
        assert {member.scheme for member in wheel.members} == {"platlib"}
    assert (tmp_path / "out/foo/__init__.py").read_bytes() == files["foo/__init__.py"]


def test_a_disk_that_refuses_is_told_with_path_and_bytes_needed(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "foo", "1.0", files={"foo/x": b"12345"})
    (tmp_path / "out").write_bytes(b"a file where a folder is needed")
    with (
        open_wheel(path, filename=path.name) as wheel,
        pytest.raises(MachineError, match="out/foo/x") as caught,
    ):
        wheel.unpack(tmp_path / "out")
    assert "bytes" in caught.value.cause


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "foo", "1.0", files={"foo/x": b"new"})
    (tmp_path / "out/foo").mkdir(parents=True)
    (tmp_path / "out/foo/x").write_bytes(b"old")
    with open_wheel(path, filename=path.name) as wheel, pytest.raises(MachineError):
        wheel.unpack(tmp_path / "out")
    assert (tmp_path / "out/foo/x").read_bytes() == b"old"


def test_a_file_that_cannot_be_read_is_not_taken_for_a_hostile_one(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(MachineError), open_wheel(path, filename=NAME):
            pytest.fail("opened")


def test_a_wheel_bigger_than_the_limits_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "foo", "1.0")
    with (
        pytest.raises(IntegrityError, match="more than 3"),
        open_wheel(path, filename=NAME, limits=Limits(members=3)),
    ):
        pytest.fail("opened")


def test_H15_every_truncation_of_a_wheel_is_refused(tmp_path: Path) -> None:
    data = make_wheel(tmp_path, "foo", "1.0").read_bytes()
    path = tmp_path / "cut.whl"
    for length in range(0, len(data), 3):
        path.write_bytes(data[:length])
        assert "damaged" in refusal(path)


def _unpacked(wheel: WheelFile, root: Path) -> dict[str, bytes]:
    wheel.unpack(root)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    member=st.sampled_from(["METADATA", "WHEEL", "RECORD", "entry_points.txt"]),
    at=st.floats(0, 0.999),
    junk=st.sampled_from(
        [b"\0", b"\n", b"\r", b"\xff", b",", b'"', b"=", b"[", b"../", b"-", b":", b"\x85", b"\n\n", b" "]
    ),
    cut=st.integers(0, 6),
)
def test_broken_texts_in_dist_info_raise_nothing_but_refusals(
    tmp_path: Path, member: str, at: float, junk: bytes, cut: int
) -> None:
    members = wheel_members("foo", "1.0", requires=["a>1"], entry_points={"foo": "m:f"}, extras={"x": ["y"]})
    record = record_of(record_lines(members))
    body = record if member == "RECORD" else members[f"{INFO}/{member}"]
    place = int(at * len(body))
    body = body[:place] + junk + body[place + cut :]
    if member == "RECORD":
        record = body
    else:
        members[f"{INFO}/{member}"] = body
        record = record_of(record_lines(members))
    path = write_wheel(tmp_path / NAME, members, record=record)
    try:
        with open_wheel(path, filename=NAME) as wheel:
            root = tmp_path / os.urandom(8).hex()
            assert _unpacked(wheel, root).keys() == {each.path for each in wheel.members}
            wheel.metadata.unusable()
    except IntegrityError:
        return
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("more", ["x:\n" * 110_000, "X-Long: " + "y" * (4 << 20)])
def test_H28_headers_without_end_are_refused(tmp_path: Path, more: str) -> None:
    assert "headers of more than" in refusal(make_wheel(tmp_path, "foo", "1.0", metadata=more))
