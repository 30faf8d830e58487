"""Read the manifest of pipper 0.x, `pipper.json` or `pipper.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, field

from pipper.core.document import MANIFEST_LIMIT, Node, Origin, read_json
from pipper.errors import UsageError
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import read_regular
from pipper.system.trust import refuse_foreign

FILE_NAMES = ("pipper.json", "pipper.yaml")
"""In order of preference."""

_LISTS = ("dependencies", "dev_dependencies", "pypi")


class OldManifest(Struct, frozen=True, kw_only=True):
    """A 0.x manifest."""

    path: Path | None = None
    """None if the folder has no manifest."""
    dependencies: tuple[str, ...] = ()
    """Packages of the bucket in the notation of 0.x: `foo`, `foo:>=1.2.0`, or an authorized URL."""
    dev_dependencies: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    """Requirements of the index, in pip's notation."""
    conda: tuple[str, ...] = ()
    """Names of conda packages."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The whole document, for `package.meta`."""


def read_pipper_manifest(source: Path) -> OldManifest:
    """Return the 0.x manifest at `source`, a file or a folder; for a folder without one, an empty manifest.

    The suffix `.json` selects JSON, any other YAML. Raises UsageError with file and line for a document that
    is malformed, nested too deeply, or has duplicate keys, aliases or only misspelt keys; MachineError if the
    file cannot be read.
    """
    found = (
        [source / name for name in FILE_NAMES if (source / name).is_file()] if source.is_dir() else [source]
    )
    if not found:
        return OldManifest()
    path = found[0]
    if path != source:
        refuse_foreign(path)
    with os_errors("read", path):
        raw = read_regular(path)
    document = _document(raw, path.name, is_json=path.suffix == ".json")
    _refuse_misspelt(document)
    lists = {key: document.at(key, []).texts() for key in _LISTS}
    return OldManifest(
        path=path,
        **lists,
        conda=tuple(_conda_name(node) for node in document.at("conda", []).items()),
        values=MappingProxyType(document.entries()),
    )


def _document(raw: bytes, label: str, *, is_json: bool) -> Node:
    if is_json:
        return read_json(raw, label=label, limit=MANIFEST_LIMIT)
    from pipper.wheels.plain_yaml import parse_yaml  # noqa: PLC0415 - it imports all of `yaml`

    value = parse_yaml(raw, fail=lambda what, hint: UsageError(f"{label}: {what}", hint=hint))
    return Node(value, Origin(label))


def _refuse_misspelt(document: Node) -> None:
    """Raise UsageError for a key that resembles a known one, if no key is known: 0.x allowed any other key."""
    import difflib  # noqa: PLC0415 - needed only for an error

    known = (*_LISTS, "conda")
    if any(key in document.entries() for key in known):
        return
    for key, node in document.table().items():
        if near := difflib.get_close_matches(key, known, n=1, cutoff=0.75):
            raise node.fail("unknown key", hint=f"did you mean `{near[0]}`?")


def _conda_name(node: Node) -> str:
    """Return the name of a conda package: `NAME` or `{"name": NAME, "channel": CHANNEL}` in 0.x."""
    if not isinstance(node.value, Mapping):
        return node.text()
    return node.only(("name", "channel")).at("name").text()
