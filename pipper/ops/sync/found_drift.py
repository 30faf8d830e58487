"""The packages that a check found changed: the next sync replaces them, also where every size is as before."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pipper.apply.stamp import void_stamp
from pipper.system.files import write_atomic
from pipper.system.regular_file import read_regular

_NOTE = "drift"
_LONGEST = 1 << 20


def note_drift(state: Path, names: Collection[NormalizedName]) -> None:
    """Note these packages in the state folder, and void the stamp; do nothing if the folder cannot be written to."""
    with contextlib.suppress(OSError):
        if names and state.is_dir() and not state.is_symlink():
            write_atomic(state / _NOTE, "".join(f"{name}\n" for name in sorted(names)).encode())
            void_stamp(state)


def noted_drift(state: Path) -> frozenset[NormalizedName]:
    """Return the packages that a check noted; a note that cannot be read says nothing."""
    try:
        text = read_regular(state / _NOTE, _LONGEST, follow=False).decode("utf-8", "replace")
    except OSError:
        return frozenset()
    return frozenset(map(canonicalize_name, text.split()))


def forget_drift(state: Path) -> None:
    """Remove the note, if there is one; do nothing if that fails: the next sync replaces the packages once more."""
    with contextlib.suppress(OSError):
        (state / _NOTE).unlink(missing_ok=True)
