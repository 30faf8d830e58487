"""Converting the sections of setuptools in `setup.cfg` to standard requirements."""

import re
from collections.abc import Iterator
from configparser import ConfigParser, Error

from packaging.requirements import InvalidRequirement

from pipper.core.manifest.imports.carried import carried
from pipper.core.manifest.imports.imported import ImportedManifest
from pipper.core.manifest.imports.origins import without_elsewhere
from pipper.core.manifest.imports.self_requirements import without_self_references
from pipper.core.manifest.stated_name import SETUP_CFG_LIMIT, without_runs
from pipper.core.standards import read_requirement
from pipper.errors import UsageError

_COMPUTED = ("file:", "attr:")


def from_setup_cfg(text: str, *, label: str) -> ImportedManifest:
    """Return the requirements in `[options]` and `[options.extras_require]`. Raises UsageError for an invalid file."""
    if len(text) > SETUP_CFG_LIMIT:
        raise UsageError(
            f"{label}: {len(text):,} characters, more than {SETUP_CFG_LIMIT:,}",
            hint="write the requirements into pipper.toml",
        )
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(without_runs(text))
    except Error as error:
        raise UsageError(
            f"{label}: not a valid file of setuptools",
            cause=str(error).splitlines()[0],
            hint="correct it there",
        ) from error
    notes: list[str] = []

    def lines(section: str, key: str) -> tuple[str, ...]:
        value = parser.get(section, key, fallback="")
        if value.strip().startswith(_COMPUTED):
            notes.append(f"[{section}]: `{key} = {value.strip()}`: write the requirements into pipper.toml")
            return ()
        return tuple(_lines(value))

    extras = "options.extras_require"
    names = parser.options(extras) if parser.has_section(extras) else []
    own = parser.get("metadata", "name", fallback="")
    found = ImportedManifest(
        requires_python=parser.get("options", "python_requires", fallback="").strip(),
        dependencies=lines("options", "install_requires"),
        extras={name: lines(extras, name) for name in names},
        groups={"dev": lines("options", "tests_require")},
    )
    if not (found.dependencies or found.extras or found.groups["dev"] or notes or own):
        raise UsageError(
            f"{label} has no requirements",
            cause="it has none of [metadata], [options] install_requires and [options.extras_require]",
            hint="run `pipper init` without --from",
        )
    itself = (f"`{own}` itself: pipper installs its requirements, not the project",) if own else ()
    found = found.joined(ImportedManifest(notes=(*itself, *notes)))
    return without_self_references(carried(without_elsewhere(found)), own, label)


def _lines(value: str) -> Iterator[str]:
    """Yield the requirements of a list, which are on lines of their own, or on one line with `;` between them."""
    separated = value.split(";") if "\n" not in value and not _is_requirement(value) else value.splitlines()
    for line in separated:
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].rstrip("; \t").strip()
        if text:
            yield text


def _is_requirement(text: str) -> bool:
    """Return whether a text is a single requirement, whose marker stands behind its `;`."""
    try:
        read_requirement(text)
    except InvalidRequirement:
        return False
    return True
