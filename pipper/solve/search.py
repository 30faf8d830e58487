"""One run of the search: requirements become clauses of the engine as candidates are chosen."""

from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import islice

from packaging.utils import NormalizedName

from pipper.solve.admissions import Admissions
from pipper.solve.candidates import ABSENT, Shelf, bits_of
from pipper.solve.catalogue import Catalogue, Need, Unusable
from pipper.solve.engine import Engine
from pipper.solve.reasons import Asked, Limited, Rejected, Requires, Unfit, Withheld

_ACTIVE = 2
"""The bit of an extra that is required; the other one is ABSENT."""
_MOST_READ_AHEAD = 32


class LiftedError(Exception):
    """A requirement admits releases that this run had excluded, so the search must restart."""


class Search:
    """Finds one version of every project that the roots reach.

    The needs of a candidate become clauses only once it is chosen or forced. The next project to choose for is
    the one with the most conflicts, then the one nearest to the roots, then the first by name; the order in
    which sources and releases list anything does not matter.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        admissions: Admissions,
        limits: dict[NormalizedName, list[Limited]],
        budget: int,
    ) -> None:
        """Take constraints by name in `limits`, and the engine's `budget` of steps."""
        self._catalogue = catalogue
        self._admissions = admissions
        self._limits = limits
        self.engine = Engine(budget=budget)
        self._projects: dict[NormalizedName, int] = {}
        self._extras: dict[tuple[NormalizedName, NormalizedName], int] = {}
        self._names: dict[int, tuple[NormalizedName, NormalizedName | None]] = {}
        self._extras_of: dict[NormalizedName, list[NormalizedName]] = {}
        self._depths: dict[int, int] = {}
        self._tried: dict[int, int] = {}
        self._expanded: set[tuple[int, int, str]] = set()
        self._covered: dict[tuple[int, str, str], int] = {}
        self._seen = 0
        self._queue: list[tuple[int, int, NormalizedName, int]] = []
        """Open projects, the most urgent first."""
        self._first: dict[NormalizedName, Asked | Requires] = {}

    def run(self, roots: Iterable[Asked]) -> dict[NormalizedName, int]:
        """Return the bit of the candidate chosen for each project that is required.

        Raises LiftedError, and the engine's ImpossibleError and ExhaustedError.
        """
        for root in roots:
            self._require((), root.need, root, depth=0)
        while True:
            broken = self.engine.propagate()
            if broken is not None:
                self.engine.learn(broken)
                self._seen = min(self._seen, len(self.engine.trail))
            elif not self._expand() and not self._choose():
                masks = self.engine.masks
                return {
                    name: masks[project]
                    for name, project in self._projects.items()
                    if not masks[project] & ABSENT
                }

    def reject(self, names: Iterable[NormalizedName]) -> None:
        """Forbid the present choices for these projects together; `run` without roots continues the search."""
        chosen = [(self._projects[name], self.engine.masks[self._projects[name]]) for name in names]
        self.engine.add_clause(chosen, Rejected())

    def chain(self, name: NormalizedName) -> list[object]:
        """Return the reasons that first led from the roots to a project."""
        reasons: list[object] = []
        reason: Asked | Requires | None = self._first.get(name)
        while reason is not None:
            reasons.append(reason)
            reason = self._first.get(reason.name) if isinstance(reason, Requires) else None
        return reasons

    def _choose(self) -> bool:
        """Choose a candidate for the most urgent open project; return False if no project is open."""
        engine = self.engine
        best = self._most_urgent()
        if best is None:
            return False
        shelf = self._catalogue.shelf(self._names[best][0])
        mask = engine.masks[best]
        bit, tried = shelf.best(mask), self._tried.get(best, 0)
        ahead = sum(islice(bits_of(mask), min(2 << tried.bit_count(), _MOST_READ_AHEAD)))
        if not self._catalogue.has_read(shelf, bit):
            self._read_open_projects(shelf, ahead)
        if tried and not tried & bit:
            # The earlier candidate was excluded, and this one may be soon.
            self._catalogue.read_ahead(shelf, ahead)
        self._tried[best] = tried | bit
        engine.decide(best, bit)
        return True

    def _most_urgent(self) -> int | None:
        """Return the most urgent open project.

        A project that became open or more urgent was touched since, and is queued with its present urgency.
        Other entries of the queue are out of date.
        """
        for project in self.engine.touched:
            name, extra = self._names[project]
            if extra is None and self._is_open(project):
                heappush(self._queue, (*self._urgency(project), name, project))
        self.engine.touched.clear()
        while self._queue:
            *urgency, _, project = heappop(self._queue)
            if self._is_open(project) and (*urgency,) == self._urgency(project):
                return project
        return None

    def _is_open(self, project: int) -> bool:
        """Tell whether a project is required and has more than one candidate left."""
        mask = self.engine.masks[project]
        return not mask & ABSENT and bool(mask & (mask - 1))

    def _urgency(self, project: int) -> tuple[int, int]:
        return -self.engine.conflicts[project], self._depths[project]

    def _read_open_projects(self, chosen: Shelf, ahead: int) -> None:
        """Read, in parallel, the candidates that all open projects would choose now: one wait instead of many.

        Of the `chosen` project, also read the candidates `ahead`.
        """
        masks = self.engine.masks
        wanted = [(chosen, bit) for bit in bits_of(ahead)]
        for name, project in self._projects.items():
            if masks[project] and not masks[project] & ABSENT:
                shelf = self._catalogue.shelf(name)
                wanted.append((shelf, shelf.best(masks[project])))
        self._catalogue.prefetch_needs(wanted)

    def _expand(self) -> bool:
        """Add the needs of candidates chosen or forced since the last call; tell whether there were any."""
        engine, added = self.engine, False
        while self._seen < len(engine.trail):
            variable = engine.trail[self._seen]
            self._seen += 1
            name, extra = self._names[variable]
            project = self._projects[name]
            bit = engine.masks[project]
            if bit & ABSENT or bit & (bit - 1):
                continue
            if extra is None:
                added |= self._add_needs(name, bit, None)
            for one in self._extras_of.get(name, ()) if extra is None else (extra,):
                if engine.masks[self._extras[name, one]] == _ACTIVE:
                    added |= self._add_needs(name, bit, one)
        return added

    def _add_needs(self, name: NormalizedName, bit: int, extra: NormalizedName | None) -> bool:
        project = self._projects[name]
        key = (project, bit, extra or "")
        if key in self._expanded:
            return False
        self._expanded.add(key)
        shelf = self._catalogue.shelf(name)
        when = [] if extra is None else [(self._extras[name, extra], _ACTIVE)]
        needs = self._catalogue.needs(shelf, bit, extra or "")
        if isinstance(needs, Unusable):
            self.engine.add_clause(
                [(project, bit), *when], Unfit(name=name, bit=bit, extra=extra or "", why=str(needs))
            )
            return True
        self._catalogue.prefetch(need.name for need in needs)
        for need in needs:
            covered = (project, extra or "", need.text)
            if self._covered.get(covered, 0) & bit:
                continue
            carriers = self._catalogue.carriers(shelf, extra or "", need)
            self._covered[covered] = carriers
            reason = Requires(name=name, extra=extra or "", carriers=carriers, need=need)
            self._require(((project, carriers), *when), need, reason, depth=self._depths[project] + 1)
        return True

    def _require(
        self, when: tuple[tuple[int, int], ...], need: Need, reason: Asked | Requires, *, depth: int
    ) -> None:
        shelf = self._catalogue.shelf(need.name)
        self._first.setdefault(need.name, reason)
        if self._admissions.lift(shelf, need) and need.name in self._projects:
            raise LiftedError
        project = self._project(shelf, depth)
        allowed = shelf.matching(need.specifier)
        self.engine.add_clause([*when, (project, (shelf.everything | ABSENT) & ~allowed)], reason)
        for extra in need.extras:
            self.engine.add_clause([*when, (self._extra(need.name, extra), ABSENT)], reason)

    def _project(self, shelf: Shelf, depth: int) -> int:
        project = self._projects.get(shelf.name)
        if project is None:
            project = self._projects[shelf.name] = self.engine.add_variable(shelf.everything | ABSENT)
            self._names[project] = (shelf.name, None)
            self._depths[project] = depth
            for limit in self._limits.get(shelf.name, ()):
                self._admissions.lift(shelf, limit.need)
                outside = shelf.everything & ~shelf.matching(limit.need.specifier)
                self.engine.add_clause([(project, outside)], limit)
            withheld = self._admissions.withheld(shelf)
            self.engine.add_clause([(project, withheld)], Withheld(name=shelf.name, bits=withheld))
        return project

    def _extra(self, name: NormalizedName, extra: NormalizedName) -> int:
        variable = self._extras.get((name, extra))
        if variable is None:
            variable = self._extras[name, extra] = self.engine.add_variable(ABSENT | _ACTIVE)
            self._names[variable] = (name, extra)
            self._extras_of.setdefault(name, []).append(extra)
        return variable
