"""Reading ahead what a solve will probably need, so that it seldom waits for the network."""

from collections.abc import Iterable

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.errors import PipperError
from pipper.solve.candidates import Shelf
from pipper.solve.catalogue import Catalogue, Need, Unusable


def read_ahead(catalogue: Catalogue, likely: Iterable[NormalizedName], needs: list[Need]) -> None:
    """Read the first choices and their dependencies, then record the needs of these choices.

    Reading follows each response at once. Recording goes level by level, independent of the order of the
    responses, because it affects what is chosen.
    """
    _Crawl(catalogue).run(likely, needs)
    seen: set[NormalizedName] = set()
    level = needs
    while level:
        fresh: dict[NormalizedName, Need] = {}
        for need in level:
            if need.name not in seen:
                fresh.setdefault(need.name, need)
        seen.update(fresh)
        catalogue.prefetch(fresh)
        choices = [(*_choice(catalogue, need), need.extras) for need in fresh.values()]
        choices = [(shelf, bit, extras) for shelf, bit, extras in choices if bit]
        catalogue.prefetch_needs((shelf, bit) for shelf, bit, _ in choices)
        level = []
        for shelf, bit, extras in choices:
            for extra in ("", *extras):
                found = catalogue.needs(shelf, bit, extra)
                level.extend(() if isinstance(found, Unusable) else found)


def _choice(catalogue: Catalogue, need: Need) -> tuple[Shelf, int]:
    """Return what would be chosen for this requirement alone; the bit is 0 if nothing fits."""
    shelf = catalogue.shelf(need.name)
    fitting = shelf.matching(need.specifier)
    return shelf, shelf.best(fitting & ~(shelf.prereleases | shelf.yanked) or fitting)


class _Read(Struct, frozen=True):
    """Something to read: the releases of a project, or the metadata of one of its candidates."""

    name: NormalizedName
    shelf: Shelf | None = None
    bit: int = 0


class _Crawl:
    """Follows every requirement to its first choice, and the requirements of that.

    An error of a read ends the crawl without a message. If the solve needs the read, the error occurs again.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._waiting: dict[tuple[NormalizedName, int], list[Need] | None] = {}
        """Needs that wait for a read; None once it is done."""
        self._wanted: set[str] = set()
        self._expanded: set[tuple[NormalizedName, int, str]] = set()
        self._pending: list[tuple[_Read, Need]] = []
        """Needs whose read is done."""
        self._unread: list[_Read] = []
        self._failed = False

    def run(self, likely: Iterable[NormalizedName], needs: Iterable[Need]) -> None:
        for need in needs:
            self._want(need)
        for name in likely:
            self._await(_Read(name), None)
        self._catalogue.router.spread(self._read, self._next(), self._arrived)

    def _read(self, what: _Read) -> None:
        """Read one thing; runs in any thread."""
        try:
            if what.shelf is None:
                self._catalogue.prefetch([what.name])
            else:
                self._catalogue.prefetch_needs([(what.shelf, what.bit)])
        except PipperError:
            self._failed = True

    def _arrived(self, what: _Read) -> list[_Read]:
        if self._failed:
            return []
        key = (what.name, what.bit)
        needs, self._waiting[key] = self._waiting[key] or [], None
        self._pending += [(what, need) for need in needs]
        return self._next()

    def _next(self) -> list[_Read]:
        while self._pending:
            what, need = self._pending.pop()
            if what.shelf is None:
                shelf, bit = _choice(self._catalogue, need)
                if bit:
                    self._await(_Read(need.name, shelf, bit), need)
            else:
                self._expand(what.shelf, what.bit, need)
        found, self._unread = self._unread, []
        return found

    def _await(self, what: _Read, need: Need | None) -> None:
        key = (what.name, what.bit)
        if key not in self._waiting:
            known = self._is_read(what)
            self._waiting[key] = None if known else []
            self._unread += [] if known else [what]
        waiting = self._waiting[key]
        if need is not None and waiting is not None:
            waiting.append(need)
        elif need is not None:
            self._pending.append((what, need))

    def _is_read(self, what: _Read) -> bool:
        router = self._catalogue.router
        if what.shelf is None:
            return router.has_releases(what.name)
        candidate = what.shelf.at(what.bit)
        return router.has_metadata(candidate.release, candidate.best)

    def _want(self, need: Need) -> None:
        if need.text not in self._wanted:
            self._wanted.add(need.text)
            if self._catalogue.router.route(need.name) is not None:
                self._await(_Read(need.name), need)

    def _expand(self, shelf: Shelf, bit: int, need: Need) -> None:
        for extra in ("", *need.extras):
            if (shelf.name, bit, extra) not in self._expanded:
                self._expanded.add((shelf.name, bit, extra))
                found = self._catalogue.look(shelf, bit, extra)
                for one in () if isinstance(found, Unusable) else found:
                    self._want(one)
