"""What a build gets of a source tree, and that links in it lead nowhere for ever."""

import os
from pathlib import Path

import pytest

from pipper.build.member_state import tree_state
from pipper.build.source_tree import OLDEST, copy_tree, walk_tree
from pipper.errors import MachineError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def made(root: Path, *files: str, **links: str) -> Path:
    """Make a tree of files and of links; `__` in the name of a link stands for a slash."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name, target in links.items():
        (root / name.replace("__", "/")).symlink_to(target)
    return root


def copied(source: Path) -> set[str]:
    """What the copy has: no links."""
    copy = source.with_name("copy")
    assert copy_tree(source, copy) > OLDEST
    assert not [path for path in copy.rglob("*") if path.is_symlink()]
    return {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}


def test_a_copy_has_what_links_lead_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "shared", "data.json", "deep/more.json")
    source = made(tmp_path / "lab", "acme/one.py", acme__data="../../shared/data.json", all="../shared")
    monkeypatch.chdir("/")  # where a relative link begins is nobody's working directory
    assert copied(source) == {"acme/one.py", "acme/data", "all/data.json", "all/deep/more.json"}


def test_a_link_that_leads_back_or_to_nothing_is_left_out(tmp_path: Path) -> None:
    source = made(tmp_path / "lab", "a/one.py", "b/two.py", a__b="../b", b__a="../a", gone="nowhere", me=".")
    (source / "up").symlink_to("..")
    assert copied(source) == {
        *("a/one.py", "a/b/two.py", "b/two.py", "b/a/one.py"),
    }
    ends = {
        (folder.path / name).relative_to(source).as_posix()
        for folder in walk_tree(source)
        for name in folder.ends
    }
    assert {"gone", "me", "a/b/a", "b/a/b"} <= ends


def test_links_that_stand_for_more_files_than_a_disk_has_are_refused(tmp_path: Path) -> None:
    for level in range(20):
        made(tmp_path / "lab", f"{level}/file", **{f"{level}__{side}": f"../{level + 1}" for side in "ab"})
    made(tmp_path / "lab", "20/file")
    with pytest.raises(MachineError, match="lead to the same directories") as caught:
        copy_tree(tmp_path / "lab", tmp_path / "copy")
    assert str(tmp_path / "lab") in caught.value.hint
    assert not (tmp_path / "copy").exists()


def test_a_link_that_leads_to_itself_is_left_out(tmp_path: Path) -> None:
    source = made(tmp_path / "lab", "one.py", loop="loop", there="back", back="there")
    assert copied(source) == {"one.py"}
    assert {*next(walk_tree(source)).ends} == {"loop", "there", "back"}


def test_thousands_of_links_to_folders_are_followed(tmp_path: Path) -> None:
    """As in the folder `node_modules` of a package manager that links."""
    source = made(tmp_path / "lab", *(f"store/{n}/file" for n in range(20)))
    for number in range(1500):
        (source / f"link-{number}").symlink_to(f"store/{number % 20}")
    assert len(copied(source)) == 1520


def test_the_state_of_a_tree_is_that_of_what_is_copied(tmp_path: Path) -> None:
    shared = made(tmp_path / "shared", "data.json")
    source = made(tmp_path / "lab", "acme.py", "__pycache__/acme.pyc", data="../shared")
    states = [tree_state(source)]

    def is_new() -> bool:
        states.append(tree_state(source))
        return states[-1] not in states[:-1]

    (shared / "data.json").write_text("another text")
    assert is_new()
    (shared / "new.json").write_text("")
    assert is_new()
    (source / "acme.py").chmod(0o755)
    assert is_new()
    (source / "acme.py").chmod(0o700)
    (source / "__pycache__" / "more.pyc").write_text("")
    assert not is_new()
