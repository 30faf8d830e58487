"""Paths that several packages bring with other bytes, where `[files]` decides which of them wins.

The package that loses a path is installed without it: its RECORD does not list the path, and its marks do, so that
it gets the file back when the winner goes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.apply.installed_record import read_record
from pipper.apply.installer import claims_of
from pipper.apply.removal import library_of, place_of, recorded
from pipper.apply.schemes import Layout, layout_of
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.manifest.files import is_ruled, winner_of
from pipper.core.plan import Installed, Plan
from pipper.python.environment import Environment

_YIELDED = ""
"""The hash of a file that a package was installed without."""


class Shares(Struct, frozen=True, kw_only=True):
    """What `[files]` makes of a plan."""

    lost: Mapping[NormalizedName, frozenset[str]]
    """For each incoming package the keys of the paths that it is installed without."""
    wrong: frozenset[NormalizedName]
    """The kept packages that have a path they lose, or lack one that is theirs: they are to be installed again."""


def shares_of(plan: Plan, wheels: Mapping[str, UnpackedWheel], environment: Environment) -> Shares:
    """Return who loses which path; `wheels` are those of the plan that are at hand, by sha256.

    Reads the RECORD of every kept package if there are rules, or a package that lost a path. Raises MachineError.
    """
    if not plan.files and not any(each.yields for each in plan.kept):
        return Shares(lost={}, wrong=frozenset())
    layout = layout_of(environment)
    rules = {layout.key(pattern): winner for pattern, winner in plan.files.items()}
    holders: dict[str, dict[NormalizedName, str]] = defaultdict(dict)
    for each in plan.kept:
        for path, digest in _kept(each, layout).items():
            holders[path][each.name] = digest
    executable = environment.interpreter.executable
    incoming = [want for want in plan.incoming if want.file.sha256 in wheels]
    for want in incoming:
        claims = claims_of(wheels[want.file.sha256], want, layout=layout, executable=executable)
        for path, claim in claims.items():
            holders[path][want.name] = claim.hash
    lost: dict[NormalizedName, set[str]] = {want.name: set() for want in incoming}
    wrong: set[NormalizedName] = set()
    for path, hashes in holders.items():
        losers = _losers(layout.shown(path), hashes, rules)
        for name, digest in hashes.items():
            if name not in lost:
                wrong |= {name} if (digest == _YIELDED) != (name in losers) else set()
            elif name in losers:
                lost[name].add(path)
    return Shares(lost={name: frozenset(paths) for name, paths in lost.items()}, wrong=frozenset(wrong))


def yielded(installed: Installed, layout: Layout, rules: Mapping[str, str]) -> frozenset[str]:
    """Return the keys of the paths that an installed package may lack, because `[files]` names them."""
    library = library_of(installed.dist_info, layout)
    paths = _resolved(installed.yields, library, layout)
    patterns = {layout.key(pattern): winner for pattern, winner in rules.items()}
    return frozenset(path for path in paths if is_ruled(layout.shown(path), patterns))


def _kept(installed: Installed, layout: Layout) -> dict[str, str]:
    rows = read_record(str(installed.dist_info)) or []
    found = recorded(rows, place_of(installed.dist_info, layout), layout)
    library = library_of(installed.dist_info, layout)
    lacking = dict.fromkeys(_resolved(installed.yields, library, layout), _YIELDED)
    return {**{layout.key(path): row.hash for path, row in found.items()}, **lacking}


def _resolved(recorded_paths: Iterable[str], library: str, layout: Layout) -> list[str]:
    found = (layout.resolve(library, path) for path in recorded_paths)
    return [layout.key(path) for path in found if path is not None]


def _losers(
    path: str, hashes: Mapping[NormalizedName, str], rules: Mapping[str, str]
) -> frozenset[NormalizedName]:
    """Return the packages that are to be without a path; those with the winner's bytes share it."""
    different = set(hashes.values())
    if len(hashes) < 2 or (len(different) == 1 and _YIELDED not in different):
        return frozenset()
    winner = winner_of(path, hashes, rules)
    if winner is None:
        return frozenset()
    won = hashes[winner]
    return frozenset(name for name in hashes if name != winner and (won == _YIELDED or hashes[name] != won))
