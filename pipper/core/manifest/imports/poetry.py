"""Converting the dependencies of Poetry (`[tool.poetry]`) to standard requirements."""

from collections.abc import Container, Iterable, Iterator, Mapping

from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.imports.origins import (
    account_notes,
    bare_index,
    folder_source,
    further_index,
    further_indexes,
    unread_keys,
)
from pipper.core.manifest.imports.poetry_versions import UntranslatableError, specifiers_of
from pipper.core.manifest.members import PathSource
from pipper.core.standards import read_specifiers

_ELSEWHERE = ("git", "path", "url", "file")
_READ = ("dependencies", "dev-dependencies", "extras", "group", "name", "source")
_READ_OF_SOURCE = ("name", "url", "priority", "default", "secondary")
_ENTRY = ("version", "python", "platform", "markers", "extras", "optional", "source")


def from_poetry(table: Node, *, enriches: bool = False) -> ImportedManifest:
    """Return the requirements in the table `tool.poetry`; raises UsageError for an unexpected type.

    If it only `enriches` what `[project]` requires, its main dependencies say where these come from, and no more.
    """
    index, others = _indexes(table)
    indexes = further_indexes(others)
    reader = _Reader(index.text_at("name", "") if index is not None else "", indexes)
    main = table.at("dependencies", {}).table()
    python = main.pop("python", None)
    optional: dict[str, list[str]] = {}
    dependencies: list[str] = []
    for name, each in main.items():
        for entry in each.items() if isinstance(each.value, list) else (each,):
            is_optional = isinstance(entry.value, Mapping) and entry.value.get("optional") is True
            found = optional.setdefault(canonicalize_name(name), []) if is_optional else dependencies
            found.extend(reader.requirements(name, entry))
    extras = {name: each.texts() for name, each in table.at("extras", {}).table().items()}
    elsewhere = dict(reader.elsewhere) if enriches else {}
    if enriches:
        dependencies, optional, extras = [], {}, {}
    return ImportedManifest(
        requires_python=reader.python(python) if python else "",
        dependencies=tuple(dependencies),
        extras={
            name: tuple(text for each in names for text in optional.get(canonicalize_name(each), []))
            for name, names in extras.items()
        },
        groups=dict(reader.groups(table)),
        index_url=bare_index(index.text_at("url", "")) if index is not None else "",
        indexes=indexes,
        sources=reader.sources,
        paths=reader.paths,
        elsewhere=elsewhere,
        notes=(
            *reader.notes,
            *_undeclared(extras, {canonicalize_name(name) for name in main}),
            *_further(others),
            *_notes_of_sources(table),
            *unread_keys(table, "[tool.poetry]", _READ),
        ),
    )


def _indexes(table: Node) -> tuple[Node | None, list[Node]]:
    """Return the source that Poetry asks in place of its default index, if any, and the other ones."""
    sources = tuple(table.at("source", []).items())
    index = next((each for each in sources if _is_primary(each)), None)
    return index, [each for each in sources if index is None or each.value is not index.value]


def _further(sources: Iterable[Node]) -> Iterator[str]:
    for each in sources:
        if each.text_at("priority", "").lower() != "explicit":
            yield further_index(each.text_at("name", ""), each.text_at("url", ""))


def _notes_of_sources(table: Node) -> Iterator[str]:
    sources = tuple(table.at("source", []).items())
    yield from account_notes((each.text_at("name", ""), each.text_at("url", "")) for each in sources)
    for each in sources:
        yield from unread_keys(each, f"[[tool.poetry.source]] `{each.text_at('name', '')}`", _READ_OF_SOURCE)


def _undeclared(extras: Mapping[str, tuple[str, ...]], declared: Container[NormalizedName]) -> Iterator[str]:
    for extra, names in extras.items():
        for name in names:
            if canonicalize_name(name) not in declared:
                yield f"`{name}` in the extra `{extra}`: it is not in [tool.poetry.dependencies]"


def _is_primary(source: Node) -> bool:
    if source.at("secondary", False).value is True:
        return False
    return source.text_at("priority", "primary").lower() in ("primary", "default")


