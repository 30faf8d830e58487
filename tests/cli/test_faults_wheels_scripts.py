"""Scripts that would be the environment's own, or other than they say (H6, H7, H10, H11)."""

import subprocess
import sys

import pytest

from tests.hostile import DATA, INFO, Arena, wheel_with

SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
RESERVED = [
    "python",
    "python3",
    "python3.12",
    "PYTHON.exe",
    "pythonw.exe",
    "pip",
    "pip3.12",
    "activate",
    "Activate.ps1",
    "deactivate.bat",
    "python3-config",
]


def entry_points(line: str, group: str = "console_scripts") -> bytes:
    return wheel_with(entry_points_txt=f"[{group}]\n{line}\n".encode())


@pytest.mark.parametrize(
    "name",
    ["pyvenv.cfg", "PYVENV.CFG", ".pipper/journal", "conda-meta/history", "bin/python3", "Scripts/pip.exe"],
)
def test_H06_a_data_member_that_replaces_the_environments_own_file_is_refused(
    name: str, arena: Arena
) -> None:
    settings = (arena.workspace.venv / "pyvenv.cfg").read_bytes()
    arena.refuses(wheel_with({f"{DATA}/data/{name}": b"home = /tmp\n"}), f"{DATA}/data/{name}")
    assert (arena.workspace.venv / "pyvenv.cfg").read_bytes() == settings


@pytest.mark.parametrize(
    "name", [f"{SITE}/alpha-1.1.0.dist-info/direct_url.json", f"{SITE}/forged-1.0.Dist-Info/METADATA"]
)
def test_H06_a_data_member_in_a_dist_info_folder_is_refused(name: str, arena: Arena) -> None:
    arena.refuses(wheel_with({f"{DATA}/data/{name}": b"{}"}), name, "would write into the .dist-info")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            f"{SITE}/alpha/__init__.py",
            "is in both alpha, which is installed, and epsilon, with different bytes",
        ),
        (f"{SITE}/by_hand.py", "no installed distribution owns it"),
        ("lib64", "no installed distribution owns it"),
        ("canary.txt", "no installed distribution owns it"),
        ("lib/canary.txt/x", "no installed distribution owns it"),
    ],
)
def test_H06_a_data_member_over_a_file_of_the_environment_is_refused_by_sync(
    name: str, told: str, arena: Arena
) -> None:
    venv = arena.workspace.venv
    mine = [venv / "lib" / "canary.txt", venv / SITE / "by_hand.py"]
    for path in mine:
        path.write_text("mine\n")
    (venv / "lib64").is_symlink() or (venv / "lib64").symlink_to("lib")
    try:
        with arena.planted(wheel_with({f"{DATA}/data/{name}": b"theirs\n"})), arena.unchanged():
            arena.locked()
            done = arena.workspace.refused("sync", code=4, subject=name)
    finally:
        for path in mine:
            path.unlink()
    assert told in done.stderr
    if "both" not in told:
        assert f"member '{DATA}/data/{name}': would replace" in done.stderr


def test_H06_a_data_member_that_goes_through_lib64_is_held_against_what_lies_there(arena: Arena) -> None:
    (arena.workspace.venv / "lib64").is_symlink() or (arena.workspace.venv / "lib64").symlink_to("lib")
    name = f"{SITE.replace('lib', 'lib64', 1)}/alpha/__init__.py"
    with arena.planted(wheel_with({f"{DATA}/data/{name}": b"theirs\n"})), arena.unchanged():
        arena.locked()
        done = arena.workspace.refused("sync", code=4, subject="alpha/__init__.py")
    assert "is in both alpha, which is installed, and epsilon, with different bytes" in done.stderr


@pytest.mark.parametrize("name", RESERVED)
def test_H07_a_script_named_like_the_environments_own_is_refused(name: str, arena: Arena) -> None:
    arena.refuses(wheel_with({f"{DATA}/scripts/{name}": b"#!python\n"}), name.lower())
    arena.refuses(entry_points(f"{name} = epsilon:f"), f"the script {name!r}", "entry_points.txt line 2")


def test_H07_the_interpreter_still_runs(arena: Arena) -> None:
    python = arena.workspace.venv / "bin" / "python"
    before = [(path.stat().st_ino, path.lstat().st_ino) for path in sorted(python.parent.glob("python*"))]
    arena.refuses(entry_points("python = epsilon:f", "gui_scripts"), "'python'")
    after = [(path.stat().st_ino, path.lstat().st_ino) for path in sorted(python.parent.glob("python*"))]
    assert before == after
    subprocess.run([python, "-c", "import alpha"], check=True, timeout=60)


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..\\x", ".", "..", "a b", "a\0b", "é\u202e", "a.", "CON", "a:b", ""]
)
def test_H10_a_script_name_of_other_characters_is_refused(name: str, arena: Arena) -> None:
    arena.refuses(entry_points(f"{name} = epsilon:f"), "entry_points.txt line 2")


def test_H10_a_script_name_with_a_newline_is_refused(arena: Arena) -> None:
    arena.refuses(entry_points("a\nb = epsilon:f"), "entry_points.txt line 2", "is not NAME = MODULE:ATTR")


@pytest.mark.parametrize(
    "value",
    [
        "m:f;import os",
        "m:f\nimport os",
        "m:f\n  import os",
        "m:f\rimport os",
        "m:f\x85import os",
        "hello:",
        "hello",
        "",
        "m:f()",
        "m:f #x",
        "m.:f",
        "m:import",
        "m:f [x",
        "m:__import__('os').system('x')",
    ],
)
def test_H11_a_script_that_is_not_module_and_attribute_is_refused(value: str, arena: Arena) -> None:
    arena.refuses(entry_points(f"x = {value}"), "entry_points.txt line", "MODULE:ATTR")


def test_H17_two_scripts_of_one_name_are_refused(arena: Arena) -> None:
    arena.refuses(entry_points("run = epsilon:f\nRUN = epsilon:g"), "two scripts")
    arena.refuses(
        wheel_with(
            {f"{DATA}/scripts/Run": b"", f"{INFO}/entry_points.txt": b"[console_scripts]\nrun = epsilon:f\n"}
        ),
        "when installed",
    )
