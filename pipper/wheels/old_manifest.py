"""The manifest of pipper 0.x, `pipper.json` or `pipper.yaml`: it is read, never written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pipper.core.document import MANIFEST_LIMIT, Node, Origin, read_json
from pipper.errors import UsageError
from pipper.system.os_errors import os_errors
from pipper.wheels.plain_yaml import parse_yaml

FILE_NAMES = ("pipper.json", "pipper.yaml")
"""In the order in which they are looked for."""

_LISTS = ("dependencies", "dev_dependencies", "pypi")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldManifest:
    """What a 0.x manifest says."""

    path: Path | None = None
    """Where it stands; None where there is none."""
    dependencies: tuple[str, ...] = ()
    """Packages of the bucket as 0.x writes them: `foo`, `foo:>=1.2.0`, or an authorized URL."""
    dev_dependencies: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    """Requirements of the index, as pip takes them."""
    conda: tuple[str, ...] = ()
    """Names of conda packages."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The whole document, for `package.meta`."""


def read_pipper_manifest(source: Path) -> OldManifest:
    """Return what a 0.x manifest says: the file `source`, or that in the folder `source`, empty without one.

    The suffix tells JSON from YAML. Raises UsageError with file and line for what cannot be read, is nested
    too deeply, has a key twice or an alias, or only misspelt keys; MachineError where the file cannot be opened.
    """
    found = (
        [source / name for name in FILE_NAMES if (source / name).is_file()] if source.is_dir() else [source]
    )
    if not found:
        return OldManifest()
    path = found[0]
    with os_errors("read", path):
        raw = path.read_bytes()

    document = _document(raw, path.name, is_json=path.suffix == ".json")
    _refuse_misspelt(document)
    lists = {key: document.at(key, []).texts() for key in _LISTS}
    return OldManifest(
        path=path,
        dependencies=lists["dependencies"],
        dev_dependencies=lists["dev_dependencies"],
        pypi=lists["pypi"],
        conda=tuple(_conda_name(node) for node in document.at("conda", []).items()),
        values=MappingProxyType(document.entries()),
    )


def _document(raw: bytes, label: str, *, is_json: bool) -> Node:
    if is_json:
        return read_json(raw, label=label, limit=MANIFEST_LIMIT)
    return Node(parse_yaml(raw, fail=lambda what: UsageError(f"{label}: {what}")), Origin(label))


def _refuse_misspelt(document: Node) -> None:
    """0.x allowed keys of any name: one is refused only where nothing known is there, and it is near to that."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    known = (*_LISTS, "conda")
    if any(key in document.entries() for key in known):
        return
    for key, node in document.table().items():
        if near := difflib.get_close_matches(key, known, n=1, cutoff=0.75):
            raise node.fail("unknown key", hint=f"did you mean `{near[0]}`?")


def _conda_name(node: Node) -> str:
    """0.x takes `NAME` or `{"name": NAME, "channel": CHANNEL}`."""
    if not isinstance(node.value, Mapping):
        return node.text()
    return node.only(("name", "channel")).at("name").text()
