"""Converting the table of PDM (`[tool.pdm]`) to standard requirements."""

from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.constraints import specifier_of
from pipper.core.manifest.imports.imported import ImportedManifest
from pipper.core.manifest.imports.origins import (
    account_notes,
    bare_index,
    further_index,
    further_indexes,
    unread_keys,
)

_READ = ("dev-dependencies", "resolution", "source")
_READ_OF_SOURCE = ("name", "url", "include_packages")
_DEFAULT = "pypi"
"""The name of the source that replaces PDM's default index; every other one is added to it."""


def from_pdm(table: Node) -> ImportedManifest:
    """Return the requirements in the table `tool.pdm`; raises UsageError for an unexpected type."""
    resolution = table.at("resolution", {})
    sources = tuple(table.at("source", []).items())
    default = next((each for each in sources if each.text_at("name", "") == _DEFAULT and "url" in each), None)
    further = [each for each in sources if default is None or each.value is not default.value]
    indexes = further_indexes(further)
    given = {
        name: each.text_at("name", "") for each in further for name in each.at("include_packages", []).texts()
    }
    overrides = {name: each.text() for name, each in resolution.at("overrides", {}).table().items()}
    return ImportedManifest(
        groups={name: each.texts() for name, each in table.at("dev-dependencies", {}).table().items()},
        overrides=tuple(name + specifier_of(text) for name, text in overrides.items() if not _is_url(text)),
        exclude=resolution.at("excludes", []).texts(),
        prereleases=resolution.at("allow-prereleases", False).value is True,
        index_url=bare_index(default.text_at("url")) if default is not None else "",
        indexes=indexes,
        sources={name.lower(): alias for name, alias in given.items() if alias in indexes},
        elsewhere={
            canonicalize_name(name): f"the index `{alias}`"
            for name, alias in given.items()
            if alias not in indexes
        },
        notes=tuple(_notes(table, overrides, further)),
    )


def _notes(table: Node, overrides: Mapping[str, str], further: Iterable[Node]) -> Iterator[str]:
    for each in further:
        if "include_packages" not in each:
            yield further_index(each.text_at("name", ""), each.text_at("url", ""))
    for name, text in overrides.items():
        if _is_url(text):
            yield f"the override of `{name}` from a URL: publish it to a repository, then override its version"
    sources = tuple(table.at("source", []).items())
    yield from account_notes((each.text_at("name", ""), each.text_at("url", "")) for each in sources)
    for each in sources:
        yield from unread_keys(each, f"[[tool.pdm.source]] `{each.text_at('name', '')}`", _READ_OF_SOURCE)
    resolution = table.at("resolution", {})
    yield from unread_keys(
        resolution, "[tool.pdm.resolution]", ("overrides", "excludes", "allow-prereleases")
    )
    yield from unread_keys(table, "[tool.pdm]", _READ)


def _is_url(text: str) -> bool:
    return ":" in text or "@" in text
