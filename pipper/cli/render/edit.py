"""What `add`, `install`, `remove` and `uninstall` print."""

from pipper.cli.output import give
from pipper.cli.render.plan import change_lines, plan_lines, plan_summary
from pipper.core.reporter import Reporter
from pipper.ops.edit.edit import EditOutcome


def print_edit(reporter: Reporter, outcome: EditOutcome, *, dry_run: bool) -> None:
    """Print a line for each change (to standard output in a dry run, else as messages) and a summary."""
    for line in change_lines(outcome.changes) if outcome.sync is None else plan_lines(outcome.sync):
        (give if dry_run else reporter.info)(line)
    if outcome.sync is None:
        reporter.info(f"Wrote {outcome.manifest_path} and its lock; run `pipper sync` to install")
    else:
        reporter.info(plan_summary(outcome.sync, done=not dry_run))
