"""The plan: what lies between what is wanted and what is installed."""

from pathlib import Path

from packaging.utils import canonicalize_name

from pipper.core.lock.model import LockedFile
from pipper.core.plan import Install, Installed, Keep, Plan, Remove, Replace, Wanted, make_plan


def wanted(name: str, version: str = "1.0", sha256: str = "a" * 64) -> Wanted:
    filename = f"{name}-{version}-py3-none-any.whl"
    file = LockedFile(sha256=sha256, size=1, key=f"{name}/{filename}")
    return Wanted(name=canonicalize_name(name), version=version, source="acme", file=file)


def there(name: str, version: str = "1.0", sha256: str = "a" * 64, installer: str = "pipper") -> Installed:
    return Installed(
        name=canonicalize_name(name),
        version=version,
        dist_info=Path(f"{name}-{version}.dist-info"),
        installer=installer,
        source="acme",
        sha256=sha256,
    )


def kinds(plan: Plan) -> list[str]:
    return [type(action).__name__ for action in plan.actions]


def test_what_is_missing_is_installed() -> None:
    assert make_plan([wanted("a")], []).actions == (Install(wanted=wanted("a")),)


def test_what_came_from_the_locked_wheel_is_kept() -> None:
    plan = make_plan([wanted("a")], [there("a")])
    assert plan.actions == (Keep(installed=there("a"), wanted=wanted("a")),)
    assert plan.changes == plan.incoming == ()


def test_another_version_or_other_bytes_are_replaced() -> None:
    assert kinds(make_plan([wanted("a", "2.0", "b" * 64)], [there("a")])) == ["Replace"]
    assert kinds(make_plan([wanted("a", "1.0", "b" * 64)], [there("a")])) == ["Replace"]


def test_the_locked_wheel_under_another_version_is_not_taken_for_it() -> None:
    assert kinds(make_plan([wanted("a", "1.0.1")], [there("a")])) == ["Replace"]


def test_two_spellings_of_one_version_are_the_same() -> None:
    assert kinds(make_plan([wanted("a", "1.0.0")], [there("a")])) == ["Keep"]


def test_what_another_tool_installed_is_replaced_though_the_version_agrees() -> None:
    assert kinds(make_plan([wanted("a")], [there("a", installer="pip")])) == ["Replace"]
    assert kinds(make_plan([wanted("a")], [there("a", sha256="")])) == ["Replace"]


def test_a_name_that_is_there_twice_is_replaced_as_a_whole() -> None:
    plan = make_plan([wanted("a")], [there("a"), there("a", "0.9", "c" * 64)])
    (action,) = plan.actions
    assert isinstance(action, Replace)
    assert [each.version for each in action.installed] == ["0.9", "1.0"]


def test_what_is_not_wanted_is_removed_only_where_it_is_ours() -> None:
    present = [there("a"), there("b", installer="pip"), there("c", sha256="")]
    assert make_plan([], present).actions == (Remove(installed=there("a")),)


def test_exact_removes_whatever_is_not_wanted() -> None:
    present = [there("a"), there("b", installer="pip"), there("c", sha256="")]
    assert kinds(make_plan([], present, exact=True)) == ["Remove"] * 3


def test_actions_stand_in_the_order_of_names_whatever_the_input_has() -> None:
    present = [there("d"), there("b")]
    asked = [wanted("c"), wanted("a"), wanted("b")]
    plan = make_plan(asked, present)
    assert plan == make_plan(asked[::-1], present[::-1])
    assert kinds(plan) == ["Install", "Keep", "Install", "Remove"]
    assert [each.name for each in plan.incoming] == ["a", "c"]
