"""`solve`: from requirements to one version of everything."""

from collections.abc import Mapping

from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.ports import Reporter
from pipper.errors import NoSolutionError
from pipper.solve.admissions import Admissions
from pipper.solve.catalogue import Catalogue, Need, Unusable
from pipper.solve.engine import Clause, ExhaustedError, ImpossibleError
from pipper.solve.explain import explain_exhaustion, explain_impossibility
from pipper.solve.outcome import Outcome
from pipper.solve.reasons import Asked, Withheld
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.search import LiftedError, Search
from pipper.solve.sources import SourceRouter, listed

BUDGET = 20_000_000
"""Looks at clauses before a search gives up: about ten seconds of a slow machine."""


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
    _read_ahead(request, catalogue, asked)
    chosen = _Solver(request, catalogue, asked, budget).chosen()
    resolution = Outcome(catalogue, chosen, asked).resolution(request)
    _warn(resolution, catalogue, reporter)
    return resolution


class _Solver:
    """Runs the search until what it chose is admitted by what it chose."""

    def __init__(self, request: SolveRequest, catalogue: Catalogue, asked: list[Asked], budget: int) -> None:
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
                if failure is not None or not self._admit_more(impossible.clause):
                    raise explain_impossibility(failure or impossible.clause, self._catalogue) from None
                failure = impossible.clause
                continue
            stray = self._stray(chosen)
            if not stray:
                return chosen
            if failure is not None:
                raise explain_impossibility(failure, self._catalogue)
            for name in stray:
                self._admissions.deny(name)

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
                shelf, chosen[shelf.name], [*outcome.needs_on(shelf.name), *self._limits.get(shelf.name, ())]
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
                asked[label, need.text] = Asked(label=label, need=need)
    return [asked[key] for key in sorted(asked)]


def _limits(request: SolveRequest, catalogue: Catalogue) -> dict[NormalizedName, list[Need]]:
    limits: dict[NormalizedName, dict[str, Need]] = {}
    for constraint in request.constraints:
        if constraint.url is None and (need := catalogue.root("constraint", constraint)) is not None:
            limits.setdefault(canonicalize_name(constraint.name), {})[need.text] = need
    return {name: [needs[text] for text in sorted(needs)] for name, needs in limits.items()}


def _read_ahead(request: SolveRequest, catalogue: Catalogue, asked: list[Asked]) -> None:
    """Read what the first choices will need: each level of the graph costs one wait on the network."""
    catalogue.prefetch([*request.likely, *(one.need.name for one in asked)])
    seen: set[NormalizedName] = set()
    level = [one.need for one in asked]
    while level:
        choices = []
        for need in level:
            if need.name not in seen:
                seen.add(need.name)
                shelf = catalogue.shelf(need.name)
                fitting = shelf.matching(need.specifier)
                usual = fitting & ~(shelf.prereleases | shelf.yanked)
                choices.append((shelf, shelf.best(usual or fitting), need.extras))
        choices = [(shelf, bit, extras) for shelf, bit, extras in choices if bit]
        catalogue.router.prefetch_metadata(
            (shelf.at(bit).release, shelf.at(bit).files[0]) for shelf, bit, _ in choices
        )
        level = []
        for shelf, bit, extras in choices:
            for extra in ("", *extras):
                needs = catalogue.needs(shelf, bit, extra)
                level.extend(() if isinstance(needs, Unusable) else needs)
        catalogue.prefetch(need.name for need in level)


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
