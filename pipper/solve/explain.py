"""Explanations of conflicts: who requires what, which versions are available, why others are not, what to change."""

from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import or_

from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.manifest.root_label import BY_COMMAND, BY_ENVIRONMENT
from pipper.core.wording import counted, listed
from pipper.errors import NoSolutionError
from pipper.solve.candidates import Candidate, Shelf
from pipper.solve.catalogue import Catalogue, Need
from pipper.solve.clauses import Clause
from pipper.solve.reasons import Asked, Limited, Requires, Unfit, Withheld

_MOST_LINES = 20
_MOST_VERSIONS = 4


def explain_impossibility(clause: Clause, catalogue: Catalogue) -> NoSolutionError:
    """Return the error for requirements that have no solution. `clause` is the one that the search derived."""
    story = _Story(clause.reasons(), catalogue)
    missing = story.missing()
    if missing:
        return NoSolutionError(
            f"no source has `{missing[0].name}`: {catalogue.router.searched(missing[0].name)}",
            cause=story.cause(),
            hint=f"check the spelling, `pipper publish` it, or {story.remedy()}",
        )
    unmet = story.unmet()
    if unmet:
        need = unmet[0]
        none = f"no usable version of `{need.name}`"
        message = f"{none} satisfies {need.text}" if need.specifier else f"there is {none}"
        return NoSolutionError(message, cause=story.cause(), hint=story.hint(need))
    name = story.most_contested()
    return NoSolutionError(
        f"the requirements on `{name}` conflict", cause=story.cause(), hint=story.hint(name=name)
    )


def explain_exhaustion(
    clause: Clause | None, catalogue: Catalogue, steps: int, chain: Callable[[NormalizedName], list[object]]
) -> NoSolutionError:
    """Return the error for a search that gave up. `clause` is the last conflict.

    `chain` returns the reasons that first led from the roots to a project.
    """
    if clause is None:
        return NoSolutionError(
            f"gave up after {steps:,} steps without a solution",
            hint="narrow the search: limit versions with [constraints]",
        )
    reasons = list(clause.reasons())
    name = _Story(reasons, catalogue).most_contested()
    requirers = {one.name for one in reasons if isinstance(one, Requires) and one.need.name == name}
    for requirer in sorted(requirers):
        reasons += chain(requirer)
    story = _Story(reasons, catalogue)
    return NoSolutionError(
        f"gave up after {steps:,} steps, trying to meet the requirements on `{name}`",
        cause=story.cause(),
        hint=f"narrow the search: require one version of `{name}`, or of a project that requires it",
    )


