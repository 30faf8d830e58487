"""Recovery from an interrupted command: finish a committed change, remove the files of an uncommitted one."""

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pipper.apply.collisions import check_collisions
from pipper.apply.environment_lock import environment_lock
from pipper.apply.installed_record import RECREATE, Claim, parse_record, read_record
from pipper.apply.journal import (
    Journal,
    Outgoing,
    read_journal,
    record_sha256,
    settle_journal,
    sha256_of,
)
from pipper.apply.journal_paths import check_distributions, check_documents
from pipper.apply.mover import Mover
from pipper.apply.removal import moves, owned_by_others, place_of, recorded
from pipper.apply.schemes import Layout, layout_of
from pipper.apply.settling import settle
from pipper.core.plan import Installed
from pipper.core.reporter import Reporter
from pipper.errors import MachineError
from pipper.python.environment import Environment, installed
from pipper.system.letter_case import is_one_place
from pipper.system.moves import remove

STAGE = "stage"
"""The folder of the staging tree, beside the journal."""

_SILENT = Reporter()


def recover(environment: Environment, reporter: Reporter = _SILENT, projects: Collection[Path] = ()) -> bool:
    """Finish an interrupted change and remove leftover files; return True if there was such a change.

    Safe to repeat. Skips a distribution whose RECORD is neither the old nor the new one: another tool changed it,
    and a new plan decides about it. `projects` are further folders whose manifest and lock a change may write.
    Raises MachineError, and IntegrityError for a journal with other paths, and then keeps the journal.
    """
    if not os.path.isdir(environment.state_dir):
        return False
    state = environment.state_dir
    with environment_lock(environment, reporter):
        layout = layout_of(environment)
        journal = read_journal(state)
        try:
            if journal is not None:
                _refuse_moved(environment, layout, journal)
                check_distributions(journal, environment, layout)
                check_documents(journal, environment, projects)
                reporter.info(f"Finishing the interrupted change of `{environment.root}`")
                _finish(environment, layout, journal, reporter)
            clear_stage(state)
            settle(environment, layout, reporter)
        except OSError as error:
            raise MachineError(
                f"cannot finish the interrupted change of `{environment.root}`: `{error.filename}`",
                cause=error.strerror or str(error),
                hint="free space or fix permissions there, then run the command again",
            ) from error
    return journal is not None


def clear_stage(state: Path) -> None:
    """Remove the staging tree, as far as the disk allows; raises OSError for a link in its place that stays."""
    stage = state / STAGE
    if stage.is_symlink():
        stage.unlink()
    remove(stage)


def _finish(environment: Environment, layout: Layout, journal: Journal, reporter: Reporter) -> None:
    state = environment.state_dir
    mover = Mover(layout, state / STAGE)
    for path in mover.write_documents(journal.documents):
        reporter.warning(f"`{path}` was edited since the interruption and is not changed")
    # Without a stage, all moves were done, and only the journal is left.
    if os.path.lexists(state / STAGE):
        mover.prepare()
        _finish_moves(environment, layout, journal, mover, reporter)
    settle_journal(state, journal)


def _refuse_moved(environment: Environment, layout: Layout, journal: Journal) -> None:
    if journal.anchor != layout.anchor and not is_one_place(journal.anchor or "/", layout.anchor or "/"):
        raise MachineError(
            f"`{environment.root}` was moved after a change of it was interrupted",
            cause=f"it was at `{journal.anchor}`",
            hint=RECREATE,
        )


def _finish_moves(
    environment: Environment, layout: Layout, journal: Journal, mover: Mover, reporter: Reporter
) -> None:
    present = installed(environment)
    foreign = _foreign(present, journal, layout)
    for name in sorted(foreign):
        reporter.warning(f"{name} was changed by another tool since the interruption and is not changed")
    leaving = {
        number: each
        for number, each in enumerate(journal.outgoing)
        if each.name not in foreign
        and record_sha256(layout.absolute(each.dist_info)) == each.record_sha256 != ""
    }
    mover.take_out_infos(leaving)
    moved = {each.dist_info for each in leaving.values()}
    staying = [each for each in present if place_of(each.dist_info, layout) not in moved]
    gone = []
    if not mover.files_are_out:
        gone = _files_of(journal.outgoing, mover.old_infos, staying, layout)
        mover.take_out_files(gone)
    incoming = [each for each in journal.incoming if each.name not in foreign]
    claims = {
        layout.key(path): Claim(each.name, row.hash)
        for each in incoming
        for path, row in recorded(parse_record(each.record, each.dist_info), each.dist_info, layout).items()
    }
    tree = f"{environment.state_dir / STAGE}/tree"
    _drop_unclaimed(tree, claims, layout)
    check_collisions(tree, claims, leaving=(), staying=staying, layout=layout)
    mover.bring_in(incoming)


def _foreign(present: Sequence[Installed], journal: Journal, layout: Layout) -> set[str]:
    """Return the names that another tool installed, replaced or removed after the interruption."""
    known = {each.dist_info: each.record_sha256 for each in journal.outgoing}
    fresh = {each.dist_info: sha256_of(each.record.encode()) for each in journal.incoming}
    names = {each.name for each in journal.outgoing} | {each.name for each in journal.incoming}
    foreign: set[str] = set()
    for each in present:
        if each.name in names:
            place, found = place_of(each.dist_info, layout), record_sha256(str(each.dist_info))
            if found not in (known.get(place), fresh.get(place)):
                foreign.add(each.name)
    return foreign


def _files_of(
    outgoing: Iterable[Outgoing], infos: Path, staying: Sequence[Installed], layout: Layout
) -> list[str]:
    rows = [(each.dist_info, read_record(f"{infos}/{number}") or ()) for number, each in enumerate(outgoing)]
    paths = {layout.key(path) for dist_info, found in rows for path in recorded(found, dist_info, layout)}
    return moves(paths.difference(owned_by_others(paths, staying, layout)), layout)


def _drop_unclaimed(tree: str, claims: dict[str, Claim], layout: Layout) -> None:
    """Remove staged files of distributions that are not installed any more."""
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            if layout.key(os.path.relpath(path, tree).replace(os.sep, "/")) not in claims:
                os.unlink(path)
