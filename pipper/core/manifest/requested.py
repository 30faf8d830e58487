"""The manifest of requirements on a command line, in the surroundings of a project."""

from collections.abc import Iterable

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.manifest.members import without_itself
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of


def asking(manifest: Manifest, requirements: Iterable[Requirement]) -> Manifest:
    """Return the manifest of another project, which requires these from the same sources with the same limits.

    The project itself is no part of it. Its name is private there, unless it is asked for: that means a published
    version.
    """
    roots = tuple(requirements)
    return replace(
        without_name(manifest, published=map(name_of, roots)),
        members=without_itself(manifest.members),
        requires_python=Manifest().requires_python,
        dependencies=roots,
        groups={},
        extras={},
    )


def without_name(manifest: Manifest, *, published: Iterable[NormalizedName] = ()) -> Manifest:
    """Return the manifest without the project's own name, which is private unless it is one of `published`."""
    own = {manifest.name} - {"", *published, *manifest.private}
    private = tuple(sorted({*manifest.private, *own})) if own else manifest.private
    return replace(manifest, name=Manifest().name, private=private)
