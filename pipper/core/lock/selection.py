"""The packages that an environment gets from a lock, and the wheel of each."""

from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, NormalizedName

from pipper.core.lock.graph import graph_of, reached
from pipper.core.lock.model import Lock, LockedEnvironment, LockedFile, LockedPackage, Pin, inconsistent
from pipper.core.manifest.conflicts import clashes, compatible, labels_in, written
from pipper.core.manifest.root_label import RootLabel
from pipper.core.plan import Wanted
from pipper.core.standards import read_wheel_name
from pipper.core.target import Target
from pipper.core.wheel_order import wheel_merit
from pipper.core.wording import quoted
from pipper.errors import NoSolutionError, UsageError

DEFAULT_GROUP = "dev"


class Selection(Struct, frozen=True, kw_only=True):
    """The groups and extras of a lock that the command line selects."""

    groups: frozenset[NormalizedName] = frozenset()
    only_groups: frozenset[NormalizedName] = frozenset()
    """If not empty: only these groups and their dependencies."""
    all_groups: bool = False
    default_group: bool = True
    """Whether to include the group `dev` if the manifest has it."""
    extras: frozenset[NormalizedName] = frozenset()
    all_extras: bool = False


def select(lock: Lock, part: LockedEnvironment, selection: Selection) -> tuple[Wanted, ...]:
    """Return the packages of an environment that have files, in the order of names; see `select_members`.

    Raises UsageError for an unknown group or extra, NoSolutionError for one without a solution, IntegrityError if no
    locked wheel of a package fits.
    """
    pins = selected_pins(lock, part, selection)
    return tuple(_wanted(lock, part, pin, part.build_of(pin)) for pin in sorted(pins) if not pin.path)


def select_members(lock: Lock, part: LockedEnvironment, selection: Selection) -> tuple[LockedPackage, ...]:
    """Return the members of an environment, in the order of names; raises as `selected_pins`."""
    pins = selected_pins(lock, part, selection) if lock.members else ()
    return tuple(lock.by_pin[pin] for pin in sorted(pins) if pin.path)


def selected_pins(lock: Lock, part: LockedEnvironment, selection: Selection) -> set[Pin]:
    """Return all packages of an environment.

    Raises UsageError for an unknown group or extra, NoSolutionError for one without a solution.
    """
    require_known("group", selection.groups | selection.only_groups, lock.inputs.groups, "the lock")
    require_known("extra", selection.extras, lock.inputs.extras, "the lock")
    _refuse_failed(part, selection)
    part = chosen_part(lock, part, selection)
    return _only(lock, part, selection) if selection.only_groups else _union(part, selection)


def chosen_part(lock: Lock, part: LockedEnvironment, selection: Selection) -> LockedEnvironment:
    """Return the environment without the extras and groups that conflict with others and are not selected.

    Raises UsageError if two are selected that conflict, or that have different versions of a package.
    """
    conflicts = lock.inputs.conflicts
    chosen = _labels(part, selection)
    for one, other in clashes(conflicts, chosen):
        default = RootLabel(kind="group", name=DEFAULT_GROUP)
        kept = other if one == default else one
        no_dev = "--no-dev " if default in (one, other) else ""
        raise UsageError(
            f"the {one.kind} `{one.name}` and the {other.kind} `{other.name}` cannot be installed together",
            cause="the manifest lists them in `conflicts`: each is locked apart from the other",
            hint=f"leave out one of the two, as with `{no_dev}--{kept.kind} {kept.name}`",
        )
    part = part.without(labels_in(conflicts) - chosen)
    if differing := _differing(part, sorted(chosen, key=str)):
        raise _not_together(*differing)
    return part


def whole_part(lock: Lock, part: LockedEnvironment) -> LockedEnvironment:
    """Return the environment with everything; of extras and groups that conflict, the first of each set.

    One that has another version of a package than those before it is left out, too.
    """
    apart = labels_in(lock.inputs.conflicts)
    kept: list[RootLabel] = []
    for label in sorted(compatible(lock.inputs.conflicts, sorted(apart, key=str)), key=str):
        if not _differing(part, (*kept, label)):
            kept.append(label)
    return part.without(apart - set(kept))


def _differing(
    part: LockedEnvironment, labels: Iterable[RootLabel]
) -> tuple[RootLabel, Pin, RootLabel, Pin] | None:
    """Return two groups or extras with different versions of one package; None without such."""
    found: dict[NormalizedName, tuple[RootLabel, Pin]] = {}
    for label in labels:
        closures = part.groups if label.kind == "group" else part.extras
        for pin in closures.get(label.name, ()):
            known = found.setdefault(pin.name, (label, pin))
            if known[1] != pin:
                return *known, label, pin
    return None


def _not_together(one: RootLabel, pin: Pin, other: RootLabel, rival: Pin) -> UsageError:
    """Return the error for parts of different sets of `conflicts`, which are solved apart."""
    return UsageError(
        f"the {one.kind} `{one.name}` and the {other.kind} `{other.name}` cannot be installed together",
        cause=f"the lock has {pin.shown} for one and {rival.shown} for the other: they are in different sets of"
        " `conflicts`, and solved apart",
        hint=f"leave out one of the two; to keep them apart, write `{written((one, other))}`, or add that set to those"
        " of the manifest",
    )


