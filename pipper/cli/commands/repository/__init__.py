"""`pipper repository`: what a repository holds, its care, and the named repositories of this machine."""

import click

from pipper.cli.command import Group
from pipper.cli.commands.repository import check, copy, named, packages, policy, prune, repair, serve

_EXAMPLES = """
Examples:
  pipper repository add acme -b acme-packages -p work
  pipper repository packages -r acme
  pipper repository copy acme-models:1.4.2 --from staging --to acme
  pipper repository prune --keep 5 --older-than 90d --dry-run -r acme
  pipper repository check -r acme
  pipper repository policy --for publish -r acme
"""


@click.group("repository", cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """See, copy, prune, serve, check and repair repositories; name the repositories of this machine.

    Named repositories (add, modify, remove, list, exists) are in ~/.pipper/repositories.json, which pipper 0.x
    reads too. They hold the credentials for a bucket; the manifest says which repositories a project uses.
    """


for _each in (
    named.add,
    named.modify,
    named.remove,
    named.list_,
    named.exists,
    packages.packages_,
    copy.copy_,
    prune.prune_,
    check.check_,
    repair.repair_,
    serve.serve_,
    policy.policy_,
):
    command.add_command(_each)
