"""`solve`: from requirements to one version of every project."""

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.lock.model import Pin
from pipper.core.reporter import Reporter
from pipper.core.wording import listed
from pipper.errors import NoSolutionError
from pipper.solve.admissions import Admissions, Unreserved
from pipper.solve.catalogue import Catalogue
from pipper.solve.clauses import Clause, ExhaustedError, ImpossibleError
from pipper.solve.explain import explain_exhaustion, explain_impossibility
from pipper.solve.outcome import Outcome
from pipper.solve.prefetch import read_ahead
from pipper.solve.reasons import Asked, Limited, LimitOrigin, Withheld
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.search import LiftedError, Search

BUDGET = 20_000_000
"""Visits of clauses and variables before a search gives up: ten to twenty seconds."""
_UNRESERVED_BUDGET = 300_000
"""The same for searches that include all pre-releases and yanked releases."""
_MOST_REJECTED = 300


def solve(
    request: SolveRequest, router: SourceRouter, reporter: Reporter | None = None, *, budget: int = BUDGET
) -> Resolution:
    """Return one version of every project that the roots reach, such that all requirements are met.

    Versions follow PEP 440, yanked files PEP 592, tags PEP 425, markers and extras PEP 508. The result depends on
    the request and the releases only, not on the order in which sources list them. Raises NoSolutionError if
    there is no solution or none was found within `budget` steps, UsageError for a root requirement that
    cannot be used (URL, marker) and for a pin to an unknown source, and what a source raises.
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
    """Repeats the search until every chosen pre-release and yanked release is admitted by the outcome itself."""

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
                if failure is None and self._has_no_solution(impossible.clause):
                    raise explain_impossibility(impossible.clause, self._catalogue) from None
                if failure is not None or not self._admit_more(impossible.clause):
                    return self._search_unreserved(failure or impossible.clause)
                failure = impossible.clause
                continue
            unadmitted = self._unadmitted(chosen)
            if not unadmitted:
                return chosen
            if failure is not None:
                return self._search_unreserved(failure)
            for name in unadmitted:
                self._admissions.deny(name)

    def _has_no_solution(self, failure: Clause) -> bool:
        """Return whether there is no solution even with all pre-releases and yanked releases.

        This one search saves a search for each release that a requirement admits.
        """
        if not any(isinstance(one, Withheld) for one in failure.reasons()):
            return False
        try:
            self._unreserved().run(self._asked)
        except ImpossibleError:
            return True
        except ExhaustedError:
            pass
        return False

    def _search_unreserved(self, failure: Clause) -> dict[NormalizedName, int]:
        """Search among all releases, and reject each outcome with a release that it does not admit.

        The usual search never again admits what one outcome did not admit, which is fast; but another outcome
        may admit it. Raises NoSolutionError about `failure` if no outcome is found.
        """
        if self._admissions.has_denied or any(isinstance(one, Withheld) for one in failure.reasons()):
            search = self._unreserved()
            roots: list[Asked] = self._asked
            try:
                for _ in range(_MOST_REJECTED):
                    chosen = search.run(roots)
                    if not self._unadmitted(chosen):
                        return chosen
                    reached = Outcome(self._catalogue, chosen, self._asked).extras
                    search.reject({name: chosen[name] for name in reached})
                    roots = []
            except (ImpossibleError, ExhaustedError):
                pass  # the failure of the usual search explains more
        raise explain_impossibility(failure, self._catalogue)

    def _unreserved(self) -> Search:
        return Search(self._catalogue, Unreserved(self._request), self._limits, _UNRESERVED_BUDGET)

    def _run(self) -> dict[NormalizedName, int]:
        while True:
            search = Search(self._catalogue, self._admissions, self._limits, self._budget)
            try:
                return search.run(self._asked)
            except LiftedError:
                self._budget -= search.clauses.steps
            except ExhaustedError as exhausted:
                raise explain_exhaustion(
                    exhausted.clause, self._catalogue, search.clauses.steps, search.chain
                ) from None

    def _admit_more(self, clause: Clause) -> bool:
        """Admit the pre-releases that took part in a conflict; tell whether there were any.

        All requirements on a project together may leave nothing but pre-releases.
        """
        withheld = {reason.name for reason in clause.reasons() if isinstance(reason, Withheld)}
        return bool([name for name in sorted(withheld) if self._admissions.admit_prereleases(name)])

    def _unadmitted(self, chosen: Mapping[NormalizedName, int]) -> list[NormalizedName]:
        """Return the projects whose chosen version the outcome does not admit."""
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
            f"the project requires Python {needs}, but the target has {request.target.python_full_version}",
            hint="choose another interpreter, or change `requires-python`",
        )


def _asked(request: SolveRequest, catalogue: Catalogue) -> list[Asked]:
    """Return the active root requirements, in an order that does not depend on theirs."""
    asked = {}
    for label, requirements in request.roots.items():
        for requirement in requirements:
            need = catalogue.root(label, requirement)
            if need is not None:
                asked[str(label), need.text] = Asked(label=label, need=need, asks=request.asks)
    return [asked[key] for key in sorted(asked)]


def _limits(request: SolveRequest, catalogue: Catalogue) -> dict[NormalizedName, list[Limited]]:
    limits: dict[NormalizedName, dict[str, Limited]] = {}
    limiting: Iterable[tuple[Pin | None, LimitOrigin, tuple[Requirement, ...]]] = (
        (None, "rest", request.rest),
        (None, "option", request.wanted_now),
        (None, "manifest", request.constraints),
        *((pin, "manifest", requirements) for pin, requirements in request.unmanaged.items()),
    )
    for by, origin, requirements in limiting:
        for requirement in requirements:
            need = catalogue.limit(requirement, unmanaged=by is not None)
            if need is not None:
                limited = Limited(need=need, by=by, origin=origin)
                limits.setdefault(need.name, {})[f"{by or ''} {need.text}"] = limited
    return {name: [found[text] for text in sorted(found)] for name, found in limits.items()}


def _warn(resolution: Resolution, catalogue: Catalogue, reporter: Reporter) -> None:
    for pin in resolution.pins:
        rivals = catalogue.router.rivals(pin.name)
        if rivals:
            also = listed(f"`{alias}`" for alias in rivals)
            reporter.warning(
                f"`{pin.name}` is taken from `{pin.source}`, but is also in {also}: "
                f"set its source in [sources]"
            )
        metadata = catalogue.router.source(pin.release).metadata(pin.release, pin.files[0])
        for extra in pin.extras:
            if extra not in metadata.provides_extra:
                reporter.warning(f"`{pin.name}` {pin.version} has no extra `{extra}`")
