"""Build a member: its metadata, its wheel, or an editable one (PEP 517, PEP 660)."""

import shutil
import tempfile
from pathlib import Path

from pipper.build.backend import SAME_COMMAND, Builder, environment_for
from pipper.build.hooks import Hooks
from pipper.build.source_tree import OLDEST, copy_error, copy_tree
from pipper.core.archive_limits import Limits
from pipper.errors import MachineError
from pipper.wheels.gate import open_wheel


def member_metadata(folder: Path, builder: Builder, *, subject: str, limits: Limits) -> bytes:
    """Return METADATA of the project in `folder`, from its backend, which runs on a copy.

    Raises what `Hooks` and `BuildEnvironments.make` raise, and MachineError if the file system fails.
    """
    with tempfile.TemporaryDirectory(prefix="pipper-build-", ignore_cleanup_errors=True) as scratch:
        hooks = _hooks_on_copy(folder, Path(scratch), builder, subject)
        environment = environment_for(hooks, builder.environments, subject=subject)
        found = hooks.metadata(environment, Path(scratch, "metadata"))
        if found is None:
            wheel = hooks.wheel(environment, Path(scratch, "wheel"))
            with open_wheel(wheel, filename=wheel.name, limits=limits) as opened:
                found = opened.metadata.raw
        return found


def build_member(folder: Path, scratch: Path, builder: Builder, *, subject: str, editable: bool) -> Path:
    """Build the wheel of the project in `folder` below the empty folder `scratch`, and return its path.

    An editable wheel leads to `folder`, so its backend runs there and may leave files, as any installer has it; for
    another one it runs on a copy. Raises as `member_metadata`.
    """
    if editable:
        hooks = Hooks(folder, builder.rules(subject, again=SAME_COMMAND, source_date=OLDEST))
    else:
        hooks = _hooks_on_copy(folder, scratch, builder, subject)
    environment = environment_for(hooks, builder.environments, subject=subject, editable=editable)
    return hooks.wheel(environment, scratch / "wheel", editable=editable)


def _hooks_on_copy(folder: Path, scratch: Path, builder: Builder, subject: str) -> Hooks:
    copy = scratch / "source" / (folder.resolve().name or "project")
    try:
        newest = copy_tree(folder.resolve(), copy)
    except (OSError, shutil.Error) as error:
        raise MachineError(
            f"cannot copy {folder} for its build",
            cause=copy_error(error),
            hint="check the permissions of that path and the free space in the temporary folder",
        ) from error
    return Hooks(copy, builder.rules(subject, again=SAME_COMMAND, source_date=newest))
