"""The source rule: which one source a project comes from."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar, runtime_checkable

from packaging.utils import NormalizedName

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.patterns import chosen, rank
from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata, Source
from pipper.core.wording import listed
from pipper.errors import UsageError

T = TypeVar("T")


@runtime_checkable
class ReadsAhead(Protocol):
    """A source that stores metadata apart from releases and can read many in parallel."""

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        """Read, in parallel, the metadata of these files for later calls of `metadata`."""
        ...


class Spread(Protocol):
    """How reads are run: in parallel (`pipper.system.parallel.spread`) or `in_turn`."""

    def __call__(
        self, work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]], /
    ) -> None:
        """Do `work` on `first`, and on the items that `follow` returns for each item that is done."""
        ...


def in_turn(work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
    """Do `work` on one item after the other."""
    waiting = deque(first)
    while waiting:
        item = waiting.popleft()
        work(item)
        waiting.extend(follow(item))


class WrappedSource:
    """A source that answers as another one does. Subclasses change some answers; see `SourceRouter.over`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def alias(self) -> str:
        return self._source.alias

    def holds(self, name: NormalizedName) -> bool:
        return self._source.holds(name)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        self._source.prefetch(names)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        return self._source.releases(name)

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        return self._source.metadata(release, file)

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        if isinstance(self._source, ReadsAhead):
            self._source.prefetch_metadata(wanted)


class SourceRouter:
    """Chooses one source for a project: the pinned one, else the first repository that has it, else the index.

    The index never receives a name that a repository has, that a pin or pattern assigns to a repository, that is
    `private`, or that the old lock took from a repository. Errors of a repository propagate: a refusal or an outage
    does not count as "absent".
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        pinned: Mapping[str, str] | None = None,
        pinned_only: frozenset[str] = frozenset(),
        private: Sequence[str] = (),
        locked_private: frozenset[NormalizedName] = frozenset(),
        spread: Spread = in_turn,
    ) -> None:
        """Take sources in the order of trust, and pins from a name or pattern to an alias.

        The sources `pinned_only` serve only the names that pins give to them. A pin to an index that is less exact
        than an entry of `private`, a name or a pattern, does not count for its names. `locked_private` are the projects
        that the old lock took from a repository.
        """
        self._by_alias = {source.alias: source for source in sources}
        self._pinned_only = pinned_only
        self._repositories = [
            source for source in sources if source.alias != INDEX and source.alias not in pinned_only
        ]
        self._pinned = dict(pinned or {})
        self._patterns = sorted(self._pinned, key=rank)
        self._private = tuple(private)
        self._locked_private = locked_private
        self.spread = spread
        self._routes: dict[NormalizedName, Source | None] = {}
        self._ahead = {
            alias: source for alias, source in self._by_alias.items() if isinstance(source, ReadsAhead)
        }
        self._read: set[NormalizedName] = set()
        self._read_metadata: set[tuple[NormalizedName, str]] = set()

    def over(self, wrap: Callable[[Source], WrappedSource]) -> "SourceRouter":
        """Return a router with the same rule over wrapped sources."""
        other = SourceRouter(
            [wrap(source) for source in self._by_alias.values()],
            pinned=self._pinned,
            pinned_only=self._pinned_only,
            private=self._private,
            locked_private=self._locked_private,
            spread=self.spread,
        )
        other._read, other._read_metadata = self._read, self._read_metadata
        # A wrapper has the method in any case.
        other._ahead = {alias: source for alias, source in other._ahead.items() if alias in self._ahead}
        return other

    def route(self, name: NormalizedName) -> Source | None:
        """Return the source of this project; None if no source has it or may be asked.

        Raises UsageError for a pin to an unknown source, and what the repositories raise.
        """
        if name not in self._routes:
            self._routes[name] = self._find(name)
        return self._routes[name]

    def source(self, release: Release) -> Source:
        """Return the source that a release came from."""
        return self._by_alias[release.source]

    def rivals(self, name: NormalizedName) -> tuple[str, ...]:
        """Return the aliases of later repositories that also have this project."""
        chosen = self.route(name)
        if chosen is None or chosen.alias == INDEX or self._pin(name) is not None:
            return ()
        return tuple(
            source.alias for source in self._repositories if source is not chosen and source.holds(name)
        )

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Have the source of each project read its releases, in parallel."""
        batches: dict[str, list[NormalizedName]] = {}
        for name in names:
            source = None if name in self._read else self.route(name)
            if source is not None:
                batches.setdefault(source.alias, []).append(name)
        for alias, batch in batches.items():
            self._by_alias[alias].prefetch(batch)
            self._read.update(batch)

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        """Have each source that can do so read the metadata of these files, in parallel."""
        batches: dict[str, list[ReleaseFile]] = {}
        for each in wanted:
            if not self.has_metadata(*each):
                batches.setdefault(each.release.source, []).append(each)
        for alias, batch in batches.items():
            self._ahead[alias].prefetch_metadata(batch)
            self._read_metadata.update((release.name, file.filename) for release, file in batch)

    def has_releases(self, name: NormalizedName) -> bool:
        """Return whether the releases of a project were prefetched."""
        return name in self._read

    def has_metadata(self, release: Release, file: CandidateFile) -> bool:
        """Return whether the metadata of a file was prefetched or needs no prefetch."""
        return release.source not in self._ahead or (release.name, file.filename) in self._read_metadata

    def origin(self, name: NormalizedName) -> str:
        """Return " in `ALIAS`" for the source of this project; empty if there is only one source."""
        chosen = self.route(name)
        return "" if chosen is None or len(self._by_alias) == 1 else f" in `{chosen.alias}`"

    def searched(self, name: NormalizedName) -> str:
        """Return the part of a message that names the sources searched for this project."""
        pin = self._pin(name)
        if pin is not None:
            return f"looked only in `{self._pinned[pin]}`, which [sources] assigns `{pin}` to"
        asked = [source.alias for source in self._repositories]
        private = chosen(name, self._private)
        if INDEX in self._by_alias and name not in self._locked_private and private is None:
            asked.append(INDEX)
        where = f"looked in {listed(f'`{alias}`' for alias in asked)}" if asked else "no source is configured"
        if private is not None:
            where += f"; no index is asked, because `private` has `{private}`"
        elif name in self._locked_private:
            where += (
                "; skipped the index, because the lock took this project from a repository or a directory"
            )
        return where

    def _find(self, name: NormalizedName) -> Source | None:
        pin = self._pin(name)
        if pin is not None:
            alias = self._pinned[pin]
            if alias not in self._by_alias:
                raise UsageError(
                    f"[sources] assigns `{pin}` to the unknown source `{alias}`",
                    cause=f"`{name}` is required; known sources: {', '.join(self._by_alias) or 'none'}",
                    hint="use an alias from [repositories], or `index`",
                )
            return self._by_alias[alias]
        for source in self._repositories:
            if source.holds(name):
                return source
        is_private = name in self._locked_private or chosen(name, self._private) is not None
        return None if is_private else self._by_alias.get(INDEX)

    def _pin(self, name: NormalizedName) -> str | None:
        matching = (pattern for pattern in self._patterns if fnmatchcase(name, pattern))
        pin: str | None = name if name in self._pinned else next(matching, None)
        private = chosen(name, self._private) if pin is not None else None
        if pin is None or private is None or rank(pin) <= rank(private):
            return pin
        is_index = self._pinned[pin] == INDEX or self._pinned[pin] in self._pinned_only
        return None if is_index else pin
