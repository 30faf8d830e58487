"""Commands that are killed at each moment of theirs: before each piece that is sent, and each rename, link and removal.

python -m tests.killing NUMBER NOTE ARGS…     runs `pipper ARGS` and kills it before its moment NUMBER;
                                              one that ends before that writes the count of its moments to NOTE
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.commands import CHECKOUT, PATIENCE

_MOMENTS = frozenset({"http.client.send", "os.link", "os.rename", "os.remove"})
"""Audit events; a request is sent as its head and its body."""
_MOST = int(os.environ.get("PIPPER_KILLS", "12"))
"""Moments that are tried of one command, spread evenly over all. Read here: no variable of pipper's reaches a test."""


def kill_at_each_moment(
    words: Callable[[], tuple[str, ...]],
    *,
    cwd: Path,
    env: Mapping[str, str],
    after: Callable[[int], None],
) -> int:
    """Run the command that `words` prepares until it is not killed any more; `after` looks at each end.

    Returns how many moments it has, of which `_MOST` are tried.
    """
    _run(sys.maxsize, words(), cwd, env)  # the first run fills caches
    count = _run(sys.maxsize, words(), cwd, env)
    assert count > 0
    moments = range(1, count + 1, -(-count // _MOST))
    killed = 0
    for moment in moments:
        killed += _run(moment, words(), cwd, env) == 0
        after(moment)
    assert killed >= len(moments) * 3 // 4, (killed, len(moments), count)
    return count


def _run(number: int, words: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> int:
    """Return the count of the moments, 0 if the command was killed."""
    note = cwd / "moments"
    note.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.killing", str(number), str(note), *words],
        cwd=cwd,
        env={**env, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), (number, done.stdout, done.stderr)
    return 0 if done.returncode else int(note.read_text())


def _main(number: str, note: str, *words: str) -> None:
    from pipper.cli import main

    left = int(number)
    count = 0
    lock = threading.Lock()

    def watch(event: str, _: object) -> None:
        nonlocal count
        if event in _MOMENTS:
            with lock:
                count += 1
                if count == left:
                    os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    sys.argv[1:] = words
    try:
        main()
    finally:
        Path(note).write_text(str(count))


if __name__ == "__main__":
    _main(*sys.argv[1:])
