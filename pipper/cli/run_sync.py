"""The part of `pipper sync` that has something to do."""

from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name

from pipper.cli.output import give, give_json
from pipper.cli.render.plan import drift_lines, plan_document, plan_lines, plan_summary
from pipper.core.lock.selection import Selection
from pipper.ops.context.environments import Place
from pipper.ops.context.settings import Settings
from pipper.ops.sync.offline import Supply
from pipper.ops.sync.sync import SyncRequest, check_sync, plan_sync, sync


def run_sync(
    settings: Settings,
    given: Mapping[str, Any],
    *,
    stamp: str,
    check: bool,
    hashes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Sync, or tell what a sync would do; return the exit code."""
    request = SyncRequest(
        place=Place(python=given["python"], target=given["target"], active=given["active"]),
        selection=_selection(given),
        lock_path=given["lock_path"],
        supply=Supply(folder=given["folder"], offline=given["offline"]),
        exact=given["exact"],
        link_mode=given["link_mode"],
        compile_bytecode=given["compile_bytecode"],
        hashes=hashes,
        stamp=stamp,
    )
    work = check_sync if check else plan_sync if dry_run else sync
    outcome = work(settings, request)
    if as_json:
        give_json(plan_document(outcome))
    else:
        for line in (*plan_lines(outcome), *drift_lines(outcome)):
            (give if check or dry_run else settings.reporter.info)(line)
    settings.reporter.info(plan_summary(outcome, done=not (check or dry_run)))
    return 1 if check and (outcome.plan.changes or outcome.drift) else 0


def _selection(given: Mapping[str, Any]) -> Selection:
    return Selection(
        groups=frozenset(map(canonicalize_name, given["groups"])),
        only_groups=frozenset(map(canonicalize_name, given["only_groups"])),
        all_groups=given["all_groups"],
        default_group=not given["no_dev"],
        extras=frozenset(map(canonicalize_name, given["extras"])),
        all_extras=given["all_extras"],
    )
