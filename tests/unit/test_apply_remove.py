"""What removing and replacing take away, and what they leave alone."""

from pathlib import Path

import pytest

from pipper.apply.removal import moves
from pipper.apply.schemes import layout_of
from pipper.core.plan import Remove
from pipper.errors import MachineError
from pipper.python.environment import Environment, installed
from tests.workshop import Workshop, tree


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def foreign(
    environment: Environment, record: str | None, *, name: str = "alien", version: str = "1.0"
) -> Path:
    """A distribution as another tool leaves it."""
    folder = environment.scheme.purelib / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "INSTALLER").write_text("pip\n")
    if record is not None:
        (folder / "RECORD").write_text(record)
    return folder


def test_removing_gives_back_the_tree_from_before(workshop: Workshop) -> None:
    before = tree(workshop.environment.root)
    files = {
        "foo/__init__.py": "",
        "foo/deep/er/x.py": "",
        "single.py": "",
        "foo-1.0.data/scripts/tool": "#!python\n",
        "foo-1.0.data/data/share/foo/x": "x",
        "foo-1.0.data/headers/foo.h": "x",
    }
    workshop.sync(workshop.wheel("foo", files=files, entry_points={"foo": "foo:f"}))
    workshop.sync()
    assert set(tree(workshop.environment.root)) - set(before) == set()
    assert tree(workshop.environment.root) == before


def test_what_the_user_put_beside_modules_stays(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo", files={"foo/a.py": "", "foo/b/c.py": "", "foo/d/e.py": ""}))
    mine = workshop.library / "foo" / "b" / "mine.txt"
    mine.write_text("x")
    workshop.sync()
    assert [path for path in tree(workshop.library) if path.startswith("foo")] == [
        "foo",
        "foo/b",
        "foo/b/mine.txt",
    ]


def test_byte_code_of_other_modules_stays(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo", files={"foo.py": ""}), workshop.wheel("foot", files={"foot.py": ""}))
    cache = workshop.library / "__pycache__"
    cache.mkdir()
    for name in ("foo.cpython-311.pyc", "foo.cpython-311.opt-1.pyc", "foot.cpython-311.pyc"):
        (cache / name).touch()
    workshop.sync(workshop.wheel("foot", files={"foot.py": ""}))
    assert [path.name for path in cache.iterdir()] == ["foot.cpython-311.pyc"]


def test_replacing_leaves_nothing_of_the_old_version(workshop: Workshop) -> None:
    old = workshop.wheel("foo", "1.0", files={"foo/a.py": "1", "foo/b.py": "1", "foo/c/d.py": "1"})
    new = workshop.wheel("foo", "2.0", files={"foo/a.py": "2", "foo/c": "2"})
    workshop.sync(new)
    fresh = tree(workshop.library)
    workshop.sync(old)
    workshop.sync(new)
    assert tree(workshop.library) == fresh


def test_a_file_may_move_from_one_distribution_to_another(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo", "1.0", files={"foo.py": "", "part.py": "1"}))
    workshop.sync(
        workshop.wheel("foo", "2.0", files={"foo.py": ""}), workshop.wheel("bar", files={"part.py": "2"})
    )
    assert (workshop.library / "part.py").read_text() == "2"


@pytest.mark.parametrize(
    "line",
    ["../../../../victim.txt,,", "{root}/victim.txt,,", "x/../../../../../victim.txt,,", "out/victim.txt,,"],
)
def test_H23_removal_never_reaches_outside(workshop: Workshop, line: str) -> None:
    victim = workshop.root / "victim.txt"
    victim.write_text("alive")
    (workshop.library / "out").symlink_to(workshop.root)
    (workshop.library / "own.py").touch()
    foreign(
        workshop.environment, f"{line.format(root=workshop.root)}\nown.py,,\nalien-1.0.dist-info/RECORD,,\n"
    )
    workshop.sync(exact=True)
    assert victim.read_text() == "alive"
    assert not (workshop.library / "own.py").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../../../pyvenv.cfg",
        "../../../bin/python",
        "../../../bin/python3",
        "../../../bin/activate",
        "../../../.pipper/precious",
        "../../../bin",
        "../site-packages",
    ],
)
def test_H23_what_makes_the_environment_one_stays(workshop: Workshop, path: str) -> None:
    precious = workshop.environment.state_dir / "precious"
    precious.parent.mkdir()
    precious.touch()
    before = tree(workshop.environment.root)
    foreign(workshop.environment, f"{path},,\nalien-1.0.dist-info/RECORD,,\n")
    workshop.sync(exact=True)
    assert tree(workshop.environment.root) == before
    assert precious.exists()


def test_C11_a_distribution_without_record_is_not_removed_blindly(workshop: Workshop) -> None:
    folder = foreign(workshop.environment, None)
    before = tree(workshop.environment.root)
    with pytest.raises(MachineError, match="has no RECORD") as caught:
        workshop.sync(exact=True)
    assert caught.value.hint
    with pytest.raises(MachineError, match="has no RECORD"):
        workshop.sync(workshop.wheel("alien"))
    assert tree(workshop.environment.root) == before
    assert folder.is_dir()


def test_a_damaged_record_is_told_with_its_place(workshop: Workshop) -> None:
    foreign(workshop.environment, "only one field\n")
    with pytest.raises(MachineError, match=r"RECORD` is damaged"):
        workshop.sync(exact=True)


def test_what_another_tool_installed_is_replaced_whole(workshop: Workshop) -> None:
    (workshop.library / "alien").mkdir()
    for name in ("a.py", "b.py"):
        (workshop.library / "alien" / name).write_text("theirs")
    foreign(workshop.environment, "alien/a.py,,\nalien/b.py,,\nalien-1.0.dist-info/RECORD,,\n")
    workshop.sync(workshop.wheel("alien", files={"alien/a.py": "ours"}))
    assert [path.name for path in (workshop.library / "alien").iterdir()] == ["a.py"]
    (found,) = installed(workshop.environment)
    assert found.ours


def test_two_folders_of_one_distribution_both_go(workshop: Workshop) -> None:
    for version in ("1.0", "2.0"):
        foreign(
            workshop.environment, f"v{version[0]}.py,,\nalien-{version}.dist-info/RECORD,,\n", version=version
        )
        (workshop.library / f"v{version[0]}.py").touch()
    workshop.sync(workshop.wheel("alien", "3.0", files={"alien.py": ""}))
    assert [each.version for each in installed(workshop.environment)] == ["3.0"]
    assert not list(workshop.library.glob("v*.py"))


def test_foreign_distributions_stay_without_exact(workshop: Workshop) -> None:
    foreign(workshop.environment, "alien-1.0.dist-info/RECORD,,\n")
    workshop.sync(workshop.wheel("foo"))
    plan = workshop.sync()
    assert [type(action) for action in plan.actions] == [Remove]
    assert [each.name for each in installed(workshop.environment)] == ["alien"]


def test_a_folder_moves_as_a_whole_where_all_of_it_goes(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo", files={f"foo/{n}/{m}.py": "" for n in range(3) for m in range(3)}))
    layout = layout_of(workshop.environment)
    library = layout.prefixes["purelib"]
    paths = [f"{library}foo/{n}/{m}.py" for n in range(3) for m in range(3)]
    assert moves(paths, layout) == [f"{library}foo"]
    assert sorted(moves(paths[1:], layout)) == [
        *(f"{library}foo/0/{m}.py" for m in (1, 2)),
        f"{library}foo/1",
        f"{library}foo/2",
    ]
