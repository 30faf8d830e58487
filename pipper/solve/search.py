"""One run of the search: requirements become demands as candidates are tried."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from packaging.utils import NormalizedName

from pipper.solve.admissions import Admissions
from pipper.solve.agenda import Chosen, Urgency
from pipper.solve.candidates import ABSENT, Shelf, bits_of
from pipper.solve.catalogue import Catalogue, Need, Unusable
from pipper.solve.clauses import ROOT, Clauses, Demand
from pipper.solve.provider import Choice, Provider
from pipper.solve.reasons import Asked, Limited, Rejected, Requires, Unfit, Withheld

_ACTIVE = 2
"""The bit of an extra that is required; the other one is ABSENT."""
_EXTRA, _PROJECT, _EXTRA_TOO_EARLY = range(3)
_MOST_READ_AHEAD = 32

_Terms = tuple[tuple[int, int], ...]


class LiftedError(Exception):
    """A requirement admits releases that this run had excluded, so the search must restart."""


class Search:
    """Finds one version of every project that the roots reach.

    The needs of a candidate are read only once it is tried. The next project to choose for is one with a single
    candidate left, then a root, then the one whose choices failed most often, then the one nearest to the roots,
    then the first by name; the order in which sources and releases list anything does not matter.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        admissions: Admissions,
        limits: dict[NormalizedName, list[Limited]],
        budget: int,
    ) -> None:
        """Take constraints by name in `limits`, and the `budget` of steps."""
        self._catalogue = catalogue
        self._admissions = admissions
        self._limits = limits
        self.clauses = Clauses(budget)
        self._provider = Provider(self.clauses, self._demands, self._urgency)
        self._projects: dict[NormalizedName, int] = {}
        self._extras: defaultdict[NormalizedName, dict[NormalizedName, int]] = defaultdict(dict)
        self._names: list[tuple[NormalizedName, NormalizedName | None]] = []
        """Project and extra, by variable."""
        self._depths: list[int] = []
        self._tried: dict[int, int] = {}
        self._expanded: dict[tuple[int, int], list[Demand]] = {}
        """Demands by variable and bit of the project."""
        self._needed: dict[tuple[int, str], list[tuple[int, list[Demand]]]] = {}
        """Demands by requiring variable and text of the need, each with the candidates that share it."""
        self._roots: list[Demand] = []
        self._first: dict[NormalizedName, Asked | Requires] = {}

    def run(self, roots: Iterable[Asked]) -> dict[NormalizedName, int]:
        """Return the bit of the candidate chosen for each project that is required.

        Raises LiftedError, ImpossibleError and ExhaustedError.
        """
        for root in roots:
            self._roots += self._require((), root.need, root, ROOT)
        chosen = self._provider.solve(self._roots)
        return {name: chosen[project] for name, project in self._projects.items() if project in chosen}

    def reject(self, chosen: Mapping[NormalizedName, int]) -> None:
        """Forbid these candidates together; `run` without roots continues the search."""
        terms = [(self._projects[name], bit) for name, bit in chosen.items()]
        self.clauses.forbid(terms, Rejected())

    def chain(self, name: NormalizedName) -> list[object]:
        """Return the reasons that first led from the roots to a project."""
        reasons: list[object] = []
        reason: Asked | Requires | None = self._first.get(name)
        while reason is not None:
            reasons.append(reason)
            reason = self._first.get(reason.name) if isinstance(reason, Requires) else None
        return reasons

    def _urgency(self, variable: int, offered: int, chosen: Chosen) -> Urgency:
        """Return how urgent a choice is: an extra comes at once, but not before its project."""
        name, extra = self._names[variable]
        kind = _PROJECT
        if extra is not None:
            kind = _EXTRA if self._projects[name] in chosen else _EXTRA_TOO_EARLY
        is_open = offered & (offered - 1) != 0
        depth = self._depths[variable]
        return kind, is_open, depth > 0, -self._provider.conflicts.get(variable, 0), depth, name, extra or ""

    def _demands(self, choice: Choice) -> Iterator[Demand]:
        """Yield what a candidate demands: first that it is chosen, then what it needs."""
        variable, bit = choice.variable, choice.bit
        name, extra = self._names[variable]
        itself = Demand(variable, bit, None, variable)
        yield itself
        shelf = self._catalogue.shelf(name)
        if extra is None:
            self._read(choice, shelf)
            for one in self._extras[name].values():
                self._provider.agenda.note(one)
        else:
            # The project is chosen before its extras, so it has one value left.
            yield Demand(self._projects[name], shelf.everything, None, variable)
            bit = self._provider.offered[self._projects[name]]
        demands = self._expanded.get((variable, bit))
        if demands is None:
            needs = self._catalogue.needs(shelf, bit, extra or "")
            if isinstance(needs, Unusable):
                reason = Unfit(name=name, bit=bit, extra=extra or "", why=str(needs))
                self.clauses.forbid(self._when(variable, bit), reason)
                demands = [itself]
            else:
                demands = self._expand(variable, bit, shelf, needs)
            self._expanded[variable, bit] = demands
        yield from demands

    def _when(self, variable: int, bits: int) -> _Terms:
        """Return the terms that hold if one of these candidates is chosen, and the extra if the variable is one."""
        name, extra = self._names[variable]
        project = (self._projects[name], bits)
        return (project,) if extra is None else (project, (variable, _ACTIVE))

    def _expand(self, variable: int, bit: int, shelf: Shelf, needs: Sequence[Need]) -> list[Demand]:
        """Return the demands for the needs of a candidate, or of an extra with it."""
        extra = self._names[variable][1] or ""
        self._catalogue.prefetch(need.name for need in needs)
        demands: list[Demand] = []
        for need in needs:
            known = self._needed.setdefault((variable, need.text), [])
            shared = next((found for carriers, found in known if carriers & bit), None)
            if shared is None:
                carriers = self._catalogue.carriers(shelf, extra, need)
                requires = Requires(name=shelf.name, extra=extra, carriers=carriers, need=need)
                shared = self._require(self._when(variable, carriers), need, requires, variable)
                known.append((carriers, shared))
            demands += shared
        return demands

    def _read(self, choice: Choice, shelf: Shelf) -> None:
        """Read the metadata of a candidate, and in parallel what is probably read next: one wait instead of many.

        That is the next candidates of the project if earlier ones were rejected, and the preferred candidates of
        the other open projects.
        """
        tried = self._tried.get(choice.variable, 0)
        self._tried[choice.variable] = tried | choice.bit
        ahead = sum(islice(bits_of(choice.later), min(2 << tried.bit_count(), _MOST_READ_AHEAD)))
        if not self._catalogue.has_read(shelf, choice.bit):
            wanted = [(shelf, bit) for bit in bits_of(ahead)]
            unread = self._provider.agenda.unread
            for variable, offered in unread.items():
                name, extra = self._names[variable]
                if extra is None:
                    other = self._catalogue.shelf(name)
                    wanted.append((other, other.best(offered)))
            unread.clear()
            self._catalogue.prefetch_needs(wanted)
        if tried and not tried & choice.bit:
            self._catalogue.read_ahead(shelf, ahead)

    def _require(self, when: _Terms, need: Need, reason: Asked | Requires, origin: int) -> list[Demand]:
        """Return the demands of a need that exists `when` some terms hold."""
        shelf = self._catalogue.shelf(need.name)
        self._first.setdefault(need.name, reason)
        if self._admissions.lift(shelf, need) and need.name in self._projects:
            raise LiftedError
        project = self._project(shelf, 0 if origin == ROOT else self._depths[origin] + 1)
        demand = self.clauses.demand
        demands = [demand(when, project, shelf.matching(need.specifier), reason, origin)]
        for extra in need.extras:
            demands.append(demand(when, self._extra(project, need.name, extra), _ACTIVE, reason, origin))
        return demands

    def _project(self, shelf: Shelf, depth: int) -> int:
        project = self._projects.get(shelf.name)
        if project is None:
            project = self._projects[shelf.name] = self.clauses.add_variable(shelf.everything | ABSENT)
            self._names.append((shelf.name, None))
            self._depths.append(depth)
            for limit in self._limits.get(shelf.name, ()):
                self._admissions.lift(shelf, limit.need)
                outside = shelf.everything & ~shelf.matching(limit.need.specifier)
                self.clauses.forbid([(project, outside)], limit)
            withheld = self._admissions.withheld(shelf)
            self.clauses.forbid([(project, withheld)], Withheld(name=shelf.name, bits=withheld))
        return project

    def _extra(self, project: int, name: NormalizedName, extra: NormalizedName) -> int:
        variable = self._extras[name].get(extra)
        if variable is None:
            variable = self._extras[name][extra] = self.clauses.add_variable(ABSENT | _ACTIVE)
            self._names.append((name, extra))
            self._depths.append(self._depths[project])
        return variable
