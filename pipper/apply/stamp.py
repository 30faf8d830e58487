"""The stamp of a completed sync, with which the next one can tell quickly that nothing has changed.

It covers the folder of scripts, the folders of the libraries two levels deep, and each RECORD: inode, size, mode, time;
and of members, the files whose change makes their installation void.
So it detects files that were added or removed there, but no edited module, which `sync --check` detects.

`is_current` has to be fast, so this module imports little.
"""

import os
import time

from pipper.python.venv import STATE
from pipper.system.digest import OF_PYTHON, digest, digest_of_folder, digest_of_names, name_of
from pipper.system.regular_file import read_regular

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipper.python.environment import Environment

STAMP = "stamp"
_STAGE = "stage"
_FORMAT = "4"
_LEVELS = 2
"""The depth of the folders in a library whose files are covered; `sync --check` detects files added deeper."""
_WAITS = 10
_WAIT_SECONDS = 0.003


def is_current(environment_root: "str | os.PathLike[str]", key: str) -> bool:
    """Return whether the environment at this root has a valid stamp with this key.

    The key covers everything else that a sync depends on: lock, options, interpreter. A stamp is invalid if it is
    not newer than what it covers, if there is a journal, or if it cannot be read. Never raises.
    """
    state = os.path.join(environment_root, STATE)
    try:
        form, stamp_key, boot, began, count, *entries = _fields(state)
        if (form, stamp_key, boot) != (_FORMAT, key, boot_id()):
            return False
        if os.path.lexists(os.path.join(state, "journal.json")):
            return False
        end = 2 * int(count)
        if not 0 < end <= len(entries):
            return False
        places, looks = entries[:end:2], entries[1:end:2]
        folders, folder_looks, names = entries[end::3], entries[end + 1 :: 3], entries[end + 2 :: 3]
        return (
            all(_time_of(look) < int(began) for look in (*looks, *folder_looks))
            and all(_look(place) == look for place, look in zip(places, looks, strict=True))
            and all(
                _look(place) == look or digest_of_folder(place) == held
                for place, look, held in zip(folders, folder_looks, names, strict=True)
            )
        )
    except (OSError, ValueError):
        return False


def stamped_libraries(environment_root: str) -> list[str]:
    """Return the libraries of the virtual environment at this root, as its stamp names them.

    Raises OSError if the stamp cannot be read, ValueError if it is damaged.
    """
    inside = os.path.join(environment_root, "")
    places = _fields(os.path.join(environment_root, STATE))
    return [each for each in places if each.startswith(inside) and os.path.basename(each) == "site-packages"]


def _fields(state: str) -> list[str]:
    """Return the fields of the stamp in a folder of pipper's; raise OSError, and ValueError if it is damaged."""
    seal, _, text = read_regular(os.path.join(state, STAMP)).partition(b"\n")
    if seal != digest(text).encode():
        raise ValueError("the stamp is damaged")
    return os.fsdecode(text).split("\0")


class Seen:
    """Files, which may be missing, and folders of which the names in them count, as they were when looked at."""

    __slots__ = ("files", "folders")

    def __init__(self, files: "Iterable[str]" = (), folders: "Iterable[str]" = ()) -> None:
        """Look at them; raises OSError."""
        self.files = [(file, _look(file)) for file in files]
        self.folders = [(folder, _look(folder), digest_of_folder(folder)) for folder in folders]


_NOTHING = Seen()


class Covered:
    """What a stamp covers of an environment, as it is when this is made."""

    __slots__ = ("_names", "folders", "places")

    def __init__(self, environment: "Environment") -> None:
        """Look at it; raises OSError."""
        self.places, self.folders, self._names = _covered(environment.libraries, environment.scheme.scripts)

    def is_like(self, other: "Covered") -> bool:
        """Return whether it differs from another look in nothing but what Python does when it compiles modules."""
        return self._comparable == other._comparable

    @property
    def _comparable(self) -> "tuple[dict[str, str], dict[str, str]]":
        # To make `__pycache__` changes the time of the folder.
        names = self._names | {place: held for place, _, held in self.folders}
        return names, {place: look for place, look in self.places if place not in names}


def write_stamp(
    environment: "Environment", key: str, seen: Seen = _NOTHING, before: Covered | None = None
) -> None:
    """Record that a sync with this key would not change the environment now.

    It also covers what was `seen` before the sync used it. Writes no stamp if that fails, if the environment is not
    like it was `before`, when the sync found or made it so, or if the last change is too recent to tell later changes
    from it; the next sync then checks everything.
    """
    # Imported here: `is_current` does not need them.
    import contextlib  # noqa: PLC0415 - see above

    from pipper.system.files import replacing  # noqa: PLC0415 - see above

    state = os.fspath(environment.state_dir)
    path = os.path.join(state, STAMP)
    if os.path.lexists(os.path.join(state, _STAGE)):
        return  # the stage could not be removed: the next sync tries again
    with contextlib.suppress(OSError):
        os.makedirs(state, exist_ok=True)
        with replacing(path) as stream:
            for _ in range(_WAITS):
                # Use the file system's clock: it may differ from ours by a tick, or by a server's time.
                os.utime(stream.fileno())
                began = os.fstat(stream.fileno()).st_mtime_ns
                now = Covered(environment)
                if before is not None and not now.is_like(before):
                    raise FileNotFoundError(path)  # another tool changed it meanwhile
                covers = now.places + seen.files
                folders = now.folders + seen.folders
                if all(_time_of(each[1]) < began for each in (*covers, *folders)):
                    stream.write(_stamp(key, began, covers, folders))
                    return
                time.sleep(_WAIT_SECONDS)
            raise TimeoutError(path)  # so the old stamp stays


