"""Staging of wheels, with the files that an installer itself writes (PEP 427, PEP 376).

The staging tree mirrors the environment below its anchor. The `.dist-info` folders are kept apart, because they are
moved last.
"""

import functools
import hashlib
import json
import os
import posixpath
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pipper.apply.installed_record import ONE_NAME, Claim
from pipper.apply.placing import Placer
from pipper.apply.schemes import Layout
from pipper.apply.scripts import SCRIPT_SUFFIX, script_of, with_interpreter
from pipper.cache.unpacked import UnpackedMember, UnpackedWheel
from pipper.core.manifest.files import rule_for
from pipper.core.manifest.inputs import PATH
from pipper.core.plan import INSTALLER, Wanted
from pipper.core.standards import read_version
from pipper.errors import IntegrityError
from pipper.python.environment import MARKS
from pipper.system.regular_file import open_regular
from pipper.wheels.record import Row, encoded, format_record, row_of


class Staged(Struct, frozen=True, kw_only=True, array_like=True):
    """A distribution that is complete in the staging tree."""

    name: str
    dist_info: str
    """The future path of its `.dist-info`, below the anchor."""
    record: str


class Stage:
    """The staging tree in `folder`, which must be new.

    Raises IntegrityError if two wheels have different content for one path, MachineError for the disk.
    """

    def __init__(self, folder: Path, *, layout: Layout, executable: Path, placer: Placer) -> None:
        self.tree = f"{folder}/tree"
        self.info = f"{folder}/info"
        self._layout = layout
        self._executable = executable
        self._placer = placer
        self._folders: set[str] = set()
        self._lost: frozenset[str] = frozenset()
        self._yields: list[str] = []
        self.claims: dict[str, Claim] = {}
        """Every file outside `.dist-info`, by the key of its path below the anchor."""
        self.staged: list[Staged] = []
        """The distributions in the order of `add`."""

    def add(self, wheel: UnpackedWheel, wanted: Wanted, *, lost: frozenset[str] = frozenset()) -> None:
        """Stage a wheel, except for what the placer defers. Its unpacked tree must be intact.

        It is installed without the paths `lost` (their keys), which other packages win. Raises IntegrityError if
        it is not the locked one.
        """
        _check_identity(wheel, wanted)
        self._lost, self._yields = lost, []
        library = self._layout.prefixes["purelib" if wheel.root_is_purelib else "platlib"]
        try:
            rows = self._place_members(wheel, library)
            rows += self._write_scripts(wheel, library)
            has_own = bool(wheel.entry_points) or any(member.python_script for member in wheel.members)
            rows += self._write_marks(wheel, wanted, python=str(self._executable) if has_own else "")
            record = format_record([*rows, Row(f"{wheel.dist_info}/RECORD", "", "")])
            self._write(f"{self.info}/{wheel.dist_info}/RECORD", record.encode(), 0o644)
        except (FileExistsError, NotADirectoryError) as error:
            path = str(error.filename2 or error.filename or "").removeprefix(f"{self.tree}/")
            raise IntegrityError(
                f"{wheel.filename} contains `{path}`, which another wheel of the plan contains too",
                cause="one of them is a directory, or they differ in the case of letters only",
                hint=_without_file("one of the two packages"),
            ) from error
        self.staged.append(Staged(name=wheel.name, dist_info=library + wheel.dist_info, record=record))

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
                    " which belongs to the environment itself",
                    hint=_without_file(wheel.name),
                )
            if self._layout.key(relative) in self._lost:
                self._yields.append(path)
                continue
            if member.python_script:
                content = with_interpreter(_read_member(source, member), self._executable)
                rows.append(self._generate(relative, path, content, wheel.name))
                continue
            row = Row(path, f"sha256={member.digest}", str(member.size))
            anywhere = f"{wheel.filename}: member {member.path!r}" if member.scheme == "data" else ""
            if self._claim(relative, row, wheel.name, anywhere):
                self._put(source, f"{self.tree}/{relative}", member)
            rows.append(row)
        return rows

    def _through_links(self, target: str) -> str:
        """Return a path below the data folder with the environment's links resolved, such as `lib64` to `lib`.

        Otherwise two members with different paths could be the same file.
        """
        folder, slash, name = target.rpartition("/")
        place = os.path.normpath(self._layout.absolute(self._layout.prefixes["data"] + folder))
        if not slash or os.path.realpath(place) == place:
            return target
        real = os.path.relpath(os.path.realpath(place), self._layout.absolute(self._layout.prefixes["data"]))
        # `check_collisions` refuses a link that leads out of the environment.
        return target if real.startswith("..") else posixpath.normpath(f"{real.replace(os.sep, '/')}/{name}")

    def _write_scripts(self, wheel: UnpackedWheel, library: str) -> list[Row]:
        scripts = self._layout.prefixes["scripts"]
        recorded = _from_library(library, scripts)
        rows = []
        for entry in wheel.entry_points:
            name, content = entry.name + SCRIPT_SUFFIX, script_of(entry, self._executable)
            if self._layout.key(scripts + name) in self._lost:
                self._yields.append(recorded + name)
                continue
            rows.append(self._generate(scripts + name, recorded + name, content, wheel.name))
        return rows

    def _write_marks(self, wheel: UnpackedWheel, wanted: Wanted, *, python: str) -> list[Row]:
        # Of a built wheel, what the lock holds: the hash of its source distribution and what built it.
        built = {"build": wanted.build} if wanted.build else {}
        marks = {"source": wanted.source, "sha256": wanted.file.sha256, **built}
        if self._yields:
            marks["yields"] = "\n".join(sorted(self._yields))
        marks_text = json.dumps({**marks, "python": python} if python else marks) + "\n"
        rows = []
        texts = {"INSTALLER": f"{INSTALLER}\n", MARKS: marks_text}
        if wanted.source == PATH:
            editable = {"editable": True} if wanted.build == "editable" else {}
            texts["direct_url.json"] = (
                json.dumps({"url": wanted.file.url, "dir_info": editable}) + "\n"
            )  # PEP 610
        for name, text in texts.items():
            path = f"{wheel.dist_info}/{name}"
            self._write(f"{self.info}/{path}", text.encode(), 0o644)
            rows.append(row_of(path, text.encode()))
        return rows

    def _generate(self, relative: str, recorded: str, content: bytes, owner: str) -> Row:
        row = row_of(recorded, content)
        if self._claim(relative, row, owner):
            self._write(f"{self.tree}/{relative}", content, 0o755)
        return row

    def _claim(self, relative: str, row: Row, owner: str, member: str = "") -> bool:
        """Return True for the first file of a path, False for an identical one; raises IntegrityError."""
        claim = Claim(owner, row.hash, member)
        first = self.claims.setdefault(self._layout.key(relative), claim)
        if first is claim:
            return True
        if first.hash != row.hash:
            where, hint = (
                f"both {first.owner} and {owner}",
                rule_for(self._layout.shown(relative), first.owner),
            )
            if first.owner == owner:
                where, hint = f"{owner} twice", _without_file(owner)
            cause = ONE_NAME if self._layout.ignores_case else ""
            raise IntegrityError(f"`{relative}` is in {where}, with different bytes", cause=cause, hint=hint)
        return False

    def _put(self, source: str, destination: str, member: UnpackedMember) -> None:
        self._folder_of(destination)
        self._placer.put(source, destination, executable=member.executable)

    def _write(self, path: str, content: bytes, mode: int) -> None:
        self._folder_of(path)
        self._placer.write(path, content, mode)

    def _folder_of(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            try:
                os.mkdir(folder)
            except (FileNotFoundError, FileExistsError):
                os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


class _Unwritten(Stage):
    """A stage of which nothing gets onto the disk."""

    def _put(self, source: str, destination: str, member: UnpackedMember) -> None:
        pass

    def _write(self, path: str, content: bytes, mode: int) -> None:
        pass


def record_of(
    wheel: UnpackedWheel,
    wanted: Wanted,
    *,
    layout: Layout,
    executable: Path,
    lost: frozenset[str] = frozenset(),
) -> str:
    """Return the RECORD that an installation of this wheel has; raises IntegrityError as `Stage.add` does."""
    stage = _Unwritten(Path(), layout=layout, executable=executable, placer=Placer())
    stage.add(wheel, wanted, lost=lost)
    return stage.staged[0].record


def claims_of(
    wheel: UnpackedWheel, wanted: Wanted, *, layout: Layout, executable: Path
) -> Mapping[str, Claim]:
    """Return the files of a wheel outside `.dist-info` by the keys of their paths; raises as `Stage.add` does."""
    stage = _Unwritten(Path(), layout=layout, executable=executable, placer=Placer())
    stage.add(wheel, wanted)
    return stage.claims


def _read_member(source: str, member: UnpackedMember) -> bytes:
    with open_regular(source) as file:
        content = file.read()
    if encoded(hashlib.sha256(content).digest()) != member.digest:
        raise IntegrityError(
            f"`{source}` in the cache was changed",
            hint="run `pipper cache clean`, then the same command again",
        )
    return content


def _without_file(package: str) -> str:
    return f"remove {package} from the requirements, or rebuild it without this file"


def _check_identity(wheel: UnpackedWheel, wanted: Wanted) -> None:
    # The index and the wheel may spell one version differently, such as 1.0 and 1.0.0.
    # The backend of a member may compute its version.
    same = wanted.version in ("", wheel.version) or read_version(wheel.version) == read_version(
        wanted.version
    )
    is_locked = bool(wanted.build) or wheel.sha256 == wanted.file.sha256
    if wheel.name != wanted.name or not same or not is_locked:
        raise IntegrityError(
            f"{wheel.filename} is {wheel.name} {wheel.version}, but the lock has {wanted.name} {wanted.version}",
            hint=f"run `pipper lock -P {wanted.name}` to choose again",
        )


@functools.cache
def _from_library(library: str, prefix: str) -> str:
    """Return the relative path from a library to another folder below the anchor, as in RECORD."""
    if prefix == library:
        return ""
    path = os.path.relpath(f"/{prefix}", f"/{library}").replace(os.sep, "/")
    return "" if path == "." else f"{path}/"
