"""The order of the wheels of a release: the one whose requirements a solve reads is the one that a sync installs."""

from packaging.utils import BuildTag

WheelMerit = tuple[int, BuildTag, str, str]


def wheel_merit(rank: int, build: BuildTag, filename: str) -> WheelMerit:
    """Return the merit of a wheel by the rank of its best tag, its build tag and its name: the greatest is the best.

    A build tag counts as a number and the rest, and none is the lowest (PEP 427). Of equals, other installers go by
    the order of a page. A lock has no page, so the name decides: first without project and version, which releases
    that are built alike do not share.
    """
    return -rank, build, "-".join(filename.split("-")[2:]), filename
