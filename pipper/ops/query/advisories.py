"""Where advisories come from: an OSV service, or a folder of OSV files."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from pipper.core.advisories import ECOSYSTEM, Advisory, read_advisory
from pipper.core.document import DOCUMENT_LIMIT, Node, read_json
from pipper.core.lock.model import Pin
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.standards import read_version
from pipper.errors import IntegrityError, UsageError
from pipper.http.client import Web
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel

_BATCH = 500
"""Packages of one request, of one or two versions each; OSV allows 1,000 of these."""
_ROUNDS = 100
"""Pages of the answer about a package."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


class AdvisorySource(Protocol):
    """Knows advisories about packages of the index."""

    def find(self, pins: Sequence[Pin], reporter: Reporter) -> list[Advisory]:
        """Return at least the advisories about these versions. Only these names and versions are sent anywhere."""


class AdvisoryFolder:
    """OSV files, `*.json`, anywhere below a folder; nothing is sent."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, pins: Sequence[Pin], reporter: Reporter) -> list[Advisory]:
        """See `AdvisorySource.find`; raises UsageError without any file, and for one that is not of the OSV format."""
        del reporter
        with os_errors("read", self._path):
            paths = sorted(self._path.rglob("*.json"))
        if not paths:
            raise UsageError(
                f"{self._path} has no OSV files",
                cause="no file below it ends in .json",
                hint="unpack the advisories of an OSV database into it",
            )
        wanted = {pin.name for pin in pins}
        found = in_parallel(_read_file, paths)
        return [each for each in found if any(one.name in wanted for one in each.affected)]


def _read_file(path: Path) -> Advisory:
    hint = "remove it, or download it again"
    return read_advisory(read_json(read_bytes(path) or b"", label=str(path), limit=DOCUMENT_LIMIT, hint=hint))


class AdvisoryService:
    """An OSV service, asked over HTTP."""

    def __init__(self, url: str, web: Web) -> None:
        """`url` is the root, without the version of its interface."""
        self._root = url.rstrip("/")
        self._web = web

    def find(self, pins: Sequence[Pin], reporter: Reporter) -> list[Advisory]:
        """See `AdvisorySource.find`; raises IntegrityError for an answer that is not of the OSV interface."""
        batches = [pins[at : at + _BATCH] for at in range(0, len(pins), _BATCH)]
        ids = sorted({each for batch in batches for each in self._ask(batch)})
        reporter.detail(f"asked {shown(self._root)} about {len(pins)} packages: {len(ids)} advisories")
        return in_parallel(self._advisory, ids)

    def _ask(self, pins: Sequence[Pin]) -> set[str]:
        found: set[str] = set()
        queries = [_query(pin.name, version) for pin in pins for version in _compared(pin)]
        url = f"{self._root}/v1/querybatch"
        for _ in range(_ROUNDS):
            answer = self._web.post(url, json.dumps({"queries": queries}).encode(), limit=DOCUMENT_LIMIT)
            results = list(self._document(url, answer.body, answer.status).at("results").items())
            if len(results) != len(queries):
                raise self._wrong(url, f"it has {len(results)} results for {len(queries)} queries")
            found |= {_id(each) for result in results for each in result.at("vulns", []).items()}
            queries = [
                {**query, "page_token": result.text_at("next_page_token")}
                for query, result in zip(queries, results, strict=True)
                if "next_page_token" in result
            ]
            if not queries:
                return found
        raise self._wrong(url, f"it has more than {_ROUNDS} pages")

    def _advisory(self, name: str) -> Advisory:
        url = f"{self._root}/v1/vulns/{quote(name, safe='')}"
        answer = self._web.get(url, limit=DOCUMENT_LIMIT)
        return read_advisory(self._document(url, answer.body, answer.status))

    def _document(self, url: str, body: bytes, status: int) -> Node:
        if status != 200:
            raise self._wrong(url, f"status {status}")
        return read_json(body, label=shown(url), limit=DOCUMENT_LIMIT, hint=_HINT, error=IntegrityError)

    @staticmethod
    def _wrong(url: str, why: str) -> IntegrityError:
        return IntegrityError(f"{shown(url)} does not answer as an OSV service", cause=why, hint=_HINT)


_HINT = "check the URL of the service, or give a directory with --advisories"


def _query(name: str, version: str) -> dict[str, object]:
    return {"package": {"name": name, "ecosystem": ECOSYSTEM}, "version": version}


def _compared(pin: Pin) -> list[str]:
    """Return the version, and the public one of a local version: a service may know only that."""
    version = read_version(pin.version)
    return [pin.version, version.public] if version.local else [pin.version]


def _id(node: Node) -> str:
    found = node.text_at("id")
    if not _ID.fullmatch(found):
        raise node.at("id").fail("not the id of an advisory")
    return found


def unknown(ignored: Iterable[str], met: Iterable[str]) -> list[str]:
    """Return the ids that were to be ignored and that nothing has."""
    return sorted(set(ignored) - set(met))
