"""Converting the table of uv (`[tool.uv]`) to standard requirements."""

from collections.abc import Container, Iterator
from datetime import date

from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.imports.origins import (
    SEVERAL_INDEXES,
    account_notes,
    bare_index,
    folder_source,
    further_index,
    further_indexes,
    unread_keys,
)
from pipper.core.manifest.members import PathSource

_READ = (
    *(
        "conflicts",
        "constraint-dependencies",
        "dev-dependencies",
        "exclude-dependencies",
        "exclude-newer",
        "extra-index-url",
        "index",
        "index-url",
    ),
    *("override-dependencies", "prerelease", "sources", "workspace"),
)
_READ_OF_INDEX = ("name", "url", "default", "explicit")
_CONDITIONS = ("marker", "extra", "group")
_ELSEWHERE = {"workspace": "the workspace", "path": "a path", "git": "git", "url": "a URL"}


def from_uv(table: Node) -> ImportedManifest:
    """Return the requirements in the table `tool.uv`; raises UsageError for an unexpected type."""
    dev = table.at("dev-dependencies", []).texts()
    groups: dict[str, Group] = {"dev": dev} if "dev-dependencies" in table else {}
    default = _default_index(table)
    indexes = further_indexes(_others(table, default))
    sources = _index_sources(table, indexes)
    return ImportedManifest(
        groups=groups,
        constraints=table.at("constraint-dependencies", []).texts(),
        overrides=table.at("override-dependencies", []).texts(),
        exclude=table.at("exclude-dependencies", []).texts(),
        conflicts=tuple(tuple(_conflicting(each)) for each in table.at("conflicts", []).items()),
        prereleases=table.at("prerelease", "").value == "allow",
        as_of=_moment(table.at("exclude-newer", "")),
        index_url=bare_index(
            default.text_at("url", "") if default is not None else table.text_at("index-url", "")
        ),
        indexes=indexes,
        sources=sources,
        paths=_paths(table),
        workspace=_workspace(table),
        in_workspace=frozenset(_of_workspace(table)),
        elsewhere={name: where for name, where in uv_elsewhere(table).items() if name not in sources},
        notes=tuple(_notes(table, default, sources)),
    )


def _notes(table: Node, default: Node | None, sources: Container[str]) -> Iterator[str]:
    yield from _further(table, default)
    yield from account_notes(_urls(table))
    yield from _conditional(table, sources)
    for each in table.at("index", []).items():
        yield from unread_keys(each, f"[[tool.uv.index]] `{each.text_at('name', '')}`", _READ_OF_INDEX)
    prerelease = table.at("prerelease", "").value
    if prerelease not in ("", "allow"):
        yield f"[tool.uv]: `prerelease = {prerelease}`"
    for text in table.at("override-dependencies", []).texts():
        if ";" in text:
            yield f"override `{text}`: where its marker is false, uv requires nothing, pipper what packages say"
    yield from unread_keys(table.at("workspace", {}), "[tool.uv.workspace]", ("members", "exclude"))
    yield from unread_keys(table, "[tool.uv]", _READ)


def _default_index(table: Node) -> Node | None:
    entries = table.at("index", []).items()
    return next((each for each in entries if each.at("default", False).value is True and "url" in each), None)


def _others(table: Node, default: Node | None) -> list[Node]:
    return [
        each for each in table.at("index", []).items() if default is None or each.value is not default.value
    ]


def _index_sources(table: Node, indexes: Container[str]) -> dict[str, str]:
    """Return the one further index of each project that no entry takes from elsewhere."""
    found: dict[str, str] = {}
    for name, node in table.at("sources", {}).table().items():
        aliases = {each.text_at("index", "") for each in _entries(node)}
        if len(aliases) == 1 and (alias := aliases.pop()) in indexes:
            found[canonicalize_name(name)] = alias
    return found


