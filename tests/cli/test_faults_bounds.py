"""Fault rows B1 and B3: texts, servers and files that no parser was made for, in bounded time and memory."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.index_double import JSON, Fault, IndexDouble
from tests.invariants import Workspace
from tests.loopback import LoopbackServer, QuietHandler, served

DIGITS = "9" * 5_000
"""More than `int()` takes."""
NO_URL = "http://[x/"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and limits of POSIX")


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


def ask(workspace: Workspace, index_url: str, *dependencies: str, top: str = "") -> None:
    workspace.app.mkdir(parents=True, exist_ok=True)
    workspace.manifest.write_text(
        f"dependencies = {list(dependencies)!r}\n{top}\n[index]\nurl = '{index_url}'\n"
    )


def test_B01_entries_of_a_page_that_cannot_be_read_are_left_out_with_a_warning_for_each_cause(
    empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.add(empty.wheel("public", "2.0"), url=f"{NO_URL}public-2.0-py3-none-any.whl")
    index.add(empty.wheel("public", "3.0"), url="//[x/public-3.0-py3-none-any.whl")
    index.add(empty.wheel("public", "4.0"), filename=f"public-{DIGITS}-py3-none-any.whl")
    index.add(empty.wheel("public", "5.0"), filename=f"public-5.0-{DIGITS}-py3-none-any.whl")
    index.add(empty.wheel("public", "0.9"), **{"requires-python": f">={DIGITS}"})
    ask(empty, index.url, "public<5")
    told = empty.run("lock").stderr
    assert "ignored 2 files of public in the index: the URL is malformed" in told
    assert "ignored 1 file of public in the index: the version has a number of more than 1,000 digits" in told
    assert empty.locked() == {"public": "1.0"}


def test_B01_a_release_whose_metadata_has_an_endless_number_is_not_chosen(
    empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.add(empty.wheel("public", "2.0", requires=[f"other>={DIGITS}"]))
    index.add(empty.wheel("public", "3.0", requires_python=f">={DIGITS}"))
    index.add(empty.wheel("public", "4.0", requires=[f"other ; python_version < '{DIGITS}'"]))
    ask(empty, index.url, "public")
    empty.run("lock")
    assert empty.locked() == {"public": "1.0"}


def test_B01_a_redirect_to_what_is_no_url_is_refused(empty: Workspace, index: IndexDouble) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.script(Fault(path="/simple/public/", status=302, headers={"Location": NO_URL}))
    ask(empty, index.url, "public")
    assert "redirects to an unsafe URL" in empty.run("lock", code=4).stderr


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("lock", "-b", "s3://[x/y"), {}),
        (("lock", "-b", "s3://bucket", "--endpoint-url", NO_URL), {}),
        (("lock", "-b", "file://[x/"), {}),
        (("repository", "add", "x", "-b", "s3://[x/"), {}),
        (("install", "https://[x/foo-1.0-py3-none-any.whl"), {}),
        (("install", f"foo>={DIGITS}"), {}),
        (("install", f"foo:{DIGITS}"), {}),
        (("lock", "--as-of", "0001-01-01T00:00:00+23:59"), {}),
        (("lock",), {"PIPPER_INDEX_URL": NO_URL}),
        (("lock",), {"PIPPER_INDEX_URL": "https://index.example.com/", "HTTPS_PROXY": NO_URL}),
    ],
)
def test_B01_what_the_user_wrote_is_refused_in_words(
    empty: Workspace, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    empty.manifest.write_text("dependencies = ['public']\n")
    done = empty.run(*arguments, env=variables, code=2)
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("top", "place"),
    [
        (f"requires-python = '>={DIGITS}'", "pipper.toml: requires-python"),
        (f"constraints = ['a<{DIGITS}']", "pipper.toml: constraints[0]"),
        (
            f"environments = [{{ python = '3.{DIGITS}', platform = 'linux-x86_64' }}]",
            "pipper.toml: environments[0]",
        ),
        (
            f"environments = [{{ python = '3.11', platform = 'manylinux_2_{DIGITS}_x86_64' }}]",
            "environments[0]",
        ),
        (f"x = {DIGITS}", "pipper.toml"),
        ("dependency-groups = { '' = ['a'] }", "pipper.toml: dependency-groups"),
        ("optional-dependencies = { '' = ['a'] }", "pipper.toml: optional-dependencies"),
        (f"x = {'[' * 5_000}{']' * 5_000}", "pipper.toml"),
    ],
)
def test_B01_a_manifest_that_cannot_be_used_is_refused_with_the_place(
    empty: Workspace, top: str, place: str
) -> None:
    ask(empty, "https://index.example.com/simple", top=top)
    assert place in empty.run("lock", code=2).stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha==1.1.0", f"alpha=={DIGITS}"),
        ('version = "1.1.0"', f'version = "{DIGITS}"'),
        ("size = ", f"size = 0x{'f' * 5_000} # "),
        ('requires-python = ""', f'requires-python = ">={DIGITS}"'),
        ('python_version = "3.', f'python_version = "{DIGITS}.'),
    ],
)
def test_B01_a_lock_with_an_endless_number_is_refused(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.lock.read_text()
    assert old in text
    workspace.lock.write_text(text.replace(old, new, 1))
    assert "pipper.lock" in workspace.run("sync", code=2).stderr


class Slow(QuietHandler):
    """Sends a little now and then for ten seconds, and then the page: who waits for it gets it."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        type(self).count += 1
        body = b'{"meta": {"api-version": "1.0"}, "files": []}'
        try:
            self.drip()
            self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        except OSError:
            pass  # the client has waited long enough
        self.close_connection = True

    def drip(self) -> None:
        raise NotImplementedError

    def slowly(self, piece: bytes) -> None:
        for _ in range(100):
            self.wfile.write(piece)
            self.wfile.flush()
            threading.Event().wait(0.1)  # not `sleep`, which is switched off here


