"""Members: projects whose source lies beside the manifest. They are installed from there, and no source is asked."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from msgspec import Struct, field
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.inputs import MemberInputs
from pipper.core.manifest.requirement import requirement_texts, specifiers_text

ITSELF = "."
"""The path of the project itself as a member."""
_LONGEST = 1000
_MOST_PARTS = 50
_LONGEST_PART = 255
_MOST_PATTERNS = 100
_ENTRY = 'write it as in { path = "../lab" } or { path = "../lab", editable = false }'


class PathSource(Struct, frozen=True, kw_only=True):
    """An entry of `[sources]` that names the folder of a member."""

    path: str
    """Relative to the folder of the manifest, separated by `/`."""
    editable: bool = True
    place: str = ""
    """The place in the manifest, for messages."""


class Member(Struct, frozen=True, kw_only=True):
    """A member, with what its own files state of it."""

    name: NormalizedName
    path: str
    """Relative to the folder of the lock, separated by `/`; `ITSELF` for the project itself."""
    editable: bool = True
    version: str = ""
    """Empty if its build backend computes it."""
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    dependencies: tuple[Requirement, ...] = ()
    extras: Mapping[NormalizedName, tuple[Requirement, ...]] = field(default_factory=dict)
    build_files: str = ""
    """If its backend computes what it requires: a digest of the files that the backend reads for that."""

    def inputs(self) -> MemberInputs:
        """Return what a lock depends on."""
        return MemberInputs(
            path=self.path,
            editable=self.editable,
            version=self.version,
            requires_python=specifiers_text(self.requires_python),
            requirements=requirement_texts(self.dependencies),
            extras={name: requirement_texts(self.extras[name]) for name in sorted(self.extras)},
            build_files=self.build_files,
        )


def without_itself(members: Iterable[Member]) -> tuple[Member, ...]:
    """Return the members without the project: who asks for it by name means a published version."""
    return tuple(each for each in members if each.path != ITSELF)


def read_paths(node: Node) -> dict[NormalizedName, PathSource]:
    """Return the entries of `[sources]` that are tables: the folders of members by name. Raises UsageError."""
    found: dict[NormalizedName, PathSource] = {}
    for name, entry in node.table().items():
        if not isinstance(entry.value, Mapping):
            continue
        if "path" not in entry.only(("path", "editable")):
            raise entry.fail("`path` is missing", hint=_ENTRY)
        if not re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", name, re.ASCII):
            raise entry.fail(f"`{name}` is not the name of a project", hint="a pattern cannot have a path")
        source = PathSource(
            path=_relative(entry.at("path")), editable=entry.at("editable", True).flag(), place=entry.place
        )
        normal = canonicalize_name(name)
        if found.setdefault(normal, source).path != source.path:
            raise entry.fail(f"`{normal}` has two sources, in two spellings", hint="keep one of them")
    return found


def read_workspace(node: Node) -> Workspace:
    """Return the patterns of `[workspace]`; raises UsageError for one that leads out of the folder."""
    node.only(("members", "exclude"))
    return Workspace(members=_patterns(node.at("members", [])), exclude=_patterns(node.at("exclude", [])))


def _patterns(node: Node) -> tuple[str, ...]:
    patterns = []
    for each in node.items():
        pattern = _relative(each)
        if ".." in pattern.split("/"):
            raise each.fail(
                f"`{pattern}` is outside the project",
                cause="a workspace has the directories below its manifest",
                hint='name the directory in [sources] instead: NAME = { path = "../lab" }',
            )
        if any("**" in part and part != "**" for part in pattern.split("/")):
            raise each.fail(
                f"`{pattern}` is not a pattern", hint="write `**` alone between two `/`, as in `libs/**`"
            )
        patterns.append(pattern)
    found = tuple(dict.fromkeys(patterns))
    if sum("*" in pattern or "?" in pattern or "[" in pattern for pattern in found) > _MOST_PATTERNS:
        raise node.fail(
            f"more than {_MOST_PATTERNS} patterns",
            cause="each of them is a walk through the directories",
            hint="replace some by one that matches more, as in `libs/*`",
        )
    return found


def _relative(node: Node) -> str:
    """Return a relative path, normalised; raise UsageError for any other, and for one that no disk could have."""
    text = node.text()
    parts = text.replace("\\", "/").split("/")
    if len(text) > _LONGEST or len(parts) > _MOST_PARTS or any(len(each) > _LONGEST_PART for each in parts):
        raise node.fail(
            f"the path `{text[:40]}…` is too long",
            cause=f"{len(text):,} characters in {len(parts):,} parts; at most {_LONGEST:,} characters in {_MOST_PARTS}"
            f" parts of {_LONGEST_PART} are accepted",
            hint="move the directory, or correct the path",
        )
    if (
        not text
        or not text.isprintable()
        or PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).anchor
    ):
        raise node.fail(
            f"`{text[:200]}` is not a relative path",
            cause="the lock holds this path, and must be the same on every machine",
            hint='write it relative to the directory of the manifest, as in "../lab"',
        )
    return PurePosixPath(text.replace("\\", "/")).as_posix()