def _conditional(table: Node, sources: Container[str]) -> Iterator[str]:
    """Yield a note for each project that comes from its further index in some environments alone."""
    for name, node in table.at("sources", {}).table().items():
        conditions = [
            f"`{key} = {each.text_at(key)}`" for each in _entries(node) for key in _CONDITIONS if key in each
        ]
        if canonicalize_name(name) in sources and conditions:
            yield f"[tool.uv.sources] `{name}`: {', '.join(conditions)}: it comes from its index everywhere"


def _only_entry(node: Node) -> Node | None:
    """Return the one entry of a source; None if there are several, or if it depends on the environment."""
    entries = _entries(node)
    return entries[0] if len(entries) == 1 and "marker" not in entries[0] else None


def _entries(node: Node) -> list[Node]:
    return list(node.items()) if isinstance(node.value, list) else [node]


def _paths(table: Node) -> dict[NormalizedName, PathSource]:
    """Return the folders of `[tool.uv.sources]`."""
    found: dict[NormalizedName, PathSource] = {}
    for name, node in table.at("sources", {}).table().items():
        entry = _only_entry(node)
        if entry is not None and "path" in entry:
            editable = entry.at("editable", False).value is True
            source = folder_source(entry.text_at("path"), editable=editable)
            found |= {canonicalize_name(name): source} if source else {}
    return found


def _workspace(table: Node) -> Workspace:
    def patterns(key: str) -> tuple[str, ...]:
        texts = table.at("workspace", {}).at(key, []).texts()
        return tuple(source.path for text in texts if (source := folder_source(text)) and ".." not in text)

    return Workspace(members=patterns("members"), exclude=patterns("exclude"))


def _of_workspace(table: Node) -> Iterator[NormalizedName]:
    """Yield the names that come from the workspace of this file."""
    for name, node in table.at("sources", {}).table().items() if "workspace" in table else ():
        entry = _only_entry(node)
        if entry is not None and entry.at("workspace", False).value is True:
            yield canonicalize_name(name)


def _conflicting(node: Node) -> Iterator[str]:
    for each in node.items():
        entry = each.table()
        if "extra" in entry:
            yield canonicalize_name(entry["extra"].text())
        elif "group" in entry:
            yield f"group:{canonicalize_name(entry['group'].text())}"


def _further(table: Node, default: Node | None) -> Iterator[str]:
    for each in _others(table, default):
        if each.at("explicit", False).value is not True:
            yield further_index(each.text_at("name", ""), each.text_at("url", ""))
    for url in _extra_urls(table):
        yield further_index("", url)


def _extra_urls(table: Node) -> tuple[str, ...]:
    more = table.at("extra-index-url", [])
    return more.texts() if isinstance(more.value, list) else (more.text(),)


def _urls(table: Node) -> Iterator[tuple[str, str]]:
    """Yield the name, if it has one, and the URL of every index."""
    for each in table.at("index", []).items():
        yield each.text_at("name", ""), each.text_at("url", "")
    for url in (table.text_at("index-url", ""), *_extra_urls(table)):
        yield "", url


def uv_elsewhere(table: Node) -> dict[NormalizedName, str]:
    """Return the names of `[tool.uv.sources]`, and where they come from; not those from the default index."""
    index = _default_index(table)
    return dict(_elsewhere(table, index.text_at("name", "") if index is not None else ""))


def _elsewhere(table: Node, default: str) -> Iterator[tuple[NormalizedName, str]]:
    for name, node in table.at("sources", {}).table().items():
        entries = _entries(node)
        where = [text for each in entries for key, text in _ELSEWHERE.items() if key in each]
        indexes = [alias for each in entries if (alias := each.text_at("index", ""))]
        if not where and set(indexes) - {default}:
            named = ", ".join(f"`{alias}`" for alias in dict.fromkeys(indexes))
            where = [f"{SEVERAL_INDEXES if ',' in named else 'the index'} {named}"]
        if where:
            yield canonicalize_name(name), where[0]


def _moment(node: Node) -> str:
    return str(node.value).replace(" ", "T") if isinstance(node.value, date) else node.text()
