"""Indexes as they are: one page in many shapes, files behind many kinds of servers and proxies.

`python -m tests.index_servers` asks all of them with pipper, and with pip and uv where these are installed, and prints
what each made of them; CONTRIBUTING says when.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.commands import PATIENCE, run_pipper
from tests.index_double import IndexDouble, Style
from tests.loopback import QuietHandler, served
from tests.wheelhouse import make_wheel

PAGES = {
    "json": Style(),
    "json without sizes": Style(sizes=False),
    "json without hashes": Style(hashes=False),
    "html": Style(json=False),
    "html without hashes": Style(json=False, hashes=False),
}
METADATA = ("metadata", "no metadata", "metadata 403", "metadata 501")
RANGES = (
    *("ranges", "ignored", "400", "403", "405", "412", "416", "501", "505"),
    *("206 without Content-Range", "206 of another place", "206 of everything", "multipart"),
)
REDIRECTS = ("", "301", "302", "303", "307", "308", "308 without ranges", "two", "page 301", "page 302")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One kind of index."""

    page: str = "json"
    metadata: str = "no metadata"
    ranges: str = "ranges"
    redirect: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return ", ".join(
            filter(
                None, (self.page, self.metadata, self.ranges, self.redirect and f"redirect {self.redirect}")
            )
        )


def all_servers() -> list[Server]:
    """Return every kind: each range with two pages, each page with each metadata, each redirect of two ranges."""
    by_ranges = [
        Server(page=page, ranges=ranges) for page, ranges in itertools.product(("json", "html"), RANGES)
    ]
    by_pages = [
        Server(page=page, metadata=metadata, ranges=ranges)
        for page, metadata, ranges in itertools.product(PAGES, METADATA, ("ranges", "501"))
        if page not in ("json", "html") or metadata != "no metadata"
    ]
    by_redirects = [
        Server(page="json without sizes", redirect=redirect, ranges=ranges)
        for redirect, ranges in itertools.product(filter(None, REDIRECTS), ("ranges", "501"))
    ]
    return list(dict.fromkeys([*by_ranges, *by_pages, *by_redirects]))


class _Kind(IndexDouble):
    """An index that answers as a `Server` does."""

    def __init__(self, server: Server, elsewhere: str) -> None:
        style = PAGES[server.page]
        super().__init__(
            Style(
                json=style.json,
                hashes=style.hashes,
                sizes=style.sizes,
                metadata=server.metadata != "no metadata",
                ranges=server.ranges != "ignored",
            )
        )
        self._kind = server
        self._elsewhere = elsewhere

    def _right_answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/moved/"):
            path = path.removeprefix("/moved")
        elif moved := self._moved(path, headers):
            return moved
        if path.endswith(".metadata") and self._kind.metadata.startswith("metadata "):
            return int(self._kind.metadata.split()[1]), {}, b"no"
        asked, kind = headers.get("range", ""), self._kind.ranges
        if not asked or not path.startswith("/files/") or kind in ("ranges", "ignored"):
            return super()._right_answer(path, headers)
        if kind.isdigit():
            return int(kind), {}, b"no ranges here"
        status, told, body = super()._right_answer(path, headers)
        whole = super()._right_answer(path, {})[2]
        return status, *_odd(kind, told, body, whole)

    def _moved(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes] | None:
        kind = self._kind.redirect
        if kind.startswith("page") and path.startswith("/simple/"):
            return int(kind.split()[1]), {"Location": f"/moved{path}"}, b""
        if not kind or kind.startswith("page") or not path.startswith("/files/"):
            return None
        if kind == "308 without ranges" and "range" in headers:
            return 501, {}, b""
        status = 302 if kind == "two" else int(kind.split()[0])
        target = f"/moved{path}" if kind in ("301", "303") else f"{self._elsewhere}{self.root}/moved{path}"
        return status, {"Location": target}, b""


def _odd(kind: str, told: dict[str, str], body: bytes, whole: bytes) -> tuple[dict[str, str], bytes]:
    if kind == "206 without Content-Range":
        return {}, body
    if kind == "206 of another place":
        return {"Content-Range": f"bytes 0-{len(body) - 1}/{len(whole)}"}, whole[: len(body)]
    if kind == "206 of everything":
        return {"Content-Range": f"bytes 0-{len(whole) - 1}/{len(whole)}"}, whole
    parts = f"--x\r\nContent-Range: {told.get('Content-Range')}\r\n\r\n".encode() + body + b"\r\n--x--\r\n"
    return {"Content-Type": "multipart/byteranges; boundary=x"}, parts


class _Elsewhere(QuietHandler):
    """Another origin, which sends everybody back to where the path says."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path.removeprefix("/"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 -- the base class looks for this name


@contextmanager
def running(server: Server, folder: Path) -> Iterator[IndexDouble]:
    """Run an index of this kind with `foo`, which needs `bar`."""
    with served(_Elsewhere) as elsewhere, _Kind(server, f"{elsewhere.url}/") as index:
        index.add(
            make_wheel(
                folder / "wheels", "foo", "1.0", requires=["bar>=1"], files={"foo/data.bin": "x" * 90_000}
            )
        )
        index.add(make_wheel(folder / "wheels", "bar", "1.5"))
        yield index


def ask_pipper(index: IndexDouble, folder: Path) -> str:
    """Lock and install with pipper; return `installs`, or the first line of its error."""
    app = folder / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(f'dependencies = ["foo"]\n[index]\nurl = "{index.url}"\n')
    done = run_pipper("install", "-t", folder / "target", "foo", cwd=app, ok=False)
    if done.code == 0 and {"foo", "bar"} <= {path.name for path in (folder / "target").iterdir()}:
        return "installs"
    return next((line for line in done.stderr.splitlines() if line.startswith("error")), f"exit {done.code}")


def ask_peer(peer: list[str], index: IndexDouble, folder: Path) -> str:
    """Install with pip or uv; return `installs`, or the last line of what it said."""
    target = folder / f"of-{Path(peer[0]).name}-{len(peer)}"
    command = [
        *peer,
        "install",
        "--no-cache-dir" if "pip" in peer[-1] and "uv" not in peer[0] else "--no-cache",
    ]
    done = subprocess.run(
        [*command, "--index-url", index.url, "--target", str(target), "foo"],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 0:
        return "installs"
    lines = re.sub(r"[^ -~\n]", "", done.stderr).strip().splitlines()
    return (lines[-1].strip() if lines else f"exit {done.returncode}")[:90]


def peers() -> dict[str, list[str]]:
    """Return pip, and uv if it is on PATH."""
    uv = shutil.which("uv")
    return {"pip": [sys.executable, "-m", "pip"], **({"uv": [uv, "pip"]} if uv else {})}


def main() -> int:
    """Print a table; exit 1 if pipper refuses what pip or uv installs."""
    worse = 0
    for server in all_servers():
        with tempfile.TemporaryDirectory() as name, running(server, Path(name)) as index:
            folder = Path(name)
            answers = {"pipper": ask_pipper(index, folder)}
            answers |= {tool: ask_peer(command, index, folder) for tool, command in peers().items()}
        lost = answers["pipper"] != "installs" and "installs" in answers.values()
        worse += lost
        print(
            f"{server.name}: " + "; ".join(f"{tool} {answer}" for tool, answer in answers.items()), flush=True
        )
    print(f"{len(all_servers())} servers, {worse} of which pipper refuses and another tool does not")
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main())
