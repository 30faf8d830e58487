"""What a new user does: each journey types a few commands into a terminal, against servers on loopback."""

import json
import random
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.conftest import canary_server
from tests.commands import CHECKOUT
from tests.invariants import Workspace
from tests.s3_double import Rule, S3Double, Silence, SlowBody
from tests.terminal.screen import Shown, watch

BUCKET = "acme-packages"
FOREVER = float("inf")
LONG = "acme-warehouse-connectors-for-postgresql"
NEWER = {"acme-text": "2.3", "acme-testing": "1.1", LONG: "12.5.0"}
_GROUP = "[dependency-groups]\ndev = ['acme-testing']\n"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A project, a bucket with packages, and a terminal."""

    workspace: Workspace
    server: S3Double
    columns: int
    checkout: Path = CHECKOUT
    """Where the pipper is that is typed; what is there before a journey is made by this one."""
    typed: list[tuple[str, Shown]] = field(default_factory=list)

    def type(
        self,
        line: str,
        *,
        env: Mapping[str, str] | None = None,
        interrupt: Callable[[tuple[str, ...]], bool] = lambda _: False,
    ) -> Shown:
        """Type `pipper LINE`; press Ctrl-C as soon as `interrupt` is true for what the terminal shows."""
        shown = watch(
            [sys.executable, "-m", "pipper", *shlex.split(line)],
            cwd=self.workspace.app,
            env={**self._environment, **(env or {})},
            columns=self.columns,
            interrupt=interrupt,
        )
        self.typed.append((line, shown))
        return shown

    def slow(self, *, pieces: int = 20, pause: float = 0.05) -> None:
        """Send wheels slowly from now on."""
        body = SlowBody(pieces=pieces, pause=pause)
        self.server.script(Rule(operation="GetObject", key="*.whl", fault=body, times=FOREVER))

    def prepare(self, *line: str | Path, code: int = 0) -> None:
        """Run `pipper LINE` before the journey, or between its commands, without showing it."""
        run = self.workspace.run if self.checkout == CHECKOUT else self.workspace.process
        run(*line, env=self._environment, code=code)

    @property
    def _environment(self) -> dict[str, str]:
        index = self.workspace.root / "index"
        own = {"PYTHONPATH": str(self.checkout), "PIPPER_INDEX_URL": index.as_uri()}
        return {**self.workspace.environment, **own}


@contextmanager
def desk(root: Path, columns: int, checkout: Path = CHECKOUT) -> Iterator[Desk]:
    """A desk with published packages and an empty folder for a project."""
    with canary_server() as server:
        workspace = Workspace(root=root, server=server, bucket=BUCKET)
        made = Desk(workspace=workspace, server=server, columns=columns, checkout=checkout)
        (root / "index").mkdir()
        server.endpoint.client.create_bucket(Bucket=BUCKET)
        made.prepare("publish", *_wheels(workspace), "-b", workspace.url)
        yield made


def _wheels(workspace: Workspace) -> Iterator[Path]:
    wheel = workspace.wheel
    yield from (wheel("acme-base", version) for version in ("1.0", "1.1", "1.2"))
    for version in ("1.4.0", "1.4.1", "1.4.2", "2.0.0"):
        yield wheel("acme-models", version, requires=["acme-base>=1"], files=_heavy("acme_models", version))
    yield wheel("acme-text", "2.2", extras={"fast": ["acme-base"]}, files=_heavy("acme_text", "2.2"))
    yield wheel(
        "acme-report",
        "1.0",
        requires=["acme-models<2", "acme-text"],
        entry_points={"acme-report": "acme_report:main"},
        files={"acme_report.py": "def main():\n    print('a report')\n"},
    )
    yield wheel("acme-charts", "0.9", files=_heavy("acme_charts", "0.9"))
    yield wheel("acme-dashboard", "3.1", requires=["acme-models>=2", "acme-charts"])
    yield wheel("acme-testing", "1.0")
    yield wheel(LONG, "12.4.1", requires=["acme-base<1.2", "acme-text"], files=_heavy("connectors", "1"))


def _heavy(name: str, seed: str) -> dict[str, str | bytes]:
    """A package of some size, which no compression makes smaller."""
    return {
        f"{name}/__init__.py": f'__version__ = "{seed}"\n',
        f"{name}/data.bin": random.Random(name + seed).randbytes(300_000),
    }


def help_(desk: Desk) -> None:
    """What there is, and how it is used."""
    desk.type("--help")
    desk.type("publish --help")
    desk.type("shwo acme-text")


def cold_add(desk: Desk) -> None:
    """From nothing to a program that runs."""
    desk.type("init -R acme=s3://acme-packages")
    desk.type("add acme-report 'acme-models>=1.4'")
    desk.type("add --dev acme-testing")
    desk.type("add acme-reprot")
    desk.type("run acme-report")
    desk.type("remove acme-testing")


def lock_with_conflicts(desk: Desk) -> None:
    """Requirements that contradict each other, and a lock that git could not merge."""
    desk.workspace.write_manifest("acme-report", "acme-dashboard")
    desk.type("lock")
    desk.workspace.write_manifest("acme-report", f"{LONG}>=12", "acme-base>=1.2", "acme-text<3", more=_GROUP)
    desk.type("lock")
    desk.workspace.write_manifest("acme-report", more=_GROUP)
    desk.prepare("lock")
    lock = desk.workspace.lock
    ours = lock.read_text()
    desk.workspace.write_manifest("acme-report", LONG)
    desk.prepare("lock")
    lock.write_text(f"<<<<<<< HEAD\n{ours}=======\n{lock.read_text()}>>>>>>> topic\n")
    desk.type("sync")
    desk.type("lock")


def slow_sync(desk: Desk) -> None:
    """Bars."""
    _locked(desk)
    desk.slow()
    desk.type("sync")
    desk.type("sync")


def ctrl_c(desk: Desk) -> None:
    """An interrupt while files arrive, and one while the lock waits for an answer."""
    _locked(desk)
    desk.slow(pieces=200)
    desk.type("sync", interrupt=lambda rows: desk.server.count("GetObject", "*.whl") > 2 and len(rows) > 1)
    desk.type("sync --check")
    desk.server.forget()
    desk.server.script(Rule(operation="GetObject", key="*/index.json", fault=Silence(), times=FOREVER))
    desk.type("lock -U", interrupt=lambda _: desk.server.count("GetObject", "*/index.json") > 0)


def info(desk: Desk) -> None:
    """A package with 150 versions."""
    versions = [f"{major}.{minor}.0" for major in range(3) for minor in range(50)]
    wheels = [desk.workspace.wheel("acme-old", version) for version in versions]
    desk.prepare("publish", *wheels, "-b", desk.workspace.url)
    desk.workspace.write_manifest("acme-old<2", "acme-report")
    desk.prepare("lock")
    desk.prepare("yank", "acme-old:2.49.0", "--reason", "loses rows", "-b", desk.workspace.url)
    desk.type("info acme-old")
    desk.prepare("sync")
    desk.type("info acme-old")
    desk.type("info acme-report")
    desk.type("info acme-none")


def outdated(desk: Desk) -> None:
    """What could be upgraded, and what holds it back."""
    _locked(desk)
    desk.type("outdated")
    newer = [desk.workspace.wheel(name, version) for name, version in NEWER.items()]
    desk.prepare("publish", *newer, "-b", desk.workspace.url)
    desk.type("outdated")
    desk.type("lock -P acme-text")
    desk.type("lock -U --dry-run")


def tree(desk: Desk) -> None:
    """What needs what."""
    _locked(desk)
    desk.type("tree")
    desk.type("tree --invert acme-base")
    desk.type("why acme-base")
    desk.prepare("sync")
    desk.type("list")


def publish(desk: Desk) -> None:
    """Five files, of which one is there already with other contents."""
    dist = desk.workspace.app / "dist"
    dist.mkdir()
    wheels = [desk.workspace.wheel(name, version) for name, version in NEWER.items()]
    wheels += [desk.workspace.wheel("acme-charts", "0.10"), desk.workspace.wheel("acme-text", "2.2")]
    for wheel in wheels:
        wheel.rename(dist / wheel.name)
    desk.type("publish dist -b s3://acme-packages --dry-run")
    desk.type("publish dist -b s3://acme-packages")
    desk.type("publish dist/acme_charts-0.10-py3-none-any.whl -b s3://acme-packages")


def check(desk: Desk) -> None:
    """A repository and an environment in which something was changed by hand."""
    desk.type("repository check -b s3://acme-packages")
    keys = list(desk.server.contents(BUCKET))
    desk.server.lose(BUCKET, next(key for key in keys if key.endswith("acme_text-2.2-py3-none-any.whl")))
    desk.server.lose(BUCKET, next(key for key in keys if key.endswith("1.4.1-py3-none-any.whl.metadata")))
    client, page = desk.server.endpoint.client, "pipper/acme-charts/index.json"
    document = json.loads(desk.server.body(BUCKET, page))
    document["versions"] = []
    client.put_object(Bucket=BUCKET, Key=page, Body=json.dumps(document).encode())
    client.put_object(Bucket=BUCKET, Key="pipper/acme-dashboard/notes from the last release.txt", Body=b"x")
    desk.type("repository check -b s3://acme-packages")
    desk.type("repository repair -b s3://acme-packages --dry-run")
    desk.workspace.write_manifest("acme-report", "acme-text")
    desk.prepare("lock", code=0)
    desk.type("sync")


def drift(desk: Desk) -> None:
    """An environment that somebody changed by hand."""
    _locked(desk)
    desk.prepare("sync")
    site = desk.workspace.site
    (site / "acme_text" / "__init__.py").write_text("x = 1\n")
    (site / "acme_models" / "data.bin").unlink()
    desk.type("sync --check")
    desk.type("sync --check --verify")
    desk.type("sync")


def _locked(desk: Desk) -> None:
    desk.workspace.write_manifest("acme-report", "acme-charts", LONG, more=_GROUP)
    desk.prepare("lock")


JOURNEYS: dict[str, Callable[[Desk], None]] = {
    made.__name__.strip("_").replace("_", "-"): made
    for made in (
        help_,
        cold_add,
        lock_with_conflicts,
        slow_sync,
        ctrl_c,
        info,
        outdated,
        tree,
        publish,
        check,
        drift,
    )
}
"""By the name that the command line takes."""
