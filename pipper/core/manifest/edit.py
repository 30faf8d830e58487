"""Editing a manifest: add and remove entries; every byte that the edit is not about stays as it is."""

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.manifest.members import PathSource
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.toml_document import TomlDocument
from pipper.core.toml_text import Path
from pipper.errors import UsageError


def add_requirements(
    data: bytes,
    requirements: Iterable[Requirement],
    *,
    label: str,
    group: NormalizedName | None = None,
    bare_replaces: bool = False,
) -> bytes:
    """Return the manifest with these requirements added to its dependencies or to a dependency group (PEP 735).

    A requirement replaces one on the same project with the same marker; a bare name does so only with
    `bare_replaces`. Any other is added at the end, or in its place in a list that is sorted by name. `label` is the
    file's name, which also decides the layout. Raises UsageError for invalid TOML, and for a `pyproject.toml` that has
    no `[project]` for its dependencies: that needs a name, which nobody can guess (PEP 621).
    """
    document = TomlDocument(data, label)
    path = _path_of(document, group)
    if path[0] == "project" and document.get(path[:1]) is None:
        raise UsageError(
            f"{label} has no [project], where the dependencies of a project stand",
            hint="add [project] with a name and a version, or give --group NAME",
        )
    for requirement in requirements:
        _put(document, path, requirement, bare_replaces=bare_replaces)
    return document.bytes()


def remove_requirements(
    data: bytes, names: Iterable[NormalizedName], *, label: str, group: NormalizedName | None = None
) -> bytes:
    """Return the manifest without any requirement on these projects.

    A list that is empty then goes too, where it stands as `add_requirements` makes one: one item a line. Raises
    UsageError for a project that is not required there; the hint names the group that requires it.
    """
    document = TomlDocument(data, label)
    path = _path_of(document, group)
    for name in names:
        found = [index for index, text in enumerate(document.items(path)) if _name(text) == name]
        if not found:
            raise _not_required(document, name, group)
        for index in reversed(found):
            document.remove_item(path, index, keep=_is_included(document, path))
    return document.bytes()


def drop_sources(data: bytes, names: Iterable[NormalizedName], alias: str, *, label: str) -> bytes:
    """Return the manifest without the entries of `[sources]` that map these projects to the source `alias`.

    A repository that no entry names then goes too.
    """
    document = TomlDocument(data, label)
    gone, dropped, kept = set(names), 0, 0
    for pattern, source in list(document.table(_own(document, "sources")).items()):
        if source == alias and canonicalize_name(pattern) in gone:
            document.remove(_own(document, "sources", pattern))
            dropped += 1
        else:
            kept += source == alias
    if dropped and not kept:
        document.remove(_own(document, "repositories", alias))
    return document.bytes()


def remove_everywhere(data: bytes, name: NormalizedName, *, label: str) -> bytes:
    """Return the manifest without any requirement on a project in its dependencies and its groups."""
    for group in (None, *map(canonicalize_name, _holding(TomlDocument(data, label), name)[0])):
        document = TomlDocument(data, label)
        if any(_name(text) == name for text in document.items(_path_of(document, group))):
            data = remove_requirements(data, [name], label=label, group=group)
    return data


def required_still(data: bytes, name: NormalizedName, *, label: str) -> tuple[str, str]:
    """Return where a manifest still requires a project, in words, and the command or edit that ends it; else empty."""
    document = TomlDocument(data, label)
    groups, extras = _holding(document, name)
    if groups:
        return f"the group `{groups[0]}`", f"run `pipper remove -g {groups[0]} {name}`"
    if extras:
        return f"the extra `{extras[0]}`", f"remove it from [optional-dependencies] of {label}"
    if any(_name(text) == name for text in document.items(_path_of(document, None))):
        return "the dependencies", f"run `pipper remove {name}`"
    return "", ""


def set_path(data: bytes, name: NormalizedName, source: PathSource, *, label: str) -> bytes:
    """Return the manifest in which `[sources]` gives a project to the folder of a member."""
    document = TomlDocument(data, label)
    known = document.table(_own(document, "sources"))
    key = next((key for key in known if canonicalize_name(key) == name), str(name))
    value = {"path": source.path} if source.editable else {"path": source.path, "editable": False}
    document.set(_own(document, "sources", key), value)
    return document.bytes()


def drop_paths(data: bytes, names: Iterable[NormalizedName], *, label: str) -> bytes:
    """Return the manifest without the folders of these projects in `[sources]`, but of those that it still requires."""
    document = TomlDocument(data, label)
    gone = set(names) - _required(document)
    for key, source in list(document.table(_own(document, "sources")).items()):
        if isinstance(source, Mapping) and canonicalize_name(key) in gone:
            document.remove(_own(document, "sources", key))
    return document.bytes()


def _required(document: TomlDocument) -> set[NormalizedName]:
    """Return the names of all requirements of a manifest."""
    project = document.table(("project",) if _is_standard(document) else ())
    groups = document.table(("dependency-groups",))
    optional = project.get("optional-dependencies")
    tables = (groups, optional if isinstance(optional, Mapping) else {})
    listed = [project.get("dependencies"), *(texts for table in tables for texts in table.values())]
    found = {_name(text) for texts in listed if isinstance(texts, list) for text in texts}
    return {name for name in found if name is not None}


