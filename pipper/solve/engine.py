"""A complete search over sets of versions: conflict-driven, with learning and backjumping (PubGrub).

A variable is a project, or an extra of one. Its value is one bit of a domain: "absent", or one of its
versions. A clause is a list of terms (variable, set of values) that must not all hold at once. For example,
"a 1.0 requires b>=2" is the clause {a in {1.0}, b not in {2.0, 2.1}}. If all terms of a clause but one hold,
the clause narrows the variable of the last one. If all terms hold, there is a conflict: the engine learns a
new clause from it and goes back to where that clause would have narrowed a variable. The search does not
depend on the order of a set or on time: the same clauses in the same order give the same search.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct


class ImpossibleError(Exception):
    """No assignment satisfies all clauses; `clause` has no terms, and its origins are the clauses in conflict."""

    def __init__(self, clause: "Clause") -> None:
        super().__init__("no solution")
        self.clause = clause


class ExhaustedError(Exception):
    """The budget of steps is spent; `clause` is the one learned last."""

    def __init__(self, clause: "Clause | None") -> None:
        super().__init__("too many steps")
        self.clause = clause


class Clause(Struct, eq=False):
    """Terms that must not all hold, with the caller's reason or the clauses that it was derived from."""

    terms: tuple[tuple[int, int], ...]
    reason: object = None
    origins: "tuple[Clause, ...]" = ()

    def reasons(self) -> Iterator[object]:
        """Yield the caller's reasons that this clause follows from, each once."""
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


class _Step(Struct):
    """One narrowing of one variable; `cause` is None for a decision, and `place` counts all steps."""

    place: int
    level: int
    mask: int
    cause: Clause | None


