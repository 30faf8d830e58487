"""An S3 server on loopback that does what it is told: real semantics, a fault script, a memory of requests.

    with S3Double() as double:
        bucket = double.endpoint.fresh_bucket()
        double.script(Rule(operation="PutObject", key="*/index.json", fault=LostAnswer()))
        ...
        assert double.count("PutObject") == 2

It knows objects (PUT, GET with ranges, HEAD, DELETE), List v2 with delimiter and pages, and the conditions
`If-None-Match` and `If-Match`. It knows who may ask by the access key id, but checks no signature.
"""

import fnmatch
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.loopback import LoopbackServer, QuietHandler, serving
from tests.s3_endpoint import S3Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Refuse with this status and S3 error code, without doing anything."""

    status: int
    code: str
    message: str = "as the script says"
    headers: Mapping[str, str] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)
    """More elements of the error document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenBody:
    """Announce the whole body, send only so many of its bytes, and end the connection."""

    sent: int
    reset: bool = True
    """With a reset; else with an orderly end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBody:
    """Answer 200 (or 206, where the real answer would be in part) with this body in place of the real one."""

    body: bytes
    content_type: str = "application/octet-stream"
    partial: bool = True
    """False: 200 and no Content-Range, whatever was asked."""
    etag: bool = True
    """False: without the etag and all that S3 would tell of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAnswer:
    """Do what is asked, and end the connection instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Neither do anything nor answer until the double is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowBody:
    """Send the body in `pieces` of one size, each after a pause of so many seconds."""

    pieces: int
    pause: float


Fault = Answer | BrokenBody | OtherBody | LostAnswer | Silence | SlowBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests meet a fault: of those that fit, the `nth` (from 1) and the `times - 1` after it."""

    operation: str
    """`PutObject`, `CopyObject`, `GetObject`, `HeadObject`, `DeleteObject`, `ListObjectsV2`, `HeadBucket`, or `*`."""
    fault: Fault
    key: str = "*"
    """A glob over the whole key, prefix and all."""
    nth: int = 1
    times: float = 1
    """`float("inf")` for all that follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came."""

    operation: str
    bucket: str
    key: str
    headers: Mapping[str, str]
    """By names in lower case."""
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    body: bytes
    etag: str
    content_type: str
    metadata: Mapping[str, str]
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class S3Double:
    """The server; use it as a context manager. Tests may set its attributes at any time."""

    def __init__(self) -> None:
        self.conditions = True
        """False: conditions are accepted and ignored."""
        self.quoting: Literal["any", "bare"] = "any"
        """`bare`: a quoted etag in If-Match never matches, and an absent key is a 412, as with Ceph."""
        self.page_size = 1000
        self.public = False
        """True: reads need no signature."""
        self.versioned = False
        """True: a version of each write stays, and a deletion hides them."""
        self.settings: dict[str, str] = {}
        """The answers to `versioning` and `object-lock`, as XML; without one, there is no such setting."""
        self.shape: Callable[[Seen, Mapping[str, str]], Mapping[str, str]] = lambda _, headers: headers
        """What becomes of the headers of every answer."""
        self.demand: Callable[[Seen], Answer | None] = lambda _: None
        """The bucket's policy: the refusal of a request, or None."""
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._buckets: dict[str, dict[str, _Object]] = {}
        self._versions: dict[tuple[str, str], list[tuple[str, _Object | None]]] = {}
        self._rules: list[tuple[Rule, list[int]]] = []
        self._closing = threading.Event()
        self._server = _Server(self)
        self.endpoint = S3Endpoint(
            url=self._server.url, access_key_id="AKIADOUBLE", secret_access_key="double-secret"
        )
        self._running = serving(self._server)

    def __enter__(self) -> "S3Double":
        self._running.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._running.__exit__(kind, error, trace)

    def script(self, *rules: Rule) -> None:
        """Add `rules`; the first that fits a request decides."""
        with self._lock:
            self._rules.extend((rule, [0]) for rule in rules)

    def forget(self) -> None:
        """Drop all rules and all that was seen; what is stored stays."""
        with self._lock:
            self._rules.clear()
            self.seen.clear()

    def count(self, operation: str, key: str = "*") -> int:
        """Tell how many requests of `operation` for keys that fit the glob `key` came."""
        with self._lock:
            return sum(_fits(one, operation, key) for one in self.seen)

    def await_one(self, operation: str, key: str, *, unless: Callable[[], bool]) -> bool:
        """Return True once such a request has come, False where `unless` turned true before."""
        with self._news:
            while not any(_fits(one, operation, key) for one in self.seen):
                if unless():
                    return False
                self._news.wait(0.05)
            return True

    def body(self, bucket: str, key: str) -> bytes:
        """Return what is stored."""
        with self._lock:
            return self._buckets[bucket][key].body

    def contents(self, bucket: str) -> dict[str, str]:
        """Return every key of `bucket` with its etag, whatever the script says of requests."""
        with self._lock:
            return {key: held.etag for key, held in sorted(self._buckets[bucket].items())}

    def versions(self, bucket: str) -> list[str]:
        """Return the keys of all versions and deletions, each as often as it has some."""
        with self._lock:
            return [
                key for (name, key), kept in sorted(self._versions.items()) for _ in kept if name == bucket
            ]

    def lose(self, bucket: str, key: str) -> None:
        """Let an object be gone."""
        with self._lock:
            del self._buckets[bucket][key]

    def adopt(self, other: "S3Double") -> None:
        """Hold copies of all that `other` holds."""
        with self._lock, other._lock:
            self._buckets = {bucket: dict(objects) for bucket, objects in other._buckets.items()}

    def handle(self, request: Seen, method: str, body: bytes) -> tuple[_Reply, Fault | None]:
        """Do what `request` asks, unless the script says otherwise."""
        with self._lock:
            self.seen.append(request)
            self._news.notify_all()
            fault = self._fault(request)
            if isinstance(fault, Silence):
                return _Reply(status=500), fault
            if isinstance(fault, Answer):
                return _refusal(fault, method), fault
            if refused := self._refused(request) or self._demanded(request):
                return _refusal(refused, method), None
            return self._do(request, method, body), fault

    def await_end(self, seconds: float | None = None) -> None:
        """Wait until the double is closed, or for so many seconds."""
        self._closing.wait(seconds)

    def _fault(self, request: Seen) -> Fault | None:
        for rule, met in self._rules:
            fits = rule.operation in {"*", request.operation} and fnmatch.fnmatchcase(request.key, rule.key)
            if fits:
                met[0] += 1
                if rule.nth <= met[0] < rule.nth + rule.times:
                    return rule.fault
        return None

    def _demanded(self, request: Seen) -> Answer | None:
        return None if request.operation == "CreateBucket" else self.demand(request)

    def _refused(self, request: Seen) -> Answer | None:
        reads = ("GetObject", "HeadObject", "ListObjectsV2", "HeadBucket")
        if self.public and request.operation in reads and "authorization" not in request.headers:
            return None
        signed = request.headers.get("authorization", "").partition("Credential=")[2]
        signed = signed or request.query.get("X-Amz-Credential", "")
        if signed.split("/")[0] != self.endpoint.access_key_id:
            return Answer(status=403, code="InvalidAccessKeyId" if signed else "AccessDenied")
        if "X-Amz-Expires" in request.query:
            begun = datetime.strptime(request.query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if begun + timedelta(seconds=int(request.query["X-Amz-Expires"])) < datetime.now(UTC):
                return Answer(status=403, code="AccessDenied", message="Request has expired")
        return None

    def _do(self, request: Seen, method: str, body: bytes) -> _Reply:
        if request.operation == "CreateBucket":
            self._buckets.setdefault(request.bucket, {})
            return _Reply(status=200)
        objects = self._buckets.get(request.bucket)
        if objects is None:
            return _refusal(Answer(status=404, code="NoSuchBucket"), method)
        match request.operation:
            case "GetBucketVersioning" | "GetObjectLockConfiguration":
                found = self.settings.get(request.operation)
                missing = Answer(status=404, code="ObjectLockConfigurationNotFoundError")
                return _refusal(missing, method) if found is None else _Reply(status=200, body=found.encode())
            case "HeadBucket":
                return _Reply(status=200, headers={"x-amz-bucket-region": self.endpoint.region})
            case "ListObjectsV2":
                return _list(request, objects, self.page_size)
            case "PutObject":
                return self._put(request, objects, body)
            case "CopyObject":
                return self._copy(request, objects)
            case "DeleteObject":
                self._delete(request, objects)
                return _Reply(status=204)
            case "GetObject" | "HeadObject":
                held = objects.get(request.key)
                if held is None:
                    return _refusal(Answer(status=404, code="NoSuchKey"), method)
                return _get(request, held)
        return _refusal(Answer(status=501, code="NotImplemented"), method)

    def _delete(self, request: Seen, objects: dict[str, _Object]) -> None:
        kept = self._versions.setdefault((request.bucket, request.key), [])
        if version := request.query.get("versionId"):
            kept[:] = [each for each in kept if each[0] != version]
        elif self.versioned:
            kept.append((f"v{len(self.seen)}", None))
        else:
            kept.clear()
        current = kept[-1][1] if kept else None
        if current is None:
            objects.pop(request.key, None)
        else:
            objects[request.key] = current

    def _copy(self, request: Seen, objects: dict[str, _Object]) -> _Reply:
        bucket, _, key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        held = self._buckets.get(bucket, {}).get(key)
        if held is None:
            return _refusal(Answer(status=404, code="NoSuchKey"), "PUT")
        wanted = request.headers.get("x-amz-copy-source-if-match")
        if wanted is not None and wanted.strip('"') != held.etag:
            return _refusal(Answer(status=412, code="PreconditionFailed"), "PUT")
        objects[request.key] = held
        text = f"<CopyObjectResult><ETag>&quot;{held.etag}&quot;</ETag></CopyObjectResult>"
        return _Reply(status=200, headers={"Content-Type": "application/xml"}, body=text.encode())

    def _put(self, request: Seen, objects: dict[str, _Object], body: bytes) -> _Reply:
        held = objects.get(request.key)
        if self.conditions:
            if "if-none-match" in request.headers and held is not None:
                return _refusal(Answer(status=412, code="PreconditionFailed"), "PUT")
            wanted = request.headers.get("if-match")
            if wanted is not None and held is None:
                missing = Answer(status=404, code="NoSuchKey")
                unmet = Answer(status=412, code="PreconditionFailed")
                return _refusal(unmet if self.quoting == "bare" else missing, "PUT")
            etags = {held.etag} if held is not None else set()
            if held is not None and self.quoting == "any":
                etags.add(f'"{held.etag}"')
            if wanted is not None and wanted not in etags:
                return _refusal(Answer(status=412, code="PreconditionFailed"), "PUT")
        stored = _Object(
            body=body,
            etag=hashlib.md5(body).hexdigest(),
            content_type=request.headers.get("content-type", ""),
            metadata={n: v for n, v in request.headers.items() if n.startswith("x-amz-meta-")},
            modified=datetime.now(UTC).replace(microsecond=0),
        )
        objects[request.key] = stored
        headers = {"ETag": f'"{stored.etag}"'}
        if self.versioned:
            headers["x-amz-version-id"] = f"v{len(self.seen)}"
            kept = self._versions.setdefault((request.bucket, request.key), [])
            kept.append((headers["x-amz-version-id"], stored))
        return _Reply(status=200, headers=headers)


def _fits(request: Seen, operation: str, key: str) -> bool:
    return request.operation == operation and fnmatch.fnmatchcase(request.key, key)


def _refusal(answer: Answer, method: str) -> _Reply:
    more = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in answer.elements.items())
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{answer.code}</Code>'
        f"<Message>{escape(answer.message)}</Message>{more}</Error>"
    )
    body = b"" if method == "HEAD" else text.encode()
    return _Reply(
        status=answer.status, headers={"Content-Type": "application/xml", **answer.headers}, body=body
    )


