"""Places that other tools take projects from and pipper does not read: no index may be asked for these names.

The tables are those of uv, Poetry, PDM, Hatch, Rye, pixi and pip-tools in a `pyproject.toml`, or in `FILES`. They are
not pipper's: what has another type than expected is passed over.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from pipper.core.redaction import shown, without_account
from pipper.core.toml import toml_inline, toml_key, toml_string
from pipper.core.urls import split_url

ANY = "*"
_UNDER = "under [{0}] in pipper.toml or [tool.pipper.{0}] in pyproject.toml"
_BUILT_IN = "pypi"
_PLACES = {
    **{"workspace": "the workspace", "path": "a path", "file": "a path", "git": "git", "url": "a URL"},
    **{"hg": "Mercurial", "svn": "Subversion", "channel": "a channel"},
}
_DIRECT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*@")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_NO_FOLDER = re.compile(r"^[/\\]|^[A-Za-z]:|\.(whl|zip|tar\.[a-z0-9]+|tgz)$")
"""An absolute path, or that of a file."""
_OF_ENVIRONMENT = re.compile(r"(PIP|UV|PDM|PIPPER)_(EXTRA_|DEFAULT_)?(INDEX(_URL)?|FIND_LINKS)")


class UnreadSource(Struct, frozen=True, kw_only=True):
    """A place that pipper does not read."""

    pattern: str
    """The names that come from there: a name, a pattern or `ANY`."""
    where: str
    """The place in words."""
    table: str
    """The table that says so."""
    url: str = ""
    """The URL if it is an index, without user name and password."""

    hint: str = ""
    """What to do about it, where the usual advice does not fit."""

    def is_one_of(self, urls: Iterable[str]) -> bool:
        """Return whether it is an index that has one of these URLs."""
        return bool(self.url) and _comparable(self.url) in set(map(_comparable, urls))


def _comparable(url: str) -> tuple[str, str, str, str]:
    parts = split_url(without_account(url))
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query


Table = Mapping[str, Any]
Indexes = Mapping[str, str]
"""URLs by the name of the index."""


def unread_sources_of(tool: Table) -> tuple[UnreadSource, ...]:
    """Return the places that the tables below `[tool]` name; empty without any."""
    readers = {
        **{"uv": _uv, "poetry": _poetry, "pdm": _pdm, "hatch": _hatch},
        **{"rye": _rye, "pixi": _pixi, "pip-tools": _pip_tools},
    }
    found = (each for name, read in readers.items() if name in tool for each in read(_table(tool[name])))
    return tuple(dict.fromkeys(found))


def places_in_file(name: str, document: Table) -> tuple[UnreadSource, ...]:
    """Return the places that a file beside a manifest names; `name` is one of `FILES`, or `pyproject.toml`."""
    read = _READERS.get(name)
    if read is None:
        return unread_sources_of(_table(document.get("tool")))
    return tuple(dict.fromkeys(replace(each, table=name) for each in read(document)))


def _uv(table: Table) -> Iterator[UnreadSource]:
    entries = list(_tables(table.get("index")))
    indexes = _by_name(entries)
    yield from _named(_table(table.get("sources")), "[tool.uv.sources]", "index", indexes)
    for each in entries:
        if each.get("explicit") is not True:
            yield _index(each, "[[tool.uv.index]]")
    yield from _of_options(table, "[tool.uv]")
    yield from _of_options(_table(table.get("pip")), "[tool.uv.pip]")
    for key in ("dev-dependencies", "override-dependencies", "constraint-dependencies"):
        yield from _direct(table.get(key), "[tool.uv]")


def _poetry(table: Table) -> Iterator[UnreadSource]:
    sources = list(_tables(table.get("source")))
    indexes = _by_name(sources)
    groups = [_table(each) for each in _table(table.get("group")).values()]
    for place, at in (
        ("dependencies", table),
        ("dev-dependencies", table),
        *(("dependencies", group) for group in groups),
    ):
        label = "[tool.poetry.dependencies]" if at is table else "[tool.poetry.group]"
        yield from _named(_table(at.get(place)), label, "source", indexes)
    for each in sources:
        if str(each.get("priority")).lower() != "explicit" and not _is_public(each):
            yield _index(each, "[[tool.poetry.source]]")


def _pdm(table: Table) -> Iterator[UnreadSource]:
    label = "[[tool.pdm.source]]"
    for each in _tables(table.get("source")):
        if _is_public(each):
            continue
        names = [name for name in _list(each.get("include_packages")) if isinstance(name, str)]
        for name in names or [ANY]:
            yield _index(each, label, name)
    for group in _table(table.get("dev-dependencies")).values():
        yield from _direct(group, "[tool.pdm.dev-dependencies]")
    overrides = _table(_table(table.get("resolution")).get("overrides"))
    for name, text in overrides.items():
        if isinstance(text, str) and ":/" in text:
            yield _place(name, "a URL", "[tool.pdm.resolution.overrides]")


def _pdm_settings(table: Table) -> Iterator[UnreadSource]:
    """Yield the indexes of PDM's settings: `[pypi]` is the index that it asks in place of the public one."""
    index = _table(table.get("pypi"))
    further = [{"name": name, **each} for name, each in index.items() if isinstance(each, Mapping)]
    own = [{"url": index["url"]}] if index.get("url") else []
    yield from _pdm({"source": [*own, *further]})


def _pipfile(table: Table) -> Iterator[UnreadSource]:
    sources = list(_tables(table.get("source")))
    indexes = _by_name(sources)
    for category, entries in table.items():
        if category != "source":
            yield from _named(_table(entries), f"[{category}]", "index", indexes)
    for each in sources:
        if not _is_public(each):
            yield _index(each, "[[source]]")


