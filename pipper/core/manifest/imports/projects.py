"""Reading the `pyproject.toml` of other tools."""

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import MANIFEST_LIMIT, Node, read_toml
from pipper.core.manifest.imports.carried import carried
from pipper.core.manifest.imports.elsewhere import (
    name_at_start,
    with_folders,
    with_members,
    without_elsewhere,
)
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.imports.pdm import from_pdm
from pipper.core.manifest.imports.poetry import from_poetry
from pipper.core.manifest.imports.uv import from_uv
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.manifest.self_reference import OwnProject
from pipper.errors import UsageError


def from_pyproject(data: bytes, *, label: str, lost: Container[NormalizedName] = ()) -> ImportedManifest:
    """Return the requirements of `pyproject.toml`: `[project]`, `[dependency-groups]`, tables of Poetry, uv, PDM.

    Requirements on folders become members, but for the names in `lost`, which then count as from elsewhere. Raises
    UsageError, with the place, for an invalid document.
    """
    top = read_toml(data, label=label, limit=MANIFEST_LIMIT)
    tool = top.at("tool", {})
    found = _standard(top)
    for name, read in (("poetry", from_poetry), ("uv", from_uv), ("pdm", from_pdm)):
        if name in tool:
            found = found.joined(read(tool.at(name)))
    found = carried(without_elsewhere(with_members(with_folders(found), lost)))
    own = top.at("project", {}).text_at("name", "") or tool.at("poetry", {}).text_at("name", "")
    found = _without_self_references(found, own, label)
    if found == ImportedManifest():
        raise UsageError(
            f"{label} has no requirements",
            cause="it has none of the tables [project], [tool.poetry], [tool.uv] and [tool.pdm]",
            hint="run `pipper init` without --from",
        )
    return found


def _without_self_references(found: ImportedManifest, own: str, label: str) -> ImportedManifest:
    """Return the requirements with what the project's own name stands for: `pipper.toml` has no name."""
    name = canonicalize_name(own)

    def is_own(entry: str | Mapping[str, str]) -> bool:
        return name_at_start(entry) == name

    if not name or not any(
        map(is_own, itertools.chain(found.dependencies, *found.extras.values(), *found.groups.values()))
    ):
        return found

    def parsed(texts: Iterable[str]) -> tuple[Requirement, ...]:
        return tuple(parse_requirement(text, where=label) for text in texts)

    extras = {canonicalize_name(extra): parsed(texts) for extra, texts in found.extras.items()}
    itself = OwnProject(name=name, dependencies=parsed(found.dependencies), extras=extras)

    def expanded(texts: tuple[str, ...], extra: str = "") -> tuple[str, ...]:
        own = itself.expand(parsed(filter(is_own, texts)), where=label, extra=canonicalize_name(extra))
        return (*itertools.filterfalse(is_own, texts), *map(str, own))

    def group(entries: Group) -> Group:
        texts = (entry for entry in entries if isinstance(entry, str) and is_own(entry))
        own = itself.expand(parsed(texts), where=label, whole=True)
        return (*itertools.filterfalse(is_own, entries), *map(str, own))

    return replace(
        found,
        dependencies=expanded(found.dependencies),
        extras={extra: expanded(texts, extra) for extra, texts in found.extras.items()},
        groups={each: group(entries) for each, entries in found.groups.items()},
    )


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
