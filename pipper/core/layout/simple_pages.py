"""The simple API for stock clients: JSON (PEP 691, 700), and the links of HTML pages (PEP 503, 592, 658, 714)."""

import json
from collections.abc import Callable, Iterable
from html import escape

from packaging.utils import NormalizedName

from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.wheel_identity import wheel_identity

JSON_TYPE = "application/vnd.pypi.simple.v1+json"

Address = Callable[[PageFile], str]
"""Returns the URL of a file, relative to the page of its project."""


def root_json(names: Iterable[NormalizedName]) -> bytes:
    """Return the list of projects as JSON."""
    return _dump({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]})


def project_json(page: ProjectPage, address: Address) -> bytes:
    """Return the files of a project as JSON."""
    versions = sorted({wheel_identity(file.filename).version for file in page.files})
    return _dump(
        {
            "meta": {"api-version": "1.1"},
            "name": page.name,
            "versions": [str(version) for version in versions],
            "files": [_entry(file, address(file)) for file in page.files],
        }
    )


def _entry(file: PageFile, url: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": url,
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": file.upload_time,
        "core-metadata": {"sha256": file.metadata_sha256},
        "yanked": file.yanked,
    }
    if file.needs.requires_python:
        entry["requires-python"] = file.needs.requires_python
    return entry


def anchor(file: PageFile, url: str) -> str:
    """Return the link to a file of a project on an HTML page."""
    more = f' data-core-metadata="sha256={file.metadata_sha256}"'
    if file.needs.requires_python:
        more += f' data-requires-python="{escape(file.needs.requires_python)}"'
    if file.yanked is not False:
        more += f' data-yanked="{escape(file.yanked if isinstance(file.yanked, str) else "")}"'
    return f'<a href="{escape(url)}#sha256={file.sha256}"{more}>{escape(file.filename)}</a>'


def prefers_json(accept: str) -> bool:
    """Return whether an Accept header (RFC 9110) prefers the JSON of the simple API to HTML."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, _, parameters = part.partition(";")
        weights[kind.strip()] = _weight(parameters)
    as_json = max(weights.get(JSON_TYPE, 0), weights.get("application/vnd.pypi.simple.latest+json", 0))
    html = max(weights.get(kind, 0) for kind in ("text/html", "application/vnd.pypi.simple.v1+html"))
    return as_json > 0 and as_json >= html


def _weight(parameters: str) -> float:
    for each in parameters.split(";"):
        name, _, value = each.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _dump(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
