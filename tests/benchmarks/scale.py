"""How what a command takes grows with what it works on: `python -m tests.benchmarks.scale --help`.

Each work is done at several sizes. A table tells the times, the most memory, and how the processor time grew from
one size to the next: the exponent is 1 where twice as much takes twice as long, and 2 where it takes four times as
long. Everything is on the disk, so that the requests of a server do not hide what pipper itself takes.
"""

import argparse
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.process import Taken, timed
from tests.benchmarks.report import seconds

CHECKOUT = Path(__file__).resolve().parents[2]
VERSIONS = 5
"""Of each package in a repository."""
TRAPS = 20
"""Packages in a hundred of a project whose newest version cannot be had. Not in the large repositories: there each
costs the work on hundreds of packages anew, and nothing else would be seen."""
ONE_ENVIRONMENT = '[[environments]]\npython = "3.11"\nplatform = "linux-x86_64"\n'
SITE = ("repository", "site", "-q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one work took at one size."""

    work: str
    size: int
    taken: Taken


class Bench:
    """One project, one cache and whole processes below `place`; nothing in it is deleted before the end."""

    def __init__(self, place: Path, rounds: int) -> None:
        self.place = place
        self.project = place / "project"
        self.cache = place / "cache"
        self.rounds = rounds
        self._moved = itertools.count()
        for folder in (self.project, place / "home", place / "aside"):
            folder.mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.env = {
            **kept,
            "HOME": str(place / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "NO_COLOR": "1",
            "PYTHONPATH": str(CHECKOUT),
            "PIPPER_CACHE_DIR": str(self.cache),
        }

    @property
    def lock(self) -> Path:
        """The project's lock."""
        return self.project / "pipper.lock"

    @property
    def venv(self) -> Path:
        """The project's environment."""
        return self.project / ".venv"

    def require(self, requirements: list[str], repository: Path, more: str = "") -> None:
        """Write the project's manifest."""
        (self.project / "pipper.toml").write_text(
            f"dependencies = {json.dumps(requirements)}\nindex = false\n\n"
            f'[repositories]\nbench = "{repository.as_uri()}"\n{more}'
        )

    def aside(self, *paths: Path) -> None:
        """Move these away, where they are: a file system that deletes many files makes new ones slowly."""
        for path in paths:
            if path.exists():
                path.rename(self.place / "aside" / str(next(self._moved)))

    def run(self, *arguments: str) -> Taken:
        """Run `pipper ARGUMENTS` in the project."""
        return timed([sys.executable, "-m", "pipper", *arguments], cwd=self.project, env=self.env)

    def least(self, *arguments: str, before: Callable[[], None] = lambda: None, once: bool = False) -> Taken:
        """Run it so many rounds, each time after `before`, and return the one with the least processor time."""
        taken = []
        for _ in range(1 if once else self.rounds):
            before()
            taken.append(self.run(*arguments))
        return min(taken, key=lambda each: each.processor)


def make(kind: str, folder: Path, *counts: int) -> list[str]:
    """Make what `scale_places` can make, in a process of its own, and return what it says."""
    command = [sys.executable, "-m", "tests.benchmarks.scale_places", kind, str(folder), *map(str, counts)]
    made = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True)
    return [str(each) for each in json.loads(made.stdout)]


Measured = Iterator[tuple[str, Taken]]


def locks(bench: Bench, size: int) -> Measured:
    """A repository of so many packages, and a lock of all of them in their newest versions."""
    roots = make("repository", bench.place, size, VERSIONS, 0)
    repository = bench.place / "repository"
    yield "repository packages", bench.least("repository", "packages", "-q", "-b", repository.as_uri())
    bench.require(["pack-extra"], repository, ONE_ENVIRONMENT)
    yield (
        "lock of one package, cold",
        bench.least("lock", "-q", before=lambda: bench.aside(bench.cache, bench.lock)),
    )
    for title, more in (("1 environment", ONE_ENVIRONMENT), ("5 environments", "")):
        bench.require(roots, repository, more)
        bench.aside(bench.lock)
        yield from _lock_works(bench, f", {title}")
    yield from _questions(bench)
    # Last: with a page that was read a thousand times, the caches of the system are warm.
    yield "repository check", bench.least("repository", "check", "-q", "-b", repository.as_uri(), once=True)
    yield "repository repair", bench.least("repository", "repair", "-q", "-b", repository.as_uri(), once=True)


def _lock_works(bench: Bench, of: str) -> Measured:
    cold = lambda: bench.aside(bench.cache, bench.lock)  # noqa: E731 - as short as what it says
    yield f"lock, cold{of}", bench.least("lock", "-q", before=cold)
    yield f"lock, nothing changed{of}", bench.least("lock", "-q")
    yield (
        f"lock, warm cache, no lock there{of}",
        bench.least("lock", "-q", before=lambda: bench.aside(bench.lock)),
    )
    files = [bench.lock, bench.project / "pipper.toml"]
    kept = [path.read_bytes() for path in files]

    def restore() -> None:
        for path, body in zip(files, kept, strict=True):
            path.write_bytes(body)

    yield f"add one package{of}", bench.least("add", "-q", "--no-sync", "pack-extra", before=restore)
    restore()


def _questions(bench: Bench) -> Measured:
    last = max(path.name for path in (bench.place / "repository").iterdir() if path.name.startswith("pack-0"))
    for words in (
        *(("tree",), ("why", last), ("outdated",), ("lock", "--check"), ("sync", "--dry-run")),
        *(("export", "-f", "pylock"), ("export", "-f", "requirements"), ("export", "-f", "cyclonedx")),
    ):
        yield " ".join(words).removesuffix(f" {last}"), bench.least(*words, "-q")


def files(bench: Bench, size: int) -> Measured:
    """One package of so many files."""
    bench.require(make("package", bench.place, size), bench.place / "repository")
    bench.run("lock", "-q")
    yield from _sync_works(bench)


def member(bench: Bench, size: int) -> Measured:
    """A member of so many files, editable and not."""
    make("package", bench.place, 1)
    more = '[workspace]\nmembers = ["members/*"]\n'
    bench.require(make("member", bench.project, size), bench.place / "repository", more)
    bench.run("lock", "-q")
    yield "lock, nothing changed", bench.least("lock", "-q")
    yield from _sync_works(bench)
    bench.run("sync", "-q", "--no-editable")
    yield "sync --no-editable, nothing to do", bench.least("sync", "-q", "--no-editable")


def _sync_works(bench: Bench) -> Measured:
    anew = lambda: bench.aside(bench.venv)  # noqa: E731 - as short as what it says
    yield (
        "sync, cold cache, new environment",
        bench.least("sync", "-q", before=lambda: bench.aside(bench.cache, bench.venv)),
    )
    yield "sync, warm cache, new environment", bench.least("sync", "-q", before=anew)
    bench.run("sync", "-q")
    yield "sync, nothing to do", bench.least("sync", "-q")
    yield "sync --check", bench.least("sync", "-q", "--check")
    yield "sync --verify", bench.least("sync", "-q", "--verify")


def publishing(bench: Bench, size: int) -> Measured:
    """So many wheels in one command: into a new repository, again, and into one with a site."""
    wheels = make("wheels", bench.place / "wheels", size)
    plain, shown = ((bench.place / name).as_uri() for name in ("plain", "shown"))
    yield "publish, new", bench.least("publish", "-q", "-b", plain, *wheels, once=True)
    yield "publish, again", bench.least("publish", "-q", "-b", plain, *wheels)
    bench.run("publish", "-q", "-b", shown, wheels[0])
    bench.run(*SITE, "-b", shown)
    yield "publish, new, with a site", bench.least("publish", "-q", "-b", shown, *wheels, once=True)
    yield "publish, again, with a site", bench.least("publish", "-q", "-b", shown, *wheels)
    yield "repository site, nothing changed", bench.least(*SITE, "-b", shown)


def growth(bench: Bench, size: int) -> Measured:
    """A project of so many packages: what a user sees of it."""
    bench.require(make("repository", bench.place, size, VERSIONS, TRAPS), bench.place / "repository")
    yield from _lock_works(bench, "")
    yield from _sync_works(bench)
    yield "list", bench.least("list", "-q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Works on one kind of thing, at several sizes."""

    title: str
    works: Callable[[Bench, int], Measured]
    sizes: tuple[int, ...]


FIELDS = {
    "locks": Field(
        title="packages, each in 5 versions, in a repository and in a lock",
        works=locks,
        sizes=(750, 1500, 3000),
    ),
    "files": Field(title="files in one package", works=files, sizes=(1250, 2500, 5000)),
    "member": Field(title="files in one member", works=member, sizes=(1250, 2500, 5000)),
    "publish": Field(title="wheels in one command", works=publishing, sizes=(125, 250, 500)),
    "growth": Field(title="packages in a project", works=growth, sizes=(97, 193, 387, 774)),
}


def exponent(before: Row, after: Row) -> float:
    """By how much the processor time grew, as a power of the size."""
    return math.log(after.taken.processor / before.taken.processor) / math.log(after.size / before.size)


def as_table(title: str, rows: Iterable[Row]) -> str:
    """A table in Markdown: a line a work, a column a size."""
    by_work: dict[str, list[Row]] = {}
    for row in rows:
        by_work.setdefault(row.work, []).append(row)
    sizes = sorted({row.size for each in by_work.values() for row in each})
    head = ["", *(f"{size:,}" for size in sizes), "memory", "growth"]
    lines = [head, ["---", *("---:" for _ in head[1:])]]
    for work, found in by_work.items():
        grown = (f"{exponent(*pair):.2f}" for pair in itertools.pairwise(found))
        most = max(row.taken.memory for row in found)
        lines.append([work, *map(_cell, found), f"{most / 1e6:.0f} MB", ", ".join(grown)])
    told = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"**{title}**\n\n{told}"


def _cell(row: Row) -> str:
    return f"{seconds(row.taken.wall)} / {seconds(row.taken.processor)}"


def measure(name: str, sizes: Sequence[int], rounds: int, folder: Path) -> list[Row]:
    """Do all works of a field at each size; told on stderr meanwhile."""
    rows = []
    for size in sizes:
        for work, taken in FIELDS[name].works(Bench(folder / f"{name}-{size}", rounds), size):
            rows.append(Row(work=work, size=size, taken=taken))
            told = f"{taken.wall:.2f}/{taken.processor:.2f} s, {taken.memory / 1e6:.0f} MB"
            print(f"{name}, {size}, {work}: {told}", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure the fields that are asked for, and tell."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--field", nargs="+", default=FIELDS, choices=FIELDS, help=f"({' '.join(FIELDS)})")
    parser.add_argument(
        "--sizes", nargs="+", type=int, metavar="N", help="in place of those of the fields, growing"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="the least of so many counts (3)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    options = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory(prefix="pipper-scale-") as folder:
        for name in options.field:
            sizes = options.sizes or FIELDS[name].sizes
            rows = measure(name, sizes, options.rounds, Path(folder))
            tables.append(as_table(FIELDS[name].title, rows))
    text = "\n".join([*tables, f"wall time / processor time, the least of {options.rounds} rounds\n"])
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
