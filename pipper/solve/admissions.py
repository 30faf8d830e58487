"""Which pre-releases (PEP 440) and yanked releases (PEP 592) a run of the search may choose."""

from collections.abc import Iterable

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from pipper.solve.candidates import Shelf
from pipper.solve.catalogue import Need
from pipper.solve.request import SolveRequest


class Admissions:
    """The releases admitted so far. A requirement met during a search may admit more; then the search restarts.

    Both rules look at all requirements on a name together, so one more requirement can admit a version. A search
    that only narrows sets of versions cannot follow such rules. Hence each run takes the admissions as fixed, and
    the caller checks at the end whether the outcome itself admits the chosen versions.
    """

    def __init__(self, request: SolveRequest) -> None:
        self._all = request.prereleases is True
        self._named = request.prereleases if isinstance(request.prereleases, frozenset) else frozenset()
        self._prereleases: set[NormalizedName] = set()
        self._yanked: dict[NormalizedName, int] = {}
        self._denied: set[NormalizedName] = set()

    @property
    def has_denied(self) -> bool:
        """Whether an admission was revoked."""
        return bool(self._denied)

    def withheld(self, shelf: Shelf) -> int:
        """Return the candidates that may not be chosen."""
        yanked = shelf.yanked & ~self._yanked.get(shelf.name, 0)
        is_named = shelf.name in self._named or shelf.name in self._prereleases
        return yanked | (0 if self._all or is_named or not shelf.finals else shelf.prereleases)

    def lift(self, shelf: Shelf, need: Need) -> bool:
        """Admit what this requirement alone admits; tell whether that is more than before."""
        if not self.withheld(shelf) or shelf.name in self._denied:
            return False
        matching = shelf.matching(need.specifier)
        before = self.withheld(shelf)
        if _pins(need.specifier):
            self._yanked[shelf.name] = self._yanked.get(shelf.name, 0) | (matching & shelf.yanked)
        nothing_else = not matching & shelf.finals
        if matching & shelf.prereleases and (need.specifier.prereleases or nothing_else):
            self._prereleases.add(shelf.name)
        return self.withheld(shelf) != before

    def admit_prereleases(self, name: NormalizedName) -> bool:
        """Admit the pre-releases of a project as a last resort; tell whether that is more than before."""
        if name in self._prereleases or name in self._denied:
            return False
        self._prereleases.add(name)
        return True

    def deny(self, name: NormalizedName) -> None:
        """Revoke the admissions of a project and admit none later."""
        self._denied.add(name)
        self._prereleases.discard(name)
        self._yanked.pop(name, None)

    def justified(self, shelf: Shelf, bit: int, needs: Iterable[Need]) -> bool:
        """Return whether a chosen candidate is admitted by the requirements on it in the outcome."""
        specifiers = [need.specifier for need in needs]
        if bit & shelf.yanked and not any(_pins(specifier) for specifier in specifiers):
            return False
        if not bit & shelf.prereleases or self._all or shelf.name in self._named:
            return True
        together = SpecifierSet()
        for specifier in specifiers:
            together &= specifier
        rivals = shelf.chosen(shelf.everything & ~(shelf.yanked & ~bit))
        return shelf.at(bit).version in together.filter(one.version for one in rivals)


class Unreserved(Admissions):
    """Admits every release, for a search whose outcomes are all checked afterwards."""

    def withheld(self, shelf: Shelf) -> int:  # noqa: ARG002 - has the parameters of its parent
        """Return the empty set."""
        return 0


def _pins(specifier: SpecifierSet) -> bool:
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for one in specifier
    )