def _other(real: _Reply, fault: OtherBody) -> _Reply:
    headers = {**real.headers, "Content-Type": fault.content_type} if fault.etag else {}
    if not fault.partial:
        headers.pop("Content-Range", None)
    return _Reply(status=real.status if fault.partial else 200, headers=headers, body=fault.body)


def _get(request: Seen, found: _Object) -> _Reply:
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Content-Type": found.content_type,
        **found.metadata,
    }
    if request.headers.get("if-none-match", "").strip('"') == found.etag:
        return _Reply(status=304, headers=headers)
    asked = request.headers.get("range")
    if asked is None:
        return _Reply(status=200, headers=headers, body=found.body)
    first, last = asked.removeprefix("bytes=").split("-")
    size = len(found.body)
    begin, end = int(first), min(int(last) if last else size - 1, size - 1)
    if begin >= size:
        return _refusal(Answer(status=416, code="InvalidRange"), "GET")
    headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
    return _Reply(status=206, headers=headers, body=found.body[begin : end + 1])


def _list(request: Seen, objects: Mapping[str, _Object], page_size: int) -> _Reply:
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
    after = request.query.get("continuation-token", "")
    shown: dict[str, str] = {}
    for key in sorted(objects):
        if not key.startswith(prefix):
            continue
        head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if mark:
            name = f"{prefix}{head}{mark}"
            shown[name] = f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>"
        else:
            one = objects[key]
            shown[key] = (
                f"<Contents><Key>{quote(key)}</Key><Size>{len(one.body)}</Size><ETag>&quot;{one.etag}&quot;</ETag>"
                f"<LastModified>{one.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            )
    left = [name for name in sorted(shown) if name > after]
    page = left[: min(page_size, int(request.query.get("max-keys", "1000")))]
    more = len(page) < len(left)
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><EncodingType>url</EncodingType>'
        f"<Prefix>{quote(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(shown[name] for name in page)}"
        "</ListBucketResult>"
    )
    return _Reply(status=200, headers={"Content-Type": "application/xml"}, body=text.encode())


