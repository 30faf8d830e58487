"""Figures as text, Markdown and a picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one work took one tool in one scene, in every round."""

    scene: str
    work: str
    tool: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)


HEAD = ("round trip", "work", "tool", "median s", "min-max s", "x uv")
_COLOURS = {"pipper": "#2563eb", "uv": "#a855f7", "pip": "#9ca3af"}


def rows(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """One row a figure, as text; the last cell is the ratio to uv."""
    figures = list(figures)
    uv = {(figure.scene, figure.work): figure.median for figure in figures if figure.tool == "uv"}
    return [
        (
            figure.scene,
            figure.work,
            figure.tool,
            f"{figure.median:.3f}",
            f"{min(figure.seconds):.3f}-{max(figure.seconds):.3f}",
            f"{figure.median / uv[figure.scene, figure.work]:.2f}"
            if (figure.scene, figure.work) in uv
            else "",
        )
        for figure in figures
    ]


def as_text(figures: Iterable[Figure]) -> str:
    """A table for a terminal."""
    lines = [HEAD, *rows(figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(figures: Iterable[Figure], facts: Iterable[str]) -> str:
    """A table for a page, below the facts it was measured under."""
    lines = [HEAD, ("---",) * len(HEAD), *rows(figures)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return "".join(f"- {fact}\n" for fact in facts) + "\n" + table


def as_svg(figures: Iterable[Figure], title: str) -> str:
    """A bar a figure, its whisker from the fastest round to the slowest."""
    figures = list(figures)
    scale = 480 / max(max(figure.seconds) for figure in figures)
    parts, y, group = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>'], 32, ("", "")
    for figure in figures:
        if (figure.scene, figure.work) != group:
            group = (figure.scene, figure.work)
            y += 10
            parts.append(f'<text x="8" y="{y + 13}">{escape(f"{figure.scene}: {figure.work}")}</text>')
            y += 18
        low, high, middle = (
            scale * value for value in (min(figure.seconds), max(figure.seconds), figure.median)
        )
        colour = _COLOURS.get(figure.tool, "#6b7280")
        parts += [
            f'<text x="62" y="{y + 12}" text-anchor="end">{escape(figure.tool)}</text>',
            f'<rect x="70" y="{y + 2}" width="{middle:.1f}" height="12" fill="{colour}"/>',
            f'<path d="M{70 + low:.1f} {y + 8}H{70 + high:.1f}" stroke="black"/>',
            f'<text x="{78 + high:.1f}" y="{y + 12}">{figure.median:.3f} s</text>',
        ]
        y += 16
    body = "\n".join(parts)
    size = f'width="640" height="{y + 12}" viewBox="0 0 640 {y + 12}"'
    style = 'font-family="sans-serif" font-size="11"'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{paper}\n{body}\n</svg>\n'
