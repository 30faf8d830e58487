"""`python -m tests.benchmarks`: time whole commands of pipper and of other tools on the same wheels."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from pipper.wheels.bundle import write_bundle
from tests.benchmarks.chart import as_svg
from tests.benchmarks.facts import SLOW, day_and_machine, facts, versions
from tests.benchmarks.kept import Measured, append, load, told
from tests.benchmarks.process import Taken
from tests.benchmarks.report import (
    Figure,
    as_details,
    as_markdown,
    as_text,
    check_marks,
    write_between_marks,
)
from tests.benchmarks.servers import BUCKET, delayed, serving
from tests.benchmarks.tool import CHECKOUT, WORKS, Scene, Tool, clear
from tests.benchmarks.tools import TOOLS, OldPipper
from tests.benchmarks.wheelsets import WheelSet, contents, notebook, real, small
from tests.e2e.ceph import running_ceph

SETS = ("small", "large", "members", "real", "notebook")
FETCHED = {"real": real, "notebook": notebook}
DEFAULT_TOOLS = [name for name in TOOLS if name != "pipper-index"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The servers without any latency."""

    index: int
    s3: int
    """Both are ports; below the index there are the bundles for pipper 0.11.1 too."""
    bucket: str
    credentials: Mapping[str, str]


def main() -> None:
    """Publish each set of wheels, check that all tools agree, time them, tell."""
    # so that a run that is ended leaves neither servers nor gigabytes behind
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    options = parsed()
    if options.page:
        check_marks(options.page)
    measured = load(options.figures)
    todo = [name for name in options.set if name not in {each.wheels for each in measured}]
    for name in FETCHED.keys() & todo:
        FETCHED[name](options.keep)  # before hours of measuring: it may fail
    with tempfile.TemporaryDirectory(prefix="pipper-bench-") as folder:
        for name in todo:
            place = Path(folder, name)
            place.mkdir()
            wheels = wheel_set(name, place, options)
            figures, used = measure_set(wheels, place, options)
            measured.append(
                Measured(
                    wheels=wheels.name,
                    title=wheels.title,
                    machine=day_and_machine(place),
                    tools=tuple(versions(used.values())),
                    facts=tuple(facts(wheels, used.values(), options.rounds, options.s3)),
                    figures=tuple(figures),
                )
            )
            append(options.figures, measured[-1])
    measured.sort(key=lambda each: SETS.index(each.wheels))
    tell(measured, options)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="how often each is timed, in turns (3)"
    )
    parser.add_argument("--set", nargs="+", default=SETS, choices=SETS, help=f"({' '.join(SETS)})")
    parser.add_argument(
        "--packages",
        type=int,
        default=113,
        metavar="N",
        help="in the small set and in that with members, of 10 versions each (113)",
    )
    parser.add_argument(
        "--rtt", nargs="+", default=["0", "20", "80"], metavar="MS", help="or `disk` (0 20 80)"
    )
    parser.add_argument(
        "--tools", nargs="+", default=DEFAULT_TOOLS, choices=TOOLS, help=f"({' '.join(DEFAULT_TOOLS)})"
    )
    parser.add_argument(
        "--s3", default="memory", choices=("memory", "ceph"), help="server for pipper (memory)"
    )
    parser.add_argument(
        "--keep", type=Path, default=CHECKOUT / ".benchmarks", metavar="FOLDER",
        help="where real wheels and other tools are kept between runs (.benchmarks)",
    )  # fmt: skip
    parser.add_argument(
        "--settle", type=float, default=70.0, metavar="S",
        help="seconds to wait when what a scene left was deleted: ext4 is slow for about a minute then (70)",
    )  # fmt: skip
    parser.add_argument(
        "--figures", type=Path, metavar="FILE",
        help="keep what is measured there, set by set; a set that it has is not measured again",
    )  # fmt: skip
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture there too")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="put tables and picture between the marks in there"
    )
    options = parser.parse_args()
    if options.packages < 6 or options.rounds < 1:
        parser.error("at least 6 packages, since there are six levels, and one round")
    return options


