"""Files that are another's: what other tools recorded, and what two distributions bring (H23, H26, H27)."""

import json
import stat
from pathlib import Path

import pytest

from tests.hostile import DATA, INFO, NAME, Arena, parts
from tests.invariants import Workspace
from tests.wheelhouse import record_lines, record_of, wheel_members, zip_info
from tests.zipcraft import DEFLATED, Member, craft

SHARED = {"shared/__init__.py": "x = 1\n"}


def put_distribution(site: Path, *lines: str, marks: bool) -> None:
    """What another tool, or somebody with its files, might have left in an environment."""
    info = site / "evil-1.0.dist-info"
    info.mkdir()
    (site / "evil.py").write_text("")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "INSTALLER").write_text("pipper\n" if marks else "pip\n")
    if marks:
        (info / "pipper.json").write_text(json.dumps({"source": "acme", "sha256": "0" * 64}))
    own = [f"{info.name}/{path.name},," for path in info.iterdir()]
    (info / "RECORD").write_text("\n".join(["evil.py,,", *lines, *own, f"{info.name}/RECORD,,"]) + "\n")


@pytest.mark.parametrize("marks", [False, True], ids=["of another tool", "with the marks of pipper"])
def test_H23_removing_a_distribution_never_deletes_outside_of_the_environment(
    marks: bool, workspace: Workspace
) -> None:
    site = workspace.site
    victims = [workspace.root / "victim.txt", workspace.app / "victim.txt", workspace.venv / "pyvenv.cfg"]
    for path in victims[:2]:
        path.write_text("mine\n")
    depth = len(site.relative_to(workspace.app).parts)
    put_distribution(
        site,
        f"{'../' * depth}victim.txt,,",
        f"{'../' * (depth + 1)}victim.txt,,",
        f"{workspace.root / 'victim.txt'},,",
        f"{'../' * (depth - 1)}pyvenv.cfg,,",
        f"{'../' * (depth - 1)}bin/python,,",
        marks=marks,
    )
    before = workspace.state()
    workspace.run("sync", *([] if marks else ["--exact"]))
    workspace.compare(before, but="V")
    assert "evil" not in workspace.installed()
    assert not (site / "evil.py").exists()
    assert [path for path in victims if not path.exists()] == []
    assert (workspace.venv / "bin" / "python").exists()


@pytest.mark.parametrize("line", ['"open,,', "a,b"])
def test_H23_a_record_that_cannot_be_read_stops_the_removal(line: str, workspace: Workspace) -> None:
    put_distribution(workspace.site, line, marks=True)
    workspace.refused("sync", code=8, subject="evil")


def test_H26_a_file_of_an_installed_distribution_is_not_overwritten(workspace: Workspace) -> None:
    thief = workspace.wheel("thief", files={"thief.py": "", "beta/__init__.py": "stolen = True\n"})
    workspace.publish(thief)
    (workspace.site / "beta-1.0.0.dist-info" / "INSTALLER").write_text("pip\n")
    workspace.write_manifest("thief")
    workspace.run("lock")
    done = workspace.refused("sync", code=4, subject="beta/__init__.py")
    assert "is in both beta, which is installed, and thief, with different bytes" in done.stderr


def test_H26_two_wheels_of_one_lock_with_different_bytes_are_refused(workspace: Workspace) -> None:
    workspace.publish(
        workspace.wheel("left", files=SHARED),
        workspace.wheel("right", files={"shared/__init__.py": "x = 2\n"}),
    )
    workspace.write_manifest("left", "right")
    workspace.run("lock")
    done = workspace.refused("sync", code=4, subject="shared/__init__.py")
    assert "is in both left and right, with different bytes" in done.stderr
    assert not (workspace.site / "shared").exists()


def test_H26_a_wheel_over_a_file_of_its_own_lock_is_refused_by_install_too(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("thief", files={"alpha/__init__.py": "stolen = True\n"}))
    workspace.refused("add", "thief", code=4, subject="alpha/__init__.py")


def test_H26_identical_bytes_are_shared_and_go_with_the_last_owner(workspace: Workspace) -> None:
    workspace.publish(
        *(workspace.wheel(name, files={**SHARED, f"{name}.py": ""}) for name in ("left", "right"))
    )
    shared = workspace.site / "shared" / "__init__.py"
    workspace.run("add", "left", "right")
    body = shared.read_bytes()
    workspace.run("remove", "left")
    assert shared.read_bytes() == body
    assert not (workspace.site / "left.py").exists()
    workspace.run("sync", "--check", "--verify")
    workspace.run("remove", "right")
    assert not shared.parent.exists()


def test_H26_a_file_shared_with_a_distribution_of_another_tool_stays_with_it(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("left", files=SHARED))
    info = workspace.site / "foreign-1.0.dist-info"
    info.mkdir()
    (workspace.site / "shared").mkdir()
    (workspace.site / "shared" / "__init__.py").write_text(SHARED["shared/__init__.py"])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"shared/__init__.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    before = workspace.state().V
    workspace.run("add", "left")
    workspace.run("remove", "left")
    after = workspace.state().V
    kept = {path for path in before if ".pipper" not in path and "dist-info" not in path}
    assert {path: before[path] for path in kept} == {path: after[path] for path in kept}


