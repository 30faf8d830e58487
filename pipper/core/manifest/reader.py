"""Read a manifest: `pipper.toml`, or `pyproject.toml` with `[tool.pipper]`.

Requirements in `pyproject.toml` are in the standard tables `[project]` (PEP 621) and `[dependency-groups]`
(PEP 735). `pipper.toml` has the same keys at the top level, and extras in `[optional-dependencies]`.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace
from packaging.dependency_groups import DependencyGroupResolver
from packaging.errors import ExceptionGroup as SeveralErrors
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import MANIFEST_LIMIT, Node, read_toml
from pipper.core.manifest.conflicts import read_conflicts
from pipper.core.manifest.constraints import (
    read_as_of,
    read_constraints,
    read_cool_down,
    read_exclude,
    read_overrides,
)
from pipper.core.manifest.declared import DeclaredEnvironment, platform_of
from pipper.core.manifest.files import read_files
from pipper.core.manifest.indexes import read_index, read_indexes
from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.members import read_paths, read_workspace
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.patterns import read_private, refuse_unbounded
from pipper.core.manifest.repositories import read_repository
from pipper.core.manifest.requirement import (
    name_of,
    normalised,
    parse_requirement,
)
from pipper.core.manifest.self_reference import OwnProject
from pipper.core.manifest.unread_sources import unread_sources_of
from pipper.core.standards import read_specifiers
from pipper.core.wording import quoted
from pipper.errors import UsageError

_OWN_KEYS = (
    "repositories",
    "sources",
    "index",
    "indexes",
    "private",
    "prereleases",
    "constraints",
    "overrides",
    "exclude",
    "as-of",
    "cool-down",
    "environments",
    "build",
    "workspace",
    "files",
    "conflicts",
)
_STANDARD_KEYS = ("requires-python", "dependencies", "optional-dependencies", "dependency-groups")


def parse_manifest(data: bytes, *, label: str) -> Manifest:
    """Return the manifest in `data`; `label` is its file name, which also decides the layout.

    Raises UsageError with file and place for every unknown key or value; nothing is ignored.
    """
    top = read_toml(data, label=label, limit=MANIFEST_LIMIT)
    if label.rpartition("/")[2] == "pyproject.toml":
        return _from_pyproject(top)
    _refuse_dev_dependencies(top)
    top.only((*_STANDARD_KEYS, *_OWN_KEYS))
    return _manifest(top, top, top)


def _refuse_dev_dependencies(own: Node) -> None:
    """Raise UsageError for the key of other tools: the most similar one, `dependencies`, is not what it means."""
    for key in ("dev-dependencies", "dev_dependencies"):
        if key in own:
            raise own.at(key).fail(
                "unknown key", hint="write its requirements into the array `dev` of [dependency-groups]"
            )


def _from_pyproject(top: Node) -> Manifest:
    project, tool = top.at("project", {}), top.at("tool", {})
    _refuse_dev_dependencies(tool.at("pipper", {}))
    own = tool.at("pipper", {}).only((*_OWN_KEYS, "package"))
    is_package = own.at("package", True).flag() and "build-system" in top and "name" in project
    dynamic = project.at("dynamic", [])
    for key in ("dependencies", "optional-dependencies"):
        if key in dynamic.texts() and key in project:
            raise dynamic.fail(
                f"`{key}` is dynamic, and in [project] too (PEP 621)",
                cause="its build backend computes it, from setup.py or a file of requirements",
                hint=f"edit it there, or remove `{key}` from `dynamic` and write all of it in [project]",
            )
        if key in dynamic.texts() and not is_package:
            raise dynamic.fail(
                f"`{key}` must not be dynamic",
                cause="without [build-system], or with `package = false`, nothing says what it is",
                hint=f"write `{key}` in [project], and remove it from `dynamic`",
            )
    _refuse_poetry(top)
    return replace(
        _manifest(project, top, own), is_package=is_package, elsewhere=unread_sources_of(tool.entries())
    )


def parse_member(top: Node) -> Manifest:
    """Return what the `pyproject.toml` of a member states: requirements, name, and where its packages are.

    Raises UsageError with file and place.
    """
    own = top.at("tool", {}).at("pipper", {})
    kept = ("repositories", "index", "indexes", "private")
    places = {key: own.at(key).value for key in kept if key in own}
    return _manifest(top.at("project", {}), top, own.replaced(places))


def _refuse_poetry(top: Node) -> None:
    """Raise UsageError if the requirements are in the tables of Poetry alone: a lock without them would be wrong."""
    project, poetry = top.at("project", {}), top.at("tool", {}).at("poetry", {})
    needs = poetry.at("dependencies", {}).table().keys() - {"python"} or "group" in poetry
    stated = "dependencies" in project or "dependencies" in project.at("dynamic", []).texts()
    if needs and not stated and "dependency-groups" not in top:
        raise poetry.fail(
            "the requirements are here, where pipper does not read them",
            cause="pipper reads [project] and [dependency-groups]",
            hint="remove the table [tool.pipper], then run `pipper init --from pyproject.toml`",
        )


def _manifest(project: Node, groups_table: Node, own: Node) -> Manifest:
    entries = own.at("repositories", {}).table()
    repositories = tuple(read_repository(alias, entry) for alias, entry in entries.items())
    index, url = read_index(own.at("index", True))
    indexes = read_indexes(own.at("indexes", {}), {entry.alias for entry in repositories})
    aliases = [*(entry.alias for entry in repositories), *([INDEX] if index else []), *indexes]
    name = canonicalize_name(project.text_at("name", "")) if project is not own else NormalizedName("")
    dependencies = _requirements(project.at("dependencies", []))
    extras = _by_name(project.at("optional-dependencies", {}).table())
    itself = OwnProject(name=name, dependencies=dependencies, extras=extras)
    label = own.origin.label
    groups = _groups(groups_table.at("dependency-groups", {}))
    return Manifest(
        name=name,
        requires_python=_specifiers(project.at("requires-python", "")),
        dependencies=itself.expand(dependencies, where=f"{label}: project.dependencies"),
        groups={
            each: itself.expand(found, where=f"{label}: dependency-groups.{each}", whole=True)
            for each, found in groups.items()
        },
        extras={
            each: itself.expand(found, where=f"{label}: project.optional-dependencies.{each}", extra=each)
            for each, found in extras.items()
        },
        repositories=repositories,
        sources=read_sources(own.at("sources", {}), aliases),
        paths=read_paths(own.at("sources", {})),
        workspace=read_workspace(own.at("workspace", {})),
        index=index,
        index_url=url,
        indexes=indexes,
        private=read_private(own.at("private", [])),
        prereleases=_true_or_names(own.at("prereleases", False), "prereleases"),
        constraints=read_constraints(own.at("constraints", [])),
        overrides=read_overrides(own.at("overrides", [])),
        exclude=read_exclude(own.at("exclude", [])),
        as_of=read_as_of(own.at("as-of")) if "as-of" in own else None,
        cool_down=read_cool_down(own.at("cool-down", "0s")),
        environments=_environments(own.at("environments", [])),
        conflicts=read_conflicts(own.at("conflicts", []), groups, extras),
        files=read_files(own.at("files", {})),
        build_allow=_true_or_names(own.at("build", {}).only(("allow",)).at("allow", False), "allow") or False,
    )


def _specifiers(node: Node) -> SpecifierSet:
    try:
        return read_specifiers(node.text())
    except InvalidSpecifier as error:
        raise node.fail(
            "not a version specifier (PEP 440)", cause=str(error), hint='write it as in ">=3.11"'
        ) from error


def _requirements(node: Node) -> tuple[Requirement, ...]:
    read = tuple((each, parse_requirement(each.text(), where=each.place)) for each in node.items())
    _refuse_two_spellings(read)
    return tuple(requirement for _, requirement in read)


def _refuse_two_spellings(read: Iterable[tuple[Node, Requirement]]) -> None:
    seen: dict[tuple[NormalizedName, str], Requirement] = {}
    for node, requirement in read:
        key = (name_of(requirement), str(requirement.marker or ""))
        first = seen.setdefault(key, requirement)
        if first.name != requirement.name and normalised(first) != normalised(requirement):
            raise node.fail(
                f"`{first}` and `{requirement}` are the same project",
                cause=f"`{first.name}` and `{requirement.name}` are two spellings of `{key[0]}` (PEP 503)",
                hint="merge them into one requirement",
            )


def _groups(node: Node) -> dict[NormalizedName, tuple[Requirement, ...]]:
    raw: dict[str, list[str | Mapping[str, str]]] = {}
    for name, group in node.table().items():
        if not name:
            raise group.fail("a group must have a name", hint='write it as in `dev = ["pytest"]`')
        raw[name] = []
        for each in group.items():
            if isinstance(each.value, Mapping):
                raw[name].append(each.only(("include-group",)).mapping(Node.text))
            else:
                raw[name].append(str(parse_requirement(each.text(), where=each.place)))
        _refuse_two_spellings(
            (each, parse_requirement(each.text())) for each in group.items() if isinstance(each.value, str)
        )
    try:
        resolver = DependencyGroupResolver(raw)
        return {canonicalize_name(name): resolver.resolve(name) for name in raw}
    except (SeveralErrors, LookupError, ValueError) as error:
        why = error.exceptions[0] if isinstance(error, SeveralErrors) else error
        hint = "define each group once, and include only groups of the manifest, without a cycle"
        raise node.fail("cannot resolve the groups (PEP 735)", cause=str(why), hint=hint) from error


def _by_name(tables: Mapping[str, Node]) -> dict[NormalizedName, tuple[Requirement, ...]]:
    found: dict[NormalizedName, tuple[Requirement, ...]] = {}
    for name, node in tables.items():
        if not name:
            raise node.fail("an extra must have a name", hint='write it as in `fast = ["orjson"]`')
        if canonicalize_name(name) in found:
            raise node.fail(f"`{name}` is defined twice, in two spellings", hint="merge the two entries")
        found[canonicalize_name(name)] = _requirements(node)
    return found


def read_sources(node: Node, aliases: Sequence[str] | None) -> dict[str, str]:
    """Return the entries of `[sources]` that name an alias, which must be one of `aliases`. Raises UsageError."""
    refuse_unbounded(node)
    found: dict[str, str] = {}
    for pattern, entry in node.table().items():
        if isinstance(entry.value, Mapping):
            continue  # see `read_paths`
        if aliases is not None and entry.text() not in aliases:
            hint = f'known sources: {quoted(aliases)}; a directory is written as {{ path = "../lab" }}'
            raise entry.fail(f"`{entry.value}` is not a source of this manifest", hint=hint)
        name = canonicalize_name(pattern)
        if found.setdefault(name, entry.text()) != entry.text():
            raise entry.fail(f"`{name}` has two sources, in two spellings", hint="keep one of them")
    return found


def _environments(node: Node) -> tuple[DeclaredEnvironment, ...]:
    found: dict[str, DeclaredEnvironment] = {}
    for each in node.items():
        each.only(("python", "platform"))
        for key in ("python", "platform"):
            if key not in each:
                raise each.fail(
                    f"`{key}` is missing", hint='write { python = "3.11", platform = "linux-x86_64" }'
                )
        python, platform = each.text_at("python"), each.text_at("platform")
        try:
            declared = DeclaredEnvironment(python=python, platform=platform_of(platform))
            name = declared.target.name
        except UsageError as error:
            raise each.fail(error.message, cause=error.cause, hint=error.hint) from error
        if name in found:
            raise each.fail(f"`{name}` is declared twice", hint="remove one of the two")
        found[name] = declared
    return tuple(found.values())


def _true_or_names(node: Node, key: str) -> bool | tuple[NormalizedName, ...]:
    if isinstance(node.value, list):
        return tuple(sorted({canonicalize_name(name) for name in node.texts()}))
    if isinstance(node.value, bool):
        return node.value
    hint = f'write `{key} = true` or `{key} = ["NAME"]`'
    raise node.wrong_type("true, false or an array of names", hint=hint)
