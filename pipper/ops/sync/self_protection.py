"""pipper in its own target: what it runs on is not changed under its feet."""

import os
import sys

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.plan import Plan, Remove
from pipper.errors import MachineError
from pipper.python.environment import Environment

_SELF = canonicalize_name("pipper")


def refuse_own_ground(plan: Plan, environment: Environment) -> None:
    """Raise MachineError where a plan replaces or removes pipper, or what it needs, in its own interpreter."""
    if environment.is_target or os.path.realpath(environment.interpreter.prefix) != os.path.realpath(
        sys.prefix
    ):
        return
    ground = _closure()
    for action in plan.changes:
        name = action.installed.name if isinstance(action, Remove) else action.wanted.name
        if name in ground:
            raise MachineError(
                f"`{name}` is what pipper itself runs on in {environment.root}",
                cause="changing it could stop pipper in the middle of its work",
                hint="keep pipper apart (pipx install pipper, uv tool install pipper), or name another --python EXE",
            )


def _closure() -> frozenset[NormalizedName]:
    """pipper and everything it needs that is installed, whatever markers say: rather too much than too little."""
    # Imported here: it takes 9 ms, and hardly any environment is pipper's own.
    from importlib import metadata  # noqa: PLC0415

    found: set[NormalizedName] = set()
    pending = [_SELF]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for text in requires:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if requirement.marker is None or "extra" not in str(requirement.marker):
                pending.append(canonicalize_name(requirement.name))
    return frozenset(found)
