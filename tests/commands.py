"""Runs programs in processes of their own, in an environment that knows nothing of the user's."""

import atexit
import contextlib
import functools
import hashlib
import importlib.metadata
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from pipper.cli import main
from pipper.cli.boundary import run

CHECKOUT = Path(__file__).resolve().parent.parent
KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "COMSPEC",
    "PATHEXT",
    "NUMBER_OF_PROCESSORS",
)
"""Variables of the user that say how the machine is, and nothing of what pipper, pip or git are to do."""
PATIENCE = 300
"""Seconds after which a test that waits has failed: it bounds a hang, and is no measure of anything."""
_NETWORK = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a finished command left behind."""

    stdout: str
    stderr: str
    code: int


def run_pipper(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    ok: bool = True,
    registry: bool = False,
) -> Completed:
    """Run `pipper ARGS` in `cwd`, in this process, and return what it wrote.

    Home and cache are folders of their own for each `cwd`. `env` adds variables or overrides them; `registry`
    lets pip's configuration through, without which no build backend can be fetched. With `ok` any exit code
    but 0 fails the test; a traceback always does.
    """
    done = run_here(*args, cwd=cwd, env={**clean_environment(cwd, registry=registry), **(env or {})})
    return _checked(done, args, ok=ok)


def run_pipper_apart(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    ok: bool = True,
    python_options: tuple[str, ...] = (),
) -> Completed:
    """Do the same in a process of its own, for what only a new process shows: imports, say."""
    done = subprocess.run(
        [sys.executable, *python_options, "-m", "pipper", *map(str, args)],
        cwd=cwd,
        env={**clean_environment(cwd), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return _checked(Completed(stdout=done.stdout, stderr=done.stderr, code=done.returncode), args, ok=ok)


def run_here(*args: str | Path, cwd: Path, env: Mapping[str, str]) -> Completed:
    """Run `pipper ARGS` in this process as if `cwd` and `env` were its own; it takes no quick way."""
    return _completed(lambda: run([str(arg) for arg in args]), cwd, env)


def run_main_here(*args: str | Path, cwd: Path, env: Mapping[str, str]) -> Completed:
    """Do the same, beginning where a process of its own does: with the quick ways of commands without options."""
    line = ["pipper", *map(str, args)]
    # A quick way ends its process at once.
    with mock.patch.object(sys, "argv", line), mock.patch("pipper.cli._leave", side_effect=SystemExit(0)):
        return _completed(main, cwd, env)


def _completed(command: Callable[[], None], cwd: Path, env: Mapping[str, str]) -> Completed:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code: object = None
    with _inside(cwd, env), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            command()
        except SystemExit as end:
            code = end.code
    return Completed(stdout=_text(out), stderr=_text(err), code=int(str(code)))


@contextmanager
def _inside(cwd: Path, env: Mapping[str, str]) -> Iterator[None]:
    here, handler = Path.cwd(), signal.getsignal(signal.SIGTERM)
    os.chdir(cwd)
    try:
        with (
            mock.patch.dict(os.environ, env, clear=True),
            mock.patch.object(tempfile, "tempdir", env.get("TMPDIR", tempfile.tempdir)),
            mock.patch.object(os, "execvpe", side_effect=FileNotFoundError),  # it would replace the tests
        ):
            yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        os.chdir(here)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _checked(done: Completed, args: Sequence[str | Path], *, ok: bool) -> Completed:
    told = f"pipper {' '.join(map(str, args))}: exit {done.code}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, told
    assert not ok or done.code == 0, told
    return done


_started: list["subprocess.Popen[str]"] = []


def start(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], **pipes: Any
) -> "subprocess.Popen[str]":
    """Start a program beside the test; what still runs at the end of the test is killed then."""
    process = subprocess.Popen(command, cwd=cwd, env=env, text=True, encoding="utf-8", **pipes)
    _started.append(process)
    return process


def kill_started() -> None:
    """Kill what `start` started and what still runs."""
    while _started:
        with _started.pop() as process:  # closes its pipes and waits for it
            process.kill()


@contextmanager
def default_signals() -> Iterator[None]:
    """Handle signals as a process does that a shell starts in the foreground, and let children inherit that.

    A parent may have had some ignored or blocked: `nohup`, or `COMMAND &` of a script, ignores SIGINT.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.name == "posix":
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        if os.name == "posix":
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler)


def clean_environment(cwd: Path, *, registry: bool = False) -> dict[str, str]:
    """Variables for a command in `cwd`: no credentials, no settings, a home and a cache of its own."""
    place = _place(cwd.resolve())
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {
        "HOME": str(place / "home"),
        "USERPROFILE": str(place / "home"),
        "PIPPER_CACHE_DIR": str(place / "cache"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUTF8": "1",
        **({} if _is_installed() else {"PYTHONPATH": str(CHECKOUT)}),
    }
    return env | (_PIP if registry else {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"})


def cache_directory(cwd: Path) -> Path:
    """The cache that commands in `cwd` use."""
    return _place(cwd.resolve()) / "cache"


@functools.cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="pipper-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


@functools.cache
def _place(cwd: Path) -> Path:
    place = _root() / hashlib.sha256(str(cwd).encode()).hexdigest()[:16]
    (place / "home").mkdir(parents=True, exist_ok=True)
    return place


@functools.cache
def _is_installed() -> bool:
    try:
        importlib.metadata.distribution("pipper")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _pip_configuration() -> dict[str, str]:
    """The user's own settings of pip, which would be lost with the home."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.upper() in _NETWORK
    }
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    for file in (config / "pip" / "pip.conf", home / ".pip" / "pip.conf"):
        if file.is_file():
            env.setdefault("PIP_CONFIG_FILE", str(file))
    return env


_PIP = _pip_configuration()
"""Read when this is imported: fixtures put another home in place later."""
