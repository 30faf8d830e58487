"""The command line: parse options, call one operation, render its result. Only this package prints."""

import gc
import os
import sys

TYPE_CHECKING = False  # importing `typing` takes longer than the rest of this
if TYPE_CHECKING:
    from pipper.ops.context.project_files import ProjectFiles

_OPTIONS = {
    "sync": ("PIPPER_SYNC_", "PIPPER_PROJECT", "PIPPER_LIMIT", "_PIPPER_"),
    "lock": (
        *("PIPPER_LOCK_", "PIPPER_PROJECT", "_PIPPER_"),
        *("PIPPER_BUCKET", "PIPPER_REPOSITORY", "PIPPER_PROFILE", "PIPPER_PREFIX", "PIPPER_ENDPOINT_URL"),
    ),
    "run": ("PIPPER_RUN_", "PIPPER_PROJECT", "_PIPPER_"),
    "list": ("PIPPER_LIST_", "PIPPER_PROJECT", "_PIPPER_"),
}
"""The commands that may have little to do, and the beginnings of variables that are options of theirs."""
_NO_OPTIONS = ("PIPPER_CACHE_DIR", "PIPPER_INDEX_URL", "PIPPER_TRUSTED_FOLDERS", "PIPPER_AWS_")
"""The beginnings of variables that are options of no command."""
_COLLECTIONS = (100_000, 50, 50)
"""After how many new objects Python looks for garbage: seldom, since almost all of a command's live to its end."""


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    gc.set_threshold(*_COLLECTIONS)
    files, work = None, None
    try:
        if command := _bare_command():
            # Imported here: a command with nothing to do needs no click.
            from pipper.ops.context.project_files import likely_project  # noqa: PLC0415 - see above

            files = likely_project(os.curdir)
            if command == "run":
                _run_if_fresh(files)
            elif _is_answered(command, files):
                _leave()
                return
            if command == "sync" and not _has_options_in_variables():
                from functools import partial  # noqa: PLC0415 - see above

                from pipper.cli.syncing import bare_sync  # noqa: PLC0415 - see above

                work = partial(bare_sync, files, quiet="-q" in sys.argv)
        from pipper.cli.boundary import run  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # no command has started, so there is nothing to report
    try:
        run(files=files, command=work)
    finally:
        gc.freeze()  # the end of Python, too, looks for garbage in all there is


def _bare_command() -> str:
    """Return `sync`, `lock`, `run` or `list`, if that is the command and nothing gives it an option; else nothing."""
    command, *options = sys.argv[1:] or [""]
    if command not in _OPTIONS or sys.stderr is None:
        return ""
    is_bare = bool(_program(options)) if command == "run" else options in ([], ["-q"])
    if not is_bare:
        return ""
    # options of pipper in variables, and requests for shell completion
    return "" if any(name.startswith(_OPTIONS[command]) for name in os.environ) else command


def _has_options_in_variables() -> bool:
    return any(name.startswith("PIPPER_") and not name.startswith(_NO_OPTIONS) for name in os.environ)


def _program(words: "list[str]") -> "list[str]":
    """Return the program of a `run` and its arguments, nothing if options of `run` or nothing else precede it."""
    if words[:1] == ["--"]:
        return words[1:]
    return words if words and not words[0].startswith("-") else []


def _run_if_fresh(files: "ProjectFiles | None") -> None:
    """Replace this process by the program of a `run` if its sync has nothing to do; return if it may have."""
    from pipper.errors import PipperError  # noqa: PLC0415 - `main` says why
    from pipper.ops.context.project_files import environment_path  # noqa: PLC0415 - see above
    from pipper.ops.sync.freshness import is_fresh_for_run  # noqa: PLC0415 - see above
    from pipper.python.activation import run_in  # noqa: PLC0415 - see above

    if os.name == "nt" or files is None or not is_fresh_for_run(files):
        return
    try:
        run_in(environment_path(files.root, os.environ), _program(sys.argv[2:]))
    except PipperError:
        return  # the command itself raises it again, and reports it


def _is_answered(command: str, files: "ProjectFiles | None") -> bool:
    """Return whether what is remembered was enough to do the command, which then also said what it says."""
    if command == "list":
        return _listed(files)
    if _nothing_to_do(command, files):
        return True
    if _has_options_in_variables():
        return False
    return _is_remade(files) if command == "sync" else _relocked(files)


def _nothing_to_do(command: str, files: "ProjectFiles | None") -> bool:
    """Return whether a stamp shows that the command has nothing to do; then also say so."""
    quiet = "-q" in sys.argv
    if command == "sync":
        from pipper.ops.sync.freshness import NOTHING_TO_DO, is_fresh  # noqa: PLC0415 - a lock does not need it

        lines = [NOTHING_TO_DO] if is_fresh(files) else None
    else:
        from pipper.ops.lock.lock_stamp import stamped  # noqa: PLC0415 - a sync does not need it

        lines = stamped(files)
    if lines is None:
        return False
    _say(lines[:-1] if quiet else lines)
    return True


def _is_remade(files: "ProjectFiles | None") -> bool:
    """Return whether the environment was missing and is made now, by a recipe; then also say so."""
    if os.name == "nt":
        return False
    from pipper.ops.sync.remake import remade  # noqa: PLC0415 - Windows cannot do that

    lines = remade(files)
    if lines is None:
        return False
    _say([] if "-q" in sys.argv else lines)
    return True


def _listed(files: "ProjectFiles | None") -> bool:
    """Write what `list` writes into a pipe or a file; return whether that was possible without a closer look."""
    from pipper.ops.query.quick_list import listed_names  # noqa: PLC0415 - `main` says why

    if sys.stdout is None or sys.stdout.isatty():
        return False
    names = listed_names(files)
    if not names:
        return False
    try:
        sys.stdout.write("".join(f"{name} {version}\n" for name, version in names))
        sys.stdout.flush()
    except OSError:
        return False  # the command itself fails again, and reports it
    return True


def _relocked(files: "ProjectFiles | None") -> bool:
    """Return whether the lock is one that a memo shows, and is written; then also say so."""
    from pipper.ops.lock.memo import WARNING  # noqa: PLC0415 - a lock that is up to date needs no memo
    from pipper.ops.lock.remembered import relocked  # noqa: PLC0415 - as above

    messages = relocked(files)
    if messages is None:
        return False
    shown = [message for message in messages if message.kind == WARNING or "-q" not in sys.argv]
    _say([f"warning: {each.text}" if each.kind == WARNING else each.text for each in shown])
    return True


def _leave() -> None:
    """End the process at once: nothing is open, and what Python does at its end takes a tenth of such a command."""
    os._exit(0)


def _say(lines: "list[str]") -> None:
    """Write lines as `output.say` does, but some that have neither secrets nor control characters."""
    if lines and sys.stderr.isatty():
        from pipper.cli.paint import painted  # noqa: PLC0415 - a file or a pipe shows no colours
        from pipper.cli.wrap import fitted  # noqa: PLC0415 - and has no width

        lines = [painted(fitted(line, sys.stderr), sys.stderr) for line in lines]
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        from pipper.cli.output import to_nowhere  # noqa: PLC0415 - `main` says why

        to_nowhere(sys.stderr)
