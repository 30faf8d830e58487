"""The stamp of a sync that left nothing to do, so that the next one can tell without looking closer.

It covers the folder of scripts, every folder of the libraries, and of each distribution its RECORD: number, size
and time. So a file that came or went is seen; what was edited inside a module is not, but `sync --check` sees it.

`is_current` is the path of a sync that has nothing to do: this module imports nothing beyond the standard library.
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
    """Tell whether a stamp with this key holds for the environment at this root.

    The key covers everything else that a sync depends on: lock, options, interpreter. A stamp no newer than
    what it covers is void, as is one beside a journal. Never raises: what cannot be read does not hold.
    """
    state = os.path.join(environment_root, _STATE)
    try:
        with open(os.path.join(state, _STAMP), "rb") as stream:
            stamp = json.loads(stream.read())
        if stamp["format"] != _FORMAT or stamp["key"] != key or stamp["boot"] != _boot():
            return False
        if os.path.lexists(os.path.join(state, "journal.json")):
            return False
        began = stamp["began"]
        return all(_time_of(seen) < began and _look(seen[0]) == seen for seen in stamp["covers"]) and all(
            _time_of(seen) < began and (_look(seen[0]) == seen[:4] or _names(seen[0]) == seen[4])
            for seen in stamp["folders"]
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return False


def write_stamp(environment: "Environment", key: str) -> None:
    """Note that an environment is as a sync with this key would leave it, now.

    Where that cannot be noted, or too little time has passed since the last change to tell later ones from it,
    no stamp is left and the next sync looks closer.
    """
    state = os.fspath(environment.state_dir)
    path = os.path.join(state, _STAMP)
    if os.path.lexists(os.path.join(state, _STAGE)):
        return  # what could not be removed: the next sync tries again
    with contextlib.suppress(OSError):
        _write(environment, key, path)


def _write(environment: "Environment", key: str, path: str) -> None:
    # Here, not above: `is_current` has no use for it.
    from pipper.system.files import replacing  # noqa: PLC0415 - see above

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with replacing(path) as stream:
        for _ in range(_WAITS):
            # The clock that the file system goes by, not ours: they differ by a tick, or by a server.
            os.utime(stream.fileno())
            began = os.fstat(stream.fileno()).st_mtime_ns
            covers, folders = _covered(environment.libraries, environment.scheme.scripts)
            if all(_time_of(seen) < began for seen in (*covers, *folders)):
                stamp = {"format": _FORMAT, "key": key, "boot": _boot(), "began": began}
                stamp |= {"covers": covers, "folders": folders}
                stream.write(json.dumps(stamp).encode())
                return
            time.sleep(_WAIT_SECONDS)
        raise TimeoutError(path)  # so the old stamp stays


def _covered(
    libraries: "tuple[Path, ...]", scripts: "Path"
) -> "tuple[list[list[object]], list[list[object]]]":
    """What must be just as it is, and the folders of modules, in which Python itself makes `__pycache__`."""
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
    return [_look(place) for place in places], [[*_look(place), _names(place)] for place in folders]


def _names(folder: str) -> str:
    """A digest of what a folder holds, by name."""
    names = sorted(name for name in os.listdir(folder) if name != _OF_PYTHON)
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()


def _look(place: str) -> list[object]:
    """What is seen of a file or folder, in the order of the stamp; a missing one is seen, too."""
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


def _boot() -> str:
    # After a power cut, times and sizes may be right and contents lost: then the longer way once.
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""
