"""The versions that another tool locked: the first lock of a project prefers them."""

from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.document import DOCUMENT_LIMIT, Node, read_toml
from pipper.core.reporter import Reporter
from pipper.core.standards import version_of
from pipper.core.wording import counted
from pipper.errors import UsageError
from pipper.system.files import read_bytes

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
"""All three hold `[[package]]` with `name` and `version`."""


def foreign_pins(folder: Path, reporter: Reporter) -> Mapping[NormalizedName, Version]:
    """Return the versions in the first lock of uv, Poetry or PDM in a project's folder; of several, the newest.

    A file that cannot be read is warned of, and prefers nothing. Raises MachineError for the disk.
    """
    for name in _LOCKS:
        data = read_bytes(folder / name)
        if data is None:
            continue
        try:
            found = _pins(read_toml(data, label=name, limit=DOCUMENT_LIMIT))
        except UsageError as error:
            reporter.warning(f"the versions in {name} are not preferred: {error.message}")
            return {}
        if found:
            reporter.info(f"Preferring the versions of {counted(len(found), 'package')} in {name}")
        return found
    return {}


def _pins(top: Node) -> dict[NormalizedName, Version]:
    found: dict[NormalizedName, Version] = {}
    for each in top.at("package", []).items():
        # uv and Poetry leave out the version of a project whose backend computes it.
        name, version = canonicalize_name(each.text_at("name", "")), version_of(each.text_at("version", ""))
        if version is not None and (name not in found or version > found[name]):
            found[name] = version
    return found
