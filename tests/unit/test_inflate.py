"""Members are unpacked by zlib or, if it is installed, by isal: the same bytes, and the same wheels refused."""

import random
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from pipper.core.archive_limits import Limits
from pipper.errors import IntegrityError
from pipper.wheels.zip import archive as module
from pipper.wheels.zip.archive import open_zip
from tests.zipcraft import DEFLATED, Member, craft

BODY = Path(module.__file__).read_bytes()


def outcome(path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> bytes | None:
    """The content of the one member with this library; None if it is refused."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "decompressobj", library.decompressobj)
        patch.setattr(module, "crc32", library.crc32)
        patch.setattr(module, "FAULTS", (library.error,))
        try:
            with open_zip(path, subject="x.zip", limits=Limits()) as archive:
                return b"".join(archive.chunks(archive.entries[0]))
        except IntegrityError:
            return None


@pytest.mark.parametrize("size", [len(BODY), 3 << 20])
def test_both_libraries_accept_the_same_streams(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    chance = random.Random(size)
    body = (BODY * (1 + size // len(BODY)))[:size] if size == len(BODY) else chance.randbytes(size // 2) * 2
    whole = craft([Member(name=b"foo", method=DEFLATED, data=body)])
    start = 30 + len("foo")
    path = tmp_path / "x.zip"
    refused = 0
    for number in range(200 if size == len(BODY) else 10):
        data = bytearray(whole)
        if number:
            data[start + chance.randrange(60 if number % 2 else 1500)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        found = [outcome(path, library, monkeypatch) for library in (zlib, isal_zlib)]
        assert found[0] == found[1]
        assert found[0] in (None, body)
        refused += found[0] is None
        assert number or found[0] == body
    assert refused
