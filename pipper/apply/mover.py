"""The moves of a committed change. Each is one rename, or many where a folder cannot be renamed; it can be undone."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipper.apply.installed_record import RECREATE
from pipper.apply.installer import Staged
from pipper.apply.journal import Document, Outgoing, sha256_at, sha256_of
from pipper.apply.schemes import Layout
from pipper.errors import IntegrityError
from pipper.system.files import set_mode, write_durable
from pipper.system.moves import move
from pipper.system.regular_file import read_regular
from pipper.system.trust import inner_target

_LAST = ("RECORD",)
"""The files of a folder that are moved after the others: a distribution is there as long as its RECORD is."""


class Mover:
    """Moves files between an environment and the staging tree in `stage`, and can undo the moves.

    Every step can be repeated after a crash: it skips what is done. Raises OSError, and IntegrityError for a
    document that is a link out of its folder.
    """

    def __init__(self, layout: Layout, stage: Path) -> None:
        self._layout = layout
        self._stage = stage
        self._undo: list[tuple[str, str]] = []
        self._documents: list[tuple[Document, Path | None]] = []

    @property
    def old_infos(self) -> Path:
        """The folder of outgoing `.dist-info` folders, by their numbers in the journal."""
        return self._stage / "old" / "info"

    @property
    def files_are_out(self) -> bool:
        """Whether all outgoing files were moved away, so that files in their places are new."""
        return (self._stage / "removed").exists()

    def prepare(self) -> None:
        """Create the folders for the moves; before the commit. Raises IntegrityError if one is a link."""
        for folder in ("", "tree", "info", "old", "old/info", "old/files", "documents"):
            place = self._stage / folder
            if place.is_symlink():
                raise IntegrityError(f"`{place}` is a symbolic link that pipper did not make", hint=RECREATE)
            os.makedirs(place, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (self._stage / "removing").touch(exist_ok=False)

    def keep_documents(self, documents: Sequence[Document]) -> None:
        """Copy the files that the documents replace, so that undoing needs no space; before the commit."""
        for number, document in enumerate(documents):
            if document.before:
                shutil.copyfile(document.path, self._kept(number))
                set_mode(self._kept(number), stat.S_IMODE(os.stat(document.path).st_mode))

    def write_documents(self, documents: Iterable[Document]) -> list[Path]:
        """Write the documents; skip and return those that were edited since the commit."""
        edited = []
        for number, document in enumerate(documents):
            found = sha256_at(document.path)
            if found == sha256_of(document.content):
                continue
            if found != document.before:
                edited.append(document.path)
                continue
            self._documents.append((document, self._kept(number) if document.before else None))
            os.makedirs(document.path.parent, exist_ok=True)
            write_durable(inner_target(document.path), document.content)
        return edited

    def take_out_infos(self, outgoing: Mapping[int, Outgoing]) -> None:
        """Move `.dist-info` folders away, by their numbers in the journal; this uninstalls the distributions."""
        for number, each in outgoing.items():
            self._rename(self._layout.absolute(each.dist_info), str(self.old_infos / str(number)))

    def take_out_files(self, paths: Sequence[str]) -> None:
        """Move files and whole folders away, then record that all are moved."""
        trash = self._stage / "old" / "files"
        taken = len(os.listdir(trash))
        for number, path in enumerate(paths, start=taken):
            with contextlib.suppress(FileNotFoundError):
                self._rename(self._layout.absolute(path), str(trash / str(number)))
        self._rename(str(self._stage / "removing"), str(self._stage / "removed"))

    def bring_in(self, incoming: Iterable[Staged]) -> None:
        """Move staged files into the environment, `.dist-info` folders last."""
        self._merge(f"{self._stage}/tree", self._layout.anchor)
        libraries: set[str] = set()
        for each in incoming:
            place = self._layout.absolute(each.dist_info)
            staged = f"{self._stage}/info/{os.path.basename(place)}"
            if os.path.isdir(staged):
                library = os.path.dirname(place)
                if library not in libraries:
                    os.makedirs(library, exist_ok=True)
                    libraries.add(library)
                self._rename(staged, place)

    def undo(self) -> None:
        """Undo every move and write, the last one first; a document that was edited since stays as it is."""
        while self._undo:
            source, destination = self._undo[-1]
            with contextlib.suppress(FileNotFoundError):
                move(destination, source, last=_LAST)
            self._undo.pop()
        while self._documents:
            document, kept = self._documents[-1]
            if sha256_at(document.path) == sha256_of(document.content):
                if kept is None:
                    document.path.unlink(missing_ok=True)
                elif kept.exists():
                    _put_back(kept, document.path)
            self._documents.pop()

    def _kept(self, number: int) -> Path:
        return self._stage / "documents" / str(number)

    def _merge(self, source: str, destination: str) -> None:
        for entry in sorted(os.scandir(source), key=lambda each: each.name):
            place = f"{destination}/{entry.name}"
            if not os.path.lexists(place):
                self._rename(entry.path, place)
            elif entry.is_dir(follow_symlinks=False):
                self._merge(entry.path, place)
            # Otherwise the same bytes are there already; the staged copy is removed with the stage.

    def _rename(self, source: str, destination: str) -> None:
        self._undo.append((source, destination))
        move(source, destination, last=_LAST)


def _put_back(kept: Path, path: Path) -> None:
    try:
        os.replace(kept, inner_target(path))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_durable(inner_target(path), read_regular(kept))
