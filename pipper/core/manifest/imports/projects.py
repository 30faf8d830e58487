"""Reading the projects of other tools: pyproject.toml of several tools, and requirements.txt."""

import itertools
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import MANIFEST_LIMIT, Node, read_toml
from pipper.core.manifest.imports.carried import carried
from pipper.core.manifest.imports.elsewhere import (
    name_at_start,
    with_folders,
    with_members,
    without_elsewhere,
)
from pipper.core.manifest.imports.imported import Group, ImportedManifest
from pipper.core.manifest.imports.pdm import from_pdm
from pipper.core.manifest.imports.poetry import from_poetry
from pipper.core.manifest.imports.uv import from_uv
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.manifest.self_reference import OwnProject
from pipper.core.redaction import shown, without_account
from pipper.core.standards import read_requirement
from pipper.errors import UsageError

_DEEPEST = 10
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z-]*)(?:[\s=]+|(?<=^-\w)(?=\S)|$)(?P<value>.*)")
_HASHES = re.compile(r"\s--hash[=\s]\S+")
_SHORT = {"r": "requirement", "c": "constraint", "e": "editable", "i": "index-url", "f": "find-links"}


def from_pyproject(data: bytes, *, label: str, lost: Container[NormalizedName] = ()) -> ImportedManifest:
    """Return the requirements of `pyproject.toml`: `[project]`, `[dependency-groups]`, tables of Poetry, uv, PDM.

    Requirements on folders become members, but for the names in `lost`, which then count as from elsewhere. Raises
    UsageError, with the place, for an invalid document.
    """
    top = read_toml(data, label=label, limit=MANIFEST_LIMIT)
    tool = top.at("tool", {})
    found = _standard(top)
    for name, read in (("poetry", from_poetry), ("uv", from_uv), ("pdm", from_pdm)):
        if name in tool:
            found = found.joined(read(tool.at(name)))
    found = carried(without_elsewhere(with_members(with_folders(found), lost)))
    own = top.at("project", {}).text_at("name", "") or tool.at("poetry", {}).text_at("name", "")
    found = _without_self_references(found, own, label)
    if found == ImportedManifest():
        raise UsageError(
            f"{label} has no requirements",
            cause="it has none of the tables [project], [tool.poetry], [tool.uv] and [tool.pdm]",
            hint="run `pipper init` without --from",
        )
    return found


def _without_self_references(found: ImportedManifest, own: str, label: str) -> ImportedManifest:
    """Return the requirements with what the project's own name stands for: `pipper.toml` has no name."""
    name = canonicalize_name(own)

    def is_own(entry: str | Mapping[str, str]) -> bool:
        return name_at_start(entry) == name

    if not name or not any(
        map(is_own, itertools.chain(found.dependencies, *found.extras.values(), *found.groups.values()))
    ):
        return found

    def parsed(texts: Iterable[str]) -> tuple[Requirement, ...]:
        return tuple(parse_requirement(text, where=label) for text in texts)

    extras = {canonicalize_name(extra): parsed(texts) for extra, texts in found.extras.items()}
    itself = OwnProject(name=name, dependencies=parsed(found.dependencies), extras=extras)

    def expanded(texts: tuple[str, ...], extra: str = "") -> tuple[str, ...]:
        own = itself.expand(parsed(filter(is_own, texts)), where=label, extra=canonicalize_name(extra))
        return (*itertools.filterfalse(is_own, texts), *map(str, own))

    def group(entries: Group) -> Group:
        texts = (entry for entry in entries if isinstance(entry, str) and is_own(entry))
        own = itself.expand(parsed(texts), where=label, whole=True)
        return (*itertools.filterfalse(is_own, entries), *map(str, own))

    return replace(
        found,
        dependencies=expanded(found.dependencies),
        extras={extra: expanded(texts, extra) for extra, texts in found.extras.items()},
        groups={each: group(entries) for each, entries in found.groups.items()},
    )


def _standard(top: Node) -> ImportedManifest:
    project = top.at("project", {})
    optional = project.at("optional-dependencies", {}).table()
    groups = top.at("dependency-groups", {}).table()
    dynamic = project.at("dynamic", []).texts()
    own = project.text_at("name", "")
    return ImportedManifest(
        requires_python=project.text_at("requires-python", ""),
        dependencies=project.at("dependencies", []).texts(),
        extras={name: each.texts() for name, each in optional.items()},
        groups={name: tuple(_entries(group)) for name, group in groups.items()},
        notes=(
            *(f"dynamic `{key}`: it needs a build" for key in dynamic if key.endswith("dependencies")),
            *((f"`{own}` itself: pipper installs its requirements, not the project",) if own else ()),
        ),
    )


def _entries(group: Node) -> Iterator[str | Mapping[str, str]]:
    for each in group.items():
        if isinstance(each.value, Mapping):
            yield {"include-group": each.only(("include-group",)).text_at("include-group")}
        else:
            yield each.text()


def from_requirements(path: str, read: Callable[[str], str], *, depth: int = 0) -> ImportedManifest:
    """Return the requirements of a requirements file (pip's format) and of the files that it includes.

    `read` returns the text of a file; a relative path is relative to the folder of the first one. Hashes are
    ignored: a lock has its own. What cannot be read gets a note, also a file that it includes. Raises what `read`
    raises for the first file.
    """
    found = ImportedManifest()
    for number, line in _lines(read(path)):
        place = f"{path}: line {number}"
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if option is None:
            found = found.joined(_requirement(line, place))
            continue
        name, value = _SHORT.get(option["name"], option["name"]), option["value"].strip()
        if name in ("requirement", "constraint"):
            inner = _included(path, value, place, read, depth)
            if name == "constraint":
                inner = ImportedManifest(constraints=inner.dependencies, notes=inner.notes)
            found = found.joined(inner)
        elif name == "index-url":
            found = found.joined(ImportedManifest(index_url=without_account(value)))
        elif name == "pre":
            found = found.joined(ImportedManifest(prereleases=True))
        else:
            found = found.joined(ImportedManifest(notes=(f"{place}: the option --{name}",)))
    return found


def _included(path: str, value: str, place: str, read: Callable[[str], str], depth: int) -> ImportedManifest:
    folder, value = path.rpartition("/")[0], value.strip("\"'")
    inner = f"{folder}/{value}" if folder else value
    if depth >= _DEEPEST:
        return ImportedManifest(notes=(f"{place}: {inner}: {_DEEPEST} files include each other",))
    try:
        return from_requirements(inner, read, depth=depth + 1)
    except UsageError as error:
        return ImportedManifest(notes=(f"{place}: {error.message}",))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, continued lines joined, without comments."""
    number, whole = 0, ""
    for at, line in enumerate(text.splitlines(), 1):
        number = number if whole else at
        bare = _COMMENT.sub("", line).strip()
        if bare.endswith("\\"):
            whole += bare[:-1] + " "
            continue
        whole = (whole + bare).strip()
        if whole:
            yield number, whole
        whole = ""
    if whole.strip():
        yield number, whole.strip()


def _requirement(line: str, place: str) -> ImportedManifest:
    text = _HASHES.sub("", line).strip()
    if "://" in text or text.startswith((".", "/")) or text.endswith((".whl", ".tar.gz", ".zip")):
        return ImportedManifest(notes=(f"{place}: a file or URL; publish it to a repository",))
    try:
        return ImportedManifest(dependencies=(str(read_requirement(text)),))
    except InvalidRequirement:
        return ImportedManifest(notes=(f"{place}: `{shown(text)[:120]}` is not a requirement",))
