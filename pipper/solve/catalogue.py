"""The candidates and their requirements, each read once from its source."""

from collections.abc import Iterable

from msgspec import Struct
from packaging.markers import InvalidMarker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.manifest.foreign_spelling import OF_A_REPOSITORY, is_repository
from pipper.core.manifest.root_label import PROJECT, RootLabel
from pipper.core.ports import ReleaseFile
from pipper.core.redaction import redacted
from pipper.core.target import parse_name
from pipper.errors import UnfollowedError, UsageError
from pipper.solve.candidates import Candidate, Fitter, Shelf, bits_of
from pipper.solve.markers import MARKER_HINT, Markers
from pipper.solve.overrides import active_overrides
from pipper.solve.patch_levels import patch_conditions
from pipper.solve.request import SolveRequest
from pipper.solve.router import SourceRouter

MOST_NEEDS = 2000
"""A release with more active requirements counts as hostile and is unusable."""


class Need(Struct, frozen=True, kw_only=True):
    """A requirement that is active on the target."""

    name: NormalizedName
    extras: tuple[NormalizedName, ...]
    specifier: SpecifierSet
    text: str
    """Name, extras and specifier, for messages and comparisons."""


class Unusable(str):
    """Why the metadata of a candidate cannot be used."""

    __slots__ = ()