def test_R09_a_directory_that_pip_filled_can_be_upgraded_and_emptied(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("tool", "2.0", entry_points={"tool": "tool:main"}))
    target = workspace.root / "target"
    info = target / "tool-1.0.dist-info"
    (target / "bin").mkdir(parents=True)
    info.mkdir()
    (target / "bin" / "tool").write_text("#!/old\n")
    (target / "tool.py").write_text("")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
    (info / "INSTALLER").write_text("pip\n")
    own = [f"{info.name}/{path.name},," for path in info.iterdir()]
    (info / "RECORD").write_text(
        "\n".join(["../../bin/tool,,", "tool.py,,", *own, f"{info.name}/RECORD,,"]) + "\n"
    )
    workspace.run("install", "-t", target, "-u", "tool")
    assert (target / "tool-2.0.dist-info").is_dir()
    assert not info.exists()
    assert "#!/old" not in (target / "bin" / "tool").read_text()
    workspace.run("uninstall", "-t", target, "tool")
    assert not (target / "bin" / "tool").exists()


def test_H27_files_in_the_installers_name_are_replaced_by_pippers_own(arena: Arena) -> None:
    forged = {
        f"{INFO}/{name}": b"forged\n"
        for name in ("INSTALLER", "REQUESTED", "direct_url.json", "pipper.json", "RECORD.jws")
    }
    target = arena.base / "w" / "target"
    with arena.planted(craft(parts(more=forged))):
        arena.locked()
        arena.workspace.run("sync", "-t", target)
    info = target / INFO
    assert (info / "INSTALLER").read_text() == "pipper\n"
    assert json.loads((info / "pipper.json").read_text())["source"] == "acme"
    for name in ("REQUESTED", "direct_url.json", "RECORD.jws"):
        assert not (info / name).exists()
        assert name not in (info / "RECORD").read_text()


def test_H27_modes_are_reduced_to_those_of_a_file_and_a_program(empty: Workspace) -> None:
    modes = {"epsilon/run": 0o106777, "epsilon/open": 0o100666, f"{DATA}/scripts/tool": 0o102000}
    members = {**wheel_members("epsilon", "1.0.0"), **dict.fromkeys(modes, b"#!/bin/sh\n")}
    members[f"{INFO}/RECORD"] = record_of(record_lines(members))
    wheel = empty.root / "wheels" / NAME
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(
        craft(
            [
                Member(
                    name=path.encode(),
                    data=body,
                    method=DEFLATED,
                    central={"attributes": zip_info(path, mode=modes.get(path, 0o100644)).external_attr},
                )
                for path, body in members.items()
            ]
        )
    )
    empty.publish(wheel)
    empty.write_manifest("epsilon")
    empty.run("lock")
    empty.run("sync", "-t", empty.root / "target")
    found = {
        path: stat.S_IMODE((empty.root / "target" / path).stat().st_mode)
        for path in ("epsilon/run", "epsilon/open", "bin/tool")
    }
    assert found == {"epsilon/run": 0o755, "epsilon/open": 0o644, "bin/tool": 0o755}


def test_H27_a_pth_file_is_taken_and_told_with_v(empty: Workspace) -> None:
    empty.publish(empty.wheel("epsilon", files={"epsilon.pth": "import epsilon\n", "epsilon.py": ""}))
    empty.write_manifest("epsilon")
    empty.run("lock")
    done = empty.run("sync", "-v", "-t", empty.root / "target")
    assert "epsilon installs `epsilon.pth`, which Python reads at every start" in done.stderr
    assert (empty.root / "target" / "epsilon.pth").read_text() == "import epsilon\n"


def test_H27_a_wheel_for_another_interpreter_is_not_chosen_and_not_synced(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("epsilon", tag="cp27-cp27m-win32"))
    workspace.write_manifest("alpha", "epsilon", more="[dependency-groups]\ndev = ['delta']\n")
    workspace.refused("lock", code=3, subject="")
    workspace.publish(workspace.wheel("epsilon", tag="py3-none-any"))
    workspace.run("lock")
    page = json.loads((workspace.repository / "epsilon" / "index.json").read_text())
    by_name = {entry["filename"]: entry for entry in page["files"]}
    good, foreign = by_name[NAME], by_name["epsilon-1.0.0-cp27-cp27m-win32.whl"]
    text = workspace.lock.read_text().replace(good["url"], foreign["url"])
    text = text.replace(good["hashes"]["sha256"], foreign["hashes"]["sha256"])
    workspace.lock.write_text(text.replace(f"size = {good['size']},", f"size = {foreign['size']},"))
    done = workspace.refused("sync", code=4, subject="the lock is inconsistent")
    assert "epsilon==1.0.0 has no wheel for" in done.stderr
