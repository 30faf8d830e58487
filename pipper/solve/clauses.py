"""Clauses: what must not hold at once and why, and what follows from several of them (resolution).

A variable is a project, or an extra of one. Its value is one bit of a domain: "absent", or one of its
versions. For example, "a 1.0 requires b>=2" is the clause {a in {1.0}, b not in {2.0, 2.1}}. Clauses that
together leave a variable no value give a new clause over the other variables.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from pipper.solve.candidates import ABSENT

ROOT = -1
"""The origin of the demands that no candidate makes."""


class ImpossibleError(Exception):
    """No choice of values satisfies all clauses; `clause` has no terms, and its origins are the proof."""

    def __init__(self, clause: "Clause") -> None:
        super().__init__("no solution")
        self.clause = clause


class ExhaustedError(Exception):
    """The budget of steps is spent; `clause` is the one learned last."""

    def __init__(self, clause: "Clause | None") -> None:
        super().__init__("too many steps")
        self.clause = clause


class Clause(Struct, eq=False):
    """Terms (variable, set of values) that must not all hold, with a reason or the clauses it follows from."""

    terms: dict[int, int]
    reason: object = None
    origins: "tuple[Clause, ...]" = ()

    def reasons(self) -> Iterator[object]:
        """Yield the reasons that this clause follows from, each once."""
        seen: set[int] = set()
        pending = [self]
        while pending:
            clause = pending.pop()
            if id(clause) in seen:
                continue
            seen.add(id(clause))
            if clause.reason is not None:
                yield clause.reason
            pending.extend(clause.origins)


class Demand(Struct, frozen=True, eq=False):
    """The values that an `origin`, another variable, allows for a variable."""

    variable: int
    allowed: int
    clause: Clause | None
    """None for the demands of a candidate that say only that it is chosen."""
    origin: int


Demands = Mapping[int, Iterator[Demand]]
"""The demands of all choices made so far, by variable."""


class Clauses:
    """The variables, the clauses on them, and what follows from these clauses and from demands."""

    def __init__(self, budget: int) -> None:
        """Take the number of steps after which ExhaustedError is raised: visits of clauses and variables."""
        self.steps = 0
        self.learned: Clause | None = None
        """The clause learned last."""
        self.derived = 0
        """How many clauses were derived."""
        self._budget = budget
        self._domains: list[int] = []
        self._free: list[int] = []
        """The values that no clause on the variable alone forbids."""
        self._limits: list[list[Clause]] = []
        """The clauses on the variable alone."""
        self._clauses: list[list[Clause]] = []
        """The clauses on several variables, by variable. A demand's clause is not listed for what it demands."""
        self._values: dict[tuple[int, int | None], int] = {}
        """Results of `values` for the present demands."""

    def add_variable(self, domain: int) -> int:
        """Add a variable with these values and return its number."""
        self._domains.append(domain)
        self._free.append(domain & ~ABSENT)
        self._limits.append([])
        self._clauses.append([])
        return len(self._domains) - 1

    def forbid(self, terms: Iterable[tuple[int, int]], reason: object) -> None:
        """Forbid that all terms hold; terms on one variable hold together."""
        clause = self._clause(terms, reason)
        if all(clause.terms.values()):  # a term without values never holds
            self._store(clause)

    def demand(
        self, when: Sequence[tuple[int, int]], variable: int, allowed: int, reason: object, origin: int
    ) -> Demand:
        """Return the demand that `origin` makes of a variable if all terms of `when` hold."""
        clause = self._clause([*when, (variable, self._domains[variable] & ~allowed)], reason)
        if when:
            self._store(clause, besides=variable)
        return Demand(variable, allowed, clause, origin)

    def spend(self, steps: int) -> None:
        """Count steps; raises ExhaustedError if the budget is spent."""
        self.steps += steps
        if self.steps > self._budget:
            raise ExhaustedError(self.learned)

    def renew(self) -> None:
        """Note that the next calls are about other demands."""
        self.spend(1)
        self._values.clear()

    def values(self, variable: int, demands: Demands, without: int | None = None) -> int:
        """Return the values that demands and limits leave to a variable, `without` the demands of one origin."""
        key = (variable, without)
        found = self._values.get(key)
        if found is None:
            if variable in demands:
                found, demanded = self._free[variable], False
                for demand in demands[variable]:
                    if demand.origin != without:
                        found &= demand.allowed
                        demanded = True
                found |= 0 if demanded else ABSENT
            else:
                found = self._domains[variable]
            self._values[key] = found
        return found

    def holds(
        self, clause: Clause, demands: Demands, besides: int | None = None, without: int | None = None
    ) -> bool:
        """Return whether demands and limits make all terms hold, besides the one on a variable.

        Other clauses do not count, so that no clause is derived from itself.
        """
        self.spend(1)
        for variable, mask in clause.terms.items():
            if variable != besides and self.values(variable, demands, without) & ~mask:
                return False
        return True

    def forbidden(self, variable: int, allowed: int, demands: Demands) -> int:
        """Return the allowed values that clauses on several variables forbid."""
        found = 0
        for clause in reversed(self._clauses[variable]):
            mask = clause.terms[variable] & allowed & ~found
            if mask and self.holds(clause, demands, variable):
                found |= mask
                if found == allowed:
                    break
        return found

    def learn_rejection(self, variable: int, demands: Demands, origin: int) -> Clause:
        """Learn and return why no value is left to a variable.

        The demands include some of the present choice for `origin`, or ROOT. Terms that hold only because of these
        are replaced by that choice.
        """
        causes = None
        if variable != origin:
            domain = self._domains[variable]
            causes = cover(variable, domain, self._restricting(variable, domain, demands))
        terms: dict[int, int] = {}
        if causes is None:
            # Other values are allowed, but this one is chosen.
            chosen = next(one.allowed for one in demands[variable] if one.origin == variable)
            causes = [next(self._restricting(variable, chosen, demands))]
            terms.update(causes[0].terms)
        else:
            self._resolve(terms, variable, causes)
        if origin != ROOT:
            self._attribute(terms, causes, demands, origin)
        return self._keep(terms, causes)

    def learn_dead_end(self, origin: int, demands: Demands) -> Clause | None:
        """Learn and return why no choice for `origin` is possible; None if the clauses allow another one."""
        domain = self._domains[origin]
        causes = cover(origin, domain, self._restricting(origin, domain, demands, origin))
        if causes is None:
            return None
        terms: dict[int, int] = {}
        self._resolve(terms, origin, causes)
        return self._keep(terms, causes)

    def proof(self, clause: Clause, demands: Demands) -> Clause | None:
        """Return the clause without terms, if the roots and limits alone make a clause hold."""
        origins = [clause]
        for variable, mask in clause.terms.items():
            roots = [one.clause for one in demands[variable] if one.origin == ROOT and one.clause]
            found = cover(variable, self._domains[variable] & ~mask, [*roots, *self._limits[variable]])
            if found is None:
                return None
            origins += found
        return Clause({}, origins=tuple(origins))

    def _clause(self, terms: Iterable[tuple[int, int]], reason: object) -> Clause:
        merged: dict[int, int] = {}
        for variable, mask in terms:
            merged[variable] = merged.get(variable, self._domains[variable]) & mask
        return Clause(merged, reason=reason)

    def _store(self, clause: Clause, besides: int | None = None) -> None:
        """List a clause for its variables, besides the one that a demand restricts by it."""
        for variable, mask in clause.terms.items():
            if len(clause.terms) == 1:
                self._free[variable] &= ~mask
                self._limits[variable].append(clause)
            elif variable != besides:
                self._clauses[variable].append(clause)

    def _given(self, variable: int, demands: Demands, without: int | None = None) -> list[Clause]:
        """Return the clauses by which demands and limits restrict a variable."""
        on_it = demands.get(variable, ())
        found = [one.clause for one in on_it if one.clause is not None and one.origin != without]
        return [*found, *self._limits[variable]]

    def _restricting(
        self, variable: int, values: int, demands: Demands, without: int | None = None
    ) -> Iterator[Clause]:
        """Yield all clauses that now forbid some of these values of a variable."""
        for clause in self._given(variable, demands, without):
            if clause.terms.get(variable, 0) & values:
                yield clause
        for clause in self._clauses[variable]:
            if clause.terms[variable] & values and self.holds(clause, demands, variable, without):
                yield clause

    def _attribute(self, terms: dict[int, int], causes: list[Clause], demands: Demands, origin: int) -> None:
        """Replace the terms that hold only because of the demands of one origin by that origin's choice."""
        for variable in [one for one in terms if one != origin]:
            if not self.values(variable, demands, origin) & ~terms[variable]:
                continue
            rest = self._domains[variable] & ~terms[variable]
            found = cover(variable, rest, self._given(variable, demands))
            if found is None:
                raise AssertionError("a term holds, but no demand or limit makes it hold")
            self.spend(len(found))
            causes += found
            self._resolve(terms, variable, found)

    def _resolve(self, terms: dict[int, int], variable: int, clauses: Iterable[Clause]) -> None:
        """Replace the term on a variable by the other terms of clauses that forbid its other values."""
        terms.pop(variable, None)
        for clause in clauses:
            for other, mask in clause.terms.items():
                if other != variable:
                    terms[other] = terms.get(other, self._domains[other]) & mask

    def _keep(self, terms: dict[int, int], causes: list[Clause]) -> Clause:
        """Store and return a clause that follows from others; the same one if it follows from one alone."""
        if len(causes) == 1 and causes[0].terms == terms:
            self.learned = causes[0]
        else:
            terms = {one: mask for one, mask in terms.items() if mask != self._domains[one]}
            self.learned = Clause(terms, origins=tuple(causes))
            self._store(self.learned)
            self.derived += 1
        return self.learned


def cover(variable: int, values: int, clauses: Iterable[Clause]) -> list[Clause] | None:
    """Return clauses that together forbid all these values of a variable; None if the given ones do not.

    Clauses with few terms are preferred, and none is returned that the others make superfluous.
    """
    found: list[Clause] = []
    left = values
    for clause in sorted(clauses, key=lambda one: len(one.terms)):
        mask = clause.terms.get(variable, 0)
        if left & mask:
            found.append(clause)
            left &= ~mask
            if not left:
                break
    if left:
        return None
    for clause in found[::-1]:
        rest = 0
        for other in found:
            if other is not clause:
                rest |= other.terms[variable]
        if not values & ~rest:
            found.remove(clause)
    return found
