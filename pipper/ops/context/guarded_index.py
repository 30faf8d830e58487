"""The index, which refuses names that other tools take from a path, git, a URL or an index of their own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.patterns import chosen, rank
from pipper.core.manifest.unread_sources import ANY, UnreadSource
from pipper.core.ports import Release
from pipper.core.redaction import shown
from pipper.errors import UnfollowedError
from pipper.solve.router import WrappedSource

if TYPE_CHECKING:
    from pipper.index.source import IndexSource


class GuardedIndex(WrappedSource):
    """See `ports.Source`. Raises UnfollowedError, before any request, for a project that comes from elsewhere."""

    def __init__(
        self, index: "IndexSource", manifest: Manifest, url: Callable[[], str], public: Callable[[], str]
    ) -> None:
        """Guard what `manifest.elsewhere` names, but for what comes from an index with one of these URLs.

        `[sources]` may give a name to the index all the same, if its entry is as exact as the place's own.
        """
        super().__init__(index)
        self._manifest = manifest
        self._find_urls = (url, public)

    def holds(self, name: NormalizedName) -> bool:
        self._refuse([name])
        return super().holds(name)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        wanted = tuple(names)
        self._refuse(wanted)
        super().prefetch(wanted)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        self._refuse([name])
        return super().releases(name)

    @cached_property
    def _held(self) -> tuple[UnreadSource, ...]:
        return tuple(held(self._manifest, *self._find_urls))

    def _refuse(self, names: Iterable[NormalizedName]) -> None:
        sources = self._manifest.sources
        for name in names if self._manifest.elsewhere else ():
            given = chosen(name, sources)
            given_rank = rank(given) if given and sources[given] == INDEX else None
            for each in self._held:
                is_given = given_rank is not None and given_rank <= rank(each.pattern)
                if fnmatchcase(name, each.pattern) and not is_given:
                    raise _not_asked(name, each)


def held(manifest: Manifest, url: Callable[[], str], public: Callable[[], str]) -> Iterator[UnreadSource]:
    """Yield the places of `manifest.elsewhere` that may have private names.

    An index of the manifest, which has this URL, may be asked. No name is private in the `public` one.
    """
    further = manifest.indexes.values()
    for each in manifest.elsewhere:
        is_read = each.pattern == ANY and each.is_one_of(further)
        if not is_read and not (each.url and (each.is_one_of([url()]) or each.is_one_of([public()]))):
            yield each


def _not_asked(name: NormalizedName, place: UnreadSource) -> UnfollowedError:
    hint = f'publish it to a repository, or write `{name} = "index"` into [tool.pipper.sources]'
    if place.pattern == ANY and place.url:
        hint = (
            f'write `NAME = "{shown(place.url)}"` into [tool.pipper.indexes] and what comes from there into'
            f' [tool.pipper.sources], or there `{name} = "index"`'
        )
    hint = place.hint or hint
    return UnfollowedError(
        f"`{name}` {'may come' if place.pattern == ANY else 'comes'} from {place.where} in {place.table},"
        " which pipper does not read",
        cause="no repository has it, and the index must not receive a name that may be private",
        hint=hint,
    )
