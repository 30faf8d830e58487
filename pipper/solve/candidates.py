"""The releases of one project sorted for a target: candidates in order of preference, and refusals with reasons."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.tags import InvalidTag, Tag, parse_tag
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.ports import Assortment, CandidateFile, Release, WheelKind
from pipper.core.wheel_kinds import wheel_kind
from pipper.core.wheel_order import WheelMerit, wheel_merit
from pipper.solve.formatted import text_of
from pipper.solve.mistakable import may_be_mistaken, mistakable
from pipper.solve.request import SolveRequest

ABSENT = 1
"""The bit of "not installed" in a set of versions; candidate number i has the bit `2 << i`."""

_MATCHING: dict[tuple[Version, ...], dict[str, int]] = {}
"""Candidates inside a specifier, by the versions of a shelf, which most environments share."""

_UPLOADED = "uploaded "
_MISTAKABLE = (0, "by its name alone, its wheel would also be taken in another locked environment")

_Verdict = tuple[tuple[int, ...], str | None] | str
"""The indexes of fitting files, best first, and why they are yanked; or why no file fits."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A release with wheels that fit the target, or with a source distribution that may be built for it."""

    version: Version
    release: Release
    places: tuple[int, ...]
    """The indexes of the release's files that fit, best first; empty for a source distribution."""
    yanked: str | None
    """The reason, if every fitting file is yanked (PEP 592)."""

    @property
    def files(self) -> tuple[CandidateFile, ...]:
        """The fitting files, best first; never empty."""
        return tuple(self.release.files[place] for place in self.places) or tuple(self.release.sdists[:1])

    @property
    def best(self) -> CandidateFile:
        """The file to install, or to build from."""
        return self.release.files[self.places[0]] if self.places else self.release.sdists[0]


class Refusal(Struct, frozen=True, kw_only=True):
    """A release that cannot be used on the target."""

    version: Version
    why: str
    """Such as `needs Python >=3.12`."""
    forbidden: bool = False
    """Whether it could be built from its source distribution, if that were allowed."""

    @property
    def too_young(self) -> bool:
        """Whether the release is excluded by its upload time."""
        return self.why.startswith(_UPLOADED)


class Shelf:
    """The candidates of one project, preferred ones first; a set of them is an integer with one bit each."""

    def __init__(
        self,
        name: NormalizedName,
        candidates: tuple[Candidate, ...],
        refusals: tuple[Refusal, ...],
        kept: Version | None,
    ) -> None:
        self.name = name
        self.candidates = candidates
        self.refusals = refusals
        self.everything = (2 << len(candidates)) - 2
        self.finals = self.prereleases = self.yanked = 0
        for place, one in enumerate(candidates):
            early = one.version.is_prerelease
            if not early and one.yanked is None:
                self.finals |= 2 << place
            elif one.version != kept:
                self.prereleases |= 2 << place if early else 0
                self.yanked |= 2 << place if one.yanked is not None else 0
        self._versions = tuple(one.version for one in candidates)
        self._matching = _MATCHING.setdefault(self._versions, {})

    @property
    def held(self) -> bool:
        """Whether a source has a release of the project."""
        return bool(self.candidates or self.refusals)

    def matching(self, specifier: SpecifierSet) -> int:
        """Return the candidates inside a specifier, pre-releases or not."""
        text = text_of(specifier)
        found = self._matching.get(text)
        if found is None:
            found = sum(
                2 << place
                for place, version in enumerate(self._versions)
                if specifier.contains(version, prereleases=True)
            )
            if "===" not in text:  # `===` compares texts, so equal versions may differ
                self._matching[text] = found
        return found

    def best(self, among: int) -> int:
        """Return the bit of the preferred candidate of a set."""
        among &= ~ABSENT
        return among & -among

    def at(self, bit: int) -> Candidate:
        """Return the candidate that has this bit."""
        return self.candidates[bit.bit_length() - 2]

    def chosen(self, among: int) -> Iterator[Candidate]:
        """Yield the candidates of a set, preferred ones first."""
        for bit in bits_of(among & ~ABSENT):
            yield self.at(bit)


def bits_of(among: int) -> Iterator[int]:
    """Yield the bits of a set, the lowest first."""
    while among:
        bit = among & -among
        yield bit
        among ^= bit


