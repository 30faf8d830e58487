"""The benchmark harness works, whatever the figures are.

On demand: `PIPPER_BENCHMARKS=1` tries every tool; those of other projects are installed first.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import agree
from tests.benchmarks.chart import as_svg
from tests.benchmarks.process import Taken
from tests.benchmarks.report import (
    BEGIN,
    END,
    GOALS,
    MISSED,
    NOTHING,
    Figure,
    as_details,
    as_markdown,
    check_marks,
    write_between_marks,
)
from tests.benchmarks.scale import Row, as_table, exponent
from tests.benchmarks.tool import Scene, Tool
from tests.benchmarks.wheelsets import contents, small
from tests.commands import CHECKOUT, PATIENCE

TITLES = {"small": "12 small packages", "real": "30 real wheels"}
ALL = os.environ.get("PIPPER_BENCHMARKS", "")
"""Read here: no variable of pipper's own reaches a test."""
SVG = "{http://www.w3.org/2000/svg}"


def benchmark(*options: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def figure(tool: str, *seconds: float, wheels: str = "small", work: str = "lock, cold") -> Figure:
    return Figure(
        wheels=wheels,
        scene="20 ms",
        work=work,
        tool=tool,
        taken=tuple(Taken(wall=each, processor=each / 2) for each in seconds),
    )


FIGURES = [
    figure("pipper", 0.5, 0.25, 2.0),
    figure("uv", 0.2),
    figure("pipper", 0.03, work="sync, nothing to do"),
    figure("uv", 0.04, work="sync, nothing to do"),
    figure("pipper 0.11.1", 52.0, work="sync, nothing to do"),
    figure("pipper", 16.0, wheels="real"),
    figure("uv", 4.0, wheels="real"),
]


def test_the_harness_times_every_work_of_every_tool(tmp_path: Path) -> None:
    table, picture = tmp_path / "table.md", tmp_path / "picture.svg"
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold figures\n{END}\nafter\n")
    options = ["--set", "small", "--packages", "12", "--rounds", "1", "--rtt", "disk", "5"]
    options += ["--tools", "pipper", "uv", "--keep", str(tmp_path / "keep"), "--settle", "0"]
    options += ["--figures", str(tmp_path / "figures")]
    benchmark(*options, "--markdown", table, "--svg", picture, "--page", page)

    lines = [line for line in table.read_text().splitlines() if line.startswith("| ")]
    assert len(lines) == (2 + 8 * 2) + (2 + 8 * 2 * 2)
    bars = ET.parse(picture).getroot().findall(f"{SVG}rect")
    assert len(bars) == 8 * 2 * 2
    told = page.read_text()
    assert told.startswith(f"before\n{BEGIN}\n\n![")
    assert told.endswith(f"{END}\nafter\n")
    assert "(picture.svg)" in told
    assert "old figures" not in told
    assert "|  | round trip | pipper | uv |" in told

    measured = table.read_bytes()
    benchmark(*options, "--markdown", table)
    assert table.read_bytes() == measured, "what the file of figures has is not measured again"


def test_the_harness_times_a_project_with_members(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    options = ["--set", "members", "--packages", "6", "--rounds", "1", "--rtt", "disk", "--settle", "0"]
    benchmark(*options, "--tools", "pipper", "uv", "pip", "--keep", tmp_path / "keep", "--markdown", table)
    text = table.read_text()
    assert (
        "**6 small packages, each with 10 versions to choose from, six levels deep, and 10 members**" in text
    )
    assert "|  | round trip | pipper | uv |\n" in text


def test_growth_is_told_for_each_work_at_each_size(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    options = ["--field", "growth", "--sizes", "6", "12", "--rounds", "1", "--markdown", str(table)]
    command = [sys.executable, "-m", "tests.benchmarks.scale", *options]
    subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=PATIENCE, check=True)
    lines = [line for line in table.read_text().splitlines() if line.startswith("| ")]
    assert lines[0] == "|  | 6 | 12 | memory | growth |"
    assert len(lines) == 2 + 10
    assert all(
        re.fullmatch(r"\| [^|]+ \| [^|]+ / [^|]+ \| [^|]+ / [^|]+ \| \d+ MB \| [-.\d]+ \|", line)
        for line in lines[2:]
    )


def test_the_exponent_is_2_where_twice_as_much_takes_four_times_as_long() -> None:
    before, after = (
        Row(work="lock", size=size, taken=Taken(wall=1, processor=took, memory=50_000_000))
        for size, took in ((100, 0.5), (200, 2.0))
    )
    assert exponent(before, after) == 2
    assert "| lock | 1.00 s / 500 ms | 1.00 s / 2.00 s | 50 MB | 2.00 |" in as_table(
        "packages", [before, after]
    )


@pytest.mark.registry
@pytest.mark.slow
@pytest.mark.skipif(not ALL, reason="on demand: PIPPER_BENCHMARKS=1")
def test_every_tool_locks_and_installs_the_same_before_it_is_timed(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    table, keep = tmp_path / "table.md", pytestconfig.cache.mkdir("benchmarks")
    benchmark(
        *("--set", "small", "--packages", "6", "--rounds", "1", "--rtt", "0", "--settle", "0"),
        *("--tools", "pipper", "uv", "pip", "poetry", "pipper-0.11.1", "--keep", keep, "--markdown", table),
    )
    rows = (line for line in table.read_text().splitlines() if line.startswith("| "))
    lines = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert lines[0][1:] == ["round trip", "pipper", "uv", "pip", "poetry", "pipper 0.11.1"]
    empty = {line[0] for line in lines[2:10] if line[-1] == NOTHING}
    assert empty == {
        *("lock, cold", "lock, warm cache, no lock there", "lock, nothing changed"),
        *("sync, right after a sync", "sync, warm cache, new environment", "add one package, warm cache"),
    }
    assert "pipper 1." in table.read_text()
    assert "pipper 0.11.1 has no solver, no lock and no cache" in table.read_text()


def test_a_cell_tells_the_median_and_the_ratio_to_uv_in_the_same_scene() -> None:
    text = as_markdown(FIGURES, ["a fact"], TITLES).replace("\N{MULTIPLICATION SIGN}", "x")
    assert f"| lock, cold | 20 ms | 500 ms / 250 ms (2.5x) | **200 ms** / 100 ms | {NOTHING} |" in text
    assert (
        "| sync, nothing to do | 20 ms | **30 ms** / 15 ms (0.75x) | 40 ms / 20 ms | 52.0 s / 26.0 s (1300x) |"
        in text
    )
    assert "| lock, cold | 20 ms | 16.0 s / 8.00 s (4.0x) | **4.00 s** / 2.00 s |" in text
    assert text.index("**12 small packages**") < text.index("**30 real wheels**") < text.index("- a fact")


def test_goals_are_told_with_those_that_are_missed() -> None:
    assert "The goals" not in as_markdown(FIGURES, [], TITLES)
    every = [
        replace(figure(tool, took, work=work), scene=scene)
        for work in GOALS
        for scene in ("0 ms", "20 ms")
        for tool, took in (("pipper", 1.1), ("uv", 1.0))
    ]
    text = as_markdown(every, [], TITLES).replace("\N{MULTIPLICATION SIGN}", "x")
    assert f"| lock, cold | ≤ 2.0 | 1.1x | ≤ 1.0 | {MISSED}1.1x |" in text
    assert f"| sync, warm cache, new environment | ≤ 1.1 | 1.1x | ≤ 0.5 | {MISSED}1.1x |" in text


def test_details_tell_the_fastest_and_the_slowest_round() -> None:
    assert "| small | 20 ms | lock, cold | pipper | 0.500 | 0.250-2.000 | 0.250 | 3 | 2.50 |" in as_details(
        FIGURES
    )


def test_bars_lie_within_the_picture_and_longer_times_have_longer_bars() -> None:
    root = ET.fromstring(as_svg(FIGURES, TITLES))
    bars = [bar.attrib for bar in root.findall(f"{SVG}rect")]
    assert len(bars) == len(FIGURES)
    assert all(float(bar["x"]) + float(bar["width"]) < float(root.attrib["width"]) for bar in bars)
    assert all(float(bar["y"]) < float(root.attrib["height"]) for bar in bars)
    by_median = sorted(FIGURES, key=lambda each: each.median)
    assert by_median == sorted(FIGURES, key=lambda each: float(bars[FIGURES.index(each)]["width"]))


class Handmade(Tool):
    """A tool of which a test says what it locked, and which installs by unzipping."""

    name = "handmade"
    answer: dict[str, str]

    def settings(self) -> dict[str, str]:
        return {}

    def write_project(self) -> None:
        self.answer = dict(self.scene.wheels.answer)
        self.site = self.environment / "lib" / "python3.11" / "site-packages"
        for wheel in self.scene.wheels.wheels().values():
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.site)

    def locked(self) -> dict[str, str]:
        return self.answer


@pytest.fixture
def handmade(tmp_path: Path) -> Handmade:
    wheels = small("small", 6, 10, tmp_path)
    scene = Scene(
        name="disk", wheels=wheels, index="", s3="", old_s3="", bucket="", repository=tmp_path,
        credentials={}, keep=tmp_path,
    )  # fmt: skip
    return Handmade(scene, tmp_path / "handmade")


def test_a_tool_that_locked_and_installed_what_is_right_is_agreed_with(handmade: Handmade) -> None:
    (handmade.site / "other").mkdir()
    (handmade.site / "pack_000" / "__pycache__").mkdir()
    (handmade.site / "pack_000" / "__pycache__" / "part_1.pyc").touch()
    next(handmade.site.glob("pack_000*.dist-info")).joinpath("INSTALLER").touch()
    agree(handmade, contents(handmade.scene.wheels))


def test_nothing_is_timed_where_a_tool_locked_another_version(handmade: Handmade) -> None:
    handmade.answer["pack-000"] = "9.9"
    with pytest.raises(SystemExit, match="locked other versions"):
        agree(handmade, contents(handmade.scene.wheels))


@pytest.mark.parametrize("change", ["altered", "missing", "added"])
def test_nothing_is_timed_where_a_tool_installed_other_files(handmade: Handmade, change: str) -> None:
    if change == "altered":
        (handmade.site / "pack_003" / "part_1.py").write_text("VALUE = 0\n")
    elif change == "missing":
        (handmade.site / "pack_003" / "part_1.py").unlink()
    else:
        (handmade.site / "pack_003" / "more.py").touch()
    with pytest.raises(SystemExit, match="installed other files than the wheels hold: pack_003/"):
        agree(handmade, contents(handmade.scene.wheels))


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"])
def test_a_page_without_its_two_marks_is_refused_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(SystemExit, match="needs a line"):
        check_marks(page)
    assert page.read_text() == text


def test_figures_in_the_page_are_replaced_as_often_as_one_likes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes((CHECKOUT / "docs" / "benchmarks.md").read_bytes())
    check_marks(page)
    write_between_marks(page, "the first figures\n")
    once = page.read_text()
    write_between_marks(page, "the second figures\n")
    assert page.read_text() == once.replace("the first figures", "the second figures")
    check_marks(page)
