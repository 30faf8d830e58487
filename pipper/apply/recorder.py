"""Notes how a new environment comes out, for a recipe (`recipe`).

A recorder is the placer of the transaction that fills the environment. What it places and writes is known from there,
so that nothing another program puts into the environment meanwhile gets into a recipe. Only what is sure is noted:
where a file was copied, not linked, there is no recipe.
"""

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from pipper.apply.journal import UNSETTLED
from pipper.apply.placing import Job, Placer
from pipper.apply.recipe import FILES, RECIPE, Recipe, recipe_place, recipe_subject, to_text
from pipper.apply.recovery import STAGE
from pipper.apply.schemes import layout_of
from pipper.apply.stamp import boot_id, stamped_paths
from pipper.cache.unpacked import UnpackedMember, UnpackedWheel
from pipper.python.environment import Environment
from pipper.python.venv import STATE
from pipper.system.moves import remove
from pipper.system.regular_file import read_regular
from pipper.system.seals import sealed

_KEPT = ("applied.lock", UNSETTLED)
"""What a transaction leaves in the folder of pipper's files, beside the stamp and the lock."""
_LARGEST = 1 << 18
"""Bytes of a file that `venv` makes."""


class Recorded(Struct, frozen=True, kw_only=True):
    """A recipe without what the command says; `keep` adds that."""

    key: str
    """Its `environment_key`."""
    place: str
    """Its folder in the cache, which has its files already."""
    root: str
    recipe: Recipe


class Recorder(Placer):
    """A placer for a new virtual environment, which is bare yet in the folder `made_in`: `venv` made what is there.

    Its recipe gets this `key` in the cache at `cache`, which is in use: of several commands that make the environment,
    each notes in a folder of its own in `tmp`. Raises what `Placer` raises. If something cannot be noted, there is no
    recipe.
    """

    def __init__(self, environment: Environment, key: str, cache: str, made_in: Path) -> None:
        super().__init__()
        self._environment = environment
        self._root = os.fspath(environment.root)
        self._state = f"{self._root}/{STATE}"
        self._state_before = f"{made_in}/{STATE}"
        self._key = key
        self._cache = cache
        self._place = recipe_place(self._root)
        self._notes = os.path.join(cache, "tmp", os.urandom(16).hex())
        self._puts = self._kept = 0
        self._linked: list[Job] = []
        self._own: list[tuple[str, int]] = []
        self._numbers: dict[tuple[bytes, int], int] = {}
        self._recipe = Recipe()
        self._is_whole = self._is_settled = False
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(f"{self._notes}/{FILES}")
            _note_bare(self._recipe, os.fspath(made_in))
            self._is_whole = True

    def put(self, source: str, destination: str, *, executable: bool) -> None:
        """See `Placer.put`."""
        self._puts += 1
        super().put(source, destination, executable=executable)

    def write(self, path: str, content: bytes, mode: int) -> None:
        """See `Placer.write`. The file gets a second name in the cache, from where others with its bytes are linked."""
        number = self._numbers.get((content, mode))
        if number is None or not self._is_the_same(number, path):
            super().write(path, content, mode)
            number = self._keep(path)
            self._numbers[content, mode] = number
        self._own.append((path, number))

    def settle(self, wheels: Collection[UnpackedWheel]) -> None:
        """Move the notes to the place of the recipe, whose files they are, when the environment has these wheels.

        They replace the recipe that is there. The caller holds the lock of the environment, and gives the environment
        its stamp only then: the next sync after that does not look at the cache, and would leave them in `tmp`.
        """
        with contextlib.suppress(OSError, ValueError):
            if self._places() and self._has_all(wheels):
                for path in (f"{self._state}/{name}" for name in _KEPT):
                    self._own.append((path, self._keep(path)))
                place = f"{self._cache}/{self._place}"
                _make_room(place)
                os.rename(self._notes, place)
                self._is_settled = True
        if not self._is_settled:
            remove(self._notes)

    def recorded(self, wheels: Collection[UnpackedWheel]) -> Recorded | None:
        """Return the recipe of the environment, whose notes are settled; None if something is not sure.

        `wheels` are those in it. The caller still holds the lock of the environment, which has its stamp.
        """
        with contextlib.suppress(OSError, ValueError, KeyError):
            stamped, places = stamped_paths(self._root), self._places()
            if stamped is None or not self._is_settled:
                return None
            place = f"{self._cache}/{self._place}"
            links = [(job, _placed(job.destination, places)) for job in self._linked]
            own = [(_placed(path, places), number) for path, number in self._own]
            recipe = self._recipe
            recipe.folders += _new_folders(
                [path for _, path in links] + [path for path, _ in own], recipe.folders
            )
            recipe.covered, recipe.listed = stamped[0], [field for entry in stamped[1] for field in entry]
            recipe.sources, recipe.files = [], []
            _add_links(recipe, links, wheels, self._cache)
            _add_own(recipe, own, self._cache, f"{self._place}/{FILES}")
            return (
                Recorded(key=self._key, place=place, root=self._root, recipe=recipe)
                if self._is_whole
                else None
            )
        return None

    def _is_linked(self, job: Job) -> bool:
        is_linked = super()._is_linked(job)
        if is_linked:
            self._linked.append(job)
        return is_linked

    def _keep(self, path: str) -> int:
        """Give a file a second name in the cache, a number, and return that."""
        self._kept += 1
        try:
            os.link(path, self._file(self._kept))
        except OSError:
            self._is_whole = False
        return self._kept

    def _is_the_same(self, number: int, path: str) -> bool:
        """Link a file that was kept to `path`; return whether that was possible."""
        try:
            os.link(self._file(number), path)
        except OSError:
            return False
        return True

    def _file(self, number: int) -> str:
        return f"{self._notes}/{FILES}/{number}"

    def _places(self) -> dict[str, str]:
        """Return where folders of files are in the environment, by the paths they had; empty if that is not plain."""
        layout = layout_of(self._environment)
        library = layout.prefixes["purelib"]
        if layout.anchor != os.path.realpath(self._root) or library != layout.prefixes["platlib"]:
            return {}
        if {*os.listdir(self._state), "stamp"} != {*_KEPT, "stamp", "lock"}:
            return {}
        stage = f"{self._state_before}/{STAGE}"
        return {f"{stage}/tree/": "", f"{stage}/info/": library, f"{self._state}/": f"{STATE}/"}

    def _has_all(self, wheels: Collection[UnpackedWheel]) -> bool:
        """Return whether all files of these wheels came through here, and were linked."""
        records = sum(path.endswith(".dist-info/RECORD") for path, _ in self._own)
        return self._is_whole and self._puts == len(self._linked) and records == len(wheels)


