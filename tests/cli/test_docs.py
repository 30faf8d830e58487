"""README and docs can be typed: every command of a page, in order, in an empty folder.

What a page may count on beside that folder: a bucket `acme-packages` on the S3 double and the same packages
below `/srv/packages`, a bucket `old-packages` that pipper 0.11 filled, credentials for both, the wheels in
`$WHEELS`, and an index with nothing but a build backend; pip has no network. The README gets no bucket and no
credentials.
"""

import contextlib
import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import termios
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import CHECKOUT, clean_environment, run_pipper
from tests.legacy import upload_legacy
from tests.pages import HIDDEN, PAGES, README, Step, blocks, is_as_shown, steps
from tests.s3_double import S3Double
from tests.wheelhouse import make_wheel

SERVER = "/srv/packages"
"""The directory repository of the pages."""
BUCKET, OLD_BUCKET = "acme-packages", "old-packages"
ASKING = CHECKOUT / "tests" / "preloaded.py"
BACKEND = CHECKOUT / "tests" / "tiny_backend.py"
PROFILE = "[profile work]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = us-east-1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is beside a reader's folder."""

    wheels: Path
    packages: Path
    """What is in the place of `/srv/packages`."""
    index: Path
    """An index with a build backend."""
    server: S3Double
    socket: Path
    """Where commands are sent: see `tests.preloaded`."""


def acme_wheels(folder: Path) -> list[Path]:
    """The packages of which the pages speak."""
    base = [make_wheel(folder, "acme-base", version) for version in ("1.1", "1.2")]
    models = [
        make_wheel(folder, "acme-models", version, requires=["acme-base>=1"], requires_python=">=3.11")
        for version in ("1.4.0", "1.4.1", "1.4.2", "2.0.0rc1")
    ]
    return [
        *base,
        *models,
        make_wheel(folder, "acme-text", "2.2", extras={"fast": ["acme-base"]}),
        make_wheel(
            folder,
            "acme-report",
            "1.0",
            requires=["acme-models", "acme-text"],
            files={"acme_report.py": "def main():\n    print('a report')\n"},
            entry_points={"acme-report": "acme_report:main"},
        ),
        make_wheel(folder, "acme-testing", "8.3", requires=["acme-base"]),
        make_wheel(folder, "acme-plots", "3.1.0"),
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything is published once and copied for each page."""
    root = tmp_path_factory.mktemp("world")
    wheels = acme_wheels(root / "wheels")
    page = root / "index" / "setuptools"
    wheel = make_wheel(
        page, "setuptools", "99", files={"setuptools/build_meta.py": BACKEND.read_text("utf-8")}
    )
    (page / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel.name}">{wheel.name}</a>')
    with S3Double() as server:
        server.endpoint.client.create_bucket(Bucket=BUCKET)
        for url in (f"s3://{BUCKET}", (root / "packages").as_uri()):
            run_pipper("publish", *wheels, "-b", url, cwd=root, env=server.endpoint.environment)
        server.endpoint.client.create_bucket(Bucket=OLD_BUCKET)
        upload_legacy(server.endpoint, OLD_BUCKET)
        with preloaded() as socket:
            yield World(
                wheels=root / "wheels",
                packages=root / "packages",
                index=root / "index",
                server=server,
                socket=socket,
            )


@contextlib.contextmanager
def preloaded() -> Iterator[Path]:
    """The socket of a process that has pipper imported."""
    with tempfile.TemporaryDirectory(prefix="pipper-") as folder:  # a socket's path must be short
        socket = Path(folder, "socket")
        command = [sys.executable, "-m", "tests.preloaded", "serve", str(socket)]
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield socket
            process.stdin.close()


@pytest.mark.skipif(os.name == "nt", reason="the pages are written for a POSIX shell")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, world: World, tmp_path: Path) -> None:
    todo = [step for step in _steps(page) if step.command]
    with S3Double() as server:
        server.adopt(world.server)
        packages = shutil.copytree(world.packages, tmp_path / "packages")
        reader = Reader(tmp_path, packages, _environment(tmp_path, world, None if page == README else server))
        for step, code, printed in reader.run(todo):
            told = f"{step.place}: $ {step.command}\n{printed}"
            assert code == step.code, f"exit {code} and not {step.code}: {told}"
            shown = "\n".join(step.shown)
            assert not shown or is_as_shown(step.shown, printed), f"{told}\nnot as shown:\n{shown}"


def _steps(page: Path) -> Iterator[Step]:
    for block in blocks(page):
        if block.language in ("console", "sh", HIDDEN) and block.not_run is None:
            yield from steps(block)


def _environment(place: Path, world: World, server: S3Double | None) -> Mapping[str, str]:
    home = place / "home"
    (home / ".aws").mkdir(parents=True)
    env = {**clean_environment(place), "HOME": str(home), "PIPPER_CACHE_DIR": str(place / "cache")}
    env |= {
        "TERM": "dumb",
        "PRELOADED": str(world.socket),
        "PIPPER_INDEX_URL": world.index.as_uri(),
        "WHEELS": str(world.wheels),
    }
    if server:
        endpoint = server.endpoint
        profile = PROFILE.format(endpoint.access_key_id, endpoint.secret_access_key)
        (home / ".aws" / "config").write_text(profile, encoding="utf-8")
        env |= endpoint.environment
    return env


class Reader:
    """Types commands into one shell on a terminal of its own."""

    def __init__(self, place: Path, packages: Path, environment: Mapping[str, str]) -> None:
        self.folder = place / "reader"
        self.folder.mkdir()
        self._packages = str(packages)
        self._environment = environment

    def run(self, todo: list[Step]) -> Iterator[tuple[Step, int, str]]:
        """Run all commands; give exit code and output of each."""
        output = self._typed("".join(self._lines(todo)))
        found = {
            int(number): (printed, int(code))
            for number, printed, code in re.findall(r"\x1e(\d+)\n(.*?)\x1d\1 (\d+)\n", output, re.DOTALL)
        }
        for number, step in enumerate(todo):
            assert number in found, f"{step.place}: not run: {step.command}\n{output[-3000:]}"
            printed, code = found[number]
            yield step, code, printed.replace(self._packages, SERVER)

    def _lines(self, todo: list[Step]) -> Iterator[str]:
        python = shlex.quote(sys.executable)
        yield f'pipper() {{ {python} -I -S {shlex.quote(str(ASKING))} ask "$PRELOADED" "$@"; }}\n'
        yield f'python3() {{ {python} "$@"; }}\n'
        yield f'pip() {{ {python} -m pip --python "${{VIRTUAL_ENV:?}}" "$@"; }}\n'
        yield f'uv() {{ {shlex.quote(sysconfig.get_path("scripts"))}/uv "$@"; }}\n'
        for number, step in enumerate(todo):
            command = step.command.replace(SERVER, self._packages)
            yield f"printf '\\036%d\\n' {number}\n{command}\nprintf '\\035%d %d\\n' {number} $?\n"

    def _typed(self, script: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        chunks: list[bytes] = []
        reading = threading.Thread(target=_read, args=(ours, chunks))
        reading.start()
        try:
            subprocess.run(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                timeout=600,
                check=False,
            )
        finally:
            os.close(theirs)
            reading.join()
            os.close(ours)
        return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def _read(terminal: int, chunks: list[bytes]) -> None:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux: nobody writes any more
            return
        if not chunk:
            return
        chunks.append(chunk)
