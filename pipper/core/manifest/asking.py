"""The manifest of requirements on a command line, in the surroundings of a project."""

from collections.abc import Iterable

from msgspec.structs import replace
from packaging.requirements import Requirement

from pipper.core.manifest.members import without_itself
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of


def asking(manifest: Manifest, requirements: Iterable[Requirement]) -> Manifest:
    """Return the manifest of another project, which requires these from the same sources with the same limits.

    The project itself is no part of it. Its name is private there, unless it is asked for: that means a published
    version.
    """
    roots = tuple(requirements)
    own = {manifest.name} - {"", *map(name_of, roots), *manifest.private}
    return replace(
        manifest,
        name=Manifest().name,
        members=without_itself(manifest.members),
        requires_python=Manifest().requires_python,
        dependencies=roots,
        groups={},
        extras={},
        private=tuple(sorted({*manifest.private, *own})) if own else manifest.private,
    )