def _labels(part: LockedEnvironment, selection: Selection) -> frozenset[RootLabel]:
    groups: set[str] = set(selection.groups | selection.only_groups)
    extras: set[str] = set(selection.extras)
    if not selection.only_groups:
        groups |= set(part.groups) if selection.all_groups else set()
        groups |= {DEFAULT_GROUP} if selection.default_group and DEFAULT_GROUP in part.groups else set()
        extras |= set(part.extras) if selection.all_extras else set()
    return frozenset(
        {
            *(RootLabel(kind="group", name=name) for name in groups),
            *(RootLabel(kind="extra", name=name) for name in extras),
        }
    )


def _refuse_failed(part: LockedEnvironment, selection: Selection) -> None:
    """Raise NoSolutionError if a selected group or extra has no solution for this environment."""
    groups: set[str] = set(selection.groups | selection.only_groups)
    extras: set[str] = set(selection.extras)
    if not selection.only_groups:
        groups |= {DEFAULT_GROUP} if selection.default_group else set()
        groups |= set(part.failed_groups) if selection.all_groups else set()
        extras |= set(part.failed_extras) if selection.all_extras else set()
    for kind, names, reasons in (
        ("group", groups, part.failed_groups),
        ("extra", extras, part.failed_extras),
    ):
        for name in sorted(names & set(reasons)):
            message, _, cause = reasons[name].partition("\n")
            leave_out = "--no-dev" if name == DEFAULT_GROUP and kind == "group" else f"no `--{kind} {name}`"
            raise NoSolutionError(
                f"the {kind} `{name}` has no solution for {part.target.name}: {message}",
                cause=cause,
                hint=f"run `pipper lock -U` to solve it with other versions, or sync with {leave_out}",
            )


def require_known(kind: str, asked: Iterable[str], known: Iterable[str], label: str) -> None:
    """Raise UsageError for a group or extra (`kind`) that the lock named `label` does not have."""
    if unknown := sorted(set(asked) - set(known)):
        raise UsageError(
            f"there is no {kind} `{unknown[0]}` in {label}",
            cause=f"known {kind}s: {quoted(sorted(known))}",
            hint=f"use a known {kind}, or add this one to the manifest and run `pipper lock`",
        )


def _union(part: LockedEnvironment, selection: Selection) -> set[Pin]:
    groups = set(part.groups if selection.all_groups else selection.groups)
    if selection.default_group and DEFAULT_GROUP in part.groups:
        groups.add(DEFAULT_GROUP)
    extras = part.extras if selection.all_extras else selection.extras
    pins = set(part.packages)
    for name in groups:
        pins.update(part.groups[name])
    for name in extras:
        pins.update(part.extras[name])
    return pins


def _only(lock: Lock, part: LockedEnvironment, selection: Selection) -> set[Pin]:
    """Return the packages of groups alone; the lists of groups in the lock omit packages that the project needs too."""
    graph = graph_of(lock, part)
    groups = {RootLabel(kind="group", name=name) for name in selection.only_groups}
    return set(reached(graph.children, [root.pin for root in graph.roots if root.label in groups]))


def _wanted(lock: Lock, part: LockedEnvironment, pin: Pin, build: Iterable[Pin] | None) -> Wanted:
    """Return the file of a package: its source distribution if `build`, the packages of its build, is not None."""
    package = lock.by_pin[pin]
    if package.sdist is None or build is None:
        return _wanted_wheel(package, part.target)
    tools = tuple(_wanted(lock, part, each, part.build_of(each, in_build=True)) for each in sorted(build))
    text = "".join(
        f"{tool.name}=={tool.version} {tool.file.sha256} {tool.build}".rstrip() + "\n" for tool in tools
    )
    return Wanted(
        name=package.name,
        version=package.version,
        source=package.source,
        file=package.sdist,
        build=sha256(text.encode()).hexdigest(),
        tools=tools,
    )


def _wanted_wheel(package: LockedPackage, target: Target) -> Wanted:
    file = best_wheel(package.wheels, target)
    if file is None:
        raise inconsistent(f"{package.pin} has no wheel for {target.name}")
    return Wanted(name=package.name, version=package.version, source=package.source, file=file)


def best_wheel(files: Iterable[LockedFile], target: Target) -> LockedFile | None:
    """Return the wheel with the best tags for a target (PEP 425); of equals, the one that `wheel_merit` prefers.

    Raises IntegrityError for an invalid file name (PEP 427).
    """
    ranked = []
    for file in files:
        try:
            _, _, build, tags = read_wheel_name(file.filename)
        except InvalidWheelFilename as error:
            raise inconsistent(f"`{file.filename}` is not a wheel's file name") from error
        ranks = [target.ranks[tag] for tag in tags if tag in target.ranks]
        if ranks:
            ranked.append((wheel_merit(min(ranks), build, file.filename), file))
    return max(ranked, key=lambda each: each[0])[1] if ranked else None
