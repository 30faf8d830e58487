"""`python -m tests.benchmarks`: time whole commands of pipper, uv and pip on the same wheels."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.report import Figure, as_markdown, as_svg, as_text
from tests.benchmarks.servers import BUCKET, delayed, serving
from tests.benchmarks.tools import CHECKOUT, TOOLS, WORKS, Scene, Tool
from tests.e2e.ceph import running_ceph
from tests.graph import Graph, make_graph, make_wheels


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The servers without any latency."""

    index: int
    s3: int
    """Both are ports."""
    bucket: str
    credentials: Mapping[str, str]


def main() -> None:
    """Make the graph, publish it, check that all tools agree, time them, tell."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="pipper-bench-") as folder, ExitStack() as stack:
        place = Path(folder)
        graph = make_graph(packages=options.packages)
        make_wheels(graph, place / "wheels", modules=10)
        publish(place, (place / "repository").as_uri(), {})
        behind = stack.enter_context(servers(place, options.s3))
        figures: list[Figure] = []
        for rtt in options.rtt:
            with scene_at(rtt, behind, graph, place) as scene:
                where = place / scene.name.replace(" ", "-")
                tools = [TOOLS[name](scene, where / name) for name in options.tools]
                figures += measure(tools, graph, options.rounds)
        tell(figures, options)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="how often each is timed, in turns (5)"
    )
    parser.add_argument("--packages", type=int, default=113, metavar="N", help="of 10 versions each (113)")
    parser.add_argument(
        "--rtt", nargs="+", default=["0", "20", "80"], metavar="MS", help="or `disk` (0 20 80)"
    )
    parser.add_argument("--tools", nargs="+", default=["pipper", "uv"], choices=TOOLS, help="(pipper uv)")
    parser.add_argument(
        "--s3", default="memory", choices=("memory", "ceph"), help="server for pipper (memory)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture there too")
    return parser.parse_args()


def publish(place: Path, url: str, env: Mapping[str, str]) -> None:
    """Publish all wheels."""
    command = [sys.executable, "-m", "pipper", "publish", "-q", "-b", url]
    wheels = map(str, sorted((place / "wheels").glob("*.whl")))
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), **env}
    done = subprocess.run([*command, *wheels], env=env, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"publishing into {url} gave {done.returncode}")


@contextmanager
def servers(place: Path, s3: str) -> Iterator[Behind]:
    """The index, and the S3 server that was asked for with everything published."""
    with serving(place / "wheels", place / "repository") as port, ExitStack() as stack:
        if s3 == "memory":
            keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
            yield Behind(index=port, s3=port, bucket=BUCKET, credentials=keys)
            return
        endpoint = stack.enter_context(running_ceph())
        bucket = endpoint.fresh_bucket()
        publish(place, f"s3://{bucket}", endpoint.environment)
        behind = urlsplit(endpoint.url).port or 0
        yield Behind(index=port, s3=behind, bucket=bucket, credentials=endpoint.environment)


@contextmanager
def scene_at(rtt: str, behind: Behind, graph: Graph, place: Path) -> Iterator[Scene]:
    """The servers behind a round trip of so many milliseconds; `disk` is without them."""
    with ExitStack() as stack:
        index, s3 = behind.index, behind.s3
        if rtt not in ("disk", "0"):
            index, s3 = (stack.enter_context(delayed(port, float(rtt) / 1000)) for port in (index, s3))
        yield Scene(
            name="disk" if rtt == "disk" else f"{rtt} ms",
            requirements=graph.requirements,
            index="" if rtt == "disk" else f"http://127.0.0.1:{index}/simple/",
            s3="" if rtt == "disk" else f"http://127.0.0.1:{s3}",
            bucket=behind.bucket,
            wheels=place / "wheels",
            repository=place / "repository",
            credentials=behind.credentials,
        )


def measure(tools: list[Tool], graph: Graph, rounds: int) -> list[Figure]:
    """One round nobody counts, then the tools in turns: what disturbs the machine disturbs them alike."""
    taken: dict[tuple[str, str], list[float]] = {}
    for tool in tools:
        tool.round()
    agree(tools, graph)
    for _ in range(rounds):
        for tool in tools:
            for work, seconds in tool.round().items():
                taken.setdefault((work, tool.name), []).append(seconds)
    return [
        Figure(scene=tool.scene.name, work=work, tool=tool.name, seconds=tuple(taken[work, tool.name]))
        for work in WORKS
        for tool in tools
    ]


def agree(tools: list[Tool], graph: Graph) -> None:
    """Stop unless every tool locked the right versions and installed the same files."""
    files = tools[0].installed()
    for tool in tools:
        if tool.locked() != dict(graph.answer):
            raise SystemExit(f"{tool.name} ({tool.scene.name}) locked other versions than the right ones")
        if len(files) < len(graph.answer) or tool.installed() != files:
            raise SystemExit(f"{tool.name} ({tool.scene.name}) installed other files than {tools[0].name}")


def tell(figures: list[Figure], options: argparse.Namespace) -> None:
    """Print the table and what it was taken under, and write the files that were asked for."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    facts = [
        f"{options.packages} packages of 10 versions each, six levels deep",
        "before anything was timed, each tool had locked the versions that are known to be right",
        f"median of {options.rounds} rounds, in turns; {machine}, Python {platform.python_version()}",
        f"whole processes; HTTP on loopback without TLS, S3 server: {options.s3}",
        "index pages carry an ETag and no age: they are asked for again, as pipper asks its repository again",
    ]
    print(as_text(figures), "", *facts, sep="\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(figures, facts), encoding="utf-8")
    if options.svg:
        title = f"{options.packages} packages: median, fastest and slowest of {options.rounds} rounds"
        options.svg.write_text(as_svg(figures, title), encoding="utf-8")


if __name__ == "__main__":
    main()
