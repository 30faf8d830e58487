"""The options that become `Settings` (repository, project, limits, verbosity), and `--json`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from click.core import ParameterSource

from pipper.cli.command import CREDENTIALS, NO_TOKEN, LocalPath, Option, together
from pipper.cli.folders import home_directory, working_directory
from pipper.cli.options.completion import repositories
from pipper.cli.output import TerminalReporter
from pipper.core.access import Credentials, RepositoryOptions
from pipper.core.archive_limits import parse_limits
from pipper.core.bucket_options import CANNED_ACLS, ENCRYPTIONS, BucketOptions
from pipper.core.urls import is_path
from pipper.errors import UsageError
from pipper.ops.context.settings import Settings

_REQUIREMENTS = re.compile(r"(^|[/\\])(requirements|constraints).*\.(txt|in)$")
"""The usual names of requirements files, which may be missing."""


def _not_empty(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty value, as of an unset shell variable: without it pipper would use another repository."""
    if value == "":
        raise click.BadParameter("the value is empty", ctx, option)
    return value


def repository_text(text: str, *, keep_relative: bool = False) -> str:
    """Return what the user gave as a repository; a path, which can be nothing else, as the URL of that directory.

    A path begins with `/`, `./`, `../` or `~/`, or with a drive (`C:\\`). With `keep_relative`, for a manifest, a
    relative path becomes a relative URL (`file:../packages`).
    """
    if not is_path(text):
        return text
    path = Path(text).expanduser()
    if keep_relative and not path.is_absolute():
        return f"file:{quote(path.as_posix())}"
    return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100 - pathlib keeps `..`


