"""Unpacked wheels in the cache, and the index that lists their members.

Nothing in a lock says what an unpacked wheel contains: only the wheel's file has a hash there. So a tree is believed
if this user's pipper unpacked it or compared it with the wheel, and if it has stayed where that was. The first is what
the seal of the index says (`system.seals`). The second is what the change times of its folders say, which the index
has: no program can set them, so they are others once a cache was restored, copied, or put on another disk. Then `holds`
compares every byte with the wheel, once.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import MsgspecError, Struct, json
from msgspec.structs import replace

from pipper.system.files import digest_of, set_mode
from pipper.system.os_errors import machine_error
from pipper.system.seals import read_sealed, sealed
from pipper.wheels.entry_points import EntryPoint
from pipper.wheels.record import encoded

if TYPE_CHECKING:
    from pipper.wheels.gate import WheelFile
    from pipper.wheels.tree import Member

Scheme = Literal["purelib", "platlib", "scripts", "data", "headers"]

_UNKNOWN = Path()


class UnpackedMember(NamedTuple):
    """A file of an unpacked wheel.

    A named tuple, because an environment has ten thousand of them, and these are created in 3 ms.
    """

    path: str
    """Below the tree, as in the wheel."""
    scheme: Scheme
    target: str
    """Its path below the scheme's folder, separated by `/`."""
    size: int
    digest: str
    """Its sha256 as RECORD writes it: base64, URL-safe, without padding."""
    executable: bool
    python_script: bool
    """Whether its first line, `#!python`, is to name the environment's interpreter (PEP 427)."""
    mtime_ns: int
    """When it was unpacked; a file with another time or size was changed since."""


class UnpackedWheel(
    Struct, frozen=True, kw_only=True, rename="kebab", tag_field="format", tag=1, omit_defaults=True
):
    """A wheel that passed the gate and is unpacked in the cache."""

    sha256: str
    filename: str
    name: str
    version: str
    tree: Path = _UNKNOWN
    """Not in the index: the cache may be moved."""
    dist_info: str
    root_is_purelib: bool
    owner: int
    """The user id that unpacked it; 0 on systems without user ids."""
    members: tuple[UnpackedMember, ...]
    folders: tuple[tuple[str, int], ...]
    """The folders of the tree with their change times (`st_ctime_ns`). A hard link to a file does not change them."""
    entry_points: tuple[EntryPoint, ...]
    metadata_sha256: str
    """Of METADATA, in hex."""
    requires_dist: tuple[str, ...]


def intact(wheel: UnpackedWheel) -> bool:
    """Return whether an unpacked wheel is unchanged: size, time and owner of every file.

    Hard links share a file with every environment: an edit in one of them must not get into the next. Raises
    MachineError if a file cannot be examined.
    """
    tree, owner = wheel.tree, wheel.owner
    try:
        for member in wheel.members:
            found = os.lstat(f"{tree}/{member.path}")
            if (
                found.st_mtime_ns != member.mtime_ns
                or found.st_size != member.size
                or found.st_uid != owner
                or not stat.S_ISREG(found.st_mode)
            ):
                return False
    except FileNotFoundError:
        return False
    except OSError as error:
        raise machine_error("read", error.filename or tree, error) from error
    return True


def is_in_place(wheel: UnpackedWheel) -> bool:
    """Return whether the folders of an unpacked wheel are those of its index, in which nothing was replaced since."""
    tree = wheel.tree
    try:
        for path, changed in wheel.folders:
            found = os.lstat(f"{tree}/{path}")
            if found.st_ctime_ns != changed or not stat.S_ISDIR(found.st_mode):
                return False
    except OSError:
        return False
    return True


def holds(tree: Path, wheel: "WheelFile") -> bool:
    """Return whether a folder contains the members of a wheel byte for byte, and nothing else, not even a link.

    Raises OSError if it cannot be read.
    """
    own = os.geteuid() if hasattr(os, "geteuid") else 0
    missing = {member.path: member for member in wheel.members}
    if not tree.is_dir() or tree.is_symlink():
        return False
    for path, entry in _entries(os.fspath(tree), ""):
        member = missing.pop(path, None)
        if member is None or not entry.is_file(follow_symlinks=False):
            return False
        found = entry.stat(follow_symlinks=False)
        if found.st_size != member.size or found.st_uid != own:
            return False
        if digest_of(entry.path).hex() != member.sha256:
            return False
    return not missing


def _entries(folder: str, path: str) -> "Iterator[tuple[str, os.DirEntry[str]]]":
    """Yield everything below a folder with its path, except folders that contain something."""
    with os.scandir(folder) as entries:
        for entry in entries:
            below = []
            if entry.is_dir(follow_symlinks=False):
                below = [*_entries(entry.path, f"{path}{entry.name}/")]
            yield from below or [(f"{path}{entry.name}", entry)]


def describe(wheel: "WheelFile", sha256: str, tree: Path) -> UnpackedWheel:
    """Return the description of a wheel that was unpacked into `tree`; set the modes of its files; raises OSError."""
    members = tuple(_described(member, tree) for member in wheel.members)
    return UnpackedWheel(
        sha256=sha256,
        filename=wheel.filename,
        name=wheel.name,
        version=str(wheel.version),
        tree=tree,
        dist_info=wheel.dist_info,
        root_is_purelib=wheel.root_is_purelib,
        owner=os.geteuid() if hasattr(os, "geteuid") else 0,
        members=members,
        folders=tuple((path, os.lstat(f"{tree}/{path}").st_ctime_ns) for path in _folders(members)),
        entry_points=wheel.entry_points,
        metadata_sha256=hashlib.sha256(wheel.metadata.raw).hexdigest(),
        requires_dist=wheel.metadata.requires_dist,
    )


def _described(member: "Member", tree: Path) -> UnpackedMember:
    path = f"{tree}/{member.path}"
    python_script = False
    if member.scheme == "scripts":
        with open(path, "rb") as stream:
            python_script = stream.read(8) == b"#!python"
    found = os.stat(path)
    mode = 0o755 if member.executable else 0o644
    if stat.S_IMODE(found.st_mode) != mode:
        # The modes must not depend on the umask of the command: environments share these files.
        set_mode(path, mode)
    return UnpackedMember(
        path=member.path,
        scheme=member.scheme,
        target=member.target,
        size=member.size,
        digest=encoded(bytes.fromhex(member.sha256)),
        executable=member.executable,
        python_script=python_script,
        mtime_ns=found.st_mtime_ns,
    )


def _folders(members: Iterable[UnpackedMember]) -> list[str]:
    """Return the paths of the folders that have members in or below them; that of the tree is empty."""
    found = {""}
    for member in members:
        folder = member.path.rpartition("/")[0]
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found)


def to_index(wheel: UnpackedWheel) -> bytes:
    """Return the sealed index of a wheel, without the path of its tree."""
    return sealed(json.encode(replace(wheel, tree=_UNKNOWN)), _subject(wheel.sha256))


def read_index(place: Path, sha256: str) -> UnpackedWheel | None:
    """Return the wheel with this hash that is unpacked in the folder `place`, as its index describes it.

    None if there is no index, or one without this user's seal, of another wheel or in another format, or if the
    tree beside it is not in place.
    """
    text = read_sealed(f"{place}/index.json", _subject(sha256))
    if text is None:
        return None
    try:
        wheel = replace(json.decode(text, type=UnpackedWheel), tree=place / "tree")
    except (MsgspecError, ValueError, RecursionError):
        return None
    return wheel if is_in_place(wheel) else None


def _subject(sha256: str) -> str:
    return f"wheel {sha256}"
