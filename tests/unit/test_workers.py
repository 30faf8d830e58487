"""Forked processes that answer questions."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from pipper.system.workers import Workers, can_fork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a fork is not safe")


def echo(questions: Iterator[bytes], answer: Callable[[bytes], object]) -> None:
    for question in questions:
        answer(b"%d %s" % (os.getpid(), question.strip()))


def asked(work: Callable[..., None], questions: list[bytes], count: int = 2) -> list[bytes | None]:
    answers: SimpleQueue[bytes | None] = SimpleQueue()
    with Workers(count, work) as workers:
        for question in questions:
            workers.ask(question, answers.put)
        return [answers.get(timeout=60) for _ in questions]


def test_every_question_is_answered_in_another_process() -> None:
    answers = asked(echo, [b"%d" % number for number in range(100)])
    told = [each.split() for each in answers if each]
    assert sorted(int(number) for _, number in told) == list(range(100))
    processes = {int(process) for process, _ in told}
    assert os.getpid() not in processes
    require_gone(*processes)


def require_gone(*processes: int) -> None:
    """None is left, not even a zombie; the tests may have other children."""
    for process in processes:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def test_a_worker_has_no_credentials_no_open_file_and_no_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("PIPPER_CREDENTIALS", "canary")

    def look(questions: Iterator[bytes], answer: Callable[[bytes], object]) -> None:
        for _ in questions:
            files = [
                os.fspath(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
            ]
            answer(" ".join([*os.environ, *files]).encode())

    with (tmp_path / "open").open("w"):
        (answer,) = asked(look, [b"?"], count=1)
    assert answer is not None
    assert b"AWS_" not in answer
    assert b"PIPPER_" not in answer
    assert str(tmp_path).encode() not in answer
    places = [each for each in answer.decode().split() if each.startswith(("/", "pipe:", "socket:"))]
    assert sum(each.startswith("pipe:") for each in places) == 3
    assert sum(each == os.devnull for each in places) == 3


@pytest.mark.parametrize("when", ["before its first question", "in the middle of an answer"])
def test_a_worker_that_is_killed_leaves_no_question_without_an_answer(when: str) -> None:
    def die(questions: Iterator[bytes], answer: Callable[[bytes], object]) -> None:
        if when.startswith("in"):
            next(questions)
            answer(b"whole")
            os.write = half  # type: ignore[assignment] # in this process alone
            answer(b"cut off")
        os.kill(os.getpid(), signal.SIGKILL)

    def half(descriptor: int, data: bytes) -> int:
        write(descriptor, data[:3])
        os.kill(os.getpid(), signal.SIGKILL)
        return 3

    write = os.write
    answers = asked(die, [b"?"] * 20)
    assert len(answers) == 20
    assert set(answers) <= {None, b"whole\n"}
    assert answers.count(None) >= 18


def test_an_error_ends_the_workers_at_once(tmp_path: Path) -> None:
    asked_both = tmp_path / "asked"

    def sleep(questions: Iterator[bytes], answer: Callable[[bytes], object]) -> None:
        for _ in questions:
            while not asked_both.exists():  # one that has answered is asked again
                time.sleep(0.01)
            answer(b"%d" % os.getpid())
            time.sleep(600)

    answers: SimpleQueue[bytes | None] = SimpleQueue()
    processes: list[int] = []

    def fail() -> None:
        with Workers(2, sleep) as workers:
            for _ in range(2):
                workers.ask(b"?", answers.put)
            asked_both.touch()
            for _ in range(2):
                processes.append(int(answers.get(timeout=60) or b""))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    require_gone(*processes)


def test_nobody_forks_beside_another_thread() -> None:
    gone = threading.Event()
    thread = threading.Thread(target=gone.wait)
    thread.start()
    assert not can_fork()
    gone.set()
    thread.join()


_PARENT = """
import os, signal, sys, time
from pipper.system.workers import Workers

def work(questions, answer):
    next(questions)
    answer(str(os.getpid()).encode())
    while True:
        pass

def told(line):
    print(line.decode(), end="", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

with Workers(1, work) as workers:
    workers.ask(b"?", told)
    time.sleep(600)
"""


def test_a_worker_ends_with_its_parent_in_the_middle_of_its_work() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, check=False, text=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    place = Path("/proc", done.stdout.strip(), "stat")
    for _ in range(600):
        try:
            if place.read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.1)
    raise AssertionError("it runs on")
