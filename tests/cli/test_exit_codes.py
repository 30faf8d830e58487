"""Each exit code these commands can give, by name; 70 is a bug and is never seen."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipper.http.pool import READ_SECONDS
from pipper.python import probe
from tests.commands import Completed
from tests.invariants import CANARIES, Workspace
from tests.loopback import closed_ports
from tests.s3_double import Answer, Rule, S3Double, Silence

POSIX = pytest.mark.skipif(os.name == "nt", reason="limits, signals and scripts as POSIX has them")
LIMITED = """\
import resource, sys
sys.dont_write_bytecode = True  # a module cut off by the limit would break whoever imports it next
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from pipper.cli import main
main()
"""


def with_small_files(workspace: Workspace, limit: int, *args: str | Path) -> Completed:
    """Run `pipper ARGS` where no file can grow past `limit` bytes: to a writer it looks like a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *map(str, args)],
        cwd=workspace.app,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Completed(stdout=done.stdout, stderr=done.stderr, code=done.returncode)


def test_exit_0_where_everything_is_done(workspace: Workspace) -> None:
    workspace.process("lock")
    workspace.process("sync")


def test_exit_1_where_a_check_finds_differences(workspace: Workspace) -> None:
    (workspace.site / "beta" / "__init__.py").unlink()
    workspace.process("sync", "--check", code=1)
    workspace.write_manifest("beta")
    workspace.process("lock", "--check", code=1)


@pytest.mark.parametrize(
    ("args", "subject"),
    [
        (("lock", "--nope"), "No such option"),
        (("locke",), "No such command 'locke'"),
        (("instal",), "Did you mean one of: 'install'"),
        (("sync", "--link-mode", "magic"), "'magic' is not one of"),
        (("yank",), "Missing argument 'NAME:VERSION'"),
        (("lock", "--project", "nowhere"), "'nowhere' does not exist"),
        (("lock", "--python", "nowhere"), "there is no Python interpreter at"),
        (("lock", "-c", "KEY"), "-c needs KEY and SECRET"),
        (("lock", "-r", "nobody"), "there is no repository `nobody`"),
        (("lock", "-b", "https://example.com"), "`https://example.com` is not a repository URL"),
        (("lock", "-b", "file:///srv#1"), "is followed by a `?` or a `#`"),
        (("bundle", "nowhere"), "nowhere is not a directory"),
    ],
)
def test_exit_2_where_a_command_is_used_wrongly(
    args: tuple[str, ...], subject: str, workspace: Workspace
) -> None:
    workspace.refused(*args, code=2, subject=subject)


def test_exit_2_with_the_help_where_no_command_is_named(empty: Workspace) -> None:
    done = empty.run(code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: pipper [OPTIONS] ")


def test_exit_3_where_there_is_no_solution(workspace: Workspace) -> None:
    workspace.write_manifest("alpha>2")
    workspace.refused("lock", code=3, subject="alpha")


def test_exit_4_where_bytes_are_not_what_they_should_be(workspace: Workspace) -> None:
    (wheel,) = workspace.repository.glob("gamma/*/*.whl")
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"!")
    workspace.write_manifest("gamma")
    workspace.run("lock")
    done = workspace.refused("sync", code=4, subject="hash mismatch for gamma 1.0.0")
    assert wheel.name in done.stderr


def test_exit_5_where_there_are_no_credentials(remote: Workspace) -> None:
    env = dict.fromkeys(CANARIES, "")
    remote.refused("lock", "-U", code=5, subject=f"s3://{remote.bucket}/pipper", env=env)


def test_exit_5_where_half_a_key_is_set(remote: Workspace) -> None:
    env = {"AWS_SECRET_ACCESS_KEY": ""}
    done = remote.refused("lock", "-U", code=5, subject="AWS_SECRET_ACCESS_KEY", env=env)
    assert "half a key" in done.stderr


def test_exit_6_where_the_store_is_out_of_reach(remote: Workspace) -> None:
    with closed_ports() as (port,):
        closed = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"}
        done = remote.refused("lock", "-U", code=6, subject=f"s3://{remote.bucket}", env=closed)
    assert "127.0.0.1" in done.stderr


