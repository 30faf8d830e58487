"""`python -m tests.fuzz`: exit 1 where anything was found; `--only INDEX --seed S` makes one mutant again."""

import argparse
import secrets
import sys
from pathlib import Path
from typing import TextIO

from tests.fuzz.mutate import mutant
from tests.fuzz.run import Tally, try_many
from tests.fuzz.trial import bench


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--seed", type=int, help="default: a new one, which is printed")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--only", type=int, metavar="INDEX", help="try this mutant alone and tell about it")
    parser.add_argument("--save", type=Path, metavar="FILE", help="with --only: write the mutant there")
    chosen = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if chosen.seed is None else chosen.seed
    if chosen.only is not None:
        return _one(seed, chosen.only, chosen.save)
    _say(f"seed {seed}")
    tally = try_many(seed, chosen.count, chosen.jobs, lambda line: _say(line, sys.stderr))
    _report(tally, seed)
    return int(tally.failed)


def _one(seed: int, index: int, save: Path | None) -> int:
    found = mutant(seed, index)
    if save:
        save.write_bytes(found.data)
    _say(f"mutant {index} of seed {seed}: {found.filename!r}, {len(found.data):,} bytes")
    _say(f"made by: {', '.join(found.recipe)}")
    with bench() as place:
        outcome = place.try_one(found)
    _say(f"{outcome.family}, {outcome.seconds * 1000:.1f} ms")
    for finding in outcome.findings:
        _say(finding)
    return int(bool(outcome.findings))


def _report(tally: Tally, seed: int) -> None:
    for family, count in tally.families.most_common():
        _say(f"{count:>10,}  {family}")
    each = tally.seconds / tally.count * 1000 if tally.count else 0
    _say(
        f"{tally.count:,} mutants of seed {seed}: {tally.accepted:,} accepted and installed,"
        f" {len(tally.findings)} findings, {each:.2f} ms of processor time each,"
        f" at most {tally.memory >> 20} MiB more a process"
    )
    slowest = ", ".join(
        f"{seconds * 1000:.0f} ms (index {index})" for seconds, index in reversed(tally.slowest)
    )
    _say(f"slowest: {slowest}")
    for outcome in tally.findings[:20]:
        _say(f"\nFINDING: `python -m tests.fuzz --seed {seed} --only {outcome.index}`: {outcome.family}")
        for finding in outcome.findings:
            _say(finding)


def _say(line: str, stream: TextIO = sys.stdout) -> None:
    stream.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
