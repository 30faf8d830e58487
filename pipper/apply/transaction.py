"""Application of a whole plan as one change: all of it, or nothing.

1. Stage: build all incoming files beside the environment, on its file system, and check for collisions. All faults
   are found here, before anything has changed.
2. Commit: write and flush the journal (`journal`).
3. Move: rename files (`mover`). An error or an interrupt undoes the moves and the commit. A crash leaves the
   journal, and the next command that changes the environment finishes the moves (`recovery`).

A new environment is put together beside its place (`new_environment`): there the files are moved before the journal is
written, and the commit is the rename to the place.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import starmap
from pathlib import Path

from msgspec.structs import replace

from pipper.apply.collisions import check_collisions, require_writable
from pipper.apply.environment_lock import environment_lock
from pipper.apply.installer import Stage
from pipper.apply.journal import (
    Document,
    Journal,
    Outgoing,
    record_sha256,
    settle_journal,
    sha256_at,
    write_journal,
)
from pipper.apply.mover import Mover
from pipper.apply.new_environment import NewEnvironment
from pipper.apply.pending import JOURNAL
from pipper.apply.placing import Placer
from pipper.apply.recovery import STAGE, clear_stage
from pipper.apply.removal import Moves, owned_by, owned_by_others, place_of
from pipper.apply.schemes import Layout, layout_of
from pipper.apply.settling import with_unsettled
from pipper.apply.shared_paths import Shares, shares_of
from pipper.apply.stamp import boot_id
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel, intact
from pipper.core.plan import Installed, Plan, Remove, Replace
from pipper.core.reporter import Reporter
from pipper.errors import ConflictError, MachineError
from pipper.python.environment import Environment, refuse_changed
from pipper.system.files import sync_folder
from pipper.system.os_errors import machine_error
from pipper.system.trust import inner_target

_SILENT = Reporter()


def apply_plan(
    plan: Plan,
    *,
    environment: Environment | NewEnvironment,
    present: Sequence[Installed],
    wheels: Mapping[str, UnpackedWheel],
    cache: Cache,
    documents: Mapping[Path, bytes] | None = None,
    placer: Placer | None = None,
    reporter: Reporter = _SILENT,
) -> None:
    """Apply `plan` to an environment and write `documents`, all or nothing.

    The caller holds `environment_lock` and called `recover` before it read `present`, the installed distributions
    that the plan is based on. `wheels` are the wheels of the plan by sha256; `documents` are manifest and lock,
    which change together with the environment; `placer` is a new one, and places the files.

    Raises IntegrityError if two distributions have different bytes for one path, if a wheel is not the locked one,
    or if a document is a link out of its folder; ConflictError if another tool installed or removed a distribution
    since; and MachineError for the disk, for files in the way, and for a distribution to remove that has no RECORD.
    Environment and documents are then unchanged. Raises TakenError if something came to the place of a new one.
    """
    if not plan.changes and not documents:
        return
    placer = placer or Placer()
    where = environment.environment if isinstance(environment, NewEnvironment) else environment
    with environment_lock(where, reporter), cache.in_use():
        refuse_changed(where, present)
        renewed = {want.file.sha256: wheels[want.file.sha256] for want in plan.incoming}
        renewed = {
            sha256: wheel if intact(wheel) else cache.renew(wheel) for sha256, wheel in renewed.items()
        }
        shares = shares_of(plan, renewed, where)
        transaction = (
            _NewTransaction(environment, placer, reporter, shares)
            if isinstance(environment, NewEnvironment)
            else _Transaction(environment, placer, reporter, shares)
        )
        transaction.run(plan, renewed, present, documents or {})


class _Transaction:
    def __init__(self, environment: Environment, placer: Placer, reporter: Reporter, shares: Shares) -> None:
        self._shares = shares
        self.layout: Layout = layout_of(environment)
        self._environment = environment
        self._state = environment.state_dir
        self._placer = placer
        self._reporter = reporter
        self._mover = Mover(self.layout, self._state / STAGE)

    def run(
        self,
        plan: Plan,
        wheels: Mapping[str, UnpackedWheel],
        present: Sequence[Installed],
        documents: Mapping[Path, bytes],
    ) -> None:
        needed = sum(member.size for wheel in wheels.values() for member in wheel.members)
        for path in documents:
            inner_target(path)
        try:
            clear_stage(self._state)
            journal, gone = self._stage(plan, wheels, present)
            journal = replace(journal, documents=tuple(starmap(self._document, documents.items())))
            self._mover.keep_documents(journal.documents)
            refuse_changed(self._environment, present)
            self._refuse_new_files(gone)
            self._carry_out(with_unsettled(self._environment, self.layout, journal), gone)
        except BaseException as error:
            self._abandon(error)
            if isinstance(error, OSError):
                raise _refused(error, str(self._environment.root), needed) from error
            raise
        clear_stage(self._state)

    def _document(self, path: Path, content: bytes) -> Document:
        return Document(path=Path(os.path.abspath(path)), content=content, before=sha256_at(path))

    def _carry_out(self, journal: Journal, gone: Moves) -> None:
        """Commit and move; `gone` are the files and folders to move away."""
        write_journal(self._state, journal)
        self._mover.write_documents(journal.documents)
        self._mover.take_out_infos(dict(enumerate(journal.outgoing)))
        self._refuse_new_files(gone)
        self._mover.take_out_files(gone.paths)
        self._mover.bring_in(journal.incoming)
        settle_journal(self._state, journal)

    def _refuse_new_files(self, gone: Moves) -> None:
        """Raise ConflictError if a folder that is to go as a whole has got something that stays."""
        if not gone.hold():
            raise ConflictError(
                f"another process changed `{self._environment.root}` while this command ran",
                cause="files were added to or removed from package directories",
                hint="run the command again",
            )

    def _stage(
        self, plan: Plan, wheels: Mapping[str, UnpackedWheel], present: Sequence[Installed]
    ) -> tuple[Journal, Moves]:
        """Return the journal without documents, and the files and folders to move away, below the anchor."""
        leaving = _leaving(plan)
        staying = [each for each in present if each.dist_info not in {one.dist_info for one in leaving}]
        paths = {path for each in leaving for path in owned_by(each, self.layout)}
        gone = Moves(paths.difference(owned_by_others(paths, staying, self.layout)), self.layout)
        for folder in {os.path.dirname(self.layout.absolute(path)) for path in gone.paths}:
            require_writable(folder)
        os.makedirs(self.layout.anchor or "/", exist_ok=True)
        self._mover.prepare()
        stage = Stage(
            self._state / STAGE,
            layout=self.layout,
            executable=self._environment.interpreter.executable,
            placer=self._placer,
        )
        with self._reporter.task("Installing", total=len(plan.incoming), unit="packages") as task:
            for want in plan.incoming:
                lost = self._shares.lost.get(want.name, frozenset())
                stage.add(wheels[want.file.sha256], want, lost=lost)
                task.advance()
            self._placer.finish()
        for path, claim in stage.claims.items():
            if path.endswith(".pth"):
                self._reporter.detail(f"{claim.owner} installs `{path}`, which Python reads at every start")
        check_collisions(stage.tree, stage.claims, leaving=gone.paths, staying=staying, layout=self.layout)
        journal = Journal(
            anchor=self.layout.anchor,
            boot=boot_id(),
            outgoing=tuple(_outgoing(each, self.layout) for each in leaving),
            incoming=tuple(stage.staged),
        )
        return journal, gone

    def _abandon(self, error: BaseException) -> None:
        """Undo everything. If that fails, keep the journal for recovery and raise MachineError."""
        try:
            self._take_back()
        except OSError as second:
            raise MachineError(
                f"the change of `{self._environment.root}` was neither finished nor undone: `{second.filename}`",
                cause=f"{second.strerror} (after: {error})",
                hint="free space or fix permissions there, then run the command again: it finishes the change",
            ) from error
        clear_stage(self._state)

    def _take_back(self) -> None:
        self._mover.undo()
        (self._state / JOURNAL).unlink(missing_ok=True)


class _NewTransaction(_Transaction):
    """The change that fills a new environment beside its place, and ends there."""

    def __init__(self, new: NewEnvironment, placer: Placer, reporter: Reporter, shares: Shares) -> None:
        super().__init__(new.environment, placer, reporter, shares)
        self._new = new

    def _document(self, path: Path, content: bytes) -> Document:
        document = super()._document(path, content)
        # What is there now is the old environment's, and goes with it.
        is_own = document.path.parent == self._new.place.state_dir
        return replace(document, before="") if is_own else document

    def _carry_out(self, journal: Journal, gone: Moves) -> None:
        del gone  # nothing was there
        place = self._new.place
        layout = replace(self.layout, anchor=os.path.realpath(place.root))
        self._mover.bring_in(journal.incoming)
        write_journal(self._state, replace(journal, anchor=layout.anchor))
        self._new.move_in()
        if any(document.path.parent != place.state_dir for document in journal.documents):
            sync_folder(
                place.root.parent
            )  # a power cut must not leave the manifest without it and its journal
        self._state = place.state_dir
        self._mover = Mover(layout, self._state / STAGE)
        self._mover.write_documents(journal.documents)
        settle_journal(self._state, journal)

    def _take_back(self) -> None:
        self._mover.undo()
        self._new.move_back()  # with its journal, which a kill before that leaves to the next command
        self._state = self._new.environment.state_dir  # at the place is the old one's now


def _refused(error: OSError, root: str, needed: int) -> MachineError:
    """Return the error for a disk that refused a change of the environment at `root`, or of a document elsewhere."""
    place = str(error.filename2 or error.filename or root)
    folder = place if place == root else os.path.dirname(place) or root
    hint = f"free space or fix permissions in {folder}, then run the command again: nothing was changed"
    return machine_error("write", place, error, needed=needed, hint=hint)


def _leaving(plan: Plan) -> list[Installed]:
    leaving: list[Installed] = []
    for action in plan.changes:
        if isinstance(action, Replace):
            leaving.extend(action.installed)
        elif isinstance(action, Remove):
            leaving.append(action.installed)
    return leaving


def _outgoing(distribution: Installed, layout: Layout) -> Outgoing:
    return Outgoing(
        name=distribution.name,
        dist_info=place_of(distribution.dist_info, layout),
        record_sha256=record_sha256(str(distribution.dist_info)),
    )
