"""The versions of a requirement as Poetry, npm and Cargo write them, as specifiers of PEP 440."""

import re

from packaging.specifiers import InvalidSpecifier
from packaging.version import InvalidVersion

from pipper.core.manifest.imports.ranges import union_of
from pipper.core.standards import read_specifier, read_specifiers, read_version

_CLAUSE = re.compile(r"(?P<operator>\^|~=|~|===|==|!=|<=|>=|<|>|=)?\s*(?P<version>[^\s,]+)")
_SEPARATOR = re.compile(r"\s*,\s*|(?<=[\w*])\s+(?=[<>=!~^])")
_CHOICE = re.compile(r"\s*\|\|?\s*")


class UntranslatableError(ValueError):
    """A constraint that PEP 440 cannot express."""


def specifiers_of(text: str) -> str:
    """Return a constraint of Poetry as specifiers of PEP 440; raises UntranslatableError."""
    if "|" in text:
        union = union_of(read_specifiers(specifiers_of(each)) for each in _CHOICE.split(text))
        if union is None:
            raise UntranslatableError(f"`{text}` is a choice of ranges, which PEP 440 cannot express")
        return union
    if text.strip() in ("x", "X"):
        return ""
    clauses = []
    for part in _SEPARATOR.split(text.strip()):
        found = _CLAUSE.fullmatch(part)
        if found is None:
            raise UntranslatableError(f"`{text}` is not a constraint")
        clauses += _clause(found["operator"] or "", found["version"])
    try:
        return ",".join(str(read_specifier(clause)) for clause in clauses)
    except InvalidSpecifier as error:
        raise UntranslatableError(f"`{text}` is not a constraint") from error


def _clause(operator: str, version: str) -> list[str]:
    if version == "*":
        return []
    if operator in ("^", "~"):
        try:
            release = read_version(version).release
        except InvalidVersion as error:
            raise UntranslatableError(f"`{operator}{version}` is not a constraint") from error
        return [f">={version}", f"<{_limit(operator, release)}"]
    return [f"{'==' if operator in ('', '=') else operator}{version}"]


def _limit(operator: str, release: tuple[int, ...]) -> str:
    if operator == "~":
        place = min(1, len(release) - 1)
    else:
        place = next((at for at, part in enumerate(release) if part), len(release) - 1)
    raised = [*release[:place], release[place] + 1]
    return ".".join(map(str, raised + [0] * (len(release) - len(raised))))
