"""The projects that scenes copy, each locked and synced."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.canaries.scene import Template
from tests.cli.conftest import canary_server, fill
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.osv_double import advisory, write_advisories
from tests.sdists import make_backend, make_sdist
from tests.wheelhouse import make_wheel

_Server = TypeVar("_Server", bound=AbstractContextManager[object])


def make_template(kind: Template, root: Path, servers: ExitStack) -> Workspace:
    """Make a project in the new folder `root`; what it needs of servers runs until `servers` is closed."""
    if kind == "bucket":
        server = servers.enter_context(_apart(canary_server()))
        workspace = Workspace(root=root, server=server, bucket=server.endpoint.fresh_bucket())
        fill(workspace)
    elif kind == "index":
        workspace = Workspace(root=root)
        index = IndexDouble()
        _fill_index(index, root.with_name("files"))
        servers.enter_context(_apart(index))
        _ask_index(workspace, index.url)
    else:
        workspace = Workspace(root=root)
        fill(workspace)
    workspace.run("lock")
    workspace.run("sync")
    return workspace


def _fill_index(index: IndexDouble, files: Path) -> None:
    """Let an index have a wheel, and a package that has to be built."""
    index.add(make_backend(files))
    index.add(make_wheel(files, "six", "1.0"))
    index.add_sdist(make_sdist(files, "promise", "2.0"))


def _ask_index(workspace: Workspace, url: str) -> None:
    """Make a project that requires both, with a folder of advisories about others."""
    workspace.app.mkdir(parents=True)
    workspace.manifest.write_text(
        "dependencies = ['six', 'promise']\n[build]\nallow = ['promise']\n"
        f"[repositories]\nacme = '{workspace.url}'\n[index]\nurl = '{url}'\n"
    )
    write_advisories(workspace.app / "advisories", advisory("GHSA-other", "seven", {"introduced": "0"}))
    workspace.publish(workspace.wheel("alpha"))


@contextmanager
def _apart(server: _Server) -> Iterator[_Server]:
    """Run a server in a process of its own: a fork of one that has threads may inherit a lock that nobody frees."""
    parent, child = os.getpid(), os.fork()
    if child == 0:
        with server:
            while os.getppid() == parent:
                time.sleep(0.5)
        os._exit(0)
    try:
        yield server
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
