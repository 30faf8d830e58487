"""`export`: write the lock in the formats of other tools, with unsigned URLs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from pipper.core.lock.model import Lock, LockedFile, LockedPackage
from pipper.core.lock.pylock_writer import dump_pylock, dump_requirements, to_pylock
from pipper.core.lock.selection import Selection
from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.errors import UsageError
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import has_public_index, url_of_index
from pipper.ops.context.open_repositories import locked_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.read_any import refuse_replacing
from pipper.ops.share.inputs import InputOptions, ReadInput, read_input
from pipper.ops.share.members import MemberChoice, save_wheels, without_members
from pipper.ops.share.sbom import Facts, dump_sbom, licences_of
from pipper.repository.access import directory_of
from pipper.repository.source import Repository
from pipper.system.files import refuse_url, write_bytes

_NO_CHOICE = MemberChoice()
Format = Literal["pylock", "requirements", "cyclonedx"]


def export(
    settings: Settings,
    kind: Format,
    selection: Selection,
    output: Path | None,
    members: MemberChoice = _NO_CHOICE,
) -> str:
    """Return the project's lock in a format, and write it to `output` if that is not None.

    In pylock.toml and in a bill of materials, a file of a bucket has its unsigned URL, which grants no access, and one
    of a directory its path relative to the output. Wheels that are built of members are written beside it. Raises
    UsageError if the lock is out of date or the output must not be overwritten, and what `to_pylock`, `dump_sbom` and
    `without_members` raise.
    """
    if output is not None:
        refuse_url(output)
        output = settings.directory / output
        refuse_replacing(output, settings.directory)
    asked = read_input(settings, InputOptions())
    if not isinstance(asked.lock, Lock):
        raise UsageError(
            "there is nothing to export",
            cause="the manifest names only URLs",
            hint="require the packages by name, or run `pipper download` to save the files",
        )
    cache = open_cache(settings)
    with cache.in_use():
        choice = replace(members, has_place=output is not None)
        found = without_members(settings, asked.lock, asked.project, selection, choice)
        if kind == "requirements":
            text = dump_requirements(found.lock, selection, wheels_beside=bool(found.wheels))
        else:
            repositories = locked_repositories(settings, found.lock, asked.project)
            beside = {wheel.url: wheel.filename for wheel in found.wheels}
            base = output.parent if output else settings.directory
            placed = _placed(found.lock, repositories, base, beside)
            if kind == "cyclonedx":
                text = dump_sbom(placed, selection, _facts(settings, asked, found.lock, repositories))
            else:
                text = dump_pylock(to_pylock(placed, selection), comment="Written by pipper export.")
        if output is not None:
            save_wheels(found.wheels, output.parent, cache)
            write_bytes(output, text.encode())
    return text


def _facts(settings: Settings, asked: ReadInput, lock: Lock, repositories: Mapping[str, Repository]) -> Facts:
    project = asked.project
    locations = {alias: each.store.location for alias, each in repositories.items()}
    locations |= _locations_of_indexes(settings, project, lock)
    name = (project.manifest.name if project else "") or asked.path.parent.name
    return Facts(
        project=name or "project",
        locations={alias: url for alias, url in locations.items() if not url.startswith("file:")},
        licences=licences_of(settings),
    )


def _locations_of_indexes(settings: Settings, project: Project | None, lock: Lock) -> dict[str, str]:
    """Return the URLs of the indexes by alias: empty for the public one, none for one that is not configured."""
    found = dict(lock.inputs.indexes)
    if any(package.source == INDEX for package in lock.packages):
        manifest = project.manifest if project else Manifest()
        root = project.root if project else settings.directory
        url = url_of_index(settings, manifest, root)
        if url:
            found[INDEX] = "" if has_public_index(settings, manifest.index_url, root) else url
    return found


def _placed(
    lock: Lock, repositories: Mapping[str, Repository], base: Path, beside: Mapping[str, str]
) -> Lock:
    """Return the lock with a URL, or a path relative to `base`, instead of each key.

    `beside` are the names of files that lie in `base` itself, by their URLs.
    """

    def placed(package: LockedPackage, file: LockedFile) -> LockedFile:
        url = file.url or repositories[package.source].store.url(file.key)
        if url in beside:
            return file.at_url(beside[url])
        if url.startswith("file:"):
            url = Path(os.path.relpath(directory_of(url, base), base)).as_posix()
        return file.at_url(url)

    return lock.with_files(placed)
