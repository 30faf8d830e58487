"""The name of the project that is locked, if a dependency requires it: the project itself meets that requirement."""

from collections.abc import Iterable

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.manifest.requirement import name_of
from pipper.core.ports import CandidateFile, Release, ReleaseMetadata, Source
from pipper.solve.request import Resolution
from pipper.solve.router import SourceRouter, WrappedSource


def without_own_name(router: SourceRouter, own: NormalizedName) -> SourceRouter:
    """Return the router over the same sources, where no release requires the project `own`.

    So no source is asked for that name, and no published version of it is locked.
    """
    return router.over(lambda source: _Without(source, own)) if own else router


def is_required(own: NormalizedName, solutions: Iterable[Resolution], router: SourceRouter) -> bool:
    """Return whether a chosen release requires the project `own`; `router` is the one over the bare sources."""
    chosen = (
        {(pin.name, pin.version): pin for each in solutions for part in each.parts for pin in part.pins}
        if own
        else {}
    )
    return any(
        name_of(requirement) == own
        for pin in chosen.values()
        for requirement in router.source(pin.release).metadata(pin.release, pin.files[0]).requires_dist
    )


class _Without(WrappedSource):
    """A source whose releases do not require one project."""

    def __init__(self, source: Source, own: NormalizedName) -> None:
        super().__init__(source)
        self._own = own

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        found = super().metadata(release, file)
        kept = tuple(each for each in found.requires_dist if name_of(each) != self._own)
        return found if len(kept) == len(found.requires_dist) else replace(found, requires_dist=kept)
