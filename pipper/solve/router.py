"""The source rule: which one source a project comes from."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar, runtime_checkable

from packaging.utils import NormalizedName

from pipper.core.manifest.model import INDEX
from pipper.core.ports import CandidateFile, Release, ReleaseFile, Source
from pipper.core.wording import listed
from pipper.errors import UsageError

T = TypeVar("T")


@runtime_checkable
class ReadsAhead(Protocol):
    """A source whose metadata lies apart from its releases, and which can read much of it at once."""

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        """Read in parallel what `metadata` will be asked for."""
        ...


class Spread(Protocol):
    """How much reading is done at once: `pipper.system.parallel.spread`, or `in_turn`."""

    def __call__(
        self, work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]], /
    ) -> None:
        """Do `work` on `first` and on what `follow` names for each item that is done, until nothing is left."""
        ...


def in_turn(work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
    """Do `work` on one item after the other."""
    waiting = deque(first)
    while waiting:
        item = waiting.popleft()
        work(item)
        waiting.extend(follow(item))


class SourceRouter:
    """Names one source for a project: the pinned one, else the first repository with it, else the index.

    The index is never asked for a name that a repository holds, that a pin or pattern gives to a repository,
    or that the old lock took from a repository. Whatever a repository raises goes through: a refusal or an
    outage is never taken for "not held".
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        pinned: Mapping[str, str] | None = None,
        locked_private: frozenset[NormalizedName] = frozenset(),
        spread: Spread = in_turn,
    ) -> None:
        """Take sources in the order of trust, pins (name or pattern -> alias) and what the old lock says."""
        self._by_alias = {source.alias: source for source in sources}
        self._repositories = [source for source in sources if source.alias != INDEX]
        self._pinned = dict(pinned or {})
        self._patterns = sorted(self._pinned, key=lambda pattern: (-len(pattern), pattern))
        self._locked_private = locked_private
        self.spread = spread
        self._routes: dict[NormalizedName, Source | None] = {}
        self._ahead = {
            alias: source for alias, source in self._by_alias.items() if isinstance(source, ReadsAhead)
        }
        self._read: set[NormalizedName] = set()
        self._read_metadata: set[tuple[NormalizedName, str]] = set()

    def over(self, wrap: Callable[[Source], Source]) -> "SourceRouter":
        """Return a router with the same rule over wrapped sources."""
        other = SourceRouter(
            [wrap(source) for source in self._by_alias.values()],
            pinned=self._pinned,
            locked_private=self._locked_private,
            spread=self.spread,
        )
        other._read, other._read_metadata = self._read, self._read_metadata
        return other

    def route(self, name: NormalizedName) -> Source | None:
        """Return the source of this project; None where no source may be asked for it.

        Raises UsageError for a pin to an unknown source, and what the repositories raise.
        """
        if name not in self._routes:
            self._routes[name] = self._find(name)
        return self._routes[name]

    def source(self, release: Release) -> Source:
        """Return the source that a release came from."""
        return self._by_alias[release.source]

    def rivals(self, name: NormalizedName) -> tuple[str, ...]:
        """Return the aliases of the repositories that hold this project too, but lost to an earlier one."""
        chosen = self.route(name)
        if chosen is None or chosen.alias == INDEX or self._pin(name) is not None:
            return ()
        return tuple(
            source.alias for source in self._repositories if source is not chosen and source.holds(name)
        )

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Have each source read, in parallel, what it will be asked for these names."""
        batches: dict[str, list[NormalizedName]] = {}
        for name in names:
            source = None if name in self._read else self.route(name)
            if source is not None:
                batches.setdefault(source.alias, []).append(name)
        for alias, batch in batches.items():
            self._by_alias[alias].prefetch(batch)
            self._read.update(batch)

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        """Have each source that can do so read much metadata at once."""
        batches: dict[str, list[ReleaseFile]] = {}
        for each in wanted:
            if not self.has_metadata(*each):
                batches.setdefault(each.release.source, []).append(each)
        for alias, batch in batches.items():
            self._ahead[alias].prefetch_metadata(batch)
            self._read_metadata.update((release.name, file.filename) for release, file in batch)

    def has_releases(self, name: NormalizedName) -> bool:
        """Tell whether the releases of a project were read ahead."""
        return name in self._read

    def has_metadata(self, release: Release, file: CandidateFile) -> bool:
        """Tell whether the metadata of a file was read ahead, or need not be."""
        return release.source not in self._ahead or (release.name, file.filename) in self._read_metadata

    def origin(self, name: NormalizedName) -> str:
        """Tell in words where this project comes from; empty where there is one source only."""
        chosen = self.route(name)
        return "" if chosen is None or len(self._by_alias) == 1 else f" in `{chosen.alias}`"

    def searched(self, name: NormalizedName) -> str:
        """Tell in words where this project was looked for."""
        pin = self._pin(name)
        if pin is not None:
            return f"looked in `{self._pinned[pin]}` alone, because of `{pin}` in [sources]"
        asked = [source.alias for source in self._repositories]
        if INDEX in self._by_alias and name not in self._locked_private:
            asked.append(INDEX)
        where = (
            f"looked in {listed(f'`{alias}`' for alias in asked)}" if asked else "there is no source at all"
        )
        if name in self._locked_private:
            where += "; the index was not asked, because the lock took this project from a repository"
        return where

    def _find(self, name: NormalizedName) -> Source | None:
        pin = self._pin(name)
        if pin is not None:
            alias = self._pinned[pin]
            if alias not in self._by_alias:
                raise UsageError(
                    f"[sources] gives `{pin}` to `{alias}`, which is no source of this project",
                    cause=f"`{name}` is needed from it; known are: {', '.join(self._by_alias) or 'none'}",
                    hint="name a repository of [repositories], or `index`",
                )
            return self._by_alias[alias]
        for source in self._repositories:
            if source.holds(name):
                return source
        return None if name in self._locked_private else self._by_alias.get(INDEX)

    def _pin(self, name: NormalizedName) -> str | None:
        if name in self._pinned:
            return name
        return next((pattern for pattern in self._patterns if fnmatchcase(name, pattern)), None)
