"""Requirements of another tool's project on itself."""

import itertools
from collections.abc import Iterable, Mapping

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.imports.origins import name_at_start
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.manifest.self_reference import OwnProject


def without_self_references(found: ImportedManifest, own: str, label: str) -> ImportedManifest:
    """Return the requirements with what the project's own name stands for: `pipper.toml` has no name."""
    name = canonicalize_name(own)

    def is_own(entry: str | Mapping[str, str]) -> bool:
        return name_at_start(entry) == name

    if not name or not any(
        map(is_own, itertools.chain(found.dependencies, *found.extras.values(), *found.groups.values()))
    ):
        return found

    def parsed(texts: Iterable[str]) -> tuple[Requirement, ...]:
        return tuple(parse_requirement(text, where=label) for text in texts)

    extras = {canonicalize_name(extra): parsed(texts) for extra, texts in found.extras.items()}
    itself = OwnProject(name=name, dependencies=parsed(found.dependencies), extras=extras)

    def expanded(texts: tuple[str, ...], extra: str = "") -> tuple[str, ...]:
        own = itself.expand(parsed(filter(is_own, texts)), where=label, extra=canonicalize_name(extra))
        return (*itertools.filterfalse(is_own, texts), *map(str, own))

    def group(entries: Group) -> Group:
        texts = (entry for entry in entries if isinstance(entry, str) and is_own(entry))
        own = itself.expand(parsed(texts), where=label, whole=True)
        return (*itertools.filterfalse(is_own, entries), *map(str, own))

    return replace(
        found,
        dependencies=expanded(found.dependencies),
        extras={extra: expanded(texts, extra) for extra, texts in found.extras.items()},
        groups={each: group(entries) for each, entries in found.groups.items()},
    )
