"""The tree as a picture: in the languages of Mermaid (flowchart) and Graphviz (dot)."""

from collections.abc import Iterator

from pipper.core.lock.model import Pin
from pipper.ops.query.locked import Tree


def mermaid_lines(tree: Tree) -> Iterator[str]:
    """Yield the tree as a flowchart of Mermaid."""
    nodes, edges = _picture(tree)
    yield "flowchart LR"
    for place, label in enumerate(nodes.values()):
        yield f'    n{place}["{_text(label)}"]'
    numbers = {key: place for place, key in enumerate(nodes)}
    for first, second in edges:
        yield f"    n{numbers[first]} --> n{numbers[second]}"


def dot_lines(tree: Tree) -> Iterator[str]:
    """Yield the tree as a directed graph in the language of Graphviz."""
    nodes, edges = _picture(tree)
    numbers = {key: place for place, key in enumerate(nodes)}
    yield "digraph {"
    yield "    rankdir=LR"
    yield "    node [shape=box]"
    for place, label in enumerate(nodes.values()):
        yield f'    n{place} [label="{_text(label)}"]'
    for first, second in edges:
        yield f"    n{numbers[first]} -> n{numbers[second]}"
    yield "}"


def _picture(tree: Tree) -> tuple[dict[str | Pin, str], list[tuple[str | Pin, str | Pin]]]:
    """Return the label of each node, and the arrows: from what requires to what is required."""
    nodes: dict[str | Pin, str] = {}
    arrows: dict[tuple[str | Pin, str | Pin], None] = {}
    for section in tree.sections:
        above: list[str | Pin] = [section.title] if section.title else []
        nodes |= {title: str(title) for title in above}
        first = len(above)
        for row in section.rows:
            nodes[row.pin] = f"{row.pin.name} {row.pin.version}"
            del above[first + row.depth :]
            if above:
                arrows[(row.pin, above[-1]) if tree.inverted else (above[-1], row.pin)] = None
            above.append(row.pin)
    return nodes, list(arrows)


def _text(label: str) -> str:
    """Return a label without what could end a string in either language."""
    return "".join(sign for sign in label if sign.isalnum() or sign in " .-_+!:[]")
