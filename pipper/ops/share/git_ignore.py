"""Ask git whether it ignores a file, without running what the repository of a clone names."""

from pathlib import Path

from pipper.system.files import read_bytes, scratch_folder
from pipper.system.process import ProcessError, run

_SECONDS = 5


def is_exposed(path: Path) -> bool:
    """Return whether a file is in a work tree of git and not ignored; True also if git cannot answer.

    Git reads the ignore files of the work tree and of the user, but neither the configuration nor the index of the
    repository: these name programs, such as `core.fsmonitor`, which git would run.
    """
    folder = path.parent.absolute()
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if top is None:
        return False
    with scratch_folder() as bare:
        for name in ("objects", "refs", "info"):
            (bare / name).mkdir()
        (bare / "HEAD").write_text("ref: refs/heads/main\n")
        excludes = read_bytes(top / ".git" / "info" / "exclude") if (top / ".git").is_dir() else None
        (bare / "info" / "exclude").write_bytes(excludes or b"")
        instead = {"GIT_DIR": str(bare), "GIT_WORK_TREE": str(top)}
        try:
            run(
                ["git", "-C", str(folder), "check-ignore", "--no-index", "-q", "--", path.name],
                seconds=_SECONDS,
                more=instead,
            )
        except (ProcessError, OSError):
            return True
    return False
