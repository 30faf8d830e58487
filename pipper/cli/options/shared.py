"""Options that many commands share, and what they become."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipper.cli.output import TerminalReporter, say
from pipper.core.access import Credentials, RepositoryOptions
from pipper.core.archive_limits import parse_limits
from pipper.core.urls import redacted
from pipper.errors import MachineError
from pipper.ops.context.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_CREDENTIALS = ("-c", "--credentials")
_NO_TOKEN = "0"  # noqa: S105 - how the command line says there is none


class Option(click.Option):
    """An option; `old` has spellings of pipper 0.x, which are understood and stay out of the help."""

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


class _WithExamples(click.Command):
    """A command whose epilog, `Examples: pipper a, pipper b`, is shown with one example a line."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        title, _, examples = (self.epilog or "").partition(": ")
        with formatter.section(title):
            for number, example in enumerate(examples.split(", pipper ")):
                formatter.write(f"{'':{formatter.current_indent}}{'pipper ' if number else ''}{example}\n")


class Command(_WithExamples):
    """A command whose `-c` takes two values or three: KEY SECRET [TOKEN]."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # a shell asks how a line may go on: what is there need not be right
            return super().parse_args(ctx, args)
        secrets = _behind_credentials(args)
        whole = _with_token(args, ctx)
        try:
            return super().parse_args(ctx, whole)
        except click.UsageError as error:
            # It quotes what it does not understand, which may be a secret in the wrong place.
            raise click.UsageError(redacted(error.format_message(), secrets), error.ctx) from None


class Group(_WithExamples, click.Group):
    """A command that has commands of its own; alone it shows its help, with exit 2 like the app."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            say(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)


def _behind_credentials(args: list[str]) -> set[str]:
    at = next((index for index, arg in enumerate(args) if arg.startswith(_CREDENTIALS)), len(args))
    return {arg for arg in args[at + 1 :] if not arg.startswith("-")}


def _with_token(args: list[str], ctx: click.Context) -> list[str]:
    """Give `-c` its third value: a token where one follows and nothing but an option comes after, else `0`."""
    at = next((index for index, arg in enumerate(args) if arg in _CREDENTIALS), None)
    if at is None or "--" in args[:at]:
        return args
    values = args[at + 1 : at + 3]
    if len(values) < 2 or any(not value or value.startswith("-") for value in values):
        raise click.UsageError("-c needs KEY and SECRET, and may have a TOKEN", ctx)
    rest = args[at + 3 :]
    ends = len(rest) < 2 or rest[1].startswith("-")
    if rest and not rest[0].startswith("-") and (rest[0] == _NO_TOKEN or ends):
        return args
    return [*args[: at + 3], _NO_TOKEN, *rest]


def output_options(function: F) -> F:
    """`-q` and `-v`."""
    function = click.option(
        "-v", "--verbose", is_flag=True, help="Also print details, such as where credentials come from."
    )(function)
    return click.option("-q", "--quiet", is_flag=True, help="Print only data, warnings and errors.")(function)


def limit_option(function: F) -> F:
    """`--limit NAME=VALUE`, of every command that looks into wheels."""
    return click.option(
        "--limit",
        "limits",
        multiple=True,
        envvar="PIPPER_LIMIT",
        metavar="NAME=VALUE",
        help="Take larger wheels, as in unpacked=32G or ratio=200; a refusal names what it needs.",
    )(function)


def project_option(function: F) -> F:
    """`--project DIR`."""
    return click.option(
        "--project",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        envvar="PIPPER_PROJECT",
        metavar="DIR",
        help="The project's folder (default: the nearest upward from here that has a manifest).",
    )(function)


def _named(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """An empty value is a variable that was not set: to go on as if nothing was said would ask somebody else."""
    if value == "":
        raise click.BadParameter("it is empty", ctx, option)
    return value


def repository_options(function: F) -> F:
    """Those of every command that reads a repository."""
    for option in reversed(
        (
            click.option(
                "-b",
                "--bucket",
                envvar="PIPPER_BUCKET",
                metavar="BUCKET",
                callback=_named,
                help="Use only this repository: a bucket's name, s3://BUCKET/PREFIX or file:///DIR.",
            ),
            click.option(
                "-r",
                "--repository",
                envvar="PIPPER_REPOSITORY",
                metavar="NAME",
                callback=_named,
                help="Use this named repository (pipper repository list): its bucket and credentials.",
            ),
            click.option(
                "-p",
                "--profile",
                envvar="PIPPER_PROFILE",
                metavar="PROFILE",
                callback=_named,
                help="Take credentials from this AWS profile.",
            ),
            click.option(
                *_CREDENTIALS,
                nargs=3,
                allow_from_autoenv=False,
                metavar="KEY SECRET [TOKEN]",
                help="Use this access key. Write -c last, or another option after it.",
            ),
            click.option(
                "--prefix",
                cls=Option,
                old=("--root-prefix",),
                envvar="PIPPER_PREFIX",
                metavar="PREFIX",
                help="The folder of the bucket that holds the packages (default: pipper).",
            ),
            click.option(
                "--endpoint-url",
                envvar="PIPPER_ENDPOINT_URL",
                metavar="URL",
                help="The S3 server, where it is not Amazon's.",
            ),
        )
    ):
        function = option(function)
    return function


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Return the settings that the shared options of a command amount to."""
    return Settings(
        directory=_directory(given.get("project")),
        home=_home(),
        environ=os.environ,
        repositories=RepositoryOptions(
            bucket=given.get("bucket") or "",
            repository=given.get("repository") or "",
            profile=given.get("profile") or "",
            credentials=_credentials(given.get("credentials")),
            prefix=given.get("prefix") or "",
            endpoint_url=given.get("endpoint_url") or "",
        ),
        reporter=TerminalReporter(quiet=bool(given.get("quiet")), verbose=bool(given.get("verbose"))),
        limits=parse_limits(given.get("limits") or ()),
    )


def _directory(project: Path | None) -> Path:
    try:
        return (project or Path()).absolute()
    except FileNotFoundError as error:
        raise MachineError("the working directory is gone", hint="cd to one that is there") from error


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise MachineError("this user has no home directory", hint="set the variable HOME") from error


def _credentials(values: tuple[str, str, str] | None) -> Credentials | None:
    if not values:
        return None
    key, secret, token = values
    return Credentials(
        access_key_id=key, secret_access_key=secret, session_token=None if token == _NO_TOKEN else token
    )
