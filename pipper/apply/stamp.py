"""The stamp of a completed sync, with which the next one can tell quickly that nothing has changed.

It covers the folder of scripts, every folder of the libraries, and each RECORD: inode, size and time. So it
detects added and removed files, but not an edited module, which `sync --check` detects.

`is_current` has to be fast, so this module imports only the standard library.
"""

import contextlib
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pipper.python.environment import Environment

_STATE = ".pipper"
_STAMP = "stamp.json"
_STAGE = "stage"
_FORMAT = 2
_OF_PYTHON = "__pycache__"
_WAITS = 10
_WAIT_SECONDS = 0.003


def is_current(environment_root: "str | os.PathLike[str]", key: str) -> bool:
    """Tell whether the environment at this root has a valid stamp with this key.

    The key covers everything else that a sync depends on: lock, options, interpreter. A stamp is invalid if it is
    not newer than what it covers, if there is a journal, or if it cannot be read. Never raises.
    """
    state = os.path.join(environment_root, _STATE)
    try:
        with open(os.path.join(state, _STAMP), "rb") as stream:
            stamp = json.loads(stream.read())
        if stamp["format"] != _FORMAT or stamp["key"] != key or stamp["boot"] != boot_id():
            return False
        if os.path.lexists(os.path.join(state, "journal.json")):
            return False
        began = stamp["began"]
        return all(_time_of(seen) < began and _entry(seen[0]) == seen for seen in stamp["covers"]) and all(
            _time_of(seen) < began and (_entry(seen[0]) == seen[:4] or _names(seen[0]) == seen[4])
            for seen in stamp["folders"]
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return False


def write_stamp(environment: "Environment", key: str) -> None:
    """Record that a sync with this key would not change the environment now.

    Writes no stamp if that fails, or if the last change is too recent to tell later changes from it; the next
    sync then checks everything.
    """
    from pipper.system.files import replacing  # noqa: PLC0415 - `is_current` does not need it

    state = os.fspath(environment.state_dir)
    path = os.path.join(state, _STAMP)
    if os.path.lexists(os.path.join(state, _STAGE)):
        return  # the stage could not be removed: the next sync tries again
    with contextlib.suppress(OSError):
        os.makedirs(state, exist_ok=True)
        with replacing(path) as stream:
            for _ in range(_WAITS):
                # Use the file system's clock: it may differ from ours by a tick, or by a server's time.
                os.utime(stream.fileno())
                began = os.fstat(stream.fileno()).st_mtime_ns
                covers, folders = _covered(environment.libraries, environment.scheme.scripts)
                if all(_time_of(seen) < began for seen in (*covers, *folders)):
                    stamp = {"format": _FORMAT, "key": key, "boot": boot_id(), "began": began}
                    stamp |= {"covers": covers, "folders": folders}
                    stream.write(json.dumps(stamp).encode())
                    return
                time.sleep(_WAIT_SECONDS)
            raise TimeoutError(path)  # so the old stamp stays


def _covered(
    libraries: "tuple[Path, ...]", scripts: "Path"
) -> "tuple[list[list[object]], list[list[object]]]":
    """Return the entries that must not change, and the folders of modules, where Python makes `__pycache__`."""
    places = [os.fspath(scripts)]
    folders = []
    for library in map(os.fspath, libraries):
        for place, names, _ in os.walk(library):
            if place == library:
                places.append(place)
            elif place.endswith(".dist-info"):
                places += [place, f"{place}/RECORD"]
            else:
                folders.append(place)
            names[:] = [name for name in names if name != _OF_PYTHON]
    return [_entry(place) for place in places], [[*_entry(place), _names(place)] for place in folders]


def _names(folder: str) -> str:
    names = sorted(name for name in os.listdir(folder) if name != _OF_PYTHON)
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()


def _entry(place: str) -> list[object]:
    """Return the stamp's entry for a file or folder, which may be missing."""
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return [place, 0, 0, 0]
    return [place, found.st_mtime_ns, found.st_size, found.st_ino]


def _time_of(seen: "list[object]") -> int:
    time_ns = seen[1]
    if not isinstance(time_ns, int):
        raise TypeError(time_ns)
    return time_ns


def boot_id() -> str:
    """Return the id of the system's present run, which changes on restart; empty if the system has none.

    After a power cut, contents may be lost although times and sizes match: then check everything once.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""
