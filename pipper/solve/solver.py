"""`solve`: from requirements to one version of everything."""

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.lock.model import Pin
from pipper.core.ports import Reporter
from pipper.core.wording import listed
from pipper.errors import NoSolutionError
from pipper.solve.admissions import Admissions, Unreserved
from pipper.solve.ahead import read_ahead
from pipper.solve.catalogue import Catalogue
from pipper.solve.engine import Clause, ExhaustedError, ImpossibleError
from pipper.solve.explain import explain_exhaustion, explain_impossibility
from pipper.solve.outcome import Outcome
from pipper.solve.reasons import Asked, Limited, Withheld
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.search import LiftedError, Search

BUDGET = 20_000_000
"""Looks at clauses before a search gives up: about ten seconds of a slow machine."""
_PATIENCE = 300_000
"""The same for the last search, among everything there is."""
_MOST_TURNED_DOWN = 300


def solve(
    request: SolveRequest, router: SourceRouter, reporter: Reporter | None = None, *, budget: int = BUDGET
) -> Resolution:
    """Return one version of everything that the roots reach, all requirements met.

    Versions follow PEP 440, yanked files PEP 592, tags PEP 425, markers and extras PEP 508. The same request
    and the same releases give the same answer, in whatever order sources list them. Raises NoSolutionError
    where there is no solution or none was found within `budget` steps, UsageError for a root requirement that
    cannot be used (URL, marker) and for a pin to an unknown source, and whatever a source raises.
    """
    reporter = reporter or Reporter()
    catalogue = Catalogue(request, router)
    _check_python(request, catalogue)
    asked = _asked(request, catalogue)
    read_ahead(catalogue, request.likely, [one.need for one in asked])
    chosen = _Solver(request, catalogue, asked, budget).chosen()
    resolution = Outcome(catalogue, chosen, asked).resolution(request)
    _warn(resolution, catalogue, reporter)
    return resolution


class _Solver:
    """Runs the search until what it chose is admitted by what it chose."""

    def __init__(self, request: SolveRequest, catalogue: Catalogue, asked: list[Asked], budget: int) -> None:
        self._request = request
        self._catalogue = catalogue
        self._asked = asked
        self._budget = budget
        self._admissions = Admissions(request)
        self._limits = _limits(request, catalogue)

    def chosen(self) -> dict[NormalizedName, int]:
        """Return the bit of the candidate chosen for each project; raises NoSolutionError."""
        failure: Clause | None = None
        while True:
            try:
                chosen = self._run()
            except ImpossibleError as impossible:
                if failure is None and self._is_hopeless(impossible.clause):
                    raise explain_impossibility(impossible.clause, self._catalogue) from None
                if failure is not None or not self._admit_more(impossible.clause):
                    return self._patiently(failure or impossible.clause)
                failure = impossible.clause
                continue
            stray = self._stray(chosen)
            if not stray:
                return chosen
            if failure is not None:
                return self._patiently(failure)
            for name in stray:
                self._admissions.deny(name)

    def _is_hopeless(self, failure: Clause) -> bool:
        """Whether there is no solution even among everything there is: one search instead of one a lift."""
        if not any(isinstance(one, Withheld) for one in failure.reasons()):
            return False
        try:
            Search(self._catalogue, Unreserved(self._request), self._limits, _PATIENCE).run(self._asked)
        except ImpossibleError:
            return True
        except ExhaustedError:
            pass
        return False

    def _patiently(self, failure: Clause) -> dict[NormalizedName, int]:
        """Search among everything there is, and turn down each outcome that does not admit what it holds.

        The usual way takes back for good what one outcome does not admit, and so comes to the newest versions
        soon; but another outcome may admit it. Raises NoSolutionError about `failure` where none is found.
        """
        if self._admissions.took_back or any(isinstance(one, Withheld) for one in failure.reasons()):
            search = Search(self._catalogue, Unreserved(self._request), self._limits, _PATIENCE)
            roots: list[Asked] = self._asked
            try:
                for _ in range(_MOST_TURNED_DOWN):
                    chosen = search.run(roots)
                    if not self._stray(chosen):
                        return chosen
                    search.turn_down(Outcome(self._catalogue, chosen, self._asked).extras)
                    roots = []
            except (ImpossibleError, ExhaustedError):
                pass  # what the usual way met tells more
        raise explain_impossibility(failure, self._catalogue)

    def _run(self) -> dict[NormalizedName, int]:
        while True:
            search = Search(self._catalogue, self._admissions, self._limits, self._budget)
            try:
                return search.run(self._asked)
            except LiftedError:
                self._budget -= search.engine.steps
            except ExhaustedError as exhausted:
                steps = search.engine.steps
                raise explain_exhaustion(exhausted.clause, self._catalogue, steps, search.chain) from None

    def _admit_more(self, clause: Clause) -> bool:
        """Admit the pre-releases that stood in the way: all requirements together may leave nothing else."""
        withheld = {reason.name for reason in clause.reasons() if isinstance(reason, Withheld)}
        return bool([name for name in sorted(withheld) if self._admissions.admit_prereleases(name)])

    def _stray(self, chosen: Mapping[NormalizedName, int]) -> list[NormalizedName]:
        """Return the projects whose chosen version nothing in the outcome admits."""
        outcome = Outcome(self._catalogue, chosen, self._asked)
        shelves = [self._catalogue.shelf(name) for name in sorted(outcome.extras)]
        special = [shelf for shelf in shelves if chosen[shelf.name] & (shelf.prereleases | shelf.yanked)]
        return [
            shelf.name
            for shelf in special
            if not self._admissions.justified(
                shelf,
                chosen[shelf.name],
                [*outcome.needs_on(shelf.name), *(one.need for one in self._limits.get(shelf.name, ()))],
            )
        ]


