"""Choose the environments of a lock and their order."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.manifest.declared import as_solved, other_usual_targets
from pipper.core.manifest.model import Manifest
from pipper.core.target import Target, serves, system_version
from pipper.errors import UsageError


class Goal(Struct, frozen=True, kw_only=True):
    """An environment to solve for."""

    target: Target
    required: bool
    """Whether locking fails without a solution; otherwise the lock contains the reason."""


def goals(manifest: Manifest, old: Lock | None, at_hand: Target, *, usual_platforms: bool) -> list[Goal]:
    """Return the environments to solve for, the required one first: the others follow its versions.

    They are the declared environments; without any, those of the old lock that the manifest still allows, the
    one at hand if none of them serves it, and with `usual_platforms` the same Python on those. Raises
    UsageError if the manifest does not allow the interpreter at hand.
    """
    if manifest.environments:
        return [Goal(target=each.target, required=True) for each in manifest.environments]
    if not _allowed(manifest, at_hand):
        raise UsageError(
            f"the project requires Python {manifest.requires_python},"
            f"the current interpreter is {at_hand.python_full_version}",
            hint="name another one with --python EXE, or edit requires-python in the manifest",
        )
    kept = [each for each in (old.environments if old else ()) if _allowed(manifest, each.target)]
    solved = (each for each in kept if not each.failure)
    serving = [each.target for each in solved if serves(each.target, at_hand, each.conditions)]
    own = max(serving, key=lambda target: system_version(target.name), default=at_hand).completed(at_hand)
    targets = {each.target.name: as_solved(each.target, at_hand) for each in kept} | {own.name: own}
    if usual_platforms:
        for target in other_usual_targets(at_hand):
            if _allowed(manifest, target) and not any(serves(each, target) for each in targets.values()):
                targets[target.name] = target
    others = sorted(targets.keys() - {own.name})
    return [Goal(target=own, required=True), *(Goal(target=targets[name], required=False) for name in others)]


def no_solution(target: Target, reason: str) -> str:
    """Return the warning for an environment without a solution that is not required."""
    return f"no solution for {target.name}: {reason.splitlines()[0]}"


def failed_parts(environments: Iterable[LockedEnvironment]) -> Iterator[str]:
    """Yield a warning for each group and each extra without a solution, with the environments."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for each in environments:
        for kind, reasons in (("group", each.failed_groups), ("extra", each.failed_extras)):
            for name, reason in reasons.items():
                found.setdefault((kind, name), []).append((each.target.name, reason))
    for (kind, name), where in found.items():
        names = ", ".join(target for target, _ in where)
        yield f"no solution for the {kind} `{name}` on {names}: {where[0][1].splitlines()[0]}"


def _allowed(manifest: Manifest, target: Target) -> bool:
    return manifest.requires_python.contains(target.python, prereleases=True)