def test_exit_7_where_the_version_exists_with_other_bytes(workspace: Workspace) -> None:
    wheel = workspace.wheel("beta", files={"beta/__init__.py": "other = True\n"})
    workspace.refused("publish", wheel, code=7, subject="is published with other bytes")


def test_exit_8_where_something_else_stands_in_the_place_of_the_environment(workspace: Workspace) -> None:
    workspace.venv.rename(workspace.root / "elsewhere")
    workspace.venv.mkdir()
    (workspace.venv / "mine.txt").write_text("mine")
    workspace.refused("sync", code=8, subject="exists and is not a virtual environment")
    (workspace.venv / "mine.txt").unlink()
    workspace.venv.rmdir()
    workspace.venv.write_text("mine")
    workspace.refused("sync", code=8, subject=str(workspace.venv))


def test_exit_8_where_the_lock_cannot_be_read_or_written(workspace: Workspace) -> None:
    workspace.lock.unlink()
    workspace.lock.mkdir()
    done = workspace.run("lock", code=8)
    workspace.check_told(done, f"cannot read {workspace.lock}")


@POSIX
def test_exit_8_where_the_disk_is_full_for_a_lock(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", "gamma")
    before = workspace.state()
    done = with_small_files(workspace, 1000, "lock")
    assert done.code == 8, done.stderr
    workspace.check_told(done, f"cannot write {workspace.lock}")
    assert "bytes are needed" in done.stderr
    workspace.compare(before)


@POSIX
@pytest.mark.parametrize("limit", [0, 100, 700, 1100])
def test_exit_8_where_the_disk_is_full_for_a_sync(limit: int, workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0", "gamma")
    workspace.run("lock")
    before = workspace.state()
    done = with_small_files(workspace, limit, "sync")
    assert done.code == 8, done.stderr
    workspace.check_told(done, "cannot write")
    workspace.compare(before)
    workspace.run("sync")
    assert workspace.installed() == {"alpha": "1.0.0", "beta": "1.0.0", "gamma": "1.0.0"}


@POSIX
@pytest.mark.parametrize("limit", [0, 100, 1100])
def test_exit_8_where_the_disk_is_full_for_a_publish(limit: int, workspace: Workspace) -> None:
    wheel = workspace.wheel("epsilon", files={"epsilon/data.txt": os.urandom(3000).hex()})
    before = workspace.state()
    done = with_small_files(workspace, limit, "publish", wheel)
    assert done.code == 8, done.stderr
    workspace.check_told(done, "cannot write")
    workspace.compare(before, but="B")
    assert not (workspace.repository / "epsilon" / "index.json").exists()
    workspace.run("publish", wheel)


@POSIX
def test_exit_8_where_standard_output_is_full(workspace: Workspace) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipper", "sync", "--check", "--json"],
            cwd=workspace.app,
            env=workspace.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.splitlines()[-3]) == (8, "error: cannot write to standard output")


@pytest.mark.parametrize("args", [("sync", "--check", "--json"), ("--help",), ("sync", "--help")])
def test_exit_0_where_the_reader_has_seen_enough(workspace: Workspace, args: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "pipper", *args],
        cwd=workspace.app,
        env=workspace.environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0
    assert "error" not in done.stderr


@POSIX
def test_exit_8_where_python_is_managed_by_the_system(workspace: Workspace) -> None:
    facts = json.loads(
        subprocess.run([sys.executable, probe.__file__], capture_output=True, check=True).stdout
    )
    system = workspace.root / "usr"
    library = system / "lib"
    library.mkdir(parents=True)
    (library / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=Use apt.\n")
    paths = {name: str(system / name) for name in facts["paths"]}
    facts |= {"prefix": str(system), "base_prefix": str(system), "stdlib": str(library), "paths": paths}
    python = system / "python"
    python.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(facts)}\nEND\n")
    python.chmod(0o755)
    done = workspace.refused(
        "sync", "--python", python, "--system", code=8, subject="is managed by the system (PEP 668)"
    )
    assert "Use apt." in done.stderr
    assert "--python EXE" in done.stderr
    workspace.run("sync", "--python", python, "-t", "out")


@POSIX
def test_exit_8_where_the_working_directory_is_gone(empty: Workspace) -> None:
    gone = empty.root / "gone"
    gone.mkdir(parents=True)
    done = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1" && rmdir "$1" && exec "$2" -m pipper lock', "sh", gone, sys.executable],
        env={**empty.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8, done.stderr
    assert "error: the working directory does not exist\n" in done.stderr


SLOW: Mapping[str, tuple[tuple[str, ...], Rule]] = {
    "lock": (("lock", "-U"), Rule(operation="GetObject", key="*index.json", fault=Silence(), times=99)),
    "sync": (("sync",), Rule(operation="GetObject", key="*.whl", fault=Silence(), times=99)),
    "publish": (("publish",), Rule(operation="PutObject", key="*.whl", fault=Silence(), times=99)),
    "publish at the page": (
        ("publish",),
        Rule(operation="PutObject", key="*index.json", fault=Silence(), times=99),
    ),
}


@POSIX
@pytest.mark.parametrize(
    ("name", "number", "code", "word"),
    [
        ("lock", signal.SIGINT, 130, "interrupted"),
        ("sync", signal.SIGINT, 130, "interrupted"),
        ("publish", signal.SIGINT, 130, "interrupted"),
        ("publish at the page", signal.SIGINT, 130, "interrupted"),
        ("lock", signal.SIGTERM, 143, "terminated"),
        ("sync", signal.SIGTERM, 143, "terminated"),
        ("publish", signal.SIGTERM, 143, "terminated"),
    ],
)
def test_exit_130_and_143_where_a_signal_ends_the_wait_for_a_silent_store(
    name: str, number: int, code: int, word: str, remote: Workspace, double: S3Double
) -> None:
    args, rule = SLOW[name]
    files = [remote.wheel("epsilon"), remote.wheel("zeta")] if args[0] == "publish" else []
    before = remote.state()
    double.forget()
    double.script(rule)
    process = remote.begin(*args, *files)
    ended = not double.await_one(rule.operation, rule.key, unless=lambda: process.poll() is not None)
    assert not ended, process.communicate()
    process.send_signal(number)
    # Less than READ_SECONDS: a command that waits for the silent store does not get here in time.
    out, err = process.communicate(timeout=READ_SECONDS - 10)
    assert (process.returncode, out) == (code, ""), err
    remote.check_told(Completed(stdout=out, stderr=err, code=code), word)
    double.forget()
    remote.compare(before, but="B" if args[0] == "publish" else "")
    remote.run(*args, *files)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="which signals are ignored is read in /proc"
)
def test_a_SIGINT_that_the_parent_ignores_stays_ignored_and_SIGTERM_still_ends(
    remote: Workspace, double: S3Double
) -> None:
    args, rule = SLOW["lock"]
    double.script(rule)
    in_background = ("/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    process = remote.begin(*args, through=in_background)
    assert double.await_one(rule.operation, rule.key, unless=lambda: process.poll() is not None)
    status = Path(f"/proc/{process.pid}/status").read_text()
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    assert ignored & 1 << signal.SIGINT - 1
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=READ_SECONDS - 10)
    assert (process.returncode, err.splitlines()[-1]) == (143, "error: terminated")


@pytest.mark.parametrize("command", ["init", "lock", "sync", "publish", "bundle"])
def test_help_tells_options_and_an_example(command: str, empty: Workspace) -> None:
    done = empty.run(command, "--help")
    assert done.stdout.startswith(f"Usage: pipper {command} ")
    assert "Example" in done.stdout
    assert "skip-fails" not in done.stdout


def test_a_refusal_of_the_whole_bucket_is_told_once(remote: Workspace, double: S3Double) -> None:
    double.script(Rule(operation="*", fault=Answer(status=403, code="AccessDenied"), times=float("inf")))
    for args in (("lock", "-U"), ("sync",), ("publish", remote.wheel("epsilon"))):
        done = remote.run(*args, code=5)
        remote.check_told(done, remote.bucket)
