"""Figures as text, as Markdown, and between two marks of a page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.process import Taken

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
NOTHING = "\N{EN DASH}"
"""In the place of a figure: the tool does not do that."""
MISSED = "\N{HEAVY EXCLAMATION MARK SYMBOL} "
GOALS = {
    "lock, cold": (2.0, 1.0),
    "lock, warm cache, no lock there": (1.0, 0.7),
    "lock, nothing changed": (1.0, 1.0),
    "sync, cold cache, new environment": (2.0, 1.2),
    "sync, warm cache, new environment": (1.1, 0.5),
    "sync, right after a sync": (0.8, 0.8),
    "sync, nothing to do": (1.0, 1.0),
}
"""How many times as long as uv a work may take at most, without a round trip and with one of 20 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one work took one tool in one scene, in every round."""

    wheels: str
    scene: str
    work: str
    tool: str
    taken: tuple[Taken, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """The wall time of every round."""
        return tuple(each.wall for each in self.taken)

    @property
    def median(self) -> float:
        """Of the wall times."""
        return median(self.seconds)

    @property
    def processor(self) -> float:
        """The median of the processor times."""
        return median(each.processor for each in self.taken)


HEAD = ("wheels", "round trip", "work", "tool", "median s", "min-max s", "processor s", "rounds", "x uv")


def rows(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """One row a figure, as text; the last cell is the ratio to uv."""
    figures = list(figures)
    return [
        (
            figure.wheels,
            figure.scene,
            figure.work,
            figure.tool,
            f"{figure.median:.3f}",
            f"{min(figure.seconds):.3f}-{max(figure.seconds):.3f}",
            f"{figure.processor:.3f}",
            str(len(figure.seconds)),
            f"{ratio:.2f}" if (ratio := ratio_to_uv(figure, figures)) is not None else "",
        )
        for figure in figures
    ]


def ratio_to_uv(figure: Figure, figures: Iterable[Figure]) -> float | None:
    """How many times as long as uv it took at the same; None without uv."""
    same = (figure.wheels, figure.scene, figure.work)
    for other in figures:
        if other.tool == "uv" and (other.wheels, other.scene, other.work) == same:
            return figure.median / other.median
    return None


def as_text(figures: Iterable[Figure]) -> str:
    """A table for a terminal."""
    lines = [HEAD, *rows(figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(figures: Iterable[Figure], facts: Iterable[str], titles: dict[str, str]) -> str:
    """A table for each set of wheels (`titles`: by their names) with a column a tool, and the facts below."""
    figures = list(figures)
    tables = [
        f"**{title}**\n\n{_table([figure for figure in figures if figure.wheels == name])}"
        for name, title in titles.items()
    ]
    return "\n".join([*_goals(figures), *tables]) + "\n" + "".join(f"- {fact}\n" for fact in facts)


def _goals(figures: list[Figure]) -> Iterator[str]:
    """The goals beside what was measured, if that is all there."""
    found = {
        (figure.work, figure.scene): ratio_to_uv(figure, figures)
        for figure in figures
        if figure.wheels == "small" and figure.tool == "pipper"
    }
    scenes = ("0 ms", "20 ms")
    if any(found.get((work, scene)) is None for work in GOALS for scene in scenes):
        return
    lines = [
        (
            "work, time relative to uv",
            *(f"{scene}: {what}" for scene in scenes for what in ("goal", "pipper")),
        )
    ]
    lines.append(("---", *("---:",) * 4))
    for work, goals in GOALS.items():
        cells = []
        for scene, goal in zip(scenes, goals, strict=True):
            ratio = found[work, scene] or 0.0
            cells += [
                f"\N{LESS-THAN OR EQUAL TO} {goal:.1f}",
                f"{'' if ratio <= goal else MISSED}{times(ratio)}",
            ]
        lines.append((work, *cells))
    yield f"**The goals, with the 113 small packages** ({MISSED.strip()}: missed)\n\n{_lines(lines)}"


def as_details(figures: Iterable[Figure]) -> str:
    """Every figure with its fastest and its slowest round, in a table that is folded up."""
    table = _lines([HEAD, ("---",) * len(HEAD), *rows(figures)])
    return f"\n<details><summary>Every figure</summary>\n\n{table}\n</details>\n"


def check_marks(page: Path) -> None:
    """Stop unless the file has both marks, once each and in order."""
    text = page.read_text(encoding="utf-8")
    if not (text.count(BEGIN) == text.count(END) == 1 and text.index(BEGIN) < text.index(END)):
        raise SystemExit(f"{page} needs a line `{BEGIN}` and, below it, a line `{END}`")


def write_between_marks(page: Path, text: str) -> None:
    """Put `text` in the place of what stands between the marks; everything else stays as it is."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")


def _table(figures: list[Figure]) -> str:
    tools = list(dict.fromkeys(figure.tool for figure in figures))
    found = {(figure.work, figure.scene, figure.tool): figure for figure in figures}
    lines = [("", "round trip", *tools), ("---", "---:", *("---:" for _ in tools))]
    told = ""
    for work, scene in dict.fromkeys((figure.work, figure.scene) for figure in figures):
        best = min(figure.median for figure in figures if (figure.work, figure.scene) == (work, scene))
        cells = (_cell(found.get((work, scene, tool)), figures, best) for tool in tools)
        lines.append((work if work != told else "", scene, *cells))
        told = work
    return _lines(lines)


def _cell(figure: Figure | None, figures: list[Figure], best: float) -> str:
    if figure is None:
        return NOTHING
    time = seconds(figure.median)
    time = f"**{time}**" if figure.median == best else time
    time = f"{time} / {seconds(figure.processor)}"
    ratio = None if figure.tool == "uv" else ratio_to_uv(figure, figures)
    return time if ratio is None else f"{time} ({times(ratio)})"


def seconds(value: float) -> str:
    """A time with about three digits."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} s"


def times(ratio: float) -> str:
    """A ratio with about two digits."""
    return f"{ratio:.{2 if ratio < 0.995 else 1 if ratio < 9.95 else 0}f}\N{MULTIPLICATION SIGN}"


def _lines(lines: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
