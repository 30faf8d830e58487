"""Changes of a lock and of an environment as lines and as a document (`--json`; keys are stable)."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipper.cli.output import give_json, tell
from pipper.core.lock.diff import VersionChange
from pipper.core.manifest.inputs import PATH
from pipper.core.plan import Install, Remove, Replace, Wanted
from pipper.core.reporter import Reporter
from pipper.core.wording import counted, listed
from pipper.ops.context.environments import creation_told
from pipper.ops.sync.request import SyncRequest

if TYPE_CHECKING:  # `pipper lock` does not import what only a sync needs
    from pipper.ops.sync.outcome import SyncOutcome


def change_lines(changes: Iterable[VersionChange]) -> Iterator[str]:
    """Yield a line for each change of a lock."""
    return map(_change, changes)


def _change(change: VersionChange) -> str:
    before, after = ", ".join(change.before), ", ".join(change.after)
    if not after:
        return f" - {change.name} {before}"
    source = ", ".join(change.sources)
    if not before:
        return f" + {change.name} {after} ({source})"
    if before == after:
        return f" ~ {change.name} {after} (other bytes)"
    others = f"; other bytes: {', '.join(change.other_bytes)}" if change.other_bytes else ""
    return f" ~ {change.name} {before} -> {after} ({source}{others})"


def plan_lines(outcome: "SyncOutcome", *, reinstalls: bool = False) -> Iterator[str]:
    """Yield a line for each install, replacement and removal; `reinstalls` if the request asks for replacements."""
    for action in outcome.plan.changes:
        if isinstance(action, Install):
            yield f" + {_shown(action.wanted)}"
        elif isinstance(action, Remove):
            yield f" - {action.installed.name} {action.installed.version}"
        else:
            why = "reinstalled" if reinstalls else "damaged"
            yield _replaced(action, "for shared files" if action.for_shared else why)


def _replaced(action: Replace, same_wheel: str) -> str:
    before = ", ".join(each.version for each in action.installed)
    if action.wanted.source == PATH and before in ("", action.wanted.version or before):
        return f" ~ {action.wanted.name} {before} ({same_wheel if _is_same(action) else 'built again'})"
    if before != action.wanted.version:
        return f" ~ {action.wanted.name} {before} -> {action.wanted.version} ({action.wanted.source})"
    why = (
        same_wheel
        if _is_same(action)
        else "another wheel"
        if all(each.ours for each in action.installed)
        else "not installed by pipper"
    )
    return f" ~ {action.wanted.name} {before} ({why})"


def _is_same(action: Replace) -> bool:
    return all(each.sha256 == action.wanted.file.sha256 for each in action.installed)


def _shown(wanted: Wanted) -> str:
    """Return name, version and source; of a member whose backend computes its version, its folder."""
    return f"{f'{wanted.name} {wanted.version}' if wanted.version else wanted.filename} ({wanted.source})"


def plan_summary(outcome: "SyncOutcome", *, done: bool) -> str:
    """Return one sentence on the whole plan; `done` means that it was carried out."""
    counts = {"install": 0, "replace": 0, "remove": 0}
    for action in outcome.plan.changes:
        counts[type(action).__name__.lower()] += 1
    if not outcome.plan.changes and not outcome.drift:
        return f"Nothing to do: {outcome.environment.root} matches the lock"
    past = {"install": "installed", "replace": "replaced", "remove": "removed"}
    parts: list[str] = []
    for verb, count in counts.items():
        if count:
            number = f"{count:,}" if parts else counted(count, "package")
            parts.append(f"{past[verb] if done else verb} {number}")
    text = listed(parts)
    if parts:
        text = text[0].upper() + text[1:] if done else f"Would {text}"
    if outcome.drift:
        changed = f"{counted(len(outcome.drift), 'file')} changed since installation"
        text = f"{text}; {changed}" if text else changed
    return f"{text} in {outcome.environment.root}"


def creation_lines(outcome: "SyncOutcome") -> Iterator[str]:
    """Yield what a sync says that created its environment."""
    yield creation_told(outcome.environment)
    yield from plan_lines(outcome)
    yield plan_summary(outcome, done=True)


def print_sync(outcome: "SyncOutcome", request: SyncRequest, reporter: Reporter, *, as_json: bool) -> int:
    """Print the changes of a sync, a dry run or a check; return the exit code.

    Raises the error that kept a check from its proof, if the check found no difference.
    """
    looks = request.check or request.dry_run
    if as_json:
        give_json(_document(outcome))
    else:
        drift = (f" ! {each.distribution}: {each.path}: {each.problem}" for each in outcome.drift)
        for line in (*plan_lines(outcome, reinstalls=bool(request.reinstall)), *drift):
            (tell if looks else reporter.info)(line)
    differs = request.check and bool(outcome.plan.changes or outcome.drift)
    if outcome.unproven and not differs:
        raise outcome.unproven
    reporter.info(plan_summary(outcome, done=not looks))
    if request.check and outcome.drift:
        # The next bare sync may be answered by its stamp, which does not cover the content of files.
        reporter.info("hint: `pipper sync --verify`, with the same options, replaces these packages")
    if outcome.unproven:
        reporter.warning(outcome.unproven.message)
    return int(differs)


def _document(outcome: "SyncOutcome") -> dict[str, object]:
    """`sync --json`: environment, actions (action, name, version, before, source, sha256), drift, unproven."""
    actions: list[dict[str, object]] = []
    for action in outcome.plan.actions:
        entry: dict[str, object] = {"action": type(action).__name__.lower()}
        if isinstance(action, Install | Replace):
            before = [each.version for each in action.installed] if isinstance(action, Replace) else []
            wanted = action.wanted
            entry |= {"name": wanted.name, "version": wanted.version, "before": before}
            is_member = wanted.source == PATH  # it has no hash
            entry |= {"source": wanted.source, "sha256": None if is_member else wanted.file.sha256}
        else:
            entry |= {"name": action.installed.name, "version": action.installed.version}
        actions.append(entry)
    drift = [
        {"name": each.distribution, "path": str(each.path), "problem": each.problem} for each in outcome.drift
    ]
    unproven = outcome.unproven.message if outcome.unproven else None
    root = str(outcome.environment.root)
    return {"environment": root, "actions": actions, "drift": drift, "unproven": unproven}
