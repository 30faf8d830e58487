"""Two and more publishers at once: the page is the arbiter."""

import hashlib
import json
import subprocess
from pathlib import Path

from tests.commands import PATIENCE
from tests.invariants import Workspace


def _ends(*processes: "subprocess.Popen[str]") -> list[tuple[int, str]]:
    ended = []
    for process in processes:
        _, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err
        ended.append((process.returncode, err))
    return ended


def test_of_two_who_publish_one_version_with_different_bytes_one_wins(empty: Workspace) -> None:
    empty.publish(empty.wheel("other"))
    folders = [empty.root / "one", empty.root / "two"]
    for folder in folders:
        folder.mkdir()
        wheels = [
            empty.wheel("alpha", f"1.{number}.0", files={"alpha/__init__.py": f"of = {folder.name!r}\n"})
            for number in range(10)
        ]
        for wheel in wheels:
            wheel.rename(folder / wheel.name)
    for number in range(10):
        paths = [folder / f"alpha-1.{number}.0-py3-none-any.whl" for folder in folders]
        ends = _ends(*(empty.begin("publish", path, "-b", empty.url) for path in paths))
        assert sorted(code for code, _ in ends) == [0, 7], ends
        winner = paths[[code for code, _ in ends].index(0)]
        assert _published(empty, winner.name) == hashlib.sha256(winner.read_bytes()).hexdigest()


def _published(workspace: Workspace, filename: str) -> str:
    page = json.loads((workspace.repository / "alpha" / "index.json").read_text())
    (entry,) = (entry for entry in page["files"] if entry["filename"] == filename)
    digest: str = entry["hashes"]["sha256"]
    file = workspace.repository / "alpha" / entry["url"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    return digest


def test_sixteen_who_publish_versions_of_one_project_into_nothing_are_all_on_its_page(
    empty: Workspace,
) -> None:
    wheels: list[Path] = [empty.wheel("alpha", f"1.{number}.0") for number in range(16)]
    ends = _ends(*(empty.begin("publish", wheel, "-b", empty.url) for wheel in wheels))
    assert [code for code, _ in ends] == [0] * 16, ends
    page = json.loads((empty.repository / "alpha" / "index.json").read_text())
    assert page["versions"] == [f"1.{number}.0" for number in range(16)]
    assert page["_pipper"]["bundles"] == []
    assert len(list(empty.repository.glob("alpha/v*.pipper"))) == 16
    assert json.loads((empty.repository / "pipper-repository.json").read_text()) == {"format": 2}


def test_two_syncs_of_one_project_at_once_both_succeed(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0", "gamma")
    workspace.run("lock")
    ends = _ends(*(workspace.begin("sync") for _ in range(3)))
    assert [code for code, _ in ends] == [0] * 3, ends
    assert workspace.installed() == {"alpha": "1.0.0", "beta": "1.0.0", "gamma": "1.0.0"}
    workspace.run("sync", "--check", "--verify")
