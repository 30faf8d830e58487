"""The plan: what lies between a lock and an environment."""

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipper.core.lock.model import LockedFile
from pipper.core.plan import Action, Install, Installed, Keep, Remove, Replace, Wanted, make_plan

A, B = "a" * 64, "b" * 64


def want(name: str, sha256: str = A, version: str = "1.0") -> Wanted:
    filename = f"{name}-{version}-py3-none-any.whl"
    file = LockedFile(sha256=sha256, size=1, key=f"{name}/{filename}")
    return Wanted(name=canonicalize_name(name), version=version, source="acme", file=file)


def have(name: str, sha256: str = A, *, installer: str = "pipper", version: str = "1.0") -> Installed:
    return Installed(
        name=canonicalize_name(name),
        version=version,
        dist_info=Path(f"/site/{name}-{version}.dist-info"),
        installer=installer,
        source="acme" if sha256 else "",
        sha256=sha256,
    )


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ([], Install),
        ([have("foo")], Keep),
        ([have("foo", B)], Replace),
        ([have("foo", installer="pip")], Replace),
        ([have("foo", "")], Replace),
        ([have("foo"), have("foo", version="0.9")], Replace),
    ],
    ids=["absent", "same wheel", "other bytes", "another installer", "no mark", "twice"],
)
def test_only_what_came_from_the_locked_wheel_is_kept(
    installed: list[Installed], expected: type[Action]
) -> None:
    (action,) = make_plan([want("foo")], installed).actions
    assert type(action) is expected


@pytest.mark.parametrize(
    ("installed", "exact", "removed"),
    [
        (have("old"), False, True),
        (have("old", installer="pip"), False, False),
        (have("old", ""), False, False),
        (have("old", installer="pip"), True, True),
    ],
)
def test_only_what_bears_both_marks_is_removed_unless_exact(
    installed: Installed, exact: bool, removed: bool
) -> None:
    plan = make_plan([], [installed], exact=exact)
    assert [type(action) for action in plan.actions] == ([Remove] if removed else [])


def test_every_folder_of_a_distribution_is_replaced_or_removed() -> None:
    twice = [have("foo", version="1.0"), have("foo", version="2.0")]
    (action,) = make_plan([want("foo", B)], twice).actions
    assert isinstance(action, Replace)
    assert set(action.installed) == set(twice)
    assert len(make_plan([], twice).changes) == 2


def test_the_order_is_that_of_names_whatever_the_order_of_arguments() -> None:
    wanted, installed = [want("c"), want("a")], [have("d"), have("b"), have("a")]
    plan = make_plan(wanted, installed)
    assert plan == make_plan(reversed(wanted), reversed(installed))
    assert [type(action).__name__ for action in plan.actions] == ["Keep", "Remove", "Install", "Remove"]
    assert [each.name for each in plan.incoming] == ["c"]
    assert [type(action) for action in plan.changes] == [Remove, Install, Remove]
