"""What `sync` prints, for people and for programs."""

from pipper.cli.output import give, give_json
from pipper.cli.render.plan import drift_lines, plan_document, plan_lines, plan_summary
from pipper.core.reporter import Reporter
from pipper.ops.sync.request import SyncRequest
from pipper.ops.sync.steps import SyncOutcome


def print_sync(outcome: SyncOutcome, request: SyncRequest, reporter: Reporter, *, as_json: bool) -> int:
    """Print the changes of a sync, a dry run or a check; return the exit code."""
    looks = request.check or request.dry_run
    if as_json:
        give_json(plan_document(outcome))
    else:
        for line in (*plan_lines(outcome), *drift_lines(outcome)):
            (give if looks else reporter.info)(line)
    reporter.info(plan_summary(outcome, done=not looks))
    return 1 if request.check and (outcome.plan.changes or outcome.drift) else 0
