"""Turns every error into text and an exit code."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from pipper.cli.output import ReaderGoneError, conceal, flush, render_error, to_nowhere
from pipper.errors import MachineError, PipperError
from pipper.ops.context.project_files import ProjectFiles

if TYPE_CHECKING:
    import click

_INTERRUPTED, _TERMINATED, _BUG = 130, 143, 70
_OUTPUT_FAULTS = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EPIPE)
"""Errors of click's own writes (help, completion); `cli.output` translates those of all other writes."""


class TerminatedError(BaseException):
    """SIGTERM; unwinds the stack like an interrupt, so that transactions end cleanly."""


def run(
    arguments: Sequence[str] | None = None,
    files: ProjectFiles | None = None,
    command: Callable[[], int] | None = None,
) -> NoReturn:
    """Run the command line and exit; no error shows a traceback.

    `files` are the project's files if they were read already; commands receive them as click's `obj`. `command` is
    what the command line means, if that is known without parsing it.
    """
    # Python handles SIGINT: if the parent process ignores it (`nohup`, a background job), it stays ignored.
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _terminate)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the parent process closed it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # paths keep their bytes
    sys.exit(_code(arguments, command or (lambda: _parsed(arguments, files))))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TerminatedError


def _code(arguments: Sequence[str] | None, command: Callable[[], int]) -> int:
    conceal([*(sys.argv[1:] if arguments is None else arguments), *_variables()])
    try:
        code = command()
        flush()
        return code
    except PipperError as error:
        render_error(error.message, error.cause, error.hint)
        return error.exit_code
    except (KeyboardInterrupt, TerminatedError) as end:
        terminated = isinstance(end, TerminatedError)
        render_error("terminated" if terminated else "interrupted", "", "")
        return _TERMINATED if terminated else _INTERRUPTED
    except (ReaderGoneError, SystemExit):
        # click raises SystemExit if the reader of its help closed the pipe; all else returns.
        return 0
    except OSError as error:
        return _of_output(error) if error.errno in _OUTPUT_FAULTS else _bug(error)
    except Exception as error:  # noqa: BLE001 - a bug; the exception's text is not shown, because it may hold a secret
        return _bug(error)


def _parsed(arguments: Sequence[str] | None, files: ProjectFiles | None) -> int:
    """Let click parse the command line and call the command; return the exit code."""
    import click  # noqa: PLC0415 - not every command line is parsed

    from pipper.cli.app import app  # noqa: PLC0415 - as above

    try:
        result = app.main(args=arguments, prog_name="pipper", standalone_mode=False, obj=files)
    except click.ClickException as error:
        return _usage(error)
    except click.Abort:
        raise KeyboardInterrupt from None
    return result if isinstance(result, int) else 0


def _variables() -> list[str]:
    """Return the values of the variables that are options."""
    return [value for name, value in os.environ.items() if name.startswith("PIPPER_")]


def _of_output(error: OSError) -> int:
    to_nowhere(sys.stdout)
    if error.errno == errno.EPIPE:
        return 0
    render_error(
        "cannot write the output", error.strerror or "", "free some space, or write the output elsewhere"
    )
    return MachineError.exit_code


def _bug(error: Exception) -> int:
    render_error(
        f"this is a bug in pipper: {type(error).__name__} at {_place(error)}",
        "",
        "report it, with this line and the command",
    )
    return _BUG


def _place(error: Exception) -> str:
    """Return file and line of the innermost frame in pipper, or of the innermost one at all."""
    import traceback  # noqa: PLC0415 - only a bug needs it

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "pipper" in Path(frame.filename).parts] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _usage(error: "click.ClickException") -> int:
    import click  # noqa: PLC0415 - it is imported by now

    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "pipper"
    from pipper.cli.synonyms import ARGUMENT, is_opposite, pointer  # noqa: PLC0415 - only a mistyped line needs it

    unknown = ""
    if isinstance(error, click.NoSuchOption):
        unknown = error.option_name
        near = error.possibilities or []
        near[:] = [each for each in near if not is_opposite(unknown, each)]
    elif error.message.startswith("Got unexpected extra argument"):
        unknown = ARGUMENT
    else:
        unknown = getattr(error, "command_name", "")
    instead = pointer(unknown, command)
    message = error.message if instead else error.format_message()
    render_error(message.rstrip("."), "", instead or f"{command} --help")
    return 2
