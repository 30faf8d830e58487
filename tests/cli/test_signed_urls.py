"""A signed URL grants access to whoever reads it: it is used and kept nowhere, whatever it came in (T7)."""

import hashlib
import http.server
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Completed
from tests.invariants import Workspace
from tests.loopback import QuietHandler, served

SECRET = "5ec2e7"
QUERIES = {
    "SigV4": f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600&X-Amz-Signature={SECRET}",
    "SigV2": f"AWSAccessKeyId=AKIA&Signature={SECRET}",
    "SAS": f"sv=2024&sig={SECRET}",
    "a token": f"token={SECRET}",
    "only that": SECRET,
}


class Server:
    """A server that has the workspace's wheels for those who know the query."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.query = QUERIES["SigV4"]
        self.breaks = False

    def signed(self, wheel: Path) -> str:
        return f"{self.url}/{wheel.name}?{self.query}"


@pytest.fixture
def server(workspace: Workspace) -> Iterator[Server]:
    server = Server(workspace.root / "wheels")
    server.folder.mkdir(exist_ok=True)

    class Handler(QuietHandler, http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(server.folder))  # type: ignore[arg-type] # what the server passes

        def do_GET(self) -> None:
            if server.breaks or SECRET not in self.path:
                self.send_error(403)
                return
            super().do_GET()

    with served(Handler) as running:
        server.url = running.url
        yield server


def pylock(server: Server, *wheels: Path) -> str:
    entries = (
        f'[[packages]]\nname = "{wheel.name.split("-")[0]}"\nversion = "{wheel.name.split("-")[1]}"\n'
        f'wheels = [{{ url = "{server.signed(wheel)}", '
        f'hashes = {{ sha256 = "{hashlib.sha256(wheel.read_bytes()).hexdigest()}" }} }}]\n'
        for wheel in wheels
    )
    return 'lock-version = "1.0"\ncreated-by = "other"\n' + "".join(entries)


def kept(workspace: Workspace, *given: Path) -> list[Path]:
    """Every file of the workspace with the secret in it or in its name, except those that the user gave."""
    found = (path for path in workspace.root.rglob("*") if path not in given and path.is_file())
    return [path for path in found if SECRET in path.name or SECRET.encode() in path.read_bytes()]


def require_unkept(workspace: Workspace, done: Completed, *given: Path) -> None:
    assert SECRET not in done.stdout + done.stderr
    assert kept(workspace, *given) == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_T07_of_a_pep_751_lock_with_signed_urls_none_is_kept(
    query: str, workspace: Workspace, server: Server
) -> None:
    server.query = query
    lock = workspace.root / "pylock.toml"
    for version in ("1.0.0", "2.0.0"):  # the second sync makes the first lock the previous one
        lock.write_text(pylock(server, workspace.wheel("solo", version)))
        require_unkept(workspace, workspace.run("sync", "--lock", lock, "-v"), lock)
        assert workspace.installed()["solo"] == version
    state = workspace.venv / ".pipper"
    assert "/solo-2.0.0-py3-none-any.whl" in (state / "applied.lock").read_text()
    assert "/solo-1.0.0-py3-none-any.whl" in (state / "previous.lock").read_text()
    require_unkept(workspace, workspace.run("sync", "--lock", lock, "--check", "--verify", "-v"), lock)
    workspace.run("sync", "--lock", state / "previous.lock")  # from the cache
    assert workspace.installed()["solo"] == "1.0.0"


@pytest.mark.parametrize("options", [(), ("-t", "target")])
def test_T07_nor_where_install_reads_the_lock(
    options: tuple[str, ...], workspace: Workspace, server: Server
) -> None:
    lock = workspace.root / "pylock.toml"
    lock.write_text(pylock(server, workspace.wheel("solo"), workspace.wheel("other", requires=["solo"])))
    require_unkept(workspace, workspace.run("install", "-i", lock, *options, "-v"), lock)


def test_T07_nor_where_download_reads_it(workspace: Workspace, server: Server) -> None:
    lock = workspace.root / "pylock.toml"
    lock.write_text(pylock(server, workspace.wheel("solo")))
    for options in ((), ("--bundles", "-e")):
        done = workspace.run("download", "-i", lock, "-d", "out", "-v", *options)
        require_unkept(workspace, done, lock)


@pytest.mark.parametrize("fault", ["refused", "other bytes", "interrupted"])
def test_T07_nor_where_it_fails(
    fault: str, workspace: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = workspace.root / "pylock.toml"
    wheel = workspace.wheel("solo")
    lock.write_text(pylock(server, wheel))
    code = {"refused": 5, "other bytes": 4, "interrupted": 130}[fault]
    if fault == "refused":
        server.breaks = True
    elif fault == "other bytes":
        wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    else:

        def interrupt(*_: object) -> None:
            assert not kept(workspace, lock)  # what the journal has is seen here too
            raise KeyboardInterrupt

        monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", interrupt)
    require_unkept(workspace, workspace.run("sync", "--lock", lock, "-v", code=code), lock)


def test_T07_nor_does_a_journal_have_it_after_a_crash(workspace: Workspace, server: Server) -> None:
    lock = workspace.root / "pylock.toml"
    lock.write_text(pylock(server, workspace.wheel("solo")))
    workspace.run("sync", "--lock", lock)
    lock.write_text(pylock(server, workspace.wheel("solo", "2.0.0")))
    workspace.run("sync", "--lock", lock)
    assert (workspace.venv / ".pipper" / "unsettled.json").exists() or os.name == "nt"
    assert kept(workspace, lock) == []


def test_T07_of_an_authorized_lock_neither(remote: Workspace) -> None:
    shutil.rmtree(remote.venv)
    remote.run("authorize", "-o", "signed.lock", "-e", "1h")
    lock = remote.app / "signed.lock"
    assert "X-Amz-Signature" in lock.read_text()
    done = remote.run("sync", "--lock", "signed.lock", "-v")
    done_too = remote.run("install", "-i", "signed.lock", "-t", "target", "-v")
    assert "X-Amz-" not in done.stderr + done_too.stderr
    for path in remote.root.rglob("*"):
        assert path == lock or not path.is_file() or b"X-Amz-" not in path.read_bytes(), path
    remote.run("authorize", "-o", "pylock.signed.toml", "-e", "1h")
    remote.run("sync", "--lock", "pylock.signed.toml", "-v")
    given = (lock, remote.app / "pylock.signed.toml")
    for path in remote.root.rglob("*"):
        assert path in given or not path.is_file() or b"X-Amz-" not in path.read_bytes(), path


@pytest.mark.parametrize("command", [("install",), ("install", "-t", "target"), ("add",)])
def test_T07_of_a_url_given_to_install_neither(
    command: tuple[str, ...], workspace: Workspace, server: Server
) -> None:
    done = workspace.run(*command, server.signed(workspace.wheel("solo")), "-v")
    require_unkept(workspace, done)
    server.breaks = True
    refused = workspace.run(*command, server.signed(workspace.wheel("other")), "-v", code=5)
    require_unkept(workspace, refused)


def test_T07_of_a_list_of_0_x_neither(workspace: Workspace, server: Server) -> None:
    given = workspace.app / "pipper.json"
    wheels = workspace.wheel("solo"), workspace.wheel("other")
    given.write_text(json.dumps({"dependencies": [server.signed(wheel) for wheel in wheels]}))
    require_unkept(workspace, workspace.run("install", "-i", "pipper.json", "-v"), given)
    require_unkept(workspace, workspace.run("download", "-i", "pipper.json", "-d", "out", "-v"), given)
    require_unkept(workspace, workspace.run("list", "-v"), given)
