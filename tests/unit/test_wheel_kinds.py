"""Assortments: which releases count as built alike."""

from pipper.core.wheel_kinds import Assorter, wheel_kind

TAGS = "cp311-cp311-manylinux_2_28_x86_64.whl"


def test_releases_that_are_built_alike_share_one_assortment() -> None:
    assorter = Assorter()
    one = assorter.assort([(f"foo-1.0-{TAGS}", ">=3.9", None), ("foo-1.0-py3-none-any.whl", ">=3.9", None)])
    two = assorter.assort([(f"foo-2.0-{TAGS}", ">=3.9", None), ("foo-2.0-py3-none-any.whl", ">=3.9", None)])
    assert one is two
    assert [str(kind.requires_python) for kind in one.kinds] == [">=3.9", ">=3.9"]


def test_another_python_tag_build_or_yank_is_another_assortment() -> None:
    assorter = Assorter()
    plain = assorter.assort([(f"foo-1.0-{TAGS}", "", None)])
    for file in (
        (f"foo-2.0-{TAGS}", ">=3.12", None),
        (f"foo-2.0-1-{TAGS}", "", None),
        (f"foo-2.0-{TAGS}", "", ""),
        ("foo-2.0-py3-none-any.whl", "", None),
    ):
        assert assorter.assort([file]) is not plain


def test_files_that_differ_only_in_how_the_version_is_written_are_not_shared() -> None:
    assorter = Assorter()
    one = assorter.assort([("foo-1.0-py3-none-any.whl", "", None), ("foo-1.0.0-py3-none-any.whl", "", None)])
    two = assorter.assort([("foo-2.0-py3-none-any.whl", "", None), ("Foo-2.0-py3-none-any.whl", "", None)])
    assert one is not two


def test_a_build_tag_counts_by_the_number_it_begins_with() -> None:
    assert wheel_kind("foo-1.0-12abc-py3-none-any.whl") == ("py3-none-any", 12)
    assert wheel_kind("foo-1.0-py3-none-any.whl") == ("py3-none-any", 0)
    assert wheel_kind("foo-none.whl") == ("none", 0)
