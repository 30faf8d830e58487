"""Mutations of a wheel as members, after which everything else is written to fit."""

import random
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

from tests.fuzz.bytewise import flip, insert, overwrite, truncate
from tests.fuzz.corpus import BUILT, Draft, Piece
from tests.fuzz.hostile import NAMES, NUMBERS, TEXTS, TOKENS, WHEEL_NAMES
from tests.zipcraft import DEFLATED, FULL, STORED, UTF8, zip64

_BOMB = 70 << 20


def hostile_name(rng: random.Random, draft: Draft) -> bytes:
    """A name that no member should have, or that another one has in nearly the same way."""
    if rng.random() < 0.35 and draft.pieces:
        other = rng.choice(draft.pieces).name
        return rng.choice(
            (
                other,
                other.upper(),
                other.swapcase(),
                other + b"/x",
                other.rpartition(b"/")[0] or b"x",
                other + b".py",
                other.replace(b"e", "e\u0301".encode()),
                other.replace(b"s", "\u017f".encode()),
            )
        )
    stem = draft.info.removesuffix(b".dist-info")
    name = rng.choice(NAMES).replace(b"{info}", draft.info).replace(b"{data}", stem + b".data")
    if rng.random() < 0.25:
        folder = rng.choice((b"foo/", stem + b".data/data/", stem + b".data/scripts/", draft.info + b"/"))
        return folder + name
    return name


