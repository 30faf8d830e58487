"""Mutations of a file as bytes, some of them aimed at the fields of a zip's records."""

import random
import struct
from collections.abc import Callable

from tests.fuzz.corpus import BUILT, CORPUS
from tests.fuzz.hostile import NUMBERS

_FIELDS: dict[bytes, tuple[tuple[int, str], ...]] = {
    b"PK\x03\x04": tuple(zip((4, 6, 8, 10, 12, 14, 18, 22, 26, 28), "HHHHHLLLHH", strict=True)),
    b"PK\x01\x02": tuple(
        zip((4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42), "HHHHHHLLLHHHHHLL", strict=True)
    ),
    b"PK\x05\x06": tuple(zip((4, 6, 8, 10, 12, 16, 20), "HHHHLLH", strict=True)),
    b"PK\x06\x06": tuple(zip((4, 12, 14, 16, 20, 24, 32, 40, 48), "QHHLLQQQQ", strict=True)),
    b"PK\x06\x07": tuple(zip((4, 8, 16), "LQL", strict=True)),
    b"PK\x07\x08": tuple(zip((4, 8, 12), "LLL", strict=True)),
}
"""Fields of each record of a zip: offset and width (APPNOTE 4.3)."""


def flip(rng: random.Random, data: bytes) -> bytes:
    """Flip a few bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """Write something else over a few bytes."""
    at = rng.randrange(len(data) + 1)
    new = rng.choice((b"\0", b"\xff", b"PK", b"PK\x05\x06", b"\n", b"/", rng.randbytes(rng.randrange(1, 9))))
    return data[:at] + new + data[at + len(new) :]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """Cut off one end."""
    return (
        data[: rng.randrange(len(data) + 1)] if rng.random() < 0.7 else data[rng.randrange(len(data) + 1) :]
    )


def insert(rng: random.Random, data: bytes) -> bytes:
    """Put random bytes in."""
    at = rng.choice((0, len(data), rng.randrange(len(data) + 1)))
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 30))) + data[at:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 4, 30, 200)) :]


def _splice(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(BUILT)
    start = rng.randrange(len(other))
    piece = other[start : start + rng.choice((4, 30, 200, len(other)))]
    at = rng.randrange(len(data) + 1)
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


def _append_another(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(BUILT)
    return data + other if rng.random() < 0.5 else other + data


def _rename_in_place(rng: random.Random, data: bytes) -> bytes:
    """Change the name of a member where it stands, in one header or in all."""
    names = [piece.name for draft in CORPUS for piece in draft.pieces if piece.name in data]
    if not names:
        return data
    name = rng.choice(names)
    new = bytearray(name)
    for _ in range(rng.choice((1, 2, 3))):
        new[rng.randrange(len(new))] = rng.choice(b"./\\:\0\n\x7f\xff aA~C")
    return data.replace(name, bytes(new), rng.choice((-1, 1)))


def _field(rng: random.Random, data: bytes) -> bytes:
    sign = rng.choice(tuple(_FIELDS))
    places = []
    at = data.find(sign)
    while at >= 0:
        places.append(at)
        at = data.find(sign, at + 1)
    if not places:
        return data
    offset, width = rng.choice(_FIELDS[sign])
    place = rng.choice(places) + offset
    size = struct.calcsize(f"<{width}")
    if place + size > len(data):
        return data
    (old,) = struct.unpack_from(f"<{width}", data, place)
    limit = 1 << 8 * size
    new = rng.choice((*NUMBERS, old + 1, old - 1, old ^ 1 << rng.randrange(8 * size), rng.randrange(limit)))
    return data[:place] + struct.pack(f"<{width}", new % limit) + data[place + size :]


BYTEWISE: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    flip,
    flip,
    overwrite,
    truncate,
    insert,
    _delete,
    _splice,
    _append_another,
    _rename_in_place,
    _field,
    _field,
    _field,
)
"""Each takes a file and gives another one."""
