"""`export`: write the lock in the formats of other tools, with unsigned URLs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pipper.core.lock.model import Lock, LockedFile, LockedPackage
from pipper.core.lock.pylock_writer import dump_pylock, dump_requirements, to_pylock
from pipper.core.lock.selection import Selection
from pipper.errors import UsageError
from pipper.ops.context.open_repositories import locked_repositories
from pipper.ops.context.settings import Settings
from pipper.ops.lock.read_any import refuse_replacing
from pipper.ops.share.inputs import InputOptions, read_input
from pipper.repository.access import directory_of
from pipper.repository.source import Repository
from pipper.system.files import refuse_url, write_bytes

Format = Literal["pylock", "requirements"]


def export(settings: Settings, kind: Format, selection: Selection, output: Path | None) -> str:
    """Return the project's lock in a format, and write it to `output` if that is not None.

    In pylock.toml a file of a bucket has its unsigned URL, which grants no access, and one of a directory its
    path relative to the output. Raises UsageError if the project's lock is out of date or the output must not be
    overwritten, and what `to_pylock` raises.
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
    if kind == "requirements":
        text = dump_requirements(asked.lock, selection)
    else:
        repositories = locked_repositories(settings, asked.lock, asked.project)
        placed = _placed(asked.lock, repositories, output.parent if output else settings.directory)
        text = dump_pylock(to_pylock(placed, selection), comment="Written by pipper export.")
    if output is not None:
        write_bytes(output, text.encode())
    return text


def _placed(lock: Lock, repositories: Mapping[str, Repository], base: Path) -> Lock:
    """Return the lock with a URL, or a path relative to `base`, instead of each key."""

    def placed(package: LockedPackage, file: LockedFile) -> LockedFile:
        url = file.url or repositories[package.source].store.url(file.key)
        if url.startswith("file:"):
            url = Path(os.path.relpath(directory_of(url, base), base)).as_posix()
        return file.at_url(url)

    return lock.with_files(placed)
