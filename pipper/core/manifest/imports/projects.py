"""Reading the `pyproject.toml` of other tools."""

from collections.abc import Container, Iterator, Mapping
from functools import partial

from packaging.utils import NormalizedName

from pipper.core.document import MANIFEST_LIMIT, Node, read_toml
from pipper.core.manifest.imports.carried import carried
from pipper.core.manifest.imports.imported import ImportedManifest
from pipper.core.manifest.imports.origins import (
    with_folders,
    with_members,
    without_elsewhere,
)
from pipper.core.manifest.imports.pdm import from_pdm
from pipper.core.manifest.imports.poetry import from_poetry
from pipper.core.manifest.imports.self_requirements import without_self_references
from pipper.core.manifest.imports.uv import from_uv
from pipper.errors import UsageError


def from_pyproject(data: bytes, *, label: str, lost: Container[NormalizedName] = ()) -> ImportedManifest:
    """Return the requirements of `pyproject.toml`: `[project]`, `[dependency-groups]`, tables of Poetry, uv, PDM.

    Requirements on folders become members, but for the names in `lost`, which then count as from elsewhere. Raises
    UsageError, with the place, for an invalid document.
    """
    top = read_toml(data, label=label, limit=MANIFEST_LIMIT)
    tool = top.at("tool", {})
    found = _standard(top)
    poetry = partial(from_poetry, enriches=_states_dependencies(top.at("project", {})))
    for name, read in (("poetry", poetry), ("uv", from_uv), ("pdm", from_pdm)):
        if name in tool:
            found = found.joined(read(tool.at(name)))
    found = carried(without_elsewhere(with_members(with_folders(found), lost)))
    own = top.at("project", {}).text_at("name", "") or tool.at("poetry", {}).text_at("name", "")
    found = without_self_references(found, own, label)
    if found == ImportedManifest():
        raise UsageError(
            f"{label} has no requirements",
            cause="it has none of the tables [project], [tool.poetry], [tool.uv] and [tool.pdm]",
            hint="run `pipper init` without --from",
        )
    return found


def _states_dependencies(project: Node) -> bool:
    """Return whether `[project]` has the requirements, as it can since Poetry 2, and not Poetry's own table."""
    if "dependencies" in project.at("dynamic", []).texts():
        return False
    return bool(project.at("dependencies", []).value or project.at("optional-dependencies", {}).value)


def _standard(top: Node) -> ImportedManifest:
    project = top.at("project", {})
    optional = project.at("optional-dependencies", {}).table()
    groups = top.at("dependency-groups", {}).table()
    dynamic = project.at("dynamic", []).texts()
    own = project.text_at("name", "")
    return ImportedManifest(
        requires_python=project.text_at("requires-python", ""),
        dependencies=project.at("dependencies", []).texts(),
        extras={name: each.texts() for name, each in optional.items()},
        groups={name: tuple(_entries(group)) for name, group in groups.items()},
        notes=(
            *(f"dynamic `{key}`: it needs a build" for key in dynamic if key.endswith("dependencies")),
            *((f"`{own}` itself: pipper installs its requirements, not the project",) if own else ()),
        ),
    )


def _entries(group: Node) -> Iterator[str | Mapping[str, str]]:
    for each in group.items():
        if isinstance(each.value, Mapping):
            yield {"include-group": each.only(("include-group",)).text_at("include-group")}
        else:
            yield each.text()