class Catalogue:
    """Shelves by name and needs by candidate, for one request."""

    def __init__(self, request: SolveRequest, router: SourceRouter) -> None:
        self.router = router
        self.markers = Markers(request.target)
        self.fitter = Fitter(request)
        self._minor = parse_name(request.target.name).python
        self._lowest = request.lowest_direct
        self._direct = {canonicalize_name(one.name) for roots in request.roots.values() for one in roots}
        self._overrides = active_overrides(request.overrides, self.markers)
        self._exclude = request.exclude
        self._shelves: dict[NormalizedName, Shelf] = {}
        self._needs: dict[tuple[NormalizedName, int, str], tuple[Need, ...] | Unusable] = {}
        self._looks: dict[tuple[NormalizedName, int, str], tuple[Need, ...] | Unusable] = {}
        self._fetched: set[tuple[NormalizedName, int]] = set()
        self._carriers: dict[tuple[NormalizedName, str, str], int] = {}

    def shelf(self, name: NormalizedName) -> Shelf:
        """Return the candidates of a project; an empty shelf if no source has it."""
        shelf = self._shelves.get(name)
        if shelf is None:
            source = self.router.route(name)
            releases = [] if source is None else list(source.releases(name))
            oldest_first = self._lowest and name in self._direct
            shelf = self._shelves[name] = self.fitter.shelve(name, releases, oldest_first=oldest_first)
        return shelf

    def needs(self, shelf: Shelf, bit: int, extra: str = "") -> tuple[Need, ...] | Unusable:
        """Return the needs of a candidate itself, or the additional ones of an extra."""
        key = (shelf.name, bit, extra)
        found = self._needs.get(key)
        if found is None:
            found = self._needs[key] = self.look(shelf, bit, extra)
            for need in () if isinstance(found, Unusable) else found:
                carriers = (shelf.name, extra, need.text)
                self._carriers[carriers] = self._carriers.get(carriers, 0) | bit
        return found

    def look(self, shelf: Shelf, bit: int, extra: str = "") -> tuple[Need, ...] | Unusable:
        """Return the same as `needs`, without recording it for `carriers`."""
        key = (shelf.name, bit, extra)
        found = self._looks.get(key)
        if found is None:
            found = self._looks[key] = self._read(shelf.at(bit), extra)
        return found

    def carriers(self, shelf: Shelf, extra: str, need: Need) -> int:
        """Return the candidates that are known so far to have this need."""
        return self._carriers[shelf.name, extra, need.text]

    def conditions(self, candidate: Candidate, extras: Iterable[str]) -> set[str]:
        """Return the conditions on machines in the markers and the Requires-Python of a candidate."""
        metadata = self.router.source(candidate.release).metadata(candidate.release, candidate.best)
        found = {
            self.markers.condition(requirement.marker, extra)
            for requirement in metadata.requires_dist
            for extra in ("", *extras)
        }
        told = {condition for condition in found if condition is not None}
        return told | patch_conditions(
            (candidate.best.requires_python, metadata.requires_python), self._minor
        )

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read the releases of these projects, in parallel."""
        unread = {name for name in names if name not in self._shelves}
        if unread:
            self.router.prefetch(sorted(unread))

    def has_read(self, shelf: Shelf, bit: int) -> bool:
        """Return whether the needs of a candidate are known."""
        return (shelf.name, bit, "") in self._needs

    def prefetch_needs(self, candidates: Iterable[tuple[Shelf, int]]) -> None:
        """Read the metadata of these candidates, in parallel."""
        unread = [(shelf, bit) for shelf, bit in candidates if (shelf.name, bit) not in self._fetched]
        if unread:
            self.router.prefetch_metadata(
                ReleaseFile(shelf.at(bit).release, shelf.at(bit).best) for shelf, bit in unread
            )
            self._fetched.update((shelf.name, bit) for shelf, bit in unread)

    def read_ahead(self, shelf: Shelf, bits: int) -> None:
        """Read the metadata of these candidates, in parallel, and record their needs."""
        self.prefetch_needs((shelf, bit) for bit in bits_of(bits))
        for bit in bits_of(bits):
            self.needs(shelf, bit)

    def root(self, label: RootLabel, requirement: Requirement) -> Need | None:
        """Return a root requirement as a need; None if its marker is false on the target.

        Raises UnfollowedError for a URL, UsageError for a marker that cannot be evaluated.
        """
        try:
            active = self.markers.holds(requirement.marker)
        except InvalidMarker as error:
            raise UsageError(
                f"`{redacted(str(requirement))}` cannot be used", cause=str(error), hint=MARKER_HINT
            ) from error
        if not active or canonicalize_name(requirement.name) in self._exclude:
            return None
        need = self._need(requirement)
        if isinstance(need, Unusable):
            where = "" if label == PROJECT else f" ({label.kind}:{label.name})"
            raise UnfollowedError(
                f"the requirement `{requirement.name}`{where} names a URL, which pipper does not follow",
                hint=OF_A_REPOSITORY.replace("NAME", requirement.name)
                if is_repository(requirement.url or "")
                else f"run `pipper install URL`, or `pipper publish` the file and require `{requirement.name}`",
            )
        return need

    def limit(self, requirement: Requirement, *, unmanaged: bool) -> Need | None:
        """Return a constraint as a need; None if its marker is false on the target.

        A requirement of an `unmanaged` distribution is replaced by an override, and ignored if its marker cannot be
        evaluated. Raises UsageError for a constraint whose marker cannot be evaluated.
        """
        try:
            if requirement.url or not self.markers.holds(requirement.marker):
                return None
        except InvalidMarker as error:
            if unmanaged:
                return None
            raise UsageError(
                f"the constraint `{requirement}` cannot be used", cause=str(error), hint=MARKER_HINT
            ) from error
        name = canonicalize_name(requirement.name)
        if unmanaged and name in self._exclude:
            return None
        override = self._overrides.get(name) if unmanaged else None
        specifier = requirement.specifier if override is None else override
        return Need(name=name, extras=(), specifier=specifier, text=f"{name}{specifier}")

    def override(self, name: NormalizedName) -> SpecifierSet | None:
        """Return the specifier that replaces all others on a project; None if there is no override."""
        return self._overrides.get(name)

    def _read(self, candidate: Candidate, extra: str) -> tuple[Need, ...] | Unusable:
        metadata = self.router.source(candidate.release).metadata(candidate.release, candidate.best)
        if metadata.unusable:
            return Unusable(metadata.unusable)
        python = metadata.requires_python
        if python is not None and not self.fitter.serves_python(python):
            return Unusable(f"needs Python {python}")
        needs: dict[str, Need] = {}
        for requirement in metadata.requires_dist:
            try:
                active = self._active(requirement, extra)
            except InvalidMarker as error:
                return Unusable(str(error))
            if not active or canonicalize_name(requirement.name) in self._exclude:
                continue
            need = self._need(requirement)
            if isinstance(need, Unusable):
                return need
            needs[need.text] = need
            if len(needs) > MOST_NEEDS:
                return Unusable(f"it has more than {MOST_NEEDS} requirements")
        return tuple(needs[text] for text in sorted(needs))

    def _active(self, requirement: Requirement, extra: str) -> bool:
        holds = self.markers.holds
        if not extra:
            return holds(requirement.marker)
        return holds(requirement.marker, extra) and not holds(requirement.marker)

    def _need(self, requirement: Requirement) -> Need | Unusable:
        name = canonicalize_name(requirement.name)
        override = self._overrides.get(name)
        if requirement.url and override is None:
            return Unusable(f"it requires `{name}` from a URL, which pipper does not follow")
        specifier = requirement.specifier if override is None else override
        extras = tuple(sorted(canonicalize_name(extra) for extra in requirement.extras))
        bracketed = f"[{','.join(extras)}]" if extras else ""
        return Need(name=name, extras=extras, specifier=specifier, text=f"{name}{bracketed}{specifier}")
