"""The files of a member that say what it is, and a digest of those that decide what its backend computes."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.build.member_state import BUILD_FILES
from pipper.core.document import MANIFEST_LIMIT, Node, read_toml
from pipper.core.manifest.members import read_paths
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest, parse_member, read_sources
from pipper.core.manifest.stated_name import stated_name
from pipper.core.manifest.unread_sources import unread_sources_of
from pipper.errors import UsageError
from pipper.ops.context.find_manifest import two_manifests
from pipper.ops.context.project_files import PIPPER_TOML, PYPROJECT_TOML, SETUP_FILES
from pipper.system.digest import digest_each
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors
from pipper.system.trust import refuse_foreign

_MOST = 1000
_MOST_BYTES = 16 * 2**20
_NOTHING: Mapping[Path, bytes] = {}


class StatedProject(Struct, frozen=True, kw_only=True):
    """What the files of a folder state of the project in it."""

    name: NormalizedName
    """Empty if nothing but a build tells it."""
    is_package: bool
    """Whether it can be built."""
    version: str
    """Empty if its backend computes it."""
    manifest: Manifest
    """Its requirements, groups, extras, `[sources]`, and what is not to be asked of an index."""
    build_files: str
    """See `Member.build_files`."""


def read_stated(folder: Path, *, label: str, edited: Mapping[Path, bytes] = _NOTHING) -> StatedProject | None:
    """Return what the project in `folder` states, None if it has no project.

    `edited` are manifests that are not written yet, in their real folders. Raises UsageError if it has two manifests
    or an invalid one, MachineError if a file belongs to another user or cannot be read.
    """
    refuse_foreign(folder)
    place = Path(os.path.realpath(folder))
    files = {
        name: edited[place / name] if place / name in edited else _read(folder / name)
        for name in (*BUILD_FILES, PIPPER_TOML)
    }
    own, setup_py = files.pop(PIPPER_TOML), files["setup.py"]
    if own is None and files[PYPROJECT_TOML] is None and setup_py is None:
        return None
    top = read_toml(files[PYPROJECT_TOML] or b"", label=f"{label}/{PYPROJECT_TOML}", limit=MANIFEST_LIMIT)
    manifest = _manifest(top, own, folder, label)
    project = top.at("project", {})
    dynamic = project.at("dynamic", []).texts()
    is_package = setup_py is not None or "build-system" in top
    if not top.at("tool", {}).at("pipper", {}).at("package", True).flag() or own is not None:
        is_package = False
    is_static = "name" in project and not {"dependencies", "optional-dependencies", "requires-python"} & {
        *dynamic
    }
    name = stated_name(top, files["setup.cfg"] or b"", setup_py or b"")
    if not name and (written := project.text_at("name", "")):
        raise project.at("name").fail(
            f"`{written}` is not a valid name",
            hint="write letters, digits, `-`, `_` and `.`, as in `acme-models`",
        )
    return StatedProject(
        name=name,
        is_package=is_package,
        version=project.text_at("version", "") if is_static else "",
        manifest=manifest,
        build_files="" if is_static else digest_of_build_files(folder),
    )


def _manifest(top: Node, own: bytes | None, folder: Path, label: str) -> Manifest:
    tool = top.at("tool", {})
    if own is None:
        sources = tool.at("pipper", {}).at("sources", {})
        return replace(
            parse_member(top),
            paths=read_paths(sources),
            sources=read_sources(sources, None),
            elsewhere=unread_sources_of(tool.entries()),
        )
    if "pipper" in tool:
        raise two_manifests(folder)
    manifest = parse_manifest(own, label=f"{label}/{PIPPER_TOML}")
    return replace(manifest, elsewhere=unread_sources_of(tool.entries()))


def name_in(folder: Path) -> NormalizedName:
    """Return the name that the files of the project in `folder` state; empty if they compute it, or have none.

    Raises UsageError for an invalid file.
    """
    pyproject, setup_py, setup_cfg = (
        read_bytes(folder / name) or b"" for name in (PYPROJECT_TOML, *SETUP_FILES)
    )
    label = str(folder / PYPROJECT_TOML)
    return stated_name(read_toml(pyproject, label=label, limit=MANIFEST_LIMIT), setup_cfg, setup_py)


def files_of_requirements(folder: Path) -> list[Path]:
    """Return the files of a folder that a backend reads to compute requirements, some of which may be missing.

    These are `BUILD_FILES` and the requirements files beside them, which setup.py and setup.cfg often read.
    """
    with os_errors("read", folder):
        listed = sorted(folder.glob("requirements*.txt"))
    return [*(folder / name for name in BUILD_FILES), *listed[:_MOST]]


def digest_of_build_files(folder: Path) -> str:
    """Return a digest of `files_of_requirements`, the same on every system.

    Raises UsageError if they are larger than such files are.
    """
    return digest_each(_build_facts(folder))


def _build_facts(folder: Path) -> Iterator[bytes]:
    left = _MOST_BYTES
    for path in files_of_requirements(folder):
        data = _read(path)
        if data is None:
            continue
        left -= len(data)
        if left < 0:
            raise UsageError(
                f"the build files in {folder} are larger than {_MOST_BYTES:,} bytes",
                cause=f"they compute what it requires, so that the lock depends on them; the last one is {path.name}",
                hint="remove those that no build needs, or write the requirements under [project] in pyproject.toml",
            )
        yield path.name.encode(errors="surrogateescape")
        yield data.replace(b"\r\n", b"\n")


def _read(path: Path) -> bytes | None:
    refuse_foreign(path)
    return read_bytes(path)
