"""METADATA with the requirements of another one, and all else as it was."""

import zipfile
from pathlib import Path

import pytest

from pipper.core.archive_limits import DEFAULT_LIMITS
from pipper.wheels.gate import open_wheel
from pipper.wheels.requirements import replaced, set_requirements
from tests.wheelhouse import make_wheel

NEW = b"Requires-Dist: new>=2\nProvides-Extra: x\nRequires-Dist: z; extra == 'x'\n"
OTHER = b"Metadata-Version: 2.4\nName: a\nVersion: 9\n" + NEW + b"\nOther\n"


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        (b"Name: a\nVersion: 1\n", b"Name: a\nVersion: 1\n" + NEW),
        (b"Name: a\nRequires-Dist: old\n\nText\n", b"Name: a\n" + NEW + b"\nText\n"),
        (b"Name: a\nrequires-dist: old\n  >=1\nVersion: 1", b"Name: a\nVersion: 1\n" + NEW),
        (
            b"Name: a\nDescription: x\n  Requires-Dist: kept\n\nRequires-Dist: kept\n",
            b"Name: a\nDescription: x\n  Requires-Dist: kept\n" + NEW + b"\nRequires-Dist: kept\n",
        ),
        (b"Name: a\r\n" + NEW + b"\r\nText\r\n", b"Name: a\r\n" + NEW + b"\r\nText\r\n"),
    ],
    ids=["none before", "with a description", "on two lines", "in texts", "the same"],
)
def test_the_requirements_alone_change(own: bytes, wanted: bytes) -> None:
    assert replaced(own, OTHER) == wanted


def test_a_wheel_with_other_requirements_still_passes_the_gate(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "a", "1.0", requires=["old"], files={"a.py": "x = 1\n"})
    with zipfile.ZipFile(wheel) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    set_requirements(wheel, OTHER, limits=DEFAULT_LIMITS)
    with open_wheel(wheel, filename=wheel.name) as opened:
        opened.verify()
        assert opened.metadata.requires_dist == ("new>=2", "z; extra == 'x'")
        assert str(opened.version) == "1.0"
    with zipfile.ZipFile(wheel) as archive:
        changed = [name for name in archive.namelist() if archive.read(name) != before.pop(name)]
    assert (changed, before) == (["a-1.0.dist-info/METADATA", "a-1.0.dist-info/RECORD"], {})
