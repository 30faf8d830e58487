"""What installing leaves in an environment."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipper.apply.installed_record import parse_record
from pipper.apply.placing import LinkMode
from pipper.apply.scripts import shebang, with_interpreter
from pipper.apply.verify import verify
from pipper.errors import ConflictError, IntegrityError, MachineError
from pipper.python.environment import installed, target_directory
from tests.wheelhouse import make_wheel
from tests.workshop import Workshop, this_interpreter, tree, wanted_of

OWN_FILES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "pipper.json"}

EVERYTHING = {
    "thing/__init__.py": "VALUE = 1\n",
    "thing/data,with comma.txt": "x",
    "thing-1.0.data/scripts/thing-tool": "#!python\nprint('tool')\n",
    "thing-1.0.data/scripts/thing.sh": "#!/bin/sh\necho sh\n",
    "thing-1.0.data/data/share/thing/notes.txt": "notes",
    "thing-1.0.data/headers/thing.h": "int x;",
    "thing-1.0.data/purelib/thing_pure.py": "x = 1",
    "thing-1.0.data/platlib/thing_plat.py": "x = 1",
}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_the_marks_say_who_installed_from_where(workshop: Workshop) -> None:
    wheel = workshop.wheel("foo")
    workshop.sync(wheel)
    folder = workshop.library / "foo-1.0.dist-info"
    assert (folder / "INSTALLER").read_text() == "pipper\n"
    assert json.loads((folder / "pipper.json").read_text()) == {"source": "acme", "sha256": wheel.sha256}
    (found,) = installed(workshop.environment)
    assert (found.name, found.version, found.source, found.sha256, found.ours) == (
        "foo",
        "1.0",
        "acme",
        wheel.sha256,
        True,
    )


def test_record_lists_every_file_with_its_hash_and_only_those(workshop: Workshop) -> None:
    before = set(tree(workshop.environment.root))
    workshop.sync(workshop.wheel("thing", files=EVERYTHING, entry_points={"thing": "thing:main"}))
    root = workshop.environment.root.resolve()
    record = (workshop.library / "thing-1.0.dist-info" / "RECORD").read_text()
    rows = parse_record(record, "RECORD")
    listed = {os.path.relpath(workshop.library / row.path, root) for row in rows}
    new = {path for path in set(tree(root)) - before if not (root / path).is_dir()}
    assert listed == new
    assert rows == sorted(rows)
    assert [row.path for row in rows if not row.hash] == ["thing-1.0.dist-info/RECORD"]


@pytest.mark.parametrize("purelib", [True, False])
def test_files_are_those_that_pip_installs(workshop: Workshop, purelib: bool) -> None:
    wheel = make_wheel(
        workshop.root / "wheelhouse",
        "thing",
        "1.0",
        files=EVERYTHING,
        entry_points={"thing": "thing:main", "thing.dotted": "thing:a.b"},
        purelib=purelib,
    )
    theirs = workshop.venv("theirs")
    python = str(theirs.interpreter.executable)
    pip = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-index",
        "--no-deps",
        "--no-compile",
    ]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", str(wheel)], capture_output=True, text=True, check=False
    )
    if "No module named pip" in done.stderr:
        pytest.skip("needs pip beside the tests")
    assert done.returncode == 0, done.stderr
    workshop.sync(workshop.take(wheel))
    ours_tree, their_tree = (_comparable(root) for root in (workshop.environment.root, theirs.root))
    assert set(ours_tree) == set(their_tree)
    different = {path for path, seen in ours_tree.items() if seen != their_tree[path]}
    # Scripts name another interpreter, and are executable here whatever the archive says.
    assert different == {"bin/thing", "bin/thing.dotted", "bin/thing-tool", "bin/thing.sh"}


def _comparable(root: Path) -> dict[str, tuple[str, str]]:
    skipped = ("activate", "Activate", "pyvenv.cfg")
    return {
        path: seen
        for path, seen in tree(root).items()
        if path.rpartition("/")[2] not in OWN_FILES and not path.rpartition("/")[2].startswith(skipped)
    }


@pytest.mark.parametrize("name", ["thing", "thing-tool"])
def test_scripts_run_with_the_environments_python(workshop: Workshop, name: str) -> None:
    files = {**EVERYTHING, "thing/__init__.py": "def main():\n    print('main')\n    return 3\n"}
    workshop.sync(workshop.wheel("thing", files=files, entry_points={"thing": "thing:main"}))
    done = subprocess.run(
        [str(workshop.environment.scheme.scripts / name)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) in {("main\n", 3), ("tool\n", 0)}


def test_a_path_that_the_kernel_cannot_start_goes_through_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "with space" / ("long" * 40)
    workshop = Workshop(folder)
    files = {"thing/__init__.py": "def main():\n    print('main')\n"}
    workshop.sync(workshop.wheel("thing", files=files, entry_points={"thing": "thing:main"}))
    script = workshop.environment.scheme.scripts / "thing"
    assert script.read_bytes().startswith(b"#!/bin/sh\n")
    assert subprocess.run([str(script)], capture_output=True, text=True, check=True).stdout == "main\n"


def test_only_a_python_first_line_is_rewritten() -> None:
    python = Path("/venv/bin/python")
    assert with_interpreter(b"#!python\nrest", python) == shebang(python) + b"rest"
    assert with_interpreter(b"#!python -u\nrest", python) == shebang(python) + b"rest"
    assert with_interpreter(b"#!/bin/sh\n#!python\n", python) == b"#!/bin/sh\n#!python\n"


@pytest.mark.parametrize("mode", ["auto", "hardlink", "copy"])
def test_every_way_of_placing_gives_the_same_tree(workshop: Workshop, mode: LinkMode) -> None:
    files = {f"many/m{number}.py": f"{number}" for number in range(40)}
    wheel = workshop.wheel("many", files=files)
    workshop.sync(wheel, link_mode=mode)
    names = {path.name: path for path in (workshop.library / "many").iterdir()}
    assert len(names) == 40
    for path in names.values():
        cached = wheel.tree / "many" / path.name
        assert path.read_bytes() == cached.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o644
        assert path.samefile(cached) == (mode == "hardlink") or mode == "auto"


def test_modes_do_not_hang_on_the_umask_of_the_run_that_unpacked(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        workshop = Workshop(tmp_path)
        workshop.sync(workshop.wheel("thing", files=EVERYTHING, entry_points={"thing": "thing:main"}))
    finally:
        os.umask(old)
    modes = {
        path: seen[0]
        for path, seen in tree(workshop.environment.root).items()
        if "thing" in path and seen[0].startswith("-")
    }
    assert {mode for path, mode in modes.items() if path.startswith("bin/")} == {"-rwxr-xr-x"}
    assert {mode for path, mode in modes.items() if not path.startswith("bin/")} == {"-rw-r--r--"}


def test_what_was_edited_in_one_environment_does_not_get_into_the_next(workshop: Workshop) -> None:
    wheel = workshop.wheel("foo", files={"foo.py": "good"})
    workshop.sync(wheel, link_mode="hardlink")
    (workshop.library / "foo.py").write_text("evil")
    assert (wheel.tree / "foo.py").read_text() == "evil"
    other = workshop.venv("other")
    workshop.sync(wheel, environment=other)
    assert (other.scheme.purelib / "foo.py").read_text() == "good"


def test_a_target_directory_is_laid_out_as_pip_does(workshop: Workshop) -> None:
    place = target_directory(workshop.root / "out", this_interpreter())
    workshop.sync(
        workshop.wheel("thing", files=EVERYTHING, entry_points={"thing": "thing:main"}), environment=place
    )
    found = set(tree(place.root))
    assert {
        "thing/__init__.py",
        "bin/thing",
        "bin/thing-tool",
        "share/thing/notes.txt",
        "include/thing/thing.h",
        "thing_plat.py",
        "thing-1.0.dist-info/RECORD",
    } <= found


@pytest.mark.parametrize("member", ["bin/python", "pyvenv.cfg", "bin/activate"])
def test_H06_what_makes_an_environment_one_is_not_brought_into_a_target_directory(
    workshop: Workshop, member: str
) -> None:
    place = target_directory(workshop.root / "out", this_interpreter())
    with pytest.raises(IntegrityError, match=f"member '{member}'.*belongs to the environment itself"):
        workshop.sync(workshop.wheel("foo", files={member: "x"}), environment=place)
    assert not place.root.exists() or tree(place.root) == {}


def test_H06_a_file_in_the_place_of_an_environments_folder_is_refused(workshop: Workshop) -> None:
    before = tree(workshop.environment.root)
    with pytest.raises(
        IntegrityError, match=r"member 'foo-1.0.data/data/lib'.*belongs to the environment itself"
    ):
        workshop.sync(workshop.wheel("foo", files={"foo-1.0.data/data/lib": "x"}))
    assert tree(workshop.environment.root) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs an environment with lib64")
def test_H17_a_link_of_the_environment_hides_no_second_file_of_one_path(workshop: Workshop) -> None:
    assert (workshop.environment.root / "lib64").is_symlink()
    library = workshop.library.relative_to(workshop.environment.root.resolve())
    through = f"foo-1.0.data/data/{str(library).replace('lib/', 'lib64/', 1)}/foo.py"
    before = tree(workshop.environment.root)
    with pytest.raises(IntegrityError, match="with different bytes"):
        workshop.sync(workshop.wheel("foo", files={"foo.py": "1", through: "2"}))
    assert tree(workshop.environment.root) == before
    workshop.sync(workshop.wheel("foo", "1.0", files={"foo.py": "1", "foo-1.0.data/data/lib64/x": "x"}))
    rows = parse_record((workshop.library / "foo-1.0.dist-info" / "RECORD").read_text(), "RECORD")
    assert "../../../lib64/x" not in {row.path for row in rows}
    assert {os.path.normpath(workshop.library / row.path) for row in rows} >= {
        str(workshop.library / "foo.py"),
        str(workshop.environment.root.resolve() / "lib" / "x"),
    }
    workshop.sync()
    assert tree(workshop.environment.root) == before


def test_a_path_with_what_unicode_calls_the_end_of_a_line_stays_one_line_of_record(
    workshop: Workshop,
) -> None:
    before = tree(workshop.environment.root)
    workshop.sync(workshop.wheel("foo", files={"foo/a\u2028b.txt": "x", "foo/a\u2029b.txt": "x"}))
    assert verify(workshop.environment, installed(workshop.environment), hashes=True) == ()
    workshop.sync()
    assert tree(workshop.environment.root) == before


def test_documents_change_with_the_environment(workshop: Workshop) -> None:
    lock, manifest = workshop.root / "pipper.lock", workshop.root / "pipper.toml"
    lock.write_bytes(b"old")
    lock.chmod(0o640)
    workshop.sync(workshop.wheel("foo"), documents={lock: b"new", manifest: b"made"})
    assert (lock.read_bytes(), manifest.read_bytes()) == (b"new", b"made")
    assert lock.stat().st_mode & 0o777 == 0o640


def test_a_linked_document_stays_a_link(workshop: Workshop) -> None:
    real, link = workshop.root / "real.lock", workshop.root / "pipper.lock"
    real.write_bytes(b"old")
    link.symlink_to(real)
    workshop.sync(documents={link: b"new"})
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_wheel_that_is_not_the_locked_one_is_refused(workshop: Workshop) -> None:
    before = tree(workshop.environment.root, skip=())
    foo = workshop.wheel("foo")
    bar = workshop.wheel("bar")
    forged = type(foo)(**{**{name: getattr(foo, name) for name in foo.__slots__}, "name": "bar"})
    assert wanted_of(bar).name == "bar"
    with pytest.raises(IntegrityError, match=r"foo-1.0-py3-none-any.whl is .*, but the lock has"):
        _apply(workshop, wanted=bar, given=forged)
    assert tree(workshop.environment.root, skip=()) == before


def _apply(workshop: Workshop, *, wanted: object, given: object) -> None:
    from pipper.apply.transaction import apply_plan
    from pipper.cache.unpacked import UnpackedWheel
    from pipper.core.plan import make_plan

    assert isinstance(wanted, UnpackedWheel)
    assert isinstance(given, UnpackedWheel)
    apply_plan(
        make_plan([wanted_of(wanted)], ()),
        environment=workshop.environment,
        present=(),
        wheels={wanted.sha256: given},
        cache=workshop.cache,
    )


def test_H26_two_wheels_with_one_path_and_other_bytes_are_refused_by_both_names(workshop: Workshop) -> None:
    before = tree(workshop.environment.root, skip=())
    one = workshop.wheel("one", files={"both.py": "1"})
    two = workshop.wheel("two", files={"both.py": "2"})
    with pytest.raises(IntegrityError, match=r"`.*both.py` is in both one and two"):
        workshop.sync(one, two)
    assert tree(workshop.environment.root, skip=()) == before


def test_H26_identical_files_are_shared_and_go_with_the_last_owner(workshop: Workshop) -> None:
    one = workshop.wheel("one", files={"space/__init__.py": "", "space/one.py": "1"})
    two = workshop.wheel("two", files={"space/__init__.py": "", "space/two.py": "2"})
    workshop.sync(one)
    workshop.sync(one, two)
    shared = workshop.library / "space" / "__init__.py"
    workshop.sync(two)
    assert shared.exists()
    assert not (workshop.library / "space" / "one.py").exists()
    workshop.sync()
    assert not shared.parent.exists()


def test_H26_a_path_of_an_installed_distribution_is_not_taken(workshop: Workshop) -> None:
    foreign = workshop.library / "requests-2.0.dist-info"
    foreign.mkdir()
    (workshop.library / "requests").mkdir()
    (workshop.library / "requests" / "__init__.py").write_text("theirs")
    (foreign / "METADATA").write_text("Name: requests\nVersion: 2.0\n")
    (foreign / "RECORD").write_text("requests/__init__.py,sha256=abc,6\n")
    before = tree(workshop.environment.root, skip=())
    evil = workshop.wheel("evil", files={"requests/__init__.py": "evil"})
    with pytest.raises(IntegrityError, match="is in both requests, which is installed, and evil"):
        workshop.sync(evil)
    assert tree(workshop.environment.root, skip=()) == before


@pytest.mark.parametrize("first", ["file", "folder"])
def test_a_file_and_a_folder_of_one_name_are_refused(workshop: Workshop, first: str) -> None:
    file = workshop.wheel("file", files={"name": "x"})
    folder = workshop.wheel("folder", files={"name/x.py": "x"})
    one, two = (file, folder) if first == "file" else (folder, file)
    workshop.sync(one)
    with pytest.raises(IntegrityError, match="is in both"):
        workshop.sync(one, two)
    workshop.sync()
    with pytest.raises(IntegrityError, match="which another wheel of the plan contains too"):
        workshop.sync(one, two)


def test_a_file_that_nobody_owns_is_in_the_way_unless_it_is_the_same(workshop: Workshop) -> None:
    mine = workshop.library / "foo.py"
    mine.write_text("mine")
    wheel = workshop.wheel("foo", files={"foo.py": "theirs"})
    with pytest.raises(MachineError, match=r"foo\.py` is in the way of foo"):
        workshop.sync(wheel)
    assert mine.read_text() == "mine"
    mine.write_text("theirs")
    workshop.sync(wheel)
    workshop.sync()
    assert not mine.exists()


def test_nothing_goes_through_a_link_out_of_the_environment(workshop: Workshop) -> None:
    outside = workshop.root / "outside"
    outside.mkdir()
    (workshop.library / "foo").symlink_to(outside)
    with pytest.raises(IntegrityError, match="leads out of the environment"):
        workshop.sync(workshop.wheel("foo", files={"foo/x.py": "x"}))
    assert not list(outside.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_C6_a_folder_that_cannot_be_written_to_is_told_before_anything(workshop: Workshop) -> None:
    workshop.library.chmod(0o555)
    try:
        with pytest.raises(MachineError, match="cannot write to"):
            workshop.sync(workshop.wheel("foo"))
    finally:
        workshop.library.chmod(0o755)


def test_a_plan_for_another_state_is_a_conflict(workshop: Workshop) -> None:
    from pipper.apply.transaction import apply_plan
    from pipper.core.plan import make_plan

    wheel = workshop.wheel("foo")
    present = installed(workshop.environment)
    plan = make_plan([wanted_of(wheel)], present)
    workshop.sync(wheel)
    with pytest.raises(ConflictError, match="another process changed foo"):
        apply_plan(
            plan,
            environment=workshop.environment,
            present=present,
            wheels={wheel.sha256: wheel},
            cache=workshop.cache,
        )


def test_refusing_leaves_no_state_folder_behind(workshop: Workshop) -> None:
    one, two = workshop.wheel("one", files={"x.py": "1"}), workshop.wheel("two", files={"x.py": "2"})
    with pytest.raises(IntegrityError):
        workshop.sync(one, two)
    assert not workshop.environment.state_dir.exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
@pytest.mark.parametrize("mode", ["auto", "hardlink", "reflink"])
def test_a_cache_on_another_file_system_is_copied_from(workshop: Workshop, mode: LinkMode) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if Path(folder).stat().st_dev == workshop.root.stat().st_dev:
            pytest.skip("needs a second file system")
        elsewhere = Workshop(Path(folder))
        wheel = elsewhere.wheel("many", files={f"many/m{number}.py": f"{number}" for number in range(40)})
        elsewhere.environment = workshop.environment
        if mode == "auto":
            elsewhere.sync(wheel)
            assert len(list((workshop.library / "many").iterdir())) == 40
        else:
            with pytest.raises(MachineError, match="cannot make a") as caught:
                elsewhere.sync(wheel, link_mode=mode)
            assert "--link-mode" in caught.value.hint
            assert not workshop.environment.state_dir.exists()


def test_C6_a_document_that_cannot_be_written_takes_the_others_back(workshop: Workshop) -> None:
    lock = workshop.root / "pipper.lock"
    lock.write_bytes(b"old")
    before = tree(workshop.root, skip=("cache", "wheelhouse"))
    blocked = workshop.root / "folder"
    blocked.mkdir()
    with pytest.raises(MachineError):
        workshop.sync(workshop.wheel("foo"), documents={lock: b"new", blocked: b"x"})
    blocked.rmdir()
    assert tree(workshop.root, skip=("cache", "wheelhouse")) == before


def test_T14_what_the_user_writes_into_a_manifest_while_files_are_moved_is_not_undone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, manifest = workshop.root / "pipper.lock", workshop.root / "pipper.toml"
    lock.write_bytes(b"old")
    manifest.write_bytes(b"old")

    def fail(*_: object) -> None:
        manifest.write_bytes(b"mine")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", fail)
    with pytest.raises(MachineError):
        workshop.sync(workshop.wheel("foo"), documents={lock: b"new", manifest: b"new"})
    assert (lock.read_bytes(), manifest.read_bytes()) == (b"old", b"mine")