def wheel_set(name: str, place: Path, options: argparse.Namespace) -> WheelSet:
    """Make or fetch a set of wheels."""
    if name == "small":
        return small(name, options.packages, 10, place)
    if name == "large":
        return small(name, 387, 30, place)
    if name == "members":
        return small(name, options.packages, 10, place, members=10)
    return FETCHED[name](options.keep)


def measure_set(
    wheels: WheelSet, place: Path, options: argparse.Namespace
) -> tuple[list[Figure], dict[str, Tool]]:
    """Publish the wheels, and time every tool at every round trip: figures, and the tools by their names."""
    publish(wheels, (place / "repository").as_uri(), {})
    write_bundles(wheels, place / "old", any(TOOLS[name] is OldPipper for name in options.tools))
    wanted = contents(wheels)
    figures: list[Figure] = []
    used: dict[str, Tool] = {}
    with servers(wheels, place, options.s3) as behind:
        for rtt in options.rtt:
            with scene_at(rtt, behind, wheels, place, options.keep) as scene:
                where = place / scene.name.replace(" ", "-")
                kinds = [TOOLS[name] for name in options.tools]
                fitting = [
                    kind
                    for kind in kinds
                    if (kind.has_members or not wheels.members) and len(wheels.answer) <= kind.most_packages
                ]
                tools = [kind(scene, where / kind.name) for kind in fitting if scene.index or kind.on_disk]
                used |= {tool.name: tool for tool in tools}
                figures += measure(tools, wanted, options.rounds)
                clear(where)
                os.sync()
                time.sleep(options.settle)
    return sorted(figures, key=lambda figure: WORKS.index(figure.work)), used


def publish(wheels: WheelSet, url: str, env: Mapping[str, str]) -> None:
    """Publish all wheels."""
    command = [sys.executable, "-m", "pipper", "publish", "-q", "-b", url]
    paths = map(str, sorted(wheels.folder.glob("*.whl")))
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), **env}
    done = subprocess.run([*command, *paths], env=env, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"publishing into {url} gave {done.returncode}")


def write_bundles(wheels: WheelSet, folder: Path, wanted: bool) -> None:
    """Lay the wheels of the answer down as pipper 0.11.1 publishes them, where they are wanted."""
    folder.mkdir()
    for name, path in wheels.wheels().items() if wanted else ():
        bundle = write_bundle(path, filename=path.name, output=folder)
        version = bundle.stem.rpartition("-v")[2]
        (folder / canonicalize_name(name)).mkdir()
        bundle.rename(folder / canonicalize_name(name) / f"v{version}.pipper")


@contextmanager
def servers(wheels: WheelSet, place: Path, s3: str) -> Iterator[Behind]:
    """The index, and the S3 server that was asked for with everything published."""
    folders = {"pipper": place / "repository", "old": place / "old"}
    with serving(wheels.folder, folders) as port, ExitStack() as stack:
        if s3 == "memory":
            keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
            yield Behind(index=port, s3=port, bucket=BUCKET, credentials=keys)
            return
        endpoint = stack.enter_context(running_ceph())
        bucket = endpoint.fresh_bucket()
        publish(wheels, f"s3://{bucket}", endpoint.environment)
        behind = urlsplit(endpoint.url).port or 0
        yield Behind(index=port, s3=behind, bucket=bucket, credentials=endpoint.environment)