def _repository_name(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse a requirements file, which pip's own `-r` takes."""
    if value and (_REQUIREMENTS.search(value) or (value.endswith((".txt", ".in")) and Path(value).is_file())):
        raise UsageError(
            f"-r names a repository, and {value} is a requirements file", hint=f"pipper init --from {value}"
        )
    return _not_empty(ctx, option, value)


def _profile(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse a version of Python, which `-p` names for other tools, unless there is a profile of that name."""
    given = _not_empty(ctx, option, value)
    if given and any(each.name == "python" for each in ctx.command.params):
        from pipper.python.find import version_request  # noqa: PLC0415 - few commands get a profile
        from pipper.storage.s3.shared_files import has_profile  # noqa: PLC0415 - see above

        if version_request(given) and not has_profile(given, os.environ, home_directory()):
            raise UsageError(
                f"-p names an AWS profile, and there is none of the name `{given}`",
                hint=f"for that version of Python, write --python {given}",
            )
    return given


output_options = together(
    click.option("-q", "--quiet", is_flag=True, help="Print only data, warnings and errors."),
    click.option(
        "-v", "--verbose", is_flag=True, help="Also print details, such as where credentials come from."
    ),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    envvar="PIPPER_LIMIT",
    metavar="NAME=VALUE",
    help="Accept larger wheels, as in unpacked=32G or ratio=200. The error names the limit to raise.",
)
"""For every command that opens wheels."""

by_option = click.option(
    "--by",
    envvar="PIPPER_BY",
    default="",
    metavar="TEXT",
    help="Record TEXT on the page as the author (default: the URL of the CI job, if any).",
)
"""For every command that changes what is published."""

project_option = click.option(
    "--project",
    type=LocalPath(exists=True, file_okay=False),
    envvar="PIPPER_PROJECT",
    metavar="DIR",
    help="The project directory (default: the nearest one, from here upward, that has a manifest).",
)

_profile_option = click.option(
    "-p",
    "--profile",
    envvar="PIPPER_PROFILE",
    metavar="PROFILE",
    callback=_profile,
    help="Take credentials from this AWS profile.",
)

_credentials_option = click.option(
    *CREDENTIALS,
    nargs=3,
    allow_from_autoenv=False,
    metavar="KEY SECRET [TOKEN]",
    help="Use this access key. Put -c last, or follow it with another option.",
)

_endpoint_option = click.option(
    "--endpoint-url",
    envvar="PIPPER_ENDPOINT_URL",
    metavar="URL",
    help="The S3 server, if it is not Amazon's.",
)

_reading_options = together(
    click.option(
        "--anonymous",
        is_flag=True,
        envvar="PIPPER_ANONYMOUS",
        help="Read a public bucket without credentials.",
    ),
    click.option(
        "--request-payer",
        is_flag=True,
        envvar="PIPPER_REQUEST_PAYER",
        help="Pay for requests to a requester-pays bucket.",
    ),
)

object_options = together(
    click.option(
        "--acl",
        type=click.Choice(CANNED_ACLS),
        envvar="PIPPER_ACL",
        metavar="ACL",
        help="Set this canned ACL on the objects.",
    ),
    click.option(
        "--sse",
        type=click.Choice(ENCRYPTIONS),
        envvar="PIPPER_SSE",
        metavar="METHOD",
        help=f"Have the server encrypt the objects: {', '.join(ENCRYPTIONS)}.",
    ),
    click.option(
        "--sse-kms-key-id",
        envvar="PIPPER_SSE_KMS_KEY_ID",
        metavar="KEY",
        callback=_not_empty,
        help="Encrypt the objects with this key of KMS: an id, an ARN or an alias.",
    ),
)
"""For every command that writes objects into a repository."""

bucket_options_of_repository = together(object_options, _reading_options)
"""For the commands that store a named repository."""

_which = (
    click.option(
        "-b",
        "--bucket",
        envvar="PIPPER_BUCKET",
        metavar="BUCKET",
        shell_complete=repositories,
        callback=_not_empty,
        help="Use only this repository: a bucket name, s3://BUCKET/PREFIX, a directory (/DIR, ./DIR), or an alias.",
    ),
    click.option(
        "-r",
        "--repository",
        envvar="PIPPER_REPOSITORY",
        metavar="NAME",
        shell_complete=repositories,
        callback=_repository_name,
        help="Use only this repository: a name of `pipper repository list`, or an alias of the manifest.",
    ),
    _profile_option,
)

_where = (
    click.option(
        "--prefix",
        cls=Option,
        old=("--root-prefix",),
        envvar="PIPPER_PREFIX",
        metavar="PREFIX",
        help="The key prefix in the bucket (default: pipper).",
    ),
    _endpoint_option,
    _reading_options,
)

repository_options = together(project_option, *_which, _credentials_option, *_where, output_options)
"""The options of every command that reads or writes a repository: also those of project and output."""

source_options = together(project_option, *_which, *_where, output_options)
"""The same without `-c`, for `run`: there it may be an option of the program (`python -c`)."""

ends_options = together(
    project_option,
    _profile_option,
    _credentials_option,
    _endpoint_option,
    _reading_options,
    output_options,
)
"""The options of a command that names two repositories itself."""


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Return the settings for a command's option values; raises MachineError without a working or home directory."""
    bucket = given.get("bucket") or ""
    return Settings(
        directory=working_directory(given.get("project")),
        home=home_directory(),
        environ=os.environ,
        repositories=RepositoryOptions(
            bucket=repository_text(bucket),
            is_relative=repository_text(bucket) != repository_text(bucket, keep_relative=True),
            repository=given.get("repository") or "",
            profile=given.get("profile") or "",
            credentials=_credentials(given.get("credentials")),
            prefix=given.get("prefix") or "",
            endpoint_url=given.get("endpoint_url") or "",
            bucket_options=_bucket_options(given),
            may_be_alias=not _comes_from_variable("bucket" if given.get("bucket") else "repository"),
        ),
        reporter=TerminalReporter(quiet=bool(given.get("quiet")), verbose=bool(given.get("verbose"))),
        limits=parse_limits(given.get("limits") or ()),
    )


def _comes_from_variable(option: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(option) is ParameterSource.ENVIRONMENT


def _bucket_options(given: Mapping[str, Any]) -> BucketOptions:
    found = BucketOptions(
        acl=given.get("acl") or "",
        sse=given.get("sse") or "",
        sse_kms_key_id=given.get("sse_kms_key_id") or "",
        request_payer=given.get("request_payer") or None,
        anonymous=given.get("anonymous") or None,
    )
    if found.fault:
        raise UsageError("--sse and --sse-kms-key-id cannot be combined", cause=found.fault)
    return found


def _credentials(values: tuple[str, str, str] | None) -> Credentials | None:
    if not values:
        return None
    key, secret, token = values
    return Credentials(
        access_key_id=key, secret_access_key=secret, session_token=None if token == NO_TOKEN else token
    )
