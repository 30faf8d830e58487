"""The graph of a package as a picture (SVG) that fits a phone: a line for each package, and arcs between them."""

from collections.abc import Iterator
from urllib.parse import quote

from packaging.utils import NormalizedName

from pipper.core.layout.keys import SITE_PAGE
from pipper.core.site.description import text_of
from pipper.core.site.graph import PackageGraph
from pipper.core.wording import counted

_WIDTH, _LINE = 340, 28
_AXIS = 96
"""Where the packages stand; the arcs are to the left of it. All lengths are pixels."""
_LONGEST = 27
"""Characters of a name that are shown; the link's title has all."""


def graph_html(graph: PackageGraph) -> Iterator[str]:
    """Yield the section with the picture and the same as text; nothing for a package without neighbours."""
    if not graph:
        return
    places = {name: 14 + _LINE * number for number, name in enumerate(graph.names)}
    height = _LINE * len(places)
    edges = [(name, required) for name, requires in graph.requires.items() for required in requires]
    longest = max(abs(places[name] - places[required]) for name, required in edges)
    arcs = [
        _arc(places[name], places[required], longest, is_own=graph.name in (name, required))
        for name, required in edges
    ]
    yield '<h2 id="graph">Graph</h2>\n<figure>'
    yield (
        f'<svg role="group" aria-label="Graph of {text_of(graph.name)}" '
        f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
    )
    yield from sorted(arcs)  # those of the package itself are drawn over the others
    far = {*graph.dependants.far, *graph.dependencies.far}
    yield from (_package(name, place, graph, is_far=name in far) for name, place in places.items())
    yield f"</svg>\n<figcaption>{_caption(graph)}</figcaption>\n</figure>"
    yield "<details><summary>The graph as text</summary>\n<ul>"
    for name, requires in sorted(graph.requires.items()):
        yield f"<li>{_link(name)} requires {', '.join(map(_link, requires))}</li>"
    yield "</ul></details>"


def _caption(graph: PackageGraph) -> str:
    up, down = graph.dependants.left_out, graph.dependencies.left_out
    more = [f"{counted(up, 'more package')} above"] if up else []
    more += [f"{counted(down, 'more package')} below"] if down else []
    told = f" Left out, because they are too many: {' and '.join(more)}." if more else ""
    return (
        f"An arrow leads from a package to one that its newest version may require.{told} "
        "Packages of other sources are not shown."
    )


def _arc(start: int, end: int, longest: int, *, is_own: bool) -> str:
    """Return the arc between two places, with its arrow; it is the wider, the further they are apart."""
    x = _AXIS - 7
    reach = round(x - 20 - (_AXIS - 4) * abs(end - start) / max(longest, 6 * _LINE))
    kind = "own" if is_own else "arc"
    return (
        f'<path class="{kind}" d="M{x} {start}C{reach} {start} {reach} {end} {x - 3} {end}"/>'
        f'<path class="{kind} tip" d="M{x} {end}l-6 -4v8z"/>'
    )


def _package(name: NormalizedName, place: int, graph: PackageGraph, *, is_far: bool) -> str:
    shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    dot = (
        f'<circle class="{"far" if is_far else "near"}" cx="{_AXIS}" cy="{place}" r="{3 if is_far else 4}"/>'
    )
    label = f'<text x="{_AXIS + 12}" y="{place + 5}">{text_of(shown)}<title>{text_of(name)}</title></text>'
    if name == graph.name:
        return f'{dot}<g class="this">{label}</g>'
    return f'{dot}<a href="../{quote(name)}/{SITE_PAGE}">{label}</a>'


def _link(name: NormalizedName) -> str:
    return f'<a href="../{quote(name)}/{SITE_PAGE}">{text_of(name)}</a>'
