"""One wheel after another into the staging tree, with the files that an installer writes itself (PEP 427, 376).

The tree mirrors the environment from its anchor on; each distribution's `.dist-info` stands apart, as it is the
last to go in.
"""

import functools
import json
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from packaging.version import Version

from pipper.apply.installed_record import Claim
from pipper.apply.placing import Placer
from pipper.apply.schemes import Layout
from pipper.apply.scripts import script_of, with_interpreter
from pipper.cache.unpacked import UnpackedMember, UnpackedWheel
from pipper.core.plan import INSTALLER, Wanted
from pipper.errors import IntegrityError, MachineError
from pipper.python.environment import MARKS
from pipper.system.os_errors import machine_error
from pipper.wheels.record import Row, format_record, row_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A distribution that stands whole in the staging tree."""

    name: str
    dist_info: str
    """Where its `.dist-info` will be, below the anchor."""
    record: str


class Stage:
    """The staging tree in `folder`, which must be new.

    Raises IntegrityError where two wheels want the same path for different things, MachineError for the disk.
    """

    def __init__(self, folder: Path, *, layout: Layout, executable: Path, placer: Placer) -> None:
        self.tree = f"{folder}/tree"
        self.info = f"{folder}/info"
        self._layout = layout
        self._executable = executable
        self._placer = placer
        self._claims: dict[str, Claim] = {}
        self._folders: set[str] = set()
        self._staged: list[Staged] = []

    @property
    def claims(self) -> Mapping[str, Claim]:
        """Every file outside `.dist-info`, by its path below the anchor."""
        return MappingProxyType(self._claims)

    @property
    def staged(self) -> tuple[Staged, ...]:
        """The distributions, in the order in which they were added."""
        return tuple(self._staged)

    def add(self, wheel: UnpackedWheel, wanted: Wanted) -> None:
        """Stage a wheel whose tree is as it was unpacked."""
        library = self._layout.library(purelib=wheel.root_is_purelib)
        try:
            rows = self._place_members(wheel, library)
            rows += self._write_scripts(wheel, library)
            has_own = bool(wheel.entry_points) or any(member.python_script for member in wheel.members)
            rows += self._write_marks(wheel, wanted, python=str(self._executable) if has_own else "")
            record = format_record([*rows, Row(f"{wheel.dist_info}/RECORD", "", "")])
            _write(f"{self.info}/{wheel.dist_info}/RECORD", record.encode(), 0o644)
        except (FileExistsError, NotADirectoryError) as error:
            raise IntegrityError(
                f"{wheel.filename} brings `{self._relative(error)}`, which another wheel of the plan brings too",
                cause="one of them is a folder, or they differ in the case of letters only",
            ) from error
        self._staged.append(Staged(name=wheel.name, dist_info=library + wheel.dist_info, record=record))

    def finish(self) -> None:
        """Wait until every file is in its place."""
        self._placer.finish()

    def _place_members(self, wheel: UnpackedWheel, library: str) -> list[Row]:
        own = f"{wheel.dist_info}/"
        prefixes = {**self._layout.prefixes, "headers": f"{self._layout.prefixes['headers']}{wheel.name}/"}
        recorded = {scheme: _from_library(library, prefix) for scheme, prefix in prefixes.items()}
        rows: list[Row] = []
        for member in wheel.members:
            source = f"{wheel.tree}/{member.path}"
            if member.path.startswith(own):
                self._put(source, f"{self.info}/{member.path}", member)
                rows.append(Row(member.path, f"sha256={member.digest}", str(member.size)))
                continue
            target = self._through_links(member.target) if member.scheme == "data" else member.target
            relative = prefixes[member.scheme] + target
            path = recorded[member.scheme] + target
            if prefixes[member.scheme] == prefixes["data"] and not self._layout.inside(relative):
                raise IntegrityError(
                    f"{wheel.filename}: member {member.path!r}: would write `{relative}`,"
                    " which is the environment's own"
                )
            if member.python_script:
                content = with_interpreter(Path(source).read_bytes(), self._executable)
                rows.append(self._generate(relative, path, content, wheel.name))
                continue
            row = Row(path, f"sha256={member.digest}", str(member.size))
            anywhere = f"{wheel.filename}: member {member.path!r}" if member.scheme == "data" else ""
            if self._claim(relative, row, wheel.name, anywhere):
                self._put(source, f"{self.tree}/{relative}", member)
            rows.append(row)
        return rows

    def _through_links(self, target: str) -> str:
        """A path below the data folder with links of the environment followed, such as `lib64` to `lib`.

        One file has one path, else two members could have one place unseen.
        """
        folder, slash, name = target.rpartition("/")
        place = os.path.normpath(self._layout.absolute(self._layout.prefixes["data"] + folder))
        if not slash or os.path.realpath(place) == place:
            return target
        real = os.path.relpath(os.path.realpath(place), self._layout.absolute(self._layout.prefixes["data"]))
        # One that leads out of the environment is refused where it is found to be in the way.
        return target if real.startswith("..") else posixpath.normpath(f"{real.replace(os.sep, '/')}/{name}")

    def _write_scripts(self, wheel: UnpackedWheel, library: str) -> list[Row]:
        scripts = self._layout.prefixes["scripts"]
        recorded = _from_library(library, scripts)
        rows = []
        for entry in wheel.entry_points:
            script = script_of(entry, self._executable)
            rows.append(
                self._generate(scripts + script.name, recorded + script.name, script.content, wheel.name)
            )
        return rows

    def _write_marks(self, wheel: UnpackedWheel, wanted: Wanted, *, python: str) -> list[Row]:
        told = {"source": wanted.source, "sha256": wheel.sha256}
        marks = json.dumps({**told, "python": python} if python else told) + "\n"
        rows = []
        for name, text in (("INSTALLER", f"{INSTALLER}\n"), (MARKS, marks)):
            path = f"{wheel.dist_info}/{name}"
            self._folder_of(f"{self.info}/{path}")
            _write(f"{self.info}/{path}", text.encode(), 0o644)
            rows.append(row_of(path, text.encode()))
        return rows

    def _generate(self, relative: str, recorded: str, content: bytes, owner: str) -> Row:
        row = row_of(recorded, content)
        if self._claim(relative, row, owner):
            self._folder_of(f"{self.tree}/{relative}")
            _write(f"{self.tree}/{relative}", content, 0o755)
        return row

    def _claim(self, relative: str, row: Row, owner: str, member: str = "") -> bool:
        """Tell whether the file is the first of its path; identical ones after it are shared."""
        claim = Claim(owner, row.hash, member)
        first = self._claims.setdefault(relative, claim)
        if first is claim:
            return True
        if first.hash != row.hash:
            raise IntegrityError(
                f"`{relative}` is in {_both(first.owner, owner)}, with different bytes",
                hint="one of them has to go, or to be built without this file",
            )
        return False

    def _put(self, source: str, destination: str, member: UnpackedMember) -> None:
        self._folder_of(destination)
        self._placer.put(source, destination, executable=member.executable)

    def _folder_of(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def _relative(self, error: OSError) -> str:
        path = str(error.filename2 or error.filename or "")
        return path.removeprefix(f"{self.tree}/")


def _both(one: str, other: str) -> str:
    return f"both {one} and {other}" if one != other else f"{one} twice"


def check_identity(wheel: UnpackedWheel, wanted: Wanted) -> None:
    """Raise IntegrityError where a wheel is not the one that the lock says it is."""
    # A lock writes versions as the index does, a wheel as it was built: 1.0 and 1.0.0 are one version.

    same = wheel.version == wanted.version or Version(wheel.version) == Version(wanted.version)
    if wheel.name != wanted.name or not same or wheel.sha256 != wanted.file.sha256:
        raise IntegrityError(
            f"{wheel.filename} is {wheel.name} {wheel.version}, locked is {wanted.name} {wanted.version}",
            hint="run `pipper lock`",
        )


@functools.cache
def _from_library(library: str, prefix: str) -> str:
    """The way from a library to another folder below the anchor, as RECORD writes it."""
    if prefix == library:
        return ""
    way = os.path.relpath(f"/{prefix}", f"/{library}").replace(os.sep, "/")
    return "" if way == "." else f"{way}/"


def _write(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if os.name != "nt":
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def space_error(error: OSError, place: str, needed: int) -> MachineError:
    """Return the error for a disk that refused while `needed` bytes were to be written below `place`."""
    return machine_error(
        "write",
        error.filename2 or error.filename or place,
        error,
        needed=needed,
        hint=f"free space or fix permissions in {place}, then run the command again: nothing was changed",
    )
