"""Whether the solution of one environment holds in another: asked first, since solving anew costs much more."""

from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import NormalizedName

from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata, Reporter, Source
from pipper.errors import NoSolutionError
from pipper.solve.candidates import Fitter
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import ReadsAhead, SourceRouter
from pipper.solve.solver import solve

_STEPS = 2_000_000
"""Of the search among so few candidates."""


def holding(
    request: SolveRequest, router: SourceRouter, resolution: Resolution, reporter: Reporter
) -> Resolution | None:
    """Return the solution of `request` that has the versions of `resolution`, None where there is none.

    Projects that only this environment needs are free. Raises whatever sources raise.
    """
    pinned = {pin.name: pin.release for pin in resolution.pins}
    try:
        return solve(request, router.over(lambda source: _Narrowed(source, pinned)), reporter, budget=_STEPS)
    except NoSolutionError:
        return None


def read_ahead(requests: Iterable[SolveRequest], router: SourceRouter, resolution: Resolution) -> None:
    """Have the metadata of the wheels that other environments would take read, all at once."""
    wanted: dict[tuple[str, str], ReleaseFile] = {}
    for request in requests:
        fitter = Fitter(request)
        for pin in resolution.pins:
            shelf = fitter.shelve(pin.name, [pin.release], oldest_first=False)
            for candidate in shelf.candidates:
                file = candidate.best
                wanted[pin.name, file.filename] = ReleaseFile(pin.release, file)
    router.prefetch_metadata(wanted[key] for key in sorted(wanted))


class _Narrowed:
    """A source that has one release of what is pinned, and everything else."""

    def __init__(self, source: Source, pinned: Mapping[NormalizedName, Release]) -> None:
        self._source = source
        self._pinned = pinned

    @property
    def alias(self) -> str:
        return self._source.alias

    def holds(self, name: NormalizedName) -> bool:
        return self._source.holds(name)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        self._source.prefetch(name for name in names if name not in self._pinned)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        return [self._pinned[name]] if name in self._pinned else self._source.releases(name)

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        return self._source.metadata(release, file)

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        if isinstance(self._source, ReadsAhead):
            self._source.prefetch_metadata(wanted)
