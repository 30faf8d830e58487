"""The benchmark harness works, whatever the figures are."""

import subprocess
import sys
from pathlib import Path

from tests.commands import CHECKOUT


def test_the_harness_times_every_work_of_every_tool(tmp_path: Path) -> None:
    table, picture = tmp_path / "table.md", tmp_path / "picture.svg"
    options = ["--packages", "12", "--rounds", "1", "--rtt", "disk", "5", "--tools", "pipper", "uv"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *options, "--markdown", table, "--svg", picture],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in table.read_text().splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 2 * 6 * 2
    assert picture.read_text().count("<rect") == 1 + 2 * 6 * 2
