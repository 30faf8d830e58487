"""Assortments: which releases count as built alike."""

from pipper.core.wheel_kinds import Assorter, wheel_kind
from pipper.core.wheel_kinds import ListedWheel as Listed

TAGS = "cp311-cp311-manylinux_2_28_x86_64.whl"


def test_releases_that_are_built_alike_share_one_assortment() -> None:
    assorter = Assorter()
    one = assorter.assort(
        [
            Listed(f"foo-1.0-{TAGS}", ">=3.9", None),
            Listed("foo-1.0-py3-none-any.whl", ">=3.9", None),
        ]
    )
    two = assorter.assort(
        [
            Listed(f"foo-2.0-{TAGS}", ">=3.9", None),
            Listed("foo-2.0-py3-none-any.whl", ">=3.9", None),
        ]
    )
    assert one is two
    assert [str(kind.requires_python) for kind in one.kinds] == [">=3.9", ">=3.9"]


def test_another_python_tag_build_or_yank_is_another_assortment() -> None:
    assorter = Assorter()
    plain = assorter.assort([Listed(f"foo-1.0-{TAGS}", "", None)])
    for file in (
        Listed(f"foo-2.0-{TAGS}", ">=3.12", None),
        Listed(f"foo-2.0-1-{TAGS}", "", None),
        Listed(f"foo-2.0-{TAGS}", "", ""),
        Listed("foo-2.0-py3-none-any.whl", "", None),
    ):
        assert assorter.assort([file]) is not plain


def test_files_that_differ_only_in_how_the_version_is_written_are_not_shared() -> None:
    assorter = Assorter()
    one = assorter.assort(
        [
            Listed("foo-1.0-py3-none-any.whl", "", None),
            Listed("foo-1.0.0-py3-none-any.whl", "", None),
        ]
    )
    two = assorter.assort(
        [Listed("foo-2.0-py3-none-any.whl", "", None), Listed("Foo-2.0-py3-none-any.whl", "", None)]
    )
    assert one is not two


def test_a_build_tag_is_a_number_and_the_rest() -> None:
    assert wheel_kind("foo-1.0-12abc-py3-none-any.whl", None, None)[:2] == ("py3-none-any", (12, "abc"))
    assert wheel_kind("foo-1.0-py3-none-any.whl", None, None)[:2] == ("py3-none-any", ())
    assert wheel_kind("foo-none.whl", None, None)[:2] == ("none", ())
