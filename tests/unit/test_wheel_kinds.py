"""Assortments: which releases count as built alike; and upload times."""

from datetime import UTC, datetime

import pytest

from pipper.core.wheel_kinds import Assorter, upload_moment, wheel_kind
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T08:00:00Z", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00+02:00", datetime(2026, 11, 22, 6, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
    ],
)
def test_an_upload_time_is_one_in_utc_or_none(text: str, expected: datetime | None) -> None:
    found = upload_moment(text)
    assert found == expected
    assert found is None or found.tzinfo is UTC
