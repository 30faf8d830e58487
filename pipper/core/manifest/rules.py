"""The rules on sources that a manifest has from a project around it: repositories, `[sources]` and the index."""

from collections.abc import Container, Mapping

from msgspec.structs import replace

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.patterns import meets, rank

FILES_ALIAS = "files"
"""The repository beside a manifest with the wheels and bundles that were installed by path or URL."""


def with_rules(own: Manifest, around: Manifest, *, follows: bool) -> Manifest:
    """Return `own` with the repositories, `[sources]` and the index of a project around it.

    The result excludes the index if one of both does, and the name of the project around is private there. With
    `follows`, `around` wins where both name the same alias or pattern, except for `FILES_ALIAS`, which means another
    directory in each; else `own` wins. Directories of `around` must be absolute.
    """
    index = own.index and around.index
    repositories = {entry.alias: entry for entry in own.repositories}
    for entry in around.repositories:
        if entry.alias not in repositories or (follows and entry.alias != FILES_ALIAS):
            repositories[entry.alias] = entry
    sources = {
        pattern: alias
        for pattern, alias in own.sources.items()
        if not (follows and _overrules(own, pattern, around))
    }
    for pattern, alias in around.sources.items():
        if alias == INDEX and not index:
            continue
        if pattern not in sources or (follows and sources[pattern] != FILES_ALIAS):
            sources[pattern] = alias
    first, second = (around, own) if follows else (own, around)
    indexes = {**second.indexes, **first.indexes}
    return replace(
        own,
        repositories=tuple(repositories.values()),
        sources=sources,
        elsewhere=tuple(dict.fromkeys((*own.elsewhere, *around.elsewhere))),
        private=tuple(sorted({*own.private, *around.private, around.name} - {""})),
        reserved={**around.reserved, **{each.name: each.path for each in around.members}, **own.reserved},
        index=index,
        indexes={alias: url for alias, url in indexes.items() if alias not in repositories},
        index_url=(first.index_url or second.index_url) if index else "",
    )


def _overrules(own: Manifest, pattern: str, around: Manifest) -> bool:
    """Return whether an entry of `own` asks an index for names that `around` gives to others by a wider pattern."""
    if own.sources[pattern] != INDEX and own.sources[pattern] not in own.indexes:
        return False
    held = (*around.private, *(each.pattern for each in around.elsewhere))
    given = [key for key, alias in around.sources.items() if alias != own.sources[pattern]]
    return pattern not in around.sources and any(
        rank(pattern) < rank(wider) and meets(pattern, wider) for wider in (*given, *held)
    )


def served_by(sources: Mapping[str, str], known: Container[str], given: str) -> dict[str, str]:
    """Return `[sources]` with the alias `given` instead of aliases that are not `known`.

    A repository that an option names replaces all others, so a name that belongs to one of them is looked for
    in the given one, and never in the index. Without such an option (`given` is empty) nothing changes.
    """
    return {
        pattern: given if given and alias != INDEX and alias not in known else alias
        for pattern, alias in sources.items()
    }
