"""A simple index on loopback that does what it is told: pages, files, metadata, a fault script, a memory.

    with IndexDouble() as index:
        index.add(make_wheel(folder, "foo", "1.0"))
        index.script(Fault(path="/simple/foo/", status=503, times=2))
        ...
        assert index.names() == {"foo"}

Pages have an ETag and are answered 304 where the client has them; `style` says what kind of server it is.
"""

import base64
import fnmatch
import hashlib
import html
import json
import re
import socket
import struct
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.loopback import LoopbackServer, QuietHandler, serving

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What kind of server it is."""

    json: bool = True
    metadata: bool = True
    """Whether it has metadata files (PEP 658)."""
    ranges: bool = True
    hashes: bool = True
    sizes: bool = True
    """In JSON only."""
    etags: bool = True
    account: tuple[str, str] | None = None
    """User name and password without which it answers 401."""
    cache_control: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What requests meet that fit: the `nth` of them (from 1) and the `times - 1` after it."""

    path: str
    """A glob over the path."""
    status: int = 0
    """Answer with this status and `body`; 0: the right one."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    """Announce the whole body, send so many bytes, and reset the connection."""
    endless: bool = False
    """Send zeros for as long as the client reads."""
    nth: int = 1
    times: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: Path
    entry: Mapping[str, Any]
    metadata: bytes


def built_into_pip(index: "IndexDouble", monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip's own index be this one: it is the public index then."""
    monkeypatch.setattr("pipper.index.config._BUILT_IN", f"print({index.url!r})")