def keep(recorded: Recorded, lines: Sequence[str]) -> None:
    """Keep a recipe, with what the command said; do nothing if the disk refuses: the next sync takes the long way."""
    recorded.recipe.lines = list(lines)
    if not all(map(str.isprintable, lines)):
        return
    with contextlib.suppress(OSError, ValueError):
        text = to_text(recorded.recipe, recorded.key, boot_id())
        # One that is cut off is void, and one that is there is another's.
        with open(f"{recorded.place}/{RECIPE}", "xb") as file:
            file.write(sealed(text, recipe_subject(recorded.root)))


def _make_room(place: str) -> None:
    """Clear the place of a recipe, and make the folder that it is in; raises OSError, and ValueError for a link."""
    parent = os.path.dirname(place)
    os.makedirs(parent, exist_ok=True)
    if os.path.islink(parent) or os.path.islink(place):
        raise ValueError(place)
    remove(place)


def _note_bare(recipe: Recipe, root: str) -> None:
    """Note what `venv` made; raises ValueError if there is a file that it does not make."""
    recipe.folders, recipe.links, recipe.texts = [], [], []
    for folder, folders, files in os.walk(root):
        below = f"{os.path.relpath(folder, root)}/".removeprefix("./")
        folders[:] = [name for name in folders if below or name != STATE]
        for name in (*folders, *files):
            path, found = f"{below}{name}", os.lstat(f"{folder}/{name}")
            if stat.S_ISLNK(found.st_mode):
                recipe.links += (path, os.readlink(f"{folder}/{name}"))
            elif stat.S_ISDIR(found.st_mode):
                recipe.folders.append(path)
            else:
                content = os.fsdecode(read_regular(f"{folder}/{name}", _LARGEST))
                recipe.texts += (path, str(stat.S_IMODE(found.st_mode)), content)


def _placed(path: str, places: dict[str, str]) -> str:
    """Return where a file is in the environment."""
    for before, after in places.items():
        if path.startswith(before):
            return after + path[len(before) :]
    raise ValueError(path)


def _new_folders(paths: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the folders that hold these paths and are not known, each after the one that it is in."""
    found = {"", *known}
    new: list[str] = []

    def add(folder: str) -> None:
        if folder not in found:
            found.add(folder)
            add(folder.rpartition("/")[0])
            new.append(folder)

    for path in paths:
        add(path.rpartition("/")[0])
    return new


def _add_links(
    recipe: Recipe, links: Iterable[tuple[Job, str]], wheels: Iterable[UnpackedWheel], cache: str
) -> None:
    members: dict[str, UnpackedMember] = {}
    changed: dict[str, int] = {}
    start = len(f"{cache}/")
    for wheel in wheels:
        tree = os.fspath(wheel.tree)
        members |= {f"{tree}/{member.path}": member for member in wheel.members}
        changed |= {f"{tree}/{path}".rstrip("/"): time for path, time in wheel.folders}
    by_folder: dict[str, list[str]] = {}
    for job, path in links:
        folder, _, name = job.source.rpartition("/")
        member = members[job.source]
        by_folder.setdefault(folder, []).extend(
            (name, path, str(stat.S_IFREG | job.mode), str(member.size), str(member.mtime_ns))
        )
    for folder, fields in by_folder.items():
        _add_source(recipe, folder[start:], changed[folder], fields)


def _add_own(recipe: Recipe, own: Iterable[tuple[str, int]], cache: str, folder: str) -> None:
    fields: list[str] = []
    looks: dict[int, tuple[str, str, str]] = {}
    for path, number in own:
        if number not in looks:
            found = os.lstat(f"{cache}/{folder}/{number}")
            looks[number] = (str(found.st_mode), str(found.st_size), str(found.st_mtime_ns))
        fields += (str(number), path, *looks[number])
    _add_source(recipe, folder, os.lstat(f"{cache}/{folder}").st_ctime_ns, fields)


def _add_source(recipe: Recipe, folder: str, changed: int, fields: Sequence[str]) -> None:
    recipe.sources += (folder, str(changed), str(len(fields) // 5))
    recipe.files += fields