def allow_builds(data: bytes, names: Iterable[NormalizedName], *, label: str) -> bytes:
    """Return the manifest in which `[build] allow` has these projects; unchanged if it has them already."""
    known = parse_manifest(data, label=label).build_allow
    new = sorted(set(names) - set(() if isinstance(known, bool) else known))
    if known is True or not new:
        return data
    document = TomlDocument(data, label)
    path = _own(document, "build", "allow")
    if not isinstance(document.get(path), list):
        document.set(path, new)
        return document.bytes()
    for name in new:
        document.insert_item(path, len(document.items(path)), name)
    return document.bytes()


def set_repository(data: bytes, entry: RepositoryEntry, *, label: str, only: Iterable[str] = ()) -> bytes:
    """Return the manifest with this repository added at the end of `[repositories]`.

    With `only`, `[sources]` also maps the projects with these names to it.
    """
    document = TomlDocument(data, label)
    more = {"endpoint-url": entry.endpoint_url, "region": entry.region, "profile": entry.profile}
    given = {key: text for key, text in more.items() if text} | entry.options.document()
    document.set(
        _own(document, "repositories", entry.alias), {"url": entry.url, **given} if given else entry.url
    )
    for name in only:
        document.set(_own(document, "sources", name), entry.alias)
    return document.bytes()


def set_rules(data: bytes, wanted: Manifest, *, label: str) -> bytes:
    """Return the manifest in `data` with the repositories, `[sources]`, `private` and the indexes of `wanted`.

    What is equal already is not touched, and nothing is removed.
    """
    own = parse_manifest(data, label=label)
    for entry in wanted.repositories:
        if entry not in own.repositories:
            data = set_repository(data, entry, label=label)
    document = TomlDocument(data, label)
    for alias, url in wanted.indexes.items():
        if own.indexes.get(alias) != url:
            document.set(_own(document, "indexes", alias), url)
    for pattern, alias in wanted.sources.items():
        if own.sources.get(pattern) != alias:
            document.set(_own(document, "sources", pattern), alias)
    if wanted.private != own.private:
        document.set(_own(document, "private"), list(wanted.private))
    if (wanted.index, wanted.index_url) != (own.index, own.index_url):
        document.remove(_own(document, "index", "url"))
        document.remove(_own(document, "index"))
        if wanted.index:
            document.set(_own(document, "index", "url"), wanted.index_url)
        else:
            document.set(_own(document, "index"), False)
    return document.bytes()


def _is_standard(document: TomlDocument) -> bool:
    return document.label.rpartition("/")[2] == "pyproject.toml"


def _own(document: TomlDocument, *keys: str) -> Path:
    """Return the path of one of pipper's own keys."""
    return ("tool", "pipper", *keys) if _is_standard(document) else keys


def _path_of(document: TomlDocument, group: NormalizedName | None) -> Path:
    """Return the path of the dependencies, or of a group in the spelling that the manifest has."""
    if group is None:
        return ("project", "dependencies") if _is_standard(document) else ("dependencies",)
    names = document.table(("dependency-groups",))
    return ("dependency-groups", next((each for each in names if canonicalize_name(each) == group), group))


def _is_included(document: TomlDocument, path: Path) -> bool:
    """Return whether another group includes this group, so that it must stay."""
    included = {
        canonicalize_name(str(name))
        for items in document.table(("dependency-groups",)).values()
        for each in (items if isinstance(items, list) else ())
        for name in (each.values() if isinstance(each, dict) else ())
    }
    return path[0] == "dependency-groups" and canonicalize_name(path[-1]) in included


def _put(document: TomlDocument, path: Path, requirement: Requirement, *, bare_replaces: bool) -> None:
    text, name = str(requirement), name_of(requirement)
    array = document.items(path)
    names = [_name(each) for each in array]
    for index, each in enumerate(array):
        if names[index] == name and _marker(each) == str(requirement.marker or ""):
            if bare_replaces or requirement.specifier or requirement.extras or requirement.url:
                document.replace_item(path, index, text)
            return
    known = [each for each in names if each is not None]
    in_order = len(known) == len(names) and known == sorted(known) and len(known) > 1
    document.insert_item(path, sum(each < name for each in known) if in_order else len(array), text)


def _name(text: object) -> NormalizedName | None:
    return name_of(parse_requirement(text)) if isinstance(text, str) else None


def _marker(text: object) -> str:
    return str(parse_requirement(text).marker or "") if isinstance(text, str) else ""


def _not_required(document: TomlDocument, name: NormalizedName, group: NormalizedName | None) -> UsageError:
    where = f"the group `{group}` of {document.label}" if group else document.label
    groups, extras = _holding(document, name)
    if groups and not group:
        where = f"the dependencies of {document.label}"
        hint = f"it is in the group `{groups[0]}`: use `-g {groups[0]}`"
    elif extras:
        table = "[project.optional-dependencies]" if _is_standard(document) else "[optional-dependencies]"
        hint = f"it is in the extra `{extras[0]}`: remove it from {table}, then run `pipper sync`"
    else:
        hint = "`pipper tree` shows what is required"
    return UsageError(f"`{name}` is not a requirement in {where}", hint=hint)


def _holding(document: TomlDocument, name: NormalizedName) -> tuple[list[str], list[str]]:
    """Return the groups and the extras that require a project."""
    project = document.table(("project",) if _is_standard(document) else ())
    extras = project.get("optional-dependencies")

    def holding(table: Mapping[str, object]) -> list[str]:
        lists = ((key, texts) for key, texts in table.items() if isinstance(texts, list))
        return [key for key, texts in lists if any(_name(text) == name for text in texts)]

    return holding(document.table(("dependency-groups",))), holding(
        extras if isinstance(extras, Mapping) else {}
    )
