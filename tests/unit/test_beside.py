"""What is removed beside the place of an environment: folders of exactly one form of name, and never anything else."""

import os
import shutil
from pathlib import Path

import pytest

from pipper.apply import beside
from pipper.python.venv import ASIDE, BESIDE, is_beside, place_of_beside

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot lock folders")

TOKEN = "0123456789abcdef"
FOREIGN = (
    "usr",
    "etc",
    TOKEN,
    f"-new-{TOKEN}",
    f"-old-{TOKEN}",
    ".venv",
    ".venv-new-",
    ".venv-new-0123",
    "-new-",
)


@pytest.mark.parametrize("kind", [BESIDE, ASIDE])
@pytest.mark.parametrize("name", FOREIGN)
def test_the_name_of_no_other_folder_is_that_of_one_beside_an_environment(name: str, kind: str) -> None:
    assert place_of_beside(name, kind) is None
    assert not is_beside(name)


def test_the_name_of_a_folder_beside_an_environment_has_that_of_the_environment() -> None:
    assert place_of_beside(f".venv{BESIDE}{TOKEN}", BESIDE) == ".venv"
    assert place_of_beside(f"a{BESIDE}b{BESIDE}{TOKEN}", BESIDE) == f"a{BESIDE}b"
    assert place_of_beside(f".venv{BESIDE}{TOKEN}", ASIDE) is None


@pytest.mark.parametrize("root", ["/", "//", "/.", "/..", "/srv/..", ""])
def test_beside_a_place_without_a_name_is_nothing(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(beside.os, "listdir", lambda folder: [*FOREIGN, f".venv{BESIDE}{TOKEN}"])
    assert beside._beside(root, BESIDE) == beside._beside(root, ASIDE) == []
    with pytest.raises(OSError, match="Invalid argument"):
        beside._name(root, BESIDE)


@pytest.mark.parametrize("end", ["", "/", "//", "/.", "/./"])
def test_only_what_lies_beside_an_environment_is_removed_however_its_path_is_written(
    tmp_path: Path, end: str
) -> None:
    place = tmp_path / "env"
    for name in FOREIGN:
        (place / name / "file").mkdir(parents=True)
        (tmp_path / name / "file").mkdir(parents=True)
    left = tmp_path / f"env{BESIDE}{TOKEN}"
    left.mkdir()
    beside.remove_leftovers(f"{place}{end}")
    assert not left.exists()
    assert {each.name for each in place.iterdir()} == {*FOREIGN}
    assert {each.name for each in tmp_path.iterdir()} == {*FOREIGN, "env"}


def test_a_folder_of_another_name_is_not_removed_whatever_asks_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last guard. Nothing here reaches the disk."""
    removed: list[str] = []
    for module, name in ((shutil, "rmtree"), (os, "rename"), (os, "unlink"), (os, "rmdir")):
        monkeypatch.setattr(module, name, lambda path, *rest, **more: removed.append(path))
    for root, path in (
        ("/", "/usr"),
        ("/", f"/{BESIDE}{TOKEN}"),
        ("/", f"/{ASIDE}{TOKEN}"),
        ("/srv/env", "/srv/env"),
        ("/srv/env", "/srv/other"),
        ("/srv/env", f"/srv/other{BESIDE}{TOKEN}"),
        ("/srv/env", f"/srv/env{BESIDE}{TOKEN}/lib"),
        ("/srv/env", f"/srv/env{BESIDE}{TOKEN[:-1]}g"),
        ("/srv/env/", f"/srv/env/{BESIDE}{TOKEN}"),
        ("/srv/env/", f"/srv/env/{ASIDE}{TOKEN}"),
    ):
        beside._remove(path, root)
        beside._remove_aside(path, root)
    assert removed == []
    beside._remove(f"/srv/env{BESIDE}{TOKEN}", "/srv/env")
    assert removed == [f"/srv/env{BESIDE}{TOKEN}"]