class _Server(LoopbackServer):
    def __init__(self, double: S3Double) -> None:
        super().__init__(_Handler)
        self.double = double


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        assert isinstance(self.server, _Server)
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed: half an object must not be stored
            self.close_connection = True
            return
        request = self._parsed()
        reply, fault = self.server.double.handle(request, self.command, body)
        if isinstance(fault, Silence):
            self.server.double.await_end()
            self.close_connection = True
            return
        if isinstance(fault, LostAnswer):
            self._reset()
            return
        if isinstance(fault, OtherBody):
            reply = _other(reply, fault)
        self.send_response_only(reply.status)
        date, length = format_datetime(datetime.now(UTC), usegmt=True), str(len(reply.body))
        headers = self.server.double.shape(request, {"Date": date, **reply.headers, "Content-Length": length})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(fault, BrokenBody) and "Transfer-Encoding" not in headers:
            self.wfile.write(reply.body[: fault.sent])
            self._reset() if fault.reset else self._end()
            return
        if "Transfer-Encoding" in headers:
            self._write_chunked(reply.body, whole=not isinstance(fault, BrokenBody))
            return
        self.close_connection |= "Content-Length" not in headers
        if isinstance(fault, SlowBody):
            self._write_slowly(reply.body, fault)
            return
        self.wfile.write(reply.body)

    def _write_slowly(self, body: bytes, fault: SlowBody) -> None:
        assert isinstance(self.server, _Server)
        size = -(-len(body) // fault.pieces) or 1
        for start in range(0, len(body), size):
            self.server.double.await_end(fault.pause)
            self.wfile.write(body[start : start + size])

    def _write_chunked(self, body: bytes, *, whole: bool) -> None:
        for start in range(0, len(body), 1000):
            piece = body[start : start + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n") if whole else self._end()

    do_GET = do_HEAD = do_PUT = do_DELETE = _serve  # noqa: N815 -- the base class looks for these names

    def _parsed(self) -> Seen:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
        roots = {
            "GET": "ListObjectsV2",
            "HEAD": "HeadBucket",
            "PUT": "CreateBucket",
            "DELETE": "DeleteBucket",
        }
        if key and "x-amz-copy-source" in self.headers:
            names["PUT"] = "CopyObject"
        settings = {"versioning": "GetBucketVersioning", "object-lock": "GetObjectLockConfiguration"}
        roots["GET"] = next((settings[name] for name in query if name in settings), "ListObjectsV2")
        return Seen(
            operation=(names if key else roots)[self.command],
            bucket=bucket,
            key=key,
            headers={name.lower(): value for name, value in self.headers.items()},
            query=query,
        )

    def _reset(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        # an end with a linger of nothing is a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _end(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def running_double() -> Iterator[S3Double]:
    """Yield a double that is closed at the end: the body of a fixture."""
    with S3Double() as double:
        yield double
