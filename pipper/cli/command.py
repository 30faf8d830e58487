"""Commands and options of click with pipper's help layout, and with `-c KEY SECRET [TOKEN]`."""

import inspect
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipper.cli.output import say
from pipper.cli.wrap import MARGIN, fitted
from pipper.core.redaction import mistyped_account, redacted
from pipper.errors import UsageError
from pipper.system.files import refuse_url

F = TypeVar("F", bound=Callable[..., Any])


CREDENTIALS = ("-c", "--credentials")
NO_TOKEN = "0"  # noqa: S105 - what the command line gives for an access key without a session token

_OWN, _REPOSITORY, _OUTPUT = "Options", "Repository options", "Output options"
_SECTIONS = {
    **dict.fromkeys(
        (
            *("bucket", "repository", "profile", "credentials", "prefix", "endpoint_url"),
            *("anonymous", "request_payer", "acl", "sse", "sse_kms_key_id"),
        ),
        _REPOSITORY,
    ),
    **dict.fromkeys(("as_json", "quiet", "verbose"), _OUTPUT),
}
"""The section of the help for each shared option, by parameter name; all others are the command's own."""
_SPELLINGS_WIDTH, _NARROW_SPELLINGS_WIDTH = 24, 6
_NARROW, _WIDEST = 60, 80
"""Columns of a terminal below which texts stand under the options, and that a help takes at most."""
_COMMANDS = ("  pipper ", "  eval ", "  _PIPPER_")
"""What the lines of an epilog begin with that can be typed."""
_NO_BREAK = "\N{NO-BREAK SPACE}"


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return a decorator that applies click's `options`, which the help then lists in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class LocalPath(click.Path):
    """A path, which is never a URL: pathlib would turn one into a folder of that name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(path_type=Path, **settings)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raise UsageError for a URL; else see `click.Path`."""
        refuse_url(Path(value))
        return super().convert(value, param, ctx)


def path_option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return click's option for a path, which need not exist."""
    return click.option(*names, type=LocalPath(), **settings)


class Option(click.Option):
    """An option; `old` holds spellings of pipper 0.x, which are accepted but do not appear in the help."""

    def __init__(self, *args: Any, old: Sequence[str] = (), **settings: Any) -> None:
        names, *rest = args
        super().__init__([*names, *old], *rest, **settings)
        self._old = old

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every = self.opts
        self.opts = [name for name in every if name not in self._old]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


class HelpLayout(click.Command):
    """Lists options in sections with their environment variables; writes the epilog line by line as it is."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        for option in self.params:
            if isinstance(option, click.Option):
                option.show_envvar = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each option without a variable the one that is named like its long spelling, then parse."""
        for option in self.params:
            if isinstance(option, click.Option) and option.envvar is None and option.allow_from_autoenv:
                long = next((name for name in option.opts if name.startswith("--")), "")
                words = long.removeprefix("--").replace("-", "_").upper()
                option.envvar = f"{ctx.auto_envvar_prefix}_{words}" if words else None
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click leaves it out for an option without its value
            raise

    def get_help(self, ctx: click.Context) -> str:
        # click itself takes 50 columns of a terminal that has fewer
        ctx.terminal_width = min(shutil.get_terminal_size().columns, _WIDEST) - MARGIN
        return super().get_help(ctx).replace(_NO_BREAK, " ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = _SPELLINGS_WIDTH if formatter.width >= _NARROW - MARGIN else _NARROW_SPELLINGS_WIDTH
        rows: dict[str, list[tuple[str, str]]] = {_OWN: [], _REPOSITORY: [], _OUTPUT: []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is None:
                continue
            title = _SECTIONS.get(option.name or "", _OWN)
            if option not in self.params and rows[_OUTPUT]:  # `--help`, which click adds as the last one
                title = _OUTPUT
            spellings, text = record
            row = (spellings.ljust(width), text.replace("[env var: ", f"[env:{_NO_BREAK}"))
            rows[title].append(row)
        for title, section in rows.items():
            if section:
                with formatter.section(title):
                    formatter.write_dl(section, col_max=width)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        formatter.write_paragraph()
        formatter.write("\n".join(map(_example, inspect.cleandoc(self.epilog or "").splitlines())) + "\n")

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - click's signature
        """Return the first sentence, which click would cut on a narrow terminal."""
        return super().get_short_help_str(limit=_WIDEST)


def _example(line: str) -> str:
    """Return a line of an epilog; if it is too long, the comment stands below the command, which stays whole."""
    rows = fitted(line, sys.stdout)
    if rows == line or not line.startswith(_COMMANDS):
        return rows
    command, _, comment = line.partition(" # ")
    return command.rstrip() + (fitted(f"\n    # {comment}", sys.stdout) if comment else "")


class Command(HelpLayout):
    """A command whose `-c` takes two values or three: KEY SECRET [TOKEN]."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # a shell completes the line, which need not be valid yet
            return super().parse_args(ctx, args)
        secrets = _after_credentials(args)
        at = _credentials_at(args)
        given = [*args[:at], *args[at + 4 :]]  # without the keys; click empties the list that it gets
        complete = _with_token(args, ctx)
        try:
            rest = super().parse_args(ctx, complete)
        except click.UsageError as error:
            # The message quotes what click did not understand, which may be a secret in the wrong place.
            message = error.format_message()
            if redacted(message, secrets) == message:
                raise
            raise click.UsageError(redacted(message, secrets), error.ctx) from None
        _refuse_accounts([*given, *self._of_variables()])
        return rest

    def _of_variables(self) -> list[str]:
        """Return the variables that are options of this command."""
        names = (each.envvar for each in self.params if isinstance(each, click.Option))
        return [os.environ.get(name, "") for name in names if isinstance(name, str)]


class Group(click.Group, HelpLayout):
    """A command with subcommands; without one it shows its help and exits with 2, as `pipper` does."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            say(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)


def _refuse_accounts(values: Sequence[str]) -> None:
    """Raise UsageError for a URL with a user name or a password: it would end up in files and messages."""
    for value in values:
        if account := mistyped_account(value):
            url = value.replace(account, "", 1).split("?")[0].split("#")[0]
            raise UsageError(
                f"a URL with a user name or a password: {url}",
                cause="pipper would write it into files, where others can read it",
                hint="remove them; -c, -p and -r give the credentials of a repository, netrc has those of an index",
            )


def _credentials_at(args: list[str]) -> int:
    return next((index for index, arg in enumerate(args) if arg.startswith(CREDENTIALS)), len(args))


def _after_credentials(args: list[str]) -> set[str]:
    return {arg for arg in args[_credentials_at(args) + 1 :] if not arg.startswith("-")}


def _with_token(args: list[str], ctx: click.Context) -> list[str]:
    """Add NO_TOKEN as third value of `-c`, unless a token follows that ends the line or precedes an option."""
    at = next((index for index, arg in enumerate(args) if arg in CREDENTIALS), None)
    if at is None or "--" in args[:at]:
        return args
    values = args[at + 1 : at + 3]
    if len(values) < 2 or any(not value or value.startswith("-") for value in values):
        raise click.UsageError("-c needs KEY and SECRET, and may have a TOKEN", ctx)
    rest = args[at + 3 :]
    ends = len(rest) < 2 or rest[1].startswith("-")
    if rest and not rest[0].startswith("-") and (rest[0] == NO_TOKEN or ends):
        return args
    return [*args[: at + 3], NO_TOKEN, *rest]
