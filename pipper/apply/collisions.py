"""Collisions of staged files with files in the environment (H26)."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from pipper.apply.installed_record import ONE_NAME, Claim, file_hash
from pipper.apply.removal import owned_by_others
from pipper.apply.schemes import Layout
from pipper.core.manifest.files import rule_for
from pipper.core.plan import Installed
from pipper.errors import IntegrityError, MachineError, PipperError

_UNOWNED = "it has other bytes, and no installed distribution owns it"


def check_collisions(
    tree: str,
    claims: Mapping[str, Claim],
    *,
    leaving: Iterable[str],
    staying: Iterable[Installed],
    layout: Layout,
) -> None:
    """Raise if a staged file would replace a file that is kept, or cannot be moved into place.

    `claims` are the owners of the staged files, by the keys of their paths; `leaving` are files and whole folders to
    be removed. Raises IntegrityError for a path of another distribution with other bytes, for a file that no RECORD
    owns if the staged file is from `.data/data`, and for a symbolic link out of the environment. Raises MachineError
    for any other file that no RECORD owns, and for a folder that is not writable. Identical bytes are not a collision.
    """
    gone = frozenset(map(layout.key, leaving))
    bad = {
        path: both_files
        for path, both_files in _collide(tree, "", layout, gone)
        if not (both_files and _is_the_same(path, claims, layout))
    }
    if not bad:
        return
    comers = {path: _claim_at(layout.key(path), claims) for path in bad}
    staying = tuple(staying)
    ours = {each.name for each in staying if each.ours}
    owners = owned_by_others({each for path in bad for each in _files_at(path, layout)}, staying, layout)
    for path, comer in comers.items():
        owner = _claim_at(layout.key(path), owners)
        if owner and comer and (not bad[path] or owner.hash != comer.hash):
            hint = f"uninstall {owner.owner}, or remove {comer.owner} from the requirements"
            if owner.owner in ours:
                hint = rule_for(layout.shown(path), owner.owner)
            raise IntegrityError(
                f"`{path}` is in both {owner.owner}, which is installed, and {comer.owner}, with different bytes",
                cause=ONE_NAME if layout.ignores_case else "",
                hint=hint,
            )
    raise _unowned(comers, layout)


def _is_the_same(path: str, claims: Mapping[str, Claim], layout: Layout) -> bool:
    claim = claims.get(layout.key(path))
    return claim is not None and file_hash(layout.absolute(path)) == claim.hash


def _unowned(comers: Mapping[str, Claim | None], layout: Layout) -> PipperError:
    for path, comer in comers.items():
        if comer and comer.member:
            return IntegrityError(
                f"{comer.member}: would replace `{layout.absolute(path)}`",
                cause=_UNOWNED,
                hint=f"remove {comer.owner} from the requirements, or move the file away if nothing needs it",
            )
    path, comer = next(iter(comers.items()))
    return MachineError(
        f"`{layout.absolute(path)}` is in the way of {comer.owner if comer else 'a staged file'}",
        cause=_UNOWNED,
        hint="move it away, then run the command again",
    )


def require_writable(folder: str) -> None:
    """Raise MachineError for a folder in which nothing can be created or removed."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MachineError(f"cannot write to `{folder}`", hint="fix its permissions: chmod u+wx")


def _collide(tree: str, relative: str, layout: Layout, gone: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Yield the paths of collisions below the anchor, and whether both sides are files."""
    here = layout.absolute(relative)
    require_writable(here)
    for entry in list(os.scandir(f"{tree}/{relative}")):
        path = f"{relative}{entry.name}"
        place = layout.absolute(path)
        try:
            found = os.lstat(place).st_mode
        except FileNotFoundError:
            continue
        if layout.key(path) in gone:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield path, stat.S_ISREG(found)
        elif _is_folder(place, found, layout):
            yield from _collide(tree, f"{path}/", layout, gone)
        else:
            yield path, False


def _is_folder(place: str, mode: int, layout: Layout) -> bool:
    if not stat.S_ISLNK(mode):
        return stat.S_ISDIR(mode)
    real = os.path.realpath(place)
    if not f"{real}/".startswith(f"{layout.anchor}/"):
        raise IntegrityError(
            f"`{place}` is a symbolic link that leads out of the environment, to `{real}`",
            hint="replace it with a directory",
        )
    return os.path.isdir(real)


def _files_at(path: str, layout: Layout) -> Iterator[str]:
    yield path
    for folder, _, names in os.walk(layout.absolute(path)):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), layout.anchor or "/").replace(os.sep, "/")


def _claim_at(path: str, claims: Mapping[str, Claim]) -> Claim | None:
    """Return the claim on a path, or on the first file below it."""
    below = f"{path}/"
    return claims.get(path) or next(
        (claim for other, claim in claims.items() if other.startswith(below)), None
    )