class NewStamp:
    """The stamp of an environment that is put together elsewhere, and then renamed to its place `root`.

    `folder` is an open descriptor of it. `covered` and `listed` are paths below it, as `stamped_paths` returns them.
    What is there now counts: what anybody changes after the renaming makes the stamp void. Raises OSError.
    """

    def __init__(
        self, folder: int, root: str, covered: "Iterable[str]", listed: "Iterable[tuple[str, str]]"
    ) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.open(f"{STATE}/{STAMP}", flags, 0o666, dir_fd=folder)
        self._covers = [(f"{root}/{path}", _look(path, folder)) for path in covered]
        self._folders = [(f"{root}/{path}", _look(path, folder), names) for path, names in listed]

    def write(self, key: str) -> None:
        """Write it, as `write_stamp` does, and none without a key; a stamp that is not written, or cut off, is void."""
        newest = max(_time_of(seen[1]) for seen in (*self._covers, *self._folders))
        try:
            if not key:
                return
            for _ in range(_WAITS):
                os.utime(self._file)
                began = os.fstat(self._file).st_mtime_ns
                if newest < began:
                    os.write(self._file, _stamp(key, began, self._covers, self._folders))
                    return
                time.sleep(_WAIT_SECONDS)
        except OSError:
            return  # the next sync looks at everything
        finally:
            os.close(self._file)


def stamped_paths(root: str) -> "tuple[list[str], list[tuple[str, str]]] | None":
    """Return what the stamp of the environment at `root` covers, for a `NewStamp` of another with the same files.

    The paths are relative to `root`; the second ones are of folders, with a digest of the names in them. None if there
    is no stamp. Raises OSError, and ValueError for one that is damaged or of something outside the environment.
    """
    try:
        _, _, _, _, count, *entries = _fields(os.path.join(root, STATE))
    except FileNotFoundError:
        return None
    end = 2 * int(count)
    below = [_below(path, root) for path in entries[:end:2]]
    folders = [_below(path, root) for path in entries[end::3]]
    return below, list(zip(folders, entries[end + 2 :: 3], strict=True))


def _below(path: str, root: str) -> str:
    if not path.startswith(f"{root}/"):
        raise ValueError(path)
    return path[len(root) + 1 :]


def _stamp(
    key: str, began: int, covers: "list[tuple[str, str]]", folders: "list[tuple[str, str, str]]"
) -> bytes:
    head = (_FORMAT, key, boot_id(), str(began), str(len(covers)))
    fields = (*head, *(field for seen in (*covers, *folders) for field in seen))
    text = os.fsencode("\0".join(fields))
    return digest(text).encode() + b"\n" + text


def _covered(
    libraries: "tuple[Path, ...]", scripts: "Path"
) -> "tuple[list[tuple[str, str]], list[tuple[str, str, str]], dict[str, str]]":
    """Return the entries that must not change, the folders of modules, where Python makes `__pycache__`, and libraries.

    Of these last, which are among the first too, there is a digest of the names in them.
    """
    scripts_folder = os.fspath(scripts)
    places, folders = [(scripts_folder, _look(scripts_folder))], []
    held = {}
    for library in map(os.fspath, libraries):
        waiting = [(library, 0)] if os.path.isdir(library) else []
        while waiting:
            place, level = waiting.pop()
            look = _look(place)  # before the names: what is added in between makes the stamp void
            names = []
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name != OF_PYTHON:
                        names.append(name_of(entry))
                        if level < _LEVELS and entry.is_dir(follow_symlinks=False):
                            waiting.append((entry.path, level + 1))
            if level == 0:
                places.append((place, look))
                held[place] = digest_of_names(names)
            elif place.endswith(".dist-info"):
                record = f"{place}/RECORD"
                places += [(place, look), (record, _look(record))]
            else:
                folders.append((place, look, digest_of_names(names)))
    return places, folders, held


def _look(place: str, folder: "int | None" = None) -> str:
    """Return time, size, inode and mode of a file or folder, which may be missing; below an open `folder`, if given."""
    try:
        found = os.stat(place, dir_fd=folder)
    except FileNotFoundError:
        return "0 0 0 0"
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino} {found.st_mode}"


def _time_of(look: str) -> int:
    return int(look.partition(" ")[0])


def boot_id() -> str:
    """Return the id of the system's present run, which changes on restart; empty if the system has none.

    After a power cut, contents may be lost although times and sizes match: then check everything once.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as stream:  # a text file loads its codec
            return stream.read().decode().strip()
    except OSError:
        return ""
