"""Refuse changes of the packages that the running pipper needs."""

import sys

from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.plan import Plan, Remove
from pipper.core.standards import read_requirement
from pipper.errors import MachineError
from pipper.python.environment import Environment
from pipper.system.letter_case import is_one_place

_SELF = canonicalize_name("pipper")


def refuse_self_change(plan: Plan, environment: Environment) -> None:
    """Raise MachineError if a plan changes pipper or its dependencies in its own environment."""
    if environment.is_target or not is_one_place(environment.interpreter.prefix, sys.prefix):
        return
    needed = _closure()
    for action in plan.changes:
        name = action.installed.name if isinstance(action, Remove) else action.wanted.name
        if name in needed:
            raise MachineError(
                f"cannot change `{name}` in {environment.root}: the running pipper needs it",
                cause="the change could stop pipper before it is complete",
                hint="install pipper in its own environment (pipx install pipper, uv tool install pipper),"
                " or name another --python EXE",
            )


def _closure() -> frozenset[NormalizedName]:
    """Return pipper and its installed dependencies, whatever their markers: too many are safer than too few."""
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
                requirement = read_requirement(text)
            except InvalidRequirement:
                continue
            if requirement.marker is None or "extra" not in str(requirement.marker):
                pending.append(canonicalize_name(requirement.name))
    return frozenset(found)
