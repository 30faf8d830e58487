"""What another tool took from a path, a URL, git, a workspace or an index of its own: no index may be asked for it."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.indexes import SCHEMES, is_alias, without_query
from pipper.core.manifest.members import PathSource
from pipper.core.redaction import has_account, shown, without_account

NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
"""The name at the start of a requirement."""

SEVERAL_INDEXES = "the indexes"
"""How the origin begins, in words, of a project that comes from one index or another."""

FILES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_FOLDER = re.compile(
    r"(?P<option>-e\s+|--editable[\s=]+)?((?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^\]]*\])?\s*@\s*)?"
    r"(file:///?\$\{PROJECT_ROOT\}|\{root:uri\})/(?P<path>[^#?\s]+)(#egg=(?P<egg>[\w.-]+))?"
)


def name_at_start(entry: object) -> NormalizedName | None:
    """Return the name of the project that an entry requires, None if it is not a requirement."""
    found = NAME.match(entry) if isinstance(entry, str) else None
    return canonicalize_name(found[1]) if found else None


def folder_source(path: str, *, editable: bool = True) -> PathSource | None:
    """Return the source for a relative folder, None for any other path and for that of a file."""
    place = PurePosixPath(path.replace("\\", "/"))
    if not path.isprintable() or place.is_absolute() or PureWindowsPath(path).anchor or path.endswith(FILES):
        return None
    return PathSource(path=place.as_posix(), editable=editable)


def with_folders(found: ImportedManifest) -> ImportedManifest:
    """Return the requirements in which those on a folder of the project are names, with the folder beside them.

    They are URLs below `${PROJECT_ROOT}` (PDM) or `{root:uri}` (Hatch), editable or not.
    """
    paths: dict[NormalizedName, PathSource] = {}

    def named(entry: str) -> str:
        parts = _FOLDER.fullmatch(entry.strip())
        name = name_at_start(parts["name"] or parts["egg"] or "") if parts else None
        source = folder_source(parts["path"], editable=bool(parts["option"])) if parts else None
        if name is None or source is None:
            return entry
        paths[name] = source
        return f"{name}{parts['extras'] or ''}" if parts else entry

    def group(entries: Group) -> Group:
        return tuple(named(entry) if isinstance(entry, str) else entry for entry in entries)

    return replace(
        found,
        dependencies=tuple(map(named, found.dependencies)),
        extras={name: tuple(map(named, texts)) for name, texts in found.extras.items()},
        groups={name: group(entries) for name, entries in found.groups.items()},
        paths={**found.paths, **paths},
    )


def with_members(found: ImportedManifest, lost: Container[NormalizedName]) -> ImportedManifest:
    """Return the requirements whose names in folders are members, but for those whose folders are `lost`."""
    paths = {name: source for name, source in found.paths.items() if name not in lost}
    inside = frozenset(name for name in found.in_workspace if name not in lost)
    gone = {name: "a path" for name in found.paths if name in lost}
    return replace(
        found,
        paths=paths,
        in_workspace=inside,
        elsewhere={
            name: where
            for name, where in {**gone, **found.elsewhere}.items()
            if name not in paths and name not in inside
        },
    )


def without_elsewhere(found: ImportedManifest) -> ImportedManifest:
    """Return the requirements without those from elsewhere, each with a note.

    They are URLs, editable ones, and names in `found.elsewhere`. If they stayed, an index would be asked for a name
    that may be private.
    """
    notes: dict[str, None] = {}

    def kept(entries: Iterable[str | Mapping[str, str]]) -> Group:
        left: list[str | Mapping[str, str]] = []
        for entry in entries:
            where = _where(entry, found.elsewhere)
            if where and isinstance(entry, str):
                hint = (
                    "name one in [sources]"
                    if where.startswith(SEVERAL_INDEXES)
                    else "publish it to a repository"
                )
                notes[f"`{_shown(entry)}` from {where}: {hint}, then require it"] = None
            else:
                left.append(entry)
        return tuple(left)

    return replace(
        found,
        dependencies=_texts(kept(found.dependencies)),
        extras={name: _texts(kept(texts)) for name, texts in found.extras.items()},
        groups={name: kept(group) for name, group in found.groups.items()},
        notes=(*found.notes, *(note for note in notes if note not in found.notes)),
    )


def _texts(group: Group) -> tuple[str, ...]:
    return tuple(entry for entry in group if isinstance(entry, str))


def _where(entry: str | Mapping[str, str], elsewhere: Mapping[NormalizedName, str]) -> str:
    if not isinstance(entry, str):
        return ""
    if entry.lstrip().startswith("-"):
        return "a path or a URL"
    name = name_at_start(entry)
    if re.match(r"\s*[\w.-]+\s*(\[[^\]]*\])?\s*@", entry) or re.match(r"\s*[a-z+]+://", entry):
        return "a URL"
    return elsewhere.get(name, "") if name else ""


def _shown(entry: str) -> str:
    """Return an entry without its URL, which may contain a secret."""
    egg = re.search(r"#(?:.*&)?egg=([A-Za-z0-9][\w.-]*)", entry)
    if entry.lstrip().startswith("-"):
        return " ".join(filter(None, (entry.split(maxsplit=1)[0], egg and egg[1])))
    if "://" in entry.partition("@")[0]:
        return egg[1] if egg else shown(entry.partition(";")[0])
    return entry.partition("@")[0].strip() if "@" in entry.partition(";")[0] else entry


def unread_keys(table: Node, label: str, read: Iterable[str]) -> tuple[str, ...]:
    """Return a note that names the keys of a table that are not in `read`; none without such keys."""
    left = [f"`{key}`" for key in table.table() if key not in read]
    return (f"{label}: {', '.join(left)}",) if left else ()


def further_index(name: str, url: str) -> str:
    """Return the note for an index that the other tool asks for more names than `[sources]` gives to it."""
    bare = bare_index(url)
    if _can_be_further(name, bare):
        return (
            f"that any name may come from the index `{name}` ({bare}): it is in [indexes], and pipper asks it only"
            " for the names that [sources] gives to it"
        )
    shown = " ".join(part for part in (name and f"`{name}`", bare and f"({bare})") if part)
    return (
        f"the index {shown}: write it into [indexes], and the names that come from it into [sources]; pipper asks"
        " it for no other name"
    )


def account_notes(indexes: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a note for each index, of a name and a URL, whose URL has a user name or a password, or a query."""
    return tuple(_secret_notes(indexes))


def _secret_notes(indexes: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, url in indexes:
        label = f"`{name}`" if name else bare_index(url)
        if has_account(url):
            yield f"the user name and password in the URL of the index {label}: write them into `netrc`"
        if bare_index(url) != without_account(url):
            yield f"the query in the URL of the index {label}: pipper sends none"


def bare_index(url: str) -> str:
    """Return the URL of an index as a manifest may have it: without user name, password and query."""
    return without_query(without_account(url))


def _can_be_further(name: str, url: str) -> bool:
    return is_alias(name) and url.startswith(SCHEMES)


def further_indexes(entries: Iterable[Node], aliases: Container[str] = ()) -> dict[str, str]:
    """Return the URLs of those indexes by name that can be in `[indexes]`, without user names and passwords.

    `aliases` are names that are taken.
    """
    found = {}
    for each in entries:
        name, url = each.text_at("name", ""), bare_index(each.text_at("url", ""))
        if name not in aliases and _can_be_further(name, url):
            found[name] = url
    return found