@contextmanager
def scene_at(rtt: str, behind: Behind, wheels: WheelSet, place: Path, keep: Path) -> Iterator[Scene]:
    """The servers behind a round trip of so many milliseconds; `disk` is without them."""
    with ExitStack() as stack:
        index, s3 = behind.index, behind.s3
        if rtt not in ("disk", "0"):
            index, s3 = (stack.enter_context(delayed(port, float(rtt) / 1000)) for port in (index, s3))
        yield Scene(
            name="disk" if rtt == "disk" else f"{rtt} ms",
            wheels=wheels,
            index="" if rtt == "disk" else f"http://127.0.0.1:{index}/simple/",
            s3="" if rtt == "disk" else f"http://127.0.0.1:{s3}",
            old_s3="" if rtt == "disk" else f"http://127.0.0.1:{index}",
            bucket=behind.bucket,
            repository=place / "repository",
            credentials=behind.credentials,
            keep=keep,
        )


def measure(tools: list[Tool], wanted: Mapping[str, Mapping[str, str]], rounds: int) -> list[Figure]:
    """A first round, and where it was quick it does not count; then the tools in turns.

    In turns, so that what disturbs the machine disturbs them alike.
    """
    taken: dict[tuple[str, str], list[Taken]] = {}
    quick: list[Tool] = []
    for tool in tools:
        first = timed(tool, 0)
        agree(tool, wanted)
        if tool.every_round or sum(each.wall for each in first.values()) < SLOW:
            quick.append(tool)
        else:
            taken |= {(work, tool.name): [each] for work, each in first.items()}
    for number in range(rounds):
        for tool in quick:
            for work, each in timed(tool, number + 1).items():
                taken.setdefault((work, tool.name), []).append(each)
    return [
        Figure(
            wheels=tool.scene.wheels.name,
            scene=tool.scene.name,
            work=work,
            tool=tool.name,
            taken=tuple(taken[work, tool.name]),
        )
        for work in WORKS
        for tool in tools
        if (work, tool.name) in taken
    ]


def timed(tool: Tool, number: int) -> dict[str, Taken]:
    """One round, told on stderr: a whole run takes many minutes."""
    taken = tool.round()
    told = " ".join(f"{each.wall:.2f}/{each.processor:.2f}" for each in taken.values())
    what = f"{tool.scene.wheels.name}, {tool.scene.name}, {tool.name}, round {number}"
    print(f"{what}: {told}", file=sys.stderr, flush=True)
    return taken


def agree(tool: Tool, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Stop unless the tool locked the right versions and installed the very files of the wheels."""
    wheels, locked = tool.scene.wheels, tool.locked()
    where = f"{tool.name} ({wheels.name}, {tool.scene.name})"
    if locked is not None:
        normal = {str(canonicalize_name(name)): version for name, version in locked.items()}
        extra = {name: version for name, version in normal.items() if wheels.elsewhere.get(name) == version}
        if normal != {**wheels.answer, **extra}:
            raise SystemExit(f"{where} locked other versions than the right ones")
    right = {path: digest for name in tool.covers() for path, digest in wanted[name].items()}
    found = tool.installed(frozenset(path.split("/")[0] for path in right))
    wrong = sorted(dict(found.items() ^ right.items()))
    if not right or wrong:
        raise SystemExit(f"{where} installed other files than the wheels hold: {', '.join(wrong[:5])}")


def tell(measured: list[Measured], options: argparse.Namespace) -> None:
    """Print every figure and what it was taken under, and write the files that were asked for."""
    figures = [figure for each in measured for figure in each.figures]
    titles, under = {each.wheels: each.title for each in measured}, told(measured)
    print(as_text(figures), "", *under, sep="\n")
    markdown = as_markdown(figures, under, titles)
    if options.markdown:
        options.markdown.write_text(markdown + as_details(figures), encoding="utf-8")
    if options.svg:
        options.svg.write_text(as_svg(figures, titles), encoding="utf-8")
    if options.page:
        picture = ""
        if options.svg:
            link = os.path.relpath(options.svg.resolve(), options.page.resolve().parent)
            picture = f"![Chart of the tables below]({Path(link).as_posix()})\n\n"
        write_between_marks(options.page, picture + markdown)


if __name__ == "__main__":
    main()
