"""Reuse of a solution in another environment. This is tried first, because a full solve costs much more."""

from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import NormalizedName

from pipper.core.ports import Release, ReleaseFile, Source
from pipper.core.reporter import Reporter
from pipper.errors import NoSolutionError
from pipper.solve.candidates import Fitter
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter, WrappedSource
from pipper.solve.solver import solve

_STEPS = 2_000_000
"""The budget of the search, which has few candidates."""


def solve_with_versions(
    request: SolveRequest, router: SourceRouter, resolution: Resolution, reporter: Reporter
) -> Resolution | None:
    """Return the solution of `request` with the versions of `resolution`; None if there is none.

    Projects that only this environment needs may have any version. Raises what the sources raise.
    """
    pinned = {pin.name: pin.release for pin in resolution.pins}
    try:
        return solve(request, router.over(lambda source: _Narrowed(source, pinned)), reporter, budget=_STEPS)
    except NoSolutionError:
        return None


def read_ahead(requests: Iterable[SolveRequest], router: SourceRouter, resolution: Resolution) -> None:
    """Read, in parallel, the metadata of the wheels that other environments would take."""
    wanted: dict[tuple[str, str], ReleaseFile] = {}
    for request in requests:
        fitter = Fitter(request)
        for pin in resolution.pins:
            shelf = fitter.shelve(pin.name, [pin.release], oldest_first=False)
            for candidate in shelf.candidates:
                file = candidate.best
                wanted[pin.name, file.filename] = ReleaseFile(pin.release, file)
    router.prefetch_metadata(wanted[key] for key in sorted(wanted))


class _Narrowed(WrappedSource):
    """A source that has only the pinned release of each pinned project, and all releases of the others."""

    def __init__(self, source: Source, pinned: Mapping[NormalizedName, Release]) -> None:
        super().__init__(source)
        self._pinned = pinned

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        super().prefetch(name for name in names if name not in self._pinned)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        return [self._pinned[name]] if name in self._pinned else super().releases(name)
