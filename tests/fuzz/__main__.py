"""`python -m tests.fuzz --target NAME --seconds N`: mutated inputs through the parser of one grammar, or of all.

Exit 1 where anything was found; `--target NAME --seed S --only INDEX` tries one mutant again.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from tests.fuzz import parsing
from tests.fuzz.grammars import GRAMMARS
from tests.fuzz.mutate import mutant
from tests.fuzz.run import Tally, try_for, try_many
from tests.fuzz.trial import bench

_WHEELS = "wheels"
"""The target of whole wheels, through the gate and into an environment."""


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    chosen = _arguments().parse_args()
    seed = secrets.randbelow(1 << 32) if chosen.seed is None else chosen.seed
    if chosen.list:
        _say("\n".join((_WHEELS, *GRAMMARS)))
        return 0
    if chosen.only is not None:
        if chosen.target == _WHEELS:
            return _one_wheel(seed, chosen.only, chosen.save)
        return _one(chosen.target, seed, chosen.only, chosen.save)
    _say(f"seed {seed}")
    found = 0
    for target in (*GRAMMARS, _WHEELS) if chosen.target == "all" else (chosen.target,):
        if target == _WHEELS:
            found |= _wheels(seed, chosen)
        else:
            found |= _explore(target, seed, chosen.seconds or 10.0, chosen.folder)
    return found


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    names = (_WHEELS, "all", *GRAMMARS)
    parser.add_argument("--target", choices=names, default=_WHEELS, metavar="NAME", help="see --list; or all")
    parser.add_argument("--list", action="store_true", help="print the targets")
    parser.add_argument("--seconds", type=float, help="processor time of each target's process")
    parser.add_argument("--seed", type=int, help="default: a new one, which is printed")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "pipper-fuzz",
        help="where inputs with a finding are saved",
    )
    parser.add_argument("--only", type=int, metavar="INDEX", help="try this mutant alone and tell about it")
    parser.add_argument("--save", type=Path, metavar="FILE", help="with --only: write the mutant there")
    parser.add_argument("--count", type=int, default=10_000, help="how many wheels, without --seconds")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes, without --seconds")
    return parser


def _explore(target: str, seed: int, seconds: float, folder: Path) -> int:
    tally = parsing.explore(target, seed, seconds)
    slow, index = tally.slowest
    _say(
        f"{target}: {tally.count:,} trials, {tally.accepted:,} accepted, {tally.refused:,} refused,"
        f" {tally.seconds:.1f} s, seed {seed}, slowest {slow * 1000:.0f} ms (index {index}),"
        f" {len(tally.kinds)} kinds of findings"
    )
    for finding in tally.findings:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{target}-{seed}-{finding.index}"
        path.write_bytes(GRAMMARS[target].mutant(seed, finding.index))
        again = f"python -m tests.fuzz --target {target} --seed {seed} --only {finding.index}"
        _say(f"\nFINDING ({tally.kinds[finding.kind]:,} times): {finding.kind}\n`{again}`: {path}")
        _say(finding.text)
    return int(bool(tally.findings))


def _one(target: str, seed: int, index: int, save: Path | None) -> int:
    grammar = GRAMMARS[target]
    data = grammar.mutant(seed, index)
    if save:
        save.write_bytes(data)
    _say(f"mutant {index} of seed {seed}, {len(data):,} bytes: {data!r:.2000}")
    tally = parsing.Tally(grammar=target, seed=seed)
    parsing.try_one(grammar, seed, index, tally)
    _say(f"accepted {tally.accepted}, refused {tally.refused} {dict(tally.errors)}, {tally.slowest[0]:.3f} s")
    for finding in tally.findings:
        _say(f"{finding.kind}\n{finding.text}")
    return int(bool(tally.findings))


def _wheels(seed: int, chosen: argparse.Namespace) -> int:
    def told(line: str) -> None:
        _say(line, sys.stderr)

    if chosen.seconds is not None:
        tally = try_for(seed, chosen.seconds, told)
    else:
        tally = try_many(seed, chosen.count, chosen.jobs, told)
    _report(tally, seed)
    for outcome in tally.findings:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        (chosen.folder / f"{_WHEELS}-{seed}-{outcome.index}").write_bytes(mutant(seed, outcome.index).data)
    return int(tally.failed)


def _one_wheel(seed: int, index: int, save: Path | None) -> int:
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
