"""`conflicts`: extras and groups that are never installed together, so that each is solved apart."""

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pipper.core.manifest.root_label import RootLabel

if TYPE_CHECKING:  # the value of a lock needs no reader of TOML
    from pipper.core.document import Node

Conflicts = tuple[tuple[str, ...], ...]
"""Sets of extras, and of groups as `group:NAME`, by normalised names."""
_GROUP = "group:"
_LEAST = 2


def label_of(text: str) -> RootLabel:
    """Return what an entry of `conflicts` names."""
    if text.startswith(_GROUP):
        return RootLabel(kind="group", name=text.removeprefix(_GROUP))
    return RootLabel(kind="extra", name=text)


def written(labels: Iterable[RootLabel]) -> str:
    """Return the line of a manifest that declares these extras and groups to conflict."""
    names = (f'"{_GROUP if label.kind == "group" else ""}{label.name}"' for label in labels)
    return f"conflicts = [[{', '.join(names)}]]"


def read_conflicts(node: "Node", groups: Collection[str], extras: Collection[str]) -> Conflicts:
    """Return `conflicts`, sorted. Raises UsageError for an extra or a group that the manifest does not have."""
    found = set()
    for each in node.items():
        names = set()
        if not isinstance(each.value, list):
            raise each.wrong_type("an array", hint='write each set in brackets: conflicts = [["cpu", "gpu"]]')
        for entry in each.items():
            if not isinstance(entry.value, str):
                raise entry.wrong_type(
                    "a string", hint=f'write an extra as "NAME", a group as "{_GROUP}NAME"'
                )
            text = entry.value
            name = canonicalize_name(text.removeprefix(_GROUP))
            known = groups if text.startswith(_GROUP) else extras
            if name not in known:
                kind = "a group" if text.startswith(_GROUP) else "an extra"
                hint = f"write extras as they are, groups as `{_GROUP}NAME`"
                raise entry.fail(f"`{text}` is not {kind} of this manifest", hint=hint)
            names.add(f"{_GROUP}{name}" if text.startswith(_GROUP) else str(name))
        if len(names) < _LEAST:
            raise each.fail("names fewer than two extras or groups", hint='write it as in [["cpu", "gpu"]]')
        found.add(tuple(sorted(names)))
    return tuple(sorted(found))


def labels_in(conflicts: Conflicts) -> frozenset[RootLabel]:
    """Return every extra and group that conflicts with another one."""
    return frozenset(label_of(text) for names in conflicts for text in names)


def clashes(conflicts: Conflicts, chosen: Collection[RootLabel]) -> Iterator[tuple[RootLabel, RootLabel]]:
    """Yield the pairs among the chosen extras and groups that conflict."""
    for names in conflicts:
        both = [label for label in map(label_of, names) if label in chosen]
        yield from combinations(both, 2)


def compatible(conflicts: Conflicts, labels: Iterable[RootLabel]) -> frozenset[RootLabel]:
    """Return as many of these as go together, the earlier ones first: for a view of all of a lock."""
    kept: list[RootLabel] = []
    for label in labels:
        if not any(label in pair for pair in clashes(conflicts, [*kept, label])):
            kept.append(label)
    return frozenset(kept)