class Engine:
    """Variables, clauses and the search."""

    def __init__(self, *, budget: int) -> None:
        """Take the number of clause visits after which the search gives up."""
        self.masks: list[int] = []
        """The values that are left, by variable."""
        self.trail: list[int] = []
        """The variables that were narrowed, in order; shorter after a conflict."""
        self.conflicts: list[int] = []
        """How often each variable took part in a conflict."""
        self.touched: list[int] = []
        """Variables whose values or conflicts changed; the caller empties this list."""
        self.steps = 0
        self._budget = budget
        self._level = 0
        self._domains: list[int] = []
        self._history: list[list[_Step]] = []
        self._clauses: list[list[Clause]] = []
        self._changed: dict[int, None] = {}
        self._fresh: list[Clause] = []
        self._recent: list[tuple[int, Clause]] = []
        self._learned: Clause | None = None

    def add_variable(self, domain: int) -> int:
        """Add a variable with these values and return its number."""
        self.masks.append(domain)
        self.conflicts.append(0)
        self._domains.append(domain)
        self._history.append([_Step(place=-1, level=0, mask=domain, cause=None)])
        self._clauses.append([])
        return len(self.masks) - 1

    def add_clause(self, terms: Sequence[tuple[int, int]], reason: object) -> None:
        """Forbid that all terms hold; terms on one variable hold together."""
        merged: dict[int, int] = {}
        for variable, mask in terms:
            merged[variable] = merged.get(variable, self._domains[variable]) & mask
        if all(merged.values()):
            narrowing = tuple(one for one in merged.items() if one[1] != self._domains[one[0]])
            self._store(Clause(narrowing, reason=reason))

    def decide(self, variable: int, mask: int) -> None:
        """Try these values for a variable."""
        self._level += 1
        self._narrow(variable, mask, None)

    def propagate(self) -> Clause | None:
        """Narrow variables as far as the clauses require; return a broken clause, if there is one."""
        while self._fresh or self._changed:
            if self._fresh:
                clause = self._fresh.pop()
                if self._broken(clause):
                    return clause
                continue
            variable = next(iter(self._changed))
            del self._changed[variable]
            for clause in reversed(self._clauses[variable]):
                if self._broken(clause):
                    return clause
        return None

    def learn(self, broken: Clause) -> None:
        """Learn a clause from a broken one, and go back to where it would have narrowed a variable.

        Raises ImpossibleError if there is nothing to go back to.
        """
        merged = dict(broken.terms)
        origins = [broken]
        while True:
            if not merged:
                raise ImpossibleError(Clause((), origins=tuple(origins)))
            variable, step, earlier = self._satisfier(merged)
            if step.cause is None or earlier < step.level:
                break
            self._spend(len(step.cause.terms))
            origins.append(step.cause)
            self._resolve(merged, step.cause, variable)
        clause = broken if len(origins) == 1 else Clause(tuple(merged.items()), origins=tuple(origins))
        # Count only the variable whose choice failed: those decided earlier keep their newest versions.
        self.conflicts[variable] += 1
        self.touched.append(variable)
        self._backjump(earlier)
        if clause is not broken:
            self._store(clause)
        else:
            self._fresh.append(clause)
        self._learned = clause

    def _broken(self, clause: Clause) -> bool:
        """Visit one clause: narrow a variable if all terms but one hold; return True if all hold."""
        self._spend(1)
        masks = self.masks
        found, remaining = -1, 0
        for variable, mask in clause.terms:
            now = masks[variable]
            outside = now & ~mask
            if not outside:
                continue
            if outside == now or found >= 0:
                return False
            found, remaining = variable, outside
        if found < 0:
            return True
        self._narrow(found, remaining, clause)
        return False

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self._budget:
            raise ExhaustedError(self._learned)

    def _narrow(self, variable: int, mask: int, cause: Clause | None) -> None:
        self.masks[variable] = mask
        self._history[variable].append(_Step(len(self.trail), self._level, mask, cause))
        self.trail.append(variable)
        self.touched.append(variable)
        self._changed[variable] = None

    def _satisfier(self, terms: dict[int, int]) -> tuple[int, _Step, int]:
        """Return the variable and step that made the last term hold, and the highest level of the other terms."""
        latest, step, earlier = -1, self._history[0][0], 0
        for variable, mask in terms.items():
            found = next(one for one in self._history[variable] if not one.mask & ~mask)
            if latest < 0 or found.place > step.place:
                if latest >= 0:
                    earlier = max(earlier, step.level)
                latest, step = variable, found
            else:
                earlier = max(earlier, found.level)
        if step.cause is not None:
            own = self._domains[latest] & ~dict(step.cause.terms)[latest]
            mask = terms[latest]
            if own & ~mask:
                helper = next(one for one in self._history[latest] if not one.mask & own & ~mask)
                earlier = max(earlier, helper.level)
        return latest, step, earlier

    def _resolve(self, terms: dict[int, int], cause: Clause, pivot: int) -> None:
        for variable, mask in cause.terms:
            if variable == pivot:
                terms[pivot] |= mask
            else:
                terms[variable] = terms.get(variable, self._domains[variable]) & mask
        if terms[pivot] == self._domains[pivot]:
            del terms[pivot]

    def _backjump(self, level: int) -> None:
        while self.trail:
            variable = self.trail[-1]
            history = self._history[variable]
            if history[-1].level <= level:
                break
            history.pop()
            self.masks[variable] = history[-1].mask
            self.touched.append(variable)
            self.trail.pop()
        self._level = level
        self._changed.clear()
        # Clauses that were added above this level may already narrow a variable here.
        split = len(self._recent)
        while split and self._recent[split - 1][0] > level:
            split -= 1
        above = [clause for _, clause in self._recent[split:]]
        self._fresh.extend(above)
        self._recent[split:] = [(level, clause) for clause in above] if level else []

    def _store(self, clause: Clause) -> None:
        for variable, _ in clause.terms:
            self._clauses[variable].append(clause)
        self._fresh.append(clause)
        if self._level:
            self._recent.append((self._level, clause))
