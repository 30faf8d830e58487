"""What of another tool's project pipper can read; the rest becomes notes, so that one odd line stops nothing."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name

from pipper.core.document import Node, Origin
from pipper.core.duration import format_duration, parse_duration
from pipper.core.manifest.conflicts import Conflicts, read_conflicts
from pipper.core.manifest.constraints import parse_as_of, read_constraints, read_exclude, read_overrides
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.indexes import SCHEMES
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.redaction import mistyped_account, shown
from pipper.core.standards import read_specifiers
from pipper.errors import UsageError

T = TypeVar("T")
_WORD = re.compile(r"(\S+?)([`'\"),.:;]*)(?=\s|\Z)")
"""What may be a URL, and the punctuation behind it."""
_ISO_DAYS = {"D": "days", "W": "weeks"}


def carried(found: ImportedManifest) -> ImportedManifest:
    """Return the project without what a manifest could not hold, each of that with a note.

    No note has a user name, a password or a query of a URL: notes are printed, and a new manifest has them as comments.
    """
    reader = _Reader()
    groups = {name: reader.group(name, group, found.groups) for name, group in found.groups.items() if name}
    extras = {name: reader.requirements(texts) for name, texts in found.extras.items() if name}
    as_of, cool_down = reader.moment(found.as_of)
    return replace(
        found,
        requires_python=reader.specifiers(found.requires_python),
        dependencies=reader.requirements(found.dependencies),
        extras=extras,
        groups=groups,
        conflicts=reader.conflicts(found.conflicts, groups, extras),
        constraints=reader.limits("constraints", found.constraints, read_constraints),
        overrides=reader.limits("overrides", found.overrides, read_overrides),
        exclude=reader.limits("exclude", found.exclude, read_exclude),
        as_of=as_of,
        cool_down=found.cool_down or cool_down,
        index_url=reader.url(found.index_url),
        notes=tuple(dict.fromkeys(map(_without_secrets, (*found.notes, *reader.notes)))),
    )


def _without_secrets(note: str) -> str:
    return _WORD.sub(lambda word: _bare(word[1]) + word[2], note)


def _bare(word: str) -> str:
    account = mistyped_account(word)
    plain = word.replace(account, "") if account else word
    return shown(plain) if ":/" in plain else plain


class _Reader:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def requirements(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the valid requirements; of a project in two spellings the first spelling counts."""
        spelled: dict[str, str] = {}
        kept = []
        for text in texts:
            try:
                requirement = parse_requirement(text)
            except UsageError as error:
                self._note(text, error)
                continue
            name = spelled.setdefault(name_of(requirement), requirement.name)
            same = name == requirement.name
            requirement.name = name
            kept.append(text if same else str(requirement))
        return tuple(kept)

    def group(self, name: str, entries: Group, groups: Mapping[str, Group]) -> Group:
        known = set(map(canonicalize_name, groups))
        kept: list[str | Mapping[str, str]] = []
        for entry in entries:
            if isinstance(entry, str):
                kept += self.requirements([entry])
            elif canonicalize_name(entry["include-group"]) in known - {canonicalize_name(name)}:
                kept.append(entry)
            else:
                self.notes.append(
                    f"the group `{entry['include-group']}`, which `{name}` includes: it does not exist"
                )
        return tuple(kept)

    def limits(self, key: str, texts: tuple[str, ...], read: Callable[[Node], object]) -> tuple[str, ...]:
        """Return the texts that are valid one by one, and together with those before them."""
        kept: list[str] = []
        for text in texts:
            try:
                read(Node([*kept, text], Origin(key)))
            except UsageError as error:
                self._note(f"{key}: {text}", error)
            else:
                kept.append(text)
        return tuple(kept)

    def conflicts(self, sets: Conflicts, groups: Iterable[str], extras: Iterable[str]) -> Conflicts:
        """Return the sets that name extras and groups of this project."""
        known = [{*map(canonicalize_name, each)} for each in (groups, extras)]
        kept: list[tuple[str, ...]] = []
        for names in sets:
            try:
                kept += read_conflicts(Node([list(names)], Origin("conflicts")), *known)
            except UsageError as error:
                self._note(f"conflicts: {', '.join(names)}", error)
        return tuple(kept)

    def specifiers(self, text: str) -> str:
        try:
            read_specifiers(text)
        except InvalidSpecifier:
            self.notes.append(f"requires-python `{text[:60]}`: it is not a version specifier (PEP 440)")
            return ""
        return text

    def moment(self, text: str) -> tuple[str, str]:
        """Return a date for `as-of`, or a time before now for `cool-down`, such as `7 days` or `P7D`."""
        if not text:
            return "", ""
        try:
            parse_as_of(text, where="as-of")
        except UsageError:
            pass
        else:
            return text, ""
        plain = text.strip().removesuffix(" ago")
        if plain.startswith("P") and plain[-1] in _ISO_DAYS:
            plain = f"{plain[1:-1]} {_ISO_DAYS[plain[-1]]}"
        elif plain.startswith("PT"):
            plain = plain[2:].lower()
        try:
            return "", format_duration(parse_duration(plain))
        except UsageError:
            self.notes.append(
                f"`{text[:60]}`: it is neither a date nor a number of days; write `as-of` or `cool-down`"
            )
            return "", ""

    def url(self, text: str) -> str:
        if text and not text.startswith(SCHEMES):
            self.notes.append(f"the index `{shown(text)}`: it is not a URL")
            return ""
        return text

    def _note(self, text: str, error: UsageError) -> None:
        self.notes.append(f"`{shown(text)[:120]}`: {error.cause or error.message}")
