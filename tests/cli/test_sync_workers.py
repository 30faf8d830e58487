"""A sync that fetches many wheels: other processes unpack them, and nothing that a user sees shows it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import PATIENCE
from tests.hostile import plant
from tests.invariants import Workspace
from tests.zipcraft import craft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads unpack")

COUNT = 40
"""Enough for two workers."""
_COMMAND = """
import errno, os, signal, sys, time
import pipper.ops.sync.fetch_wheels as module
from pipper.cli import main

parent, unpacked, write = os.getpid(), module._unpacked, os.write
note = os.environ.pop("NOTE")

def log():
    with open(note, "a") as file:
        print(os.getpid(), file=file)

def changed(want, cache):
    if os.getpid() == parent:
        return unpacked(want, cache)
    log()
    {inside}
    return unpacked(want, cache)

module._unpacked = changed
main()
"""


@pytest.fixture
def yard(workspace: Workspace) -> Workspace:
    """A workspace whose lock has many packages that no cache and no environment has."""
    names = [f"many{number}" for number in range(COUNT)]
    workspace.publish(*(workspace.wheel(name) for name in names))
    workspace.write_manifest(*names)
    workspace.run("lock")
    return workspace


def begun(yard: Workspace, inside: str = "pass") -> "subprocess.Popen[str]":
    """Begin a sync whose workers do something before they unpack a wheel."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND.format(inside=inside), "sync"],
        cwd=yard.app,
        env={**yard.environment, "NOTE": str(yard.root / "note")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers(yard: Workspace) -> set[int]:
    """The processes that have unpacked something so far."""
    note = yard.root / "note"
    return set(map(int, note.read_text().split())) if note.exists() else set()


def running(processes: set[int]) -> Iterator[int]:
    for each in processes:
        try:
            state = Path("/proc", str(each), "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield each


def is_changed(yard: Workspace) -> bool:
    return yard.venv.exists() and any(name.startswith("many") for name in yard.installed())


def litter(yard: Workspace) -> list[Path]:
    return list((yard.root / "cache" / "tmp").glob("*"))


def test_all_wheels_are_unpacked_by_workers_and_installed(yard: Workspace) -> None:
    process = begun(yard)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "Traceback" not in out + err
    assert 1 <= len(workers(yard)) <= 4
    assert set(yard.installed()) == {f"many{number}" for number in range(COUNT)}
    yard.run("sync", "--check", "--verify")
    assert not list(running(workers(yard)))
    assert litter(yard) == []


def test_a_hostile_wheel_among_many_is_refused_with_the_words_of_any_other(yard: Workspace) -> None:
    page = yard.repository / "many7" / "index.json"
    name = "many7-1.0.0-py3-none-any.whl"
    plant(page, craft([])[:-3], name, {})
    yard.run("lock", "-U")
    process = begun(yard)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4, err
    assert f"error: {name}: damaged zip: no end of central directory" in err
    assert not is_changed(yard)
    assert not list(running(workers(yard)))
    assert litter(yard) == []


def test_a_full_disk_is_told_with_the_path_and_exit_code_8(yard: Workspace) -> None:
    refuse = "os.write = lambda fd, data: module.errors and write(fd, data) if data[:1] == b'{' else full()"
    inside = f"""
    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    {refuse}
"""
    process = begun(yard, inside.strip())
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 8, err
    assert "error: cannot write " in err
    assert "No space left on device" in err
    assert not is_changed(yard)


def test_the_work_of_a_killed_worker_is_done_and_it_is_told(yard: Workspace) -> None:
    process = begun(yard, "os.kill(os.getpid(), signal.SIGKILL)")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "a process of pipper ended before it had unpacked many" in err
    assert len(yard.installed()) == COUNT
    yard.run("sync", "--check", "--verify")
    assert litter(yard) == []


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_command_and_its_workers(
    yard: Workspace, number: signal.Signals, code: int, word: str
) -> None:
    process = begun(yard, "time.sleep(600)")
    _wait_for_workers(yard)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    assert f"error: {word}" in err
    assert "Traceback" not in err
    assert not list(running(workers(yard)))
    assert not is_changed(yard)
    assert litter(yard) == []


def test_workers_of_a_killed_command_end_with_it(yard: Workspace) -> None:
    process = begun(yard, "time.sleep(600)")
    _wait_for_workers(yard)
    process.kill()
    process.communicate(timeout=PATIENCE)
    for _ in range(PATIENCE * 10):
        if not list(running(workers(yard))):
            break
        time.sleep(0.1)
    assert not list(running(workers(yard)))
    yard.run("sync")
    assert len(yard.installed()) == COUNT
    assert litter(yard) == []


def _wait_for_workers(yard: Workspace) -> None:
    for _ in range(PATIENCE * 10):
        if workers(yard):
            return
        time.sleep(0.1)
    raise AssertionError("no worker has begun")
