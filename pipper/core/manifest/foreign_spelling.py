"""Requirements as users of npm, Cargo, Poetry and pip write them, and what says the same to pipper."""

import re

from pipper.core.manifest.imports.poetry_versions import UntranslatableError, specifiers_of

_VERSIONED = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?P<extras>\[[\w\s,.-]*\])?\s*"
    r"(?:@\s*(?P<at>[^\s@:/;][^@:/;]*)|(?P<versions>(?:[\^~=<>!]|(?<=\s)\d)[^@:/;]*))"
)
_REPOSITORY = re.compile(
    r"\s*(?:[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*)?(?:(?:git|hg|svn|bzr)\+|git@|(?:git|ssh)://)"
    r"|\s*(?:https?|file)://[^\s?#]*\.git(?:[@#?]|\s*$)",
    re.IGNORECASE,
)
_NEWEST = frozenset({"latest", "*", "x"})

OF_A_REPOSITORY = (
    "clone it, then run `pipper add --editable DIR`; or `pipper publish` a wheel of it, and require NAME"
)
"""The hint for a requirement that names a repository of version control."""


def is_repository(text: str) -> bool:
    """Return whether a requirement or a URL names a repository of version control."""
    return _REPOSITORY.match(text) is not None


def translated(text: str) -> str:
    """Return a requirement of another tool, such as `foo@1.0` or `foo^1.2`, as PEP 508; empty if it is none."""
    found = _VERSIONED.fullmatch(text)
    if found is None:
        return ""
    versions = (found["at"] or found["versions"]).strip()
    try:
        specifiers = "" if versions in _NEWEST else specifiers_of(versions)
    except UntranslatableError:
        return ""
    return f"{found['name']}{found['extras'] or ''}{specifiers}"
