"""A project's own name as a requirement (`myproj[extra]`): it means the project's own extras, from no source."""

import copy
from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.manifest.requirement import name_of, normalised
from pipper.core.standards import read_marker
from pipper.core.wording import quoted
from pipper.errors import UsageError

_MOST = 10_000
"""Requirements that a reference may stand for: extras that name each other with many markers grow exponentially."""


class OwnProject(Struct, frozen=True, kw_only=True):
    """A project as its own requirements see it."""

    name: NormalizedName
    """Empty for a project without a name, which cannot require itself."""
    dependencies: tuple[Requirement, ...]
    extras: Mapping[NormalizedName, tuple[Requirement, ...]]

    def expand(
        self, requirements: Iterable[Requirement], *, where: str, extra: str = "", whole: bool = False
    ) -> tuple[Requirement, ...]:
        """Return requirements with what the project's own name stands for, each once, markers joined.

        That is the requirements of the extras, which may name each other in a cycle; with `whole` also the
        dependencies of the project, for a group, which may be installed without them. `extra` is the extra that has
        the requirements. A version specifier on the own name means nothing: there is only this version. Raises
        UsageError, with the place `where`, for an unknown extra, a URL, or too many requirements.
        """
        found: dict[str, Requirement] = {}
        seen: set[tuple[str, str]] = set()
        outermost: Marker | None = None
        path = frozenset((extra,) if extra else ())
        waiting = [(each, outermost, path) for each in reversed(tuple(requirements))]
        while waiting:
            requirement, outer, path = waiting.pop()
            joined = _with_marker(requirement, outer)
            if not self.name or name_of(requirement) != self.name:
                found.setdefault(normalised(joined), joined)
                continue
            if len(seen) > _MOST:
                raise UsageError(
                    f"{where}: the extras of `{self.name}` stand for more than {_MOST} requirements",
                    hint="require each extra once, with one marker",
                )
            for part, inner in reversed(self._parts(requirement, where, whole=whole and not path)):
                key = (part, str(joined.marker or ""))
                if part not in path and key not in seen:
                    seen.add(key)
                    waiting += [(each, joined.marker, path | {part}) for each in reversed(inner)]
        return tuple(found.values())

    def _parts(
        self, requirement: Requirement, where: str, *, whole: bool
    ) -> list[tuple[str, tuple[Requirement, ...]]]:
        """Return the sets of requirements that a reference names, each with the name of the extra."""
        if requirement.url:
            raise UsageError(
                f"{where}: `{requirement.name}` is this project, so it cannot come from a URL",
                hint=f"name an extra of it, as in `{requirement.name}[EXTRA]`, or remove the requirement",
            )
        parts = [("", self.dependencies)] if whole else []
        for extra in sorted(map(canonicalize_name, requirement.extras)):
            if extra not in self.extras:
                raise UsageError(
                    f"{where}: `{extra}` is not an extra of this project",
                    cause=f"its extras are {quoted(sorted(self.extras))}"
                    if self.extras
                    else "it has no extras",
                    hint=f"define `{extra}` in the optional dependencies, or correct `{requirement}`",
                )
            parts.append((extra, self.extras[extra]))
        return parts


def _with_marker(requirement: Requirement, outer: Marker | None) -> Requirement:
    """Return the requirement for where its own marker and the outer one hold."""
    if outer is None:
        return requirement
    joined = copy.copy(requirement)
    inner = requirement.marker
    joined.marker = outer if inner in (None, outer) else read_marker(f"({outer}) and ({inner})")
    return joined
