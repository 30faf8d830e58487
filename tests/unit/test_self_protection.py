"""pipper in its own target: plans that would change what it runs on are refused, whatever they come from."""

import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipper.core.lock.model import LockedFile
from pipper.core.plan import Install, Installed, Plan, Remove, Wanted
from pipper.errors import MachineError
from pipper.ops.sync.self_protection import refuse_self_change
from pipper.python.environment import environment_of, target_directory
from pipper.python.interpreter import inspect_interpreter


def removal(name: str) -> Plan:
    """A plan that takes one distribution out."""
    gone = Installed(name=canonicalize_name(name), version="1", dist_info=Path(f"{name}-1.dist-info"))
    return Plan(actions=(Remove(installed=gone),))


def arrival(name: str) -> Plan:
    """A plan that brings one distribution."""
    file = LockedFile(key=f"{name}-1-py3-none-any.whl", sha256="0" * 64, size=1)
    want = Wanted(name=canonicalize_name(name), version="1", source="acme", file=file)
    return Plan(actions=(Install(wanted=want),))


@pytest.mark.parametrize(
    "plan", [removal("pipper"), removal("click"), arrival("packaging"), arrival("botocore")]
)
def test_pipper_and_what_it_needs_stay_as_they_are(plan: Plan) -> None:
    own = environment_of(inspect_interpreter(Path(sys.executable), None))
    with pytest.raises(MachineError, match="the running pipper needs it") as refused:
        refuse_self_change(plan, own)
    assert "pipx" in refused.value.hint


def test_anything_else_and_any_other_place_may_change(tmp_path: Path) -> None:
    own = inspect_interpreter(Path(sys.executable), None)
    refuse_self_change(removal("acme-models"), environment_of(own))
    refuse_self_change(arrival("packaging"), target_directory(tmp_path, own))