def _check_python(request: SolveRequest, catalogue: Catalogue) -> None:
    needs = request.requires_python
    if needs is not None and not catalogue.fitter.serves_python(needs):
        raise NoSolutionError(
            f"the project requires Python {needs}, and the target has {request.target.python_full_version}",
            hint="choose another interpreter, or change `requires-python`",
        )


def _asked(request: SolveRequest, catalogue: Catalogue) -> list[Asked]:
    """Return the active root requirements, in an order that does not depend on theirs."""
    asked = {}
    for label, requirements in request.roots.items():
        for requirement in requirements:
            need = catalogue.root(label, requirement)
            if need is not None:
                asked[str(label), need.text] = Asked(label=label, need=need)
    return [asked[key] for key in sorted(asked)]


def _limits(request: SolveRequest, catalogue: Catalogue) -> dict[NormalizedName, list[Limited]]:
    limits: dict[NormalizedName, dict[str, Limited]] = {}
    limiting: Iterable[tuple[Pin | None, tuple[Requirement, ...]]] = (
        (None, request.constraints),
        *request.unmanaged.items(),
    )
    for by, requirements in limiting:
        for requirement in requirements:
            need = catalogue.limit(requirement, unmanaged=by is not None)
            if need is not None:
                limits.setdefault(need.name, {})[f"{by or ''} {need.text}"] = Limited(need=need, by=by)
    return {name: [found[text] for text in sorted(found)] for name, found in limits.items()}


def _warn(resolution: Resolution, catalogue: Catalogue, reporter: Reporter) -> None:
    for pin in resolution.pins:
        rivals = catalogue.router.rivals(pin.name)
        if rivals:
            also = listed(f"`{alias}`" for alias in rivals)
            reporter.warning(
                f"`{pin.name}` is taken from `{pin.source}`, and {also} holds it too: "
                f"[sources] can say which one is meant"
            )
        metadata = catalogue.router.source(pin.release).metadata(pin.release, pin.files[0])
        for extra in pin.extras:
            if extra not in metadata.provides_extra:
                reporter.warning(f"`{pin.name}` {pin.version} has no extra `{extra}`")