class _Reader:
    """Reads dependencies, and notes those that it does not convert."""

    def __init__(self, index: str, indexes: Container[str]) -> None:
        """Take the name of Poetry's main source, and the aliases of further indexes."""
        self.notes: list[str] = []
        self.sources: dict[str, str] = {}
        self.paths: dict[NormalizedName, PathSource] = {}
        self.elsewhere: dict[NormalizedName, str] = {}
        self._index = index
        self._indexes = indexes

    def python(self, node: Node) -> str:
        """Return the required versions of Python."""
        try:
            return specifiers_of(node.text())
        except UntranslatableError as error:
            self.notes.append(f"`python`: {error}")
            return ""

    def groups(self, table: Node) -> Iterator[tuple[str, Group]]:
        """Yield dependency groups; `dev-dependencies` is the group `dev` of Poetry before 1.2."""
        found: dict[str, Group] = {}
        if "dev-dependencies" in table:
            found["dev"] = tuple(self._all(table.at("dev-dependencies")))
        for name, group in table.at("group", {}).table().items():
            included = tuple({"include-group": each} for each in group.at("include-groups", []).texts())
            if "dependencies" in group or included:
                found[name] = (*found.get(name, ()), *included, *self._all(group.at("dependencies", {})))
            self.notes += unread_keys(
                group, f"[tool.poetry.group.{name}]", ("dependencies", "include-groups")
            )
        yield from found.items()

    def _all(self, node: Node) -> list[str]:
        return [text for name, each in node.table().items() for text in self.requirements(name, each)]

    def requirements(self, name: str, node: Node) -> Iterator[str]:
        """Yield the requirements of one entry; several if versions differ by marker."""
        if isinstance(node.value, list):
            for each in node.items():
                yield from self.requirements(name, each)
            return
        if isinstance(node.value, str):
            node = node.replaced({"version": node.value})
        entry = node.table()
        folder = _folder(entry)
        if folder is not None:
            self.paths[canonicalize_name(name)] = folder
            entry = {key: each for key, each in entry.items() if key not in ("path", "develop", "source")}
            node = node.replaced({key: each.value for key, each in entry.items()})
        elif where := [key for key in _ELSEWHERE if key in entry]:
            self.elsewhere[canonicalize_name(name)] = where[0]
            self.notes.append(f"`{name}` from {where[0]}: publish it to a repository")
            return
        source = entry["source"].text() if "source" in entry else self._index
        if source in self._indexes:
            self.sources[canonicalize_name(name)] = source
        elif source != self._index:
            self.elsewhere[canonicalize_name(name)] = f"the index `{source}`"
            self.notes.append(
                f"`{name}` from the index `{source}`: publish it to a repository, then require it"
            )
            return
        self.notes += unread_keys(node, f"`{name}`", _ENTRY)
        try:
            specifiers = specifiers_of(entry["version"].text()) if "version" in entry else ""
            markers = list(_markers(entry))
        except UntranslatableError as error:
            self.notes.append(f"`{name}`: {error}")
            specifiers, markers = "", []
        extras = f"[{','.join(entry['extras'].texts())}]" if "extras" in entry else ""
        yield f"{name}{extras}{specifiers}" + (f" ; {' and '.join(markers)}" if markers else "")


def _folder(entry: Mapping[str, Node]) -> PathSource | None:
    """Return the folder that an entry names, None if it names none."""
    if "path" not in entry:
        return None
    develop = entry.get("develop")
    return folder_source(entry["path"].text(), editable=develop is not None and develop.value is True)


def _markers(entry: Mapping[str, Node]) -> Iterator[str]:
    if "python" in entry:
        for clause in read_specifiers(specifiers_of(entry["python"].text())):
            full = clause.version.removesuffix(".*").count(".") > 1
            name = "python_full_version" if full else "python_version"
            yield f'{name} {clause.operator} "{clause.version}"'
    if "platform" in entry:
        yield f'sys_platform == "{entry["platform"].text()}"'
    if "markers" in entry:
        text = entry["markers"].text()
        yield f"({text})" if " or " in text else text
