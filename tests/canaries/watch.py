"""See what a command changes and reads below a folder, in a fork."""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.canaries.scene import Scene
from tests.crash.disk import CHANGES, FOLDERS, PATHS, place_of
from tests.invariants import Workspace, tree

HANG = -1
"""Stands for the exit code of a command that did not end."""


def run_apart(workspace: Workspace, scene: Scene, seconds: float) -> tuple[int, str]:
    """Run a command in a fork; return its exit code, or `HANG` after so many seconds, and what it said."""

    def work() -> tuple[int, str]:
        done = scene.command(workspace)
        return done.code, done.stderr

    answer = in_fork(work, seconds)
    return (answer[0], answer[1]) if answer else (HANG, "")


def watched(workspace: Workspace, scene: Scene) -> tuple[set[str], set[str]]:
    """Return the paths below the project that a command changes, and those of files that it reads."""
    top = f"{workspace.app}/"
    changed: set[str] = set()
    read: set[str] = set()

    def see(event: str, args: tuple[Any, ...]) -> None:
        found = []
        into = changed
        if event == "open" and isinstance(args[2], int):
            found = [place_of(args[0])]
            into = changed if args[2] & CHANGES else read
        elif event in PATHS:
            folder = args[FOLDERS[event]] if event in FOLDERS else -1
            found = [place_of(args[number], folder) for number in PATHS[event]]
        into.update(each.removeprefix(top) for each in found if each.startswith(top))

    def work() -> tuple[list[str], list[str]]:
        sys.addaudithook(see)
        done = scene.command(workspace)
        assert done.code == scene.code, done.stderr
        return sorted(changed), sorted(read)

    before = tree(workspace.app)
    answer = in_fork(work, 120)
    assert answer, f"{' '.join(scene.args)} failed without any canary"
    after = tree(workspace.app)  # it also shows what children did
    by_children = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return set(answer[0]) | by_children, set(answer[1])


def in_fork(work: Callable[[], Any], seconds: float) -> Any:
    """Return what `work` returns in a fork, by way of JSON; None if it raises or takes longer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setpgid(0, 0)
        try:
            Path(f"/dev/fd/{writer}").write_text(json.dumps(work()))
        except BaseException as error:  # noqa: BLE001 - the parent is told by what is missing
            sys.stderr.write(f"{error!r}\n")
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(writer)
    return _answer(reader, child, seconds)


def _answer(reader: int, child: int, seconds: float) -> Any:
    pieces, ends = [], time.monotonic() + seconds
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0, ends - time.monotonic()))[0]:
            piece = stream.read(1 << 16)
            if not piece:
                break
            pieces.append(piece)
        else:
            os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        return json.loads(b"".join(pieces))
    except ValueError:
        return None
