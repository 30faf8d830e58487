"""Build a member: its metadata, its wheel, or an editable one (PEP 517, PEP 660)."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from pipper.build.backend import SAME_COMMAND, Builder, environment_for
from pipper.build.hooks import Hooks
from pipper.build.member_state import BUILD_FILES
from pipper.build.source_tree import OLDEST, copy_error, copy_tree
from pipper.core.archive_limits import Limits
from pipper.errors import MachineError
from pipper.system.os_errors import os_errors
from pipper.wheels.gate import open_wheel
from pipper.wheels.requirements import set_requirements

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class MemberSource(Struct, frozen=True, kw_only=True):
    """A member to build, and how."""

    folder: Path
    subject: str
    """What it is called in messages."""
    editable: bool
    edited: Mapping[str, bytes] = _NOTHING
    """Files of the folder, by name, that are not written yet."""


def member_metadata(
    folder: Path, builder: Builder, *, subject: str, limits: Limits, edited: Mapping[str, bytes] = _NOTHING
) -> bytes:
    """Return METADATA of the project in `folder`, from its backend, which runs on a copy with the files `edited`.

    Raises what `Hooks` and `BuildEnvironments.make` raise, and MachineError if the file system fails.
    """
    with tempfile.TemporaryDirectory(prefix="pipper-build-", ignore_cleanup_errors=True) as scratch:
        hooks = _hooks_on_copy(folder, Path(scratch), builder, subject, edited)
        environment = environment_for(hooks, builder.environments, subject=subject)
        found = hooks.metadata(environment, Path(scratch, "metadata"))
        if found is None:
            wheel = hooks.wheel(environment, Path(scratch, "wheel"))
            with open_wheel(wheel, filename=wheel.name, limits=limits) as opened:
                found = opened.metadata.raw
        return found


def build_member(source: MemberSource, scratch: Path, builder: Builder, *, limits: Limits) -> Path:
    """Build the wheel of a member below the empty folder `scratch`, and return its path.

    An editable wheel leads to the folder, so its backend runs there and may leave files, as any installer has it; for
    another one it runs on a copy. Raises as `member_metadata`.
    """
    folder, subject, edited = source.folder, source.subject, source.edited
    if source.editable:
        hooks = Hooks(folder, builder.rules(subject, again=SAME_COMMAND, source_date=OLDEST))
    else:
        hooks = _hooks_on_copy(folder, scratch, builder, subject, edited)
    environment = environment_for(hooks, builder.environments, subject=subject, editable=source.editable)
    wheel = hooks.wheel(environment, scratch / "wheel", editable=source.editable)
    if source.editable and not edited.keys().isdisjoint(BUILD_FILES):
        # A backend writes the path of the folder it runs in, where the manifest is still the old one. An edit changes
        # requirements alone, so nothing but these comes from a copy: a version taken from git may be another there.
        told = member_metadata(folder, builder, subject=subject, limits=limits, edited=edited)
        set_requirements(wheel, told, limits=limits)
    return wheel


def _hooks_on_copy(
    folder: Path, scratch: Path, builder: Builder, subject: str, edited: Mapping[str, bytes]
) -> Hooks:
    copy = scratch / "source" / (folder.resolve().name or "project")
    try:
        newest = copy_tree(folder.resolve(), copy)
    except OSError as error:
        raise MachineError(
            f"cannot copy {folder} for its build",
            cause=copy_error(error),
            hint="check the permissions of that path and the free space in the temporary directory",
        ) from error
    for name, content in edited.items():
        with os_errors("write", copy / name):
            (copy / name).unlink(missing_ok=True)  # the copy of a read-only file is one too
            (copy / name).write_bytes(content)
    return Hooks(copy, builder.rules(subject, again=SAME_COMMAND, source_date=newest))
