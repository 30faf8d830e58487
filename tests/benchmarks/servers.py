"""Servers on loopback, each in its own process: a simple index, an S3 endpoint that can be read, latency.

The index and the S3 endpoint are served by the same few lines from memory, so that tools are compared and not
servers. Signatures are not looked at. Both answer what is asked for again by ETag (304); the index gives neither
age nor date, because a client may call a copy fresh by those without asking.
"""

import asyncio
import email
import hashlib
import json
import multiprocessing
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from packaging.utils import NormalizedName, canonicalize_name

BUCKET = "bench"
_STATUS = {200: "OK", 206: "Partial Content", 304: "Not Modified", 404: "Not Found"}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What stands under one path."""

    body: bytes
    kind: str
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"')


@contextmanager
def serving(wheels: Path, folders: Mapping[str, Path]) -> Iterator[int]:
    """Serve the wheels below `/simple/`, and each folder as `s3://bench/NAME`; yield the port."""
    with _process(_serve, wheels, dict(folders)) as port:
        yield port


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """Pass bytes to and from `port` with a round trip, one more to connect; yield the port in front."""
    with _process(_delay, port, seconds) as front:
        yield front


@contextmanager
def _process(target: Callable[..., None], *args: object) -> Iterator[int]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *args), daemon=True)
    process.start()
    theirs.close()  # so that `recv` ends if the process does
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(ready: Connection, wheels: Path, folders: dict[str, Path]) -> None:
    bodies = _index(wheels)
    for prefix, folder in folders.items():
        bodies |= _objects(prefix, folder)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _request(reader):
            method, target, headers = request
            status, extra, body = _answer(bodies, target, headers)
            head = [
                f"HTTP/1.1 {status} {_STATUS[status]}",
                *(f"{name}: {value}" for name, value in extra.items()),
            ]
            head.append(f"Content-Length: {len(body)}")
            writer.write("\r\n".join([*head, "", ""]).encode() + (b"" if method == "HEAD" else body))
            await writer.drain()
        writer.close()

    asyncio.run(_listen(ready, handle))


def _delay(ready: Connection, port: int, seconds: float) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _pump(reader, behind_writer, seconds / 2), _pump(behind_reader, writer, seconds / 2)
        )

    asyncio.run(_listen(ready, handle))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on everything, each piece so many seconds after it came, without holding up the next."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        while piece := await reader.read(1 << 16):
            pieces.put_nowait((loop.time() + seconds, piece))
        pieces.put_nowait((loop.time() + seconds, b""))

    taking = asyncio.create_task(take())
    while True:
        due, piece = await pieces.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        if not piece:
            break
        writer.write(piece)
        await writer.drain()
    await taking
    writer.close()


async def _listen(ready: Connection, handle: Handler) -> None:
    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0, backlog=256)
    ready.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    if length := int(headers.get("content-length", 0)):
        await reader.readexactly(length)
    return method, target, headers


def _answer(
    bodies: dict[str, Body], target: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(target)
    path, query = unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)
    if path.strip("/") == BUCKET:
        return 200, {"Content-Type": "application/xml"}, _listing(bodies, query)
    found = bodies.get(path)
    if found is None:
        return 404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>"
    extra = {
        "Content-Type": found.kind,
        "ETag": found.etag,
        "Accept-Ranges": "bytes",
    }
    if path.startswith(f"/{BUCKET}/"):
        extra["Last-Modified"] = "Sun, 02 Feb 2020 02:02:02 GMT"
    if headers.get("if-none-match") == found.etag:
        return 304, extra, b""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
    if not asked:
        return 200, extra, found.body
    size = len(found.body)
    start = int(asked[1]) if asked[1] else size - int(asked[2])
    stop = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
    return 206, {**extra, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}, found.body[start:stop]


def _listing(bodies: dict[str, Body], query: dict[str, list[str]]) -> bytes:
    """ListObjectsV2, a thousand names a page."""
    prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
    after = query.get("continuation-token", [""])[0]
    names: dict[str, Body | None] = {}
    for path in sorted(bodies):
        key = path.removeprefix(f"/{BUCKET}/")
        if key != path and key.startswith(prefix):
            rest = key[len(prefix) :]
            folder = delimiter and delimiter in rest
            names[prefix + rest.split(delimiter)[0] + delimiter if folder else key] = (
                None if folder else bodies[path]
            )
    page = [name for name in names if name > after][:1000]
    more = bool(page) and page[-1] != list(names)[-1]
    told = "".join(_entry(name, names[name]) for name in page)
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return (
        f'<?xml version="1.0"?><ListBucketResult xmlns="{space}"><Name>{BUCKET}</Name>'
        f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>{token}{told}</ListBucketResult>"
    ).encode()


def _entry(name: str, body: Body | None) -> str:
    if body is None:
        return f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
    return (
        f"<Contents><Key>{escape(name)}</Key><LastModified>2020-02-02T02:02:02.000Z</LastModified>"
        f"<ETag>{escape(body.etag)}</ETag><Size>{len(body.body)}</Size></Contents>"
    )


def _objects(prefix: str, folder: Path) -> dict[str, Body]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    keys = ((path, path.relative_to(folder).as_posix()) for path in files)
    return {
        f"/{BUCKET}/{prefix}/{key}": Body(body=path.read_bytes(), kind="application/octet-stream")
        for path, key in keys
        if not key.startswith(".")
    }


def _index(wheels: Path) -> dict[str, Body]:
    """One PEP 691 page a project, the wheels and their metadata (PEP 658) beside them."""
    bodies: dict[str, Body] = {}
    files: dict[NormalizedName, list[dict[str, object]]] = {}
    for path in sorted(wheels.glob("*.whl")):
        name = canonicalize_name(path.name.split("-")[0])
        with zipfile.ZipFile(path) as archive:
            top = (
                each for each in archive.namelist() if each.count("/") == 1
            )  # setuptools brings others below
            (inside,) = (each for each in top if each.endswith(".dist-info/METADATA"))
            metadata = archive.read(inside)
        body, python = path.read_bytes(), email.message_from_bytes(metadata)["Requires-Python"]
        bodies[f"/files/{path.name}"] = Body(body=body, kind="application/octet-stream")
        bodies[f"/files/{path.name}.metadata"] = Body(body=metadata, kind="text/plain")
        files.setdefault(name, []).append(
            {
                "filename": path.name,
                "url": f"/files/{path.name}",
                "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
                "size": len(body),
                "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
                "yanked": False,
                **({"requires-python": python} if python else {}),
            }
        )
    for name, entries in files.items():
        page = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": entries}).encode()
        bodies[f"/simple/{name}/"] = Body(body=page, kind="application/vnd.pypi.simple.v1+json")
    return bodies
