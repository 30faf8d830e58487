"""Editing a manifest: add and remove entries, and keep its comments and order."""

from collections.abc import Iterable

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Table

from pipper.core.document import CORRECT
from pipper.core.manifest.members import PathSource
from pipper.core.manifest.model import Manifest, RepositoryEntry, parse_manifest
from pipper.core.manifest.requirement import name_of, parse_requirement
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
    file's name, which also decides the layout. Raises UsageError for invalid TOML.
    """
    document = _parse(data, label)
    array = _array(document, label, group, make=True)
    for requirement in requirements:
        _put(array, requirement, bare_replaces=bare_replaces)
    return tomlkit.dumps(document).encode()


def remove_requirements(
    data: bytes, names: Iterable[NormalizedName], *, label: str, group: NormalizedName | None = None
) -> bytes:
    """Return the manifest without any requirement on these projects.

    Raises UsageError for a project that is not required there; the hint names the group that requires it.
    """
    document = _parse(data, label)
    for name in names:
        array = _array(document, label, group, make=False)
        found = [index for index, text in enumerate(array) if _name(text) == name]
        if not found:
            raise _not_required(document, label, name, group)
        for index in reversed(found):
            del array[index]
    return tomlkit.dumps(document).encode()


def drop_sources(data: bytes, names: Iterable[NormalizedName], alias: str, *, label: str) -> bytes:
    """Return the manifest without the entries of `[sources]` that map these projects to the source `alias`."""
    document = _parse(data, label)
    sources = _table(_own(document, label, make=False), "sources", make=False)
    for name in names:
        if sources.get(name) == alias:
            del sources[name]
    return tomlkit.dumps(document).encode()


def set_path(data: bytes, name: NormalizedName, source: PathSource, *, label: str) -> bytes:
    """Return the manifest in which `[sources]` gives a project to the folder of a member."""
    document = _parse(data, label)
    sources = _table(_own(document, label, make=True), "sources", make=True)
    value = tomlkit.inline_table()
    value.update({"path": source.path} if source.editable else {"path": source.path, "editable": False})
    key = next((key for key in sources if canonicalize_name(key) == name), str(name))
    sources[key] = value
    return tomlkit.dumps(document).encode()


def drop_paths(data: bytes, names: Iterable[NormalizedName], *, label: str) -> bytes:
    """Return the manifest without the folders of these projects in `[sources]`, but of those that it still requires."""
    manifest = parse_manifest(data, label=label)
    required = {name_of(each) for requirements in manifest.roots.values() for each in requirements}
    gone = {name for name in names if name in manifest.paths and name not in required}
    if not gone:
        return data
    document = _parse(data, label)
    own = _own(document, label, make=False)
    sources = _table(own, "sources", make=False)
    for key in [key for key in sources if canonicalize_name(key) in gone]:
        del sources[key]
    if not sources:
        del own["sources"]
    return tomlkit.dumps(document).encode()


def allow_builds(data: bytes, names: Iterable[NormalizedName], *, label: str) -> bytes:
    """Return the manifest in which `[build] allow` has these projects; unchanged if it has them already."""
    known = parse_manifest(data, label=label).build_allow
    new = sorted(set(names) - set(() if isinstance(known, bool) else known))
    if known is True or not new:
        return data
    document = _parse(data, label)
    table = _table(_own(document, label, make=True), "build", make=True)
    if not isinstance(table.get("allow"), Array):
        table["allow"] = tomlkit.array()
    allowed = table["allow"]
    if isinstance(allowed, Array):
        allowed.extend(new)
    return tomlkit.dumps(document).encode()


def _parse(data: bytes, label: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(data.decode("utf-8-sig"))
    except (TOMLKitError, UnicodeDecodeError) as error:
        cause = str(error).splitlines()[0]
        raise UsageError(f"{label}: not valid TOML", cause=cause, hint=CORRECT) from error


def _array(document: tomlkit.TOMLDocument, label: str, group: NormalizedName | None, *, make: bool) -> Array:
    table: tomlkit.TOMLDocument | Table = document
    key = "dependencies"
    if group is not None:
        table = _table(document, "dependency-groups", make=make)
        key = next((name for name in table if canonicalize_name(name) == group), str(group))
    elif label.rpartition("/")[2] == "pyproject.toml":
        table = _table(document, "project", make=make)
    found = table.get(key)
    if found is None:
        found = tomlkit.array()
        if make:
            table[key] = found
            found = table[key]
    if not isinstance(found, Array):
        raise UsageError(f"{label}: {key}: expected an array", hint=f'write {key} = ["NAME"]')
    return found


def _own(document: tomlkit.TOMLDocument, label: str, *, make: bool) -> tomlkit.TOMLDocument | Table:
    if label.rpartition("/")[2] == "pyproject.toml":
        return _table(_table(document, "tool", make=make), "pipper", make=make)
    return document


def _table(parent: tomlkit.TOMLDocument | Table, key: str, *, make: bool) -> Table:
    found = parent.get(key)
    if found is None:
        found = tomlkit.table(is_super_table=key == "tool")
        if make:
            parent[key] = found
    if not isinstance(found, Table):
        raise UsageError(f"{key}: expected a table", hint=f"write its keys under the header [{key}]")
    return found


def set_repository(data: bytes, entry: RepositoryEntry, *, label: str, only: Iterable[str] = ()) -> bytes:
    """Return the manifest with this repository added at the end of `[repositories]`.

    With `only`, `[sources]` also maps the projects with these names to it.
    """
    document = _parse(data, label)
    own = _own(document, label, make=True)
    more = {"endpoint-url": entry.endpoint_url, "region": entry.region, "profile": entry.profile}
    given = {key: text for key, text in more.items() if text}
    value: object = entry.url
    if given:
        value = tomlkit.inline_table()
        value.update({"url": entry.url, **given})
    _table(own, "repositories", make=True)[entry.alias] = value
    for name in only:
        _table(own, "sources", make=True)[name] = entry.alias
    return tomlkit.dumps(document).encode()


def set_rules(data: bytes, wanted: Manifest, *, label: str) -> bytes:
    """Return the manifest in `data` with the repositories, `[sources]` and the indexes of `wanted`.

    What is equal already is not touched, and nothing is removed.
    """
    own = parse_manifest(data, label=label)
    for entry in wanted.repositories:
        if entry not in own.repositories:
            data = set_repository(data, entry, label=label)
    document = _parse(data, label)
    top = _own(document, label, make=True)
    for alias, url in wanted.indexes.items():
        if own.indexes.get(alias) != url:
            _table(top, "indexes", make=True)[alias] = url
    for pattern, alias in wanted.sources.items():
        if own.sources.get(pattern) != alias:
            _table(top, "sources", make=True)[pattern] = alias
    if (wanted.index, wanted.index_url) != (own.index, own.index_url):
        top.pop("index", None)  # a value in the place of a table would become part of the table above it
        if wanted.index:
            _table(top, "index", make=True)["url"] = wanted.index_url
        else:
            top["index"] = False
    return tomlkit.dumps(document).encode()


def _put(array: Array, requirement: Requirement, *, bare_replaces: bool) -> None:
    text, name = str(requirement), name_of(requirement)
    names = [_name(each) for each in array]
    for index, each in enumerate(array):
        if names[index] == name and _marker(each) == str(requirement.marker or ""):
            if bare_replaces or requirement.specifier or requirement.extras or requirement.url:
                array[index] = text
            return
    known = [each for each in names if each is not None]
    in_order = len(known) == len(names) and known == sorted(known) and len(known) > 1
    place = sum(each < name for each in known) if in_order else len(array)
    spread = "\n" in array.as_string()
    array.insert(place, text)
    if spread:
        array.multiline(multiline=True)


def _name(text: object) -> NormalizedName | None:
    return name_of(parse_requirement(text)) if isinstance(text, str) else None


def _marker(text: object) -> str:
    return str(parse_requirement(text).marker or "") if isinstance(text, str) else ""


def _not_required(
    document: tomlkit.TOMLDocument, label: str, name: NormalizedName, group: NormalizedName | None
) -> UsageError:
    where = f"the group `{group}` of {label}" if group else label
    holding = [
        other
        for other, texts in document.get("dependency-groups", {}).items()
        if any(_name(text) == name for text in texts)
    ]
    in_a_group = f"it is in a group: use `-g {holding[0]}`" if holding and not group else ""
    hint = in_a_group or f"`pipper why {name}` shows what requires it"
    return UsageError(f"`{name}` is not a requirement in {where}", hint=hint)