class SlowHeaders(Slow):
    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self.slowly(b"X: y\r\n")
        self.wfile.write(f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())


class SlowLine(Slow):
    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self.slowly(b"y")
        self.wfile.write(f"\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())


class SlowInterim(Slow):
    def drip(self) -> None:
        self.slowly(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )


class SlowChunk(Slow):
    def drip(self) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n1;"
        self.wfile.write(head.encode())
        self.slowly(b"x")
        self.wfile.write(b"\r\n \r\n")


class SlowBody(Slow):
    def drip(self) -> None:
        self.wfile.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        self.slowly(b"1\r\n \r\n")


@contextmanager
def slow(kind: type[Slow]) -> Iterator[tuple[LoopbackServer, Callable[[], int]]]:
    handler = type(kind.__name__, (kind,), {"count": 0})
    with served(handler) as server:
        yield server, lambda: handler.count


@pytest.mark.parametrize("kind", [SlowHeaders, SlowLine, SlowInterim, SlowChunk, SlowBody])
def test_B03_a_server_that_drips_is_given_up(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch, kind: type[Slow]
) -> None:
    for name in ("timely.HEAD_SECONDS", "timely.READ_SECONDS", "client.REQUEST_SECONDS"):
        monkeypatch.setattr(f"pipper.http.{name}", 0.5)
    with slow(kind) as (server, asked):
        ask(empty, f"{server.url}/simple", "public")
        told = empty.run("lock", code=6).stderr
    assert f"cannot read {server.url}/simple/public/" in told
    assert asked() == 1  # another attempt would take as long again


def limited(workspace: Workspace, *arguments: str, kilobytes: int = 600_000) -> tuple[int, str]:
    """Run a command with so much address space: a sync of a small project takes a third of that."""
    process = workspace.begin(*arguments, through=("sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh"))
    _, err = process.communicate(timeout=300)
    return process.returncode, err


@POSIX
@pytest.mark.parametrize(
    ("content_type", "begin", "piece", "words"),
    [
        ("text/html", b"<!DOCTYPE html>", b'<a href="', "a tag of more than"),
        ("text/html", b"<!DOCTYPE html>", b"<a href=x>", "more than 250,000 links"),
        ("text/html", b"<!DOCTYPE html>", b"<!--", "a tag of more than"),
        (JSON, b'{"files":[', b"[],", "too many values"),
        (JSON, b'{"files":[', b"{},", "too many values"),
        (JSON, b'{"files":[', b"1,", "too many values"),
        (JSON, b'{"files":', b"[", "it is not JSON: too many values"),
    ],
)
def test_B03_a_page_that_would_take_all_memory_is_refused(
    empty: Workspace, index: IndexDouble, content_type: str, begin: bytes, piece: bytes, words: str
) -> None:
    index.add_name("public")
    body = begin + piece * ((18 << 20) // len(piece)) + (b"1]}" if b"," in piece else b"")
    index.script(
        Fault(path="/simple/public/", body=body, headers={"Content-Type": content_type}, times=float("inf"))
    )
    ask(empty, index.url, "public")
    code, told = limited(empty, "lock")
    assert (code, words in told) == (6, True), told


def test_B03_a_project_of_which_no_version_can_be_used_is_given_up(
    empty: Workspace, index: IndexDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.index.source._MOST_UNUSABLE", 20)
    index.add_name("public")
    names = [f"public-{number}-py3-none-any.whl" for number in range(1_000)]
    entries = [{"filename": name, "url": f"../../files/{name}", "hashes": {}} for name in names]
    body = json.dumps({"meta": {"api-version": "1.0"}, "files": entries}).encode()
    index.script(Fault(path="/simple/public/", body=body, times=float("inf")))
    ask(empty, index.url, "public")
    told = empty.run("lock", code=6).stderr
    assert "stopped reading `public`: 20 of its files" in told
    assert "the page lists a file that does not exist" in told
    assert index.count("/files/*") < 200


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    ("path", "arguments", "codes"),
    [
        ("app/pipper.lock", ("lock",), (2, 8)),
        ("app/pipper.lock", ("sync",), (2, 8)),
        ("app/other.lock", ("sync", "--lock", "other.lock"), (2, 8)),
        ("app/pipper.json", ("install", "-i", "pipper.json"), (2, 8)),
        ("home/.pipper/repositories.json", ("lock", "-r", "acme"), (2, 8)),
        ("app/.venv/.pipper/journal.json", ("sync",), (2, 8)),
    ],
)
def test_B03_what_is_no_regular_file_is_not_read(
    workspace: Workspace, path: str, arguments: tuple[str, ...], codes: tuple[int, ...], kind: str
) -> None:
    place = workspace.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place, 0o600)
    else:
        place.symlink_to("/dev/zero")
    code, told = limited(workspace, *arguments)
    assert code in codes, told
    assert place.name in told


def test_B03_a_document_of_a_gigabyte_is_refused_before_it_is_read(workspace: Workspace) -> None:
    with workspace.lock.open("r+b") as file:
        file.truncate(1 << 30)  # sparse: it takes no space on the disk
    assert "pipper.lock" in workspace.run("sync", code=8).stderr
