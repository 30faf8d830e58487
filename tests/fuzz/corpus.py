"""Small valid wheels, member by member, so that a mutation can bend one thing and leave the rest right."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.wheelhouse import dist_info_of, record_of, wheel_filename, wheel_members
from tests.zipcraft import DEFLATED, DESCRIPTOR, FULL, STORED, UTF8, Member, craft, with_zip64_end, zip64

_UNLISTED = (b"/RECORD", b"/RECORD.jws", b"/RECORD.p7s")


@dataclass(slots=True, kw_only=True)
class Piece:
    """A member, and how the archive speaks of it."""

    name: bytes
    data: bytes = b""
    method: int = STORED
    descriptor: bool = False
    wide: bool = False
    """With 64-bit sizes."""
    mode: int = 0o100644
    local: dict[str, object] = field(default_factory=dict)
    """What its local header says instead of the truth."""
    central: dict[str, object] = field(default_factory=dict)
    """What the directory says instead."""
    in_directory: bool = True
    in_file: bool = True

    def copy(self) -> "Piece":
        """Another one that is equal."""
        return Piece(
            name=self.name,
            data=self.data,
            method=self.method,
            descriptor=self.descriptor,
            wide=self.wide,
            mode=self.mode,
            local=dict(self.local),
            central=dict(self.central),
            in_directory=self.in_directory,
            in_file=self.in_file,
        )

    def member(self) -> Member:
        """It as `craft` takes it."""
        flags = (0 if self.name.isascii() else UTF8) | (DESCRIPTOR if self.descriptor else 0)
        member = Member(name=self.name, data=self.data, method=self.method, flags=flags)
        member.central["attributes"] = self.mode << 16
        if self.wide:
            extra = zip64(len(self.data), len(member.packed()))
            for header in (member.local, member.central):
                header |= {"packed": FULL, "size": FULL, "extra": extra}
        if self.descriptor:
            member.local |= {"crc": 0} if self.wide else {"crc": 0, "packed": 0, "size": 0}
            member.after = member.descriptor(wide=self.wide)
        member.local |= self.local
        member.central |= self.central
        member.in_directory, member.in_file = self.in_directory, self.in_file
        return member


@dataclass(slots=True, kw_only=True)
class Draft:
    """A wheel in pieces. RECORD is the piece that `listed` writes."""

    filename: str
    info: bytes
    """The name of its `.dist-info`."""
    pieces: list[Piece]
    hash: str = "sha256"
    wide_end: bool = False
    comment: bytes = b""
    before: bytes = b""
    end: dict[str, int] = field(default_factory=dict)
    """What the end record says instead of the truth."""

    def copy(self) -> "Draft":
        """Another one that is equal."""
        return Draft(
            filename=self.filename,
            info=self.info,
            pieces=[piece.copy() for piece in self.pieces],
            hash=self.hash,
            wide_end=self.wide_end,
            comment=self.comment,
            before=self.before,
            end=dict(self.end),
        )

    def piece(self, name: bytes) -> Piece | None:
        """The first piece of this name in `.dist-info`."""
        path = self.info + b"/" + name
        return next((piece for piece in self.pieces if piece.name == path), None)

    def lines(self) -> list[list[str]]:
        """RECORD as it ought to be."""
        lines = []
        for piece in self.pieces:
            if piece.name.endswith(b"/"):
                continue
            path = piece.name.decode("utf-8", "replace")
            if piece.name.endswith(_UNLISTED):
                lines.append([path, "", ""])
            else:
                lines.append([path, self._hash_of(piece.data), str(len(piece.data))])
        return lines

    def write_record(self, lines: list[list[str]]) -> None:
        """Put these lines into RECORD, where there is one."""
        record = self.piece(b"RECORD")
        if record is not None:
            record.data = record_of(lines)

    def build(self) -> bytes:
        """The file."""
        members = [piece.member() for piece in self.pieces]
        if self.wide_end:
            return with_zip64_end(craft(members, before=self.before, comment=b""), **self.end)
        return craft(members, before=self.before, comment=self.comment, **self.end)

    def _hash_of(self, data: bytes) -> str:
        digest = hashlib.new(self.hash, data).digest()
        return f"{self.hash}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _draft(filename: str, members: Mapping[str, bytes], *, scheme: str = "sha256") -> Draft:
    info = dist_info_of(members)
    pieces = [
        Piece(name=path.encode(), data=body, method=DEFLATED if len(body) > 150 else STORED)
        for path, body in members.items()
    ]
    pieces.append(Piece(name=f"{info}/RECORD".encode()))
    draft = Draft(filename=filename, info=info.encode(), pieces=pieces, hash=scheme)
    draft.write_record(draft.lines())
    return draft


def _plain() -> Draft:
    return _draft(wheel_filename("foo", "1.0"), wheel_members("foo", "1.0"))


def _schemes() -> Draft:
    data = "thing-1.2.data"
    files = {
        "thing/__init__.py": "def main():\n    return 3\n",
        "thing/data,with comma.txt": "x",
        f"{data}/scripts/thing-tool": "#!python\nprint('tool')\n",
        f"{data}/scripts/thing.sh": "#!/bin/sh\necho sh\n",
        f"{data}/data/share/thing/notes.txt": "notes",
        f"{data}/headers/thing.h": "int x;",
        f"{data}/purelib/thing_pure.py": "x = 1\n",
        f"{data}/platlib/thing_plat.py": "x = 1\n",
    }
    members = wheel_members(
        "thing",
        "1.2",
        files=files,
        entry_points={"thing": "thing:main", "thing.dotted": "thing.sub:a.b [extra]"},
        gui_scripts={"thing-gui": "thing:gui"},
    )
    draft = _draft(wheel_filename("thing", "1.2"), members)
    for piece in draft.pieces:
        if b"/scripts/" in piece.name:
            piece.mode = 0o100755
    return draft


def _many() -> Draft:
    files = {f"many/part{number // 10}/module{number}.py": f"x = {number}\n" for number in range(40)}
    return _draft(wheel_filename("many", "3.0"), wheel_members("many", "3.0", files=files))


def _wide() -> Draft:
    draft = _plain()
    for piece in draft.pieces:
        piece.wide = True
    draft.wide_end = True
    return draft


def _streamed() -> Draft:
    draft = _schemes()
    for number, piece in enumerate(draft.pieces):
        piece.descriptor, piece.wide = True, number % 3 == 0
        piece.method = DEFLATED if number % 2 else STORED
    return draft


def _namespace() -> Draft:
    tag = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
    files = {"ns/sub/__init__.py": "", "ns/sub/_native.so": b"\x7fELF\0\0", "ns.sub.pth": "import ns\n"}
    members = wheel_members("ns.sub", "2024.1.post3", files=files, tag=tag, purelib=False)
    draft = _draft(wheel_filename("ns.sub", "2024.1.post3", tag=tag), members)
    draft.pieces[:0] = [Piece(name=name, mode=0o040755) for name in (b"ns/", b"ns/sub/")]
    return draft


def _described() -> Draft:
    more = "\n".join(
        [
            "Summary: a wheel with many fields",
            "Author-email: Ünïcode <a@example.com>",
            *(f"Classifier: Topic :: Number {number}" for number in range(10)),
            "Project-URL: Home, https://example.com",
            "License: several lines\n        of text\n        that are folded",
            "Dynamic: Summary",
            "Description-Content-Type: text/markdown",
            "",
            "# Title",
            "long text, " * 20,
        ]
    )
    members = wheel_members(
        "Described.Thing",
        "1!2.0rc1+local.7",
        requires=["a>=1", "b[x,y]~=2.0 ; python_version >= '3.8' and sys_platform != 'win32'", "c!=1.*"],
        extras={"x": ["d (>=1)"], "y-z": ["e ; os_name == 'posix'"]},
        requires_python=">=3.8,<5",
        build="7",
        metadata=more,
    )
    return _draft(wheel_filename("Described.Thing", "1!2.0rc1+local.7", build="7"), members, scheme="sha512")


def _unicode() -> Draft:
    files = {
        "uni/__init__.py": "",
        "uni/grüße.txt": "ä",
        "uni/日本語/データ.py": "x = 1\n",
        "uni/e\u0301.txt": "2",
    }
    return _draft(wheel_filename("uni", "0.1"), wheel_members("uni", "0.1", files=files))


CORPUS: tuple[Draft, ...] = (
    _plain(),
    _schemes(),
    _many(),
    _wide(),
    _streamed(),
    _namespace(),
    _described(),
    _unicode(),
)
"""Every one passes the gate and can be installed."""

BUILT: tuple[bytes, ...] = tuple(draft.build() for draft in CORPUS)
"""The same as files."""
