"""What a Requires-Python says about the patch level of a Python: a lock is for all patch levels of a minor version."""

from collections.abc import Iterable
from functools import lru_cache

from packaging.specifiers import Specifier, SpecifierSet

from pipper.core.standards import read_specifiers, read_version, version_of
from pipper.solve.formatted import text_of

_FAR = 1_000


def patch_conditions(stated: Iterable[SpecifierSet | None], minor: tuple[int, int]) -> frozenset[str]:
    """Return the markers that tell the Pythons of a minor version apart by what each Requires-Python says.

    None where all patch levels have the same answer, as nearly always.
    """
    return frozenset().union(*(_conditions(text_of(each), minor) for each in stated if each is not None))


@lru_cache(maxsize=4096)
def _conditions(requires_python: str, minor: tuple[int, int]) -> frozenset[str]:
    return frozenset(
        f'python_full_version {each.operator} "{each.version}"'
        for each in read_specifiers(requires_python)
        if _tells_apart(each, minor)
    )


def _tells_apart(specifier: Specifier, minor: tuple[int, int]) -> bool:
    """Return whether a specifier holds for some patch levels of a minor version and not for others."""
    named = version_of(specifier.version.removesuffix(".*"))
    if named is None or (*named.release, 0)[:2] != minor:
        return False
    patch = (*named.release, 0, 0)[2]
    levels = {0, max(0, patch - 1), patch, patch + 1, patch + _FAR}  # the answer changes nowhere else
    pythons = (read_version(f"{minor[0]}.{minor[1]}.{level}") for level in levels)
    return len({specifier.contains(python, prereleases=True) for python in pythons}) > 1