def _hatch(table: Table) -> Iterator[UnreadSource]:
    for name, each in _table(table.get("envs")).items():
        env, label = _table(each), f"[tool.hatch.envs.{name}]"
        for key in ("dependencies", "extra-dependencies"):
            yield from _direct(env.get(key), label)
        for key, text in _table(env.get("env-vars")).items():
            if _OF_ENVIRONMENT.fullmatch(key) and isinstance(text, str):
                for url in text.split():
                    yield _index({"url": url.partition("=")[2] if "=" in url else url}, label)
        if _table(env.get("workspace")).get("members"):
            yield _place(ANY, "the workspace", label)


def _rye(table: Table) -> Iterator[UnreadSource]:
    for each in _tables(table.get("sources")):
        yield _index(each, "[[tool.rye.sources]]")
    if "workspace" in table:
        yield _place(ANY, "the workspace", "[tool.rye]")
    yield from _direct(table.get("dev-dependencies"), "[tool.rye]")


def _pixi(table: Table) -> Iterator[UnreadSource]:
    label = "[tool.pixi]"
    for key in ("pypi-dependencies", "dependencies"):
        yield from _named(_table(table.get(key)), label, "index", {})
    yield from _of_options(_table(table.get("pypi-options")), label)
    for key in ("feature", "target"):
        for each in _table(table.get(key)).values():
            yield from _pixi(_table(each)) if key == "target" else _pixi_feature(_table(each))


def _pixi_feature(table: Table) -> Iterator[UnreadSource]:
    """Yield the places of a feature, which has no features of its own."""
    yield from _pixi({key: each for key, each in table.items() if key != "feature"})


def _pip_tools(table: Table) -> Iterator[UnreadSource]:
    for each in (table, _table(table.get("compile"))):
        yield from _of_options(each, "[tool.pip-tools]")


def _named(entries: Table, label: str, key: str, indexes: Indexes) -> Iterator[UnreadSource]:
    """Yield the entries `name = {path = …}` of a table, or of several for different environments."""
    for name, value in entries.items():
        for entry in _tables(value if isinstance(value, list) else [value]):
            where = next((text for each, text in _PLACES.items() if entry.get(each)), "")
            index = entry.get(key)
            if where:
                yield replace(_place(name, where, label), hint=_hint(name, entry))
            elif isinstance(index, str):
                found = {"name": index, "url": indexes.get(index, index if ":/" in index else "")}
                if not _is_public(found):
                    yield _index(found, label, name)


def _hint(name: str, entry: Table) -> str:
    """Return how pipper takes a project from its folder; empty for a file, and for what is no relative folder."""
    if entry.get("workspace"):
        return 'write `members = ["DIR"]` ' + _UNDER.format("workspace") + " for the directory that has it"
    path = entry.get("path")
    if not isinstance(path, str) or not path.isprintable() or _NO_FOLDER.search(path):
        return ""
    is_editable = entry.get("editable") is True or entry.get("develop") is True
    pairs = [f"path = {toml_string(path)}", *([] if is_editable else ["editable = false"])]
    return f"write `{toml_key(name)} = {toml_inline(pairs)}` {_UNDER.format('sources')}"


def _of_options(table: Table, label: str) -> Iterator[UnreadSource]:
    """Yield the indexes and folders of links in options of pip's kind."""
    for key in ("index-url", "extra-index-url", "extra-index-urls", "find-links"):
        value = table.get(key)
        for each in value if isinstance(value, list) else [value]:
            url = next((text for text in each.values()), "") if isinstance(each, Mapping) else each
            if isinstance(url, str) and url:
                yield _index({"url": url}, f"`{key}` of {label}")


def _direct(entries: object, label: str) -> Iterator[UnreadSource]:
    """Yield the requirements on a URL or a folder: `name @ URL`, or an editable one with its `egg`."""
    for text in _list(entries):
        found = (_DIRECT.match(text) or _EGG.search(text)) if isinstance(text, str) else None
        if found:
            yield _place(found[1], "a URL", label)


def _by_name(entries: Iterable[Table]) -> dict[str, str]:
    return {str(each.get("name")): str(each.get("url", "")) for each in entries}


def _is_public(entry: Table) -> bool:
    """Return whether an index is the one that is built into Poetry and PDM."""
    return not entry.get("url") and str(entry.get("name")).lower() == _BUILT_IN


def _index(entry: Table, label: str, pattern: str = ANY) -> UnreadSource:
    name, url = entry.get("name"), entry.get("url")
    plain = without_account(url) if isinstance(url, str) else ""
    where = f"the index `{shown(name) if isinstance(name, str) else shown(plain)}`"
    return UnreadSource(pattern=canonicalize_name(pattern), where=where, table=label, url=plain)


def _place(name: str, where: str, label: str) -> UnreadSource:
    return UnreadSource(pattern=canonicalize_name(name), where=where, table=label)


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tables(value: object) -> Iterator[Table]:
    return (each for each in _list(value) if isinstance(each, Mapping))


_READERS: Mapping[str, Callable[[Table], Iterator[UnreadSource]]] = {
    **{"uv.toml": _uv, "pixi.toml": _pixi, "hatch.toml": _hatch},
    **{"pdm.toml": _pdm_settings, "Pipfile": _pipfile},
}
FILES = tuple(_READERS)
"""The files of other tools beside a manifest that say where they take projects from."""
