"""Figures as a picture: a panel for each set and work, a column for each round trip, a bar for each tool."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from tests.benchmarks.report import NOTHING, Figure, ratio_to_uv, seconds, times

WIDTH, LEFT_EDGE, LEFT, BESIDE, LINE, GAP = 1000, 4, 96, 104, 15, 12
"""Pixels: the whole, its edge, room for names of tools, room for figures beside bars, a bar's line, a gap."""
KEY = (
    "Logarithmic scale. Bars: the median; lines: from the fastest round to the slowest; "
    "\N{MULTIPLICATION SIGN}: times uv's median."
)
INK, FAINT = "#768390", "#76839033"
"""Both can be read on white and on black paper; the picture itself has no paper."""
COLOURS = {
    "pipper": "#2f81f7",
    "pipper-index": "#54aeff",
    "uv": "#bc4fd8",
    "pip": "#d29922",
    "poetry": "#2da44e",
    "pipper 0.11.1": "#8b949e",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What all panels share."""

    tools: tuple[str, ...]
    scenes: tuple[str, ...]
    low: float
    high: float
    """Decimal logarithms of seconds at both ends of the scale."""

    @property
    def step(self) -> float:
        return (WIDTH - LEFT) / len(self.scenes)

    def at(self, column: int, value: float) -> float:
        """Where a time lies in a column."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + column * self.step + share * (self.step - BESIDE)


def as_svg(figures: Iterable[Figure], titles: dict[str, str]) -> str:
    """A bar a figure on a logarithmic scale, its whisker from the fastest round to the slowest."""
    figures = list(figures)
    every = [value for figure in figures for value in figure.seconds]
    frame = _Frame(
        tools=tuple(dict.fromkeys(figure.tool for figure in figures)),
        scenes=tuple(dict.fromkeys(figure.scene for figure in figures)),
        # from half the shortest: on a logarithmic scale no bar starts at nothing
        low=math.log10(min(every) / 2),
        high=math.log10(max(every)),
    )
    parts, y = [], 0
    for name, group in groupby(figures, key=lambda figure: figure.wheels):
        own = list(group)
        parts.append(_text(LEFT_EDGE, y + 18, titles[name], 'font-weight="bold" font-size="15"'))
        y += 30
        parts += [
            _text(frame.at(column, 10**frame.low), y + 12, f"round trip {scene}", 'font-weight="bold"')
            for column, scene in enumerate(frame.scenes)
        ]
        y += 20
        for work in dict.fromkeys(figure.work for figure in own):
            parts += _panel(frame, [figure for figure in own if figure.work == work], work, y)
            y += 20 + LINE * len(frame.tools) + GAP
        parts += _scale(frame, y - GAP)
        y += 34
    parts.append(_text(LEFT_EDGE, y, KEY))
    y += 8
    body = "\n".join(parts)
    size = f'width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    style = f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n'


def _panel(frame: _Frame, figures: list[Figure], work: str, y: int) -> list[str]:
    parts = [_text(LEFT_EDGE, y + 13, work, 'font-weight="bold"')]
    y += 20
    bottom = y + LINE * len(frame.tools)
    parts += [f'<path d="M{x:.1f} {y - 2}V{bottom + 2}" stroke="{FAINT}"/>' for x in _marks(frame)]
    found = {(figure.tool, figure.scene): figure for figure in figures}
    for tool in frame.tools:
        parts.append(_text(LEFT - 8, y + 11, tool, 'text-anchor="end"'))
        for column, scene in enumerate(frame.scenes):
            parts += _bar(frame, column, found.get((tool, scene)), figures, y)
        y += LINE
    return parts


def _bar(frame: _Frame, column: int, figure: Figure | None, figures: list[Figure], y: int) -> list[str]:
    start = frame.at(column, 10**frame.low)
    if figure is None:
        return [_text(start + 4, y + 11, NOTHING)]
    low, middle, high = (
        frame.at(column, value) for value in (min(figure.seconds), figure.median, max(figure.seconds))
    )
    ratio = None if figure.tool == "uv" else ratio_to_uv(figure, figures)
    told = seconds(figure.median) + ("" if ratio is None else f" \N{MIDDLE DOT} {times(ratio)}")
    colour = COLOURS.get(figure.tool, INK)
    return [
        f'<rect x="{start:.1f}" y="{y + 2}" width="{middle - start:.1f}" height="{LINE - 4}" fill="{colour}"/>',
        f'<path d="M{low:.1f} {y + LINE / 2}H{high:.1f}" stroke="{INK}"/>',
        _text(high + 5, y + 11, told),
    ]


def _scale(frame: _Frame, y: int) -> list[str]:
    parts = []
    for column in range(len(frame.scenes)):
        for power in _powers(frame):
            label = f"{10**power:g} s"
            parts.append(
                _text(frame.at(column, 10.0**power), y + 12, label, 'text-anchor="middle" font-size="9"')
            )
    return parts


def _marks(frame: _Frame) -> Iterable[float]:
    for column in range(len(frame.scenes)):
        for power in _powers(frame):
            yield frame.at(column, 10.0**power)


def _powers(frame: _Frame) -> range:
    """The powers of ten on the scale."""
    return range(math.ceil(frame.low), math.floor(frame.high) + 1)


def _text(x: float, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" {style}>{escape(text)}</text>'
