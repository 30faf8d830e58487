"""Candidates of one project, held against a target: what fits, in which order, and why the rest does not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.ports import CandidateFile, Release
from pipper.solve.request import SolveRequest

ABSENT = 1
"""The bit of "not installed" in a set of versions; candidate number i has the bit `2 << i`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release with wheels that fit the target."""

    version: Version
    release: Release
    files: tuple[CandidateFile, ...]
    """Best first; never empty."""
    yanked: str | None
    """The reason, where every fitting file is yanked (PEP 592)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A release that cannot be used on the target at all."""

    version: Version
    why: str
    """Such as `needs Python >=3.12`."""


class Shelf:
    """The candidates of one project, most wanted first, and sets of them as bits of an integer."""

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
        self.finals = self.bits(lambda one: not one.version.is_prerelease and one.yanked is None)
        self.prereleases = self.bits(lambda one: one.version.is_prerelease and one.version != kept)
        self.yanked = self.bits(lambda one: one.yanked is not None and one.version != kept)
        self._matching: dict[str, int] = {}

    @property
    def held(self) -> bool:
        """Whether the source has any release of the project."""
        return bool(self.candidates or self.refusals)

    def bits(self, wanted: Callable[[Candidate], bool]) -> int:
        """Return the set of the candidates for which this is so."""
        return sum(2 << place for place, candidate in enumerate(self.candidates) if wanted(candidate))

    def matching(self, specifier: SpecifierSet) -> int:
        """Return the candidates inside a specifier, pre-releases or not."""
        text = str(specifier)
        found = self._matching.get(text)
        if found is None:
            found = self._matching[text] = self.bits(
                lambda one: specifier.contains(one.version, prereleases=True)
            )
        return found

    def best(self, among: int) -> int:
        """Return the bit of the most wanted candidate of a set."""
        among &= ~ABSENT
        return among & -among

    def at(self, bit: int) -> Candidate:
        """Return the candidate that has this bit."""
        return self.candidates[bit.bit_length() - 2]

    def chosen(self, among: int) -> Iterator[Candidate]:
        """Yield the candidates of a set, most wanted first."""
        among &= ~ABSENT
        while among:
            bit = among & -among
            yield self.at(bit)
            among ^= bit


class Fitter:
    """Holds releases against the target of a request: tags (PEP 425), Python, upload time, yanked files."""

    def __init__(self, request: SolveRequest) -> None:
        self._request = request
        python = request.target.python_full_version
        self._python = Version(python + "local" if python.endswith("+") else python)
        self._ranks: dict[str, int | None] = {}
        self._serves: dict[str, bool] = {}

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
        candidates.sort(key=lambda one: one.version != kept)
        refusals.sort(key=lambda one: one.version)
        return Shelf(name, tuple(candidates), tuple(refusals), kept)

    def _fit(self, release: Release) -> Candidate | Refusal:
        if not release.files:
            return Refusal(version=release.version, why="no wheel at all")
        fitting, whys = [], []
        for file in release.files:
            why = self._refuse(file)
            if why is None:
                fitting.append(file)
            else:
                whys.append(why)
        if not fitting:
            return Refusal(version=release.version, why=min(whys)[1])
        usable = [file for file in fitting if file.yanked is None]
        files = tuple(usable or fitting)
        if len(files) > 1:
            files = tuple(sorted(files, key=self._merit))
        return Candidate(
            version=release.version, release=release, files=files, yanked=None if usable else files[0].yanked
        )

    def _refuse(self, file: CandidateFile) -> tuple[int, str] | None:
        """Say why a file cannot be used, with the rank of the reason: the lowest tells most."""
        rank = self._rank(file.filename)
        if rank is None:
            return 2, f"no wheel that fits {self._request.target.name}"
        needs = file.requires_python
        if needs is not None and not self.serves_python(needs):
            return 0, f"needs Python {needs}"
        as_of = self._request.as_of
        if as_of is not None and (file.upload_time is None or file.upload_time > as_of):
            return 1, f"uploaded {'at an unknown time' if file.upload_time is None else f'after {as_of}'}"
        return None

    def serves_python(self, needs: SpecifierSet) -> bool:
        """Tell whether the target's Python lies inside a `Requires-Python`."""
        text = str(needs)
        if text not in self._serves:
            self._serves[text] = needs.contains(self._python, prereleases=True)
        return self._serves[text]

    def _rank(self, filename: str) -> int | None:
        compressed = "-".join(filename.removesuffix(".whl").rsplit("-", 3)[1:])
        if compressed not in self._ranks:
            ranks: list[int] = [
                rank for tag in _tags(compressed) if (rank := self._request.target.ranks.get(tag)) is not None
            ]
            self._ranks[compressed] = min(ranks, default=None)
        return self._ranks[compressed]

    def _merit(self, file: CandidateFile) -> tuple[int, int, str]:
        parts = file.filename.removesuffix(".whl").split("-")
        digits = parts[2] if len(parts) == 6 else ""
        build = int("0" + digits[: len(digits) - len(digits.lstrip("0123456789"))])
        return self._rank(file.filename) or 0, -build, file.filename


def _tags(compressed: str) -> frozenset[Tag]:
    return parse_tag(compressed) if compressed.count("-") == 2 else frozenset()


def _merged(releases: list[Release]) -> list[Release]:
    """One release a version: `1.0` and `1.0.0` are the same (PEP 440), whichever a source lists first."""
    by_version: dict[Version, Release] = {}
    for release in sorted(releases, key=lambda one: str(one.version)):
        known = by_version.get(release.version)
        if known is not None:
            release = replace(known, files=known.files + release.files)  # noqa: PLW2901 - the same release, completed
        by_version[release.version] = release
    return list(by_version.values())