class IndexDouble:
    """The server; a context manager."""

    def __init__(self, style: Style | None = None) -> None:
        self.style = style or Style()
        self.seen: list[Seen] = []
        self._files: dict[str, dict[str, _File]] = {}
        self._faults: list[Fault] = []
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = LoopbackServer(_handler(self))
        self._running = serving(self._server)

    def __enter__(self) -> "IndexDouble":
        self._running.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._running.__exit__(kind, error, trace)

    @property
    def root(self) -> str:
        """Scheme, host and port."""
        return self._server.url

    @property
    def url(self) -> str:
        """The address of the index."""
        return f"{self.root}/simple/"

    def add(self, wheel: Path, *, metadata: bytes | None = None, **entry: Any) -> None:
        """List a wheel; `entry` overrides keys of its JSON entry, `metadata` its metadata file."""
        name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        own = _metadata(wheel) if metadata is None else metadata
        self._files.setdefault(name, {})[wheel.name] = _File(path=wheel, entry=entry, metadata=own)

    def add_sdist(self, sdist: Path, **entry: Any) -> None:
        """List a source distribution, which has no metadata file."""
        name = re.sub(r"[-_.]+", "-", sdist.name.rpartition("-")[0]).lower()
        own = {"core-metadata": False, **entry}
        self._files.setdefault(name, {})[sdist.name] = _File(path=sdist, entry=own, metadata=b"")

    def add_name(self, name: str) -> None:
        """List a project without files."""
        self._files.setdefault(name, {})

    def script(self, *faults: Fault) -> None:
        """Add faults."""
        self._faults += faults

    def names(self) -> set[str]:
        """The projects that anything was asked of: by page, file or metadata."""
        pages = {each.path.split("/")[2] for each in self.seen if each.path.startswith("/simple/")}
        files = {
            each.path.split("/")[2].split("-")[0] for each in self.seen if each.path.startswith("/files/")
        }
        return pages | {name.replace("_", "-") for name in files}

    def count(self, pattern: str, status: int | None = None) -> int:
        """How many requests of a path like this came (and were answered so)."""
        return sum(
            fnmatch.fnmatchcase(each.path, pattern) and status in (None, each.status) for each in self.seen
        )

    def answer(
        self, path: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes, Fault | None]:
        """Status, headers and body for a request, and the fault it meets."""
        status, extra, body = self._right_answer(unquote(path), headers)
        fault = self._next_fault(path)
        if fault is not None:
            if fault.status:
                status, body = fault.status, fault.body or b""
            elif fault.body is not None:
                body = fault.body
            extra = {**extra, **fault.headers}
        with self._lock:
            self.seen.append(Seen(path=path, headers=dict(headers), status=status))
        return status, extra, body, fault

    def _next_fault(self, path: str) -> Fault | None:
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fnmatch.fnmatchcase(path, fault.path):
                    count = self._counts[number] = self._counts.get(number, 0) + 1
                    if fault.nth <= count < fault.nth + fault.times:
                        return fault
        return None

    def _right_answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self.style.account:
            token = base64.b64encode(":".join(self.style.account).encode()).decode()
            if headers.get("authorization") != f"Basic {token}":
                return 401, {"WWW-Authenticate": "Basic"}, b""
        if path.startswith("/simple/"):
            return self._page(path.split("/")[2], headers)
        found = self._file(path.removeprefix("/files/"))
        return (404, {}, b"") if found is None else self._ranged(found, headers)

    def _file(self, filename: str) -> bytes | None:
        files = {name: file for project in self._files.values() for name, file in project.items()}
        if filename in files:
            return files[filename].path.read_bytes()
        wheel = filename.removesuffix(".metadata")
        if wheel != filename and wheel in files and self.style.metadata:
            return files[wheel].metadata
        return None

    def _ranged(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
        if asked is None or not self.style.ranges:
            return 200, {"Content-Type": "application/octet-stream"}, body
        start = int(asked[1]) if asked[1] else max(0, len(body) - int(asked[2]))
        stop = min(int(asked[2]) + 1, len(body)) if asked[1] and asked[2] else len(body)
        if start >= len(body):
            return 416, {}, b""
        told = {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"}
        return 206, told, body[start:stop]

    def _page(self, name: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if name not in self._files:
            return 404, {}, b"no such project"
        entries = [self._entry(file) for file in self._files[name].values()]
        body = _json_page(name, entries) if self.style.json else _html_page(entries)
        told = {"Content-Type": JSON if self.style.json else "text/html"}
        if self.style.cache_control:
            told["Cache-Control"] = self.style.cache_control
        if self.style.etags:
            told["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if headers.get("if-none-match") == told["ETag"]:
                return 304, told, b""
        return 200, told, body

    def _entry(self, file: _File) -> dict[str, Any]:
        body = file.path.read_bytes()
        digest = hashlib.sha256(file.metadata).hexdigest()
        entry: dict[str, Any] = {
            "filename": file.path.name,
            "url": f"../../files/{quote(file.path.name)}",
            "hashes": {"sha256": hashlib.sha256(body).hexdigest()} if self.style.hashes else {},
            "yanked": False,
        }
        if self.style.sizes:
            entry["size"] = len(body)
        if self.style.metadata:
            entry["core-metadata"] = {"sha256": digest}
        return entry | file.entry


def _handler(double: IndexDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, body, fault = double.answer(self.path, headers)
            if fault is not None and fault.endless:
                self._pour(status, extra, double._stop)
                return
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is not None and fault.cut is not None:
                self.wfile.write(body[: fault.cut])
                # Not an orderly end: the client must see that something is missing.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            elif self.command != "HEAD" and status != 304:
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def _pour(self, status: int, extra: Mapping[str, str], stop: threading.Event) -> None:
            self.close_connection = True
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                while not stop.is_set():
                    self.wfile.write(bytes(1 << 16))
            except OSError:
                pass  # the client has seen enough

    return Handler


def _metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        top = (each for each in archive.namelist() if each.count("/") == 1)
        (name,) = (each for each in top if each.endswith(".dist-info/METADATA"))
        return archive.read(name)


def _json_page(name: str, entries: list[dict[str, Any]]) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": entries}).encode()


def _html_page(entries: list[dict[str, Any]]) -> bytes:
    lines = ["<!DOCTYPE html><html><body>"]
    for entry in entries:
        fragment = "&amp;".join(f"{name}={digest}" for name, digest in entry["hashes"].items())
        target = entry["url"] + (f"#{fragment}" if fragment else "")
        more = ""
        if entry.get("requires-python"):
            more += f' data-requires-python="{html.escape(entry["requires-python"])}"'
        if entry.get("yanked") is not False:
            more += f' data-yanked="{html.escape(entry["yanked"])}"'
        if "core-metadata" in entry:
            more += f' data-core-metadata="sha256={entry["core-metadata"]["sha256"]}"'
        lines.append(f'<a href="{target}"{more}>{entry["filename"]}</a><br/>')
    return "\n".join([*lines, "</body></html>"]).encode()
