"""`pipper add`."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.edit import add_options, edit_request_from
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.render.edit import print_edit
from pipper.ops.edit.install import install

_EXAMPLES = """
Examples:
  pipper add 'acme-models>=1.2' pandas    # into dependencies
  pipper add --dev pytest                 # into the dependency group dev
  pipper add -u acme-models               # and take its newest version
  pipper add -i pipper.json               # all requirements of a 0.x manifest
  pipper add acme-models --dry-run        # show what would be installed
"""


@click.command("add", cls=Command, epilog=_EXAMPLES)
@add_options
@repository_options
def command(**given: Any) -> None:
    """Add requirements to the manifest, then lock and sync.

    REQ is a requirement (foo, foo:1.2.*, 'foo>=1.2'), or the path or https URL of a wheel or bundle. If a step
    fails, manifest, lock and environment stay as they were.
    """
    settings, request = settings_from(given), edit_request_from(given, anywhere=False)
    outcome = install(settings, request, given["source"], dev=given["dev"], now=datetime.now(UTC))
    print_edit(settings.reporter, outcome, dry_run=request.dry_run)
