"""Parse core metadata and the other files of a `.dist-info` that have the format of mail headers."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pipper.core.standards import read_requirement, read_version
from pipper.core.wording import counted
from pipper.wheels.member_paths import refusal, shortened

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
# Python rejects numbers of more than 4,300 digits, and `packaging` parses them only when it compares.
_HUGE_NUMBER = re.compile(r"\d{1000}")
_FOLD = re.compile(r"\r?\n[ \t]+")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NAME = re.compile(r"[!-9;-~]*")

MAX_REQUIREMENTS = 2_000
"""Lines of Requires-Dist in one wheel."""

_MAX_REQUIREMENT = 10_000
_MAX_TEXT = 500_000
_MAX_DEPTH = 50
_MAX_HEADERS = 4 << 20
_MAX_LINES = 50_000


class CoreMetadata(Struct, frozen=True, kw_only=True):
    """The METADATA of a distribution (core metadata 2.x), parsed leniently; `unusable` checks requirements."""

    raw: bytes
    """The bytes of the file."""
    name: str
    """As written, not normalized."""
    version: Version
    requires_dist: tuple[str, ...]
    """Requirements as written, unfolded."""
    requires_python: str
    """Empty if METADATA has none."""
    provides_extra: tuple[str, ...]

    @property
    def normalized_name(self) -> NormalizedName:
        """The name normalized (PEP 503)."""
        return canonicalize_name(self.name)

    def unusable(self) -> str:
        """Return why a solver cannot use these requirements, or an empty text.

        It cannot if a requirement is malformed or names a URL, or if they are too many or too long. A malformed
        Requires-Python counts as none (`core.wheel_kinds.specifiers`). Takes bounded time.
        """
        fault = bounds_fault(self.requires_dist) or bounds_fault([self.requires_python])
        if fault:
            return fault
        return next(filter(None, map(requirement_fault, self.requires_dist)), "")


def bounds_fault(lines: Sequence[str]) -> str:
    """Return why these lines of Requires-Dist cannot be parsed in bounded time, or an empty text."""
    if len(lines) > MAX_REQUIREMENTS:
        return f"it has {counted(len(lines), 'requirement')}, more than {MAX_REQUIREMENTS:,}"
    if sum(map(len, lines)) > _MAX_TEXT:
        return f"its requirements are more than {_MAX_TEXT:,} characters"
    return next(filter(None, map(_bound_fault, lines)), "")


def _bound_fault(text: str) -> str:
    if len(text) > _MAX_REQUIREMENT or text.count("(") > _MAX_DEPTH or _HUGE_NUMBER.search(text):
        return f"it has a requirement that is too long or nested too deeply: {shortened(text[:80])}"
    return ""


def requirement_fault(text: str) -> str:
    """Return why a line of Requires-Dist cannot be used, or an empty text."""
    if fault := _bound_fault(text):
        return fault
    try:
        requirement = read_requirement(text)
    except InvalidRequirement:
        return f"it has a malformed requirement: {shortened(text)}"
    if requirement.url is not None:
        # The URL may contain a token: no error quotes it.
        return f"it requires {requirement.name} from a URL, which pipper does not follow"
    return ""


def parse_metadata(raw: bytes, *, subject: str) -> CoreMetadata:
    """Return the core metadata in `raw`; `subject` names the file in errors.

    Replaces bytes that are not UTF-8: descriptions have some. Raises IntegrityError if name or version is
    missing, a duplicate or malformed, or if Metadata-Version is not 1.x or 2.x.
    """
    headers = parse_headers(raw, subject=subject)
    if headers.get("metadata-version", ["2"])[0].strip().split(".")[0] not in ("1", "2"):
        written = shortened(headers["metadata-version"][0])
        raise refusal(subject, f"Metadata-Version is {written}; 1.x and 2.x are supported")
    name = _single(headers, "name", subject)
    if not name.isascii():
        raise refusal(subject, f"METADATA has the name {shortened(name)}, which is not ASCII")
    written = _single(headers, "version", subject)
    try:
        version = read_version(written)
    except InvalidVersion as error:
        raise refusal(subject, f"METADATA has the invalid version {shortened(written)}") from error
    return CoreMetadata(
        raw=raw,
        name=name,
        version=version,
        requires_dist=tuple(headers.get("requires-dist", ())),
        requires_python=headers.get("requires-python", [""])[0],
        provides_extra=tuple(headers.get("provides-extra", ())),
    )


def parse_headers(raw: bytes, *, subject: str) -> dict[str, list[str]]:
    """Return the headers before the first blank line, names in lower case, values unfolded and stripped.

    Raises IntegrityError if they have more than 4 MiB or 50,000 lines.
    """
    end = _BLANK_LINE.search(raw)
    head = raw[: end.start()] if end else raw
    if len(head) > _MAX_HEADERS or head.count(b"\n") + head.count(b"\r") > 2 * _MAX_LINES:
        raise refusal(subject, f"has headers of more than {_MAX_HEADERS:,} bytes or {_MAX_LINES:,} lines")
    headers: dict[str, list[str]] = {}
    for key, value in _headers(head.decode("utf-8", "replace")):
        headers.setdefault(key.lower(), []).append(_FOLD.sub(" ", value).strip())
    return headers


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values as `email.parser.HeaderParser` finds them, whose import takes 10 ms."""
    name = value = ""
    for line in _LINE.findall(text):
        if line[0] in " \t":
            value += line
            continue
        before, colon, after = line.partition(":")
        is_envelope = line.startswith("From ")
        if not is_envelope and not (colon and _NAME.fullmatch(before)):
            break
        if name:
            yield name, value
        name, value = "" if is_envelope else before, after
    if name:
        yield name, value


def parse_description(raw: bytes) -> str:
    """Return what follows the headers: the description, in METADATA of format 2.1 and newer."""
    end = _BLANK_LINE.search(raw)
    return raw[end.end() :].decode("utf-8", "replace") if end else ""


def _single(headers: dict[str, list[str]], key: str, subject: str) -> str:
    values = headers.get(key, [])
    if len(values) != 1:
        raise refusal(
            subject, f"METADATA has {len(values) or 'no'} {key.title()} lines; exactly one is required"
        )
    return values[0]
