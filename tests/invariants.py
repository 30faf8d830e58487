"""What holds whatever goes wrong: a workspace, commands in it, and one harness that compares before and after.

The letters are those of the fault catalogue: V the environment, L the lock, B the repository, O everything
else, C the cache (a file's name is its hash), T one `error:` line and no traceback, S no secret anywhere.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipper.apply.installed_record import parse_record
from pipper.python.environment import MARKS
from pipper.wheels.record import format_record, row_of
from tests.commands import PATIENCE, Completed, clean_environment, run_here, run_main_here, start
from tests.s3_double import S3Double
from tests.wheelhouse import make_wheel

CANARIES = {
    "AWS_ACCESS_KEY_ID": "AKIACANARY0000000000",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-4f1d9a",
    "AWS_SESSION_TOKEN": "canary-token-9c2e7b",
}
"""Credentials of every command in a workspace: none may show up anywhere."""

Tree = dict[str, tuple[int, str]]


def tree(folder: Path, *, without: Iterable[str] = ()) -> Tree:
    """Return mode and content (hash, or target of a link) of everything below `folder`, by path.

    What is below the paths `without` is left out, as they are themselves.
    """
    found: Tree = {}
    pending = [""] if folder.is_dir() else []
    while pending:
        above = pending.pop()
        with os.scandir(folder / above) as entries:
            for entry in entries:
                path = f"{above}{entry.name}"
                if path in without:
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                content = ""
                if stat.S_ISLNK(mode):
                    content = str(Path(entry.path).readlink())
                elif stat.S_ISREG(mode):
                    with Path(entry.path).open("rb") as stream:
                        content = hashlib.file_digest(stream, "sha256").hexdigest()
                elif stat.S_ISDIR(mode):
                    pending.append(f"{path}/")
                found[path] = (mode, content)
    return dict(sorted(found.items()))


def site_of(venv: Path) -> Path:
    """Where a virtual environment has its distributions; `lib64` is a link to `lib`."""
    (found,) = venv.glob("[Ll]ib/**/site-packages")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that a failed command leaves as it was, by letter."""

    V: Tree
    L: bytes | None
    B: Mapping[str, object]
    O: Mapping[str, object]  # noqa: E741 - the catalogue's letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A folder with a project, a repository, and a home, a cache and a temporary folder for commands."""

    root: Path
    server: S3Double | None = None
    """Where the repository is in a bucket."""
    bucket: str = ""

    @property
    def app(self) -> Path:
        return self.root / "app"

    @property
    def manifest(self) -> Path:
        return self.app / "pipper.toml"

    @property
    def lock(self) -> Path:
        return self.app / "pipper.lock"

    @property
    def venv(self) -> Path:
        return self.app / ".venv"

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def site(self) -> Path:
        return site_of(self.venv)

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/pipper" if self.server else "file:../repository"

    @property
    def environment(self) -> dict[str, str]:
        """Variables for commands."""
        home, temp = self.root / "home", self.root / "tmp"
        for folder in (home, temp, self.app):
            folder.mkdir(parents=True, exist_ok=True)
        env = {**clean_environment(self.app), **CANARIES, "HOME": str(home), "USERPROFILE": str(home)}
        env |= {"TMPDIR": str(temp), "PIPPER_CACHE_DIR": str(self.root / "cache")}
        if self.server:
            endpoint = self.server.endpoint
            env |= {"AWS_ENDPOINT_URL_S3": endpoint.url, "AWS_DEFAULT_REGION": endpoint.region}
        return env

    def wheel(self, name: str, version: str = "1.0.0", **parts: Any) -> Path:
        """Make a wheel as `make_wheel` does."""
        return make_wheel(self.root / "wheels", name, version, **parts)

    def publish(self, *wheels: Path) -> None:
        """Publish wheels into the workspace's repository."""
        self.run("publish", *wheels, "-b", self.url)

    def write_manifest(self, *dependencies: str, more: str = "") -> None:
        """Write a manifest that asks for `dependencies` from the repository; `more` stands at its end."""
        listed = "".join(f"    {dependency!r},\n" for dependency in dependencies)
        self.app.mkdir(parents=True, exist_ok=True)
        self.manifest.write_text(
            f"dependencies = [\n{listed}]\nindex = false\n\n[repositories]\nacme = '{self.url}'\n{more}"
        )

    def locked(self) -> dict[str, str]:
        """Return the versions in the lock by name."""
        return {entry["name"]: entry["version"] for entry in tomllib.loads(self.lock.read_text())["packages"]}

    def installed(self, site: Path | None = None) -> dict[str, str]:
        """Return the versions in the environment by name, as the folders of distributions say."""
        names = (path.name.removesuffix(".dist-info") for path in (site or self.site).glob("*.dist-info"))
        return dict(name.split("-", 1) for name in names)

    def run(
        self, *args: str | Path, env: Mapping[str, str] | None = None, code: int = 0, cwd: Path | None = None
    ) -> Completed:
        """Run `pipper ARGS` in this process and require its exit code."""
        done = run_here(*args, cwd=cwd or self.app, env={**self.environment, **(env or {})})
        _require(done, code, args)
        return done

    def bare(
        self, command: str, *options: str, env: Mapping[str, str] | None = None, code: int = 0
    ) -> Completed:
        """The same by the quick way, if there is one."""
        done = run_main_here(command, *options, cwd=self.app, env={**self.environment, **(env or {})})
        _require(done, code, (command, *options))
        return done

    def process(
        self, *args: str | Path, env: Mapping[str, str] | None = None, code: int = 0, cwd: Path | None = None
    ) -> Completed:
        """The same in a process of its own."""
        began = self.begin(*args, env=env, cwd=cwd)
        out, err = began.communicate(timeout=PATIENCE)
        done = Completed(stdout=out, stderr=err, code=began.returncode)
        _require(done, code, args)
        return done

    def begin(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        through: tuple[str, ...] = (),
        **streams: int,
    ) -> "subprocess.Popen[str]":
        """Start `pipper ARGS` in a process of its own; `through` is a command that runs the one behind it."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return start(
            [*through, sys.executable, "-m", "pipper", *map(str, args)],
            cwd=cwd or self.app,
            env={**self.environment, **(env or {})},
            **pipes,
        )

    def refused(
        self, *args: str | Path, code: int, subject: str, but: str = "", env: Mapping[str, str] | None = None
    ) -> Completed:
        """Run a command that must fail with `code`, name its `subject`, and break no invariant.

        `but` has the letters of what may change.
        """
        before = self.state()
        done = self.run(*args, env=env, code=code)
        self.compare(before, but=but)
        self.check_told(done, subject)
        return done

    def check_told(self, done: Completed, subject: str) -> None:
        """T and S: one `error:` line that names the subject, and no secret in anything that was written."""
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, done.stderr
        assert subject in errors[0], done.stderr
        self.check_secrets(done)

    def check_secrets(self, done: Completed) -> None:
        """S: no canary in what was said, nor in any file of the workspace."""
        canaries = list(CANARIES.values())
        assert not [canary for canary in canaries if canary in done.stdout + done.stderr]
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                if path.is_file():
                    body = path.read_bytes()
                    assert not [canary for canary in canaries if canary.encode() in body], path

    def state(self) -> State:
        """Return what is there now."""
        own = ("cache", "tmp", "home/.pipper/cache-key", "repository", "app/.venv", "app/pipper.lock")
        rest = tree(self.root, without=own)
        return State(
            V=tree(self.venv) if self.venv.exists() else {".": (0, "missing")},
            L=self.lock.read_bytes() if self.lock.exists() else None,
            B=self._published(),
            O={path: (mode, content) for path, (mode, content) in rest.items() if not stat.S_ISDIR(mode)},
        )

    def compare(self, before: State, *, but: str = "") -> None:
        """Require that nothing changed but what `but` lists; C: the cache holds what its names say."""
        after = self.state()
        for letter in "VLBO":
            if letter not in but:
                assert getattr(after, letter) == getattr(before, letter), letter
        assert list((self.root / "tmp").rglob("*")) == []
        for path in (self.root / "cache" / "files").rglob("*"):
            assert path.is_dir() or hashlib.sha256(path.read_bytes()).hexdigest() == path.name, path

    def copy(self, root: Path) -> "Workspace":
        """Return a copy with an empty cache; the manifest's paths are relative, so it has its own repository."""
        shutil.copytree(self.root, root, symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp"))
        copied = replace(self, root=root)
        if copied.venv.exists():
            _settle(copied.venv, self.venv)
        return copied

    def _published(self) -> Mapping[str, object]:
        if self.server:
            return self.server.contents(self.bucket)
        shown = tree(self.repository) if self.repository.exists() else {}
        return {path: seen for path, seen in shown.items() if not path.startswith(".pipper-store")}


def _settle(venv: Path, before: Path) -> None:
    """Let the scripts of a copied environment start its own Python, as if they had been installed there."""
    old, new = (str(folder).encode() for folder in (before, venv))
    for info in site_of(venv).glob("*.dist-info"):
        record = info / "RECORD"
        rows = parse_record(record.read_text(), str(record))
        for number, row in enumerate(rows):
            place = info.parent / row.path
            if row.path.startswith("../") or place.name == MARKS:
                content = place.read_bytes().replace(old, new)
                place.write_bytes(content)
                rows[number] = row_of(row.path, content)
        record.write_text(format_record(rows))


def _require(done: Completed, code: int, args: tuple[str | Path, ...]) -> None:
    told = f"pipper {' '.join(map(str, args))}: exit {done.code}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, told
    assert done.code == code, told
