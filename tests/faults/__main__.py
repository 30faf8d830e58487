"""`python -m tests.faults`: every disturbance at every request of every command that changes a repository.

On a real S3 server (Ceph), through a proxy. Prints what was tried and what was found, also if it is interrupted; exit 1
if anything was found.
"""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.commands import default_signals
from tests.e2e.ceph import running_ceph
from tests.faults.bench import Point
from tests.faults.everything import SAMPLE, Tally, try_all
from tests.faults.worlds import WORLDS


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--sample", action="store_true", help="a few points of each command")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th point")
    parser.add_argument("--jobs", type=int, default=2, help="how many points at once")
    parser.add_argument("--only", default="", metavar="PATTERN", help="points whose description has it")
    parser.add_argument("worlds", nargs="*", choices=[[], *WORLDS], metavar="COMMAND", help="default: all")
    chosen = parser.parse_args()
    began = time.monotonic()
    tally = Tally()
    with default_signals(), running_ceph() as server, tempfile.TemporaryDirectory() as folder:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            try_all(
                server,
                Path(folder),
                tally,
                worlds=chosen.worlds or list(WORLDS),
                every=SAMPLE if chosen.sample else chosen.every,
                jobs=chosen.jobs,
                only=chosen.only,
                failed=_failed,
            )
    _report(tally, time.monotonic() - began)
    return int(bool(tally.failures))


def _failed(point: Point, problems: list[str]) -> None:
    _say(f"FAILED {point}")
    for problem in problems:
        _say("    " + problem.strip().replace("\n", "\n    "))


def _report(tally: Tally, seconds: float) -> None:
    for world, (requests, points, tried) in tally.worlds.items():
        _say(f"{world:>10}: {requests} requests, {points} points, {tried} tried")
    total = sum(tried for _, _, tried in tally.worlds.values())
    _say(f"{total} points in {seconds:.0f} seconds, {len(tally.failures)} failures")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
