"""Requirements: PEP 508, and the `name:version` spelling of pipper 0.x, which is converted to PEP 508."""

import re
from collections.abc import Iterable, Mapping

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion

from pipper.core.standards import (
    marker_holds,
    read_requirement,
    read_specifier,
    read_specifiers,
    read_version,
)
from pipper.errors import UsageError

_COLON = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^\]]*\])?\s*:\s*(?P<versions>.*)", re.DOTALL
)
_CLAUSE = re.compile(r"(?P<operator><=|>=|===|==|~=|!=|=|<|>)?\s*(?P<version>.+)", re.DOTALL)
REQUIREMENT_HINT = "write it as in `foo>=1.2,<2` (PEP 508) or `foo:1.2.*`"
_LONGEST = 4096
_SHOWN = 200
"""Characters; messages cut longer texts."""


def parse_requirement(text: str, *, where: str = "") -> Requirement:
    """Return the requirement in `text`: PEP 508, or `foo:1.2.*` as in pipper 0.x.

    `where` is the place for messages, as in `pipper.toml: dependencies[2]`. Raises UsageError.
    """
    prefix = f"{where}: " if where else ""
    if len(text) > _LONGEST:
        raise UsageError(
            f"{prefix}the requirement has {len(text)} characters",
            cause=f"the limit is {_LONGEST}",
            hint="merge its version specifiers, or split its marker into several requirements",
        )
    colon = _COLON.fullmatch(text)
    if colon and not colon["versions"].startswith("//"):
        specifier = _specifier(colon["versions"], f"{prefix}`{text.strip()}`")
        text = f"{colon['name']}{colon['extras'] or ''}{specifier}"
    try:
        found = read_requirement(text)
    except InvalidRequirement as error:
        raise _unreadable(text, prefix, str(error)) from error
    # `git@host:path` looks like a project `git`.
    if found.url and (":" not in found.url or text.lstrip().startswith("git@")):
        raise _unreadable(text, prefix, "the text after `@` must be a URL")
    return found


def releases_of(texts: Iterable[str], *, example: str) -> dict[NormalizedName, SpecifierSet]:
    """Return the versions that `NAME`, `NAME:VERSION` or requirements of names and versions alone mean, by project.

    `example` is a range of versions for the hint. Raises UsageError for anything else, and for a project given twice.
    """
    found: dict[NormalizedName, SpecifierSet] = {}
    for text in texts:
        requirement = parse_requirement(text)
        if requirement.extras or requirement.marker or requirement.url:
            raise UsageError(f"`{text}` is not NAME or NAME:VERSION", hint="write it as in foo:1.2.3 or foo")
        name = name_of(requirement)
        if name in found:
            raise UsageError(
                f"{name} is given twice", hint=f"give one range of versions, as in {name}:{example}"
            )
        found[name] = requirement.specifier
    return found


def requirement_holds(requirement: Requirement, markers: Mapping[str, str]) -> bool:
    """Return whether a requirement counts with these markers and no extra; raises UsageError if it is undefined."""
    try:
        return requirement.marker is None or marker_holds(requirement.marker, markers)
    except InvalidMarker as error:
        raise UsageError(
            f"`{requirement.name}`: {error}",
            hint="correct or remove its marker where it is required, then run `pipper lock`",
        ) from error


def _unreadable(text: str, prefix: str, cause: str) -> UsageError:
    from pipper.core.manifest import foreign_spelling  # noqa: PLC0415 - it is needed for an error only

    shown, hint = text.strip(), REQUIREMENT_HINT
    if len(text) > _SHOWN:
        shown, cause = f"{text[:_SHOWN].strip()}…", ""
    elif foreign_spelling.is_repository(text):
        cause, hint = "pipper takes nothing from version control", foreign_spelling.OF_A_REPOSITORY
    elif spelled := foreign_spelling.translated(text):
        quoted = f"'{spelled}'" if re.search(r"[<>!~*\[ ]", spelled) else spelled
        hint = f"write `{spelled}`, as in `pipper add {quoted}`"
    return UsageError(f"{prefix}`{shown}` is not a requirement", cause=cause, hint=hint)


def _specifier(versions: str, subject: str) -> str:
    clauses = [clause.strip() for clause in versions.split(",")]
    try:
        return str(read_specifiers(",".join(_clause(clause) for clause in clauses if clause != "*")))
    except (InvalidSpecifier, InvalidVersion) as error:
        raise UsageError(
            f"{subject} does not name a version",
            cause=str(error),
            hint="write it as in `foo:1.2.3`, `foo:1.2.*` or `foo:>=1.2`",
        ) from error


def _clause(clause: str) -> str:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        raise InvalidVersion("nothing follows the colon")
    operator, version = found["operator"] or "==", found["version"].strip()
    if operator == "=":
        operator = "=="
    if "*" in version:
        # 0.x read constraints from the left, and ignored everything after the first `*`.
        head = version.split("*", 1)[0].rstrip(".")
        return f"{operator}{read_version(head)}.*" if head else ""
    return str(read_specifier(f"{operator}{read_version(version)}"))


def normalised(requirement: Requirement) -> str:
    """Return a requirement in the spelling that locks compare: normalised name, sorted parts."""
    extras = ",".join(sorted(canonicalize_name(extra) for extra in requirement.extras))
    text = canonicalize_name(requirement.name) + (f"[{extras}]" if extras else "")
    if requirement.url:
        text += f" @ {requirement.url}"
    specifier = specifiers_text(requirement.specifier)
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return text + specifier + marker


def requirement_texts(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Return requirements as locks have them: `normalised`, sorted, each once."""
    return tuple(sorted(set(map(normalised, requirements))))


def specifiers_text(specifiers: SpecifierSet) -> str:
    """Return version specifiers as locks have them: sorted."""
    return ",".join(sorted(map(str, specifiers)))


def name_of(requirement: Requirement) -> NormalizedName:
    """Return the normalised name of the required project."""
    return canonicalize_name(requirement.name)