class Fitter:
    """Checks releases against the target of a request: tags (PEP 425), Python, upload time, yanked files."""

    def __init__(self, request: SolveRequest) -> None:
        self._request = request
        self._python = request.target.python
        self._ranks: dict[str, int | None] = {}
        self._serves: dict[str, bool] = {}
        self._verdicts: dict[Assortment, _Verdict] = {}
        self._others = [
            Fitter(replace(request, target=target, beside=()))
            for target in request.beside
            if target != request.target
        ]

    def shelve(self, name: NormalizedName, releases: list[Release], *, oldest_first: bool) -> Shelf:
        """Sort the releases of a project into candidates and refusals; their order does not matter."""
        candidates, refusals = [], []
        for release in _merged(releases):
            fitting = self._fit(release)
            if isinstance(fitting, Refusal):
                refusals.append(fitting)
            else:
                candidates.append(fitting)
        kept = self._request.preferred.get(name)
        candidates.sort(key=lambda one: one.version, reverse=not oldest_first)
        candidates.sort(key=lambda one: one.yanked is not None)
        candidates.sort(key=lambda one: one.version != kept)
        refusals.sort(key=lambda one: one.version)
        return Shelf(name, tuple(candidates), tuple(refusals), kept)

    def _fit(self, release: Release) -> Candidate | Refusal:
        assortment = release.assortment or Assortment(kinds=tuple(_kind(file) for file in release.files))
        if self._request.as_of is not None:
            verdict = self._judge(assortment, release)
        else:
            known = self._verdicts.get(assortment)
            verdict = known if known is not None else self._judge(assortment, release)
            self._verdicts[assortment] = verdict
        if isinstance(verdict, str):
            return self._of_source(release, verdict)
        places, yanked = verdict
        return Candidate(version=release.version, release=release, places=places, yanked=yanked)

    def _of_source(self, release: Release, why: str) -> Candidate | Refusal:
        """Return the candidate to build where no wheel fits, or why there is none."""
        builds = self._request.builds
        if builds is None or not release.sdists:
            return Refusal(version=release.version, why=why)
        sdist = release.sdists[0]
        needs = sdist.requires_python
        if needs is not None and not self.serves_python(needs):
            return Refusal(version=release.version, why=f"needs Python {needs}")
        too_young = self._uploaded_late(sdist.upload_time)
        if too_young:
            return Refusal(version=release.version, why=too_young)
        if builds is not True and release.name not in (builds or ()):
            why = f"{why}, and building its source distribution is not allowed"
            return Refusal(version=release.version, why=why, forbidden=True)
        return Candidate(version=release.version, release=release, places=(), yanked=sdist.yanked)

    def _judge(self, assortment: Assortment, release: Release) -> _Verdict:
        kinds = assortment.kinds
        if not kinds:
            return release.gone or "no wheel at all"
        without: frozenset[int] = frozenset()
        if self._others and may_be_mistaken(kinds):
            without = mistakable(kinds, release, (self, *self._others))
        places = self.chosen(kinds, release, without)
        if places:
            return tuple(places), kinds[places[0]].yanked
        whys = [self._why(kind, release, place) for place, kind in enumerate(kinds)]
        return min(why or _MISTAKABLE for why in whys)[1]

    def chosen(self, kinds: Sequence[WheelKind], release: Release, without: Collection[int]) -> list[int]:
        """Return the indexes of the wheels that fit, best first; yanked ones only if no other fits."""
        fitting = [
            place
            for place, kind in enumerate(kinds)
            if place not in without and self._why(kind, release, place) is None
        ]
        places = [place for place in fitting if kinds[place].yanked is None] or fitting
        if len(places) > 1:
            places.sort(key=lambda place: self._merit(kinds[place], release, place), reverse=True)
        return places

    def merit(self, kind: WheelKind, release: Release, place: int) -> WheelMerit | None:
        """Return the merit of a wheel by its name alone; None if its tags do not fit."""
        return None if self._rank(kind.tags) is None else self._merit(kind, release, place)

    def _why(self, kind: WheelKind, release: Release, place: int) -> tuple[int, str] | None:
        return self._refuse(kind) or self._too_young(release, place)

    def _refuse(self, kind: WheelKind) -> tuple[int, str] | None:
        """Return why a file cannot be used, with the rank of the reason: the lowest is the most specific."""
        if self._rank(kind.tags) is None:
            return 2, f"no wheel that fits {self._request.target.name}"
        needs = kind.requires_python
        if needs is not None and not self.serves_python(needs):
            return 0, f"needs Python {needs}"
        return None

    def _too_young(self, release: Release, place: int) -> tuple[int, str] | None:
        if self._request.as_of is None:
            return None
        why = self._uploaded_late(release.files[place].upload_time)
        return (1, why) if why else None

    def _uploaded_late(self, uploaded: datetime | None) -> str:
        as_of = self._request.as_of
        if as_of is None or (uploaded is not None and uploaded <= as_of):
            return ""
        return _UPLOADED + ("at an unknown time" if uploaded is None else f"after {_moment(as_of)}")

    def serves_python(self, needs: SpecifierSet) -> bool:
        """Return whether the target's Python satisfies a `Requires-Python`."""
        text = text_of(needs)
        if text not in self._serves:
            self._serves[text] = needs.contains(self._python, prereleases=True)
        return self._serves[text]

    def _rank(self, tags: str) -> int | None:
        if tags not in self._ranks:
            ranks: list[int] = [
                rank for tag in _tags(tags) if (rank := self._request.target.ranks.get(tag)) is not None
            ]
            self._ranks[tags] = min(ranks, default=None)
        return self._ranks[tags]

    def _merit(self, kind: WheelKind, release: Release, place: int) -> WheelMerit:
        return wheel_merit(self._rank(kind.tags) or 0, kind.build, release.files[place].filename)


def _kind(file: CandidateFile) -> WheelKind:
    return wheel_kind(file.filename, file.requires_python, file.yanked)


def _moment(time: datetime) -> str:
    """Format a time for messages: the date alone if it is the end of that day."""
    utc = time.astimezone(UTC)
    if (utc + timedelta(microseconds=1)).time() == datetime.min.time():
        return f"{utc:%Y-%m-%d}"
    return f"{utc:%Y-%m-%d %H:%M:%S} UTC"


def _tags(compressed: str) -> frozenset[Tag]:
    try:
        return parse_tag(compressed) if compressed.count("-") == 2 else frozenset()
    except InvalidTag:
        return frozenset()  # a page may list a file with any name; this one fits no target


def _merged(releases: list[Release]) -> list[Release]:
    """Merge releases of equal versions, such as `1.0` and `1.0.0` (PEP 440), independent of their order."""
    by_version = {release.version: release for release in releases}
    if len(by_version) == len(releases):
        return releases
    by_version.clear()
    for release in sorted(releases, key=lambda one: str(one.version)):
        known = by_version.get(release.version)
        if known is not None:
            files, sdists = (*known.files, *release.files), known.sdists or release.sdists
            release = replace(known, files=files, sdists=sdists, assortment=None)  # noqa: PLW2901 - one merged
        by_version[release.version] = release
    return list(by_version.values())
