"""What to choose for next, without a look at all that is open in every round."""

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

Urgency = tuple[int, bool, bool, int, int, str, str]
"""The least is chosen for first. No two variables have the same."""

Criteria = Mapping[int, Any]
"""resolvelib's criteria, by variable."""
Chosen = Mapping[int, Any]
"""The choices made so far, by variable."""


def offered(criterion: Any) -> int:
    """Return the values that a criterion of resolvelib leaves."""
    values: int = next(iter(criterion.candidates)).later
    return values


class Agenda:
    """The open variables in the order of their urgency.

    A variable is noted when its urgency may have changed, and is looked at with the next choice. What is no longer
    so, as the search went on or back, is dropped when it comes up.
    """

    def __init__(self, urgency: Callable[[int, int, Chosen], Urgency]) -> None:
        """Take how urgent a variable is, by what is offered for it and what is chosen."""
        self._urgency = urgency
        self._heap: list[tuple[Urgency, int]] = []
        self._noted: list[int] = []
        self._is_out_of_date = True
        self.unread: dict[int, int] = {}
        """What is offered for variables that were noted since this was last emptied, and open when looked at."""

    def note(self, variable: int) -> None:
        """Note that this variable may have become open, or more urgent."""
        self._noted.append(variable)

    def went_back(self) -> None:
        """Note that any variable may have."""
        self._is_out_of_date = True

    def first(self, criteria: Criteria, chosen: Chosen) -> int | None:
        """Return the most urgent open variable, or None if everything is chosen."""
        if self._is_out_of_date:
            self._renew(criteria, chosen)
        for variable in self._noted:
            if variable in criteria and variable not in chosen:
                heappush(self._heap, self._entry(variable, criteria, chosen))
        self._noted.clear()
        found = self._least(criteria, chosen)
        if found is None and len(chosen) < len(criteria):
            self._renew(criteria, chosen)
            found = self._least(criteria, chosen)
        return found

    def _entry(self, variable: int, criteria: Criteria, chosen: Chosen) -> tuple[Urgency, int]:
        values = self.unread[variable] = offered(criteria[variable])
        return self._urgency(variable, values, chosen), variable

    def _renew(self, criteria: Criteria, chosen: Chosen) -> None:
        self.unread.clear()
        self._heap = [self._entry(each, criteria, chosen) for each in criteria if each not in chosen]
        heapify(self._heap)
        self._noted.clear()
        self._is_out_of_date = False

    def _least(self, criteria: Criteria, chosen: Chosen) -> int | None:
        heap = self._heap
        while heap:
            urgency, variable = heap[0]
            is_open = variable in criteria and variable not in chosen
            if is_open and urgency == self._urgency(variable, offered(criteria[variable]), chosen):
                return variable
            heappop(heap)
        return None
