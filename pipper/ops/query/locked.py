"""`tree`, `why`: query the lock, without a change or a request."""

from msgspec import Struct
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.lock.graph import Chains, Graph, Row, chains_to, graph_of, walk
from pipper.core.lock.model import Lock, LockedEnvironment, Pin
from pipper.core.manifest.root_label import labelled
from pipper.errors import UsageError
from pipper.ops.context.project_files import LOCK_NAME
from pipper.ops.context.settings import Place, Settings
from pipper.ops.query.scope import find_lock

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
        tops = [_pin(scope.lock, graph, environment, text) for text in asked]
        sections = [Section(title="", rows=tuple(walk(edges, tops, shown, most=depth)))]
    else:
        titles: dict[str, list[Pin]] = {}
        for root in graph.roots:
            titles.setdefault(str(root.label), []).append(root.pin)
        sections = [
            Section(title=title, rows=tuple(walk(edges, sorted(tops), shown, most=depth)))
            for title, tops in titles.items()
        ]
    return Tree(
        lock=scope.lock,
        environment=environment,
        graph=graph,
        sections=tuple(sections),
        inverted=bool(invert),
    )


def explain(settings: Settings, text: str, place: Place) -> Reasons:
    """Return the chains from the manifest to a package; raise UsageError if it is not in the lock."""
    scope = find_lock(settings, place)
    environment, graph = scope.part.target.name, graph_of(scope.lock, scope.part)
    pin = _pin(scope.lock, graph, environment, text)
    return Reasons(pin=pin, environment=environment, chains=chains_to(graph, pin, most=MOST_CHAINS))


def project_name(text: str) -> NormalizedName:
    """Return `text` as a normalised name; raise UsageError if it is not a valid name."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise UsageError(
            f"`{text}` is not a valid package name", hint="give only the name, without a version"
        ) from error


def _pin(lock: Lock, graph: Graph, environment: str, text: str) -> Pin:
    name = project_name(text)
    pin = graph.find(name)
    if pin is not None:
        return pin
    having = [each for each in lock.environments if any(one.name == name for one in each.pins)]
    for each in having:
        if each.target.name == environment:
            raise _not_shown(name, each)
    elsewhere = ", ".join(each.target.name for each in having)
    raise UsageError(
        f"{LOCK_NAME} does not contain `{name}` for {environment}",
        cause=f"it contains it for {elsewhere}" if elsewhere else "",
        hint="run `pipper tree` to see the locked packages",
    )


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
