"""Answers resolvelib's questions from what `clauses` holds; the package docstring says how that steers it.

What resolvelib itself marks as incompatible is not used, since the clauses say more.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from resolvelib.providers import AbstractProvider
from resolvelib.reporters import BaseReporter
from resolvelib.resolvers import Criterion, Resolution, ResolutionImpossible
from resolvelib.structs import State

from pipper.solve.agenda import Agenda, Chosen, Urgency
from pipper.solve.candidates import bits_of
from pipper.solve.clauses import ROOT, Clause, Clauses, Demand, Demands, ImpossibleError
from pipper.solve.versions import Known, Pins

_UNLIMITED = 1 << 40
"""Rounds; the budget of steps ends a search."""


class Choice(Struct, eq=False):
    """A candidate for resolvelib: one value of one variable."""

    variable: int
    bit: int
    later: int
    """This value, and those that would be tried after it."""
    demands: list[Demand] | None = None
    """What it demands, once all of that was accepted."""


class Choices(Sequence[Choice]):
    """The values of a set as candidates, preferred ones first; new ones each time, as what they demand changes."""

    __slots__ = ("_bits", "_variable")

    def __init__(self, variable: int, bits: int) -> None:
        self._variable = variable
        self._bits = bits

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __iter__(self) -> Iterator[Choice]:
        for bit in bits_of(self._bits):
            yield Choice(self._variable, bit, self._bits & -bit)

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]


class Provider(AbstractProvider[Demand, Choice, int]):
    """Answers resolvelib: its requirements are demands, its candidates choices, its identifiers variables."""

    def __init__(
        self,
        clauses: Clauses,
        demands: Callable[[Choice], Iterator[Demand]],
        urgency: Callable[[int, int, Chosen], Urgency],
    ) -> None:
        """Take how to list what a candidate demands, itself first, and how urgent it is to choose for a variable."""
        self.conflicts = Counter[int]()
        """How often a choice for a variable failed."""
        self.offered: dict[int, int] = {}
        """The values that were offered last, by variable."""
        self._clauses = clauses
        self._demands = demands
        self._urgency = urgency
        self.agenda = Agenda(urgency)
        self.origin = ROOT
        """Whose demands are being added; ROOT also while resolvelib goes back."""
        self._conflict: Clause | None = None
        """The clause to go back from, until it no longer holds."""

    def solve(self, roots: Sequence[Demand]) -> dict[int, int]:
        """Return the bit chosen for each variable that is demanded.

        Raises ImpossibleError, ExhaustedError, and what listing the demands raises.
        """
        while True:
            self.origin, self._conflict = ROOT, None
            self.agenda.went_back()
            derived = self._clauses.derived
            try:
                state = _Resolution(self).resolve(roots, max_rounds=_UNLIMITED)
            except ResolutionImpossible:
                # It went back too far, which proves nothing. Start again with what was learned.
                if self._clauses.derived == derived:
                    raise AssertionError("resolvelib found no solution, and nothing was learned") from None
                continue
            return {variable: choice.bit for variable, choice in state.mapping.items()}

    def identify(self, requirement_or_candidate: Demand | Choice) -> int:
        """Return the variable."""
        return requirement_or_candidate.variable

    def get_preference(
        self,
        identifier: int,
        resolutions: Mapping[int, Choice],
        candidates: Mapping[int, Iterator[Choice]],
        information: object,
        backtrack_causes: object,
    ) -> Any:
        """Return the urgency; asked only where `_Resolution` lists more than the agenda's first."""
        return self._urgency(identifier, next(candidates[identifier]).later, resolutions)

    def find_matches(
        self,
        identifier: int,
        requirements: Demands,
        incompatibilities: object,
    ) -> Sequence[Choice]:
        """Return the values that demands, limits and clauses leave; learn from it if there are none."""
        clauses = self._clauses
        clauses.renew()
        if self._conflict is not None:
            if clauses.holds(self._conflict, requirements):
                return ()
            if identifier in self._conflict.terms:
                self.conflicts[identifier] += 1
            self._conflict = None
        allowed = clauses.values(identifier, requirements)
        allowed &= ~clauses.forbidden(identifier, allowed, requirements)
        if not allowed:
            self._learn(identifier, requirements)
            return ()
        self.offered[identifier] = allowed
        self.agenda.note(identifier)
        return Choices(identifier, allowed)

    def is_satisfied_by(self, requirement: Demand, candidate: Choice) -> bool:
        """Return whether the value is allowed."""
        return requirement.allowed & candidate.bit != 0

    def get_dependencies(self, candidate: Choice) -> Iterator[Demand]:
        """Yield what a candidate demands, itself first. resolvelib stops as soon as one cannot be met."""
        if candidate.demands is not None:  # it is asked again as it goes back
            yield from candidate.demands
            return
        found = []
        for demand in self._demands(candidate):
            found.append(demand)
            yield demand
        candidate.demands = found

    def _learn(self, variable: int, requirements: Demands) -> None:
        """Learn why no value is left to a variable, and whether to go back further than to the next candidate.

        Raises ImpossibleError if there is nothing to go back to.
        """
        origin, clauses = self.origin, self._clauses
        found = clauses.learn_rejection(variable, requirements, origin)
        if origin != ROOT:
            self.conflicts[origin] += 1
        if origin in found.terms:
            dead_end = clauses.learn_dead_end(origin, requirements)
            if dead_end is None:
                return  # resolvelib tries the next candidate
            found = dead_end
        self._conflict = found
        proof = clauses.proof(found, requirements)
        if proof is not None:
            raise ImpossibleError(proof)


class _Resolution(Resolution[Demand, Choice, int]):
    """resolvelib's search, quicker where the provider makes its precautions superfluous.

    If resolvelib renames what is overridden here, the search is slower, but finds the same.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider, _Listener(provider))
        # The provider tells how far to go back. To go further at a guess loses good choices.
        self._optimistic_backjumping_ratio = 0.0
        self._agenda = provider.agenda
        self._follows_agenda = False
        """Whether the states list what to choose for next alone."""

    def _is_current_pin_satisfying(self, name: int, criterion: Criterion[Demand, Choice]) -> bool:
        # A candidate demands itself, so a pin that breaks a demand never gets into the state.
        return not self._follows_agenda and name in self.state.mapping

    def _push_new_state(self) -> None:
        # resolvelib copies both dicts in every round, and looks at all that is in them: so a round takes as long,
        # and needs as much memory, as there are projects.
        base: Any = self._states[-1]  # both are used as dicts are
        self._follows_agenda = True
        pins: Any = base.mapping.copy() if isinstance(base.mapping, Pins) else Pins(base.mapping.items())
        known: Any = base.criteria
        known = (
            known.beside(pins) if isinstance(known, Known) else Known(pins, self._agenda.first, known.items())
        )
        state = State(mapping=pins, criteria=known, backtrack_causes=base.backtrack_causes[:])
        self._states.append(state)


class _Listener(BaseReporter[Demand, Choice, int]):
    """Tells the provider what resolvelib is doing."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def adding_requirement(self, requirement: Demand, parent: Choice | None) -> None:
        self._provider.origin = ROOT if parent is None else parent.variable

    def resolving_conflicts(self, causes: object) -> None:
        self._provider.origin = ROOT
        self._provider.agenda.went_back()
