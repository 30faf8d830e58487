"""`pipper audit`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.output import give_json
from pipper.cli.render.audit import AUDIT_HEADERS, audit_document, audit_rows, audit_summary, audit_warning
from pipper.cli.render.table import give_table
from pipper.ops.query.audit import AuditRequest, audit

_EXAMPLES = """
Examples:
  pipper audit --osv-url https://osv.example.com
  pipper audit --advisories advisories         # a directory of OSV files
  pipper audit --ignore GHSA-xxxx-yyyy-zzzz --json
"""


@click.command("audit", cls=Command, epilog=_EXAMPLES)
@click.option(
    "--osv-url", "service", envvar="PIPPER_OSV_URL", default="", metavar="URL", help="Ask this OSV service."
)
@path_option("--advisories", "folder", metavar="DIR", help="Read the OSV files (*.json) in this directory.")
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="ID",
    help="Ignore this advisory (id or alias); may be repeated.",
)
@click.option("--no-solve", is_flag=True, help="Do not find out what `pipper lock -P` would choose.")
@repository_options
@json_option
def command(
    service: str, folder: Path | None, ignored: tuple[str, ...], no_solve: bool, as_json: bool, **shared: Any
) -> int:
    """List known vulnerabilities of the locked packages: id, package, version, fixed in, lock -P.

    Only packages that come from an index are looked up, never those of repositories. A service is asked only about
    those of the public index, the one that pip has built in: names of every other index are sent nowhere. The last
    column is the version that `pipper lock -P NAME` would choose, or `no` if that is vulnerable too. Exit 1 if
    anything is found that is not ignored.
    """
    settings = settings_from(shared)
    request = AuditRequest(service=service, folder=folder, ignored=ignored, solve=not no_solve)
    outcome = audit(settings, request)
    if as_json:
        give_json(audit_document(outcome))
    else:
        give_table(AUDIT_HEADERS, list(audit_rows(outcome)))
        settings.reporter.info(audit_summary(outcome))
    if warning := audit_warning(outcome):
        settings.reporter.warning(warning)
    return outcome.exit_code
