"""Results of `tree`, `why` and `cache` as lines and as documents (`--json`; keys are stable)."""

from collections.abc import Iterator

from pipper.core.lock.graph import Root, Row
from pipper.ops.query.locked import Reasons, Tree


def tree_lines(tree: Tree, *, drawn: bool) -> Iterator[str]:
    """Yield the tree with lines (`drawn`), or indented by two spaces a level. `(*)`: its dependencies are above."""
    for section in tree.sections:
        if section.title:
            yield section.title
        indent = 1 if section.title else 0
        bars: list[str] = []
        for row in section.rows:
            level = row.depth + indent
            if not drawn or not level:
                yield "  " * level + _row(tree, row)
                continue
            del bars[level - 1 :]
            yield "".join(bars) + ("└── " if row.last else "├── ") + _row(tree, row)
            bars.append("    " if row.last else "│   ")


def _row(tree: Tree, row: Row) -> str:
    asked = [str(root.label) for root in tree.graph.roots if root.pin == row.pin] if tree.inverted else []
    return (
        row.pin.shown
        + (f" [{', '.join(dict.fromkeys(asked))}]" if asked else "")
        + (" (*)" if row.repeated else "")
    )


def tree_document(tree: Tree) -> dict[str, object]:
    """`tree --json`: environment, roots (kind, label, requirement, name, version) and packages.

    A package has name, version, source, dependencies and required_by (names). The document holds only the
    packages that the tree shows, and the roots that require them.
    """
    pins = sorted({row.pin for section in tree.sections for row in section.rows})
    return {
        "environment": tree.environment,
        "roots": [_root_document(root) for root in tree.graph.roots if root.pin in pins],
        "packages": [
            {
                "name": pin.name,
                "version": pin.version or None,
                "source": tree.lock.by_pin[pin].source,
                "dependencies": [child.name for child in tree.graph.children[pin]],
                "required_by": [parent.name for parent in tree.graph.parents[pin]],
            }
            for pin in pins
        ],
    }


def _root_document(root: Root) -> dict[str, object]:
    return {
        "kind": root.label.kind,
        "label": root.label.name or None,
        "requirement": root.requirement,
        "name": root.pin.name,
        "version": root.pin.version or None,
    }


def why_lines(reasons: Reasons) -> Iterator[str]:
    """Yield one chain a line: the place in the manifest, its requirement, and each package up to the last."""
    for chain in reasons.chains.chains:
        way = " -> ".join(pin.shown for pin in chain.pins)
        yield f"{chain.root.label}: {chain.root.requirement} -> {way}"


def why_document(reasons: Reasons) -> dict[str, object]:
    """`why --json`: name, version, environment, chains (root, packages), complete (false: there may be more)."""
    return {
        "name": reasons.pin.name,
        "version": reasons.pin.version or None,
        "environment": reasons.environment,
        "chains": [
            {
                "root": _root_document(chain.root),
                "packages": [{"name": pin.name, "version": pin.version or None} for pin in chain.pins],
            }
            for chain in reasons.chains.chains
        ],
        "complete": reasons.chains.complete,
    }
