"""Reuse of a solution in another environment. This is tried first, because a full solve costs much more."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace
from packaging.markers import InvalidMarker, Marker
from packaging.utils import NormalizedName

from pipper.core.ports import Release, ReleaseFile, Source
from pipper.core.reporter import Reporter
from pipper.core.target import parse_name
from pipper.errors import NoSolutionError, UnfollowedError
from pipper.solve.candidates import Fitter
from pipper.solve.formatted import text_of
from pipper.solve.markers import Markers
from pipper.solve.patch_levels import patch_conditions
from pipper.solve.request import Resolution, Solved, SolveRequest
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
    except (NoSolutionError, UnfollowedError):
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


class Carrier:
    """Carries a solution over to environments in which nothing that it met is different.

    It met the markers and the `Requires-Python` of its own packages and of the request. Where all of these have
    the same answer, and the same releases have a file that fits, `solve_with_versions` would return the same solution.
    """

    def __init__(self, request: SolveRequest, router: SourceRouter, resolution: Resolution) -> None:
        """Take a request and its solution, which leaves out none of its root sets."""
        self._router = router
        self._request = request
        self._base = resolution
        self._markers = {(text_of(marker), extra): marker for marker, extra in self._met(request)}
        self._answers = self._answered(Markers(request.target))

    def carried(self, request: SolveRequest) -> Resolution | None:
        """Return the solution for another environment; None if it has to be sought.

        `request` differs from the one that was solved in its target and its preferred versions only, and prefers no
        other version of a project in the solution.
        """
        fitter = Fitter(request)
        project = request.requires_python
        if project is not None and not fitter.serves_python(project):
            return None
        if self._answered(Markers(request.target)) != self._answers:
            return None
        pins = []
        for pin in self._base.pins:
            carried = self._pin(pin, fitter)
            if carried is None:
                return None
            pins.append(carried)
        if self._on_patches(request, pins) != self._on_patches(self._request, self._base.pins):
            return None
        return replace(self._base, pins=tuple(pins))

    def _on_patches(self, request: SolveRequest, pins: Iterable[Solved]) -> frozenset[str]:
        """Return the conditions that each Requires-Python sets for the patch levels of the request's Python."""
        minor = parse_name(request.target.name).python
        stated = [request.requires_python]
        for pin in pins:
            metadata = self._router.source(pin.release).metadata(pin.release, pin.files[0])
            stated += [pin.files[0].requires_python, metadata.requires_python]
        return patch_conditions(stated, minor)

    def _pin(self, pin: Solved, fitter: Fitter) -> Solved | None:
        """Return a package with the files that fit; None if there are none, or if they say something else."""
        found = fitter.shelve(pin.name, [pin.release], oldest_first=False).candidates
        if not found or found[0].yanked != pin.files[0].yanked:
            return None
        source, files = self._router.source(pin.release), found[0].files
        metadata = source.metadata(pin.release, files[0])
        python = metadata.requires_python
        if python is not None and not fitter.serves_python(python):
            return None
        if files[0] is not pin.files[0] and metadata != source.metadata(pin.release, pin.files[0]):
            return None
        return pin if files == pin.files else replace(pin, files=files)

    def _met(self, request: SolveRequest) -> Iterator[tuple[Marker, str]]:
        """Yield the markers with the extras that they were evaluated with."""
        limits = (request.constraints, request.wanted_now, request.overrides, *request.unmanaged.values())
        for requirements in (*request.roots.values(), *limits):
            yield from ((one.marker, "") for one in requirements if one.marker)
        for pin in self._base.pins:
            metadata = self._router.source(pin.release).metadata(pin.release, pin.files[0])
            for one in metadata.requires_dist:
                if one.marker:
                    yield from ((one.marker, extra) for extra in ("", *pin.extras))

    def _answered(self, markers: Markers) -> list[bool | None]:
        """Return what the markers say in an environment; None for one that cannot be evaluated there."""
        answers: list[bool | None] = []
        for (_, extra), marker in self._markers.items():
            try:
                answers.append(markers.holds(marker, extra))
            except InvalidMarker:
                answers.append(None)
        return answers


class _Narrowed(WrappedSource):
    """A source that has only the pinned release of each pinned project, and all releases of the others."""

    def __init__(self, source: Source, pinned: Mapping[NormalizedName, Release]) -> None:
        super().__init__(source)
        self._pinned = pinned

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        super().prefetch(name for name in names if name not in self._pinned)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        return [self._pinned[name]] if name in self._pinned else super().releases(name)
