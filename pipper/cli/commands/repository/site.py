"""`pipper repository site`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.settings import json_option, object_options, repository_options, settings_from
from pipper.cli.output import give_json, render_errors, tell
from pipper.cli.render.site import site_document, site_lines, site_summary
from pipper.ops.repository.site import make_site, remove_site


@click.command(
    "site",
    cls=Command,
    short_help="Make static pages of a repository, for people, pip and uv.",
    epilog="""
Examples:
  pipper repository site -r acme
  pipper repository site -b s3://acme-packages --dry-run
  pipper repository site -b file:///srv/packages --remove
""",
)
@click.option("--remove", is_flag=True, help="Delete the pages and stop updating them.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@object_options
@repository_options
@json_option
def site_(remove: bool, dry_run: bool, as_json: bool, **shared: Any) -> int:
    """Make static pages in a repository: a list with a search, and a page for each package.

    Behind a web server that only hands out files, they are a package index for pip and uv too. Only what changed is
    written. From then on publish, yank, copy, prune and repair keep the pages up to date, and check compares them.
    """
    settings = settings_from(shared)
    outcome = (remove_site if remove else make_site)(settings, dry_run=dry_run)
    if as_json:
        give_json(site_document(outcome))
    else:
        for line in site_lines(outcome, dry_run=dry_run):
            tell(line) if dry_run else settings.reporter.detail(line)
    render_errors(outcome.change.errors)
    settings.reporter.info(site_summary(outcome, dry_run=dry_run))
    return outcome.exit_code
