"""The manifests of real projects are locked and edited, and none loses a byte.

On demand: `PIPPER_MANIFESTS=1` tries all of them, with the registry that pip is configured with.
"""

import os
from pathlib import Path

import pytest

from tests.real_manifests import PROJECTS, tried

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(
        not os.environ.get("PIPPER_MANIFESTS", ""), reason="asked for with PIPPER_MANIFESTS=1"
    ),
]


@pytest.mark.parametrize("name", PROJECTS)
def test_R02_a_real_manifest_is_locked_and_is_as_before_after_add_and_remove(
    name: str, tmp_path: Path
) -> None:
    outcome = tried(name, tmp_path / "tree", cache=tmp_path / "cache")
    assert outcome.problems == ()
    assert outcome.packages