def _rename(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        rng.choice(draft.pieces).name = hostile_name(rng, draft)


def _add(rng: random.Random, draft: Draft) -> None:
    data = rng.choice((b"", b"x", b"#!python\nprint(1)\n", b"#!pythonw", b"import os\n", bytes(300), *TEXTS))
    piece = Piece(name=hostile_name(rng, draft), data=data, method=rng.choice((STORED, DEFLATED)))
    draft.pieces.insert(rng.randrange(len(draft.pieces) + 1), piece)


def _add_folder(rng: random.Random, draft: Draft) -> None:
    name = rng.choice((hostile_name(rng, draft), b"folder")) + b"/"
    piece = Piece(name=name, mode=rng.choice((0o040755, 0, 0o100644)), data=rng.choice((b"", b"", b"x")))
    draft.pieces.insert(rng.randrange(len(draft.pieces) + 1), piece)


def _duplicate(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        copy = rng.choice(draft.pieces).copy()
        if rng.random() < 0.6:
            copy.data += b"other"
        draft.pieces.insert(rng.randrange(len(draft.pieces) + 1), copy)


def _remove(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        draft.pieces.pop(rng.randrange(len(draft.pieces)))


def _shuffle(rng: random.Random, draft: Draft) -> None:
    rng.shuffle(draft.pieces)


def _swap(rng: random.Random, draft: Draft) -> None:
    if len(draft.pieces) > 1:
        one, two = rng.sample(draft.pieces, 2)
        one.data, two.data = two.data, one.data


def _content(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        piece = rng.choice(draft.pieces)
        piece.data = rng.choice((flip, overwrite, truncate, insert))(rng, piece.data)


def _packing(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        piece = rng.choice(draft.pieces)
        piece.method = rng.choice((STORED, DEFLATED))
        piece.descriptor, piece.wide = rng.random() < 0.5, rng.random() < 0.5


def _mode(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        piece = rng.choice(draft.pieces)
        kinds = (0o100644, 0o100755, 0o104755, 0o102777, 0o100000, 0o120777, 0o060644, 0o020644, 0o010644)
        piece.mode = rng.choice((*kinds, 0o140755, 0o040755, 0, 0o777))
        if piece.mode == 0o120777:
            piece.data = rng.choice((b"/tmp", b"../../..", b"foo", piece.data))


def _header(rng: random.Random, draft: Draft) -> None:
    if not draft.pieces:
        return
    piece = rng.choice(draft.pieces)
    key = rng.choice(
        ("flags", "method", "crc", "packed", "size", "extra", "name", "comment", "disk", "offset")
    )
    value: object = rng.choice(NUMBERS) % (1 << (16 if key in ("flags", "method", "disk") else 32))
    if key == "extra":
        size = len(piece.data)
        wide = zip64(*rng.choices((size, FULL, 0, 1 << 40, (1 << 64) - 1), k=rng.randrange(4)))
        path = struct.pack("<2HBL", 0x7075, 5 + len(piece.name), 1, zlib.crc32(piece.name)) + piece.name
        value = rng.choice((wide, path, path[:-1] + b"x", b"\x01", rng.randbytes(8), wide + wide, bytes(60)))
    elif key in ("name", "comment"):
        value = hostile_name(rng, draft)
    for header in rng.choice(((piece.local,), (piece.central,), (piece.local, piece.central))):
        header[key] = value


def _flags(rng: random.Random, draft: Draft) -> None:
    if draft.pieces:
        piece = rng.choice(draft.pieces)
        value = rng.choice((0, UTF8, 1, 2, 6, 8, 0x20, 0x40, 0x2000, 0xFFFF))
        piece.local["flags"] = piece.central["flags"] = value


def _ghost(rng: random.Random, draft: Draft) -> None:
    """Leave a member out of the directory, or have it there alone."""
    if draft.pieces:
        piece = rng.choice(draft.pieces)
        piece.in_directory = rng.random() < 0.5
        piece.in_file = not piece.in_directory


def _end(rng: random.Random, draft: Draft) -> None:
    what = rng.randrange(4)
    if what == 0:
        draft.comment = rng.choice((b"comment", b"PK\x05\x06" + bytes(18), b"x" * 1025, b"\0", b"\n"))
    elif what == 1:
        draft.before = rng.choice((b"#!/bin/sh\n", b"\0", BUILT[0]))
    elif what == 2:
        draft.wide_end = not draft.wide_end
    else:
        keys = (
            ("here", "count", "size", "offset")
            if draft.wide_end
            else ("disk", "here", "count", "size", "offset")
        )
        key = rng.choice(keys)
        draft.end[key] = rng.choice(NUMBERS) % (1 << (16 if key in ("disk", "here", "count") else 32))


def _info_folder(rng: random.Random, draft: Draft) -> None:
    """Rename `.dist-info` or `.data`, in part or whole."""
    old = rng.choice((draft.info, draft.info.removesuffix(b".dist-info") + b".data"))
    new = rng.choice(
        (
            old.upper(),
            old.replace(b"-", b"_"),
            old.replace(b"1.", b"1.0."),
            b"other-1.0" + old[old.rfind(b".") :],
            old.replace(b".dist-info", b".DIST-INFO"),
            old.replace(b".", b"-", 1),
            b"",
            b"..",
        )
    )
    share = rng.choice((1.0, 1.0, 0.5))
    for piece in draft.pieces:
        if piece.name.startswith(old + b"/") and rng.random() < share:
            piece.name = new + piece.name[len(old) :]
    if share == 1.0 and old == draft.info and new:
        draft.info = new


def _filename(rng: random.Random, draft: Draft) -> None:
    if rng.random() < 0.5 or not draft.filename:
        draft.filename = rng.choice(WHEEL_NAMES)
        return
    text = draft.filename
    at = rng.randrange(len(text))
    draft.filename = rng.choice(
        (
            text[:at] + rng.choice("./-_\\:\0é!A0 ") + text[at + 1 :],
            text.upper(),
            text.replace("-", "_", 1),
            text.replace("1", "01", 1),
            text.replace(".whl", "-x.whl"),
            text.replace("none", "none.abi3"),
            text.swapcase().replace(".WHL", ".whl"),
        )
    )


def _text(rng: random.Random, draft: Draft) -> None:
    """Edit METADATA, WHEEL or entry_points.txt by lines and tokens."""
    name = rng.choice((b"METADATA", b"METADATA", b"WHEEL", b"entry_points.txt"))
    piece = draft.piece(name)
    if piece is None:
        if name != b"entry_points.txt":
            return
        piece = Piece(name=draft.info + b"/entry_points.txt", data=rng.choice(TEXTS))
        draft.pieces.append(piece)
    for _ in range(rng.choice((1, 1, 2, 5))):
        piece.data = edited(rng, piece.data)


def edited(rng: random.Random, data: bytes) -> bytes:
    """Change a text by a line or a token."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    line = lines[at]
    what = rng.randrange(8)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(rng.randrange(len(lines) + 1), line)
    elif what == 2:
        lines.insert(at, rng.choice(TOKENS))
    elif what == 3:
        key, colon, _ = line.partition(rng.choice((b": ", b"= ")))
        lines[at] = key + colon + rng.choice(TOKENS)
    elif what == 4:
        lines[at] = line * rng.choice((2, 30))
    elif what == 5:
        place = rng.randrange(len(line) + 1)
        lines[at] = line[:place] + rng.choice(TOKENS) + line[place:]
    elif what == 6:
        return rng.choice((b"\r\n", b"\r", b"\n\n", b"\0")).join(lines)
    else:
        return flip(rng, data)
    return b"\n".join(lines)


@lru_cache(maxsize=1)
def _bomb_bytes() -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(bytes(_BOMB)) + deflater.flush()


def _bomb(rng: random.Random, draft: Draft) -> None:
    """A member that unpacks to a thousand times its size, and says so, or says another size."""
    if rng.random() < 0.9:
        return
    size = rng.choice((_BOMB, 10, len(_bomb_bytes()), _BOMB // 8))
    facts = {"method": DEFLATED, "size": size, "crc": 0}
    piece = Piece(name=b"foo/bomb", data=_bomb_bytes(), local=dict(facts), central=dict(facts))
    draft.pieces.insert(0, piece)


_TABLE: tuple[tuple[Callable[[random.Random, Draft], None], int], ...] = (
    (_rename, 14),
    (_add, 14),
    (_add_folder, 3),
    (_duplicate, 3),
    (_remove, 4),
    (_shuffle, 2),
    (_swap, 3),
    (_content, 6),
    (_packing, 4),
    (_mode, 5),
    (_header, 8),
    (_flags, 2),
    (_ghost, 2),
    (_end, 4),
    (_info_folder, 4),
    (_filename, 5),
    (_text, 18),
    (_bomb, 1),
)
STRUCTURAL = tuple(step for step, _ in _TABLE)
WEIGHTS = tuple(weight for _, weight in _TABLE)
