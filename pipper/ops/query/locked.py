"""`tree`, `why`: query the lock, without a change or a request."""

from msgspec import Struct
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.lock.graph import Chains, Graph, Row, chains_to, graph_of, walk
from pipper.core.lock.model import Lock, LockedEnvironment, Pin
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.manifest.root_label import RootLabel, labelled
from pipper.errors import UsageError
from pipper.ops.context.project_files import LOCK_NAME
from pipper.ops.context.settings import Place, Settings
from pipper.ops.query.scope import LockedScope, find_lock

MOST_CHAINS = 100


class Section(Struct, frozen=True, kw_only=True):
    """A part of a tree with its title, which may be empty."""

    title: str
    rows: tuple[Row, ...]


class Tree(Struct, frozen=True, kw_only=True):
    """The graph of a lock for one environment, in sections to show."""

    lock: Lock
    environment: str
    """Name of the environment in the lock."""
    graph: Graph
    sections: tuple[Section, ...]
    inverted: bool


class Reasons(Struct, frozen=True, kw_only=True):
    """The chains of requirements that brought a package into the lock."""

    pin: Pin
    environment: str
    chains: Chains
    unsolved: tuple[RootLabel, ...] = ()
    """The groups and extras without a solution: they have no chains."""


def show_tree(
    settings: Settings, place: Place, *, names: tuple[str, ...], invert: str, depth: int | None = None
) -> Tree:
    """Return the lock as a tree of all packages, of those that `names` require, or of those that require `invert`.

    `depth` is how many levels of requirements it shows below the first; None for all. Raises UsageError for a name
    that is not in the lock.
    """
    scope = find_lock(settings, place)
    environment, graph = scope.part.target.name, graph_of(scope.lock, scope.part)
    edges = graph.parents if invert else graph.children
    asked = (invert,) if invert else names
    shown: dict[Pin, int] = {}
    if asked:
        tops = [_pin(scope, graph, text) for text in asked]
        sections = [Section(title="", rows=tuple(walk(edges, tops, shown, most=depth)))]
    else:
        sections = [
            Section(title=title, rows=tuple(walk(edges, sorted(tops), shown, most=depth)))
            for title, tops in _titled(scope, graph).items()
        ]
    return Tree(
        lock=scope.lock,
        environment=environment,
        graph=graph,
        sections=tuple(sections),
        inverted=bool(invert),
    )


def _titled(scope: LockedScope, graph: Graph) -> dict[str, list[Pin]]:
    """Return the packages that each part of the manifest requires, by the title of the part."""
    titles: dict[str, list[Pin]] = {}
    for label in scope.lock.inputs.roots:
        if label in scope.part.unsolved:
            titles[f"{label}: no solution"] = []
        elif pins := [root.pin for root in graph.roots if root.label == label]:
            titles[str(label)] = pins
    return titles


def explain(settings: Settings, text: str, place: Place) -> Reasons:
    """Return the chains from the manifest to a package; raise UsageError if it is not in the lock."""
    scope = find_lock(settings, place)
    graph = graph_of(scope.lock, scope.part)
    pin = _pin(scope, graph, text)
    return Reasons(
        pin=pin,
        environment=scope.part.target.name,
        chains=chains_to(graph, pin, most=MOST_CHAINS),
        unsolved=scope.part.unsolved,
    )


def project_name(text: str) -> NormalizedName:
    """Return `text` as a normalised name; raise UsageError if it is not a valid name."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise UsageError(
            f"`{text}` is not a valid package name", hint="give only the name, without a version"
        ) from error


def _pin(scope: LockedScope, graph: Graph, text: str) -> Pin:
    name, environment = project_name(text), scope.part.target.name
    pin = graph.find(name)
    if pin is not None:
        return pin
    having = [each for each in scope.lock.environments if any(one.name == name for one in each.pins)]
    for each in having:
        if each.target.name == environment:
            raise _not_shown(name, each)
    elsewhere = ", ".join(each.target.name for each in having)
    raise UsageError(
        f"{LOCK_NAME} does not contain `{name}` for {environment}",
        cause=f"it contains it for {elsewhere}" if elsewhere else _unsolved_with(scope, name),
        hint="run `pipper tree` to see the locked packages",
    )


def _unsolved_with(scope: LockedScope, name: NormalizedName) -> str:
    """Return that a group or extra that requires a package has no solution; empty if none such does."""
    roots = scope.lock.inputs.roots
    for label in scope.part.unsolved:
        if any(name_of(parse_requirement(text)) == name for text in roots[label]):
            return f"the {label.kind} `{label.name}`, which requires it, has no solution"
    return ""


def _not_shown(name: NormalizedName, whole: LockedEnvironment) -> UsageError:
    """Return the error for a package that only extras and groups have that `whole_part` leaves out."""
    lists = labelled(whole.packages, whole.groups, whole.extras)
    labels = [label for label, pins in lists.items() if any(pin.name == name for pin in pins)]
    return UsageError(
        f"`{name}` is locked only for what is not shown: "
        + " and ".join(f"the {label.kind} `{label.name}`" for label in labels),
        cause="of each set of `conflicts` the first is shown, and nothing that has another version of a package"
        " than what is before it",
        hint=f"run `pipper sync --{labels[0].kind} {labels[0].name} --dry-run` to see what comes with it",
    )