class _Story:
    """The reasons of a conflict in the order of the explanation."""

    def __init__(self, found: Iterable[object], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        reasons = list(dict.fromkeys(found))
        self._asked = sorted((one for one in reasons if isinstance(one, Asked)), key=str)
        self._limits = sorted((one for one in reasons if isinstance(one, Limited)), key=str)
        self._unfit = sorted(
            (one for one in reasons if isinstance(one, Unfit)), key=lambda one: (one.name, one.bit, one.extra)
        )
        self._withheld = {one.name: one.bits for one in reasons if isinstance(one, Withheld)}
        self._requires = self._ordered(one for one in reasons if isinstance(one, Requires))

    def remedy(self) -> str:
        """Return what names another repository: an option, if no manifest of a project asks for anything."""
        if any(one.asks in (BY_COMMAND, BY_ENVIRONMENT) for one in self._asked):
            return "name its repository with -b"
        return "add its repository to [repositories]"

    def missing(self) -> list[Need]:
        """Return the needs whose project no source has."""
        return [need for need in self._needs() if not self._shelf(need.name).held]

    def unmet(self) -> list[Need]:
        """Return the needs and limits that no candidate meets, even without the others."""
        needs = [*self._needs(), *(one.need for one in self._limits)]
        return [need for need in needs if not self._usable(need)]

    def most_contested(self) -> NormalizedName:
        """Return the project that has the most requirers with different requirements."""
        required = [(one.need, f"root {one.label}") for one in self._asked]
        required += [(one.need, one.name) for one in self._requires]
        required += [(one.need, f"limit {one.by}") for one in self._limits]
        requirers: dict[NormalizedName, set[str]] = {}
        texts: dict[NormalizedName, set[str]] = {}
        for need, requirer in required:
            requirers.setdefault(need.name, set()).add(requirer)
            texts.setdefault(need.name, set()).add(need.text)
        return min(
            texts, key=lambda name: (-min(len(requirers[name]), len(texts[name])), -len(texts[name]), name)
        )

    def cause(self) -> str:
        """Return the explanation, one fact a line: "because ...", "and ...". Facts about the roots come first."""
        lines = [str(one) for one in self._asked]
        lines += self._requirements()
        lines += [
            f"the manifest's overrides replace every requirement on {name} with "
            f"{self._catalogue.override(name) or 'any version'}"
            for name in self._replaced()
        ]
        lines += [str(one) for one in self._limits]
        lines += [
            f"{one.name}{f'[{one.extra}]' if one.extra else ''} {self._shelf(one.name).at(one.bit).version} "
            f"cannot be used: {one.why}"
            for one in self._unfit
        ]
        restricted = {need.name for need in self._needs() if need.specifier} | {
            one.need.name for one in self._limits
        }
        for name in sorted(restricted | self._withheld.keys() | {need.name for need in self.unmet()}):
            lines += self._available(name)
        lines = list(dict.fromkeys(lines))
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"{len(lines) - _MOST_LINES} more reasons"]
        text = "\nand ".join(lines)
        return text and f"because {text}"

    def hint(self, need: Need | None = None, *, name: NormalizedName | None = None) -> str:
        """Return the edits that could help with an unmet need, or with the most contested project `name`."""
        if need is not None:
            name = need.name
            only_edit = self._edit_for(need)
            if only_edit:
                return only_edit
        loose = self._loosenable(need)
        edits = [f"loosen {listed(loose, last='or')}"] if loose else self._removals(name)
        early = sorted(one for one, bits in self._withheld.items() if bits & self._shelf(one).prereleases)
        if early:
            edits.append(_allow_prereleases(early))
        unmanaged = sorted({f"`{one.by.name}`" for one in self._limits if one.by})
        if unmanaged:
            edits.append(f"upgrade or uninstall {listed(unmanaged)}, which pipper did not install")
        rivals = self._catalogue.router.rivals(name) if name is not None else ()
        if rivals:
            edits.append(
                f"assign `{name}` to {listed((f'`{one}`' for one in rivals), last='or')} in [sources]"
            )
        return ", or ".join(edits)

    def _edit_for(self, need: Need) -> str:
        """Return the edit that lets a candidate meet an unmet need; empty if there is none."""
        shelf = self._shelf(need.name)
        matching = shelf.matching(need.specifier)
        if matching & shelf.prereleases & self._withheld.get(need.name, 0):
            return _allow_prereleases([need.name])
        yanked = next(shelf.chosen(matching & shelf.yanked), None)
        if yanked is not None:
            return f"require the yanked release exactly: {need.name}=={yanked.version}"
        refused = [one for one in shelf.refusals if need.specifier.contains(one.version, prereleases=True)]
        if any(one.forbidden for one in refused):
            return f"allow it: `--build {need.name}` of `pipper add`, `pipper install` and `pipper lock`"
        if any(one.too_young for one in refused):
            return "set a later `as-of`, or a shorter `cool-down`"
        if refused:
            return f"publish a wheel of `{need.name}` that fits, or choose another interpreter"
        if matching & self._unfit_bits(need.name):
            return f"publish a usable release of `{need.name}`, or choose another interpreter"
        return ""

    def _removals(self, name: NormalizedName | None) -> list[str]:
        """Return the edits that are left if none of the user's own specifiers takes part."""
        roots = dict.fromkeys(f"`{one.need.text}`" for one in self._asked)
        edits = [f"remove {listed(roots, last='or')}"] if roots else []
        if any(one.need.name == name for one in self._requires):
            edits.append(f"set another version of `{name}` in [overrides]")
        return edits

    def _loosenable(self, need: Need | None) -> list[str]:
        """Return the user's own specifiers that take part: those that affect `need`, or all of them."""
        limits = {one.need: _limit(one) for one in self._limits if not one.by and one.origin != "rest"}
        if need in limits:
            return [limits[need]]
        overridden = [name for name in self._replaced() if need is None or name == need.name]
        if need is not None and overridden:
            return [f"the override of `{need.name}`"]
        asked = [one.need for one in self._asked if one.need.specifier]
        if need is not None and need in asked:
            asked = [need]
        found = [f"`{one.text}`" for one in asked]
        found += limits.values()
        found += [f"the override of `{name}`" for name in overridden]
        return list(dict.fromkeys(found))

    def _replaced(self) -> list[NormalizedName]:
        """Return the projects that an override applies to."""
        names = {need.name for need in self._needs()}
        return sorted(name for name in names if self._catalogue.override(name) is not None)

    def _needs(self) -> list[Need]:
        return [*(one.need for one in self._asked), *(one.need for one in self._requires)]

    def _shelf(self, name: NormalizedName) -> Shelf:
        return self._catalogue.shelf(name)

    def _usable(self, need: Need) -> int:
        matching = self._shelf(need.name).matching(need.specifier)
        return matching & ~self._withheld.get(need.name, 0) & ~self._unfit_bits(need.name)

    def _unfit_bits(self, name: NormalizedName) -> int:
        return sum({one.bit for one in self._unfit if one.name == name and not one.extra})

    def _ordered(self, requires: Iterable[Requires]) -> list[Requires]:
        """Join requirements that differ in the requiring versions only; sort by the distance from the roots."""
        joined: dict[tuple[NormalizedName, str, str], Requires] = {}
        for one in requires:
            key = (one.name, one.extra, one.need.text)
            known = joined.get(key)
            bits = one.carriers | (known.carriers if known else 0)
            joined[key] = Requires(name=one.name, extra=one.extra, carriers=bits, need=one.need)
        distance = {one.need.name: 0 for one in self._asked}
        level = set(distance)
        while level:
            level = {
                one.need.name
                for one in joined.values()
                if one.name in level and one.need.name not in distance
            }
            distance.update(dict.fromkeys(level, max(distance.values(), default=0) + 1))
        far = len(distance)
        return [joined[key] for key in sorted(joined, key=lambda key: (distance.get(key[0], far), key))]

    def _requirements(self) -> list[str]:
        """Return one line for each requirement; many between the same two projects share one."""
        together: dict[tuple[NormalizedName, str, NormalizedName], list[Requires]] = {}
        for one in self._requires:
            together.setdefault((one.name, one.extra, one.need.name), []).append(one)
        lines = []
        for (name, extra, _), group in together.items():
            shelf = self._shelf(name)
            subject = f"{name}[{extra}]" if extra else name
            group.sort(key=partial(_newest, shelf))
            if len(group) > _MOST_VERSIONS:
                carriers = reduce(or_, (one.carriers for one in group))
                texts = f"{group[0].need.text}, {group[1].need.text}, … or {group[-1].need.text}"
                lines.append(
                    f"{subject} {_versions(one.version for one in shelf.chosen(carriers))} require {texts}"
                )
                continue
            for one in group:
                verb = "require" if one.carriers & (one.carriers - 1) else "requires"
                versions = _versions(candidate.version for candidate in shelf.chosen(one.carriers))
                lines.append(f"{subject} {versions} {verb} {one.need.text}")
        return lines

    def _available(self, name: NormalizedName) -> list[str]:
        """Return which versions of a project are usable, and why required ones are skipped."""
        shelf = self._shelf(name)
        if not shelf.held:
            return []
        withheld = self._withheld.get(name, 0)
        usable = shelf.everything & ~withheld & ~self._unfit_bits(name)
        found = _versions(one.version for one in shelf.chosen(usable))
        verb = _is_or_are(usable.bit_count())
        lines = (
            [f"only {name} {found} {verb} available{self._catalogue.router.origin(name)}"] if usable else []
        )
        skipped = [(one.version, _why(one)) for one in shelf.chosen(withheld)]
        skipped += [(one.version, one.why) for one in shelf.refusals]
        by_reason: dict[str, list[Version]] = {}
        for version, why in sorted(skipped):
            if self._is_required(name, version):
                by_reason.setdefault(why, []).append(version)
        lines += [
            f"{name} {_versions(versions)} {_is_or_are(len(versions))} skipped: {why}"
            for why, versions in by_reason.items()
        ]
        return lines

    def _is_required(self, name: NormalizedName, version: object) -> bool:
        return any(
            need.specifier.contains(str(version), prereleases=True)
            for need in self._needs()
            if need.name == name
        )


def _limit(one: Limited) -> str:
    return f"`-P {one.need.text}`" if one.origin == "option" else f"the constraint on `{one.need.name}`"


def _newest(shelf: Shelf, one: Requires) -> Version:
    return max(candidate.version for candidate in shelf.chosen(one.carriers))


def _allow_prereleases(names: Iterable[str]) -> str:
    return "allow pre-releases: prereleases = [" + ", ".join(f'"{name}"' for name in names) + "]"


def _is_or_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _why(withheld: Candidate) -> str:
    if withheld.yanked is None:
        return "a pre-release"
    return f"yanked ({withheld.yanked})" if withheld.yanked else "yanked"


def _versions(versions: Iterable[Version]) -> str:
    ordered = sorted(versions)
    if len(ordered) <= _MOST_VERSIONS:
        return listed(str(version) for version in ordered)
    return f"{ordered[0]} to {ordered[-1]} ({counted(len(ordered), 'version')})"
