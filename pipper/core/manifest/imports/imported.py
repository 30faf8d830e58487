"""The requirements of another tool's project, as values and as the text of a new `pipper.toml`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from msgspec import Struct, field
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.members import PathSource
from pipper.core.toml import toml_inline, toml_key, toml_string, toml_strings

K = TypeVar("K")
V = TypeVar("V")
Group = tuple[str | Mapping[str, str], ...]


class ImportedManifest(Struct, frozen=True, kw_only=True):
    """What was converted, and what was not."""

    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    """PEP 508."""
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    """PEP 735: requirements and `{include-group = NAME}`."""
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    conflicts: tuple[tuple[str, ...], ...] = ()
    """As in `conflicts` of the manifest."""
    prereleases: bool = False
    as_of: str = ""
    """A date, or as another tool writes it until `carried` has read it."""
    cool_down: str = ""
    index_url: str = ""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """Further indexes, alias to URL."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Project name or pattern -> alias of the further index that it comes from."""
    paths: Mapping[NormalizedName, PathSource] = field(default_factory=dict)
    """Projects that come from a folder, which is relative to that of the converted file."""
    workspace: Workspace = Workspace()
    """Its patterns are relative to the folder of the converted file."""
    in_workspace: frozenset[NormalizedName] = frozenset()
    """Projects that are in one of these folders."""
    elsewhere: Mapping[NormalizedName, str] = field(default_factory=dict)
    """Projects that the other tool does not take from its index, and where they come from, in words."""
    notes: tuple[str, ...] = ()
    """One text for each entry that was not converted."""

    def joined(self, other: "ImportedManifest") -> "ImportedManifest":
        """Return both together; a single value is that of the first one, if it has one."""
        return joined_all((self, other))


def joined_all(parts: Sequence[ImportedManifest]) -> ImportedManifest:
    """Return all together; a single value is that of the first one that has one."""
    return ImportedManifest(
        requires_python=_first(each.requires_python for each in parts),
        dependencies=_once(each.dependencies for each in parts),
        extras=_tables([each.extras for each in parts]),
        groups=_groups(each.groups for each in parts),
        constraints=_once(each.constraints for each in parts),
        overrides=_once(each.overrides for each in parts),
        exclude=_once(each.exclude for each in parts),
        conflicts=tuple(chain.from_iterable(each.conflicts for each in parts)),
        prereleases=any(each.prereleases for each in parts),
        as_of=_first(each.as_of for each in parts),
        cool_down=_first(each.cool_down for each in parts),
        index_url=_first(each.index_url for each in parts),
        indexes=_tables([each.indexes for each in parts]),
        sources=_tables([each.sources for each in parts]),
        paths=_tables([each.paths for each in parts]),
        workspace=next((each.workspace for each in parts if each.workspace), Workspace()),
        in_workspace=frozenset(chain.from_iterable(each.in_workspace for each in parts)),
        elsewhere=_tables([each.elsewhere for each in parts]),
        notes=_once(each.notes for each in parts),
    )


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _once(texts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(texts)))


def _tables(tables: Sequence[Mapping[K, V]]) -> dict[K, V]:
    """Return one table; of two values for a key, the first."""
    return dict(chain.from_iterable(table.items() for table in reversed(tables)))


def _groups(tables: Iterable[Mapping[str, Group]]) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for name, group in chain.from_iterable(table.items() for table in tables):
        known = found.get(canonicalize_name(name), ())
        found[canonicalize_name(name)] = (*known, *(each for each in group if each not in known))
    return found


def manifest_text(
    project: ImportedManifest, *, source: str, python: str, repositories: Mapping[str, str]
) -> str:
    """Return a `pipper.toml`; `source` names its origin, `python` is the default for `requires-python`."""
    lines = [f"# Converted from {source}. Next: `pipper lock` writes pipper.lock."]
    lines += [f"# Not converted: {_on_one_line(note)}" for note in project.notes]
    lines.append(f"requires-python = {toml_string(project.requires_python or f'>={python}')}")
    lines.append(_array("dependencies", project.dependencies))
    for key, texts in (
        ("constraints", project.constraints),
        ("overrides", project.overrides),
        ("exclude", project.exclude),
    ):
        lines += [_array(key, texts)] if texts else []
    sets = [toml_strings(each, taken=16) for each in project.conflicts]
    lines += [f"conflicts = [{', '.join(sets)}]"] if sets else []
    lines += ["prereleases = true"] if project.prereleases else []
    lines += [f"as-of = {toml_string(project.as_of)}"] if project.as_of else []
    lines += [f"cool-down = {toml_string(project.cool_down)}"] if project.cool_down else []
    if project.extras:
        lines += ["", "[optional-dependencies]"]
        lines += [_array(toml_key(name), texts) for name, texts in project.extras.items()]
    lines += ["", "[dependency-groups]"]
    lines += [f"{toml_key(name)} = {_group(group)}" for name, group in project.groups.items()] or ["dev = []"]
    if project.index_url:
        lines += ["", "[index]", f"url = {toml_string(project.index_url)}"]
    if project.workspace:
        lines += ["", "[workspace]", _array("members", project.workspace.members)]
        lines += [_array("exclude", project.workspace.exclude)] if project.workspace.exclude else []
    sources = {name: toml_string(alias) for name, alias in project.sources.items()}
    sources |= {name: _folder(source) for name, source in project.paths.items()}
    indexes = {alias: toml_string(url) for alias, url in project.indexes.items()}
    for table, pairs in (("indexes", indexes), ("sources", sources)):
        if pairs:
            lines += ["", f"[{table}]"]
            lines += [f"{toml_key(key)} = {value}" for key, value in pairs.items()]
    lines += ["", "[repositories]", "# In order of trust: the first one that has a project is its source."]
    urls = [f"{toml_key(alias)} = {toml_string(url)}" for alias, url in repositories.items()]
    return "\n".join([*lines, *(urls or ['# acme = "s3://BUCKET/PREFIX"'])]) + "\n"


def _on_one_line(note: str) -> str:
    """Return a text that a comment of TOML can hold."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(note.split()))


def _folder(source: PathSource) -> str:
    pairs = [f"path = {toml_string(source.path)}", *([] if source.editable else ["editable = false"])]
    return toml_inline(pairs)


def _array(key: str, texts: tuple[str, ...]) -> str:
    return f"{key} = {toml_strings(texts, taken=len(key) + 3)}"


def _group(group: Group) -> str:
    entries = [
        toml_string(each)
        if isinstance(each, str)
        else f"{{ include-group = {toml_string(each['include-group'])} }}"
        for each in group
    ]
    return "[" + "".join(f"\n    {entry}," for entry in entries) + ("\n]" if entries else "]")
