"""What members say of sources: it may not send a name elsewhere than the project, or another member, does."""

from collections.abc import Iterator

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.patterns import meets, rank
from pipper.core.manifest.unread_sources import ANY, UnreadSource
from pipper.core.redaction import shown
from pipper.errors import UsageError

_PROJECT = "the project"
_RULE = "[sources] of a member must not change where the packages of others come from"


class MemberRules:
    """Collects `[sources]`, and the places that pipper does not read, of a project and its members."""

    def __init__(self, manifest: Manifest) -> None:
        """Take the manifest of the project: its entries win."""
        self._manifest = manifest
        self._taken: list[tuple[str, Manifest]] = []

    def take(self, label: str, manifest: Manifest) -> None:
        """Add the manifest of a member; `label` is its folder, for messages.

        Raises UsageError if it takes a name from a further index that has another URL in the project.
        """
        for pattern, alias in manifest.sources.items():
            own, known = manifest.indexes.get(alias, ""), self._manifest.indexes.get(alias, "")
            if own and known and own.rstrip("/") != known.rstrip("/"):
                raise UsageError(
                    f"the member `{label}` takes `{pattern}` from the index `{alias}`, which is another in the project",
                    cause=f"`{alias}` is `{shown(own)}` there, and `{shown(known)}` here",
                    hint="rename one of the two, and list both in [indexes] of the project",
                )
        self._taken.append((label, manifest))

    def elsewhere(self) -> tuple[UnreadSource, ...]:
        """Return the places of the project and of all members."""
        found = (
            each
            for label, manifest in self._taken
            for each in (*manifest.elsewhere, *self._not_of_project(label, manifest))
        )
        return tuple(dict.fromkeys((*self._manifest.elsewhere, *found)))

    def private(self) -> tuple[str, ...]:
        """Return `private` of all, sorted."""
        return tuple(sorted({each for _, manifest in self._all() for each in manifest.private}))

    def _not_of_project(self, label: str, manifest: Manifest) -> Iterator[UnreadSource]:
        """Yield the repositories and the index of a member that the project does not have."""
        known = {entry.url.rstrip("/") for entry in self._manifest.repositories}
        for entry in manifest.repositories:
            if entry.url.rstrip("/") not in known:
                yield UnreadSource(
                    pattern=ANY,
                    where=f"the repository `{entry.alias}`",
                    table=f"[repositories] of the member `{label}`",
                    hint=f'write `{entry.alias} = "{shown(entry.url)}"` into [repositories] of the project',
                )
        if not manifest.index:
            yield UnreadSource(
                pattern=ANY,
                where="a repository alone",
                table=f"`index = false` of the member `{label}`",
                hint="write `index = false` into the manifest of the project, or remove it from the member",
            )
        if manifest.index_url:
            yield UnreadSource(
                pattern=ANY,
                where=f"the index `{shown(manifest.index_url)}`",
                table=f"[index] of the member `{label}`",
                url=manifest.index_url,
            )

    def sources(self) -> dict[str, str]:
        """Return `[sources]` of all.

        Raises UsageError if an entry of a member would take names from another source than an entry of the project
        does, or ask an index for names that another member gives to a repository or that come from elsewhere.
        """
        entries = [
            (label, pattern, alias)
            for label, manifest in self._taken
            for pattern, alias in manifest.sources.items()
            if pattern not in self._manifest.sources
        ]
        for label, pattern, alias in entries:
            for known, owner in self._manifest.sources.items():
                if owner != alias and rank(pattern) < rank(known) and meets(pattern, known):
                    raise _contradicts(label, pattern, alias, f"{_PROJECT} takes `{known}` from `{owner}`")
            if self._is_index(alias):
                self._refuse_index(label, pattern, alias, entries)
        return {pattern: alias for _, pattern, alias in reversed(entries)} | {**self._manifest.sources}

    def _is_index(self, alias: str) -> bool:
        return alias == INDEX or alias in self._manifest.indexes

    def _refuse_index(
        self, label: str, pattern: str, alias: str, entries: list[tuple[str, str, str]]
    ) -> None:
        for other, known, owner in entries:
            counts = rank(pattern) <= rank(known)
            if other != label and owner != alias and counts and meets(pattern, known):
                raise _contradicts(label, pattern, alias, f"`{other}` takes `{known}` from `{owner}`")
        for other, manifest in self._all():
            for private in manifest.private:
                if other != label and meets(pattern, private):
                    raise _contradicts(label, pattern, alias, f"`private` of {other} has `{private}`")
        for other, place in self._places():
            if other != label and meets(pattern, place.pattern):
                what = f"{other} takes `{place.pattern}` from {place.where} ({place.table})"
                raise _contradicts(label, pattern, alias, what)

    def _all(self) -> tuple[tuple[str, Manifest], ...]:
        return ((_PROJECT, self._manifest), *self._taken)

    def _places(self) -> Iterator[tuple[str, UnreadSource]]:
        read = (self._manifest.index_url, *self._manifest.indexes.values())
        for label, manifest in self._all():
            for each in manifest.elsewhere:
                if each.pattern != ANY or not each.is_one_of(read):
                    yield label, each


def _contradicts(label: str, pattern: str, alias: str, other: str) -> UsageError:
    return UsageError(
        f"the member `{label}` takes `{pattern}` from `{alias}`, and {other}",
        cause=_RULE,
        hint=f'remove it from [sources] of the member, or write `"{pattern}" = "{alias}"` into those of the project',
    )
