"""Unpacked wheels in the cache, and the index that lists their members."""

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import MsgspecError, Struct, json
from msgspec.structs import replace

from pipper.system.os_errors import machine_error
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
    entry_points: tuple[EntryPoint, ...]
    metadata_sha256: str
    """Of METADATA, in hex."""
    requires_dist: tuple[str, ...]


def intact(wheel: UnpackedWheel) -> bool:
    """Tell whether an unpacked wheel is unchanged: size, time and owner of every file.

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
    # The modes must not depend on the umask of the command: environments share these files.
    os.chmod(path, 0o755 if member.executable else 0o644)
    return UnpackedMember(
        path=member.path,
        scheme=member.scheme,
        target=member.target,
        size=member.size,
        digest=encoded(bytes.fromhex(member.sha256)),
        executable=member.executable,
        python_script=python_script,
        mtime_ns=os.stat(path).st_mtime_ns,
    )


def to_index(wheel: UnpackedWheel) -> bytes:
    """Return the index of a wheel as JSON, without the path of its tree."""
    return json.encode(replace(wheel, tree=_UNKNOWN))


def from_index(text: bytes, tree: Path) -> UnpackedWheel | None:
    """Return the wheel that an index describes, or None if the index is damaged or has another format."""
    try:
        return replace(json.decode(text, type=UnpackedWheel), tree=tree)
    except (MsgspecError, ValueError):
        return None
