"""Sizes in words."""

import pytest

from pipper.cli.render.queries import human_size


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (18_324, "18.3 kB"),
        (999_949, "999.9 kB"),
        (999_999, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_suits_it(size: int, said: str) -> None:
    assert human_size(size) == said
