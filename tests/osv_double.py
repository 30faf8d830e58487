"""An OSV service on loopback: batch queries, pages and advisories, and a memory of every byte that it was sent."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tests.loopback import LoopbackServer, QuietHandler, serving


def advisory(
    id_: str,
    name: str,
    *events: Mapping[str, str],
    versions: tuple[str, ...] = (),
    ecosystem: str = "PyPI",
    **more: Any,
) -> dict[str, Any]:
    """A document of the OSV format about one package."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    about = {"package": {"name": name, "ecosystem": ecosystem}, "ranges": ranges, "versions": list(versions)}
    return {"id": id_, "modified": "2026-01-01T00:00:00Z", "affected": [about], **more}


def write_advisories(folder: Path, *documents: Mapping[str, Any]) -> Path:
    """Write advisories as files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (folder / f"{document['id']}.json").write_text(json.dumps(document))
    return folder


class OsvDouble(AbstractContextManager["OsvDouble"]):
    """The service. It answers by name alone, and leaves versions to its client; each answer has one advisory a page."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        self.documents = {document["id"]: document for document in documents}
        self.sent: list[bytes] = []
        """Path and body of each request."""
        self.answers: dict[str, tuple[int, bytes]] = {}
        """Wrong answers, by path."""
        self._server = LoopbackServer(_handler(self))
        self._running = serving(self._server)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> "OsvDouble":
        self._running.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, trace)

    def names(self) -> set[str]:
        """The packages that anything was asked about."""
        queries = [json.loads(body.partition(b" ")[2]) for body in self.sent if body.endswith(b"}")]
        return {query["package"]["name"] for each in queries for query in each["queries"]}

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body for a request."""
        self.sent.append(path.encode() + b" " + body)
        if path in self.answers:
            return self.answers[path]
        if path == "/v1/querybatch":
            return 200, json.dumps(
                {"results": [self._result(each) for each in json.loads(body)["queries"]]}
            ).encode()
        found = self.documents.get(unquote(path.removeprefix("/v1/vulns/")))
        return (404, b"{}") if found is None else (200, json.dumps(found).encode())

    def _result(self, query: Mapping[str, Any]) -> dict[str, Any]:
        ids = sorted(
            key
            for key, document in self.documents.items()
            if any(
                canonicalize_name(each["package"]["name"]) == query["package"]["name"]
                for each in document["affected"]
            )
        )
        at = int(query.get("page_token", 0))
        result: dict[str, Any] = {"vulns": [{"id": each} for each in ids[at : at + 1]]} if ids else {}
        return result | ({"next_page_token": str(at + 1)} if at + 1 < len(ids) else {})


def _handler(double: OsvDouble) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            status, answer = double.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == 302:
                self.send_header("Location", "/v1/elsewhere")
            self.end_headers()
            self.wfile.write(answer)

    return Handler
