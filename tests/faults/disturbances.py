"""What may happen to one request to S3, and to the answer."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.faults.proxy import Answer, Forward, Outcome, Part, Request, Reset

Scope = Literal["once", "same", "all"]
"""The request alone; and all later ones of its kind; and all later ones."""
ANOTHER_ETAG = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a disturbance may use beside the request."""

    kill: Callable[[], None]
    """Kills the command."""
    older: Mapping[str, bytes]
    """Pages as they were one write before, by key."""
    kept: dict[str, Answer] = field(default_factory=dict)
    """Answers to give again, by the kind of their request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One thing that goes wrong."""

    name: str
    meets: Callable[[Request, Forward, Scene], Outcome]
    fits: Callable[[Request], bool] = lambda _: True
    """Which requests can meet it."""
    scope: Scope = "once"
    is_told: bool = True
    """False if nobody can notice it: then the command may say that it is done."""


def _kill_before(request: Request, forward: Forward, scene: Scene) -> Outcome:
    scene.kill()
    return Reset()


def _kill_after(request: Request, forward: Forward, scene: Scene) -> Outcome:
    forward()
    scene.kill()
    return Reset()


def _lost(request: Request, forward: Forward, scene: Scene) -> Outcome:
    forward()
    return Reset()


def _half(request: Request, forward: Forward, scene: Scene) -> Outcome:
    answer = forward()
    return Part(answer=answer) if answer.status in (200, 206) and answer.body else answer


def _stale(request: Request, forward: Forward, scene: Scene) -> Outcome:
    answer = forward()
    body = scene.older.get(request.key)
    if answer.status != 200 or body is None:
        return answer
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return replace(answer, body=body).with_header("ETag", f'"{etag}"')


def _wrong_etag(request: Request, forward: Forward, scene: Scene) -> Outcome:
    answer = forward()
    if request.operation == "LIST":
        return replace(answer, body=re.sub(rb"[0-9a-f]{32}", ANOTHER_ETAG.encode(), answer.body))
    return answer.with_header("ETag", f'"{ANOTHER_ETAG}"') if answer.header("etag") else answer


def _answer(status: int, code: str) -> Callable[[Request, Forward, Scene], Outcome]:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'.encode()

    def meets(request: Request, forward: Forward, scene: Scene) -> Outcome:
        body = b"" if request.method == "HEAD" else text
        return Answer(status=status, headers=[("Content-Type", "application/xml")], body=body)

    return meets


def flipped(body: bytes, place: float, bit: int = 0) -> bytes:
    """Return a body with another bit at `place`, from 0 (its first byte) to 1 (its last)."""
    if not body:
        return body
    at = round(place * (len(body) - 1))
    return body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]


def _flip(place: float) -> Callable[[Request, Forward, Scene], Outcome]:
    def meets(request: Request, forward: Forward, scene: Scene) -> Outcome:
        if request.method == "PUT":
            return forward(replace(request, body=flipped(request.body, place)))
        answer = forward()
        return replace(answer, body=flipped(answer.body, place)) if answer.status in (200, 206) else answer

    return meets


_ENTRY = re.compile(rb"<(Contents|CommonPrefixes)>.*?</\1>", re.DOTALL)


def _cut(*, counted: bool) -> Callable[[Request, Forward, Scene], Outcome]:
    """A listing that lacks its last entry; `counted` as if the server had meant it."""

    def meets(request: Request, forward: Forward, scene: Scene) -> Outcome:
        answer = forward()
        entries = list(_ENTRY.finditer(answer.body))
        if not entries:
            return answer
        body = answer.body[: entries[-1].start()] + answer.body[entries[-1].end() :]
        if counted:
            fewer = str(len(entries) - 1).encode()
            body = re.sub(rb"<KeyCount>\d+<", b"<KeyCount>%s<" % fewer, body)
        return replace(answer, body=body)

    return meets


def _doubled(request: Request, forward: Forward, scene: Scene) -> Outcome:
    """Each entry of a listing twice, and counted twice."""
    answer = forward()
    body, entries = _ENTRY.subn(rb"\g<0>\g<0>", answer.body)
    body = re.sub(rb"<KeyCount>\d+<", b"<KeyCount>%d<" % (2 * entries), body)
    return replace(answer, body=body)


def _endless(request: Request, forward: Forward, scene: Scene) -> Outcome:
    """A listing whose last page is followed by itself."""
    target = re.sub(r"[?&]continuation-token=[^&]*", "", request.target)
    if "continuation-token" in request.query:
        # Its signature covers the token, so the answer comes from what the first request got.
        return scene.kept[request.kind]
    answer = forward(replace(request, target=target))
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
    answer = replace(answer, body=re.sub(rb"<IsTruncated>false</IsTruncated>", more, answer.body))
    scene.kept[request.kind] = answer
    return answer


def _reads(request: Request) -> bool:
    return request.operation in ("GET", "LIST")


def _writes(request: Request) -> bool:
    return request.operation in ("PUT", "DELETE")


def _lists(request: Request) -> bool:
    return request.operation == "LIST"


def _is_page(request: Request) -> bool:
    return request.operation == "GET" and request.key.endswith("/index.json")


def _has_body(request: Request) -> bool:
    return _reads(request) or bool(request.body)


def _has_etag(request: Request) -> bool:
    return request.operation != "DELETE"


def _is_object(request: Request) -> bool:
    return request.operation != "LIST"


DISTURBANCES = (
    Disturbance(name="kill before", meets=_kill_before),
    Disturbance(name="kill after", meets=_kill_after),
    Disturbance(name="lost answer", meets=_lost),
    Disturbance(name="500", meets=_answer(500, "InternalError")),
    Disturbance(name="503 from here on", meets=_answer(503, "SlowDown"), scope="all"),
    Disturbance(name="403", meets=_answer(403, "AccessDenied")),
    Disturbance(name="404", meets=_answer(404, "NoSuchKey"), fits=_is_object),
    Disturbance(name="409", meets=_answer(409, "OperationAborted"), fits=_writes),
    Disturbance(name="412", meets=_answer(412, "PreconditionFailed"), fits=_writes),
    Disturbance(name="412 for ever", meets=_answer(412, "PreconditionFailed"), fits=_writes, scope="same"),
    Disturbance(name="stale page", meets=_stale, fits=_is_page),
    Disturbance(name="wrong etag", meets=_wrong_etag, fits=_has_etag),
    Disturbance(name="wrong etag for ever", meets=_wrong_etag, fits=_has_etag, scope="same"),
    Disturbance(name="half body", meets=_half, fits=_reads),
    Disturbance(name="half body for ever", meets=_half, fits=_reads, scope="same"),
    Disturbance(name="flipped bit at the start", meets=_flip(0.1), fits=_has_body),
    Disturbance(name="flipped bit", meets=_flip(0.5), fits=_has_body),
    Disturbance(name="flipped bit at the end", meets=_flip(0.9), fits=_has_body),
    Disturbance(name="flipped bit for ever", meets=_flip(0.5), fits=_has_body, scope="same"),
    Disturbance(name="cut listing", meets=_cut(counted=False), fits=_lists),
    Disturbance(name="listing that lacks an entry", meets=_cut(counted=True), fits=_lists, is_told=False),
    Disturbance(name="doubled listing", meets=_doubled, fits=_lists),
    Disturbance(name="endless listing", meets=_endless, fits=_lists, scope="same"),
)


def of_request(request: Request) -> Iterator[Disturbance]:
    """Yield the disturbances that a request can meet."""
    return (each for each in DISTURBANCES if each.fits(request))
